/**
 * A simulated network: listeners and connections in memory, with a network between
 * them that is as slow and as unreliable as a test wants it.
 *
 * @module
 */

import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkNames,
  checkNumber,
  checkText,
} from "../_check.ts";
import { guard } from "../_guard.ts";
import { listen, type Listener } from "../server/listen.ts";
import { serve, type Server } from "../server/serve.ts";
import type { Handler, ServerOptions } from "../server/serve_options.ts";
import { type ClientOptions, connect } from "../socket/connect.ts";
import type { SocketOptions } from "../socket/options.ts";
import type { Socket } from "../socket/socket.ts";
import { waitWithin } from "../time/call_limits.ts";
import { sleep } from "../time/sleep.ts";
import type { MemoryTransport } from "../transport/memory.ts";
import type {
  Dialer,
  TlsBindOptions,
  TlsDialOptions,
} from "../transport/options.ts";
import { translateError } from "../transport/translate_error.ts";
import { Link } from "./_link.ts";
import { MemoryAcceptor } from "./_memory_acceptor.ts";
import { Gate } from "./_wire.ts";

/** What the network of {@linkcode memoryNetwork} is like. */
export interface MemoryNetworkOptions {
  /**
   * Chooses every random size, delay and fault: the same seed, the same run.
   *
   * @default {1}
   */
  seed?: number;
  /**
   * Milliseconds that bytes travel, one way.
   *
   * @default {0}
   */
  latencyMs?: number;
  /**
   * Most milliseconds that bytes travel longer at random. Order is kept.
   *
   * @default {0}
   */
  jitterMs?: number;
  /**
   * Bytes that each direction of each connection carries in a second.
   *
   * @default {Infinity}
   */
  bytesPerSecond?: number;
  /**
   * Bytes that each direction of a connection holds at each end, and on its way.
   *
   * @default {65_536}
   */
  highWaterMarkBytes?: number;
  /**
   * Whether reads and writes are cut at random sizes.
   *
   * @default {true}
   */
  split?: boolean;
  /**
   * How likely each arrival of bytes is to be followed by a reset, from 0 to 1.
   *
   * @default {0}
   */
  resetRate?: number;
  /** Called with what happens on the network, in order. What it throws is printed. */
  onEvent?: (event: NetworkEvent) => void;
}

/** Something that happened to a connection; bytes are counted, never shown. */
export interface NetworkEvent {
  /** When, by `performance.now`. */
  readonly atMs: number;
  /** The client's name: `"client-1"` for the first one. */
  readonly client: string;
  /** The name that it connected to. */
  readonly server: string;
  /** What: bytes or the end of the stream reached one end, or all of the connection. */
  readonly type: "connected" | "refused" | "arrived" | "ended" | "reset";
  /** Which end `"arrived"` and `"ended"` are about. */
  readonly at?: "client" | "server";
  /** How many bytes have `"arrived"`. */
  readonly bytes?: number;
}

/** A name to listen on, beside what every listener takes. */
export interface MemoryListenOptions extends SocketOptions {
  /**
   * What clients connect to.
   *
   * @default {"server-1"} for the first one without a name, and so on.
   */
  name?: string;
  /** Closes the listener when it aborts. */
  signal?: AbortSignal;
}

/** A name to serve under, beside all that `serve` takes. */
export interface MemoryServeOptions extends ServerOptions {
  /** See {@linkcode MemoryListenOptions.name}. */
  name?: string;
  /** Speaks TLS, with this certificate. Not by default. */
  tls?: TlsBindOptions;
}

/** A name to connect to, beside all that `connect` takes. */
export interface MemoryConnectOptions extends ClientOptions {
  /** The name that a server listens on. */
  name: string;
  /**
   * Speaks TLS: `true`, or how. The certificate must be for `"localhost"` where there is
   * no `serverName`.
   *
   * @default {false}
   */
  tls?: boolean | TlsDialOptions;
}

/** A simulated network. Made by {@linkcode memoryNetwork}. */
export class MemoryNetwork implements Disposable {
  readonly #options: Required<Omit<MemoryNetworkOptions, "onEvent">>;
  readonly #onEvent: (event: NetworkEvent) => void;
  readonly #acceptors = new Map<string, MemoryAcceptor>();
  readonly #links = new Set<Link>();
  readonly #gate = new Gate();
  #servers = 0;
  #clients = 0;

  /** Use {@linkcode memoryNetwork}. */
  constructor(options: MemoryNetworkOptions) {
    checkNames(ACTION, "options", options, OPTION_NAMES);
    const { onEvent = () => {} } = options;
    checkFunction(ACTION, "onEvent", onEvent);
    this.#onEvent = onEvent;
    this.#options = {
      seed: options.seed ?? 1,
      latencyMs: options.latencyMs ?? 0,
      jitterMs: options.jitterMs ?? 0,
      bytesPerSecond: options.bytesPerSecond ?? Infinity,
      highWaterMarkBytes: options.highWaterMarkBytes ?? 65_536,
      split: options.split ?? true,
      resetRate: options.resetRate ?? 0,
    };
    checkOptions(this.#options);
  }

  /**
   * Listens on a name, as `listen` does on a port.
   *
   * @throws {BrokenError} The name is in use.
   */
  listen(options: MemoryListenOptions = {}): Listener {
    const { name, ...rest } = options;
    return listen({ ...rest, acceptor: this.#bind(name) });
  }

  /**
   * Serves on a name, as `serve` does on a port.
   *
   * @throws {BrokenError} The name is in use.
   */
  serve(options: MemoryServeOptions, handler: Handler): Server {
    const { name, ...rest } = options;
    return serve({ ...rest, acceptor: this.#bind(name) }, handler);
  }

  /**
   * Connects to a name, as `connect` does to a host. Takes two latencies.
   *
   * @throws {BrokenError} Nothing listens on that name.
   * @throws {TimeoutError} `timeoutMs` passed: the network is partitioned, or slow.
   */
  connect(options: MemoryConnectOptions): Promise<Socket> {
    const { name, ...rest } = options;
    checkText("connect", "name", name);
    const dialer: Dialer = {
      addr: { transport: "memory", name },
      dial: (_target, { signal }) => this.#dial(name, signal),
    };
    return connect({ ...rest, dialer });
  }

  /** Connections that are alive. */
  get connections(): number {
    return this.#links.size;
  }

  /** Nothing arrives anywhere, and neither end is told: as when a cable is pulled. */
  partition(): void {
    this.#gate.shut();
  }

  /** Ends a partition: what was under way arrives. */
  heal(): void {
    this.#gate.open();
  }

  /** Breaks every connection: both ends see a reset. Listeners go on. */
  reset(): void {
    for (const link of [...this.#links]) link.reset();
  }

  /** Ends the network: listeners are closed, connections are reset. */
  [Symbol.dispose](): void {
    for (const acceptor of [...this.#acceptors.values()]) acceptor.close();
    this.reset();
    this.heal();
  }

  #bind(name = `server-${++this.#servers}`): MemoryAcceptor {
    if (this.#acceptors.has(name)) {
      const localAddr = { transport: "memory" as const, name };
      const inUse = new Deno.errors.AddrInUse("Address already in use");
      throw translateError(inUse, { operation: "listen", localAddr });
    }
    const acceptor = new MemoryAcceptor(
      name,
      () => this.#acceptors.delete(name),
    );
    this.#acceptors.set(name, acceptor);
    return acceptor;
  }

  async #dial(
    server: string,
    signal: AbortSignal | undefined,
  ): Promise<MemoryTransport> {
    const client = `client-${++this.#clients}`;
    const seed = this.#options.seed * 65_537 + this.#clients * 8;
    const emit = this.#emitter(client, server);
    const { latencyMs } = this.#options;
    if (latencyMs > 0) await sleep(2 * latencyMs, { signal });
    while (this.#gate.waiting !== undefined) {
      await waitWithin("connect", this.#gate.waiting, { signal });
    }
    const acceptor = this.#acceptors.get(server);
    if (acceptor === undefined) {
      emit({ type: "refused" });
      throw new Deno.errors.ConnectionRefused("Connection refused");
    }
    const link = new Link({
      ...this.#options,
      seed,
      names: [client, server],
      gate: this.#gate,
      onArrival: (at, what) =>
        emit(
          what === "end"
            ? { type: "ended", at }
            : { type: "arrived", at, bytes: what },
        ),
      onReset: () => emit({ type: "reset" }),
      onDone: () => this.#links.delete(link),
    });
    this.#links.add(link);
    emit({ type: "connected" });
    if (!acceptor.offer(link.server)) {
      link.reset();
      throw new Deno.errors.WouldBlock("Resource temporarily unavailable");
    }
    return link.client;
  }

  #emitter(client: string, server: string): (
    what: Pick<NetworkEvent, "type" | "at" | "bytes">,
  ) => void {
    return (what) =>
      guard(() =>
        this.#onEvent({ atMs: performance.now(), client, server, ...what })
      );
  }
}

const ACTION = "make a memory network";

const OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    "seed",
    "latencyMs",
    "jitterMs",
    "bytesPerSecond",
    "highWaterMarkBytes",
    "split",
    "resetRate",
    "onEvent",
  ] satisfies (keyof MemoryNetworkOptions)[],
);

function checkOptions(
  options: Required<Omit<MemoryNetworkOptions, "onEvent">>,
): void {
  const { seed, latencyMs, jitterMs, bytesPerSecond, resetRate } = options;
  checkInteger(ACTION, "seed", seed, Number.MIN_SAFE_INTEGER);
  checkNumber(ACTION, "latencyMs", latencyMs, 0);
  checkNumber(ACTION, "jitterMs", jitterMs, 0);
  checkNumber(ACTION, "bytesPerSecond", bytesPerSecond, 1);
  checkInteger(ACTION, "highWaterMarkBytes", options.highWaterMarkBytes, 1);
  checkBoolean(ACTION, "split", options.split);
  checkNumber(ACTION, "resetRate", resetRate, 0, 1);
}

/**
 * Makes a simulated network, for tests of what bad networks do to a protocol.
 *
 * Clients and servers are real ones, over memory: `network.serve` takes what `serve`
 * takes, `network.connect` what `connect` takes, with a `name` in place of a host and
 * port. The network can be slow (`latencyMs`, `jitterMs`, `bytesPerSecond`), cut bytes
 * at random places, reset connections at random or on demand, and be partitioned.
 *
 * All time is the global clock's. On a `fakeClock()` nothing waits for real, and the
 * same seed gives the same run. `using` ends the network.
 *
 * @param options What the network is like; fast and reliable by default, but with
 * bytes that are cut anywhere.
 * @throws {TypeError} An option is of the wrong type.
 * @throws {RangeError} An option is out of range.
 *
 * @example A reply that takes a second, at once
 * ```ts
 * import { fakeClock, memoryNetwork } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * using clock = fakeClock();
 * using network = memoryNetwork({ latencyMs: 250 });
 * network.serve({ name: "echo" }, async (socket) => {
 *   for await (const chunk of socket) await socket.write(chunk);
 * });
 *
 * const connecting = network.connect({ name: "echo" });
 * await clock.advance(500);
 * const socket = await connecting;
 *
 * await socket.write("hi\n");
 * const reply = socket.readLine();
 * await clock.advance(500);
 * assertEquals(await reply, "hi");
 * assertEquals(clock.nowMs, 1_000);
 * ```
 */
export function memoryNetwork(
  options: MemoryNetworkOptions = {},
): MemoryNetwork {
  return new MemoryNetwork(options);
}
