#!/usr/bin/env -S deno run
/**
 * What lag and loss do to the game, and what prediction and reconnecting do about it:
 * whole matches over a simulated network, in no time and without a permission.
 *
 * @module
 */

import { commandLine, integerFlag, run } from "../_command_line.ts";
import { print } from "../_output.ts";
import { table } from "../demo/screen.ts";
import type { Point } from "./arena.ts";
import { type Report, simulate, type Weather } from "./simulation.ts";

const HELP = `
Plays the same match on better and worse networks, all of them simulated.

Usage: deno task examples game/lag_demo [--seed N]

  --seed N  chooses the match and the mishaps, 0 to 1000000; 1 by default
  --help    shows this text

Examples:
  deno task examples game/lag_demo
  deno task examples game/lag_demo --seed 7
`;

const { flags } = commandLine(HELP, { seed: "1" });
const seed = integerFlag("seed", flags.seed, { least: 0, most: 1_000_000 });

const NETWORKS: readonly [name: string, weather: Weather][] = [
  ["none", { latencyMs: 0 }],
  ["50 ms each way", { latencyMs: 50 }],
  ["200 ms each way", { latencyMs: 200 }],
  ["100 ms, jitter 100 ms", { latencyMs: 100, jitterMs: 100 }],
  ["50 ms, 10 % loss", { latencyMs: 50, lossRate: 0.1 }],
  ["50 ms, 10 % loss, UDP", { latencyMs: 50, lossRate: 0.1, udp: true }],
  ["50 ms, 30 % loss", { latencyMs: 50, lossRate: 0.3 }],
  ["50 ms, 30 % loss, UDP", { latencyMs: 50, lossRate: 0.3, udp: true }],
  ["50 ms, a reset each 3 s", { latencyMs: 50, resetEveryMs: 3_000 }],
];
/** Ticks of the close look. */
const SHOWN = 12;

await run(async () => {
  const rows = [[
    "lag",
    "moves",
    "server's word",
    "slowest",
    "pause",
    "corrected",
    "reconnects",
    "ann",
    "bob",
    "length",
  ]];
  let slow: Report | undefined;
  for (const [name, weather] of NETWORKS) {
    const report = await simulate(seed, weather);
    rows.push([name, ...columns(report)]);
    if (name.startsWith("200")) slow = report;
  }
  print(
    "Two bots, ann and bob, play to 20 gems. Ann sees her moves at once; the server's\nword comes later, and seldom corrects her. A pause is the longest time without a\nnewer state of the world.\n",
  );
  print(table(rows));
  print("\nA close look at 200 ms each way, tick by tick:\n");
  print(table(closeLook(slow!)));
});

function columns(report: Report): string[] {
  const { moves, corrections, reconnects, gems } = report;
  return [
    String(moves),
    `${report.confirmedAfterMs.toFixed(0)} ms`,
    `${report.slowestMs.toFixed(0)} ms`,
    `${report.longestPauseMs.toFixed(0)} ms`,
    String(corrections),
    String(reconnects),
    String(gems.ann),
    String(gems.bob),
    `${(report.ticks / 10).toFixed(1)} s`,
  ];
}

function closeLook({ moments }: Report): string[][] {
  const show = ({ x, y }: Point) => `${x},${y}`;
  return [
    ["ann's screen", "the server", "without prediction"],
    ...moments.slice(0, SHOWN).map(({ shown, server, confirmed }) =>
      [shown, server, confirmed].map(show)
    ),
  ];
}
