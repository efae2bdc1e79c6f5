/**
 * A clock that stands still until a test advances it.
 *
 * @module
 */

import { checkNumber, outOfRange } from "../_check.ts";
import { FakeTime, isTimeReplaced } from "./_fake_time.ts";

/** Turns of the event loop in which everything that a timer woke up has run. */
const SETTLE_TURNS = 8;

/**
 * Stands in for the clock of the process, so that limits, retries and simulated networks
 * take no real time and give the same result on every run. Made by
 * {@linkcode fakeClock}.
 *
 * It replaces `setTimeout`, `setInterval` and what clears them, `AbortSignal.timeout`,
 * `performance.now`, `Date`, `Temporal.Now`, `Deno.refTimer` and `Deno.unrefTimer`. What
 * it does not: functions that a module has kept for itself, `node:timers`,
 * `process.hrtime`; `setImmediate` and microtasks take no time.
 *
 * What began on the real clock stays on it: its timers fire in real time, and so does a
 * limit that was set before, until the next call that it limits.
 *
 * @category Simulations
 */
export class FakeClock implements Disposable {
  readonly #time: FakeTime;

  /** Use {@linkcode fakeClock}. */
  constructor() {
    if (isTimeReplaced()) {
      throw new TypeError(
        "Cannot make a fake clock: another one is in place, dispose of it first",
      );
    }
    this.#time = new FakeTime(Date.now());
  }

  /** Milliseconds since the clock was made, which is what `performance.now` says. */
  get nowMs(): number {
    return this.#time.timers.nowMs;
  }

  /** Timers that are running. */
  get pending(): number {
    return this.#time.timers.size;
  }

  /**
   * Moves time on, and runs each timer when it is due. What a timer wakes up runs
   * before the next one.
   *
   * @param ms How far, in milliseconds; 0 lets what is ready run.
   * @throws {TypeError} `ms` is not a number.
   * @throws {RangeError} `ms` is negative or not finite.
   * @throws {unknown} What a timer's function throws, at once: the time stays there.
   */
  async advance(ms: number): Promise<void> {
    checkNumber("advance the clock", "ms", ms, 0);
    if (ms === Infinity) {
      throw outOfRange("advance the clock", "ms", "finite", ms);
    }
    const { timers } = this.#time;
    const untilMs = timers.nowMs + ms;
    await settle();
    for (
      let timer;
      (timer = timers.takeNext(untilMs)) !== undefined;
    ) {
      timer.callback();
      await settle();
    }
    // Another call may have moved it further meanwhile.
    timers.moveTo(untilMs);
  }

  /**
   * Gives the real clock back. Timers and limits that still run on this one never go
   * off; a socket that is left open has its limits in real time from its next call on.
   * Safe to call twice.
   */
  [Symbol.dispose](): void {
    this.#time[Symbol.dispose]();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

/**
 * Replaces the clock by one that stands still until a test advances it.
 *
 * It replaces the global functions, so one at a time; `using` gives them back.
 *
 * @returns The clock, at 0.
 * @throws {TypeError} Another one is in place.
 * @category Simulations
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
