/**
 * The limits of one call: a signal, a number of milliseconds, a deadline.
 *
 * @module
 */

import { TimeoutError } from "../errors.ts";
import { checkDurationMs, startTimer, type Timer } from "./_timer.ts";
import { type Deadline, parentSignal } from "./deadline.ts";

/**
 * Limits of one call, taken by every Socket and Framed call. Several may be
 * given: whichever ends first ends the call.
 *
 * @example
 * ```ts
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertRejects } from "@std/assert";
 *
 * const [left] = memoryPair();
 * const signal = AbortSignal.abort(new Error("not now"));
 * await assertRejects(() => left.read({ signal, timeoutMs: 10 }), Error, "not now");
 * ```
 */
export interface CallOptions {
  /** Cancels the call, which rejects with `signal.reason`. None by default. */
  signal?: AbortSignal;
  /** Most milliseconds the call may take, above 0. `Infinity` by default. */
  timeoutMs?: number;
  /** Bounds this call together with others. None by default. */
  deadline?: Deadline;
}

/**
 * Throws where a call may not even begin.
 *
 * @throws {unknown} `signal.reason`, untouched, where the signal has aborted.
 * @throws {TypeError} `timeoutMs` is not a number.
 * @throws {RangeError} `timeoutMs` is not above 0.
 * @throws {TimeoutError} The deadline has passed.
 */
export function checkCall(
  operation: string,
  options: CallOptions | undefined,
): void {
  if (options === undefined) return;
  const { signal, timeoutMs, deadline } = options;
  signal?.throwIfAborted();
  if (timeoutMs !== undefined) {
    checkDurationMs(operation, "timeoutMs", timeoutMs, "above 0");
  }
  if (deadline !== undefined) {
    parentSignal(deadline)?.throwIfAborted();
    if (deadline.expired) throw new TimeoutError(operation, deadline.timeoutMs);
  }
}

/**
 * Waits for `promise` within the limits of one call.
 *
 * When a limit ends the wait, the promise is ignored from then on, and a later
 * rejection of it is not unhandled. Listeners and timers are removed however
 * the wait ends.
 *
 * A promise keeps what waits for it alive: pass one of this call, not one that
 * outlives many calls.
 *
 * @throws {unknown} `signal.reason`, untouched, where the signal aborts.
 * @throws {TimeoutError} `timeoutMs` or the deadline passed.
 */
export function waitWithin<T>(
  operation: string,
  promise: Promise<T>,
  options: CallOptions,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const { signal, timeoutMs = Infinity, deadline } = options;
    const parent = deadline && parentSignal(deadline);
    let timer: Timer | undefined;

    const stop = () => {
      timer?.stop();
      signal?.removeEventListener("abort", onAbort);
      parent?.removeEventListener("abort", onAbort);
    };
    const onAbort = () => {
      stop();
      reject((signal?.aborted ? signal : parent)!.reason);
    };
    const expire = (limitMs: number) => {
      stop();
      reject(new TimeoutError(operation, limitMs));
    };

    promise.then((value) => {
      stop();
      resolve(value);
    }, (error) => {
      stop();
      reject(error);
    });
    if (signal?.aborted || parent?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort);
    parent?.addEventListener("abort", onAbort);

    const endsAt = performance.now() + timeoutMs;
    const watch = () => {
      // Both are looked at again as a deadline can be extended meanwhile.
      const leftMs = endsAt - performance.now();
      const deadlineMs = deadline?.remainingMs ?? Infinity;
      if (leftMs <= 0) return expire(timeoutMs);
      if (deadlineMs <= 0) return expire(deadline!.timeoutMs);
      timer = startTimer(Math.min(leftMs, deadlineMs), watch);
    };
    watch();
  });
}
