/**
 * One life of a simulated host: what its program is given.
 *
 * A function of JavaScript cannot be stopped from outside. So what a host runs goes on
 * when the host has crashed, but it has no way to the network any more: its sockets and
 * listeners are gone, and every call of its process fails, also once the host has
 * restarted with a new process.
 *
 * @module
 */

import {
  checkFunction,
  checkNames,
  checkObject,
  readOptions,
} from "../_check.ts";
import type { MemoryAddr } from "../addr.ts";
import { datagram } from "../datagram/datagram.ts";
import type { DatagramSocket } from "../datagram/datagram_socket.ts";
import type { DatagramBackend, UdpOptions } from "../datagram/options.ts";
import { BrokenError, SocketError } from "../errors.ts";
import type { Listener } from "../server/listen.ts";
import type { Server } from "../server/serve.ts";
import type { Handler } from "../server/serve_options.ts";
import type { Socket } from "../socket/socket.ts";
import {
  type CallOptions,
  checkCall,
  checkCallNames,
} from "../time/call_limits.ts";
import { Deadline } from "../time/deadline.ts";
import { sleep } from "../time/sleep.ts";
import type { Dialer } from "../transport/options.ts";
import {
  HOST_CONNECT_NAMES,
  HOST_DATAGRAM_NAMES,
  HOST_LISTEN_NAMES,
  HOST_SERVE_NAMES,
} from "./_option_names.ts";
import type { MemoryNetwork } from "./memory_network.ts";
import type {
  MemoryConnectOptions,
  MemoryListenOptions,
  MemoryServeOptions,
} from "./memory_network_options.ts";

/**
 * A listener of a host, which listens on the host's own name.
 *
 * @category Simulations
 */
export type HostListenOptions = Omit<MemoryListenOptions, "name">;

/**
 * A server of a host, which listens on the host's own name, without TLS.
 *
 * @category Simulations
 */
export type HostServeOptions = Omit<MemoryServeOptions, "name" | "tls"> & {
  /** Absent: no two handshakes are the same. */
  tls?: undefined;
};

/**
 * A host to connect to, by its name, beside all that `connect` takes but TLS.
 *
 * @category Simulations
 */
export type HostConnectOptions = Omit<MemoryConnectOptions, "from" | "tls"> & {
  /** Absent: no two handshakes are the same. */
  tls?: undefined;
};

/**
 * A port of a host to bind, beside all that `datagram` takes.
 *
 * @category Simulations
 */
export type HostDatagramOptions = Omit<UdpOptions, "backend" | "hostname">;

/**
 * What a process runs from its start on. It may end earlier than the process; what it
 * returns is awaited, and otherwise ignored.
 *
 * @category Simulations
 */
export type ProcessProgram = (host: HostProcess) => unknown;

/** What a process is part of. */
export interface ProcessContext {
  readonly host: string;
  readonly network: MemoryNetwork;
  /** Aborts when it ends. */
  readonly signal: AbortSignal;
  /** Called with what it fails with while it is alive. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * What a host does in one of its lives, from its start to its crash or the end of the
 * simulation.
 *
 * @category Simulations
 *
 * @example A program that asks another host from time to time
 * ```ts
 * import { type HostProcess, simulate } from "@sluice/net/testing";
 * import { assert } from "@std/assert";
 *
 * let answers = 0;
 * async function watch(host: HostProcess): Promise<void> {
 *   while (host.alive) {
 *     await using socket = await host.connect({ name: "server" });
 *     if (await socket.readLine() === "fine") answers++;
 *     await host.sleep(1_000);
 *   }
 * }
 * const server = (host: HostProcess) =>
 *   host.serve((socket) => socket.write("fine\n"));
 * await simulate({ seeds: 5, hosts: { server, watch } }, async (world) => {
 *   answers = 0;
 *   await world.sleep(10_000);
 *   assert(answers >= 9);
 * });
 * ```
 */
export class HostProcess {
  readonly #context: ProcessContext;

  /** Made by {@linkcode simulate}. */
  constructor(context: ProcessContext) {
    this.#context = context;
  }

  /** The name of its host. */
  get name(): string {
    return this.#context.host;
  }

  /** Aborts when the host crashes, or when the simulation ends. */
  get signal(): AbortSignal {
    return this.#context.signal;
  }

  /** Whether it has not ended yet. */
  get alive(): boolean {
    return !this.signal.aborted;
  }

  /**
   * Listens on the name of the host.
   *
   * @throws {BrokenError} The host listens already, or the process has ended.
   */
  listen(options: HostListenOptions = {}): Listener<MemoryAddr> {
    this.#checkAlive("listen");
    checkNames("listen", "options", options, HOST_LISTEN_NAMES);
    const read = readOptions(options, HOST_LISTEN_NAMES);
    return this.#context.network.listen({ ...read, name: this.name });
  }

  /**
   * Serves on the name of the host, until it crashes or the server shuts down. An error of
   * a handler that is no `SocketError` is a bug of the program: without `onError` it fails
   * the simulation.
   *
   * @throws {BrokenError} The host listens already, or the process has ended.
   */
  serve(options: HostServeOptions, handler: Handler): Server<MemoryAddr>;
  /** Serves without options. */
  serve(handler: Handler): Server<MemoryAddr>;
  serve(
    options: HostServeOptions | Handler,
    handler?: Handler,
  ): Server<MemoryAddr> {
    if (typeof options === "function") return this.serve({}, options);
    this.#checkAlive("serve");
    checkNames("serve", "options", options, HOST_SERVE_NAMES);
    const read = readOptions(options, HOST_SERVE_NAMES);
    checkNoTls("serve", read);
    const onError = (error: unknown): void => {
      if (!(error instanceof SocketError)) this.#fail(error);
    };
    const given = { onError, ...read, name: this.name };
    return this.#context.network.serve(given, handler!);
  }

  /**
   * Connects to another host by its name.
   *
   * @throws {BrokenError} That host does not listen, or the process has ended.
   * @throws {TimeoutError} `timeoutMs` passed: the network is partitioned, or slow.
   */
  async connect(options: HostConnectOptions): Promise<Socket> {
    this.#checkAlive("connect");
    checkNames("connect", "options", options, HOST_CONNECT_NAMES);
    const read = readOptions(options, HOST_CONNECT_NAMES);
    checkNoTls("connect", read);
    return await this.#context.network.connect({ ...read, from: this.name });
  }

  /** For programs that connect by themselves: see {@linkcode MemoryNetwork.dialer}. */
  get dialer(): Dialer {
    const { addr, dial } = this.#context.network.dialer({ from: this.name });
    return {
      addr,
      dial: async (target, context) => {
        this.#checkAlive("connect");
        return await dial(target, context);
      },
    };
  }

  /**
   * Opens a socket for datagrams on this host: as `datagram` of `@sluice/net/datagram`.
   *
   * @throws {BrokenError} The port is in use, or the process has ended.
   */
  async datagram(
    options: HostDatagramOptions,
  ): Promise<DatagramSocket<Deno.NetAddr>> {
    this.#checkAlive("bind");
    checkNames("bind", "options", options, HOST_DATAGRAM_NAMES);
    const read = readOptions(options, HOST_DATAGRAM_NAMES);
    return await datagram({ ...read, backend: this.datagrams });
  }

  /**
   * For programs that open their sockets by themselves: see
   * {@linkcode MemoryNetwork.datagrams}.
   */
  get datagrams(): DatagramBackend {
    const { bind } = this.#context.network.datagrams({ from: this.name });
    return {
      bind: async (options) => {
        this.#checkAlive("bind");
        return await bind(options);
      },
    };
  }

  /**
   * Runs a task beside others. What it throws while the process is alive fails the
   * simulation, whether what is returned is awaited or not.
   *
   * @throws {TypeError} `task` is not a function.
   * @throws {unknown} What the task throws.
   */
  spawn<T>(task: () => T | Promise<T>): Promise<T> {
    checkFunction("spawn", "task", task);
    const running = Promise.try(task);
    running.catch((error) => this.#fail(error));
    return running;
  }

  /**
   * Waits for so many milliseconds of simulated time: as `sleep`.
   *
   * @throws {ClosedError} The process has ended meanwhile.
   * @throws {unknown} As of `sleep`.
   */
  async sleep(ms: number, options: CallOptions = {}): Promise<void> {
    checkObject("sleep", "options", options);
    checkCallNames("sleep", options);
    const { signal, timeoutMs, deadline } = options;
    checkCall("sleep", { signal, timeoutMs, deadline });
    using end = Deadline.after(Infinity, { signal: this.signal, deadline });
    await sleep(ms, { signal, timeoutMs, deadline: end });
  }

  #fail(error: unknown): void {
    if (this.alive) this.#context.onFailure(error);
  }

  #checkAlive(operation: string): void {
    if (this.alive) return;
    throw new BrokenError(
      "unreachable",
      `Cannot ${operation}: the process of host ${this.name} has ended`,
      { operation },
    );
  }
}

/** The keys of a handshake are random, and its work is done by another thread. */
function checkNoTls(action: string, options: { tls?: unknown }): void {
  if (!options.tls) return;
  throw new TypeError(
    `Cannot ${action}: tls must be absent in a simulation, as no two handshakes are the same`,
  );
}
