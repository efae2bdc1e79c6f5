/**
 * The ratios that the project holds itself to, and whether a run met them.
 *
 * @module
 */

import {
  findRow,
  type Metric,
  ratioOf,
  type Results,
  summaryOf,
} from "./results.ts";
import { summarize, type Summary } from "../harness/statistics.ts";

/** A target and what came of it. */
export interface Verdict {
  title: string;
  /** For instance `≤ 1.10`. */
  target: string;
  /** The measured value; nothing where something needed is missing. */
  measured?: Summary;
  met?: boolean;
  /** What a server on raw Deno gets that does no more than it must. */
  floor?: Summary;
}

/** One server against another one, or against a number. */
interface Target {
  title: string;
  atMost?: number;
  atLeast?: number;
  of(results: Results): Summary | undefined;
  /** The same of the least that does the job on Deno, where that is measured. */
  floor?(results: Results): Summary | undefined;
}

/** How `subject` compares with `baseline`: by CPU time, so less is better. */
function cost(
  scenario: string,
  subject: string,
  baseline: string,
): Target["of"] {
  return (results) => ratio(results, scenario, subject, baseline, "cpuMicros");
}

/** How much `subject` gets done in the CPU time of `baseline`: more is better. */
function speed(
  scenario: string,
  subject: string,
  baseline: string,
): Target["of"] {
  return (results) => ratio(results, scenario, baseline, subject, "cpuMicros");
}

function ratio(
  results: Results,
  scenario: string,
  subject: string,
  baseline: string,
  metric: Metric,
): Summary | undefined {
  const row = findRow(results, scenario, subject);
  const base = findRow(results, scenario, baseline);
  return row && base && ratioOf(row, base, metric);
}

/** What a silent connection holds, in KiB. */
function memory(scenario: string, peer: string): Target["of"] {
  return (results) => {
    const row = findRow(results, scenario, peer);
    return row && summaryOf(row, "residentKiB");
  };
}

/** A value of {@linkcode Results.own}. */
function own(id: string): Target["of"] {
  return ({ own }) => {
    const rounds = own.find((result) => result.id === id)?.rounds ?? [];
    return rounds.length === 0 ? undefined : summarize(rounds);
  };
}

const TARGETS: readonly Target[] = [
  {
    title:
      "Echo, 1 frame at a time: CPU per frame against a raw Deno read/write loop",
    atMost: 1.10,
    of: cost("echo-1", "sluice", "deno-raw"),
    floor: cost("echo-1", "deno-framed", "deno-raw"),
  },
  {
    title: "Echo, 16 at a time, for await: CPU per frame against Go bufio",
    atMost: 1.0,
    of: cost("echo-16", "sluice", "go"),
    floor: cost("echo-16", "deno-awaited", "go"),
  },
  {
    title: "Echo, 128 at a time, batches: CPU per frame against Go bufio",
    atMost: 1.0,
    of: cost("echo-128", "sluice-batches", "go"),
    floor: cost("echo-128", "deno-framed", "go"),
  },
  {
    title: "Echo, 128 at a time, for await: CPU per frame against Bun by hand",
    atMost: 1.0,
    of: cost("echo-128", "sluice", "bun"),
    floor: cost("echo-128", "deno-awaited", "bun"),
  },
  {
    title: "16 KiB frames: CPU per frame against Bun by hand",
    atMost: 1.0,
    of: cost("echo-16k", "sluice", "bun"),
    floor: cost("echo-16k", "deno-framed", "bun"),
  },
  {
    title:
      "One-way bulk, readInto: speed against a raw loop with a reused buffer",
    atLeast: 0.95,
    of: speed("bulk", "sluice", "deno-raw"),
  },
  {
    title: "One-way bulk, socket.readable: speed against conn.readable",
    atLeast: 1.5,
    of: speed("bulk", "sluice-readable", "deno-readable"),
  },
  {
    title:
      "An idle connection with an idle limit armed, after a minute of silence, KiB",
    atMost: 9,
    of: memory("idle-minute", "sluice-idle"),
    floor: memory("idle-minute", "deno-idle"),
  },
  {
    title:
      "An idle connection with all limits armed, 2 s after it was opened, KiB",
    atMost: 9,
    of: memory("idle", "sluice-limits"),
    floor: memory("idle", "deno-idle"),
  },
  {
    title: "All limits armed: CPU per frame against none, 1 frame at a time",
    atMost: 1.03,
    of: cost("echo-1", "sluice-limits", "sluice"),
  },
  {
    title:
      "Connect, echo, close: CPU per connection against a raw loop that survives",
    atMost: 1.15,
    of: cost("churn", "sluice", "deno-raw"),
  },
  {
    title: "Decoding 64-byte frames in memory, million a second",
    atLeast: 10,
    of: own("decode"),
  },
  {
    title: "Decoding lines in memory: speed against TextLineStream",
    atLeast: 5,
    of: own("lines"),
  },
  {
    title:
      "Time per byte of a line that comes a byte at a time: 256 KiB against 16 KiB",
    atMost: 1.5,
    of: own("search"),
  },
  {
    title: "Importing mod.ts over an empty program, ms",
    atMost: 15,
    of: own("import"),
  },
];

/** Every target, with what a run says of it. */
export function judge(results: Results): Verdict[] {
  return TARGETS.map(({ title, atMost, atLeast, of, floor }) => {
    const measured = of(results);
    return {
      title,
      target: atMost !== undefined ? `≤ ${atMost}` : `≥ ${atLeast}`,
      measured,
      met: measured && measured.median <= (atMost ?? Infinity) &&
        measured.median >= (atLeast ?? -Infinity),
      floor: floor?.(results),
    };
  });
}
