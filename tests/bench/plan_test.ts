import { assert, assertEquals } from "@std/assert";
import {
  makeScenarios,
  PEERS,
  peersOf,
  type Scenario,
} from "../../bench/peers/catalogue.ts";
import {
  parsePeersOptions,
  type PeersOptions,
} from "../../bench/peers/options.ts";
import { makePlan, runtimesFor } from "../../bench/peers/plan.ts";
import type { Runtimes } from "../../bench/peers/runtimes.ts";

const scenarios = makeScenarios(parsePeersOptions([]) as PeersOptions);
const withoutNeeds = scenarios.filter(({ needs }) => needs === undefined);
const command = () => ({ program: "", args: [] });
const denoAlone: Pick<Runtimes, "found"> = {
  found: { deno: { version: "", command } },
};

Deno.test("makePlan() leaves out servers whose runtime is missing", () => {
  const plans = makePlan(scenarios, denoAlone, []);
  assertEquals(plans.length, withoutNeeds.length);
  for (const { peers, scenario } of plans) {
    const ours = scenario.id === "idle-minute" ? "sluice-idle" : "sluice";
    assertEquals(peers[0].id, ours);
    assert(peers.every(({ runtime }) => runtime === "deno"));
  }
});

Deno.test("makePlan() keeps what was asked for, and what ratios need", () => {
  const plans = makePlan(scenarios, denoAlone, ["echo-16", "bulk", "deno-raw"]);
  assertEquals(
    plans.map(({ scenario, peers }) => [
      scenario.id,
      ...peers.map(({ id }) => id),
    ]),
    [["echo-16", "sluice", "deno-raw"], ["bulk", "sluice", "deno-raw"]],
  );
  const everywhere = makePlan(scenarios, denoAlone, ["deno-raw"]);
  assertEquals(everywhere.length, withoutNeeds.length);
});

Deno.test("makePlan() leaves out a scenario that needs what is missing", () => {
  assertEquals(makePlan(scenarios, denoAlone, ["redis-get"]), []);
  const { found } = denoAlone;
  const redis = { "redis-server": { version: "", command } };
  const plans = makePlan(scenarios, { found: { ...found, ...redis } }, [
    "redis-get",
  ]);
  assertEquals(plans.map(({ peers }) => peers.map(({ id }) => id)), [[
    "sluice",
  ]]);
});

Deno.test("runtimesFor() asks for nothing that no server needs", () => {
  assertEquals(
    runtimesFor(scenarios, ["redis-get"]),
    new Set(
      ["deno", "deno-packages", "node-packages", "redis-server"] as const,
    ),
  );
  const echo = runtimesFor(scenarios, ["echo-16", "sluice"]);
  assert(echo.has("go") && !echo.has("node-packages"));
  assert(runtimesFor(scenarios, []).size > echo.size);
});

Deno.test("makePlan() keeps Sluice where it takes part under another name", () => {
  const [plan] = makePlan(scenarios, denoAlone, ["idle-minute", "deno-idle"]);
  assertEquals(plan.peers.map(({ id }) => id), ["sluice-idle", "deno-idle"]);
});

Deno.test("idle-minute is a minute of silence, once, of those who say something about it", () => {
  const find = (all: Scenario[]) => all.find(({ id }) => id === "idle-minute")!;
  const { load, silenceMs, once, title } = find(scenarios);
  assertEquals([load.kind, silenceMs, once], ["hold", 60_000, true]);
  assertEquals(title, "5,000 connections after 60 s of silence");
  assertEquals(peersOf(find(scenarios)).map(({ id }) => id), [
    "sluice-idle",
    "deno-idle",
    "deno-node",
    "node",
    "bun",
    "go",
  ]);
  const quick = makeScenarios(parsePeersOptions(["--quick"]) as PeersOptions);
  assertEquals(find(quick).silenceMs, 1_000);
});

Deno.test("no scenario and no server share a name", () => {
  const names = [...scenarios, ...PEERS].map(({ id }) => id);
  assertEquals(new Set(names).size, names.length);
});
