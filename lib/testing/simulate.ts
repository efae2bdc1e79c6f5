/**
 * Simulations: a scenario with hosts, a network, faults and a clock, run under many seeds.
 *
 * @module
 */

import { BusyError } from "../errors.ts";
import { isTimeReplaced } from "./_fake_time.ts";
import { Run, type RunResult } from "./_run.ts";
import {
  type CheckedSimulateOptions,
  checkSimulateOptions,
  type Scenario,
  type SimulateOptions,
  type SimulationReport,
} from "./simulate_options.ts";
import { SimulationError } from "./simulation_error.ts";

let simulating = false;

/**
 * Runs a scenario under many seeds, in a world of its own: hosts, a network with faults,
 * and a clock that moves by itself. The same seed gives the same run, to the byte.
 *
 * A scenario begins with its hosts: each runs its program, and again after a restart. What
 * the scenario does to them, and when, it draws from `world.random`. All that is random in
 * the process comes from the seed, so that what went wrong once goes wrong again: run the
 * seed that the error names alone, with `{ seed }`.
 *
 * Time stands still while anything can run, and then jumps to the next timer: an hour of
 * simulated time takes as long as what happens in it.
 *
 * **What is replaced**, until the simulation has ended:
 *
 * - time: `setTimeout`, `setInterval`, `setImmediate` and what clears them,
 *   `AbortSignal.timeout`, `performance.now`, `Date` (which begins at 2000-01-01 UTC),
 *   `Temporal.Now`, `Deno.refTimer` and `Deno.unrefTimer`;
 * - random numbers: `Math.random`, `crypto.getRandomValues`, `crypto.randomUUID`;
 * - the methods of `crypto.subtle`, which take no simulated time and end in order;
 * - real I/O is refused with a `TypeError`: `fetch`, `WebSocket`, `WebSocketStream`,
 *   `WebTransport`, `EventSource`, `Worker`, `MessageChannel`, `BroadcastChannel`, `alert`,
 *   `confirm`, `prompt`, reading `Deno.stdin`, and the network, file and process functions of
 *   `Deno`; `Deno.stdout.write` and that of `stderr` write at once.
 *
 * **What cannot be**: what a module has kept for itself, the modules of `node:` (their
 * timers, sockets and files, `process.hrtime`), what `performance` has beside `now`,
 * `Intl.DateTimeFormat` that is given no date, `import()`, `WebAssembly.compile` and its
 * like, `Atomics.waitAsync`, `caches`, TLS, keys of `crypto.subtle.generateKey`, when garbage
 * is collected, and variables that outlive a run. The first seed runs twice and one that fails runs again, and the runs are
 * compared: the simulation fails with `"not-deterministic"` where they differ. A loop of
 * microtasks alone never ends, in a simulation as elsewhere.
 *
 * A scenario ends when its function and all that it has `spawn`ed have; then the hosts are
 * stopped. One simulation at a time, and no fake clock beside it; other code of the
 * process would run on the simulation's clock.
 *
 * Cancellation: `signal` ends it between two steps, and rejects with its reason.
 *
 * @param options Seeds, hosts, the network, and limits.
 * @param scenario What happens in the world of each seed.
 * @returns How much was simulated.
 * @throws {SimulationError} The first seed that failed: the scenario threw, a program or a
 * task threw, it cannot end, it left something behind, or it is not deterministic.
 * @throws {BusyError} Another simulation or a fake clock is under way.
 * @throws {TypeError} An option is of the wrong kind, or is not known.
 * @throws {RangeError} An option is out of its range.
 * @throws {unknown} The reason of the signal, untouched.
 * @category Simulations
 *
 * @example A client that survives crashes of its server
 * ```ts
 * import { simulate } from "@sluice/net/testing";
 * import { retry } from "@sluice/net/timeout";
 * import { assertEquals } from "@std/assert";
 *
 * await simulate({
 *   seeds: 20,
 *   hosts: {
 *     server: (host) => host.serve(async (socket) => {
 *       for await (const chunk of socket) await socket.write(chunk);
 *     }),
 *   },
 * }, async (world) => {
 *   const client = world.host("client");
 *   const server = world.host("server");
 *   world.spawn(async () => {
 *     await world.sleep(world.integer(1, 100));
 *     server.crash();
 *     await world.sleep(world.integer(1, 5_000));
 *     server.restart();
 *   });
 *   const answer = await retry(async () => {
 *     await using socket = await client.connect({ name: "server" });
 *     await socket.write("hello\n");
 *     return await socket.readLine({ timeoutMs: 1_000 });
 *   }, { attempts: 20 });
 *   assertEquals(answer, "hello");
 * });
 * ```
 */
export async function simulate(
  options: SimulateOptions,
  scenario: Scenario,
): Promise<SimulationReport> {
  const checked = checkSimulateOptions(options, scenario);
  if (simulating) throw busy("another simulation is under way");
  simulating = true;
  try {
    return await runSeeds(checked, scenario);
  } finally {
    simulating = false;
  }
}

async function runSeeds(
  options: CheckedSimulateOptions,
  scenario: Scenario,
): Promise<SimulationReport> {
  const report = { seeds: 0, simulatedMs: 0, steps: 0, events: 0 };
  for (let i = 0; i < options.seeds; i++) {
    const seed = options.seed + i;
    let result = await runSeed(seed, options, scenario, false);
    if (i === 0 || result.failure !== undefined) {
      result = await runAgain(seed, options, scenario, result);
    }
    if (result.failure !== undefined) throw errorOf(seed, result);
    report.seeds++;
    report.simulatedMs += result.atMs;
    report.steps += result.steps;
    report.events += result.events;
  }
  return report;
}

async function runSeed(
  seed: number,
  options: CheckedSimulateOptions,
  scenario: Scenario,
  tracesTimers: boolean,
): Promise<RunResult> {
  options.signal?.throwIfAborted();
  if (isTimeReplaced()) throw busy("a fake clock is in place");
  using run = new Run(seed, options, tracesTimers);
  return await run.run(scenario);
}

/**
 * Runs a seed until two runs in a row are the same; a third time where they are not, as
 * the first one may have loaded modules.
 */
async function runAgain(
  seed: number,
  options: CheckedSimulateOptions,
  scenario: Scenario,
  first: RunResult,
): Promise<RunResult> {
  // Where a timer was set is looked up only for one that was left.
  const tracesTimers = first.failure?.reason === "leak";
  const second = await runSeed(seed, options, scenario, tracesTimers);
  if (second.fingerprint === first.fingerprint) return second;
  const third = await runSeed(seed, options, scenario, tracesTimers);
  if (third.fingerprint === second.fingerprint && first.failure === undefined) {
    return third;
  }
  const failure = (first.failure ?? second.failure ?? third.failure)?.cause;
  const where = third.fingerprint === second.fingerprint
    ? difference(first, second)
    : difference(second, third);
  throw new SimulationError(
    `the same seed gave another run: ${where}`,
    {
      ...third,
      reason: "not-deterministic",
      seed,
      ...failure === undefined ? {} : { cause: failure },
    },
  );
}

function errorOf(seed: number, result: RunResult): SimulationError {
  const { failure, atMs, trace } = result;
  const { reason, what, cause } = failure!;
  return new SimulationError(`${what} (after ${atMs} ms)`, {
    reason,
    seed,
    atMs,
    trace,
    ...cause === undefined ? {} : { cause },
  });
}

/** Where two runs part. */
function difference(one: RunResult, other: RunResult): string {
  const length = Math.max(one.trace.length, other.trace.length);
  for (let i = 0; i < length; i++) {
    const [was, is] = [one, other].map(({ trace }) => JSON.stringify(trace[i]));
    if (was !== is) return `event ${i} was ${was}, then ${is}`;
  }
  const [was, is] = [one, other].map(({ failure }) => failure?.what);
  if (was !== is) {
    return `${was ?? "it ended well"}, then ${is ?? "it ended well"}`;
  }
  return `it took ${one.steps} and ${other.steps} steps, and drew ${one.draws} and ${other.draws} random numbers`;
}

function busy(why: string): BusyError {
  return new BusyError(`Cannot simulate: ${why}`, { operation: "simulate" });
}
