/**
 * How often one client may speak.
 *
 * @module
 */

import { RateLimiter } from "@sluice/net";

/** Messages refused without a pause after which a client floods. */
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
 * A rate limiter that holds two seconds' worth, so that a few quick messages pass and a
 * flood does not; it also counts what it refuses.
 */
export class FloodGuard {
  readonly #limiter: RateLimiter;
  #refused = 0;

  /** @param perSecond Messages a second, in the long run. */
  constructor(perSecond: number) {
    this.#limiter = new RateLimiter({
      perSecond,
      burst: Math.ceil(2 * perSecond),
    });
  }

  /** Judges the next message. */
  judge(): Verdict {
    const { available, burst } = this.#limiter;
    // After two seconds of silence the count begins anew.
    if (available === burst) this.#refused = 0;
    if (this.#limiter.tryTake()) return "pass";
    this.#refused++;
    if (this.#refused > MOST_REFUSED) return "cut";
    return this.#refused === 1 ? "warn" : "refuse";
  }
}
