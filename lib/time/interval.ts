/**
 * Ticks at a steady rate.
 *
 * @module
 */

import { checkAboveZero, outOfRange } from "../_check.ts";
import { type CallOptions, checkCall, checkCallNames } from "./call_limits.ts";
import { checkEnds, Deadline } from "./deadline.ts";
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
 * them. `break` ends the loop too, as does `return` of the iterator, also while a tick is
 * waited for; nothing is left running.
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
  checkCallNames("tick", options);
  const { timeoutMs } = options;
  if (timeoutMs !== undefined) checkAboveZero("tick", "timeoutMs", timeoutMs);
  return new Ticks(ms, options);
}

/**
 * Not a generator: the `return` of one would wait for the tick that its `next` waits for.
 */
class Ticks implements AsyncIterableIterator<number> {
  readonly #stop = new AbortController();
  readonly #ticks: AsyncGenerator<number>;

  constructor(ms: number, options: CallOptions) {
    this.#ticks = ticks(ms, options, this.#stop.signal);
  }

  next(): Promise<IteratorResult<number>> {
    return this.#ticks.next();
  }

  return(): Promise<IteratorResult<number>> {
    this.#stop.abort();
    return this.#ticks.return(undefined);
  }

  throw(error: unknown): Promise<IteratorResult<number>> {
    this.#stop.abort();
    return this.#ticks.throw(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

async function* ticks(
  ms: number,
  options: CallOptions,
  stop: AbortSignal,
): AsyncGenerator<number> {
  checkCall("tick", options);
  const { signal, timeoutMs = Infinity, deadline: outer } = options;
  const deadline = Deadline.after(timeoutMs, { signal: stop, deadline: outer });
  const limits = { signal, deadline };
  const time = systemTime();
  const start = time.now();
  let tick = 0;
  while (true) {
    const elapsedMs = time.now() - start;
    // Bounded, as the quotient of a tiny `ms` is `Infinity`, and its tick would never come.
    const due = Math.max(tick + 1, Math.ceil(elapsedMs / ms));
    tick = Math.min(due, Number.MAX_SAFE_INTEGER);
    // Rounding may make the tick that is due now slightly earlier than now.
    try {
      await pause("tick", Math.max(0, tick * ms - elapsedMs), limits);
    } catch (error) {
      if (stop.aborted) return;
      throw error;
    }
    yield tick;
  }
}
