/**
 * Whether a run met the targets, and how sure that is.
 *
 * @module
 */

import { isClear, middleOf, type Summary } from "../harness/statistics.ts";
import type { Measured } from "./figures.ts";
import { type Target, TARGETS } from "./targets.ts";

/**
 * What a run says of a target. It is too close to call where another run may well say the
 * opposite of what the median of this one does.
 */
export type Outcome = "met" | "missed" | "too close to call" | "not measured";

/** A target and what came of it. */
export interface Verdict {
  title: string;
  /** For instance `≤ 1.10`. */
  target: string;
  /** The measured value; nothing where something needed is missing. */
  measured?: Summary;
  /** How many rounds that is the middle of. */
  rounds: number;
  outcome: Outcome;
  /** What a server on raw Deno gets that does no more than it must. */
  floor?: Summary;
}

/** A target that more rounds may decide. */
export interface OpenTarget {
  title: string;
  scenario: string;
  /**
   * The servers to measure again, in the same round: those of its ratio and of its floor.
   */
  peers: string[];
}

/** Every target, with what a run says of it. */
export function judge(measured: Measured): Verdict[] {
  return TARGETS.map((target): Verdict => {
    const { title, atMost, atLeast, figure, floor } = target;
    const values = figure.of(measured);
    return {
      title,
      target: atMost !== undefined ? `≤ ${atMost}` : `≥ ${atLeast}`,
      measured: middleOf(values),
      rounds: values.length,
      outcome: outcomeOf(target, values),
      floor: floor && middleOf(floor.of(measured)),
    };
  });
}

function outcomeOf(target: Target, values: readonly number[]): Outcome {
  const middle = middleOf(values);
  if (middle === undefined) return "not measured";
  if (isOpen(target, values)) return "too close to call";
  const { atMost = Infinity, atLeast = -Infinity } = target;
  return middle.median <= atMost && middle.median >= atLeast ? "met" : "missed";
}

/** The targets that are too close to call, of those that compare two servers. */
export function openTargets(measured: Measured): OpenTarget[] {
  return TARGETS.flatMap((target) => {
    const { title, figure, floor } = target;
    const { pair } = figure;
    if (pair === undefined || !isOpen(target, figure.of(measured))) return [];
    const peers = new Set([...pair.peers, ...floor?.pair?.peers ?? []]);
    return [{ title, scenario: pair.scenario, peers: [...peers] }];
  });
}

/** On both sides of the limit, and no more unevenly than chance may have it. */
function isOpen(
  { atMost, atLeast }: Target,
  values: readonly number[],
): boolean {
  const limit = atMost ?? atLeast ?? NaN;
  return values.some((value) => value < limit) &&
    values.some((value) => value > limit) &&
    !isClear(values, limit);
}
