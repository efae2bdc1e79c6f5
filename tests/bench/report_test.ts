import {
  assert,
  assertEquals,
  assertMatch,
  assertObjectMatch,
  assertStringIncludes,
} from "@std/assert";
import { drawCharts } from "../../bench/peers/charts.ts";
import { number, table } from "../../bench/harness/format.ts";
import { formatReport, formatScenario } from "../../bench/peers/report.ts";
import { judge } from "../../bench/peers/verdicts.ts";
import { formatComparison, verdict } from "../../bench/compare/main.ts";
import { cpuRow, resultsOf, scenarioOf } from "./_results.ts";

/** The cells of a Markdown table's line. */
const cells = (line: string) =>
  line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim());

Deno.test("number() keeps three digits that count", () => {
  assertEquals(
    [0.123456, 1.23456, 12.3456, 123.456, 1234.56, 1234567, 0, 0.00001].map(
      number,
    ),
    ["0.123", "1.23", "12.3", "123", "1,235", "1,234,567", "0", "0.0000"],
  );
  assertEquals(number(NaN), "");
});

Deno.test("table() pads its columns and keeps cells in their place", () => {
  assertEquals(
    table(["a", "long head"], [["x|y", "1\n2"], ["z"]]),
    [
      "| a    | long head |",
      "| ---- | --------- |",
      "| x\\|y | 1 2       |",
      "| z    |           |",
    ].join("\n"),
  );
});

Deno.test("formatScenario() puts the least CPU first and compares within rounds", () => {
  const text = formatScenario(scenarioOf("echo-1", [
    cpuRow("sluice", 2, 4, 3),
    cpuRow("go", 1, 1, 3),
    cpuRow("node", 8, 8, 6),
  ]));
  const [head, , ...rows] = text.split("\n").map(cells);
  assertEquals(head.slice(0, 4), [
    "server",
    "CPU µs per frame",
    "×",
    "frames a second",
  ]);
  assertEquals(rows.map((row) => row.slice(0, 3)), [
    ["the go", "1.00", "0.500 (0.250 to 1.00)"],
    ["**the sluice**", "3.00", "1.00"],
    ["the node", "8.00", "2.00 (2.00 to 4.00)"],
  ]);
});

Deno.test("formatScenario() shows memory of idle connections, and failures in words", () => {
  const idle = scenarioOf("idle", [
    { ...cpuRow("sluice"), rounds: [{ rate: 1, residentKiB: 8 }] },
    { ...cpuRow("node"), rounds: [{ rate: 1, residentKiB: 4 }] },
  ], { kind: "hold" });
  const rows = formatScenario(idle).split("\n").slice(2).map(cells);
  assertEquals(rows, [
    ["the node", "4.00", "0.500"],
    ["**the sluice**", "8.00", "1.00"],
  ]);
  const failed = scenarioOf("echo-1", [
    cpuRow("sluice", 2),
    cpuRow("go", null),
  ]);
  assertStringIncludes(formatScenario(failed), "failed: it \\| broke badly");
});

Deno.test("judge() meets, misses, or says that nothing was measured", () => {
  const results = resultsOf(
    scenarioOf("echo-1", [
      cpuRow("sluice", 11, 10.5),
      cpuRow("deno-raw", 10, 10),
      cpuRow("deno-framed", 20, 15),
    ]),
    scenarioOf("echo-16", [cpuRow("sluice", 2), cpuRow("go", 1)]),
    scenarioOf("bulk", [cpuRow("sluice", 2), cpuRow("deno-raw", 3)]),
  );
  const verdicts = judge(results);
  const find = (part: string) =>
    verdicts.find(({ title }) => title.includes(part))!;
  assertEquals(find("raw Deno read/write").outcome, "met");
  assertEquals(find("raw Deno read/write").measured?.most, 1.1);
  assertEquals(find("16 at a time").outcome, "missed");
  // What the least on Deno gets stands beside it, where that was measured.
  assertEquals(find("raw Deno read/write").floor?.median, 1.75);
  assertEquals(find("16 at a time").floor, undefined);
  assertMatch(
    formatReport(results, {}),
    /read\/write loop[^\n]*\| met +\| 1\.75/,
  );
  // Speed, where more is better.
  assertEquals(find("readInto").measured?.median, 1.5);
  assertEquals(find("readInto").outcome, "met");
  assertEquals(find("Importing").outcome, "met");
  assertEquals(find("128 at a time, batches").outcome, "not measured");
});

Deno.test("formatReport() of a part names only the targets that it is about", () => {
  const part = resultsOf(
    scenarioOf("redis-get", [cpuRow("sluice", 2), cpuRow("ioredis-node", 8)]),
  );
  const report = formatReport({ ...part, own: [] }, {});
  assertMatch(report, /ioredis on Node +\| ≤ 0\.67 +\| 0\.25/);
  assert(!report.includes("not measured"), report);
  assertStringIncludes(formatReport(part, {}), "not measured");
  const none = resultsOf(scenarioOf("stalled", [cpuRow("sluice", 2)]));
  const without = formatReport({ ...none, own: [] }, {});
  assert(!without.includes("## Targets"), without);
});

Deno.test("judge() says on how many rounds it stands, and leaves open what is too close", () => {
  const row = cpuRow("sluice", 1, 1.2, 1);
  const base = cpuRow("deno-raw", 1, 1, 1);
  const judgeRow = () => judge(resultsOf(scenarioOf("echo-1", [row, base])))[0];
  assertObjectMatch(judgeRow(), { rounds: 3, outcome: "too close to call" });
  row.further = cpuRow("sluice", 1, null, 1, 1, 1, 1, 1).rounds;
  base.further = cpuRow("deno-raw", 1, null, 1, 1, 1, 1, 1).rounds;
  assertObjectMatch(judgeRow(), { rounds: 9, outcome: "met" });
  row.further = cpuRow("sluice", 1.2, 1.3).rounds;
  base.further = cpuRow("deno-raw", 1, 1).rounds;
  assertObjectMatch(judgeRow(), { rounds: 5, outcome: "too close to call" });
});

Deno.test("formatReport() says what is too close to call, and explains further rounds", () => {
  const results = (mostRounds: number, ...cpu: number[]) => {
    const base = cpuRow("deno-raw", ...cpu.map(() => 1));
    const run = resultsOf(
      scenarioOf("echo-1", [cpuRow("sluice", ...cpu), base]),
    );
    return { ...run, settings: { ...run.settings, mostRounds }, own: [] };
  };
  const target = (report: string) =>
    cells(report.split("\n").find((line) => line.includes("read/write loop"))!)
      .slice(2, 6);
  const open = formatReport(results(15, 1.2, 1, 1.2), {});
  assertEquals(target(open), [
    "1.20",
    "1.00 to 1.20",
    "3",
    "too close to call",
  ]);
  assertStringIncludes(open, "further rounds, up to 15 in all");
  assertStringIncludes(open, "_Too close to call_: ");
  const sure = formatReport(results(3, 1, 1.05, 1), {});
  assertEquals(target(sure), ["1.00", "1.00 to 1.05", "3", "met"]);
  assert(!/further rounds|too close/i.test(sure));
});

Deno.test("judge() keeps apart an idle connection after a minute and after two seconds", () => {
  const memory = (peer: string, residentKiB: number) => ({
    ...cpuRow(peer),
    rounds: [{ rate: 1, residentKiB }],
  });
  const idle = scenarioOf("idle", [
    memory("sluice-limits", 13),
    memory("deno-idle", 7.5),
  ], { kind: "hold" });
  const minute = scenarioOf("idle-minute", [
    memory("sluice-idle", 8.5),
    memory("deno-idle", 6),
  ], { kind: "hold" });
  const verdicts = judge(resultsOf(idle, minute))
    .filter(({ title }) => title.includes("idle connection"));
  assertEquals(
    verdicts.map(({ target, measured, outcome, floor }) => [
      target,
      measured?.median,
      outcome,
      floor?.median,
    ]),
    [["≤ 9", 8.5, "met", 6], ["≤ 9", 13, "missed", 7.5]],
  );
  assertMatch(verdicts[0].title, /after a minute of silence/);
  assertMatch(verdicts[1].title, /2 s after it was opened/);
});

Deno.test("formatReport() tells everything, and embeds the charts there are", () => {
  const sizes = ["16 B", "4 KiB"].map((title) =>
    scenarioOf(`size-${title}`, [cpuRow("sluice", 3)], {
      title,
      group: "sizes",
    })
  );
  const results = resultsOf(
    scenarioOf("echo-1", [cpuRow("sluice", 2), cpuRow("go", 1)]),
    ...sizes,
  );
  const report = formatReport(results, { "echo-1": "echo-1.svg" });
  assertStringIncludes(report, "Commit abcdef1, 2026-01-02");
  assertStringIncludes(report, "Skipped: bun, as it is not on the PATH.");
  assertStringIncludes(report, "![](echo-1.svg)");
  assertMatch(
    report,
    /## CPU per frame by its size\n\n\| server[^\n]*16 B +\| 4 KiB/,
  );
  assertStringIncludes(report, "12.0 ms");
});

Deno.test("drawCharts() draws bars for scenarios and lines for the scaling study", async () => {
  const counts = ["1", "10"].map((title, index) =>
    scenarioOf(`connections-${title}`, [cpuRow("sluice", 3 + index)], {
      title,
      group: "connections",
    })
  );
  const charts = drawCharts(resultsOf(
    scenarioOf("echo-1", [cpuRow("sluice", 2.5), cpuRow("go", 1.25)]),
    scenarioOf("churn", [cpuRow("sluice", null)]),
    ...counts,
  ));
  assertEquals(charts.map(({ file }) => file), [
    "echo-1.svg",
    "connections.svg",
  ]);
  for (const { svg } of charts) assertMatch(svg, /^<svg [^]*<\/svg>\n$/);
  assertStringIncludes(charts[0].svg, ">the go</text>");
  assertStringIncludes(charts[0].svg, ">1.25</text>");
  // ECharts leaves one timer of 16 ms behind; it fires before any later one.
  await new Promise((resolve) => setTimeout(resolve, 17));
});

Deno.test("formatComparison() says better or worse only where chance would not", () => {
  assertEquals(verdict(Array(7).fill(0.9)), "**better**");
  assertEquals(verdict(Array(7).fill(1.1)), "**worse**");
  assertEquals(verdict([0.5, 0.6, 0.7]), "no difference seen");
  const text = formatComparison(
    [{ id: "echo-1", unit: "µs" }, { id: "bulk", unit: "µs" }],
    [
      { base: [2, 4, 2], work: [1, 1, undefined] },
      { base: [undefined], work: [1] },
    ],
    "0123456789abcdef",
  );
  const [head, , echo, bulk] = text.split("\n").map(cells);
  assertEquals(head[2], "0123456789");
  assertEquals(echo, [
    "echo-1",
    "µs",
    "2.00",
    "1.00",
    "0.375",
    "0.250 to 0.500",
    "no difference seen",
  ]);
  assertEquals(bulk, ["bulk", "µs", "failed", "1.00", "", "", ""]);
});
