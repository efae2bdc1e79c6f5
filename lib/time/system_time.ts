/**
 * Where time comes from, and a timer that is never early.
 *
 * @module
 */

/** A clock, and calls that it makes later. */
export interface TimeSource {
  /** Milliseconds since some point, never going back. */
  now(): number;
  /** Calls `callback` once, not before `ms` milliseconds have passed. */
  setTimeout(callback: () => void, ms: number): unknown;
  /** Forgets a call that `setTimeout` promised. */
  clearTimeout(id: unknown): void;
  /** Lets the process end although the call has not been made. */
  unref(id: unknown): void;
  /** Holds the process until the call is made, as at first. */
  ref(id: unknown): void;
}

/** What `setTimeout` gives in Deno and Node. */
interface ProcessTimer {
  ref?(): void;
  unref?(): void;
}

/** The functions of the global scope, as they were when this was made. */
class SystemTime implements TimeSource {
  readonly #setTimeout = globalThis.setTimeout;
  readonly #clearTimeout = globalThis.clearTimeout;
  readonly #now = performance.now;

  /** Whether they are still there. */
  get isCurrent(): boolean {
    return this.#setTimeout === globalThis.setTimeout;
  }

  now(): number {
    return this.#now.call(performance);
  }

  setTimeout(callback: () => void, ms: number): unknown {
    // Not called as a method: the platform's refuses to be one of another object.
    return (0, this.#setTimeout)(callback, ms);
  }

  clearTimeout(id: unknown): void {
    (0, this.#clearTimeout)(id as number);
  }

  unref(id: unknown): void {
    // A number in browsers, which have no process to hold.
    (id as ProcessTimer | undefined)?.unref?.();
  }

  ref(id: unknown): void {
    (id as ProcessTimer | undefined)?.ref?.();
  }
}

// Made on first use: to look at the global `setTimeout` for the first time loads modules of
// the runtime, for 5 ms, and a program that only imports the library should not pay.
let system: SystemTime | undefined;

/**
 * The clock of this process: another one while a test has replaced `setTimeout`.
 *
 * Keep the one that a wait has begun with until it ends: two clocks do not show the
 * same time, and a timer of the one means nothing to the other.
 */
export function systemTime(): TimeSource {
  if (system === undefined || !system.isCurrent) system = new SystemTime();
  return system;
}

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
