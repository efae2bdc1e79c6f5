import { assertEquals, assertObjectMatch, assertThrows } from "@std/assert";
import { parseCompareOptions } from "../../bench/compare/options.ts";
import {
  parsePeersOptions,
  type PeersOptions,
  USAGE,
} from "../../bench/peers/options.ts";

Deno.test("parsePeersOptions() makes a full run by default, which is kept", () => {
  assertObjectMatch(parsePeersOptions([]) as object, {
    only: [],
    rounds: 3,
    mostRounds: 15,
    measureMs: 2_000,
    connections: 50,
    idleConnections: 5_000,
    silenceMs: 60_000,
    out: "bench/results",
  });
});

Deno.test("parsePeersOptions() keeps no part of a run unless it is told where", () => {
  for (const args of [["--quick"], ["--only=echo-1,go"]]) {
    assertObjectMatch(parsePeersOptions(args) as object, { out: undefined });
    const kept = parsePeersOptions([...args, "--out", "here"]) as object;
    assertObjectMatch(kept, { out: "here" });
  }
});

Deno.test("parsePeersOptions() goes on for no target in a part of a run unless it is told to", () => {
  for (const args of [["--quick"], ["--only=echo-1,go"]]) {
    const { rounds, mostRounds } = parsePeersOptions(args) as PeersOptions;
    assertEquals(mostRounds, rounds);
    const told = parsePeersOptions([...args, "--most-rounds=9"]) as object;
    assertObjectMatch(told, { rounds, mostRounds: 9 });
  }
});

Deno.test("parsePeersOptions() reads every option", () => {
  const options = parsePeersOptions(
    "--only echo-1,go --rounds 5 --most-rounds 20 --seconds 0.5 --connections 7 --generators 3"
      .split(" "),
  );
  assertObjectMatch(options as object, {
    only: ["echo-1", "go"],
    rounds: 5,
    mostRounds: 20,
    measureMs: 500,
    warmupMs: 250,
    connections: 7,
    generators: 3,
  });
  assertEquals(parsePeersOptions(["--help", "--rounds=3"]), "help");
});

Deno.test("--help names every option of bench:peers", () => {
  const named = USAGE.matchAll(/^ {2}(--[a-z-]+)/gm).map(([, name]) => name);
  assertEquals(named.toArray(), [
    "--only",
    "--rounds",
    "--most-rounds",
    "--seconds",
    "--connections",
    "--generators",
    "--out",
    "--quick",
    "--help",
  ]);
});

Deno.test("parsePeersOptions() says what is wrong with an option", () => {
  const wrong: [args: string, says: string][] = [
    [
      "--rounds=0",
      "--rounds must be a number from 1 to 100, got 0",
    ],
    ["--rounds=1.5", "--rounds must be a whole number, got 1.5"],
    ["--most-rounds=101", "--most-rounds must be a number from 1 to 100"],
    ["--rounds", "--rounds must be given a value, got nothing"],
    [
      "--seconds=soon",
      "--seconds must be a number from 0.1 to 600, got soon",
    ],
    ["--connections=-1", "--connections must be a number from 1 to 10000"],
    ["--slow", "--slow must be an option that --help names"],
    ["echo-1", "echo-1 must be an option that --help names"],
  ];
  for (const [args, says] of wrong) {
    assertThrows(() => parsePeersOptions(args.split(" ")), RangeError, says);
  }
});

Deno.test("parseCompareOptions() needs exactly one revision", () => {
  assertObjectMatch(parseCompareOptions(["HEAD~1", "--rounds=3"]) as object, {
    revision: "HEAD~1",
    rounds: 3,
    measureMs: 1_000,
  });
  // All digits, and still no number.
  assertObjectMatch(parseCompareOptions(["0123456"]) as object, {
    revision: "0123456",
  });
  assertEquals(parseCompareOptions(["--help"]), "help");
  assertThrows(
    () => parseCompareOptions([]),
    RangeError,
    "got none",
  );
  assertThrows(
    () => parseCompareOptions(["a", "b"]),
    RangeError,
    "got a b",
  );
  assertThrows(
    () => parseCompareOptions(["HEAD", "--only"]),
    RangeError,
    "--only must be given a value",
  );
  assertThrows(
    () => parseCompareOptions(["HEAD", "--fast"]),
    RangeError,
    "--fast must be an option",
  );
});
