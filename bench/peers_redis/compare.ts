#!/usr/bin/env -S deno run --allow-read=. --allow-env --allow-run
/**
 * `redis-benchmark -P 16` against `examples/redis/` and against the same commands on
 * `node:net`, in turns, each time in a fresh process. Prints requests a second, their
 * ratio, and the server's own CPU time for a request.
 *
 * ```sh
 * deno run --allow-read --allow-env --allow-run bench/peers_redis/compare.ts [ROUNDS]
 * ```
 *
 * @module
 */

import { withImportMap } from "../../tools/_command.ts";
import { exampleArguments } from "../../tools/_examples.ts";
import { findStdSource } from "../../tools/_std.ts";

const ROOT = new URL("../../", import.meta.url);
const REQUESTS = 500_000;
const TESTS = ["PING_MBULK", "SET", "GET", "INCR"];
const NODE_NET = "bench/peers_redis/node_net.js";
/** The same commands on `node:net`, in Node and in this Deno. */
const PEERS: Record<string, string[]> = {
  node: ["node", NODE_NET, "0"],
  "node:net in Deno": [
    Deno.execPath(),
    "run",
    "--allow-net=127.0.0.1",
    NODE_NET,
    "0",
  ],
};
/** Clock ticks a second in /proc, on every Linux that Deno runs on. */
const TICKS = 100;

interface Result {
  requests: number;
  cpuUs: number;
}

async function sluice(): Promise<string[]> {
  const args = await exampleArguments("redis/server");
  return [
    Deno.execPath(),
    ...withImportMap(args, await findStdSource()),
    "--listen",
    "127.0.0.1:0",
  ];
}

async function measure(command: string[]): Promise<Map<string, Result>> {
  const server = new Deno.Command(command[0], {
    args: command.slice(1),
    cwd: ROOT,
    stdout: "piped",
  }).spawn();
  try {
    const output = server.stdout.pipeThrough(new TextDecoderStream());
    const reader = output.getReader();
    let text = "";
    while (!/:(\d+)\n/.test(text)) text += (await reader.read()).value ?? "";
    const port = /:(\d+)\n/.exec(text)![1];
    reader.cancel();
    await load(port, "PING_MBULK"); // Warm: the first one pays for the compiler.
    const results = new Map<string, Result>();
    for (const test of TESTS) {
      const before = await cpuSeconds(server.pid);
      const requests = await load(port, test);
      const cpu = await cpuSeconds(server.pid) - before;
      results.set(test, { requests, cpuUs: 1e6 * cpu / REQUESTS });
    }
    return results;
  } finally {
    server.kill("SIGKILL");
    await server.status;
  }
}

async function load(port: string, test: string): Promise<number> {
  const { stdout } = await new Deno.Command("redis-benchmark", {
    // deno-fmt-ignore
    args: ["-p", port, "-P", "16", "-n", String(REQUESTS),
      "-t", test.toLowerCase(), "--csv"],
  }).output();
  const line = new TextDecoder().decode(stdout).split("\n").find((line) =>
    line.startsWith(`"${test}"`)
  );
  return Number(line?.split(",")[1].replaceAll('"', ""));
}

/** User and system time of a process so far. */
async function cpuSeconds(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", {
    args: [`/proc/${pid}/stat`],
  }).output();
  const fields = new TextDecoder().decode(stdout).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

const rounds = Number(Deno.args[0] ?? 2);
for (let round = 1; round <= rounds; round++) {
  const ours = await measure(await sluice());
  for (const [peer, command] of Object.entries(PEERS)) {
    const theirs = await measure(command);
    console.log(`round ${round}, against ${peer}`);
    for (const test of TESTS) report(test, ours.get(test)!, theirs.get(test)!);
  }
}

function report(test: string, ours: Result, theirs: Result): void {
  const ratio = (ours.requests / theirs.requests).toFixed(2);
  const cpu = (theirs.cpuUs / ours.cpuUs).toFixed(2);
  console.log(
    `  ${test.padEnd(10)} ${ratio} times the requests ` +
      `(${Math.round(ours.requests)} : ${
        Math.round(theirs.requests)
      } a second), ` +
      `CPU ratio ${cpu} (${ours.cpuUs.toFixed(2)} : ${
        theirs.cpuUs.toFixed(2)
      } µs)`,
  );
}
