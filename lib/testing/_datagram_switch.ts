/**
 * Datagrams of a simulated network: sockets that are bound on its hosts, and what happens to
 * each datagram on its way.
 *
 * ```text
 * send ── too large? partition? line full? chance? ──> lost
 *   └──> travels (twice, by chance) ── held? waits ── partition? no socket? ──> lost
 *                                                            └──> arrives
 * ```
 *
 * @module
 */

import { type Random, seededRandom } from "../_random.ts";
import { isLoopback, isMulticast } from "../datagram/check_options.ts";
import type {
  DatagramBackend,
  DatagramBinding,
  DatagramSink,
  DatagramTarget,
  DatagramTransport,
} from "../datagram/options.ts";
import type {
  CheckedOptions,
  DatagramEvent,
} from "./memory_network_options.ts";
import { formatIp, parseIp, withoutBrackets } from "../ip.ts";
import { MAX_DELAY_MS } from "./_fake_timers.ts";
import type { Topology } from "./_topology.ts";

/** The first and the last of the ports that are given out. */
const [FIRST_PORT, LAST_PORT] = [49_152, 65_535];

/** Milliseconds that one which is overtaken travels longer at most, beside the latency. */
const OVERTAKEN_MS = 20;

const BROADCAST = "255.255.255.255";

/** Whether it is a name by which a host is itself, wherever it is. */
function isOwnName(hostname: string): boolean {
  return hostname === "0.0.0.0" || hostname === "::" ||
    isLoopback(hostname.toLowerCase());
}

/** What the network tells the switch. */
export interface SwitchContext {
  readonly options: CheckedOptions;
  readonly topology: Topology;
  /** Throws where the host has crashed. */
  readonly checkUp: (host: string) => void;
  readonly emit: (event: Omit<DatagramEvent, "atMs">) => void;
}

/** Carries datagrams between the sockets of a network. */
export class DatagramSwitch {
  readonly #context: SwitchContext;
  readonly #random: Random;
  /** By host and port. */
  readonly #sockets = new Map<string, MemoryDatagrams>();
  readonly #nextPorts = new Map<string, number>();
  /** Of datagrams that are on their way. */
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** When the line from one host to another is free. */
  readonly #freeMs = new Map<string, number>();

  constructor(context: SwitchContext) {
    this.#context = context;
    this.#random = seededRandom(context.options.seed * 65_537 + 7);
  }

  /** Sockets that are open. */
  get size(): number {
    return this.#sockets.size;
  }

  /** What binds the ports of a host. */
  backend(host: string): DatagramBackend {
    return {
      // deno-lint-ignore require-await -- what it throws is a rejection
      bind: async (binding) => this.#bind(host, binding),
    };
  }

  /** Ends the sockets of a host; what they have sent still arrives. */
  crash(host: string, makeError: () => Error): void {
    for (const socket of [...this.#sockets.values()]) {
      if (socket.localAddr.hostname === host) socket.break(makeError());
    }
  }

  /** Ends all sockets, and forgets what is on its way. */
  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const socket of [...this.#sockets.values()]) {
      socket.break(new Deno.errors.BadResource("Bad resource ID"));
    }
  }

  #bind(
    host: string,
    { hostname, port }: DatagramBinding,
  ): MemoryDatagrams {
    this.#context.checkUp(host);
    if (hostname !== host && !isOwnName(hostname)) {
      throw new Deno.errors.AddrNotAvailable("Cannot assign requested address");
    }
    const free = port === 0 ? this.#freePort(host) : port;
    const key = keyOf(host, free);
    if (this.#sockets.has(key)) {
      throw new Deno.errors.AddrInUse("Address already in use");
    }
    const socket = new MemoryDatagrams(
      { transport: "udp", hostname: host, port: free },
      {
        send: (data, to) => this.#send(socket, data, to),
        onClose: () => this.#sockets.delete(key),
      },
    );
    this.#sockets.set(key, socket);
    return socket;
  }

  /** Ports in turn: what is still on its way to a socket that was closed meets no new one. */
  #freePort(host: string): number {
    for (let tries = FIRST_PORT; tries <= LAST_PORT; tries++) {
      const port = this.#nextPorts.get(host) ?? FIRST_PORT;
      this.#nextPorts.set(host, port === LAST_PORT ? FIRST_PORT : port + 1);
      if (!this.#sockets.has(keyOf(host, port))) return port;
    }
    throw new Deno.errors.AddrInUse("Address already in use");
  }

  #send(
    from: MemoryDatagrams,
    data: Uint8Array,
    { hostname: given = "127.0.0.1", port }: DatagramTarget<Deno.NetAddr>,
  ): void {
    const hostname = withoutBrackets(given);
    const sender = from.localAddr.hostname;
    // What a host sends itself by such a name comes from there, as the answer will.
    const addr = isOwnName(hostname)
      ? { ...from.localAddr, hostname }
      : from.localAddr;
    for (const host of this.#receivers(sender, hostname, port)) {
      // The sender may write to its array as soon as it was sent.
      this.#sendOne(sender, addr, { host, port }, new Uint8Array(data));
    }
  }

  #receivers(from: string, hostname: string, port: number): string[] {
    const isGroup = isMulticast(hostname);
    if (!isGroup && hostname !== BROADCAST) {
      return [isOwnName(hostname) ? from : hostname];
    }
    const group = isGroup ? formatIp(parseIp(hostname)!) : "";
    return [...this.#sockets.values()]
      .filter((socket) =>
        socket.localAddr.port === port &&
        (!isGroup || socket.groups.has(group))
      )
      .map(({ localAddr }) => localAddr.hostname);
  }

  #sendOne(
    sender: string,
    from: Deno.NetAddr,
    { host, port }: { host: string; port: number },
    data: Uint8Array<ArrayBuffer>,
  ): void {
    const { options, topology } = this.#context;
    const way = {
      from: keyOf(sender, from.port),
      to: keyOf(host, port),
      bytes: data.length,
    };
    const lose = (why: DatagramEvent["why"]): void =>
      this.#context.emit({ type: "datagram-lost", ...way, why });
    // Always as many, so that one option does not change what others do.
    const random = this.#random;
    const [loss, duplicate, overtaken] = [random(), random(), random()];
    const delays = [random(), random()];

    if (data.length > options.maxDatagramBytes) return lose("size");
    if (topology.isPartitioned(sender, host)) return lose("partition");
    const freeMs = this.#useLine(sender, host, data.length);
    if (freeMs === undefined) return lose("queue");
    if (loss < options.lossRate) return lose("chance");

    const copies = duplicate < options.duplicateRate ? 2 : 1;
    const { slowness } = topology.route(sender, host);
    const latencyMs = options.latencyMs + slowness.latencyMs;
    const jitterMs = options.jitterMs + slowness.jitterMs;
    for (let copy = 0; copy < copies; copy++) {
      if (copy > 0) this.#context.emit({ type: "datagram-duplicated", ...way });
      // A number below its rate is a random one below 1 as well, once divided by it.
      const laterMs = copy === 0 && overtaken < options.reorderRate
        ? overtaken / options.reorderRate * (OVERTAKEN_MS + 2 * latencyMs)
        : 0;
      const dueMs = freeMs + latencyMs + delays[copy] * jitterMs + laterMs;
      const bytes = copy === 0 ? data : new Uint8Array(data);
      this.#later(
        dueMs,
        () => this.#arrive(sender, from, { host, port }, bytes, lose),
      );
    }
  }

  /** When so many bytes have left; `undefined` where too many wait to leave already. */
  #useLine(from: string, to: string, bytes: number): number | undefined {
    const now = performance.now();
    const { options, topology } = this.#context;
    const { slowness } = topology.route(from, to);
    const rate = Math.min(options.bytesPerSecond, slowness.bytesPerSecond);
    if (rate === Infinity) return now;
    const line = `${from} ${to}`;
    const startMs = Math.max(now, this.#freeMs.get(line) ?? 0);
    const waitingBytes = (startMs - now) * rate / 1_000;
    if (waitingBytes + bytes > options.highWaterMarkBytes) return undefined;
    const freeMs = startMs + bytes / rate * 1_000;
    this.#freeMs.set(line, freeMs);
    return freeMs;
  }

  #later(dueMs: number, arrive: () => void): void {
    const leftMs = dueMs - performance.now();
    if (leftMs <= 0) return queueMicrotask(arrive);
    const isLong = leftMs > MAX_DELAY_MS;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (isLong) this.#later(dueMs, arrive);
      else arrive();
    }, isLong ? MAX_DELAY_MS : Math.ceil(leftMs));
    this.#timers.add(timer);
  }

  #arrive(
    sender: string,
    from: Deno.NetAddr,
    to: { host: string; port: number },
    data: Uint8Array<ArrayBuffer>,
    lose: (why: DatagramEvent["why"]) => void,
  ): void {
    const { topology, emit } = this.#context;
    const { host, port } = to;
    if (topology.isPartitioned(sender, host)) return lose("partition");
    const { waiting } = topology.route(sender, host);
    if (waiting !== undefined) {
      waiting.then(() => this.#arrive(sender, from, to, data, lose));
      return;
    }
    const socket = this.#sockets.get(keyOf(host, port));
    if (socket === undefined) return lose("no-socket");
    emit({
      type: "datagram-arrived",
      from: keyOf(sender, from.port),
      to: keyOf(host, port),
      bytes: data.length,
    });
    socket.deliver(data, from);
  }
}

/** Also how the trace names it. */
function keyOf(host: string, port: number): string {
  return `${host}:${port}`;
}

/** What a socket calls of the switch. */
interface SwitchHooks {
  send(data: Uint8Array, to: DatagramTarget<Deno.NetAddr>): void;
  onClose(): void;
}

/** One bound port of a host. */
class MemoryDatagrams implements DatagramTransport<Deno.NetAddr> {
  readonly localAddr: Deno.NetAddr;
  readonly groups = new Set<string>();
  readonly #hooks: SwitchHooks;
  #sink: DatagramSink<Deno.NetAddr> | undefined;
  #closed = false;

  constructor(localAddr: Deno.NetAddr, hooks: SwitchHooks) {
    this.localAddr = localAddr;
    this.#hooks = hooks;
  }

  start(sink: DatagramSink<Deno.NetAddr>): void {
    this.#sink = sink;
  }

  // deno-lint-ignore require-await -- what it throws is a rejection
  async send(
    data: Uint8Array,
    to: DatagramTarget<Deno.NetAddr>,
  ): Promise<void> {
    if (this.#closed) throw new Deno.errors.BadResource("Bad resource ID");
    this.#hooks.send(data, to);
  }

  // deno-lint-ignore require-await -- there is nothing to wait for
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#hooks.onClose();
  }

  // deno-lint-ignore require-await -- what it throws is a rejection
  async joinMulticast(group: string): Promise<void> {
    if (this.groups.has(group)) {
      throw new Deno.errors.AddrInUse("Address already in use");
    }
    this.groups.add(group);
  }

  // deno-lint-ignore require-await -- what it throws is a rejection
  async leaveMulticast(group: string): Promise<void> {
    if (!this.groups.delete(group)) {
      throw new Deno.errors.AddrNotAvailable("Cannot assign requested address");
    }
  }

  /** One has arrived. */
  deliver(data: Uint8Array<ArrayBuffer>, from: Deno.NetAddr): void {
    if (!this.#closed) this.#sink?.onDatagram(data, { ...from });
  }

  /** Ends it from outside. */
  break(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#hooks.onClose();
    this.#sink?.onEnd(error);
  }
}
