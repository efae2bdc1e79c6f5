/**
 * One run of a scenario under one seed.
 *
 * It replaces the globals, runs the event loop until the scenario has ended or cannot,
 * stops everything, looks for what is left, and gives the globals back, whatever happens.
 *
 * @module
 */

import {
  type MemoryNetworkOptions,
  NETWORK_OPTION_NAMES,
} from "./memory_network_options.ts";
import { AsyncLocalStorage } from "node:async_hooks";
import {
  checkNames,
  checkObject,
  isThenable,
  messageOf,
  readOptions,
  show,
  wrongResult,
} from "../_check.ts";
import { type Random, seededRandom } from "../_random.ts";
import { Digest } from "./_digest.ts";
import { EventLoop, type LoopEnd } from "./_event_loop.ts";
import type { FakeTimer } from "./_fake_timers.ts";
import { FakeTime } from "./_fake_time.ts";
import { refuseIo } from "./_refused_io.ts";
import { Replacements } from "./_replacements.ts";
import { replaceChance } from "./_seeded_globals.ts";
import { MemoryNetwork } from "./memory_network.ts";
import type { NetworkEvent } from "./memory_network_options.ts";
import type { CheckedSimulateOptions, Scenario } from "./simulate_options.ts";
import type { SimulationFailure } from "./simulation_error.ts";
import { SimulatedHost, startHost, stopHost } from "./simulated_host.ts";
import { World } from "./world.ts";

/** What `Date.now` says when a simulation begins: the start of the year 2000. */
const EPOCH_MS = Date.UTC(2000, 0, 1);

/** Simulated milliseconds in which what was stopped may end. */
const END_MS = 5_000;

/** Leaks that a message names. */
const MAX_NAMED = 5;

/** What went wrong. */
export interface Failure {
  readonly reason: SimulationFailure;
  /** What happened, for the message. */
  readonly what: string;
  readonly cause?: unknown;
}

/** What a run has come to. */
export interface RunResult {
  readonly failure: Failure | undefined;
  /** When the scenario ended, or failed. */
  readonly atMs: number;
  readonly steps: number;
  /** Random numbers that were drawn. */
  readonly draws: number;
  readonly events: number;
  readonly trace: readonly NetworkEvent[];
  /** Equal for two runs that were the same. */
  readonly fingerprint: string;
}

/** Whose code is running: that of a host's program, or else the scenario's. */
const programs = new AsyncLocalStorage<SimulatedHost>();

/** A run that is under way, and holds the globals of the process. */
export class Run implements Disposable {
  readonly #seed: number;
  readonly #options: CheckedSimulateOptions;
  readonly #time = new FakeTime(EPOCH_MS);
  readonly #replacements = new Replacements();
  readonly #digest = new Digest();
  readonly #loop: EventLoop;
  readonly #network: MemoryNetwork;
  readonly #hosts = new Map<string, SimulatedHost>();
  readonly #world: World;
  /** Sockets that the scenario has opened and not closed, and what they are called. */
  readonly #open = new Map<object, string>();
  readonly #tasks = new Set<Promise<unknown>>();
  #end: { failure: Failure | undefined } | undefined;

  /**
   * @param tracesTimers Whether the error of a timer that was left says where it was set,
   * which costs time for each.
   */
  constructor(
    seed: number,
    options: CheckedSimulateOptions,
    tracesTimers: boolean,
  ) {
    this.#seed = seed;
    this.#options = options;
    const { timers } = this.#time;
    this.#loop = new EventLoop(timers, this.#digest.addStep, this.#fail);
    try {
      timers.getOrigin = () => ({
        owner: programs.getStore(),
        setAt: tracesTimers ? new Error("The timer was set here") : undefined,
      });
      this.#loop.replace(this.#replacements);
      replaceChance(this.#replacements, this.#random(1));
      refuseIo(this.#replacements);
      addEventListener("unhandledrejection", this.#onUnhandled);
      addEventListener("error", this.#onUncaught);
      this.#network = this.#makeNetwork();
      this.#world = this.#makeWorld();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Runs a scenario to its end. Once only. */
  async run(scenario: Scenario): Promise<RunResult> {
    const { timeLimitMs, checkLeaks, signal } = this.#options;
    for (const host of [...this.#hosts.values()]) startHost(host);
    this.#addTask(Promise.try(scenario, this.#world));
    const end = await this.#loop.run(
      timeLimitMs,
      () => this.#end !== undefined || signal?.aborted === true,
    );
    this.#end ??= { failure: this.#failureOf(end) };
    let { failure } = this.#end;
    const { nowMs: atMs } = this.#time.timers;
    const { trace } = this.#network;
    const sockets = [...this.#open.values()];
    await this.#stop();
    signal?.throwIfAborted();
    if (checkLeaks) failure ??= this.#findLeaks(sockets);
    const { steps, draws, events } = this.#digest;
    const fingerprint = JSON.stringify([
      failure?.reason,
      failure?.what,
      atMs,
      `${this.#digest}`,
    ]);
    return { failure, atMs, steps, draws, events, trace, fingerprint };
  }

  /** Gives the globals back. */
  [Symbol.dispose](): void {
    removeEventListener("unhandledrejection", this.#onUnhandled);
    removeEventListener("error", this.#onUncaught);
    this.#replacements[Symbol.dispose]();
    this.#time[Symbol.dispose]();
  }

  /** Each purpose has numbers of its own, so that one that draws more shifts no other. */
  #random(purpose: number): Random {
    const seed = Math.imul(this.#seed, 0x9e3779b1) + purpose;
    return this.#digest.counted(seededRandom(seed));
  }

  #makeNetwork(): MemoryNetwork {
    const options = this.#options.network(this.#random(3));
    checkObject("simulate", "network", options);
    if (isThenable(options)) {
      const what = "options at once";
      throw wrongResult("simulate", "network", what, options);
    }
    if ("seed" in options) {
      throw new TypeError(
        'Cannot simulate: unknown option "seed" of network, as it has that of the simulation',
      );
    }
    checkNames("simulate", "network", options, NETWORK_OPTION_NAMES);
    const read = readOptions<MemoryNetworkOptions>(
      options,
      NETWORK_OPTION_NAMES,
    );
    const { onEvent } = read;
    return new MemoryNetwork({
      ...read,
      seed: this.#seed,
      onEvent: (event) => {
        this.#digest.addEvent(event);
        return onEvent?.(event);
      },
    });
  }

  #makeWorld(): World {
    const { timers } = this.#time;
    const { hosts } = this.#options;
    for (const name of hosts.keys()) this.#makeHost(name);
    return new World({
      seed: this.#seed,
      network: this.#network,
      random: this.#random(2),
      clock: {
        get nowMs() {
          return timers.nowMs;
        },
        get pending() {
          return timers.size;
        },
      },
      hosts: this.#hosts,
      makeHost: this.#makeHost,
      onSpawn: this.#addTask,
    });
  }

  readonly #makeHost = (name: string): SimulatedHost => {
    const program = this.#options.hosts.get(name);
    const host: SimulatedHost = new SimulatedHost({
      host: name,
      network: this.#network,
      enter: (program, process) => programs.run(host, program, process),
      onFailure: this.#fail,
      onOpen: (socket, what) => {
        this.#open.set(socket, what);
        const forget = () => this.#open.delete(socket);
        socket.closed.then(forget, forget);
      },
    }, program && ((process) => program(process, this.#world)));
    this.#hosts.set(name, host);
    return host;
  };

  /** The scenario has ended when all tasks have. */
  readonly #addTask = (task: Promise<unknown>): void => {
    this.#tasks.add(task);
    task.then(() => {
      this.#tasks.delete(task);
      if (this.#tasks.size === 0) this.#end ??= { failure: undefined };
    }, this.#fail);
  };

  /** The first failure ends the run. */
  readonly #fail = (cause: unknown): void => {
    const what = `it failed with ${describe(cause)}`;
    this.#end ??= { failure: { reason: "failed", what, cause } };
  };

  readonly #onUnhandled = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    this.#fail(event.reason);
  };

  readonly #onUncaught = (event: ErrorEvent): void => {
    event.preventDefault();
    this.#fail(event.error);
  };

  #failureOf(end: LoopEnd): Failure | undefined {
    switch (end) {
      case "done":
        return undefined;
      case "idle":
        return {
          reason: "deadlock",
          what:
            `${this.#tasks.size} of its tasks wait, but no timer is set and nothing is left to run`,
        };
      case "time-limit":
        return {
          reason: "time-limit",
          what:
            `it did not end within ${this.#options.timeLimitMs} ms of simulated time`,
        };
      case "stuck":
        return {
          reason: "stuck",
          what:
            "one immediate follows the other, and simulated time cannot move on",
        };
    }
  }

  /** Ends all hosts, then the network, and lets everything notice. */
  async #stop(): Promise<void> {
    for (const host of this.#hosts.values()) stopHost(host);
    this.#network[Symbol.dispose]();
    const { timers } = this.#time;
    await this.#loop.run(
      timers.nowMs + END_MS,
      () => timers.holding === 0 && this.#loop.isQuiet,
    );
  }

  /** What the scenario has left; what the programs of hosts have set ends with them. */
  #findLeaks(sockets: readonly string[]): Failure | undefined {
    const timers = this.#time.timers.running.filter((
      { holdsProcess, origin },
    ) => holdsProcess && origin?.owner === undefined);
    const left = [
      ...sockets.map((name) => `a socket ${name}`),
      ...timers.map(describeTimer),
    ];
    if (left.length === 0) return undefined;
    const more = left.length - MAX_NAMED;
    const named = left.slice(0, MAX_NAMED).join(", ");
    return {
      reason: "leak",
      what: `it left ${named}${more > 0 ? ` and ${more} more` : ""}`,
      cause: timers[0]?.origin?.setAt,
    };
  }
}

function describeTimer({ delayMs, repeats, setAtMs }: FakeTimer): string {
  const kind = repeats ? "an interval" : "a timer";
  return `${kind} of ${delayMs} ms that was set at ${setAtMs} ms`;
}

function describe(thrown: unknown): string {
  try {
    if (!(thrown instanceof Error)) return show(thrown);
    const [firstLine] = messageOf(thrown).trim().split("\n");
    return firstLine === "" ? `${thrown.name}` : `${thrown.name}: ${firstLine}`;
  } catch {
    // One that throws when it is looked at.
    return show(thrown);
  }
}
