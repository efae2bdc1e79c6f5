/**
 * The event loop of a simulation: one thing after the other, and time moves when there is
 * nothing left to do.
 *
 * ```text
 *   microtasks           drained by the runtime after each step
 *   immediates           in the order in which they were set; they take no time
 *   work of other threads  in the order in which it was begun; it takes no time either
 *   the next timer       the clock jumps to it
 *   nothing              the simulation is idle
 * ```
 *
 * Each step is one turn of the real event loop, so that a process stays alive to signals
 * and a test to its time limit. The order depends on nothing but what the code does.
 *
 * @module
 */

import type { FakeTimers } from "./_fake_timers.ts";
import type { Replacements } from "./_replacements.ts";

/** How a run of the loop has ended. */
export type LoopEnd = "done" | "idle" | "time-limit" | "stuck";

/**
 * Steps within which the clock has to move: an immediate that always sets another one
 * would go on for ever.
 */
const MAX_STEPS_IN_PLACE = 100_000;

/**
 * Real milliseconds in which what cannot be simulated, the loading of a module say, may
 * still bring work where there is none.
 */
const IDLE_MS = 20;

// Taken before they are replaced.
const { setImmediate: nextTurn, setTimeout: realTimeout } = globalThis;

/** What `setImmediate` gives. */
class FakeImmediate implements Disposable {
  call: (() => unknown) | undefined;
  #holdsProcess = true;

  constructor(call: () => unknown) {
    this.call = call;
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

  [Symbol.dispose](): void {
    this.call = undefined;
  }
}

/** Work of another thread: what it gives is handed over when its turn has come. */
interface ThreadWork {
  readonly settled: Promise<unknown>;
  readonly handOver: () => void;
}

/** Runs immediates and timers, and moves the clock. */
export class EventLoop {
  readonly #timers: FakeTimers;
  readonly #onStep: (what: number) => void;
  readonly #onError: (error: unknown) => void;
  #immediates: FakeImmediate[] = [];
  #nextImmediate = 0;
  readonly #threadWork: ThreadWork[] = [];
  #steps = 0;

  /**
   * @param timers Whose clock it moves.
   * @param onStep Called before each step: with 0 for an immediate, otherwise with the
   * time of the clock.
   * @param onError Called with what a callback throws.
   */
  constructor(
    timers: FakeTimers,
    onStep: (what: number) => void,
    onError: (error: unknown) => void,
  ) {
    this.#timers = timers;
    this.#onStep = onStep;
    this.#onError = onError;
  }

  /** Steps that were made. */
  get steps(): number {
    return this.#steps;
  }

  /** Whether there is nothing to do before the next timer. */
  get isQuiet(): boolean {
    this.#skipCleared();
    return this.#nextImmediate === this.#immediates.length &&
      this.#threadWork.length === 0;
  }

  /** Puts this loop in the place of the platform's. */
  replace(replacements: Replacements): void {
    replacements.set(globalThis, "setImmediate", this.#setImmediate);
    replacements.set(globalThis, "clearImmediate", this.#clearImmediate);
    const { subtle } = crypto;
    for (const name of SUBTLE_METHODS) {
      const method = subtle[name] as (...args: unknown[]) => Promise<unknown>;
      replacements.set(
        subtle,
        name,
        (...args: unknown[]) =>
          this.#workOnThread(() => method.apply(subtle, args)),
      );
    }
  }

  /**
   * Goes on until `isDone` says so, the clock would pass `untilMs`, or nothing is left to
   * do.
   */
  run(untilMs: number, isDone: () => boolean): Promise<LoopEnd> {
    const { promise, resolve } = Promise.withResolvers<LoopEnd>();
    let stepsInPlace = 0;
    let waited = false;
    const step = (): void => {
      if (isDone()) return resolve("done");
      if (stepsInPlace >= MAX_STEPS_IN_PLACE) return resolve("stuck");
      const immediate = this.#takeImmediate();
      if (immediate !== undefined) {
        stepsInPlace++;
        this.#call(0, immediate);
      } else if (this.#threadWork.length > 0) {
        const { settled, handOver } = this.#threadWork.shift()!;
        const goOn = () => {
          handOver();
          nextTurn(step);
        };
        settled.then(goOn, goOn);
        return;
      } else {
        const timer = this.#timers.takeNext(untilMs);
        if (timer !== undefined) {
          stepsInPlace = 0;
          this.#call(this.#timers.nowMs, timer.callback);
        } else if (this.#timers.size > 0) {
          this.#timers.moveTo(untilMs);
          return resolve("time-limit");
        } else if (waited) {
          return resolve("idle");
        } else {
          waited = true;
          realTimeout(step, IDLE_MS);
          return;
        }
      }
      waited = false;
      nextTurn(step);
    };
    nextTurn(step);
    return promise;
  }

  #call(what: number, callback: () => unknown): void {
    this.#steps++;
    this.#onStep(what);
    try {
      callback();
    } catch (error) {
      this.#onError(error);
    }
  }

  #takeImmediate(): (() => unknown) | undefined {
    this.#skipCleared();
    const immediate = this.#immediates[this.#nextImmediate];
    if (immediate !== undefined) {
      this.#nextImmediate++;
    } else if (this.#nextImmediate > 0) {
      this.#immediates = [];
      this.#nextImmediate = 0;
    }
    return immediate?.call;
  }

  #skipCleared(): void {
    const immediates = this.#immediates;
    while (
      this.#nextImmediate < immediates.length &&
      immediates[this.#nextImmediate].call === undefined
    ) this.#nextImmediate++;
  }

  readonly #setImmediate = (
    callback: (...args: unknown[]) => unknown,
    ...args: unknown[]
  ): FakeImmediate => {
    const immediate = new FakeImmediate(() => callback(...args));
    this.#immediates.push(immediate);
    return immediate;
  };

  readonly #clearImmediate = (immediate: unknown): void => {
    if (immediate instanceof FakeImmediate) immediate[Symbol.dispose]();
  };

  #workOnThread<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const settled = Promise.try(work);
    // It rejects before its turn has come.
    settled.catch(() => {});
    this.#threadWork.push({
      settled,
      handOver: () => void settled.then(resolve, reject),
    });
    return promise;
  }
}

/** What the runtime leaves to another thread, whose end comes at any time. */
const SUBTLE_METHODS = [
  "digest",
  "encrypt",
  "decrypt",
  "sign",
  "verify",
  "deriveBits",
  "deriveKey",
  "importKey",
  "exportKey",
  "generateKey",
  "wrapKey",
  "unwrapKey",
] as const satisfies (keyof SubtleCrypto)[];
