/**
 * What a row of results says.
 *
 * @module
 */

/** One result of a check. */
export interface Sample {
  /** When it was there, in milliseconds since 1970. */
  at: number;
  /** Whether all was well. */
  ok: boolean;
  /** What was measured, in the unit of the check; `null` if it came to nothing. */
  value: number | null;
  /** What went wrong, or what else is worth knowing; may be empty. */
  detail: string;
}

/** Many results in a few numbers. */
export interface Summary {
  /** How many there are. */
  checks: number;
  /** The part that was well, from 0 to 1; `null` without any. */
  availability: number | null;
  /** Half of the measured values are at most this. */
  median: number | null;
  /** 95 of 100 measured values are at most this. */
  p95: number | null;
}

/** Sums up results, in any order. */
export function summarize(samples: readonly Sample[]): Summary {
  const values = samples.map(({ value }) => value)
    .filter((value) => value !== null)
    .sort((a, b) => a - b);
  const good = samples.filter(({ ok }) => ok).length;
  return {
    checks: samples.length,
    availability: samples.length === 0 ? null : good / samples.length,
    median: percentile(values, 50),
    p95: percentile(values, 95),
  };
}

/**
 * The smallest value that at least `percent` of 100 values do not exceed: one that
 * really was measured, not one in between (nearest rank).
 *
 * @param sorted Values, the smallest first.
 */
export function percentile(
  sorted: readonly number[],
  percent: number,
): number | null {
  if (sorted.length === 0) return null;
  const rank = Math.ceil(percent / 100 * sorted.length);
  return sorted[Math.max(rank, 1) - 1];
}

/** A measured value for people: three digits are enough. */
export function formatValue(value: number | null, unit: string): string {
  if (value === null) return "–";
  const size = Math.abs(value);
  const digits = unit === "days" || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}

/** A part of a whole for people; never says 100 % when something failed. */
export function formatShare(share: number | null): string {
  if (share === null) return "–";
  const percent = Math.floor(share * 1_000) / 10;
  return `${percent.toFixed(percent === 100 ? 0 : 1)} %`;
}

/** A length of time for people. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? `${hours} h ${minutes % 60} min`
    : `${Math.floor(hours / 24)} days`;
}
