/**
 * A limit on anything asynchronous.
 *
 * @module
 */

import { checkAboveZero, checkFunction, checkNames } from "../_check.ts";
import { checkCall } from "./call_limits.ts";
import {
  Deadline,
  DEADLINE_OPTION_NAMES,
  type DeadlineOptions,
} from "./deadline.ts";

/**
 * Runs a task which has `timeoutMs` milliseconds to finish.
 *
 * The task gets a signal that aborts when the time is over, or when the signal or the
 * deadline of `options` ends it. It should end then; but even where it does not,
 * `withTimeout` rejects at that moment, and whatever the task gives later is
 * ignored. A task that finished never sees the signal abort.
 *
 * Cancellation: as safe as the task. No timer and no listener outlives the call.
 *
 * @param timeoutMs Milliseconds, above 0; `Infinity` sets no limit.
 * @param task What to run. It may throw at once.
 * @param options A signal and a deadline, which end the task early.
 * @returns What the task gives.
 * @throws {TimeoutError} The time is over.
 * @throws {TypeError} `timeoutMs` is not a number, `task` not a function, or an option
 * of the wrong kind.
 * @throws {RangeError} `timeoutMs` is not above 0.
 * @throws {unknown} The reason of `options.signal`, or what the task throws; both
 * untouched.
 * @category Time
 *
 * @example Give up on a slow answer
 * ```ts
 * import { sleep, TimeoutError, withTimeout } from "@sluice/net/timeout";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * assertEquals(await withTimeout(1_000, () => Promise.resolve("fast")), "fast");
 * await assertRejects(
 *   () => withTimeout(5, (signal) => sleep(60_000, { signal })),
 *   TimeoutError,
 * );
 * ```
 */
export async function withTimeout<T>(
  timeoutMs: number,
  task: (signal: AbortSignal) => T | Promise<T>,
  options: DeadlineOptions = {},
): Promise<T> {
  checkAboveZero("run the task", "timeoutMs", timeoutMs);
  checkFunction("run the task", "task", task);
  checkCall("run the task", options);
  checkNames("run the task", "options", options, DEADLINE_OPTION_NAMES);
  using deadline = Deadline.after(timeoutMs, options);
  const { signal } = deadline;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  // Before the task adds its own listeners, so that its answer comes too late.
  signal.addEventListener("abort", () => reject(signal.reason));
  Promise.try(task, signal).then(resolve, reject);
  return await promise;
}
