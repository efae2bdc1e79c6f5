/**
 * One limit for an exchange made of many calls.
 *
 * @module
 */

import {
  checkNames,
  checkNumber,
  checkObject,
  checkSignal,
  wrongKind,
} from "../_check.ts";
import { TimeoutError } from "../errors.ts";
import { addAbortListener, removeAbortListener } from "./abort_listeners.ts";
import { systemTime, Timer, type TimeSource } from "./system_time.ts";

/** The signals that end a deadline early. Internal. */
export let signalsOf: (deadline: Deadline) => readonly AbortSignal[];

/** The length of the span that has ended, or will end first. Internal. */
export let limitOf: (deadline: Deadline) => number;

const NO_SIGNALS: readonly AbortSignal[] = [];

/**
 * What ends a {@linkcode Deadline} before its own time is over.
 *
 * @category Time
 *
 * @example One part of an exchange has less time than the whole
 * ```ts
 * import { Deadline, type DeadlineOptions } from "@sluice/net/timeout";
 * import { assert } from "@std/assert";
 *
 * const whole: DeadlineOptions = { deadline: Deadline.after(1_000) };
 * assert(Deadline.after(500, whole).remainingMs <= 500);
 * assert(Deadline.after(5_000, whole).remainingMs <= 1_000);
 * ```
 */
export interface DeadlineOptions {
  /** Ends it early with its own reason, untouched. None by default. */
  signal?: AbortSignal | undefined;
  /** Another deadline, which ends this one with it. None by default. */
  deadline?: Deadline | undefined;
}

/** The names of {@linkcode DeadlineOptions}. Internal. */
export const DEADLINE_OPTION_NAMES: ReadonlySet<string> = new Set(
  ["signal", "deadline"] satisfies (keyof DeadlineOptions)[],
);

/** Throws unless these are a signal, a deadline, both or none. Internal. */
export function checkEnds(operation: string, options: DeadlineOptions): void {
  checkObject(operation, "options", options);
  const { signal, deadline } = options;
  if (signal !== undefined) checkSignal(operation, "signal", signal);
  if (deadline !== undefined && !(deadline instanceof Deadline)) {
    throw wrongKind(operation, "deadline", "a Deadline", deadline);
  }
}

/**
 * A point in time which bounds a whole exchange: every Socket and Framed call
 * takes `{ deadline }` beside `{ signal, timeoutMs }`.
 *
 * Making one reads the clock once and starts nothing. A timer runs only once
 * {@linkcode Deadline.signal} was asked for, and keeps the process alive until it
 * expires or is disposed of.
 *
 * An expired deadline stays expired.
 *
 * @category Time
 *
 * @example Bound a whole exchange by two seconds
 * ```ts
 * import { Deadline } from "@sluice/net/timeout";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [client, server] = memoryPair();
 * await server.write("220 ready\r\n250 hello\r\n");
 *
 * using deadline = Deadline.after(2_000);
 * assertEquals(await client.readLine({ deadline }), "220 ready");
 * await client.write("EHLO\r\n", { deadline });
 * assertEquals(await client.readLine({ deadline }), "250 hello");
 * ```
 */
export class Deadline implements Disposable {
  readonly #time: TimeSource = systemTime();
  readonly #outer: Deadline | undefined;
  /** Its own and those of the outer one. */
  readonly #signals: readonly AbortSignal[];
  #timeoutMs: number;
  #endsAt: number;
  #disposed = false;
  #controller: AbortController | undefined;
  #timer: Timer | undefined;
  readonly #follow = () => this.#end(this.#aborted!.reason);

  private constructor(ms: number, { signal, deadline }: DeadlineOptions) {
    this.#timeoutMs = ms;
    this.#endsAt = this.#time.now() + ms;
    this.#outer = deadline;
    const signals = deadline === undefined ? NO_SIGNALS : deadline.#signals;
    this.#signals = signal === undefined ? signals : [signal, ...signals];
  }

  /**
   * Starts a deadline.
   *
   * @param ms Milliseconds from now, at least 0; `Infinity` never ends by itself.
   * @param options A signal and another deadline, which end this one early.
   * @returns The deadline.
   * @throws {TypeError} `ms` is not a number, or an option is of the wrong kind.
   * @throws {RangeError} `ms` is negative or `NaN`.
   *
   * @example
   * ```ts
   * import { Deadline } from "@sluice/net/timeout";
   * import { assertEquals } from "@std/assert";
   *
   * using deadline = Deadline.after(1_000);
   * assertEquals(deadline.expired, false);
   * ```
   */
  static after(ms: number, options: DeadlineOptions = {}): Deadline {
    checkNumber("start a deadline", "ms", ms, 0);
    checkEnds("start a deadline", options);
    checkNames("start a deadline", "options", options, DEADLINE_OPTION_NAMES);
    return new Deadline(ms, options);
  }

  /** Length of the whole span, extensions included, in milliseconds. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /**
   * Milliseconds left, 0 once expired.
   *
   * @example
   * ```ts
   * import { Deadline } from "@sluice/net/timeout";
   * import { assert, assertEquals } from "@std/assert";
   *
   * assert(Deadline.after(1_000).remainingMs <= 1_000);
   * assertEquals(Deadline.after(0).remainingMs, 0);
   * ```
   */
  get remainingMs(): number {
    if (this.#aborted !== undefined) return 0;
    const ownMs = Math.max(0, this.#endsAt - this.#time.now());
    return this.#outer === undefined
      ? ownMs
      : Math.min(ownMs, this.#outer.remainingMs);
  }

  /** Whether the time is over, or what was given to `after` has ended it. */
  get expired(): boolean {
    return this.remainingMs === 0;
  }

  /**
   * A signal which aborts when the deadline expires: with a
   * {@linkcode TimeoutError}, or with the reason of a signal given to `after`.
   * Made on first use.
   *
   * @example Let `fetch` end at the same time
   * ```ts
   * import { Deadline } from "@sluice/net/timeout";
   * import { assertEquals } from "@std/assert";
   *
   * using deadline = Deadline.after(0);
   * assertEquals(deadline.signal.aborted, true);
   * assertEquals(deadline.signal.reason.name, "TimeoutError");
   * ```
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#follow();
      else this.#watch();
    }
    return this.#controller.signal;
  }

  /**
   * Moves the end further away; never beyond that of a deadline given to `after`.
   *
   * @param ms Milliseconds to add, at least 0.
   * @returns Whether there was still time: an expired deadline stays expired.
   * @throws {TypeError} `ms` is not a number.
   * @throws {RangeError} `ms` is negative or `NaN`.
   *
   * @example Give a peer that makes progress more time
   * ```ts
   * import { Deadline } from "@sluice/net/timeout";
   * import { assert, assertEquals } from "@std/assert";
   *
   * using deadline = Deadline.after(1_000);
   * assertEquals(deadline.extend(500), true);
   * assert(deadline.remainingMs > 1_000);
   * ```
   */
  extend(ms: number): boolean {
    checkNumber("extend the deadline", "ms", ms, 0);
    if (this.expired) {
      // The late timer must not find an end which was moved after the fact.
      if (this.#controller !== undefined) this.#expire();
      return false;
    }
    this.#endsAt += ms;
    this.#timeoutMs += ms;
    // A running timer is left alone: it looks again when it fires.
    return true;
  }

  /**
   * Stops the timer and lets go of the signals given to `after`. The signal of
   * this deadline does not abort any more. Safe to call twice.
   *
   * @example
   * ```ts
   * import { Deadline } from "@sluice/net/timeout";
   * import { assertEquals } from "@std/assert";
   *
   * const deadline = Deadline.after(1_000);
   * const { signal } = deadline;
   * deadline.dispose();
   * assertEquals(signal.aborted, false);
   * ```
   */
  dispose(): void {
    this.#disposed = true;
    this.#timer?.stop();
    this.#timer = undefined;
    for (const signal of this.#signals) {
      removeAbortListener(signal, this.#follow);
    }
  }

  /** Calls {@linkcode Deadline.dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  get #aborted(): AbortSignal | undefined {
    return this.#signals.find((signal) => signal.aborted);
  }

  /** The length of the one that ends first: this one, or the one outside of it. */
  get #limitMs(): number {
    const outer = this.#outer;
    if (outer === undefined) return this.#timeoutMs;
    const ownMs = this.#endsAt - this.#time.now();
    return ownMs <= outer.remainingMs ? this.#timeoutMs : outer.#limitMs;
  }

  #watch(): void {
    const leftMs = this.remainingMs;
    if (leftMs === 0) return this.#expire();
    if (this.#disposed) return;
    for (const signal of this.#signals) addAbortListener(signal, this.#follow);
    // When it fires, the deadline may have been extended meanwhile.
    this.#timer = new Timer(() => this.#watch());
    this.#timer.start(leftMs);
  }

  #expire(): void {
    this.#end(new TimeoutError("finish", this.#limitMs));
  }

  #end(reason: unknown): void {
    this.dispose();
    this.#controller?.abort(reason);
  }

  // For `call_limits.ts` alone.
  static {
    signalsOf = (deadline) => deadline.#signals;
    limitOf = (deadline) => deadline.#limitMs;
  }
}
