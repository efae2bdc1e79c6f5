/**
 * Runs the scenarios, round by round, in alternating order.
 *
 * @module
 */

import { orderOfRound } from "../harness/statistics.ts";
import type { Plan } from "./plan.ts";
import type { Row, ScenarioResults } from "./results.ts";
import { type Course, type Step, takeStep } from "./step.ts";
import { type FurtherOptions, measureFurther } from "./further_rounds.ts";

/** Measures everything of a plan; a failure is a result too. */
export async function run(
  plans: readonly Plan[],
  options: FurtherOptions,
): Promise<ScenarioResults[]> {
  const courses = plans.map(startCourse);
  const steps = listSteps(courses, options.rounds);
  for (const [at, step] of steps.entries()) {
    const place = { index: at + 1, count: steps.length };
    step.row.rounds.push(await takeStep({ ...step, place }, options));
  }
  await measureFurther(courses, options);
  return courses.map(({ results }) => results);
}

function startCourse({ scenario, peers }: Plan): Course {
  const { id, title, group, unit, load, service } = scenario;
  const { kind, payloadBytes, connections } = load;
  const rows = peers.map((peer): Row => ({
    peer: peer.id,
    label: peer[service]?.label ?? peer.id,
    rounds: [],
    further: [],
    errors: [],
  }));
  const results: ScenarioResults = {
    id,
    title,
    group,
    unit,
    kind,
    payloadBytes,
    connections,
    rows,
  };
  const entries = peers.map((peer, at) => ({
    scenario,
    peer,
    results,
    row: rows[at],
  }));
  return { results, entries };
}

function listSteps(courses: readonly Course[], rounds: number): Step[] {
  return Array.from({ length: rounds }, (_, round) =>
    courses
      .flatMap(({ entries }) => orderOfRound(entries, round))
      .filter(({ scenario }) => round === 0 || !scenario.once)
      .map((entry) => ({ ...entry, round }))).flat();
}
