/**
 * One limit for an exchange made of many calls.
 *
 * @module
 */

import { checkNumber } from "../_check.ts";
import { TimeoutError } from "../errors.ts";
import { Timer } from "./_timer.ts";
import { addAbortListener, removeAbortListener } from "./abort_listeners.ts";
import type { SignalOptions } from "./signal_options.ts";
import { systemTime, type TimeSource } from "./system_time.ts";

/** The signal given to {@linkcode Deadline.after}. Internal. */
export let parentSignal: (deadline: Deadline) => AbortSignal | undefined;

/**
 * A point in time which bounds a whole exchange: every Socket and Framed call
 * takes `{ deadline }` beside `{ signal, timeoutMs }`.
 *
 * Making one reads the clock once and starts nothing. A timer runs only once
 * {@linkcode Deadline.signal} was asked for, and keeps the process alive until the
 * end or the dispose.
 *
 * An expired deadline stays expired.
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
  readonly #parent: AbortSignal | undefined;
  #timeoutMs: number;
  #endsAt: number;
  #disposed = false;
  #controller: AbortController | undefined;
  #timer: Timer | undefined;
  readonly #follow = () => this.#end(this.#parent!.reason);

  private constructor(ms: number, parent: AbortSignal | undefined) {
    this.#timeoutMs = ms;
    this.#endsAt = this.#time.now() + ms;
    this.#parent = parent;
  }

  /**
   * Starts a deadline.
   *
   * @param ms Milliseconds from now, at least 0; `Infinity` never ends by itself.
   * @param options A signal which ends the deadline early.
   * @returns The deadline.
   * @throws {TypeError} `ms` is not a number.
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
  static after(ms: number, options?: SignalOptions): Deadline {
    checkNumber("start a deadline", "ms", ms, 0);
    return new Deadline(ms, options?.signal);
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
    if (this.#parent?.aborted) return 0;
    return Math.max(0, this.#endsAt - this.#time.now());
  }

  /** Whether the time is over, or the signal given to `after` has aborted. */
  get expired(): boolean {
    return this.remainingMs === 0;
  }

  /**
   * A signal which aborts when the deadline expires: with a
   * {@linkcode TimeoutError}, or with the reason of the signal given to `after`.
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
      if (this.#parent?.aborted) this.#follow();
      else this.#watch();
    }
    return this.#controller.signal;
  }

  /**
   * Moves the end further away.
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
   * Stops the timer and lets go of the signal given to `after`. The signal of
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
    if (this.#parent !== undefined) {
      removeAbortListener(this.#parent, this.#follow);
    }
  }

  /** Calls {@linkcode Deadline.dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #watch(): void {
    const leftMs = this.remainingMs;
    if (leftMs === 0) return this.#expire();
    if (this.#disposed) return;
    if (this.#parent !== undefined) {
      addAbortListener(this.#parent, this.#follow);
    }
    // When it fires, the deadline may have been extended meanwhile.
    this.#timer = new Timer(() => this.#watch());
    this.#timer.start(leftMs);
  }

  #expire(): void {
    this.#end(new TimeoutError("finish", this.#timeoutMs));
  }

  #end(reason: unknown): void {
    this.dispose();
    this.#controller?.abort(reason);
  }

  // What `call_limits.ts` needs and the public has no use for.
  static {
    parentSignal = (deadline) => deadline.#parent;
  }
}
