/**
 * The results as Markdown.
 *
 * @module
 */

import { summarize, type Summary } from "../harness/statistics.ts";
import { number, table } from "../harness/format.ts";
import {
  hasCpu,
  mainMetric,
  type Metric,
  ratioOf,
  type Results,
  type Row,
  type ScenarioResults,
  summaryOf,
} from "./results.ts";
import { judge } from "./verdicts.ts";

/** Charts that were made: the first scenario or group they belong to, and their files. */
export type ChartFiles = Partial<Record<string, string>>;

/** The whole report. */
export function formatReport(results: Results, charts: ChartFiles): string {
  const { scenarios } = results;
  const peers = scenarios.filter(({ group }) => group === "peers");
  const parts = [
    "# Benchmarks",
    formatSetting(results),
    ...formatTargets(results),
    ...peers.flatMap((scenario) => [
      `## ${scenario.title}`,
      ...chart(charts, scenario.id),
      formatScenario(scenario),
    ]),
    ...formatScaling(
      "CPU per frame from one connection to many",
      "connections",
      results,
      charts,
    ),
    ...formatScaling("CPU per frame by its size", "sizes", results, charts),
    ...formatOwn(results),
  ];
  return `${parts.join("\n\n")}\n`;
}

function formatOwn({ own }: Results): string[] {
  if (own.length === 0) return [];
  const rows = own.map(({ title, unit, rounds }) => {
    const summary = summarize(rounds);
    return [title, `${number(summary.median)} ${unit}`, spread(summary)];
  });
  return [
    "## Without a socket",
    table(["what", "median", "least to most"], rows),
  ];
}

function formatSetting(results: Results): string {
  const { system, settings, runtimes, skipped, date, revision } = results;
  const model = system.model ? ` (${system.model})` : "";
  const rounds = settings.rounds === 1
    ? "1 round"
    : `${settings.rounds} rounds`;
  const missing = Object.entries(skipped)
    .map(([name, why]) => `Skipped: ${name}, as ${why}.`);
  return [
    `Commit ${revision || "unknown"}, ${
      date.slice(0, 10)
    }, on ${system.os} ${system.arch} with ` +
    `${system.cpus} processors${model} and ${system.memoryGiB} GiB; ${
      runtimes.join(", ")
    }.`,
    `Medians of ${rounds} of ${settings.seconds} s each, in alternating order, every ` +
    `server in a fresh process, loaded by ${settings.generators} processes that check ` +
    "every byte. CPU is user and system time of the server process alone; `×` is how many " +
    "times that of Sluice it is, in the same round, with the least and the most of the " +
    "rounds. Where clients are compared, it is that of the client, and they make the load " +
    "themselves. Frames a second and latencies depend on the generators, which share the " +
    "processors with the server.",
    ...missing,
  ].join("\n\n");
}

function formatTargets(results: Results): string[] {
  const { rounds, mostRounds } = results.settings;
  // Of a part of it, what was not asked for is no news.
  const isPart = results.own.length === 0;
  const verdicts = judge(results)
    .filter(({ outcome }) => !isPart || outcome !== "not measured");
  if (verdicts.length === 0) return [];
  const rows = verdicts.map((verdict) => {
    const { title, target, measured, rounds, outcome, floor } = verdict;
    return [
      title,
      target,
      measured ? number(measured.median) : "",
      measured ? spread(measured) : "",
      rounds > 0 ? String(rounds) : "",
      outcome === "missed" ? "**missed**" : outcome,
      floor ? number(floor.median) : "",
    ];
  });
  const parts = [
    "## Targets",
    table(
      [
        "target",
        "wanted",
        "measured",
        "least to most",
        "rounds",
        "",
        "raw Deno by hand",
      ],
      rows,
    ),
  ];
  if (mostRounds > rounds) {
    parts.push(
      "Where the rounds of two servers fell on both sides of a limit, these servers were " +
        `measured in further rounds, up to ${mostRounds} in all, until a sign test gave chance ` +
        "less than one in twenty. Those rounds count here and in `×`, and not in the other " +
        "medians.",
    );
  }
  if (verdicts.some(({ outcome }) => outcome === "too close to call")) {
    parts.push(
      "_Too close to call_: the rounds fell on both sides of the limit, as evenly as chance " +
        "may have it. The median of another run may be on the other side.",
    );
  }
  return parts;
}

/** One scenario: the best row first, Sluice in bold. */
export function formatScenario(scenario: ScenarioResults): string {
  const { kind, unit } = scenario;
  const metric = mainMetric(kind, hasCpu(scenario));
  const columns: [title: string, cell: (row: Row) => string][] = [
    [titleOf(metric, scenario), (row) => median(row, metric)],
    ["×", (row) => {
      const ratio = ratioOf(row, scenario.rows[0], metric);
      if (ratio === undefined) return "";
      const { median, least, most } = ratio;
      return least === most
        ? number(median)
        : `${number(median)} (${spread(ratio)})`;
    }],
  ];
  if (metric === "cpuMicros") {
    columns.push([`${unit.plural} a second`, (row) => median(row, "rate")]);
  }
  if (kind === "echo" || kind === "churn" || kind === "fan-out") {
    columns.push(
      ["p50 ms", (row) => median(row, "p50Ms")],
      ["p99 ms", (row) => median(row, "p99Ms")],
    );
  }
  if (kind === "stall") {
    columns.push(["KiB of memory", (row) => median(row, "residentKiB")]);
  }
  const rank = (row: Row) =>
    (summaryOf(row, metric)?.median ?? Infinity) *
    (metric === "rate" && kind !== "stall" ? -1 : 1);
  return table(
    [
      kind === "requests" ? "client" : "server",
      ...columns.map(([title]) => title),
    ],
    scenario.rows.toSorted((a, b) => rank(a) - rank(b)).map((row) => [
      row.peer.startsWith("sluice") ? `**${row.label}**` : row.label,
      ...columns.map(([, cell], index) =>
        index === 0 ? [cell(row), failures(row)].join(" ").trim() : cell(row)
      ),
    ]),
  );
}

function failures({ errors }: Row): string {
  return errors.map((error) => `failed: ${error}`).join("; ");
}

function titleOf(metric: Metric, { kind, unit }: ScenarioResults): string {
  if (metric === "cpuMicros") return `CPU µs per ${unit.name}`;
  if (metric === "residentKiB") return `KiB per ${unit.name}`;
  return kind === "stall"
    ? `${unit.plural} in flight`
    : `${unit.plural} a second`;
}

/** Scenarios of one group, side by side. */
function formatScaling(
  title: string,
  group: ScenarioResults["group"],
  { scenarios }: Results,
  charts: ChartFiles,
): string[] {
  const columns = scenarios.filter((scenario) => scenario.group === group);
  if (columns.length === 0) return [];
  const rows = columns[0].rows.map(({ peer, label }) => [
    peer.startsWith("sluice") ? `**${label}**` : label,
    ...columns.map((scenario) => {
      const row = scenario.rows.find((row) => row.peer === peer);
      if (row === undefined) return "";
      return row.errors[0]
        ? `failed: ${row.errors[0]}`
        : median(row, "cpuMicros");
    }),
  ]);
  return [
    `## ${title}`,
    ...chart(charts, group),
    table(
      [`server, CPU µs per frame`, ...columns.map(({ title }) => title)],
      rows,
    ),
  ];
}

function chart(charts: ChartFiles, name: string): string[] {
  const file = charts[name];
  return file === undefined ? [] : [`![](${file})`];
}

function median(row: Row, metric: Metric): string {
  const summary = summaryOf(row, metric);
  return summary === undefined ? "" : number(summary.median);
}

function spread({ least, most }: Summary): string {
  if (least === most) return "";
  return `${number(least)} to ${number(most)}`;
}
