import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Measurement } from "../../bench/harness/measure.ts";
import { makeScenarios, PEERS } from "../../bench/peers/catalogue.ts";
import {
  parsePeersOptions,
  type PeersOptions,
} from "../../bench/peers/options.ts";
import { ratioOf, type Row, summaryOf } from "../../bench/peers/results.ts";
import { run } from "../../bench/peers/run.ts";
import { openTargets } from "../../bench/peers/verdicts.ts";

/** What `sluice` takes in each round, where all others take 1. */
type Script = (number | null)[];

const SERVERS = ["sluice", "deno-raw", "deno-framed", "go"];

/** Runs `echo-1`, whose target is 1.1 times `deno-raw`, without a server. */
async function runScript(
  script: Script,
  { mostRounds = 15, servers = SERVERS } = {},
) {
  const all = makeScenarios(parsePeersOptions([]) as PeersOptions);
  const plan = {
    scenario: all.find(({ id }) => id === "echo-1")!,
    peers: PEERS.filter(({ id }) => servers.includes(id)),
  };
  const counts = new Map<string, number>();
  const heard: string[] = [];
  const [scenario] = await run([plan], {
    rounds: 3,
    mostRounds,
    measurePeer(_scenario, { id }) {
      const count = counts.get(id) ?? 0;
      counts.set(id, count + 1);
      const cpuMicros = id === "sluice" ? script[count % script.length] : 1;
      return Promise.resolve(
        cpuMicros === null ? new Error("it broke") : { rate: 1, cpuMicros },
      );
    },
    progress: {
      begin: ({ row }) => heard.push(row.peer),
      end: () => {},
      goOn: (title, round) => heard.push(`${round}: ${title}`),
    },
  });
  const rows = Object.fromEntries(scenario.rows.map((row) => [row.peer, row]));
  return { scenario, rows, further: heard.slice(3 * servers.length) };
}

const cpu = (rounds: (Measurement | null)[]) =>
  rounds.map((round) => round?.cpuMicros ?? null);
const countOf = (row: Row) => row.rounds.length + row.further.length;

Deno.test("run() goes on for a target on both sides of its limit, until it is clear", async () => {
  const { rows, scenario } = await runScript([1, 1.2, 1, 1, 1, 1, 1, 1, 1]);
  // One of nine above: the first time that chance is less than one in twenty.
  assertEquals(countOf(rows.sluice), 9);
  assertEquals(openTargets({ scenarios: [scenario], own: [] }), []);
});

Deno.test("run() gives up after the most rounds, and the target stays open", async () => {
  const { rows, scenario } = await runScript([1, 1.2]);
  assertEquals(countOf(rows.sluice), 15);
  const [target] = openTargets({ scenarios: [scenario], own: [] });
  assertMatch(target.title, /1 frame at a time/);
  const short = await runScript([1, 1.2], { mostRounds: 4 });
  assertEquals(countOf(short.rows.sluice), 4);
  const none = await runScript([1, 1.2], { mostRounds: 3 });
  assertEquals(none.further, []);
});

Deno.test("run() adds no round where all were on one side", async () => {
  for (const script of [[1, 1.05, 1.09], [1.2, 1.3, 1.11]]) {
    const { rows, further } = await runScript(script);
    assertEquals(further, []);
    assertEquals(rows.sluice.further, []);
  }
});

Deno.test("run() measures the servers of a target alone, in turn, and says for which", async () => {
  const { rows, further } = await runScript([1, 1.2], { mostRounds: 7 });
  assertEquals(further.length, 4 * 4);
  for (const at of [0, 1, 2, 3]) {
    const [title, ...peers] = further.slice(4 * at, 4 * at + 4);
    assertMatch(title, new RegExp(`^${at + 3}: Echo, 1 frame at a time`));
    assertEquals(peers.toSorted(), ["deno-framed", "deno-raw", "sluice"]);
  }
  const first = [1, 5, 9, 13].map((at) => further[at]);
  assert(new Set(first).size > 1, `always first: ${first[0]}`);
  // Each round stands in the same place of every row.
  assertEquals(rows.go.further, [null, null, null, null]);
  assertEquals(cpu(rows["deno-raw"].further), [1, 1, 1, 1]);
  assertEquals(cpu(rows.sluice.further), [1.2, 1, 1.2, 1]);
});

Deno.test("run() keeps the rounds of two targets of a scenario apart", async () => {
  // All limits may cost 1.03 times what none does: 1, 0.83, 1.05 of it.
  const { rows } = await runScript([1, 1.2, 0.95], {
    mostRounds: 5,
    servers: ["sluice", "sluice-limits", "deno-raw"],
  });
  assertEquals(cpu(rows["deno-raw"].further), [1, null, 1, null]);
  assertEquals(cpu(rows["sluice-limits"].further), [null, 1, null, 1]);
  assertEquals(cpu(rows.sluice.further), [1, 1.2, 0.95, 1]);
});

Deno.test("run() goes on where a server fails in a further round", async () => {
  const script = [1, 1.2, 1, null, 1, 1, 1, 1, 1, 1];
  const { rows } = await runScript(script);
  assertEquals(cpu(rows.sluice.further).slice(0, 2), [null, 1]);
  assertEquals(countOf(rows.sluice), 10);
  assertEquals(rows.sluice.errors, ["it broke"]);
});

Deno.test("further rounds count in ratios, and not in what rows are compared by", async () => {
  const script = [1, 1.2, 1, 4, 4, 4, 4, 4, 4, 4, 4];
  const { rows } = await runScript(script, { mostRounds: 11 });
  assertEquals(summaryOf(rows.sluice, "cpuMicros")?.median, 1);
  assertEquals(ratioOf(rows.sluice, rows["deno-raw"], "cpuMicros")?.median, 4);
  assertEquals(ratioOf(rows.sluice, rows.go, "cpuMicros")?.median, 1);
});
