/**
 * What every limit shares: a `setTimeout` which keeps its word, and the check of
 * a duration.
 *
 * @module
 */

/** Above this `setTimeout` fires after one millisecond. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Calls `onEnd` when its time is over: never early, however long that is, and
 * `Infinity` never.
 */
export class Timer {
  readonly #onEnd: () => void;
  #endsAt = 0;
  #running = false;
  #id: ReturnType<typeof setTimeout> | undefined;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Starts to count. Once only. */
  start(ms: number): void {
    this.#running = true;
    this.#endsAt = performance.now() + ms;
    this.#wait(ms);
  }

  /** Stops for good. Safe to call at any time. */
  stop(): void {
    this.#running = false;
    clearTimeout(this.#id);
  }

  #wait(ms: number): void {
    if (ms === Infinity) return;
    const id = setTimeout(this.#look, Math.min(Math.ceil(ms), MAX_TIMEOUT_MS));
    // The first setTimeout of a process loads a module, and may run microtasks
    // meanwhile: code in there may have stopped this timer.
    if (this.#running) this.#id = id;
    else clearTimeout(id);
  }

  // `setTimeout` may be a little early by the clock that users measure with.
  readonly #look = () => {
    const leftMs = this.#endsAt - performance.now();
    if (leftMs > 0) this.#wait(leftMs);
    else this.#onEnd();
  };
}

/**
 * Throws unless `value` is a number of milliseconds from `least` (0, or above 0
 * where `least` is `"above 0"`) to `Infinity`.
 *
 * @throws {TypeError} It is not a number.
 * @throws {RangeError} It is out of range or `NaN`.
 */
export function checkDurationMs(
  action: string,
  name: string,
  value: number,
  least: 0 | "above 0",
): void {
  if (typeof value !== "number") {
    throw new TypeError(
      `Cannot ${action} as '${name}' must be a number: current value is ${
        String(value)
      }`,
    );
  }
  if (least === 0 ? !(value >= 0) : !(value > 0)) {
    throw new RangeError(
      `Cannot ${action} as '${name}' must be ${
        least === 0 ? "at least 0" : "above 0"
      }: current value is ${value}`,
    );
  }
}
