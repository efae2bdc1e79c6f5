/**
 * A socket for datagrams from and to any address.
 *
 * @module
 */

import {
  checkInteger,
  checkNames,
  checkText,
  readOptions,
  wrongKind,
} from "../_check.ts";
import { BrokenError, BusyError } from "../errors.ts";
import { formatIp, parseIp, withoutBrackets } from "../ip.ts";
import type { CallOptions } from "../time/call_limits.ts";
import { checkHostname } from "../transport/check_address.ts";
import { translateError } from "../transport/translate_error.ts";
import { isMulticast, PEER_NAMES, withDefaults } from "./check_options.ts";
import { Endpoint } from "./_endpoint.ts";
import { connectDatagram, type DatagramPeer } from "./datagram_peer.ts";
import type {
  Datagram,
  DatagramAddr,
  DatagramStats,
  DatagramTarget,
  DatagramTransport,
  MulticastOptions,
  UdpOptions,
  UdpPeerOptions,
  UnixDatagramOptions,
  UnixPeerOptions,
} from "./options.ts";

/**
 * What {@linkcode DatagramSocket.peer} takes: as the socket is, so is the peer.
 *
 * @category Datagrams
 */
export type PeerOptionsOf<A extends DatagramAddr> = A extends Deno.NetAddr
  ? UdpPeerOptions
  : UnixPeerOptions;

/**
 * A socket that exchanges datagrams with any number of others. Made by
 * {@linkcode datagram}.
 *
 * Datagrams come as an async iterator or one by one with `receive`; one task receives at a
 * time, and any number of them send. `break` leaves the socket open.
 *
 * @category Datagrams
 *
 * @example One datagram in, one out
 * ```ts
 * import { datagram } from "@sluice/net/datagram";
 * import { assertEquals } from "@std/assert";
 *
 * await using socket = await datagram({ port: 0 });
 * await socket.send("to myself", socket.localAddr);
 * for await (const { data, from } of socket) {
 *   assertEquals([data.length, from], [9, socket.localAddr]);
 *   break;
 * }
 * ```
 */
export class DatagramSocket<A extends DatagramAddr = DatagramAddr>
  implements AsyncIterable<Datagram<A>>, Disposable, AsyncDisposable {
  readonly #endpoint: Endpoint<A>;
  readonly #options: Pick<UdpOptions, "backend" | "broadcast">;
  /** Multicast groups, each with the interface: those that it has joined, and what calls are at. */
  readonly #groups = new Map<string, "joined" | "joining" | "leaving">();

  /** Use {@linkcode datagram}. */
  constructor(
    transport: DatagramTransport<A>,
    options: UdpOptions | UnixDatagramOptions,
  ) {
    this.#endpoint = new Endpoint(transport, withDefaults(options));
    // Not the object itself, which may change.
    const { backend, broadcast } = options as UdpOptions;
    this.#options = { backend, broadcast };
    this.#endpoint.start();
  }

  /** The address that it is bound to; the port is the real one, also after port 0. */
  get localAddr(): A {
    return this.#endpoint.localAddr;
  }

  /** The same, as servers and `Deno.DatagramConn` call it. */
  get addr(): A {
    return this.localAddr;
  }

  /** What it has carried, up to now. */
  get stats(): DatagramStats {
    return this.#endpoint.stats;
  }

  /** Resolves when it has ended, however that came. */
  get closed(): Promise<void> {
    return this.#endpoint.closed;
  }

  /**
   * The next datagram; `null` when the socket was closed, also while this waits.
   *
   * Cancellation: safe. What arrives after a call was cut off goes to the next one.
   *
   * @param options Limits of this call.
   * @throws {BusyError} Another task receives.
   * @throws {BrokenError} The system does not let it receive any more.
   * @throws {TimeoutError} A time limit passed.
   *
   * @example
   * ```ts
   * import { datagram } from "@sluice/net/datagram";
   * import { TimeoutError } from "@sluice/net";
   * import { assertEquals, assertRejects } from "@std/assert";
   *
   * const socket = await datagram({ port: 0 });
   * await assertRejects(() => socket.receive({ timeoutMs: 10 }), TimeoutError);
   * const receiving = socket.receive();
   * await socket.close();
   * assertEquals(await receiving, null);
   * ```
   */
  receive(options?: CallOptions): Promise<Datagram<A> | null> {
    return this.#endpoint.receive(options);
  }

  /** Datagrams as they come, until the socket is closed. */
  [Symbol.asyncIterator](): AsyncIterator<Datagram<A>> {
    return { next: () => this.#endpoint.next() };
  }

  /**
   * Sends a datagram, in the order of the calls. That it was sent says neither that it
   * arrives, nor that a program listens there.
   *
   * Cancellation: it may have been sent, or not.
   *
   * @param data What to send, at most 65,507 bytes; text as UTF-8. Borrowed until the
   * promise settles. Above some 1,400 bytes a datagram travels in pieces, of which all
   * must arrive.
   * @param to Where to: `from` of a datagram, or an address.
   * @param options Limits of this call.
   * @throws {TypeError} `data` is no bytes, or `to` is no address.
   * @throws {RangeError} `data` is too large, or the port is out of range.
   * @throws {ClosedError} The socket is closed.
   * @throws {LimitError} `maxPendingBytes` of sends are under way.
   * @throws {BrokenError} The system refuses it; see `reason`. A Unix socket that takes
   * nothing for a tenth of a second is `"exhausted"`, so that it holds up no other.
   * @throws {PermissionError} Deno denies it; the message says which flag is missing.
   */
  send(
    data: Uint8Array | string,
    to: DatagramTarget<A>,
    options?: CallOptions,
  ): Promise<void> {
    let target: DatagramTarget;
    try {
      target = targetOf(to, this.#endpoint.localAddr, this.#options);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#endpoint.send(data, target as DatagramTarget<A>, options);
  }

  /**
   * Opens a socket of its own for one peer, which only that peer's datagrams reach: see
   * {@linkcode connectDatagram}. It is carried as this socket is, and bound to the same
   * host.
   *
   * @param options Who the peer is.
   * @throws {unknown} As of {@linkcode connectDatagram}.
   *
   * @example
   * ```ts
   * import { datagram } from "@sluice/net/datagram";
   * import { assertEquals } from "@std/assert";
   *
   * await using socket = await datagram({ port: 0 });
   * await using other = await datagram({ port: 0 });
   * await using peer = await socket.peer({ port: other.localAddr.port });
   * await peer.send("hello");
   * assertEquals((await other.receive())?.from, peer.localAddr);
   * ```
   */
  async peer(options: PeerOptionsOf<A>): Promise<DatagramPeer<A>> {
    checkNames("open a datagram peer", "options", options, PEER_NAMES);
    const { backend = "auto" } = this.#options;
    const own = this.localAddr;
    const given = readOptions<UdpPeerOptions | UnixPeerOptions>(
      options,
      PEER_NAMES,
    );
    const all = given.path === undefined && "hostname" in own
      ? { backend, localHostname: own.hostname, ...given }
      : given;
    const peer: DatagramPeer = await connectDatagram(all as UdpPeerOptions);
    return peer as DatagramPeer<A>;
  }

  /**
   * Receives what is sent to a multicast group, too. Bind the port of the group, with
   * `reuseAddress` where other programs of this machine may be members, and a `hostname`
   * that is `"0.0.0.0"` or `"::"`.
   *
   * @param group An address from 224.0.0.0 to 239.255.255.255, or that begins with `ff`.
   * @param options Which interface joins.
   * @throws {TypeError} `group` is no such address, or one of IPv6 where the socket is bound
   * to one of IPv4, or the transport knows no groups.
   * @throws {BrokenError} The system refuses it, or it is a member already (`reason` is
   * `"in-use"`).
   * @throws {BusyError} Another call is joining or leaving this group.
   * @throws {ClosedError} The socket is closed, or was meanwhile.
   */
  async joinMulticast(
    group: string,
    options: MulticastOptions = {},
  ): Promise<void> {
    await this.#changeMembership("joinMulticast", group, options);
  }

  /**
   * Leaves a multicast group, as it was joined. Closing the socket leaves all.
   *
   * @param group As of {@linkcode DatagramSocket.joinMulticast}.
   * @param options As it was joined with.
   * @throws {BrokenError} The socket is no member of it (`reason` is `"not-available"`).
   * @throws {unknown} As of {@linkcode DatagramSocket.joinMulticast}.
   */
  async leaveMulticast(
    group: string,
    options: MulticastOptions = {},
  ): Promise<void> {
    await this.#changeMembership("leaveMulticast", group, options);
  }

  /** Lets a call that waits keep the process alive, as it does from the start. */
  ref(): void {
    this.#endpoint.ref();
  }

  /** Lets the process end while a call waits. */
  unref(): void {
    this.#endpoint.unref();
  }

  /**
   * Ends it: a call that receives gets `null`, and what waited to be received is dropped.
   * Sends that are under way end first, for a second at most; limits cut them. Resolves
   * when the address is free. Idempotent.
   *
   * @param options Limits of this call, which cut what still is under way.
   * @throws {unknown} `signal.reason`, untouched, where the signal aborts.
   */
  close(options?: CallOptions): Promise<void> {
    return this.#endpoint.close(options);
  }

  /** Closes at once. */
  [Symbol.dispose](): void {
    void this.#endpoint.cut();
  }

  /** Closes, as {@linkcode DatagramSocket.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #changeMembership(
    method: "joinMulticast" | "leaveMulticast",
    group: string,
    options: MulticastOptions,
  ): Promise<void> {
    const operation = method === "joinMulticast" ? "join" : "leave";
    checkText(operation, "group", group);
    // The zone of an address is an option here.
    if (!isMulticast(group) || group.includes("%")) {
      const must = "a multicast address without a zone";
      throw wrongKind(operation, "group", must, group);
    }
    checkNames(operation, "options", options, MULTICAST_NAMES);
    // As the system has it: it may be left in another spelling than it was joined in.
    const ip = parseIp(withoutBrackets(group))!;
    const address = formatIp(ip);
    const chosen = options.interface;
    if (chosen !== undefined && !isInterfaceFor(address, chosen)) {
      const must = address.includes(":")
        ? "the number of an interface for IPv6"
        : "the IPv4 address of an interface for IPv4";
      throw wrongKind(operation, "interface", must, chosen);
    }
    this.#endpoint.checkOpen(operation);
    const { localAddr, transport } = this.#endpoint;
    if (transport[method] === undefined) {
      throw new TypeError(
        `Cannot ${operation} ${group}: what carries these datagrams knows no groups`,
      );
    }
    if (ip.length === 16 && isIpv4(localAddr)) {
      const must = `one of IPv4 (the socket is bound to ${localAddr.hostname})`;
      throw wrongKind(operation, "group", must, group);
    }
    const key = interfaceKey(chosen);
    const membership = `${address} ${key}`;
    const state = this.#groups.get(membership);
    if (state === "joining" || state === "leaving") {
      const why = `Cannot ${operation} ${group}: another call is ${state} it`;
      throw new BusyError(why, { operation, localAddr });
    }
    // Systems have several names for it, of which `EINVAL` says least.
    const isMember = state === "joined";
    if (isMember === (operation === "join")) {
      throw wrongMembership(operation, group, localAddr);
    }
    this.#groups.set(membership, isMember ? "leaving" : "joining");
    let isMemberNow = isMember;
    try {
      await transport[method](address, { interface: key || undefined });
      isMemberNow = !isMember;
    } catch (thrown) {
      // What the system says to a call that closing has cut is of no interest.
      this.#endpoint.checkOpen(operation);
      const error = translateError(thrown, { operation, localAddr });
      if (!(error instanceof BrokenError)) throw error;
      // It goes by another name of the interface, or was joined on the one that it stands for.
      if (error.reason === "in-use" && operation === "join") {
        throw wrongMembership(operation, group, localAddr, thrown);
      }
      throw error === thrown
        ? error
        : refusedMembership(operation, group, chosen, error);
    } finally {
      if (isMemberNow) this.#groups.set(membership, "joined");
      else this.#groups.delete(membership);
    }
    // Closing has left it, too.
    if (operation === "join") this.#endpoint.checkOpen(operation);
  }
}

const MULTICAST_NAMES: ReadonlySet<string> = new Set(
  ["interface"] satisfies (keyof MulticastOptions)[],
);

/** What tells one interface from another: none is the same as any address, or the number 0. */
function interfaceKey(chosen: MulticastOptions["interface"]): string {
  const text = `${chosen ?? ""}`;
  if (/^\d+$/.test(text)) return `${Number(text) || ""}`;
  return text === "0.0.0.0" ? "" : text;
}

function wrongMembership(
  operation: "join" | "leave",
  group: string,
  localAddr: DatagramAddr,
  cause?: unknown,
): BrokenError {
  const options = { operation, localAddr, cause };
  return operation === "join"
    ? new BrokenError(
      "in-use",
      `Cannot join ${group}: this socket has joined it already`,
      options,
    )
    : new BrokenError(
      "not-available",
      `Cannot leave ${group}: this socket has not joined it on that interface`,
      options,
    );
}

/** Systems say no more than `EINVAL` for most of it. */
function refusedMembership(
  operation: "join" | "leave",
  group: string,
  chosen: MulticastOptions["interface"],
  { reason, localAddr, cause }: BrokenError,
): BrokenError {
  const doubt = chosen === undefined
    ? ""
    : ` (is ${chosen} an interface of this machine?)`;
  return new BrokenError(
    reason,
    `Cannot ${operation} ${group}: the system refuses it${doubt}`,
    { operation, localAddr, cause },
  );
}

function isIpv4(addr: DatagramAddr): addr is Deno.NetAddr {
  return "hostname" in addr && parseIp(addr.hostname)?.length === 4;
}

function isInterfaceFor(group: string, chosen: unknown): boolean {
  if (group.includes(":")) {
    // The system has 32 bits for it.
    return /^\d+$/.test(String(chosen)) && Number(chosen) < 2 ** 32;
  }
  return typeof chosen === "string" && !chosen.includes(":") &&
    parseIp(chosen) !== undefined;
}

/**
 * Where a datagram goes to, as the address says now: it may have to wait for others, and the
 * object may change. Throws unless it can go there.
 */
function targetOf(
  to: { hostname?: string; port?: number; path?: string },
  localAddr: DatagramAddr,
  { broadcast = false }: { broadcast?: boolean },
): DatagramTarget {
  if (typeof to !== "object" || to === null) {
    throw wrongKind("send", "to", "an address", to);
  }
  const { hostname, port, path } = to;
  if ("path" in localAddr) {
    if (path !== "") {
      checkText("send", "to.path", path);
      return { path };
    }
    throw new BrokenError(
      "unreachable",
      "Cannot send: the socket that this goes to is not bound to a path, and cannot be answered",
      { operation: "send" },
    );
  }
  if (path !== undefined) {
    throw wrongKind("send", "to.path", "absent with UDP", path);
  }
  checkInteger("send", "to.port", port, 1, 65_535);
  if (hostname === undefined) return { port };
  checkHostname("send", "to.hostname", hostname);
  if (hostname === "255.255.255.255" && !broadcast) {
    throw wrongKind("send", "broadcast", `true for ${hostname}`, broadcast);
  }
  return { hostname, port };
}
