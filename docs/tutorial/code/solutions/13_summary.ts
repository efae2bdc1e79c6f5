/** What many measurements of one thing say. */
export interface Summary {
  /** Half of the times are at most this. */
  median: number;
  /** 99 of 100 times are at most this. */
  p99: number;
}

/** Summarizes times, of which there is at least one. */
export function summarize(times: readonly number[]): Summary {
  const sorted = times.toSorted((a, b) => a - b);
  const percentile = (p: number) =>
    sorted[Math.ceil(sorted.length * p / 100) - 1];
  return { median: percentile(50), p99: percentile(99) };
}
