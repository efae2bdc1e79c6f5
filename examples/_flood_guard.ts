/**
 * How often one client may speak.
 *
 * @module
 */

/** Messages refused without a pause after which a client is not just hasty. */
const MOST_REFUSED = 100;

/** What becomes of a message. */
export type Verdict =
  /** It passes. */
  | "pass"
  /** It is refused, the first one of several: its sender should know. */
  | "warn"
  /** It is refused. */
  | "refuse"
  /** It is refused, as so many others before: its sender should go. */
  | "cut";

/**
 * A token bucket: a message takes a token, and tokens come back at a fixed rate up to
 * two seconds' worth, so that a few quick ones pass and a flood does not.
 */
export class FloodGuard {
  readonly #perMs: number;
  readonly #most: number;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;
  #refused = 0;

  /**
   * @param perSecond Messages a second, in the long run.
   * @param now The clock, in milliseconds.
   */
  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perMs = perSecond / 1000;
    this.#most = this.#tokens = 2 * perSecond;
    this.#now = now;
    this.#filledAt = now();
  }

  /** Judges the next message. */
  judge(): Verdict {
    const now = this.#now();
    const more = (now - this.#filledAt) * this.#perMs;
    this.#tokens = Math.min(this.#most, this.#tokens + more);
    this.#filledAt = now;
    // Two seconds of silence, and all is forgiven.
    if (this.#tokens === this.#most) this.#refused = 0;
    if (this.#tokens >= 1) {
      this.#tokens--;
      return "pass";
    }
    this.#refused++;
    if (this.#refused > MOST_REFUSED) return "cut";
    return this.#refused === 1 ? "warn" : "refuse";
  }
}
