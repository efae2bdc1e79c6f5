/**
 * What every limit shares: the check of a duration, and a `setTimeout` which
 * keeps its word.
 *
 * @module
 */

/** A running timer. */
export interface Timer {
  /** Stops it. Safe to call at any time. */
  stop(): void;
}

/** Above this `setTimeout` fires after one millisecond. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Calls `onEnd` after `ms`, never early and however long that is; `Infinity`
 * never ends.
 *
 * `setTimeout` may fire up to a millisecond early against `performance.now`, and
 * at once beyond 24 days: both are looked at again.
 */
export function startTimer(
  ms: number,
  onEnd: () => void,
  options: { unref?: boolean } = {},
): Timer {
  let id: ReturnType<typeof setTimeout> | undefined;
  const endsAt = performance.now() + ms;
  const wait = (leftMs: number) => {
    id = setTimeout(fire, Math.min(Math.ceil(leftMs), MAX_TIMEOUT_MS));
    if (options.unref) Deno.unrefTimer(id);
  };
  const fire = () => {
    const leftMs = endsAt - performance.now();
    if (leftMs > 0) wait(leftMs);
    else onEnd();
  };
  if (ms !== Infinity) wait(ms);
  return { stop: () => clearTimeout(id) };
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
