/**
 * How often workers may be started again (restart intensity, as Erlang's supervisors have
 * it): more than `maxRestarts` within `withinMs` is a fault that no restart fixes.
 *
 * @module
 */

import { systemTime } from "../time/system_time.ts";
import { backoffDelayMs } from "../time/retry.ts";
import type { RestartOptions } from "./supervise_options.ts";

/** Counts the restarts of a group. */
export class Restarts {
  readonly #rules: Required<RestartOptions>;
  /** When, of those within `withinMs`; the first ones are the oldest. */
  #times: number[] = [];
  /** All that there were. */
  total = 0;

  constructor(rules: Required<RestartOptions>) {
    this.#rules = rules;
  }

  /** Restarts within `withinMs`, up to now. */
  get recent(): number {
    return this.#times.length;
  }

  /**
   * Counts one more. Gives the pause before it, in milliseconds; `undefined` where it is one
   * too many.
   */
  next(): number | undefined {
    const { maxRestarts, withinMs, minDelayMs, maxDelayMs } = this.#rules;
    const now = systemTime().now();
    this.#times = this.#times.filter((time) => now - time < withinMs);
    if (this.#times.length >= maxRestarts) return undefined;
    this.#times.push(now);
    this.total++;
    const backoff = { minDelayMs, maxDelayMs, factor: 2, jitter: 0.5 };
    return backoffDelayMs(this.#times.length, backoff);
  }
}
