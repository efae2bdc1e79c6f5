/** One line about a transfer: how much is done, how fast, and how long it will take. */
export function progress(
  { done, total, bytesPerSecond }: {
    done: number;
    total: number;
    bytesPerSecond: number;
  },
): string {
  const percent = total === 0 ? 100 : Math.floor(done / total * 100);
  const left = total - done;
  const seconds = left === 0 ? 0 : Math.ceil(left / bytesPerSecond);
  const rest = Number.isFinite(seconds) ? `${seconds} s left` : "stalled";
  return `${percent} %, ${Math.round(bytesPerSecond)} B/s, ${rest}`;
}
