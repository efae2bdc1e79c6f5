/**
 * Trying again.
 *
 * @module
 */

import { backoffDelayMs } from "./_backoff.ts";
import { checkNumber } from "../_check.ts";
import { guard } from "../_guard.ts";
import { waitWithin } from "./call_limits.ts";
import type { SignalOptions } from "./signal_options.ts";
import { sleep } from "./sleep.ts";

/** What {@linkcode RetryOptions.onRetry} hears of before each pause. */
export interface RetryEvent {
  /** Number of the attempt that failed, from 1. */
  attempt: number;
  /** What it failed with. */
  error: unknown;
  /** Length of the pause that begins, in milliseconds. */
  delayMs: number;
}

/**
 * How often, how soon and after what {@linkcode retry} tries again.
 *
 * @example
 * ```ts
 * import { retry, type RetryOptions } from "@sluice/net/timeout";
 * import { assertRejects } from "@std/assert";
 *
 * const notAType: RetryOptions = {
 *   attempts: Infinity,
 *   retryIf: (error) => !(error instanceof TypeError),
 * };
 * await assertRejects(() => retry(() => decodeURI("%"), { attempts: 1 }), URIError);
 * await assertRejects(() => retry(() => new URL(""), notAType), TypeError);
 * ```
 */
export interface RetryOptions extends SignalOptions {
  /** Attempts in all, at least 1; `Infinity` for no end. 5 by default. */
  attempts?: number;
  /** Delay after the first attempt, before jitter. 100 by default. */
  minDelayMs?: number;
  /** Longest delay. 30,000 by default, or `minDelayMs` where that is more. */
  maxDelayMs?: number;
  /** By how much each delay is longer than the one before, at least 1. 2 by default. */
  factor?: number;
  /**
   * Which share of each delay is left to chance, from 0 to 1, so that clients do
   * not come back all at once. 0.5 by default: half to all of the delay.
   */
  jitter?: number;
  /** Whether this error is worth another attempt. All are by default. */
  retryIf?: (error: unknown, attempt: number) => boolean;
  /** Hears of each failure before the pause. What it throws is ignored. */
  onRetry?: (event: RetryEvent) => void;
}

/**
 * Runs a task until it succeeds, with growing pauses between the attempts.
 *
 * Cancellation: an aborted signal ends the pause or stops the waiting for the
 * attempt at once. That attempt itself ends if it listens to the signal too.
 *
 * @param task What to try; it gets the number of the attempt, from 1.
 * @param options How often, how soon, and after what to try again.
 * @returns What the first attempt that succeeds gives.
 * @throws {TypeError} An option is not a number.
 * @throws {RangeError} An option is out of its range.
 * @throws {unknown} The error of the last attempt, or the reason of the signal;
 * both untouched.
 *
 * @example Succeed the third time
 * ```ts
 * import { retry } from "@sluice/net/timeout";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = await retry((attempt) => {
 *   if (attempt < 3) throw new Error("not yet");
 *   return Promise.resolve(attempt);
 * }, { minDelayMs: 1 });
 * assertEquals(answer, 3);
 * ```
 */
export async function retry<T>(
  task: (attempt: number) => T | Promise<T>,
  options: RetryOptions = {},
): Promise<T> {
  const { signal, attempts = 5, retryIf, onRetry } = options;
  const { minDelayMs = 100, factor = 2, jitter = 0.5 } = options;
  const { maxDelayMs = Math.max(30_000, minDelayMs) } = options;
  const backoff = { minDelayMs, maxDelayMs, factor, jitter };
  checkNumber("retry", "attempts", attempts, 1, Infinity);
  checkNumber("retry", "minDelayMs", minDelayMs, 0);
  checkNumber("retry", "maxDelayMs", maxDelayMs, minDelayMs, Infinity);
  checkNumber("retry", "factor", factor, 1, Infinity);
  checkNumber("retry", "jitter", jitter, 0, 1);

  for (let attempt = 1;; attempt++) {
    signal?.throwIfAborted();
    try {
      return await waitWithin("retry", Promise.try(task, attempt), { signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= attempts || retryIf?.(error, attempt) === false) {
        throw error;
      }
      const delayMs = backoffDelayMs(attempt, backoff);
      if (onRetry !== undefined) {
        guard(() => onRetry({ attempt, error, delayMs }));
      }
      await sleep(delayMs, { signal });
    }
  }
}
