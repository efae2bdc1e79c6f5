/**
 * What a run leaves behind: `latest.json`. The report and the charts are made from it
 * alone.
 *
 * @module
 */

import type { Measurement } from "../harness/measure.ts";
import { middleOf, ratiosOf, type Summary } from "../harness/statistics.ts";
import type { Scenario } from "./catalogue.ts";

/** What one server did in one scenario. */
export interface Row {
  peer: string;
  label: string;
  /** One a round; `null` where it failed. */
  rounds: (Measurement | null)[];
  /**
   * Further rounds, each for one target and of its servers alone; `null` where it failed or
   * took no part. As many as in each row of the scenario, the same round in the same place.
   */
  further: (Measurement | null)[];
  /** Why it failed, if it did. */
  errors: string[];
}

/** A scenario and its rows, in the order of the catalogue. */
export interface ScenarioResults
  extends Pick<Scenario, "id" | "title" | "group" | "unit"> {
  kind: Scenario["load"]["kind"];
  /** Frames: payload, and how many at a time. */
  payloadBytes: number;
  connections: number;
  rows: Row[];
}

/** A value measured in this very process, not of a server. */
export interface OwnResult {
  id: string;
  title: string;
  unit: string;
  rounds: number[];
}

/** Everything of one run. */
export interface Results {
  /** When it began, in ISO 8601. */
  date: string;
  /** The commit, with `+` if files were changed since. */
  revision: string;
  system: {
    os: string;
    arch: string;
    cpus: number;
    memoryGiB: number;
    model?: string;
  };
  /** Versions of what took part. */
  runtimes: string[];
  /** What did not, and why. */
  skipped: Record<string, string>;
  settings: {
    rounds: number;
    /** Further ones included. */
    mostRounds: number;
    seconds: number;
    generators: number;
  };
  scenarios: ScenarioResults[];
  own: OwnResult[];
}

/** What a measurement has a number for. */
export type Metric = keyof Measurement;

/** What rounds say of a metric; undefined where a round does not. */
function valuesOf(
  rounds: Row["rounds"],
  metric: Metric,
): (number | undefined)[] {
  return rounds.map((round) => round?.[metric] ?? undefined);
}

/**
 * The numbers of one row, one a round that did not fail. Further rounds are left out: other
 * rows have none, and the machine may have been faster or slower by then.
 */
export function values({ rounds }: Row, metric: Metric): number[] {
  return valuesOf(rounds, metric).filter((value) => value !== undefined);
}

/** The middle of {@linkcode values}, or undefined where nothing was measured. */
export function summaryOf(row: Row, metric: Metric): Summary | undefined {
  return middleOf(values(row, metric));
}

/** How one row compares with another one in each round, further ones too, that has both. */
export function roundRatios(
  row: Row,
  baseline: Row,
  metric: Metric,
): number[] {
  const all = ({ rounds, further }: Row) =>
    valuesOf([...rounds, ...further], metric);
  return ratiosOf(all(row), all(baseline));
}

/** The middle of {@linkcode roundRatios}, or undefined where no round has both. */
export function ratioOf(
  row: Row,
  baseline: Row,
  metric: Metric,
): Summary | undefined {
  return middleOf(roundRatios(row, baseline, metric));
}

/** A row of a scenario by its server. */
export function findRow(
  { scenarios }: Pick<Results, "scenarios">,
  scenario: string,
  peer: string,
): Row | undefined {
  return scenarios.find(({ id }) => id === scenario)
    ?.rows.find((row) => row.peer === peer);
}

/**
 * What counts in a scenario: the server's CPU time; where the system does not tell it,
 * what it got done; of silent connections their memory; of stalled ones what they hold.
 *
 * @param kind The scenario's load.
 * @param hasCpu Whether the system tells CPU times.
 */
export function mainMetric(
  kind: ScenarioResults["kind"],
  hasCpu: boolean,
): Metric {
  if (kind === "hold") return "residentKiB";
  if (kind === "stall") return "rate";
  return hasCpu ? "cpuMicros" : "rate";
}

/** Whether any server's CPU time is known. */
export function hasCpu({ rows }: ScenarioResults): boolean {
  return rows.some((row) => summaryOf(row, "cpuMicros") !== undefined);
}
