/**
 * A host of a simulation, across its lives.
 *
 * @module
 */

import { checkFunction } from "../_check.ts";
import type { MemoryAddr } from "../addr.ts";
import type { DatagramSocket } from "../datagram/datagram_socket.ts";
import type { DatagramBackend } from "../datagram/options.ts";
import { ClosedError } from "../errors.ts";
import type { Listener } from "../server/listen.ts";
import type { Server } from "../server/serve.ts";
import type { Handler } from "../server/serve_options.ts";
import type { Socket } from "../socket/socket.ts";
import type { CallOptions } from "../time/call_limits.ts";
import type { Dialer } from "../transport/options.ts";
import {
  type HostConnectOptions,
  type HostDatagramOptions,
  type HostListenOptions,
  HostProcess,
  type HostServeOptions,
  type ProcessContext,
  type ProcessProgram,
} from "./host_process.ts";

/** What a host is part of. */
export interface HostContext extends Omit<ProcessContext, "signal"> {
  /** Runs a program as this host's. */
  readonly enter: (program: ProcessProgram, life: HostProcess) => unknown;
  /** Called with each socket that the scenario has opened, and what to call it. */
  readonly onOpen: (
    socket: { readonly closed: Promise<unknown> },
    name: string,
  ) => void;
}

/** Runs the program of a host for the first time. Internal. */
export let startHost: (host: SimulatedHost) => void;

/** Ends the process of a host, at the end of the simulation. Internal. */
export let stopHost: (host: SimulatedHost) => void;

/**
 * A host of a simulation: `world.host(name)`.
 *
 * What it does, it does as the process that is alive: after a restart as the new one. On a
 * host that has crashed every call fails.
 *
 * @category Simulations
 *
 * @example
 * ```ts
 * import { simulate } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * await simulate({ seeds: 5 }, async (world) => {
 *   let starts = 0;
 *   const db = world.host("db");
 *   db.run((host) => {
 *     starts++;
 *     host.serve((socket) => socket.write(`start ${starts}\n`));
 *   });
 *   db.crash();
 *   db.restart();
 *   await using socket = await world.host("app").connect({ name: "db" });
 *   assertEquals(await socket.readLine(), "start 2");
 * });
 * ```
 */
export class SimulatedHost {
  readonly #context: HostContext;
  #program: ProcessProgram | undefined;
  #end = new AbortController();
  #process: HostProcess;

  /** Made by {@linkcode simulate}. */
  constructor(context: HostContext, program?: ProcessProgram) {
    this.#context = context;
    this.#program = program;
    this.#process = new HostProcess({ ...context, signal: this.#end.signal });
  }

  /** What others connect to. */
  get name(): string {
    return this.#context.host;
  }

  /** Whether it has not crashed, or has restarted since. */
  get up(): boolean {
    return this.#process.alive;
  }

  /** Its present process, or its last one where it has crashed. */
  get process(): HostProcess {
    return this.#process;
  }

  /**
   * Gives the host its program and starts it, as `hosts` of the options does: it runs again
   * after each restart. For one that depends on what this world has.
   *
   * @param program What to run. What it fails with while the host is up fails the
   * simulation.
   * @throws {TypeError} `program` is not a function.
   */
  run(program: ProcessProgram): void {
    checkFunction("run a program", "program", program);
    this.#program = program;
    if (this.up) this.#start();
  }

  /** See {@linkcode HostProcess.listen}. */
  listen(options: HostListenOptions = {}): Listener<MemoryAddr> {
    return this.#process.listen(options);
  }

  /** See {@linkcode HostProcess.serve}. */
  serve(options: HostServeOptions, handler: Handler): Server<MemoryAddr>;
  /** Serves without options. */
  serve(handler: Handler): Server<MemoryAddr>;
  serve(
    options: HostServeOptions | Handler,
    handler?: Handler,
  ): Server<MemoryAddr> {
    return typeof options === "function"
      ? this.#process.serve(options)
      : this.#process.serve(options, handler!);
  }

  /**
   * Connects to another host: see {@linkcode HostProcess.connect}. The scenario has to
   * close the socket before it ends: see `checkLeaks`.
   */
  async connect(options: HostConnectOptions): Promise<Socket> {
    const socket = await this.#process.connect(options);
    this.#context.onOpen(
      socket,
      `from ${this.name} to ${(socket.remoteAddr as MemoryAddr).name}`,
    );
    return socket;
  }

  /** See {@linkcode HostProcess.dialer}. */
  get dialer(): Dialer {
    return this.#process.dialer;
  }

  /**
   * Opens a socket for datagrams: see {@linkcode HostProcess.datagram}. The scenario has to
   * close it before it ends: see `checkLeaks`.
   */
  async datagram(
    options: HostDatagramOptions,
  ): Promise<DatagramSocket<Deno.NetAddr>> {
    const socket = await this.#process.datagram(options);
    this.#context.onOpen(socket, `on ${this.name}`);
    return socket;
  }

  /** See {@linkcode HostProcess.datagrams}. */
  get datagrams(): DatagramBackend {
    return this.#process.datagrams;
  }

  /** See {@linkcode HostProcess.spawn}. */
  spawn<T>(task: () => T | Promise<T>): Promise<T> {
    return this.#process.spawn(task);
  }

  /** See {@linkcode HostProcess.sleep}. */
  async sleep(ms: number, options: CallOptions = {}): Promise<void> {
    await this.#process.sleep(ms, options);
  }

  /**
   * Ends its process as when it is killed: see {@linkcode MemoryNetwork.crash}. Nothing
   * happens to a host that is down.
   */
  crash(): void {
    if (!this.up) return;
    this.#stop();
    this.#context.network.crash(this.name);
  }

  /** Crashes if it is up, then starts a new process, which runs its program again. */
  restart(): void {
    this.crash();
    this.#context.network.restart(this.name);
    this.#end = new AbortController();
    const { signal } = this.#end;
    this.#process = new HostProcess({ ...this.#context, signal });
    this.#start();
  }

  #start(): void {
    const program = this.#program;
    const process = this.#process;
    if (program === undefined) return;
    const { enter } = this.#context;
    process.spawn(() => enter(program, process)).catch(() => {});
  }

  #stop(): void {
    this.#end.abort(
      new ClosedError(
        `Cannot go on: the process of host ${this.name} has ended`,
      ),
    );
  }

  // For `_run.ts` alone.
  static {
    startHost = (host) => host.#start();
    stopHost = (host) => host.#stop();
  }
}
