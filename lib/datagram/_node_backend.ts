/**
 * Datagrams by `node:dgram`, which takes no flag. Loaded when it is used.
 *
 * @module
 */

import { show } from "../_check.ts";
import { formatAddress } from "../addr.ts";
import { BrokenError, PermissionError } from "../errors.ts";
import { parseIp } from "../ip.ts";
import {
  type BudgetWaiter,
  noteReadEnd,
  noteReadStart,
  spendUnit,
  waitForBudget,
} from "../socket/io_budget.ts";
import type {
  DatagramBinding,
  DatagramSink,
  DatagramTarget,
  DatagramTransport,
  MulticastOptions,
  UdpCarrierOptions,
} from "./options.ts";
import { lookUp } from "./_look_up.ts";

const nodeDgram = () => globalThis.process.getBuiltinModule("node:dgram");
type NodeSocket = ReturnType<ReturnType<typeof nodeDgram>["createSocket"]>;

/** Binds a port. */
export async function bindNode(
  binding: DatagramBinding,
  options: UdpCarrierOptions,
): Promise<DatagramTransport<Deno.NetAddr>> {
  const { reuseAddress, port, maxDatagramBytes } = binding;
  checkPermission(binding);
  const hostname = await lookUp(binding.hostname, undefined);
  const isIpv6 = hostname.includes(":");
  const socket = nodeDgram().createSocket({
    type: isIpv6 ? "udp6" : "udp4",
    reuseAddr: reuseAddress,
    // An address needs no look-up, which would take a turn of the event loop for each send.
    lookup: (host, _options, callback) => {
      const ready = parseIp(host) === undefined
        ? lookUp(host, isIpv6 ? 6 : 4)
        : undefined;
      if (ready === undefined) return callback(null, host, isIpv6 ? 6 : 4);
      ready.then(
        (address) => callback(null, address, isIpv6 ? 6 : 4),
        (error) => callback(error, "", 0),
      );
    },
  });
  // Before it is bound, as it holds for what it has not yet begun alone: see `Hold`.
  socket.unref();
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, hostname, () => {
        socket.off("error", reject);
        resolve();
      });
    });
    configure(socket, binding, options);
    return new NodeTransport(socket, maxDatagramBytes);
  } catch (error) {
    closeQuietly(socket);
    throw error;
  }
}

/**
 * Throws where Deno denies the address: `node:dgram` (Deno 2.9) throws it later, where no
 * caller can catch it.
 */
function checkPermission({ hostname, port }: DatagramBinding): void {
  const localAddr = { transport: "udp" as const, hostname, port };
  const host = formatAddress(localAddr);
  // Asks the user where there is one, as Deno itself would.
  const { state } = Deno.permissions.requestSync({ name: "net", host });
  if (state === "granted") return;
  const flag = `--allow-net=${host}`;
  throw new PermissionError(
    [flag],
    `Cannot bind to ${host}: run again with ${flag}`,
    { operation: "bind", localAddr },
  );
}

function configure(
  socket: NodeSocket,
  binding: DatagramBinding,
  options: UdpCarrierOptions,
): void {
  if (binding.broadcast) socket.setBroadcast(true);
  const { ttl, multicastTtl, multicastLoopback, multicastInterface } = options;
  if (ttl !== undefined) socket.setTTL(ttl);
  if (multicastTtl !== undefined) socket.setMulticastTTL(multicastTtl);
  if (multicastLoopback !== undefined) {
    socket.setMulticastLoopback(multicastLoopback);
  }
  if (multicastInterface !== undefined) {
    chooseInterface(socket, binding, multicastInterface);
  }
}

function chooseInterface(
  socket: NodeSocket,
  { hostname, port }: DatagramBinding,
  name: string,
): void {
  try {
    socket.setMulticastInterface(name);
  } catch (cause) {
    const localAddr = { transport: "udp" as const, hostname, port };
    throw new BrokenError(
      "not-available",
      `Cannot bind to ${formatAddress(localAddr)}: multicastInterface is ${
        show(name)
      }, which is no interface of this machine`,
      { operation: "bind", localAddr, cause },
    );
  }
}

function closeQuietly(socket: NodeSocket): void {
  try {
    socket.close();
  } catch {
    // It never ran.
  }
}

/** Longer than any process lives, and not too long for a timer. */
const NEVER_MS = 2 ** 30;

/**
 * Keeps the process alive. A socket of `node:dgram` (Deno 2.9) does not follow `ref` and
 * `unref` while it waits for a datagram, which is always.
 */
class Hold {
  readonly #timers = globalThis.process.getBuiltinModule("node:timers");
  readonly #timer = this.#timers.setInterval(() => {}, NEVER_MS).unref();

  ref(): void {
    this.#timer.ref();
  }

  unref(): void {
    this.#timer.unref();
  }

  end(): void {
    this.#timers.clearInterval(this.#timer);
  }
}

/**
 * What `node:dgram` (Deno 2.9) does for a datagram, as bytes that are read: it makes an array
 * for the largest that there is, and takes several times as long as Deno's own.
 */
const OWN_COST_BYTES = 2_048;

/** The loop inside a socket of Node's. */
interface NodeLoop {
  recvStart(): void;
  /** Where it is called for a datagram, none is asked for after that one. */
  recvStop(): void;
}

/**
 * The loop of `socket`, or `undefined` where Deno keeps it elsewhere than 2.9 does. No
 * method of Node's pauses a socket, and its `_handle` prints a warning.
 */
function loopOf(socket: NodeSocket): NodeLoop | undefined {
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    const state: unknown = Reflect.get(socket, symbol);
    const { handle } = Object(state) as { handle?: Partial<NodeLoop> };
    if (
      typeof handle?.recvStart === "function" &&
      typeof handle.recvStop === "function"
    ) return handle as NodeLoop;
  }
  return undefined;
}

/** One socket of Node's. */
class NodeTransport implements DatagramTransport<Deno.NetAddr>, BudgetWaiter {
  readonly localAddr: Deno.NetAddr;
  readonly #socket: NodeSocket;
  readonly #loop: NodeLoop | undefined;
  readonly #limit: number;
  readonly #hold = new Hold();
  #closing: Promise<void> | undefined;

  constructor(socket: NodeSocket, maxDatagramBytes: number) {
    this.#socket = socket;
    this.#loop = loopOf(socket);
    this.#limit = maxDatagramBytes;
    const { address: hostname, port } = socket.address();
    this.localAddr = { transport: "udp", hostname, port };
  }

  start(sink: DatagramSink<Deno.NetAddr>): void {
    const limit = this.#limit;
    this.#socket.on("message", (message, { address: hostname, port }) => {
      const { length } = message;
      noteReadEnd(this, length + OWN_COST_BYTES, true);
      if (length > limit) sink.onOversize();
      else {
        // A copy: the array of each has room for the largest that there is.
        sink.onDatagram(new Uint8Array(message), {
          transport: "udp",
          hostname,
          port,
        });
      }
      if (this.#loop === undefined || spendUnit()) noteReadStart(this, true);
      else this.#pause(this.#loop);
    });
    this.#socket.on("error", (error) => sink.onEnd(error));
  }

  /** Other sockets have their turn: see `io_budget.ts`. */
  #pause(loop: NodeLoop): void {
    loop.recvStop();
    waitForBudget(this);
  }

  onNewBudget(): void {
    if (this.#closing === undefined) this.#loop!.recvStart();
  }

  send(
    data: Uint8Array,
    { hostname = "127.0.0.1", port }: DatagramTarget<Deno.NetAddr>,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(data, port, hostname, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#socket.once("close", resolve);
      this.#socket.close();
    });
    this.#hold.end();
  }

  ref(): void {
    this.#hold.ref();
  }

  unref(): void {
    this.#hold.unref();
  }

  // deno-lint-ignore require-await -- what it throws is a rejection
  async joinMulticast(group: string, options: MulticastOptions): Promise<void> {
    this.#socket.addMembership(group, interfaceOf(group, options));
  }

  // deno-lint-ignore require-await -- what it throws is a rejection
  async leaveMulticast(
    group: string,
    options: MulticastOptions,
  ): Promise<void> {
    this.#socket.dropMembership(group, interfaceOf(group, options));
  }
}

/** For IPv4 an address; for IPv6 a number, which the options give. */
function interfaceOf(
  group: string,
  options: MulticastOptions,
): string | undefined {
  const chosen = options.interface;
  if (chosen === undefined) return undefined;
  return group.includes(":")
    ? interfaceByNumber(group, Number(chosen))
    : `${chosen}`;
}

/** On all systems. */
const LOOPBACK_NUMBER = 1;

/**
 * An interface as the zone of an address. Of a number there `node:dgram` (Deno 2.9) takes no
 * notice when it joins a group, and takes the system's choice.
 */
function interfaceByNumber(group: string, number: number): string | undefined {
  if (number === 0) return undefined;
  if (number === LOOPBACK_NUMBER) return "::1";
  const kind = "networkInterfaces";
  const { state } = Deno.permissions.requestSync({ name: "sys", kind });
  if (state !== "granted") {
    const flag = `--allow-sys=${kind}`;
    throw new PermissionError(
      [flag],
      `Cannot join or leave ${group}: run again with ${flag}, which finds the interface of a number (or with --unstable-net, which needs none)`,
      { operation: "join" },
    );
  }
  // Link-local addresses alone have it.
  const found = Deno.networkInterfaces().find(({ scopeid }) =>
    scopeid === number
  );
  if (found === undefined) {
    throw new BrokenError(
      "not-available",
      `Cannot join or leave ${group}: no interface of this machine has the number ${number} and an address`,
      { operation: "join" },
    );
  }
  return `::%${found.name}`;
}
