/**
 * One line about a transfer: how much is done, how fast, and how long it will take.
 *
 *     progress({ done: 250, total: 1000, bytesPerSecond: 50 })
 *     "25 %, 50 B/s, 15 s left"
 *
 * The seconds are rounded up. While nothing moves it cannot be known how long that is:
 * then the line ends in "stalled".
 */
export function progress(
  { done, total, bytesPerSecond }: {
    done: number;
    total: number;
    bytesPerSecond: number;
  },
): string {
  // Your turn.
  return `${done / total * 100} %, ${bytesPerSecond} B/s`;
}
