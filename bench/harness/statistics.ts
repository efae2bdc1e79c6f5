/** The middle of some values, and how far apart they are. */
export interface Summary {
  median: number;
  least: number;
  most: number;
}

/**
 * The middle of some values, and how far apart they are.
 *
 * @throws {RangeError} There is none.
 */
export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) {
    throw new RangeError(
      "Cannot summarize: values must be at least one, got none",
    );
  }
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted.length >> 1;
  const lower = (sorted.length - 1) >> 1;
  return {
    median: (sorted[lower] + sorted[upper]) / 2,
    least: sorted[0],
    most: sorted[sorted.length - 1],
  };
}

/** The same, or nothing where there is none. */
export function middleOf(values: readonly number[]): Summary | undefined {
  return values.length === 0 ? undefined : summarize(values);
}

/**
 * Ratios of what was measured in the same round: what slows the machine down for a
 * while slows both, and cancels out.
 *
 * @param values One a round; undefined where that round failed.
 * @param baseline The same rounds of what it is compared with.
 * @returns One for each round that has both.
 */
export function ratiosOf(
  values: readonly (number | undefined)[],
  baseline: readonly (number | undefined)[],
): number[] {
  return values.flatMap((value, round) => {
    const base = baseline[round];
    return value === undefined || base === undefined || base === 0
      ? []
      : [value / base];
  });
}

/**
 * How likely it is that coins fall at least as unevenly as values fall above and below
 * a limit: where that is likely, they say nothing (the two-sided sign test).
 *
 * @param values Those that equal the limit say nothing either way.
 * @param limit Of ratios, 1 by default: no difference.
 */
export function chanceOf(values: readonly number[], limit = 1): number {
  const count = values.filter((value) => value !== limit).length;
  const below = values.filter((value) => value < limit).length;
  const fewer = Math.min(below, count - below);
  let ways = 1;
  let tail = 0;
  for (let k = 0; k <= fewer; k++) {
    tail += ways;
    ways = ways * (count - k) / (k + 1);
  }
  return Math.min(1, 2 * tail / 2 ** count);
}

/** Whether chance would put values so unevenly around a limit once in twenty times at most. */
export function isClear(values: readonly number[], limit = 1): boolean {
  return chanceOf(values, limit) <= 0.05;
}

/**
 * The order of a round: forward, then the same backward, then starting one further on, so
 * that nothing always runs first, last or after the same other; two take turns as well.
 */
export function orderOfRound<T>(items: readonly T[], round: number): T[] {
  const start = (round >> 1) % Math.max(items.length, 1);
  const rotated = [...items.slice(start), ...items.slice(0, start)];
  return round % 2 === 0 ? rotated : rotated.reverse();
}
