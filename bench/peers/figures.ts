/**
 * The numbers that targets are about.
 *
 * @module
 */

import { findRow, type Results, roundRatios, values } from "./results.ts";

/** What figures are taken from. */
export type Measured = Pick<Results, "scenarios" | "own">;

/** Two servers in a scenario. */
export interface Pair {
  scenario: string;
  peers: readonly [subject: string, baseline: string];
}

/** A number, measured in several rounds. */
export interface Figure {
  /** One a round; none where something needed is missing. */
  of(measured: Measured): number[];
  /** What it is the ratio of: these two can be measured again. */
  pair?: Pair;
}

/** How `subject` compares with `baseline`: by CPU time, so less is better. */
export function cost(
  scenario: string,
  subject: string,
  baseline: string,
): Figure {
  return {
    pair: { scenario, peers: [subject, baseline] },
    of(measured) {
      const row = findRow(measured, scenario, subject);
      const base = findRow(measured, scenario, baseline);
      return row && base ? roundRatios(row, base, "cpuMicros") : [];
    },
  };
}

/** How much `subject` gets done in the CPU time of `baseline`: more is better. */
export function speed(
  scenario: string,
  subject: string,
  baseline: string,
): Figure {
  return cost(scenario, baseline, subject);
}

/** How the median time of a batch of `peer` compares between two scenarios. */
export function delay(
  peer: string,
  scenario: string,
  baseline: string,
): Figure {
  return {
    of(measured) {
      const row = findRow(measured, scenario, peer);
      const base = findRow(measured, baseline, peer);
      return row && base ? roundRatios(row, base, "p50Ms") : [];
    },
  };
}

/** What a silent connection holds, in KiB. */
export function memory(scenario: string, peer: string): Figure {
  return {
    of(measured) {
      const row = findRow(measured, scenario, peer);
      return row ? values(row, "residentKiB") : [];
    },
  };
}

/** A value of {@linkcode Results.own}. */
export function own(id: string): Figure {
  return {
    of: ({ own }) => own.find((result) => result.id === id)?.rounds ?? [],
  };
}
