/**
 * How long to wait before the next attempt.
 *
 * @module
 */

import type { Random } from "../_random.ts";

/** The numbers that a backoff is made of. */
export interface Backoff {
  /** Delay after the first attempt, before jitter. */
  minDelayMs: number;
  /** Delay that is never exceeded. */
  maxDelayMs: number;
  /** By how much each delay is longer than the one before. */
  factor: number;
  /** Which share of a delay is left to chance. */
  jitter: number;
}

/**
 * The delay after attempt number `attempt`, in milliseconds.
 *
 * Chance only shortens a delay, so that `maxDelayMs` holds; and it takes part in
 * the very first one, as a thousand clients of a server that went away all start
 * at the same moment.
 */
export function backoffDelayMs(
  attempt: number,
  backoff: Backoff,
  random: Random = Math.random,
): number {
  const { minDelayMs, maxDelayMs, factor, jitter } = backoff;
  if (minDelayMs === 0) return 0;
  const fullMs = Math.min(maxDelayMs, minDelayMs * factor ** (attempt - 1));
  return fullMs * (1 - jitter * random());
}
