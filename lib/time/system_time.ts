/**
 * Where time comes from.
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
