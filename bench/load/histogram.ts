/** Buckets for each doubling: a bucket is 2.2 % wide. */
const BUCKETS_PER_DOUBLING = 32;
/** From a microsecond to more than an hour. */
const BUCKETS = 32 * BUCKETS_PER_DOUBLING;

/**
 * Times in flat memory, as counts in buckets that grow with the time: any number of
 * them, from any number of processes, within 2.2 %.
 */
export class Histogram {
  readonly #counts: Float64Array = new Float64Array(BUCKETS);
  #total = 0;

  /** How many times were added. */
  get total(): number {
    return this.#total;
  }

  /** Adds one time, in milliseconds. */
  add(ms: number): void {
    const bucket = Math.floor(Math.log2(ms * 1000) * BUCKETS_PER_DOUBLING);
    this.#counts[Math.min(Math.max(bucket, 0), BUCKETS - 1)]++;
    this.#total++;
  }

  /** Adds what another one holds, given as its JSON. */
  merge(counts: readonly (readonly [bucket: number, count: number])[]): void {
    for (const [bucket, count] of counts) {
      this.#counts[bucket] += count;
      this.#total += count;
    }
  }

  /**
   * The time that a share of all times does not exceed, in milliseconds.
   *
   * @param share From 0 to 1.
   * @returns The middle of its bucket, or undefined if there are none.
   */
  quantile(share: number): number | undefined {
    if (this.#total === 0) return undefined;
    const rank = Math.max(1, Math.ceil(share * this.#total));
    let seen = 0;
    const bucket = this.#counts.findIndex((count) => (seen += count) >= rank);
    return 2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING) / 1000;
  }

  /** The buckets that are not empty. */
  toJSON(): [bucket: number, count: number][] {
    return [...this.#counts.entries()].filter(([, count]) => count > 0);
  }
}
