/**
 * What a simulation is told, and what it tells.
 *
 * @module
 */

import {
  checkAboveZero,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkNames,
  checkObject,
  checkSignal,
  checkText,
  readOptions,
  wrongKind,
} from "../_check.ts";
import type { Random } from "../_random.ts";
import type { MemoryNetworkOptions } from "./memory_network_options.ts";
import type { HostProcess } from "./host_process.ts";
import type { World } from "./world.ts";

/**
 * What a scenario does. What it returns is awaited, and otherwise ignored.
 *
 * @category Simulations
 */
export type Scenario = (world: World) => unknown;

/**
 * What a host runs from its start until it crashes or the simulation ends, and again after
 * each restart. It may end earlier; what it returns is awaited, and otherwise ignored.
 *
 * @category Simulations
 */
export type HostProgram = (host: HostProcess, world: World) => unknown;

/**
 * What the network of a simulation is like; the simulation has the seed.
 *
 * @category Simulations
 */
export type SimulatedNetworkOptions = Omit<MemoryNetworkOptions, "seed">;

/**
 * Options of {@linkcode simulate}.
 *
 * @category Simulations
 *
 * @example
 * ```ts
 * import { simulate, type SimulateOptions } from "@sluice/net/testing";
 *
 * const options: SimulateOptions = {
 *   seeds: 20,
 *   network: (random) => ({ latencyMs: 1, jitterMs: 100 * random() }),
 *   hosts: { echo: (host) => host.serve((socket) => socket.write("hello")) },
 * };
 * await simulate(options, async (world) => {
 *   await using socket = await world.host("client").connect({ name: "echo" });
 *   await socket.readExactly(5);
 * });
 * ```
 */
export interface SimulateOptions {
  /**
   * The first seed, an integer of at least 0.
   *
   * @default {1}
   */
  seed?: number | undefined;
  /**
   * How many seeds, from the first one on.
   *
   * @default {100}, or 1 where `seed` is given.
   */
  seeds?: number | undefined;
  /**
   * Hosts that are there from the start: their names, or their programs by name. Programs
   * start in this order, before the scenario does. None by default: `world.host(name)`
   * makes others.
   */
  hosts?: readonly string[] | Readonly<Record<string, HostProgram>> | undefined;
  /**
   * What the network is like, or a function that draws it for each seed.
   *
   * @default {{ latencyMs: 1, jitterMs: 20 }}
   */
  network?:
    | SimulatedNetworkOptions
    | ((random: () => number) => SimulatedNetworkOptions)
    | undefined;
  /**
   * Most milliseconds of simulated time that a scenario may take.
   *
   * @default {600_000}
   */
  timeLimitMs?: number | undefined;
  /**
   * Whether a scenario fails that leaves sockets open which it has connected, or timers
   * that run.
   *
   * @default {true}
   */
  checkLeaks?: boolean | undefined;
  /** Ends the simulation between two steps. None by default. */
  signal?: AbortSignal | undefined;
}

/**
 * What a simulation has done.
 *
 * @category Simulations
 */
export interface SimulationReport {
  /** How many seeds have run. */
  readonly seeds: number;
  /** Simulated milliseconds, of all seeds together. */
  readonly simulatedMs: number;
  /** Timers and immediates that ran. */
  readonly steps: number;
  /** What happened on the networks: see `NetworkEvent`. */
  readonly events: number;
}

const ACTION = "simulate";

const OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    "seed",
    "seeds",
    "hosts",
    "network",
    "timeLimitMs",
    "checkLeaks",
    "signal",
  ] satisfies (keyof SimulateOptions)[],
);

/** All that there is to know of a simulation. */
export interface CheckedSimulateOptions {
  readonly seed: number;
  readonly seeds: number;
  /** Programs by name. */
  readonly hosts: ReadonlyMap<string, HostProgram | undefined>;
  readonly network: (random: Random) => SimulatedNetworkOptions;
  readonly timeLimitMs: number;
  readonly checkLeaks: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Throws if an option is wrong; gives all of them. */
export function checkSimulateOptions(
  given: SimulateOptions,
  scenario: Scenario,
): CheckedSimulateOptions {
  checkNames(ACTION, "options", given, OPTION_NAMES);
  const options = readOptions(given, OPTION_NAMES);
  const { seed = 1, hosts = [], signal } = options;
  const { seeds = options.seed === undefined ? 100 : 1 } = options;
  const { network = { latencyMs: 1, jitterMs: 20 } } = options;
  const { timeLimitMs = 600_000, checkLeaks = true } = options;
  checkInteger(ACTION, "seed", seed, 0);
  checkInteger(ACTION, "seeds", seeds, 1);
  checkAboveZero(ACTION, "timeLimitMs", timeLimitMs);
  checkBoolean(ACTION, "checkLeaks", checkLeaks);
  if (typeof network !== "function") checkObject(ACTION, "network", network);
  if (signal !== undefined) checkSignal(ACTION, "signal", signal);
  checkFunction(ACTION, "scenario", scenario);
  return {
    seed,
    seeds,
    hosts: checkHosts(hosts),
    network: typeof network === "function" ? network : () => network,
    timeLimitMs,
    checkLeaks,
    signal,
  };
}

function checkHosts(
  hosts: unknown,
): ReadonlyMap<string, HostProgram | undefined> {
  const checked = new Map<string, HostProgram | undefined>();
  if (Array.isArray(hosts)) {
    for (const name of hosts) {
      checkText(ACTION, "the name of a host", name);
      if (checked.has(name)) {
        throw wrongKind(ACTION, "hosts", "different names", hosts);
      }
      checked.set(name, undefined);
    }
    return checked;
  }
  checkObject(ACTION, "hosts", hosts);
  for (const [name, program] of Object.entries(hosts)) {
    checkText(ACTION, "the name of a host", name);
    checkFunction(ACTION, `the program of host ${name}`, program);
    checked.set(name, program as HostProgram);
  }
  return checked;
}
