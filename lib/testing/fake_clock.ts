/**
 * Time that moves only when told.
 *
 * @module
 */

/** Turns of the event loop in which everything that a timer woke up has run. */
const SETTLE_TURNS = 8;

interface Timer {
  readonly id: number;
  readonly dueMs: number;
  readonly callback: () => void;
}

// Taken before anybody replaces it.
const nextTurn = globalThis.setImmediate;

/**
 * Stands in for the clock of the process: `setTimeout`, `clearTimeout`,
 * `performance.now` and `Date.now`, so that limits, retries and simulated networks take
 * no real time and give the same result on every run. Made by {@linkcode fakeClock}.
 *
 * `AbortSignal.timeout` and `setInterval` still follow real time.
 */
export class FakeClock implements Disposable {
  #nowMs = 0;
  #lastId = 0;
  readonly #timers = new Map<number, Timer>();
  readonly #restore: () => void;

  /** Use {@linkcode fakeClock}. */
  constructor() {
    const { setTimeout, clearTimeout } = globalThis;
    const dateNow = Date.now;
    const epochMs = dateNow();
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
    this.#restore = () => {
      Object.assign(globalThis, { setTimeout, clearTimeout });
      Date.now = dateNow;
      delete (performance as { now?: unknown }).now;
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
   * @throws {RangeError} `ms` is negative or not finite.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Infinity)) {
      throw new RangeError(
        `Cannot advance the clock as ms must be at least 0 and finite: current value is ${ms}`,
      );
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
    this.#nowMs = untilMs;
  }

  /** Gives the real clock back. Timers that are still running never fire. */
  [Symbol.dispose](): void {
    this.#restore();
    this.#timers.clear();
  }

  /** The first timer that is due by then; of equals the one that was set first. */
  #next(untilMs: number): Timer | undefined {
    let first: Timer | undefined;
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
  ): number => {
    const id = ++this.#lastId;
    const dueMs = this.#nowMs + Math.max(0, Number(ms) || 0);
    this.#timers.set(id, { id, dueMs, callback: () => callback(...args) });
    return id;
  };

  readonly #clearTimeout = (id: unknown): void => {
    this.#timers.delete(Number(id));
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) {
    await new Promise<void>((resolve) => void nextTurn(resolve));
  }
}

/**
 * Puts a clock in place that stands still until it is told to advance.
 *
 * It replaces the global functions, so one at a time; `using` gives them back.
 *
 * @returns The clock, at 0.
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
