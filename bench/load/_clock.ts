import type { LoadWindow } from "./spec.ts";

/** The same window on the clock of `performance.now()`, which is cheap and even. */
export function toOwnClock({ fromMs, untilMs }: LoadWindow): LoadWindow {
  return {
    fromMs: fromMs - performance.timeOrigin,
    untilMs: untilMs - performance.timeOrigin,
  };
}
