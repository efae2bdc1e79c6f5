/**
 * Measures the same servers on Sluice, raw Deno, Node, Bun, Python and Go:
 * `deno task bench:peers`. `--help` lists the options.
 *
 * @module
 */

import { endChildrenWithUs } from "../harness/child_process.ts";
import { makeScenarios, PEERS } from "./catalogue.ts";
import { peerMeasurer } from "./measure_peer.ts";
import { parsePeersOptions, type PeersOptions, USAGE } from "./options.ts";
import { collectOwn, measureOwn } from "./own.ts";
import { makePlan, runtimesFor } from "./plan.ts";
import { printProgress } from "./progress.ts";
import { type ChartFiles, formatReport } from "./report.ts";
import type { Results } from "./results.ts";
import { run } from "./run.ts";
import { findRuntimes } from "./runtimes.ts";
import { describeRevision, describeSystem } from "./system.ts";

const ROOT = new URL("../../", import.meta.url);

/** Names that `--only` does not know. */
function checkOnly(only: string[], options: PeersOptions): void {
  const known = [...makeScenarios(options), ...PEERS].map(({ id }) => id);
  const stranger = only.find((name) => !known.includes(name));
  if (stranger !== undefined) {
    throw new RangeError(
      `Cannot run the benches: --only must be among ${
        known.join(", ")
      }, got ${stranger}`,
    );
  }
}

async function runAll(options: PeersOptions): Promise<Results> {
  const date = new Date().toISOString();
  const scenarios = makeScenarios(options);
  const wanted = runtimesFor(scenarios, options.only);
  await using runtimes = await findRuntimes(wanted);
  const { found, missing } = runtimes;
  for (const [name, why] of Object.entries(missing)) {
    console.error(`skipping ${name}: ${why}`);
  }
  const plans = makePlan(scenarios, runtimes, options.only);
  const { rounds, mostRounds, generators, measureMs } = options;
  const measured = await run(plans, {
    rounds,
    mostRounds,
    measurePeer: peerMeasurer(runtimes, options),
    progress: printProgress(mostRounds),
  });
  const own = [];
  for (let round = 0; options.only.length === 0 && round < rounds; round++) {
    console.error(`decoding in memory and importing, round ${round + 1}`);
    own.push(await measureOwn());
  }
  return {
    date,
    revision: await describeRevision(ROOT),
    system: await describeSystem(),
    runtimes: Object.values(found).map(({ version }) => version),
    skipped: missing,
    settings: { rounds, mostRounds, seconds: measureMs / 1000, generators },
    scenarios: measured,
    own: collectOwn(own),
  };
}

/** Charts are the only part that needs a package; without it the numbers remain. */
async function writeCharts(results: Results, out: string): Promise<ChartFiles> {
  try {
    const { drawCharts } = await import("./charts.ts");
    const files: ChartFiles = {};
    for (const { about, file, svg } of drawCharts(results)) {
      await Deno.writeTextFile(`${out}/${file}`, svg);
      files[about] = file;
    }
    return files;
  } catch (error) {
    console.error(
      `no charts: ${error instanceof Error ? error.message : error}`,
    );
    return {};
  }
}

async function main(args: string[]): Promise<number> {
  const options = parsePeersOptions(args);
  if (options === "help") {
    console.log(USAGE);
    return 0;
  }
  checkOnly(options.only, options);
  endChildrenWithUs();
  const results = await runAll(options);
  const { out } = options;
  let charts: ChartFiles = {};
  if (out !== undefined) {
    await Deno.mkdir(out, { recursive: true });
    await Deno.writeTextFile(
      `${out}/latest.json`,
      `${JSON.stringify(results, null, 1)}\n`,
    );
    charts = await writeCharts(results, out);
  }
  const report = formatReport(results, charts);
  if (out !== undefined) await Deno.writeTextFile(`${out}/latest.md`, report);
  console.log(report);
  const failures = results.scenarios
    .flatMap(({ id, rows }) =>
      rows.flatMap(({ label, errors }) =>
        errors.map((error) => `${id}, ${label}: ${error}`)
      )
    );
  for (const failure of failures) console.error(`failed: ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
