import type { Measurement } from "../../bench/harness/measure.ts";
import type {
  Results,
  Row,
  ScenarioResults,
} from "../../bench/peers/results.ts";

/** A row whose rounds took this much CPU; `null` where a round failed. */
export function cpuRow(peer: string, ...cpu: (number | null)[]): Row {
  const rounds = cpu.map((cpuMicros): Measurement | null =>
    cpuMicros === null ? null : { rate: 1e6 / cpuMicros, cpuMicros }
  );
  const errors = cpu.includes(null) ? ["it | broke\nbadly"] : [];
  return { peer, label: `the ${peer}`, rounds, further: [], errors };
}

/** A scenario with these rows. */
export function scenarioOf(
  id: string,
  rows: Row[],
  options: Partial<ScenarioResults> = {},
): ScenarioResults {
  return {
    id,
    title: `scenario ${id}`,
    group: "peers",
    unit: { name: "frame", plural: "frames", size: 1 },
    kind: "echo",
    payloadBytes: 64,
    connections: 50,
    rows,
    ...options,
  };
}

/** A run with these scenarios. */
export function resultsOf(...scenarios: ScenarioResults[]): Results {
  return {
    date: "2026-01-02T03:04:05Z",
    revision: "abcdef1",
    system: { os: "linux", arch: "x86_64", cpus: 2, memoryGiB: 8 },
    runtimes: ["Deno 2.9.6"],
    skipped: { bun: "it is not on the PATH" },
    settings: { rounds: 3, mostRounds: 3, seconds: 2, generators: 2 },
    scenarios,
    own: [{ id: "import", title: "import", unit: "ms", rounds: [14, 10, 12] }],
  };
}
