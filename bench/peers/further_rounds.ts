import type { Measurement } from "../harness/measure.ts";
import { orderOfRound } from "../harness/statistics.ts";
import type { Row } from "./results.ts";
import { type Course, type Entry, type StepOptions, takeStep } from "./step.ts";
import { openTargets } from "./verdicts.ts";

/** How far to go. */
export interface FurtherOptions extends StepOptions {
  /** How many there were. */
  rounds: number;
  /** How many there may be for one target, those included. */
  mostRounds: number;
}

/**
 * Goes on for the targets that are too close to call, each with its own servers alone,
 * until a sign test decides or there were enough rounds.
 *
 * A round goes through all of these targets before the next one begins: a minute in
 * which the machine is slow should not be all that one of them sees. Asking the test
 * after every round does not make a lucky streak likely: of servers that really are at
 * the limit, and were on both sides of it in three rounds, 1 in 25 is decided by the 15th.
 */
export async function measureFurther(
  courses: readonly Course[],
  options: FurtherOptions,
): Promise<void> {
  const scenarios = courses.map(({ results }) => results);
  const everyone = courses.flatMap(({ entries }) => entries);
  for (let round = options.rounds; round < options.mostRounds; round++) {
    for (const target of openTargets({ scenarios, own: [] })) {
      const entries = everyone
        .filter(({ scenario }) => scenario.id === target.scenario);
      const chosen = entries
        .filter(({ peer }) => target.peers.includes(peer.id));
      options.progress.goOn(target.title, round);
      const outcomes = await measureTogether(chosen, round, options);
      for (const { row } of entries) {
        row.further.push(outcomes.get(row) ?? null);
      }
    }
  }
}

async function measureTogether(
  entries: readonly Entry[],
  round: number,
  options: StepOptions,
): Promise<Map<Row, Measurement | null>> {
  const outcomes = new Map<Row, Measurement | null>();
  for (const entry of orderOfRound(entries, round)) {
    outcomes.set(entry.row, await takeStep({ ...entry, round }, options));
  }
  return outcomes;
}
