/**
 * Runs the scenarios, round by round, in alternating order.
 *
 * @module
 */

import { number } from "../harness/format.ts";
import { measure, type Measurement } from "../harness/measure.ts";
import { orderOfRound } from "../harness/statistics.ts";
import { type Peer, peersOf, type Scenario } from "./catalogue.ts";
import type { PeersOptions } from "./options.ts";
import { mainMetric, type Row, type ScenarioResults } from "./results.ts";
import type { Runtimes } from "./runtimes.ts";

const ROOT = new URL("../../", import.meta.url).href;

/** One measurement that is about to begin, or has ended. */
export interface Step {
  /** From 1 to `count`. */
  index: number;
  count: number;
  round: number;
  scenario: ScenarioResults;
  row: Row;
}

/** Hears how a run gets on. */
export interface Progress {
  begin(step: Step): void;
  end(step: Step, outcome: Measurement | Error): void;
}

/** What is to be measured of whom; servers whose runtime is missing are left out. */
export interface Plan {
  scenario: Scenario;
  peers: Peer[];
}

/**
 * Says what is to be done.
 *
 * @param scenarios All of them.
 * @param runtimes What was found.
 * @param only Scenarios and servers to keep; empty for all. What ratios compare with
 *   always stays.
 */
export function makePlan(
  scenarios: readonly Scenario[],
  runtimes: Pick<Runtimes, "found">,
  only: readonly string[],
): Plan[] {
  const hasScenario = scenarios.some(({ id }) => only.includes(id));
  const plans = scenarios
    .filter(({ id }) => !hasScenario || only.includes(id))
    .map((scenario) => ({
      scenario,
      peers: peersOf(scenario)
        .filter(({ runtime }) => runtimes.found[runtime] !== undefined),
    }));
  const chosen = only.filter((name) =>
    !scenarios.some(({ id }) => id === name)
  );
  if (chosen.length === 0) return plans;
  return plans.map(({ scenario, peers }) => ({
    scenario,
    peers: peers.filter(({ id }, at) => at === 0 || chosen.includes(id)),
  }));
}

/** Measures everything of a plan; a failure is a result too. */
export async function run(
  plans: readonly Plan[],
  runtimes: Runtimes,
  options: PeersOptions,
  progress: Progress,
): Promise<ScenarioResults[]> {
  const all = plans.map(({ scenario, peers }) => emptyResults(scenario, peers));
  const isDue = (plan: Plan, round: number) =>
    round === 0 || !plan.scenario.once;
  let index = 0;
  let count = 0;
  for (let round = 0; round < options.rounds; round++) {
    for (const plan of plans) {
      if (isDue(plan, round)) count += plan.peers.length;
    }
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const [at, plan] of plans.entries()) {
      if (!isDue(plan, round)) continue;
      const scenario = all[at];
      for (
        const [place, peer] of orderOfRound([...plan.peers.entries()], round)
      ) {
        const row = scenario.rows[place];
        const step = { index: ++index, count, round, scenario, row };
        progress.begin(step);
        const outcome = await measurePeer(
          plan.scenario,
          peer,
          runtimes,
          options,
        );
        row.rounds.push(outcome instanceof Error ? null : outcome);
        if (outcome instanceof Error) {
          row.errors.push(withoutFolder(outcome.message));
        }
        progress.end(step, outcome);
      }
    }
  }
  return all;
}

/** Results are published; where the checkout lies is nobody's business. */
function withoutFolder(text: string): string {
  return text.replaceAll(ROOT, "").replaceAll(ROOT.slice("file://".length), "");
}

function emptyResults(scenario: Scenario, peers: Peer[]): ScenarioResults {
  const { id, title, group, unit, load, service } = scenario;
  const { kind, payloadBytes, connections } = load;
  const rows = peers.map((peer): Row => ({
    peer: peer.id,
    label: peer[service]?.label ?? peer.id,
    rounds: [],
    errors: [],
  }));
  return { id, title, group, unit, kind, payloadBytes, connections, rows };
}

async function measurePeer(
  { service, load, unit, silenceMs }: Scenario,
  peer: Peer,
  { found }: Runtimes,
  { generators, warmupMs, measureMs }: PeersOptions,
): Promise<Measurement | Error> {
  const program = peer[service];
  const runtime = found[peer.runtime];
  if (program === undefined || runtime === undefined) {
    return new Error(`${peer.id} cannot ${service} here`);
  }
  const command = runtime.command(program.file, ["0", ...program.args]);
  try {
    const outcome = await measure(command, {
      load,
      generators,
      warmupMs,
      measureMs,
      silenceMs,
    });
    return inUnits(outcome, unit.size);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function inUnits(outcome: Measurement, size: number): Measurement {
  const { rate, cpuMicros } = outcome;
  return {
    ...outcome,
    rate: rate / size,
    cpuMicros: cpuMicros === undefined ? undefined : cpuMicros * size,
  };
}

/** What a measurement came to, in a few words. */
export function describe(
  { kind, unit: { name, plural } }: ScenarioResults,
  outcome: Measurement,
): string {
  const metric = mainMetric(kind, outcome.cpuMicros !== undefined);
  const digits = number(outcome[metric] ?? NaN);
  const rate = Math.round(outcome.rate).toLocaleString("en-US");
  if (metric === "cpuMicros") {
    return `${digits} µs of CPU a ${name}, ${rate} a second`;
  }
  if (metric === "residentKiB") return `${digits} KiB a ${name}`;
  return `${rate} ${plural} ${kind === "stall" ? "in flight" : "a second"}`;
}
