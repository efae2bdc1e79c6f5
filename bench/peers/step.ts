import type { Measurement } from "../harness/measure.ts";
import type { Peer, Scenario } from "./catalogue.ts";
import type { MeasurePeer } from "./measure_peer.ts";
import type { Row, ScenarioResults } from "./results.ts";

const ROOT = new URL("../../", import.meta.url).href;

/** A server in a scenario, and where its results go. */
export interface Entry {
  scenario: Scenario;
  peer: Peer;
  results: ScenarioResults;
  row: Row;
}

/** A scenario under way. */
export interface Course {
  results: ScenarioResults;
  /** Every server that takes part. */
  entries: Entry[];
}

/** One measurement that is about to begin, or has ended. */
export interface Step extends Entry {
  /** From 0. */
  round: number;
  /** From 1 to `count`; how many further rounds there will be is not known. */
  place?: { index: number; count: number };
}

/** Is called with the progress of a run. */
export interface Progress {
  begin(step: Step): void;
  end(step: Step, outcome: Measurement | Error): void;
  /** What follows is a further round, for a target that is too close to call. */
  goOn(title: string, round: number): void;
}

/** What a step needs. */
export interface StepOptions {
  measurePeer: MeasurePeer;
  progress: Progress;
}

/** Measures, and keeps why it failed if it did. */
export async function takeStep(
  step: Step,
  { measurePeer, progress }: StepOptions,
): Promise<Measurement | null> {
  progress.begin(step);
  const outcome = await measurePeer(step.scenario, step.peer);
  progress.end(step, outcome);
  if (!(outcome instanceof Error)) return outcome;
  step.row.errors.push(withoutFolder(outcome.message));
  return null;
}

/** Results are published; the path of the checkout is left out. */
function withoutFolder(text: string): string {
  return text.replaceAll(ROOT, "").replaceAll(ROOT.slice("file://".length), "");
}
