/**
 * A clock that stands still until a test advances it.
 *
 * @module
 */

import { checkNumber, outOfRange } from "../_check.ts";
import { sharedClock } from "../time/coarse_timer.ts";

/** Turns of the event loop in which everything that a timer woke up has run. */
const SETTLE_TURNS = 8;

/** Those of the platform count up from 1: no number means a timer of each. */
const FIRST_ID = 2 ** 30;

// Taken before a test replaces it.
const nextTurn = globalThis.setImmediate;

let present: FakeClock | undefined;

/** What `setTimeout` gives: as in Deno and Node an object, which can pass for a number. */
class FakeTimer implements Disposable {
  readonly id: number;
  readonly callback: () => void;
  dueMs: number;
  readonly #ms: number;
  readonly #clock: FakeClock;
  #holdsProcess = true;

  constructor(clock: FakeClock, id: number, ms: number, callback: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.id = id;
    this.callback = callback;
    this.dueMs = clock.nowMs + ms;
  }

  ref(): this {
    this.#holdsProcess = true;
    return this;
  }

  unref(): this {
    this.#holdsProcess = false;
    return this;
  }

  hasRef(): boolean {
    return this.#holdsProcess;
  }

  refresh(): this {
    this.dueMs = this.#clock.nowMs + this.#ms;
    return this;
  }

  close(): this {
    this[Symbol.dispose]();
    return this;
  }

  [Symbol.toPrimitive](): number {
    return this.id;
  }

  [Symbol.dispose](): void {
    clearFakeTimer(this.#clock, this);
  }
}

let clearFakeTimer: (clock: FakeClock, id: unknown) => void;

/**
 * Stands in for the clock of the process: `setTimeout`, `clearTimeout`,
 * `performance.now` and `Date.now`, so that limits, retries and simulated networks take
 * no real time and give the same result on every run. Made by {@linkcode fakeClock}.
 *
 * What began on the real clock stays on it: its timers fire in real time, and so does a
 * limit that was set before, until the next call that it limits.
 *
 * `AbortSignal.timeout` and `setInterval` still follow real time.
 */
export class FakeClock implements Disposable {
  #nowMs = 0;
  #lastId = FIRST_ID;
  readonly #timers = new Map<number, FakeTimer>();
  readonly #clearRealTimeout = globalThis.clearTimeout;
  readonly #restore: () => void;

  /** Use {@linkcode fakeClock}. */
  constructor() {
    if (present !== undefined) {
      throw new TypeError(
        "Cannot make a fake clock: another one is in place, dispose of it first",
      );
    }
    const { setTimeout, clearTimeout } = globalThis;
    const dateNow = Date.now;
    const epochMs = dateNow();
    const performanceNow = Object.getOwnPropertyDescriptor(performance, "now");
    Object.assign(globalThis, {
      setTimeout: this.#setTimeout,
      clearTimeout: this.#clearTimeout,
    });
    Date.now = () => Math.floor(epochMs + this.#nowMs);
    // On the object itself, in front of the one that its prototype has.
    Object.defineProperty(performance, "now", {
      configurable: true,
      value: () => this.#nowMs,
    });
    present = this;
    // Limits that are set from now on are this clock's.
    sharedClock();
    this.#restore = () => {
      sharedClock().end();
      Object.assign(globalThis, { setTimeout, clearTimeout });
      Date.now = dateNow;
      delete (performance as { now?: unknown }).now;
      if (performanceNow !== undefined) {
        Object.defineProperty(performance, "now", performanceNow);
      }
      present = undefined;
      sharedClock();
    };
  }

  /** Milliseconds since the clock was made, which is what `performance.now` says. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Timers that are running. */
  get pending(): number {
    return this.#timers.size;
  }

  /**
   * Moves time on, and runs each timer when it is due. What a timer wakes up runs
   * before the next one.
   *
   * @param ms How far, in milliseconds; 0 lets what is ready run.
   * @throws {TypeError} `ms` is not a number.
   * @throws {RangeError} `ms` is negative or not finite.
   */
  async advance(ms: number): Promise<void> {
    checkNumber("advance the clock", "ms", ms, 0);
    if (ms === Infinity) {
      throw outOfRange("advance the clock", "ms", "finite", ms);
    }
    const untilMs = this.#nowMs + ms;
    await settle();
    let timer;
    while ((timer = this.#next(untilMs)) !== undefined) {
      this.#timers.delete(timer.id);
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      timer.callback();
      await settle();
    }
    // Another call may have moved it further meanwhile.
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /**
   * Gives the real clock back. Timers and limits that still run on this one never go
   * off; a socket that is left open has its limits in real time from its next call on.
   * Safe to call twice.
   */
  [Symbol.dispose](): void {
    if (present !== this) return;
    this.#restore();
    this.#timers.clear();
  }

  /** The first timer that is due by then; of equals the one that was set first. */
  #next(untilMs: number): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers.values()) {
      if (timer.dueMs > untilMs) continue;
      if (first === undefined || timer.dueMs < first.dueMs) first = timer;
    }
    return first;
  }

  readonly #setTimeout = (
    callback: (...args: unknown[]) => void,
    ms = 0,
    ...args: unknown[]
  ): FakeTimer => {
    const delayMs = Math.max(0, Number(ms) || 0);
    const call = () => callback(...args);
    const timer = new FakeTimer(this, ++this.#lastId, delayMs, call);
    this.#timers.set(timer.id, timer);
    return timer;
  };

  readonly #clearTimeout = (id: unknown): void => {
    // One that was set before is still the real clock's.
    if (!this.#timers.delete(Number(id))) this.#clearRealTimeout(id as number);
  };

  static {
    clearFakeTimer = (clock, id) => clock.#clearTimeout(id);
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) {
    await new Promise<void>((resolve) => void nextTurn(resolve));
  }
}

/**
 * Replaces the clock by one that stands still until a test advances it.
 *
 * It replaces the global functions, so one at a time; `using` gives them back.
 *
 * @returns The clock, at 0.
 * @throws {TypeError} Another one is in place.
 *
 * @example A time limit without waiting for it
 * ```ts
 * import { TimeoutError } from "@sluice/net";
 * import { fakeClock, memoryPair } from "@sluice/net/testing";
 * import { assertRejects } from "@std/assert";
 *
 * using clock = fakeClock();
 * const [left] = memoryPair();
 * const limited = assertRejects(() => left.read({ timeoutMs: 60_000 }), TimeoutError);
 * await clock.advance(120_000);
 * await limited;
 * ```
 */
export function fakeClock(): FakeClock {
  return new FakeClock();
}
