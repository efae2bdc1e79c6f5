/**
 * A `setTimeout` that is never early, however long it is.
 *
 * @module
 */

import { systemTime, type TimeSource } from "./system_time.ts";

/** Above this `setTimeout` fires after one millisecond. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Calls `onEnd` when its time is over: never early, however long that is, and
 * `Infinity` never.
 */
export class Timer {
  readonly #onEnd: () => void;
  #time: TimeSource | undefined;
  #endsAt = 0;
  #running = false;
  #id: unknown;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Starts to count. Once only. */
  start(ms: number): void {
    this.#running = true;
    this.#time = systemTime();
    this.#endsAt = this.#time.now() + ms;
    this.#wait(this.#time, ms);
  }

  /** Stops for good. Safe to call at any time. */
  stop(): void {
    this.#running = false;
    this.#time?.clearTimeout(this.#id);
  }

  #wait(time: TimeSource, ms: number): void {
    if (ms === Infinity) return;
    const id = time.setTimeout(
      this.#look,
      Math.min(Math.ceil(ms), MAX_TIMEOUT_MS),
    );
    // The first setTimeout of a process loads a module, and may run microtasks
    // meanwhile: code in there may have stopped this timer.
    if (this.#running) this.#id = id;
    else time.clearTimeout(id);
  }

  // `setTimeout` may be a little early by the clock that users measure with.
  readonly #look = () => {
    const time = this.#time!;
    const leftMs = this.#endsAt - time.now();
    if (leftMs > 0) this.#wait(time, leftMs);
    else this.#onEnd();
  };
}
