/**
 * Ticks at a steady rate.
 *
 * @module
 */

import { checkAboveZero, outOfRange } from "../_check.ts";
import { checkEnds } from "./deadline.ts";
import { type CallOptions, startLimits } from "./call_limits.ts";
import { pause } from "./sleep.ts";
import { systemTime } from "./system_time.ts";

/**
 * Ticks every `ms` milliseconds; gives the number of the tick, from 1.
 *
 * Tick `n` comes `n * ms` milliseconds after the first one was asked for: late
 * timers and slow loop bodies do not add up. Nothing overlaps and nothing piles
 * up: ticks that pass while the body of the loop runs are left out, and the
 * number jumps by as many.
 *
 * Cancellation: an aborted signal ends the loop with its reason, a limit with a
 * `TimeoutError`; `timeoutMs` counts from where the first tick is asked for, over all of
 * them. `break` ends the loop too; nothing is left running.
 *
 * @param ms Milliseconds from tick to tick, above 0.
 * @param options What ends the loop.
 * @returns An iterable for one `for await` loop.
 * @throws {TypeError} `ms` or `timeoutMs` is not a number, or another option is of the
 * wrong kind.
 * @throws {RangeError} `ms` is not above 0, or not finite; `timeoutMs` is not above 0.
 * @category Time
 *
 * @example
 * ```ts
 * import { interval } from "@sluice/net/timeout";
 * import { assertEquals } from "@std/assert";
 *
 * let last = 0;
 * for await (const tick of interval(2)) {
 *   last = tick;
 *   if (tick >= 3) break;
 * }
 * assertEquals(last >= 3, true);
 * ```
 */
export function interval(
  ms: number,
  options: CallOptions = {},
): AsyncIterableIterator<number> {
  checkAboveZero("tick", "ms", ms);
  if (ms === Infinity) {
    throw outOfRange("tick", "ms", "finite", ms);
  }
  checkEnds("tick", options);
  const { timeoutMs } = options;
  if (timeoutMs !== undefined) checkAboveZero("tick", "timeoutMs", timeoutMs);
  return ticks(ms, options);
}

async function* ticks(
  ms: number,
  options: CallOptions,
): AsyncGenerator<number> {
  const limits = startLimits("tick", options);
  const time = systemTime();
  const start = time.now();
  let tick = 0;
  while (true) {
    const elapsedMs = time.now() - start;
    tick = Math.max(tick + 1, Math.ceil(elapsedMs / ms));
    // Rounding may make the tick that is due now a hair older than now.
    await pause("tick", Math.max(0, tick * ms - elapsedMs), limits);
    yield tick;
  }
}
