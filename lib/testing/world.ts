/**
 * What a scenario of a simulation is given.
 *
 * @module
 */

import { checkFunction, checkInteger, checkText } from "../_check.ts";
import type { Random } from "../_random.ts";
import type { CallOptions } from "../time/call_limits.ts";
import { sleep } from "../time/sleep.ts";
import type { MemoryNetwork } from "./memory_network.ts";
import type { NetworkEvent } from "./memory_network_options.ts";
import type { SimulatedHost } from "./simulated_host.ts";

/** What a world is made of. */
export interface WorldContext {
  readonly seed: number;
  readonly network: MemoryNetwork;
  readonly random: Random;
  readonly clock: SimulatedClock;
  readonly hosts: ReadonlyMap<string, SimulatedHost>;
  /** Makes a host that is not among them, and adds it. */
  readonly makeHost: (name: string) => SimulatedHost;
  /** Takes a task that the scenario has to wait for. */
  readonly onSpawn: (task: Promise<unknown>) => void;
}

/**
 * The clock of a simulation, which moves by itself when nothing is left to run.
 *
 * @category Simulations
 */
export interface SimulatedClock {
  /** Milliseconds since the simulation began, as `performance.now` says. */
  readonly nowMs: number;
  /** Timers that are running. */
  readonly pending: number;
}

/**
 * The world of one seed: its hosts, the network between them, and its random numbers.
 *
 * @category Simulations
 *
 * @example
 * ```ts
 * import { simulate, type World } from "@sluice/net/testing";
 * import { assert } from "@std/assert";
 *
 * async function cutOff(world: World, host: string): Promise<void> {
 *   world.network.partition(host);
 *   await world.sleep(world.integer(1, 1_000));
 *   world.network.heal(host);
 * }
 * await simulate({ seeds: 5 }, async (world) => {
 *   await cutOff(world, "db");
 *   assert(world.clock.nowMs <= 1_000);
 *   assert(world.trace.length === 2);
 * });
 * ```
 */
export class World {
  readonly #context: WorldContext;

  /** Made by {@linkcode simulate}. */
  constructor(context: WorldContext) {
    this.#context = context;
  }

  /** The seed of all random numbers of this world. */
  get seed(): number {
    return this.#context.seed;
  }

  /** The network, to partition it, to slow hosts down, and so on. */
  get network(): MemoryNetwork {
    return this.#context.network;
  }

  /** The clock, which moves by itself. */
  get clock(): SimulatedClock {
    return this.#context.clock;
  }

  /** The last of what has happened on the network: see {@linkcode MemoryNetwork.trace}. */
  get trace(): readonly NetworkEvent[] {
    return this.#context.network.trace;
  }

  /** All hosts, in the order in which they were given or first asked for. */
  get hosts(): readonly SimulatedHost[] {
    return [...this.#context.hosts.values()];
  }

  /**
   * A host, by its name: one of the options, or one that begins to exist with this call.
   *
   * @throws {TypeError} `name` is not a name.
   */
  host(name: string): SimulatedHost {
    checkText("find a host", "name", name);
    return this.#context.hosts.get(name) ?? this.#context.makeHost(name);
  }

  /**
   * A number from 0 up to, and without, 1: from the seed, and apart from `Math.random`, so
   * that what the programs draw does not change what the scenario does.
   */
  random(): number {
    return this.#context.random();
  }

  /**
   * A random integer.
   *
   * @param least The least it can be.
   * @param most The most it can be.
   * @throws {TypeError} One of them is not a number.
   * @throws {RangeError} One of them is not an integer, or `most` is below `least`.
   */
  integer(least: number, most: number): number {
    checkInteger("draw an integer", "least", least, Number.MIN_SAFE_INTEGER);
    checkInteger("draw an integer", "most", most, least);
    return least + Math.floor(this.random() * (most - least + 1));
  }

  /**
   * A random one of some values.
   *
   * @throws {RangeError} There are none.
   */
  pick<T>(values: readonly T[]): T {
    checkInteger("pick a value", "the number of values", values.length, 1);
    return values[this.integer(0, values.length - 1)];
  }

  /**
   * Runs a task beside others. The scenario ends when all of them have, and fails with the
   * first that does, whether what is returned is awaited or not.
   *
   * @throws {TypeError} `task` is not a function.
   * @throws {unknown} What the task throws.
   */
  spawn<T>(task: () => T | Promise<T>): Promise<T> {
    checkFunction("spawn", "task", task);
    const running = Promise.try(task);
    this.#context.onSpawn(running);
    return running;
  }

  /**
   * Waits for so many milliseconds of simulated time: as `sleep`.
   *
   * @throws {unknown} As of `sleep`.
   */
  sleep(ms: number, options?: CallOptions): Promise<void> {
    return sleep(ms, options);
  }
}
