/**
 * One peer to exchange datagrams with, and questions to ask it.
 *
 * @module
 */

import {
  checkAboveZero,
  checkBytes,
  checkFunction,
  checkInteger,
  checkNames,
  isA,
  TEXT_OR_BYTES,
} from "../_check.ts";
import {
  BrokenError,
  ClosedError,
  LimitError,
  TimeoutError,
} from "../errors.ts";
import { formatIp, parseIp, withoutBrackets } from "../ip.ts";
import {
  type CallOptions,
  checkCall,
  waitWithin,
  watchCall,
} from "../time/call_limits.ts";
import { translateError } from "../transport/translate_error.ts";
import { checkPeerOptions, isLoopback, withDefaults } from "./check_options.ts";
import { Endpoint } from "./_endpoint.ts";
import { lookUp } from "./_look_up.ts";
import { open } from "./_open.ts";
import { firstWaitMs, PendingRequest } from "./_pending_request.ts";
import type {
  Datagram,
  DatagramAddr,
  DatagramRequestOptions,
  DatagramStats,
  DatagramTarget,
  DatagramTransport,
  UdpOptions,
  UdpPeerOptions,
  UnixPeerOptions,
} from "./options.ts";

const ACTION = "open a datagram peer";

/** Milliseconds that a request may take by default. */
const REQUEST_TIMEOUT_MS = 5_000;

/**
 * Opens a socket of its own for one peer: what others send to it is ignored.
 *
 * There is no connection: the peer is not asked, and is not told. The port of this side
 * is a random one by default, which is half of what keeps forged answers out: the other
 * half is `accept` of a request.
 *
 * @param options Who the peer is.
 * @returns The peer, once its socket is bound.
 * @throws {TypeError} An option is of the wrong type, or is not known.
 * @throws {RangeError} An option is out of range.
 * @throws {BrokenError} The name has no address, or the local address cannot be bound.
 * @throws {PermissionError} Deno denies it, or a flag is missing; see `flags`.
 * @throws {unknown} The reason of `signal`, untouched.
 * @category Datagrams
 *
 * @example A question, and its answer
 * ```ts
 * import { connectDatagram, datagram, serveDatagrams } from "@sluice/net/datagram";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = await datagram({ port: 0 });
 * const serving = serveDatagrams(server, ({ data }) => data.toReversed());
 *
 * await using peer = await connectDatagram({ port: server.localAddr.port });
 * const answer = await peer.request(new Uint8Array([7, 1, 2]), {
 *   accept: (answer) => answer.at(-1) === 7,
 * });
 * assertEquals(answer, new Uint8Array([2, 1, 7]));
 *
 * await server.close();
 * await serving;
 * ```
 */
export function connectDatagram(
  options: UdpPeerOptions,
): Promise<DatagramPeer<Deno.NetAddr>>;
/**
 * Opens a Unix socket for one peer.
 *
 * @category Datagrams
 */
export function connectDatagram(
  options: UnixPeerOptions,
): Promise<DatagramPeer<Deno.UnixAddr>>;
export async function connectDatagram(
  given: UdpPeerOptions | UnixPeerOptions,
): Promise<DatagramPeer<DatagramAddr>> {
  const options = checkPeerOptions(ACTION, given);
  const { signal } = options;
  signal?.throwIfAborted();
  if (options.path !== undefined) {
    const { path, localPath, maxInFlight: _, ...rest } = options;
    const transport = await open({ ...rest, path: localPath });
    const remoteAddr = { transport: "unixpacket" as const, path };
    return new DatagramPeer(transport, remoteAddr, options);
  }
  const remoteAddr = {
    transport: "udp" as const,
    // A look-up may take long, and ends by itself.
    hostname: await waitWithin("connect", addressOf(options), { signal }),
    port: options.port,
  };
  const transport = await open(bindingOf(options, remoteAddr.hostname));
  return new DatagramPeer(transport, remoteAddr, options);
}

/** The address of the peer: a backend of the caller's own has names of its own. */
async function addressOf(
  { hostname = "127.0.0.1", port, localHostname, backend }: UdpPeerOptions,
): Promise<string> {
  if (typeof backend === "object") return withoutBrackets(hostname);
  const isLocal6 = localHostname?.includes(":");
  const family = isLocal6 === undefined ? undefined : isLocal6 ? 6 : 4;
  try {
    const address = await lookUp(hostname, family);
    const ip = parseIp(address);
    // A mapped one (`::ffff:1.2.3.4`) is reached by IPv4, unless this side is bound to IPv6.
    return ip?.length === 4 && !isLocal6 ? formatIp(ip) : address;
  } catch (error) {
    const remoteAddr = { transport: "udp" as const, hostname, port };
    throw translateError(error, { operation: "connect", remoteAddr });
  }
}

function bindingOf(options: UdpPeerOptions, remote: string): UdpOptions {
  const { hostname: _host, port: _port, maxInFlight: _max, ...rest } = options;
  const { localHostname, localPort = 0, ...carrier } = rest;
  const isIpv6 = remote.includes(":");
  const local = isLoopback(remote)
    ? isIpv6 ? "::1" : "127.0.0.1"
    : isIpv6
    ? "::"
    : "0.0.0.0";
  return { ...carrier, hostname: localHostname ?? local, port: localPort };
}

/**
 * A socket that exchanges datagrams with one peer. Made by {@linkcode connectDatagram}, or
 * by `peer` of a socket.
 *
 * It is received from as a `DatagramSocket` is, and asked with `request`; both at once are
 * fine: what no request accepts is received. On one that is only asked, such datagrams are
 * late answers, which are dropped and counted as `ignored`, as are those of strangers.
 *
 * @category Datagrams
 */
export class DatagramPeer<A extends DatagramAddr = DatagramAddr>
  implements AsyncIterable<Datagram<A>>, Disposable, AsyncDisposable {
  readonly #endpoint: Endpoint<A>;
  readonly #remoteAddr: A;
  /** The address as bytes, where it is one. */
  readonly #remoteIp: Uint8Array | undefined;
  readonly #maxInFlight: number;
  readonly #requests = new Set<PendingRequest<Uint8Array<ArrayBuffer>>>();
  /** What was made of it so far, which decides about what no request accepts. */
  #isAsked = false;
  #isReceivedFrom = false;

  /** Use {@linkcode connectDatagram}. */
  constructor(
    transport: DatagramTransport<A>,
    remoteAddr: A,
    options: UdpPeerOptions | UnixPeerOptions,
  ) {
    this.#remoteAddr = remoteAddr;
    this.#remoteIp = "hostname" in remoteAddr
      ? parseIp(remoteAddr.hostname)
      : undefined;
    this.#maxInFlight = options.maxInFlight ?? 1_000;
    this.#endpoint = new Endpoint(transport, withDefaults(options), {
      intercept: (datagram) => this.#intercept(datagram),
      onEnd: (error) => this.#failAll(error),
    });
    this.#endpoint.start();
  }

  /** This side's address, to which the peer answers. */
  get localAddr(): A {
    return this.#endpoint.localAddr;
  }

  /** The peer's address: that of a name was looked up. */
  get remoteAddr(): A {
    return this.#remoteAddr;
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
   * The next datagram of the peer: as {@linkcode DatagramSocket.receive}.
   *
   * @throws {unknown} As of {@linkcode DatagramSocket.receive}.
   */
  receive(options?: CallOptions): Promise<Datagram<A> | null> {
    this.#isReceivedFrom = true;
    return this.#endpoint.receive(options);
  }

  /** Datagrams of the peer as they come, until this side is closed. */
  [Symbol.asyncIterator](): AsyncIterator<Datagram<A>> {
    this.#isReceivedFrom = true;
    return { next: () => this.#endpoint.next() };
  }

  /**
   * Sends a datagram to the peer: as {@linkcode DatagramSocket.send}.
   *
   * @throws {unknown} As of {@linkcode DatagramSocket.send}.
   */
  send(
    data: Uint8Array | string,
    options?: CallOptions,
  ): Promise<void> {
    const to = this.#remoteAddr as DatagramTarget<A>;
    return this.#endpoint.send(data, to, options);
  }

  /**
   * Sends a datagram and waits for its answer; sends it again while none comes, after
   * waits that double.
   *
   * Any number of requests, up to `maxInFlight`, may wait at a time. Each datagram of the
   * peer goes to the first of them that accepts it. So an answer is never given to another
   * request as long as `accept` can tell them apart, by an id say; late answers, answers
   * that come twice, and those of strangers are dropped.
   *
   * The peer may get a request more than once: make sure that this does no harm.
   *
   * Cancellation: what was sent stays sent, and the answer is dropped when it comes.
   *
   * @param query What to send, at most 65,507 bytes; text as UTF-8. It is copied.
   * @param options What the answer is, and limits.
   * @returns The answer.
   * @throws {TimeoutError} No answer came in time; its `sent` says whether the request may
   * have left.
   * @throws {LimitError} `maxInFlight` requests wait already.
   * @throws {ClosedError} This side was closed.
   * @throws {unknown} As of `send`, or what `accept` throws.
   *
   * @example Answers by their ids
   * ```ts
   * import { connectDatagram, datagram, serveDatagrams } from "@sluice/net/datagram";
   * import { assertEquals } from "@std/assert";
   *
   * await using server = await datagram({ port: 0 });
   * const serving = serveDatagrams(server, ({ data: [id, number] }) =>
   *   new Uint8Array([id, number * 2]));
   *
   * await using peer = await connectDatagram({ port: server.localAddr.port });
   * const double = async (id: number, number: number) => {
   *   const answer = await peer.request(new Uint8Array([id, number]), {
   *     accept: (answer) => answer[0] === id,
   *     attempts: 3,
   *     timeoutMs: 5_000,
   *   });
   *   return answer[1];
   * };
   * assertEquals(await Promise.all([double(1, 10), double(2, 20)]), [20, 40]);
   *
   * await server.close();
   * await serving;
   * ```
   */
  async request(
    query: Uint8Array | string,
    options: DatagramRequestOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const limits = checkRequest(options);
    if (typeof query !== "string") {
      checkBytes("request", "query", query, TEXT_OR_BYTES);
    }
    this.#endpoint.checkOpen("request");
    if (this.#requests.size >= this.#maxInFlight) {
      throw new LimitError(
        "maxInFlight",
        this.#maxInFlight,
        `Cannot request: ${this.#maxInFlight} requests wait for their answers already, which is maxInFlight`,
        { operation: "request", ...this.#addresses, sent: false },
      );
    }
    // It is sent again later, when the caller may have written to its array.
    const data = typeof query === "string" ? query : new Uint8Array(query);
    const { accept, attempts, timeoutMs, retransmitMs, signal, deadline } =
      limits;
    const request = new PendingRequest<Uint8Array<ArrayBuffer>>(
      accept,
      () => this.#sendQuery(data),
      { attempts, firstMs: retransmitMs ?? firstWaitMs(attempts, timeoutMs) },
    );
    this.#isAsked = true;
    this.#requests.add(request);
    this.#endpoint.hold();
    const stop = watchCall(
      "request",
      { signal, timeoutMs, deadline },
      (reason) => {
        request.fail(
          isA(reason, TimeoutError)
            ? new TimeoutError("request", reason.timeoutMs, {
              ...this.#addresses,
              sent: request.sent,
            })
            : reason,
        );
      },
    );
    try {
      request.start();
      return await request.answer;
    } finally {
      stop();
      this.#requests.delete(request);
      this.#endpoint.release();
    }
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
   * Ends it: a call that receives gets `null`, and requests that wait fail with a
   * `ClosedError`. Otherwise as `close` of a `DatagramSocket`.
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

  /** Closes, as {@linkcode DatagramPeer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #addresses(): { localAddr: A; remoteAddr: A } {
    const { localAddr, remoteAddr } = this;
    return { localAddr, remoteAddr };
  }

  /** Where a queue is full it is as if it was lost: there may be room the next time. */
  async #sendQuery(data: Uint8Array | string): Promise<void> {
    try {
      await this.send(data);
    } catch (error) {
      const isFull = error instanceof BrokenError &&
        error.reason === "exhausted";
      if (!isFull) throw error;
    }
  }

  #intercept({ data, from }: Datagram<A>): boolean {
    if (this.#isFromPeer(from)) {
      for (const request of this.#requests) {
        if (request.offer(data)) return true;
      }
      if (!this.#isAsked || this.#isReceivedFrom) return false;
    }
    this.#endpoint.ignored++;
    return true;
  }

  #isFromPeer(from: DatagramAddr): boolean {
    const peer: DatagramAddr = this.#remoteAddr;
    if ("path" in peer) return "path" in from && from.path === peer.path;
    if ("path" in from || from.port !== peer.port) return false;
    if (from.hostname === peer.hostname) return true;
    // The same address may be written in several ways.
    const expected = this.#remoteIp;
    const ip = expected && parseIp(from.hostname);
    return ip !== undefined && ip.length === expected!.length &&
      ip.every((byte, i) => byte === expected![i]);
  }

  #failAll(error: unknown): void {
    const isClosed = error instanceof ClosedError;
    for (const request of [...this.#requests]) {
      request.fail(
        isClosed
          ? new ClosedError("Cannot request: the socket was closed", {
            operation: "request",
            ...this.#addresses,
            sent: request.sent,
          })
          : error,
      );
    }
  }
}

const REQUEST_NAMES: ReadonlySet<string> = new Set(
  [
    "accept",
    "attempts",
    "timeoutMs",
    "retransmitMs",
    "signal",
    "deadline",
  ] satisfies (keyof DatagramRequestOptions)[],
);

/** Options of a request, with those that were not given. */
export type CheckedRequest<In> =
  & DatagramRequestOptions<In>
  & Required<Pick<DatagramRequestOptions<In>, "attempts" | "timeoutMs">>;

/** Throws unless these can be the options of a request; gives those with defaults. */
export function checkRequest<In>(
  options: DatagramRequestOptions<In>,
): CheckedRequest<In> {
  const action = "request";
  checkNames(action, "options", options, REQUEST_NAMES);
  const { accept, attempts = 3, retransmitMs, signal, deadline } = options;
  const { timeoutMs = REQUEST_TIMEOUT_MS } = options;
  checkFunction(action, "accept", accept);
  checkInteger(action, "attempts", attempts, 1, 1_000);
  if (retransmitMs !== undefined) {
    checkAboveZero(action, "retransmitMs", retransmitMs);
  }
  checkCall(action, { signal, timeoutMs, deadline });
  return { accept, attempts, timeoutMs, retransmitMs, signal, deadline };
}
