/**
 * The limits of one call: a signal, a number of milliseconds, a deadline.
 *
 * @module
 */

import { checkAboveZero } from "../_check.ts";
import { TimeoutError } from "../errors.ts";
import { addAbortListener, removeAbortListener } from "./abort_listeners.ts";
import { Alarm, type AlarmListener } from "./coarse_timer.ts";
import { Deadline, parentSignal } from "./deadline.ts";

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
  /**
   * Most milliseconds the call may take, above 0. `Infinity` by default. Never
   * early, and at most an eighth and a few milliseconds late.
   */
  timeoutMs?: number;
  /** Bounds this call together with others. None by default. */
  deadline?: Deadline;
}

/** Limits whose `timeoutMs` counts already: see {@linkcode beginCall}. */
class BegunCall implements CallOptions {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly deadline: Deadline | undefined;
  /** What is left of `timeoutMs`. */
  readonly span: Deadline;

  constructor({ signal, deadline }: CallOptions, timeoutMs: number) {
    this.signal = signal;
    this.timeoutMs = timeoutMs;
    this.deadline = deadline;
    this.span = Deadline.after(timeoutMs);
  }
}

/**
 * The limits of a call that waits more than once, to be given to each of its waits:
 * `timeoutMs` counts once, from now on, over all of them.
 *
 * @param options What {@linkcode checkCall} has found good.
 */
export function beginCall(options: CallOptions): CallOptions {
  const { timeoutMs = Infinity } = options;
  return timeoutMs === Infinity ? options : new BegunCall(options, timeoutMs);
}

/** Milliseconds that are left of `timeoutMs`. */
function leftMs(options: CallOptions): number {
  return options instanceof BegunCall
    ? options.span.remainingMs
    : options.timeoutMs ?? Infinity;
}

/**
 * Throws where a call may not even begin.
 *
 * @throws {unknown} `signal.reason`, untouched, where the signal has aborted.
 * @throws {TypeError} `timeoutMs` is not a number.
 * @throws {RangeError} `timeoutMs` is not above 0.
 * @throws {TimeoutError} The deadline has passed, or the time of a call that has begun.
 */
export function checkCall(
  operation: string,
  options: CallOptions | undefined,
): void {
  if (options === undefined) return;
  const { signal, timeoutMs, deadline } = options;
  signal?.throwIfAborted();
  if (timeoutMs !== undefined) {
    checkAboveZero(operation, "timeoutMs", timeoutMs);
    if (leftMs(options) === 0) throw new TimeoutError(operation, timeoutMs);
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
 * outlives many calls. The limits are kept by coarse alarms: see
 * `coarse_timer.ts` for how late they may be.
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
    const stop = watchCall(operation, options, reject);
    promise.then((value) => {
      stop();
      resolve(value);
    }, (error) => {
      stop();
      reject(error);
    });
  });
}

/**
 * Watches the limits of one call: `onLimit` hears once, of the first that ends it,
 * with the reason to reject with. Call what is returned when the call is over.
 */
export function watchCall(
  operation: string,
  options: CallOptions,
  onLimit: (reason: unknown) => void,
): () => void {
  const watch = new Watch(operation, options, onLimit);
  watch.start();
  return watch.stop;
}

/** The limits of one call that waits. */
class Watch implements AlarmListener {
  readonly #operation: string;
  readonly #options: CallOptions;
  readonly #onLimit: (reason: unknown) => void;
  readonly #parent: AbortSignal | undefined;
  #callAlarm: Alarm | undefined;
  #deadlineAlarm: Alarm | undefined;

  constructor(
    operation: string,
    options: CallOptions,
    onLimit: (reason: unknown) => void,
  ) {
    this.#operation = operation;
    this.#options = options;
    this.#onLimit = onLimit;
    this.#parent = options.deadline && parentSignal(options.deadline);
  }

  start(): void {
    const { signal, deadline } = this.#options;
    const callMs = leftMs(this.#options);
    if (signal?.aborted || this.#parent?.aborted) return this.#abort();
    if (signal !== undefined) addAbortListener(signal, this.#abort);
    if (this.#parent !== undefined) addAbortListener(this.#parent, this.#abort);
    if (callMs === 0) return this.#expire(this.#options.timeoutMs!);
    // Both exist before one starts: see `#schedule` in coarse_timer.ts.
    if (deadline !== undefined) this.#deadlineAlarm = new Alarm(this);
    if (callMs < Infinity) {
      this.#callAlarm = new Alarm(this);
      this.#callAlarm.limitMs = callMs;
      this.#callAlarm.arm();
    }
    if (this.#deadlineAlarm !== undefined) this.onAlarm(this.#deadlineAlarm);
  }

  readonly stop = (): void => {
    const { signal } = this.#options;
    if (signal !== undefined) removeAbortListener(signal, this.#abort);
    if (this.#parent !== undefined) {
      removeAbortListener(this.#parent, this.#abort);
    }
    this.#callAlarm?.dispose();
    this.#deadlineAlarm?.dispose();
  };

  onAlarm(alarm: Alarm): void {
    if (alarm === this.#callAlarm) {
      return this.#expire(this.#options.timeoutMs!);
    }
    const deadline = this.#options.deadline!;
    const leftMs = deadline.remainingMs;
    if (leftMs === 0) return this.#expire(deadline.timeoutMs);
    // At first, and again where it was extended meanwhile.
    alarm.limitMs = leftMs;
    alarm.arm();
  }

  #expire(limitMs: number): void {
    this.stop();
    this.#onLimit(new TimeoutError(this.#operation, limitMs));
  }

  readonly #abort = (): void => {
    this.stop();
    const { signal } = this.#options;
    this.#onLimit((signal?.aborted ? signal : this.#parent)!.reason);
  };
}
