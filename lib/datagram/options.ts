/**
 * What datagrams are, what carries them, and how a socket for them is asked for: every
 * contract and every option of this folder. Types only, so that every other file here may
 * import it.
 *
 * This folder guarantees that datagrams look the same from above, whether `node:dgram`,
 * `Deno.listenDatagram`, Unix sockets or memory carry them: whole or not at all, with memory
 * of their own, in a queue that is bounded and counts what it drops. It refuses to promise
 * that they arrive, or in which order: a program that needs an answer asks for it with
 * `request`, and one that needs a stream uses a `Socket`.
 *
 * It may import `codec/`, `transport/` (errors and their texts), `bytes/`, `time/`,
 * `errors.ts`, `addr.ts` and `ip.ts`; nothing in `lib/` but `testing/` imports it.
 *
 * @module
 */

import type { CallOptions } from "../time/call_limits.ts";

/**
 * Where a datagram comes from or goes to: UDP, or a Unix socket of datagrams.
 *
 * @category Datagrams
 */
export type DatagramAddr = Deno.NetAddr | Deno.UnixAddr;

/**
 * Where to send a datagram: an address that one came from, or one that is written by hand.
 *
 * @category Datagrams
 */
export type DatagramTarget<A extends DatagramAddr = DatagramAddr> = A extends
  Deno.NetAddr ? {
    /**
     * Name or address of the host. An IPv6 address may be in brackets. A name is looked
     * up for each datagram, and those behind it wait for that.
     *
     * @default {"127.0.0.1"}
     */
    hostname?: string | undefined;
    /** Its port, from 1 to 65535. */
    port: number;
  }
  : {
    /** Path of the Unix socket. */
    path: string;
  };

/**
 * A datagram that has arrived.
 *
 * @category Datagrams
 */
export interface Datagram<A extends DatagramAddr = DatagramAddr> {
  /** What it says; may be empty. The bytes are yours: nothing writes to them again. */
  readonly data: Uint8Array<ArrayBuffer>;
  /**
   * Who has sent it, as far as one can believe a datagram: the sender chooses what it says
   * here. Of a Unix socket that is not bound, `path` is empty, and it cannot be answered.
   */
  readonly from: A;
}

/**
 * What a {@linkcode DatagramTransport} calls with what arrives.
 *
 * @category Datagrams
 */
export interface DatagramSink<A extends DatagramAddr = DatagramAddr> {
  /**
   * A datagram has arrived, whole. The array belongs to the sink from now on.
   */
  onDatagram(data: Uint8Array<ArrayBuffer>, from: A): void;
  /** One has arrived that is larger than the limit, and was dropped. */
  onOversize(): void;
  /** Nothing will arrive any more, because of this error. Not called after `close`. */
  onEnd(error: unknown): void;
}

/**
 * What a {@linkcode DatagramSocket} runs on: one bound address. Errors leave it as its
 * runtime throws them.
 *
 * @category Datagrams
 */
export interface DatagramTransport<A extends DatagramAddr = DatagramAddr> {
  /** The address that it is bound to; the port is the real one. */
  readonly localAddr: A;
  /**
   * Most bytes of a datagram that it sends.
   *
   * @default {65_507}
   */
  readonly maxSendBytes?: number | undefined;
  /** Begins to hand over what arrives; called once. What arrived before comes first. */
  start(sink: DatagramSink<A>): void;
  /**
   * Sends a datagram, and settles when the system has taken it. `data` is borrowed until
   * then. Called again only when the call before has settled.
   */
  send(data: Uint8Array, to: DatagramTarget<A>): Promise<unknown>;
  /** Ends it: nothing arrives any more, and the address is free when it has settled. Idempotent. */
  close(): Promise<void>;
  /** Lets it keep the process alive, as it does not from the start. */
  ref?(): void;
  /** Lets the process end while it is open. */
  unref?(): void;
  /** Receives what is sent to a multicast group, too. */
  joinMulticast?(group: string, options: MulticastOptions): Promise<void>;
  /** Does not any more. */
  leaveMulticast?(group: string, options: MulticastOptions): Promise<void>;
}

/**
 * What a {@linkcode DatagramBackend} is asked to bind.
 *
 * @category Datagrams
 */
export type DatagramBinding = Required<
  Pick<
    UdpOptions,
    "hostname" | "port" | "reuseAddress" | "broadcast" | "maxDatagramBytes"
  >
>;

/**
 * What carries the datagrams of a program. `node:dgram` and `Deno.listenDatagram` are built
 * in; `memoryNetwork` of `@sluice/net/testing` makes those of its hosts.
 *
 * @category Datagrams
 */
export interface DatagramBackend {
  /** Binds an address, port 0 for one that is free. */
  bind(options: DatagramBinding): Promise<DatagramTransport<Deno.NetAddr>>;
}

/**
 * How much a socket holds for a program that does not receive, or does not await what it
 * sends.
 *
 * @category Datagrams
 */
export interface DatagramQueueOptions {
  /**
   * Most datagrams that wait to be received.
   *
   * @default {1_000}
   */
  maxQueuedDatagrams?: number | undefined;
  /**
   * Most bytes of the datagrams that wait. One that is larger is dropped.
   *
   * @default {4_194_304}
   */
  maxQueuedBytes?: number | undefined;
  /**
   * What is dropped, and counted, when one more arrives: the oldest, as its sender has most
   * likely given up by now, or the one that arrives.
   *
   * @default {"drop-oldest"}
   */
  onFull?: "drop-oldest" | "drop-newest" | undefined;
  /**
   * Most bytes of a datagram that is received; a larger one is dropped, and counted as
   * `oversize`. A buffer of so many bytes is kept for each socket.
   *
   * @default {65_507}
   */
  maxDatagramBytes?: number | undefined;
  /**
   * Most bytes of sends that are under way together, each of which counts as 1,024 more; a
   * further one rejects with `LimitError`, and the socket goes on. Only sends that are not
   * awaited come that far.
   *
   * @default {16_777_216}
   */
  maxPendingBytes?: number | undefined;
  /** Closes the socket when it aborts. None by default. */
  signal?: AbortSignal | undefined;
}

/**
 * What carries UDP, and how.
 *
 * @category Datagrams
 */
export interface UdpCarrierOptions {
  /**
   * What carries the datagrams: `"node"` is `node:dgram` and takes no flag, `"deno"` is
   * `Deno.listenDatagram`, which is faster and takes `--unstable-net`. `"auto"` is
   * `"deno"` where the flag is there and nothing is asked for that only `"node"` can do.
   *
   * @default {"auto"}
   */
  backend?: "auto" | "node" | "deno" | DatagramBackend | undefined;
  /**
   * Allows sending to 255.255.255.255, which reaches all hosts of the network. Other
   * addresses of that kind take it with `"node"` alone.
   *
   * @default {false}
   */
  broadcast?: boolean | undefined;
  /**
   * Hops that a datagram may take, from 1 to 255. The system's by default. Only with
   * `"node"`.
   */
  ttl?: number | undefined;
  /**
   * Hops that a datagram to a multicast group may take, from 0 to 255. The system's by
   * default, which is 1: the local network. Only with `"node"`.
   */
  multicastTtl?: number | undefined;
  /**
   * Whether other sockets of this machine receive what is sent to a group that they have
   * joined. The system's by default, which is `true`. Only with `"node"`.
   */
  multicastLoopback?: boolean | undefined;
  /**
   * The interface from which datagrams leave that are sent to a group: its address, or for
   * IPv6 `"::%eth0"`; a name that is unknown is no error there, and the system chooses. The
   * system's choice by default. Only with `"node"`.
   */
  multicastInterface?: string | undefined;
}

/**
 * Where to receive UDP, and how.
 *
 * @category Datagrams
 */
export interface UdpOptions extends DatagramQueueOptions, UdpCarrierOptions {
  /**
   * The address to bind. With `"0.0.0.0"` or `"::"` other machines reach the socket, and
   * it reaches them.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /** The port to bind; 0 for one that is free. */
  port: number;
  /**
   * Lets several sockets bind the same port, as the members of a multicast group do. Which
   * of them gets a datagram that is for one is the system's choice.
   *
   * @default {false}
   */
  reuseAddress?: boolean | undefined;
  /** As an address has it, so that one can be given as it is; `"tcp"` is refused. */
  transport?: "udp" | "tcp" | undefined;
  /** Absent: a port has no path. */
  path?: undefined;
}

/**
 * Where to receive datagrams of Unix sockets, and how. They take `--unstable-net`.
 *
 * @category Datagrams
 */
export interface UnixDatagramOptions extends DatagramQueueOptions {
  /**
   * Path of the socket, a file that must not exist. It is removed when the socket is closed.
   */
  path: string;
  /** As an address has it, so that one can be given as it is; `"unix"` is refused. */
  transport?: "unixpacket" | "unix" | undefined;
  /** Only `Deno.listenDatagram` has them. */
  backend?: "auto" | "deno" | undefined;
  /** Absent: a path has no port. */
  port?: undefined;
  /** Absent: a path has no host. */
  hostname?: undefined;
}

/**
 * The one peer to exchange UDP with, and how.
 *
 * @category Datagrams
 */
export interface UdpPeerOptions
  extends DatagramQueueOptions, UdpCarrierOptions {
  /**
   * Name or address of the peer. A name is looked up once, when the peer is opened, which
   * takes `--allow-net=NAME` without a port; `"localhost"` is not.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /** Its port, from 1 to 65535. */
  port: number;
  /**
   * The address of this side. `peer` of a socket takes that of the socket.
   *
   * @default {"127.0.0.1" for a peer on this machine, or else "0.0.0.0"; for IPv6 "::1" or "::"}
   */
  localHostname?: string | undefined;
  /**
   * The port of this side; 0 for one that is free, which strangers cannot guess.
   *
   * @default {0}
   */
  localPort?: number | undefined;
  /**
   * Most requests that wait for their answers at a time; `Infinity` for no limit.
   *
   * @default {1_000}
   */
  maxInFlight?: number | undefined;
  /** As an address has it, so that one can be given as it is; `"tcp"` is refused. */
  transport?: "udp" | "tcp" | undefined;
  /** Absent: a port has no path. */
  path?: undefined;
}

/**
 * The one peer to exchange datagrams of Unix sockets with, and how.
 *
 * @category Datagrams
 */
export interface UnixPeerOptions extends DatagramQueueOptions {
  /** Path of the peer's socket. */
  path: string;
  /** Path of this side's socket, to which the peer answers: as `path` of `datagram`. */
  localPath: string;
  /** See {@linkcode UdpPeerOptions.maxInFlight}. */
  maxInFlight?: number | undefined;
  /** As an address has it, so that one can be given as it is; `"unix"` is refused. */
  transport?: "unixpacket" | "unix" | undefined;
  /** Only `Deno.listenDatagram` has them. */
  backend?: "auto" | "deno" | undefined;
  /** Absent: a path has no port. */
  port?: undefined;
  /** Absent: a path has no host. */
  hostname?: undefined;
}

/**
 * Which interface joins a multicast group.
 *
 * @category Datagrams
 */
export interface MulticastOptions {
  /**
   * The interface: for IPv4 its address, for IPv6 its number, which takes
   * `--allow-sys=networkInterfaces` with `"node"`. The system's choice by default.
   */
  interface?: string | number | undefined;
}

/**
 * How to ask a peer, and for how long.
 *
 * @category Datagrams
 */
export interface DatagramRequestOptions<In = Uint8Array<ArrayBuffer>>
  extends CallOptions {
  /**
   * Whether what has arrived is the answer: look at its id. Anything else is left to other
   * requests, so that late and forged answers are told from the right one. What it throws
   * ends the request, as does anything that is neither `true` nor `false`.
   */
  accept: (answer: In) => boolean;
  /**
   * How often to send, the first time included.
   *
   * @default {3}
   */
  attempts?: number | undefined;
  /**
   * Most milliseconds that the whole request may take, above 0.
   *
   * @default {5_000}
   */
  timeoutMs?: number | undefined;
  /**
   * Milliseconds until it is sent for the second time. Each further wait is twice as long,
   * and up to a quarter of each is left out at random, so that many clients do not ask at
   * the same moment. By default so long that the last wait ends with `timeoutMs`: with three
   * attempts in 700 ms, after 100, 300 and 700. But at least a millisecond: of many attempts
   * in a short time the last ones are not made.
   */
  retransmitMs?: number | undefined;
}

/**
 * What a socket has carried.
 *
 * @category Datagrams
 */
export interface DatagramStats {
  /** Datagrams that have arrived, also those that were dropped or ignored since. */
  readonly received: number;
  /** Bytes of the datagrams that have arrived. */
  readonly bytes: number;
  /** Datagrams that were dropped because the queue was full. */
  readonly dropped: number;
  /** Datagrams that were dropped because they were larger than `maxDatagramBytes`. */
  readonly oversize: number;
  /**
   * Datagrams that were dropped because of what they are: forged ones from port 0, and of a
   * peer those of strangers, and those that no request accepts where only requests are made.
   */
  readonly ignored: number;
  /** Datagrams that wait to be received. */
  readonly queued: number;
  /** Datagrams that were sent. */
  readonly sent: number;
  /** Bytes of the datagrams that were sent. */
  readonly sentBytes: number;
}
