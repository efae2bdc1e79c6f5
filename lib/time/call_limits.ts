/**
 * The limits of one call: a signal, a number of milliseconds, a deadline.
 *
 * @module
 */

import { checkAboveZero, checkNames } from "../_check.ts";
import { TimeoutError } from "../errors.ts";
import { addAbortListener, removeAbortListener } from "./abort_listeners.ts";
import {
  Alarm,
  type AlarmListener,
  type AlarmOptions,
} from "./coarse_timer.ts";
import { checkEnds, Deadline, limitOf, signalsOf } from "./deadline.ts";

/**
 * Limits of one call, taken by every Socket and Framed call. Several may be given:
 * whichever ends first ends the call. Any other name is refused: by a read when it has to
 * wait, by a call that sends before it sends anything.
 *
 * @category Time
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
  signal?: AbortSignal | undefined;
  /**
   * Most milliseconds the call may take, above 0. Never early, and late by what the event
   * loop is late; after it was blocked, what has arrived meanwhile is looked at first.
   *
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
  /** Bounds this call together with others. None by default. */
  deadline?: Deadline | undefined;
}

/**
 * Makes the details of a `TimeoutError` beside its operation; called when the limit has
 * passed.
 */
export type LimitDetails = () => ConstructorParameters<typeof TimeoutError>[2];

/** The details; none where what they are made of, such as an address of the user's, throws. */
function ask(details: LimitDetails | undefined): ReturnType<LimitDetails> {
  try {
    return details?.();
  } catch {
    return undefined;
  }
}

/**
 * Throws where a call may not even begin.
 *
 * @throws {unknown} `signal.reason`, untouched, where the signal has aborted.
 * @throws {TypeError} A limit, or what should hold them, is of the wrong kind.
 * @throws {RangeError} `timeoutMs` is not above 0.
 * @throws {TimeoutError} The deadline has passed.
 */
export function checkCall(
  operation: string,
  options: CallOptions | undefined,
  details?: LimitDetails,
): void {
  if (options === undefined) return;
  checkEnds(operation, options);
  const { signal, timeoutMs, deadline } = options;
  signal?.throwIfAborted();
  if (timeoutMs !== undefined) {
    checkAboveZero(operation, "timeoutMs", timeoutMs);
  }
  if (deadline !== undefined) {
    for (const signal of signalsOf(deadline)) signal.throwIfAborted();
    if (deadline.expired) {
      throw new TimeoutError(operation, limitOf(deadline), ask(details));
    }
  }
}

/** The names of {@linkcode CallOptions}. */
const CALL_OPTION_NAMES: ReadonlySet<string> = new Set(
  ["signal", "timeoutMs", "deadline"] satisfies (keyof CallOptions)[],
);

/**
 * Throws where an option of a call has an unknown name, as its limit would not hold. The
 * check costs a tenth of a read that is served at once, so reads make it when they are
 * about to wait.
 */
export function checkCallNames(
  operation: string,
  options: CallOptions | undefined,
  names: ReadonlySet<string> = CALL_OPTION_NAMES,
): void {
  for (const name in options) {
    if (name === "timeoutMs" || name === "signal" || name === "deadline") {
      continue;
    }
    // `in` finds inherited names as well, which need not be options: checkNames decides.
    return checkNames(operation, "options", options, names);
  }
}

/**
 * Checks the limits of a call which waits several times, and starts them: what is
 * returned goes to each of its waits, and `timeoutMs` counts from here over all of them.
 *
 * @throws {unknown} What {@linkcode checkCall} throws.
 */
export function startLimits(
  operation: string,
  options: CallOptions | undefined,
): CallOptions | undefined {
  if (options === undefined) return undefined;
  checkCall(operation, options);
  checkCallNames(operation, options);
  const { signal, timeoutMs, deadline } = options;
  return timeoutMs === undefined
    ? { signal, deadline }
    : { signal, deadline: Deadline.after(timeoutMs, { deadline }) };
}

/** The limits of a call that waits: exact, as the caller counts on them. */
const EXACT: AlarmOptions = { exact: true };

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
  details?: LimitDetails,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = watchCall(operation, options, reject, details);
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
 * Is called once, when a limit has ended a call.
 *
 * @param reason What to reject with.
 * @param byTime Whether time has passed, and no signal has aborted: the reason of a signal
 * may be a `TimeoutError` as well.
 */
export type OnLimit = (reason: unknown, byTime: boolean) => void;

/**
 * Watches the limits of one call: `onLimit` is called once, for the first that ends it,
 * with the reason to reject with. Call what is returned when the call is over.
 *
 * Never throws. Limits with getters may be others than when they were checked: what is wrong
 * with them now ends the call.
 */
export function watchCall(
  operation: string,
  options: CallOptions,
  onLimit: OnLimit,
  details?: LimitDetails,
): () => void {
  const watch = new Watch(operation, onLimit, details);
  watch.start(options);
  return watch.stop;
}

const NO_SIGNALS: readonly AbortSignal[] = [];

/** The limits of one call that waits. */
class Watch implements AlarmListener {
  readonly #operation: string;
  readonly #onLimit: OnLimit;
  readonly #details: LimitDetails | undefined;
  #signal: AbortSignal | undefined;
  #deadline: Deadline | undefined;
  /** Those of the deadline. */
  #signals = NO_SIGNALS;
  #callAlarm: Alarm | undefined;
  #deadlineAlarm: Alarm | undefined;

  constructor(
    operation: string,
    onLimit: OnLimit,
    details: LimitDetails | undefined,
  ) {
    this.#details = details;
    this.#operation = operation;
    this.#onLimit = onLimit;
  }

  start(options: CallOptions): void {
    try {
      this.#start(options);
    } catch (error) {
      this.stop();
      this.#onLimit(error, false);
    }
  }

  #start(options: CallOptions): void {
    // Each is read once: a getter may give another signal each time.
    const { signal, timeoutMs = Infinity, deadline } = options;
    if (deadline !== undefined) this.#signals = signalsOf(deadline);
    this.#signal = signal;
    this.#deadline = deadline;
    if (this.#aborted !== undefined) return this.#abort();
    if (signal !== undefined) addAbortListener(signal, this.#abort);
    for (const signal of this.#signals) {
      addAbortListener(signal, this.#abort);
    }
    // Both exist before one starts: see `#schedule` in coarse_timer.ts.
    if (deadline !== undefined) this.#deadlineAlarm = new Alarm(this, EXACT);
    if (timeoutMs !== Infinity) {
      this.#callAlarm = new Alarm(this, EXACT);
      this.#callAlarm.limitMs = timeoutMs;
      this.#callAlarm.arm();
    }
    if (this.#deadlineAlarm !== undefined) this.onAlarm(this.#deadlineAlarm);
  }

  readonly stop = (): void => {
    const signal = this.#signal;
    if (signal !== undefined) removeAbortListener(signal, this.#abort);
    for (const signal of this.#signals) {
      removeAbortListener(signal, this.#abort);
    }
    this.#callAlarm?.dispose();
    this.#deadlineAlarm?.dispose();
  };

  onAlarm(alarm: Alarm): void {
    if (alarm === this.#callAlarm) return this.#expire(alarm.limitMs);
    const deadline = this.#deadline!;
    const leftMs = deadline.remainingMs;
    if (leftMs === 0) return this.#expire(limitOf(deadline));
    // At first, and again where it was extended meanwhile.
    alarm.limitMs = leftMs;
    alarm.arm();
  }

  #expire(limitMs: number): void {
    this.stop();
    this.#onLimit(
      new TimeoutError(this.#operation, limitMs, ask(this.#details)),
      true,
    );
  }

  get #aborted(): AbortSignal | undefined {
    if (this.#signal?.aborted) return this.#signal;
    return this.#signals.find((signal) => signal.aborted);
  }

  readonly #abort = (): void => {
    this.stop();
    this.#onLimit(this.#aborted!.reason, false);
  };
}
