/**
 * A pause.
 *
 * @module
 */

import { checkNumber } from "../_check.ts";
import {
  type CallOptions,
  checkCall,
  checkCallNames,
  waitWithin,
} from "./call_limits.ts";
import { Timer } from "./system_time.ts";

/**
 * Waits, never less than `ms` milliseconds.
 *
 * Cancellation: an aborted signal or a limit ends the pause at once, and its timer.
 *
 * @param ms Milliseconds, at least 0; `Infinity` waits for a limit alone.
 * @param options What ends the pause early.
 * @throws {TypeError} `ms` is not a number, or an option is of the wrong kind.
 * @throws {RangeError} `ms` is negative or `NaN`.
 * @throws {TimeoutError} `timeoutMs` or the deadline passed before the pause was over.
 * @throws {unknown} The reason of the signal, untouched.
 * @category Time
 *
 * @example
 * ```ts
 * import { sleep } from "@sluice/net/timeout";
 * import { assert } from "@std/assert";
 *
 * const start = performance.now();
 * await sleep(5);
 * assert(performance.now() - start >= 5);
 * ```
 */
export async function sleep(ms: number, options?: CallOptions): Promise<void> {
  checkCallNames("sleep", options);
  await pause("sleep", ms, options);
}

/** The pause of a call that is named `operation` in its errors. */
export async function pause(
  operation: string,
  ms: number,
  options: CallOptions | undefined,
): Promise<void> {
  checkNumber(operation, "ms", ms, 0);
  checkCall(operation, options);
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = new Timer(resolve);
  timer.start(ms);
  try {
    await (options === undefined
      ? promise
      : waitWithin(operation, promise, options));
  } finally {
    timer.stop();
  }
}
