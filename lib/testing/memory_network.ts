/**
 * A simulated network: listeners and connections in memory, with a network between
 * them that is as slow and as unreliable as a test wants it.
 *
 * @module
 */

import { checkNames, checkText, readOptions, wrongKind } from "../_check.ts";
import { guard } from "../_guard.ts";
import type { MemoryAddr } from "../addr.ts";
import { listen, type Listener } from "../server/listen.ts";
import { serve, type Server } from "../server/serve.ts";
import type { Handler } from "../server/serve_options.ts";
import { connect } from "../socket/connect.ts";
import type { Socket } from "../socket/socket.ts";
import { waitWithin } from "../time/call_limits.ts";
import { sleep } from "../time/sleep.ts";
import type { MemoryTransport } from "../transport/memory.ts";
import type { Dialer } from "../transport/options.ts";
import { translateError } from "../transport/translate_error.ts";
import type { DatagramBackend } from "../datagram/options.ts";
import { DatagramSwitch } from "./_datagram_switch.ts";
import { Link } from "./_link.ts";
import { MemoryAcceptor } from "./_memory_acceptor.ts";
import {
  type CheckedOptions,
  checkMemoryNetworkOptions,
  checkSlowHostOptions,
  type ConnectionEvent,
  type HostEvent,
  type MemoryConnectOptions,
  type MemoryListenOptions,
  type MemoryNetworkOptions,
  type MemoryServeOptions,
  type NetworkEvent,
  type SlowHostOptions,
} from "./memory_network_options.ts";
import {
  MEMORY_CONNECT_NAMES,
  MEMORY_LISTEN_NAMES,
  MEMORY_SERVE_NAMES,
} from "./_option_names.ts";
import { type BarrierKind, Topology } from "./_topology.ts";

/**
 * A simulated network. Made by {@linkcode memoryNetwork}.
 *
 * Its hosts are the names that servers listen on, and those that clients connect from.
 *
 * @category Simulations
 */
export class MemoryNetwork implements Disposable {
  readonly #options: CheckedOptions;
  readonly #acceptors = new Map<string, MemoryAcceptor>();
  /** Servers that have not ended, and their names. */
  readonly #running = new Map<Server<MemoryAddr>, string>();
  readonly #links = new Map<Link, { client: string; server: string }>();
  readonly #topology = new Topology();
  readonly #crashed = new Set<string>();
  /** How often each host has crashed: what one life has begun the next does not end. */
  readonly #crashes = new Map<string, number>();
  readonly #trace: NetworkEvent[] = [];
  readonly #datagrams: DatagramSwitch;
  #servers = 0;
  #clients = 0;

  /** Use {@linkcode memoryNetwork}. */
  constructor(options: MemoryNetworkOptions) {
    this.#options = checkMemoryNetworkOptions(options);
    this.#datagrams = new DatagramSwitch({
      options: this.#options,
      topology: this.#topology,
      checkUp: (host) => this.#checkUp(host),
      emit: (event) => this.#emit({ atMs: performance.now(), ...event }),
    });
  }

  /**
   * Listens on a name, as `listen` does on a port.
   *
   * @throws {BrokenError} The name is in use.
   */
  listen(options: MemoryListenOptions = {}): Listener<MemoryAddr> {
    checkNames("listen", "options", options, MEMORY_LISTEN_NAMES);
    const { name, ...rest } = readOptions(options, MEMORY_LISTEN_NAMES);
    return this.#bound(
      "listen",
      name,
      (acceptor) => listen({ ...rest, acceptor }),
    );
  }

  /**
   * Serves on a name, as `serve` does on a port.
   *
   * @throws {BrokenError} The name is in use.
   */
  serve(options: MemoryServeOptions, handler: Handler): Server<MemoryAddr> {
    checkNames("serve", "options", options, MEMORY_SERVE_NAMES);
    const { name, ...rest } = readOptions(options, MEMORY_SERVE_NAMES);
    const server = this.#bound(
      "serve",
      name,
      (acceptor) => serve({ ...rest, acceptor }, handler),
    );
    this.#running.set(server, server.addr.name);
    server.closed.then(() => this.#running.delete(server));
    return server;
  }

  /**
   * Connects to a name, as `connect` does to a host. Takes two latencies.
   *
   * @throws {BrokenError} Nothing listens on that name.
   * @throws {TimeoutError} `timeoutMs` passed: the network is partitioned, or slow.
   */
  connect(options: MemoryConnectOptions): Promise<Socket> {
    checkNames("connect", "options", options, MEMORY_CONNECT_NAMES);
    const read = readOptions(options, MEMORY_CONNECT_NAMES);
    const { name, from, ...rest } = read;
    checkText("connect", "name", name);
    if (from !== undefined) checkText("connect", "from", from);
    const dialer: Dialer = {
      addr: { transport: "memory", name },
      dial: (_target, { signal }) => this.#dial(name, from, signal),
    };
    return connect({ ...rest, dialer });
  }

  /**
   * Makes a dialer, for programs that connect by themselves: what they give as `hostname`
   * is the name that a server listens on, and any `port` will do.
   *
   * @param options `from`: the host that connects; a new one each time by default.
   * @throws {TypeError} `from` is not a name.
   *
   * @example A program that is given how it connects
   * ```ts
   * import { connect, type Dialer } from "@sluice/net";
   * import { memoryNetwork } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * async function askTime(dialer?: Dialer): Promise<string | null> {
   *   const address = { hostname: "time.example", port: 13 };
   *   await using socket = await connect(dialer ? { ...address, dialer } : address);
   *   return await socket.readLine();
   * }
   *
   * using network = memoryNetwork();
   * network.serve({ name: "time.example" }, (socket) => socket.write("noon\n"));
   * assertEquals(await askTime(network.dialer()), "noon");
   * ```
   */
  dialer(options: { from?: string } = {}): Dialer {
    checkNames("make a dialer", "options", options, DIALER_OPTION_NAMES);
    const { from } = options;
    if (from !== undefined) checkText("make a dialer", "from", from);
    return {
      addr: { transport: "memory", name: from ?? "client" },
      dial: async ({ hostname }, { signal }) => {
        checkText("connect", "hostname", hostname);
        return await this.#dial(hostname, from, signal);
      },
    };
  }

  /**
   * Makes what carries the datagrams of a host: the `backend` of `datagram` and of
   * `connectDatagram` of `@sluice/net/datagram`. To them the names of hosts are addresses;
   * `127.0.0.1`, `localhost` and their like are the host itself.
   *
   * Datagrams are lost, duplicated and reordered as the options of the network say. Those
   * that are sent into a partition, or arrive in one, are lost; those that are held arrive
   * late. With `bytesPerSecond`, what has no room before the line is lost. Multicast groups
   * and broadcasts reach every host that is not cut off.
   *
   * @param options `from`: the host; a new one by default.
   * @throws {TypeError} `from` is not a name.
   *
   * @example A program that is given what carries its datagrams
   * ```ts
   * import { connectDatagram, datagram, type DatagramBackend, serveDatagrams } from "@sluice/net/datagram";
   * import { fakeClock, memoryNetwork } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * async function ask(backend?: DatagramBackend): Promise<Uint8Array> {
   *   await using peer = await connectDatagram({ hostname: "time.example", port: 123, backend });
   *   return await peer.request("?", { accept: (data) => data.length === 8 });
   * }
   *
   * using clock = fakeClock();
   * using network = memoryNetwork({ latencyMs: 20, lossRate: 0.5, seed: 5 });
   * const socket = await datagram({ port: 123, backend: network.datagrams({ from: "time.example" }) });
   * const serving = serveDatagrams(socket, () => new Uint8Array(8));
   *
   * const asking = ask(network.datagrams());
   * await clock.advance(5_000);
   * assertEquals((await asking).length, 8);
   * await socket.close();
   * await serving;
   * ```
   */
  datagrams(options: { from?: string } = {}): DatagramBackend {
    const action = "carry datagrams";
    checkNames(action, "options", options, DIALER_OPTION_NAMES);
    const { from = `client-${++this.#clients}` } = options;
    checkText(action, "from", from);
    return this.#datagrams.backend(from);
  }

  /** Sockets for datagrams that are open. */
  get datagramSockets(): number {
    return this.#datagrams.size;
  }

  /** Connections that are alive. */
  get connections(): number {
    return this.#links.size;
  }

  /** The last of what has happened, in order; see `maxTraceEvents`. */
  get trace(): readonly NetworkEvent[] {
    const { maxTraceEvents } = this.#options;
    return this.#trace.slice(Math.max(0, this.#trace.length - maxTraceEvents));
  }

  /**
   * Cuts two hosts off each other, one off all others, or all off each other, and none off
   * itself: nothing arrives, and
   * neither end is notified, as when a cable is pulled. Connecting waits.
   *
   * Bytes that were sent are sent again after the end of the partition, as TCP does.
   *
   * @param hosts None, one or two names.
   * @throws {TypeError} A name is not one, or there are three.
   *
   * @example A client that is cut off its database, while others go on
   * ```ts
   * import { fakeClock, memoryNetwork } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * using clock = fakeClock();
   * using network = memoryNetwork();
   * network.serve({ name: "db" }, (socket) => socket.write("hello\n"));
   * network.partition("app", "db");
   *
   * const connecting = network.connect({ name: "db", from: "app" });
   * const other = await network.connect({ name: "db" });
   * assertEquals(await other.readLine(), "hello");
   *
   * await clock.advance(5_000);
   * network.heal("app", "db");
   * assertEquals(await (await connecting).readLine(), "hello");
   * assertEquals(network.trace[0].type, "partitioned");
   * ```
   */
  partition(...hosts: string[]): void {
    this.#block("partition", "partitioned", hosts);
  }

  /**
   * Ends the partition that was made with the same names; without names, all partitions.
   *
   * @param hosts As of {@linkcode MemoryNetwork.partition}.
   * @throws {TypeError} A name is not one, or there are three.
   */
  heal(...hosts: string[]): void {
    this.#unblock("partition", "healed", hosts);
  }

  /**
   * Delays what is sent between two hosts, by one host, or by all, until it is released:
   * late, not lost. Apart from partitions, so that the end of the one is not the end of
   * the other; connections see the same of both.
   *
   * @param hosts As of {@linkcode MemoryNetwork.partition}.
   * @throws {TypeError} A name is not one, or there are three.
   */
  hold(...hosts: string[]): void {
    this.#block("hold", "held", hosts);
  }

  /**
   * Lets arrive what was held for the same names; without names, all that is held.
   *
   * @param hosts As of {@linkcode MemoryNetwork.partition}.
   * @throws {TypeError} A name is not one, or there are three.
   */
  release(...hosts: string[]): void {
    this.#unblock("hold", "released", hosts);
  }

  /**
   * Makes a host slower than the network is: what is sent to it and by it from now on.
   *
   * @param host Its name.
   * @param options How slow it is; said again, that counts alone.
   * @throws {TypeError} `host` is not a name, or an option is of the wrong kind.
   * @throws {RangeError} An option is out of its range.
   *
   * @example
   * ```ts
   * import { fakeClock, memoryNetwork } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * using clock = fakeClock();
   * using network = memoryNetwork();
   * network.serve({ name: "db" }, (socket) => socket.write("hello\n"));
   * network.slowDown("db", { latencyMs: 500 });
   *
   * const connecting = network.connect({ name: "db" });
   * await clock.advance(1_500);
   * assertEquals(await (await connecting).readLine(), "hello");
   * ```
   */
  slowDown(host: string, options: SlowHostOptions): void {
    checkText("slow a host down", "host", host);
    this.#topology.slow(host, checkSlowHostOptions(options));
    this.#emit({ atMs: performance.now(), type: "slowed", hosts: [host] });
  }

  /**
   * Makes a host as fast as the network is again.
   *
   * @param host Its name.
   * @throws {TypeError} It is not a name.
   */
  speedUp(host: string): void {
    checkText("speed a host up", "host", host);
    this.#topology.slow(host, undefined);
    this.#emit({ atMs: performance.now(), type: "sped-up", hosts: [host] });
  }

  /**
   * Ends a host as when its process is killed: its listener is closed, its server is cut,
   * its connections break, and its peers see a reset when that has travelled to them.
   * Connecting to it is refused; what its code still tries, to listen or to connect, fails
   * until it restarts.
   *
   * @param host Its name.
   * @throws {TypeError} It is not a name.
   */
  crash(host: string): void {
    checkText("crash a host", "host", host);
    this.#crashed.add(host);
    this.#crashes.set(host, this.#crashesOf(host) + 1);
    this.#emit({ atMs: performance.now(), type: "crashed", hosts: [host] });
    for (const [link, { client, server }] of [...this.#links]) {
      if (client === host) link.crash("client");
      if (server === host) link.crash("server");
    }
    this.#acceptors.get(host)?.close();
    void this.#cut((name) => name === host);
    this.#datagrams.crash(host, unreachable);
  }

  /**
   * Lets a host that crashed listen and connect again; what it runs has to be started.
   *
   * @param host Its name.
   * @throws {TypeError} It is not a name.
   */
  restart(host: string): void {
    checkText("restart a host", "host", host);
    this.#crashed.delete(host);
    this.#emit({ atMs: performance.now(), type: "restarted", hosts: [host] });
  }

  #block(kind: BarrierKind, type: HostEvent["type"], hosts: string[]): void {
    checkHosts(kind, hosts);
    this.#topology.block(kind, hosts);
    this.#emit({ atMs: performance.now(), type, hosts });
  }

  #unblock(kind: BarrierKind, type: HostEvent["type"], hosts: string[]): void {
    checkHosts(type === "healed" ? "heal" : "release", hosts);
    this.#emit({ atMs: performance.now(), type, hosts });
    this.#topology.open(kind, hosts);
  }

  /** Breaks every connection: both ends see a reset. Listeners go on. */
  reset(): void {
    for (const link of [...this.#links.keys()]) link.reset();
  }

  /** Ends the network: listeners are closed, connections are reset, servers are cut. */
  [Symbol.dispose](): void {
    for (const acceptor of [...this.#acceptors.values()]) acceptor.close();
    this.reset();
    void this.#cut(() => true);
    this.#datagrams.end();
    this.#topology.open("partition", []);
    this.#topology.open("hold", []);
  }

  /** Binds a name for what `open` makes, unless that throws. */
  #bound<T>(
    action: string,
    name: string | undefined,
    open: (acceptor: MemoryAcceptor) => T,
  ): T {
    const acceptor = this.#bind(action, name);
    try {
      return open(acceptor);
    } catch (error) {
      acceptor.close();
      throw error;
    }
  }

  /** Ends servers: nothing is left that their handlers could finish with. */
  async #cut(isOn: (name: string) => boolean): Promise<void> {
    const cut = [...this.#running].filter(([, name]) => isOn(name));
    // Their sockets see first what has become of the connections.
    await null;
    for (const [server] of cut) void server.shutdown({ timeoutMs: 0 });
  }

  #bind(
    action: string,
    name = `server-${++this.#servers}`,
  ): MemoryAcceptor {
    checkText(action, "name", name);
    try {
      this.#checkUp(name);
      if (this.#acceptors.has(name)) {
        throw new Deno.errors.AddrInUse("Address already in use");
      }
    } catch (error) {
      const localAddr = { transport: "memory" as const, name };
      throw translateError(error, { operation: "listen", localAddr });
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
    from: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<MemoryTransport> {
    const number = ++this.#clients;
    const client = from ?? `client-${number}`;
    const seed = this.#options.seed * 65_537 + number * 8;
    const emit = this.#emitter(client, server);
    const { latencyMs } = this.#options;
    this.#checkUp(client);
    const crashes = this.#crashesOf(client);
    const route = this.#topology.route(client, server);
    const onceMs = latencyMs + route.slowness.latencyMs;
    if (onceMs > 0) await sleep(2 * onceMs, { signal });
    for (let { waiting } = route; waiting !== undefined; { waiting } = route) {
      await waitWithin("connect", waiting, { signal });
    }
    if (this.#crashesOf(client) !== crashes) throw unreachable();
    const acceptor = this.#acceptors.get(server);
    if (acceptor === undefined) {
      emit({ type: "refused" });
      throw new Deno.errors.ConnectionRefused("Connection refused");
    }
    const link = new Link({
      ...this.#options,
      seed,
      names: [client, server],
      route,
      onArrival: (at, what) =>
        emit(
          what === "end"
            ? { type: "ended", at }
            : { type: "arrived", at, bytes: what },
        ),
      onReset: () => emit({ type: "reset" }),
      onDone: () => this.#links.delete(link),
    });
    this.#links.set(link, { client, server });
    emit({ type: "connected" });
    if (!acceptor.offer(link.server)) {
      link.reset();
      throw new Deno.errors.WouldBlock("Resource temporarily unavailable");
    }
    return link.client;
  }

  #emitter(client: string, server: string): (
    what: Pick<ConnectionEvent, "type" | "at" | "bytes">,
  ) => void {
    return (what) =>
      this.#emit({ atMs: performance.now(), client, server, ...what });
  }

  #emit(event: NetworkEvent): void {
    const { maxTraceEvents } = this.#options;
    this.#trace.push(event);
    // Not one by one, as each would move all that stay.
    if (this.#trace.length > 2 * maxTraceEvents) {
      this.#trace.splice(0, this.#trace.length - maxTraceEvents);
    }
    guard(() => this.#options.onEvent(event));
  }

  #checkUp(host: string): void {
    if (this.#crashed.has(host)) throw unreachable();
  }

  #crashesOf(host: string): number {
    return this.#crashes.get(host) ?? 0;
  }
}

const DIALER_OPTION_NAMES: ReadonlySet<string> = new Set(["from"]);

function unreachable(): Error {
  return new Deno.errors.NetworkUnreachable("Network is unreachable");
}

function checkHosts(action: string, hosts: readonly string[]): void {
  if (hosts.length > 2) throw wrongKind(action, "hosts", "two at most", hosts);
  for (const host of hosts) checkText(action, "host", host);
}

/**
 * Makes a simulated network, for tests of what bad networks do to a protocol.
 *
 * Clients and servers are real ones, over memory: `network.serve` takes what `serve`
 * takes, `network.connect` what `connect` takes, with a `name` in place of a host and
 * port. The network can be slow (`latencyMs`, `jitterMs`, `bytesPerSecond`), cut bytes
 * at random places, reset connections at random or on demand, be partitioned between
 * hosts, hold back what is sent, and have hosts that are slow, or crash and restart.
 *
 * All time is the global clock's. On a `fakeClock()` nothing waits for real, and the
 * same seed gives the same run. `using` ends the network.
 *
 * @param options What the network is like; fast and reliable by default, but with
 * bytes that are cut anywhere.
 * @throws {TypeError} An option is of the wrong type.
 * @throws {RangeError} An option is out of range.
 * @category Simulations
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
