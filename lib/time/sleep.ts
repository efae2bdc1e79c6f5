/**
 * A pause.
 *
 * @module
 */

import { checkNumber } from "../_check.ts";
import { Timer } from "./_timer.ts";
import { addAbortListener, removeAbortListener } from "./abort_listeners.ts";
import type { SignalOptions } from "./signal_options.ts";

/**
 * Waits, never less than `ms` milliseconds.
 *
 * Cancellation: an aborted signal ends the pause at once, and its timer.
 *
 * @param ms Milliseconds, at least 0; `Infinity` waits for the signal alone.
 * @param options A signal that ends the pause early.
 * @throws {TypeError} `ms` is not a number.
 * @throws {RangeError} `ms` is negative or `NaN`.
 * @throws {unknown} The reason of the signal, untouched.
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
export async function sleep(
  ms: number,
  options: SignalOptions = {},
): Promise<void> {
  checkNumber("sleep", "ms", ms, 0);
  const { signal } = options;
  signal?.throwIfAborted();

  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(signal!.reason);
  const timer = new Timer(resolve);
  if (signal !== undefined) addAbortListener(signal, onAbort);
  timer.start(ms);
  try {
    await promise;
  } finally {
    timer.stop();
    if (signal !== undefined) removeAbortListener(signal, onAbort);
  }
}
