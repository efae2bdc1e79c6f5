/**
 * A connection: reads, writes, limits and a graceful end over any transport.
 *
 * This folder guarantees that no byte is lost to a time limit, that writes arrive
 * whole and in order, and that each outcome has its own error. It does not retry,
 * reconnect or log. It may import `transport/`, `traffic/`, `time/`, `bytes/`;
 * `server/`, `framed/`, `adapters/` and what is above them may import it.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { checkTransport, wrongKind } from "../_check.ts";
import type { CallOptions } from "../time/call_limits.ts";
import type {
  AcceptedTransport,
  PeerCertificate,
  ProxyInfo,
  Transport,
} from "../transport/options.ts";
import { Connection } from "./_connection.ts";
import { checkOnlySocketOptions, checkTimeouts } from "./check_options.ts";
import type {
  AcceptTlsOptions,
  ReadUntilOptions,
  SocketOptions,
  SocketTimeouts,
  StartTlsOptions,
} from "./options.ts";
import type { Take } from "./_read_loop.ts";
import type { SocketStats } from "./_stats.ts";
import { ChunkIterator, readableOf, writableOf } from "./_streams.ts";

export type { SocketStats, Take };

/** What `Framed` and the server work with, past the public methods. */
export type SocketHalves = Pick<
  Connection,
  | "options"
  | "transport"
  | "readLoop"
  | "writer"
  | "stats"
  | "tap"
  | "isOpen"
  | "isClosing"
  | "isHandshakeCut"
  | "drain"
  | "expire"
  | "onReadOrphaned"
  | "addresses"
  | "isUnreferenced"
>;

/** Reaches a socket's two halves. Not for users: `mod.ts` does not export it. */
export let halvesOf: (socket: Socket) => SocketHalves;

/**
 * Whether it is a socket of this module's class. A Proxy of one passes for it, and so does
 * what inherits from one, but neither has its two halves. Not for users either.
 */
export let isSocket: (value: unknown) => value is Socket;

/** Throws unless it is. Not for users either. */
export function checkSocket(
  action: string,
  name: string,
  value: unknown,
): asserts value is Socket {
  if (isSocket(value)) return;
  const must = value instanceof Socket
    ? "a Socket itself, and no Proxy of one"
    : "a Socket (new Socket(conn) makes one of a connection)";
  throw wrongKind(action, name, must, value);
}

/**
 * One connection, over TCP, TLS, Unix sockets or memory alike.
 *
 * One task reads at a time; any number may write, and what each wrote stays whole
 * and in order. Every call that waits takes `{ signal, timeoutMs, deadline }`. A read that
 * is cut off consumes nothing: the next one gets its bytes. A write that is cut off
 * leaves an unknown part of itself on the wire, so the writing side is broken
 * afterwards and says so.
 *
 * What each call does in each state:
 *
 * | state | comes by | reads | `write`, `flush` | `closeWrite` | `close` | `abort` |
 * | --- | --- | --- | --- | --- | --- | --- |
 * | open | | bytes | accepted | ends this side | ends gracefully | ends now |
 * | upgrading | `startTls`, `acceptTls` | `BusyError` | `BusyError` (`flush` passes) | `BusyError` | ends now | ends now |
 * | peer ended | end of stream | what is left, then `null` | accepted | ends this side | ends gracefully | ends now |
 * | write ended | `closeWrite` | bytes | `ClosedError` (`flush` waits) | the same promise | ends gracefully | ends now |
 * | write failed | a stalled or cut off write, or a peer that reads no more | bytes | the same error | the same error | ends now, then the same error | ends now |
 * | write broke | a write that met a reset | what is left, then the same error | the same error | the same error | ends now, then the same error | ends now |
 * | broken | a failed read or handshake | what is left, then the same error | the same error | the same error | nothing, or the same error if bytes were lost | nothing |
 * | closing | `close` | `ClosedError` | `ClosedError` (`flush` waits) | the same promise | the same promise | ends now |
 * | closed | `abort`, end of `close`, idle limit, minimum rates | `ClosedError`* | `ClosedError`* | nothing | nothing | nothing |
 * | detached | `detach` | `ClosedError` | `ClosedError` | nothing | nothing | nothing |
 *
 * \* After an idle limit, its `TimeoutError`, after a minimum rate its `LimitError`; so
 * does `close` if bytes were lost.
 *
 * A socket keeps the process alive while a call of it waits, as a connection of Deno does,
 * and no longer: a read that was cut off, an idle limit or an open socket that is not used
 * does not. Bytes that were accepted are sent before a process ends by itself; `Deno.exit`
 * and an uncaught error do not wait for them: `flush` first.
 *
 * @category Sockets
 *
 * @example
 * ```ts
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [left, right] = memoryPair();
 * await left.write("hello\n");
 * assertEquals(await right.readLine(), "hello");
 * ```
 */
export class Socket
  implements
    AsyncIterable<Uint8Array<ArrayBuffer>>,
    Disposable,
    AsyncDisposable {
  static {
    halvesOf = (socket) => socket.#connection;
    isSocket = (value): value is Socket =>
      typeof value === "object" && value !== null && #connection in value;
  }

  readonly #connection: Connection;
  // Made on first use.
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  /**
   * Wraps a transport, which from now on belongs to the socket.
   *
   * @param transport For instance a `Deno.Conn`.
   * @param options Limits and sizes.
   * @throws {TypeError} `transport` is not a transport, an option is not a number, or its
   * name is not known.
   * @throws {RangeError} An option is out of range.
   *
   * @example
   * ```ts
   * import { Socket } from "@sluice/net";
   *
   * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
   * const { port } = listener.addr;
   * using socket = new Socket(await Deno.connect({ port }), { idleMs: 60_000 });
   * (await listener.accept()).close();
   * ```
   */
  constructor(transport: Transport, options: SocketOptions = {}) {
    checkTransport("make a socket", "transport", transport);
    const checked = checkOnlySocketOptions("make a socket", options);
    this.#connection = new Connection(transport, checked);
  }

  /** This side's address. */
  get localAddr(): Addr {
    return this.#connection.transport.localAddr;
  }

  /** The peer's address. */
  get remoteAddr(): Addr {
    return this.#connection.transport.remoteAddr;
  }

  /**
   * What a trusted proxy has said of the connection (`proxyProtocol` of `serve`); `null`
   * where none has. `remoteAddr` is then the client's address.
   */
  get proxy(): ProxyInfo | null {
    const { transport } = this.#connection;
    return (transport as AcceptedTransport).proxy ?? null;
  }

  /** What has been moved so far, in the clear. The counters go on counting. */
  get stats(): SocketStats {
    return this.#connection.stats;
  }

  /** Resolves once, when the socket has ended, however it ended. Never rejects. */
  get closed(): Promise<void> {
    return this.#connection.closed;
  }

  /** Aborts when the socket ends, with the reason. Made on first use. */
  get signal(): AbortSignal {
    return this.#connection.signal;
  }

  /**
   * Reads what is there: at least one byte, or `null` when the peer has ended its
   * side. The bytes are yours: no later read overwrites them. They may be a view, so copy
   * them (`slice`) before you transfer their buffer.
   *
   * Cancellation: safe. A call that is cut off consumes nothing.
   *
   * @param options Limits of this call.
   * @returns The bytes, or `null` at the end of the stream.
   * @throws {TimeoutError} A time limit passed.
   * @throws {BrokenError} The connection broke, and all that came before was read.
   * @throws {ClosedError} This side was closed.
   * @throws {BusyError} Another read, or a TLS handshake, is under way.
   * @throws {unknown} `signal.reason`, untouched, where the signal aborts.
   *
   * @example
   * ```ts
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await left.write("hello");
   * await left.closeWrite();
   * assertEquals((await right.read())?.length, 5);
   * assertEquals(await right.read(), null);
   * ```
   */
  read(options?: CallOptions): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#connection.reader.read(options);
  }

  /**
   * Reads what is there into `target`. Without limits and with nothing buffered the
   * bytes go from the transport straight into `target`, which is borrowed until the
   * promise settles, or where `close` cuts it off, until the socket is closed.
   *
   * Cancellation: safe. A call that is cut off consumes nothing.
   *
   * @param target Where the bytes go; if it is empty, the result is 0.
   * @param options Limits of this call.
   * @returns How many bytes, at least one, or `null` at the end of the stream.
   * @throws {TypeError} `target` is not a `Uint8Array`, or its memory was transferred.
   * @throws As {@linkcode Socket.read}.
   *
   * @example
   * ```ts
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await left.write("hello");
   * const target = new Uint8Array(1024);
   * assertEquals(await right.readInto(target), 5);
   * ```
   */
  readInto(target: Uint8Array, options?: CallOptions): Promise<number | null> {
    return this.#connection.reader.readInto(target, options);
  }

  /**
   * Reads exactly `length` bytes. The bytes are yours. If the peer ends early, what
   * already arrived stays buffered and the error says how much.
   *
   * Cancellation: safe. A call that is cut off consumes nothing.
   *
   * @param length Bytes to read, from 0 to `maxBufferBytes`.
   * @param options Limits of this call.
   * @returns The bytes, always `length` long.
   * @throws {UnexpectedEofError} The peer ended first; see `received`.
   * @throws {RangeError} `length` is out of range.
   * @throws As {@linkcode Socket.read}.
   *
   * @example Read a four-byte header
   * ```ts
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await left.write(new Uint8Array([0, 0, 0, 7]));
   * assertEquals((await right.readExactly(4))[3], 7);
   * ```
   */
  readExactly(
    length: number,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#connection.reader.readExactly(length, options);
  }

  /**
   * Reads up to and including the next `delimiter`. The bytes are yours.
   *
   * Cancellation: safe. A call that is cut off consumes nothing, and the next
   * search for the same delimiter goes on where it stopped.
   *
   * @param delimiter Bytes, or text in UTF-8; at least one byte.
   * @param options Limits of this call, and `maxBytes` (64 KiB).
   * @returns The bytes, the delimiter last.
   * @throws {FrameTooLargeError} `maxBytes` came without a delimiter.
   * @throws {UnexpectedEofError} The peer ended before the delimiter.
   * @throws {RangeError} The delimiter is empty, or `maxBytes` is out of range.
   * @throws {TypeError} The name of an option is not known.
   * @throws As {@linkcode Socket.read}.
   *
   * @example
   * ```ts
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await left.write("GET /\r\n\r\nbody");
   * assertEquals((await right.readUntil("\r\n\r\n")).length, 9);
   * ```
   */
  readUntil(
    delimiter: Uint8Array | string,
    options?: ReadUntilOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#connection.reader.readUntil(delimiter, options);
  }

  /**
   * Reads a line of UTF-8 text without its `\n` or `\r\n`; `null` at the end of the
   * stream. A last line without an ending counts.
   *
   * Cancellation: safe. A call that is cut off consumes nothing.
   *
   * @param options Limits of this call, and `maxBytes` (64 KiB).
   * @returns The line, or `null`.
   * @throws {FrameTooLargeError} `maxBytes` came without a line ending.
   * @throws {TypeError} The name of an option is not known.
   * @throws As {@linkcode Socket.read}.
   *
   * @example
   * ```ts
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await left.write("one\r\ntwo\n");
   * assertEquals([await right.readLine(), await right.readLine()], ["one", "two"]);
   * ```
   */
  readLine(options?: ReadUntilOptions): Promise<string | null> {
    return this.#connection.reader.readLine(options);
  }

  /**
   * Looks at the next `length` bytes without consuming them; fewer only if the peer
   * ends first. The result is a copy.
   *
   * Cancellation: safe.
   *
   * @param length Bytes to look at, from 0 to `maxBufferBytes`.
   * @param options Limits of this call.
   * @returns A copy of the bytes.
   * @throws {RangeError} `length` is out of range.
   * @throws As {@linkcode Socket.read}.
   *
   * @example
   * ```ts
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await left.write("hello\n");
   * assertEquals((await right.peek(1))[0], 0x68);
   * assertEquals(await right.readLine(), "hello");
   * ```
   */
  peek(
    length: number,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#connection.reader.peek(length, options);
  }

  /**
   * Puts bytes back: the next read gets them first.
   *
   * @param bytes What to put back. Kept by reference: do not change it.
   * @throws {TypeError} `bytes` is not a `Uint8Array`, or its memory was transferred.
   * @throws {BusyError} A read is under way.
   * @throws {ClosedError} This side was closed.
   *
   * @example
   * ```ts
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left] = memoryPair();
   * left.unread(new TextEncoder().encode("again\n"));
   * assertEquals(await left.readLine(), "again");
   * ```
   */
  unread(bytes: Uint8Array): void {
    this.#connection.reader.unread(bytes);
  }

  /**
   * Chunks as they come, until the peer ends its side; rejects if the connection
   * breaks. One loop at a time. `break` leaves the socket open: it goes on where the loop
   * stopped. So does `return` of the iterator, which ends a `next` that waits.
   *
   * @returns An iterator that reads only when it is asked.
   */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array<ArrayBuffer>> {
    return new ChunkIterator(this.#connection.readLoop);
  }

  /**
   * Writes all of `data`, after everything written before it.
   *
   * Resolves when the bytes are accepted under the high-water mark, so awaiting it is
   * backpressure; from then on the array may be used again. It does not say that the peer
   * has them, nor, unlike `sendall` of other languages, that the system has: they leave at
   * the end of the turn of the event loop at the latest. Small writes of one turn leave
   * together, and a lone one leaves in the same turn. {@linkcode Socket.flush} waits until
   * the system has taken them; do so before `Deno.exit`, which waits for nothing.
   *
   * An array of 64 KiB or more is borrowed until the promise settles, smaller ones are
   * copied. One that is transferred or resized meanwhile breaks the writing side.
   *
   * Cancellation: a call that is cut off while it waits leaves an unknown part of
   * itself on the wire, so the writing side is broken afterwards.
   *
   * An un-awaited write that fails does not end the process: `flush`, `close` and
   * later writes report the same error.
   *
   * @param data Bytes, or text, which is sent as UTF-8; lone surrogates become U+FFFD.
   * @param options Limits of this call.
   * @throws {TypeError} `data` is neither, or its memory was transferred.
   * @throws {BrokenError} The connection broke, now or in an earlier write.
   * @throws {TimeoutError} A time limit passed.
   * @throws {LimitError} More than `maxPendingBytes` wait.
   * @throws {ClosedError} This side has ended.
   * @throws {BusyError} A TLS handshake is under way.
   * @throws {unknown} `signal.reason`, untouched, where the signal aborts.
   *
   * @example
   * ```ts
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await left.write("one ");
   * await left.write(new TextEncoder().encode("line\n"));
   * assertEquals(await right.readLine(), "one line");
   * ```
   */
  write(data: Uint8Array | string, options?: CallOptions): Promise<void> {
    return this.#connection.writer.write(data, options);
  }

  /**
   * Resolves when everything written so far has been taken by the transport.
   *
   * Cancellation: safe. The bytes stay on their way.
   *
   * @param options Limits of this call.
   * @throws As {@linkcode Socket.write}, but for `ClosedError` after `closeWrite`.
   *
   * @example
   * ```ts
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left] = memoryPair();
   * left.write("on its way");
   * await left.flush({ timeoutMs: 1_000 });
   * assertEquals(left.stats.bytesWritten, 10);
   * ```
   */
  flush(options?: CallOptions): Promise<void> {
    return this.#connection.writer.flush(options);
  }

  /**
   * Sends what was written, then ends this side: the peer reads the end of the
   * stream, and can still answer. Idempotent.
   *
   * Cancellation: safe. A call that is cut off stops waiting; the end is still sent behind
   * what was written.
   *
   * @param options Limits of this call.
   * @throws As {@linkcode Socket.write}.
   *
   * @example
   * ```ts
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await left.closeWrite();
   * assertEquals(await right.read(), null);
   * await right.write("still here\n");
   * assertEquals(await left.readLine(), "still here");
   * ```
   */
  closeWrite(options?: CallOptions): Promise<void> {
    return this.#connection.closeWrite(options);
  }

  /**
   * Changes the time limits that are named; the others stay. A limit of the call that
   * waits counts from now on, but for a `readInto` without limits of its own.
   *
   * @param timeouts Limits in milliseconds, from 1; `Infinity` takes one away.
   * @throws {TypeError} A limit is not a number, or its name is not known.
   * @throws {RangeError} A limit is out of range.
   *
   * @example
   * ```ts
   * import { TimeoutError } from "@sluice/net";
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertRejects } from "@std/assert";
   *
   * const [left] = memoryPair();
   * left.setTimeouts({ readMs: 10 });
   * await assertRejects(() => left.read(), TimeoutError);
   * ```
   */
  setTimeouts(timeouts: SocketTimeouts): void {
    checkTimeouts("set timeouts", timeouts);
    this.#connection.limit(timeouts);
  }

  /**
   * Ends gracefully: sends what was written, ends this side, waits for the peer to
   * end its side, discarding what still comes, and closes. All of it within
   * `closeTimeoutMs`; then the connection is cut. Idempotent: all calls share one end, and
   * the shortest limit counts.
   *
   * Cancellation: a limit of this call cuts the connection, as `closeTimeoutMs` does. The
   * call rejects only if written bytes were lost by that, or with `signal.reason`.
   *
   * @param options Limits of this call.
   * @throws {BrokenError} What was written could not be sent.
   * @throws {TimeoutError} What was written could not be sent in time.
   * @throws {unknown} `signal.reason`, untouched, where the signal aborts.
   *
   * @example
   * ```ts
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * left.write("bye\n");
   * const closing = left.close({ timeoutMs: 1_000 });
   * assertEquals(await right.readLine(), "bye");
   * await right.close();
   * await closing;
   * ```
   */
  close(options?: CallOptions): Promise<void> {
    return this.#connection.close(options);
  }

  /**
   * Ends now: what was not sent is dropped, pending calls reject with
   * {@linkcode ClosedError}. Idempotent, and never throws.
   *
   * A peer that reads sees an end that looks like any other, as Deno always ends its stream
   * before it closes a connection and offers no reset; what the peer writes then fails.
   * So it does over TLS, where the end is said by `close_notify`, unless bytes were still on
   * their way. Where a protocol has to tell a failure from an end, send one of its own
   * messages first.
   *
   * @param reason Becomes the reason of `signal` and the `cause` of the errors.
   *
   * @example
   * ```ts
   * import { ClosedError } from "@sluice/net";
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertRejects } from "@std/assert";
   *
   * const [left] = memoryPair();
   * const reading = left.read();
   * left.abort();
   * await assertRejects(() => reading, ClosedError);
   * ```
   */
  abort(reason?: unknown): void {
    this.#connection.abort(reason);
  }

  /**
   * Speaks TLS from now on, as a client (STARTTLS). The socket stays what it is: its
   * limits, counters, signal and a framing on it go on, over the same connection.
   *
   * Everything written before is sent in the clear first. Until the handshake is over,
   * reads and writes are a {@linkcode BusyError}. If it fails the socket is broken, with
   * the same error.
   *
   * Cancellation: a limit that passes before the handshake begins leaves the socket as it
   * was; later it breaks the socket. One limit holds for all of it.
   *
   * @param options Certificates to trust, and limits; `timeoutMs` is 10,000 by default.
   * @returns This socket.
   * @throws {TlsError} The handshake failed, or (`plaintext`) bytes that came in the
   * clear are still unread: an attacker could have put them there.
   * @throws {BrokenError} The connection broke.
   * @throws {TimeoutError} The time limit passed.
   * @throws {BusyError} A read is under way or was cut off: a read cannot be taken back.
   * @throws {ClosedError} The socket has ended, or was closed meanwhile.
   * @throws {TypeError} An option is of the wrong type, or its name is not known.
   * @throws {unknown} `signal.reason`, untouched, where the signal aborts.
   *
   * @example
   * ```ts ignore
   * const socket = await connect({ hostname: "mail.example", port: 25 });
   * await socket.write("STARTTLS\r\n");
   * await socket.readLine();
   * await socket.startTls();
   * ```
   */
  async startTls(options: StartTlsOptions = {}): Promise<Socket> {
    await this.#connection.startTls(options);
    return this;
  }

  /**
   * Speaks TLS from now on, as a server, to a client that asked for it in the clear
   * (STARTTLS). Otherwise as {@linkcode Socket.startTls}.
   *
   * @param options Certificate, key, and limits; `timeoutMs` is 10,000 by default.
   * @returns This socket.
   * @throws As {@linkcode Socket.startTls}.
   *
   * @example
   * ```ts ignore
   * serve({ port: 25 }, async (socket) => {
   *   await socket.readUntil("STARTTLS\r\n");
   *   await socket.write("220 go ahead\r\n");
   *   await socket.acceptTls({ cert, key });
   * });
   * ```
   */
  async acceptTls(options: AcceptTlsOptions): Promise<Socket> {
    await this.#connection.acceptTls(options);
    return this;
  }

  /** The protocol that TLS agreed on (ALPN); `null` for none and without TLS. */
  get alpnProtocol(): string | null {
    return this.#connection.tls?.alpnProtocol ?? null;
  }

  /** The peer's certificate, where `verify`, pins or `clientCaCerts` asked for it; else `null`. */
  get peerCertificate(): PeerCertificate | null {
    return this.#connection.tls?.peerCertificate ?? null;
  }

  /**
   * Lets a call of this socket that waits keep the process alive, as it does from the
   * start: undoes {@linkcode Socket.unref}.
   */
  ref(): void {
    this.#connection.ref();
  }

  /**
   * Lets the process end while a read of this socket waits, also where `readMs` limits it,
   * and while a `close` waits for the peer; what was written is still sent. Over a transport that cannot do so (memory) it does nothing.
   *
   * @example
   * ```ts
   * import { Socket } from "@sluice/net";
   *
   * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
   * const { port } = listener.addr;
   * using socket = new Socket(await Deno.connect({ port }));
   * socket.unref();
   * socket.read().catch(() => "the process may end before this");
   * (await listener.accept()).close();
   * ```
   */
  unref(): void {
    this.#connection.unref();
  }

  /**
   * Gives the transport back, with the bytes that were read and not consumed. The
   * socket is of no use afterwards.
   *
   * @returns The transport, and what has to be read before it.
   * @throws {BusyError} A read is under way, or written bytes are not yet sent
   * (`await flush()` first).
   * @throws {ClosedError} The socket has ended.
   *
   * @example
   * ```ts
   * import { Socket } from "@sluice/net";
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await right.write("line\nrest\n");
   * await left.readLine();
   * const { transport, unread } = left.detach();
   * const again = new Socket(transport);
   * again.unread(unread);
   * assertEquals(await again.readLine(), "rest");
   * ```
   */
  detach(): { transport: Transport; unread: Uint8Array<ArrayBuffer> } {
    return this.#connection.detach();
  }

  /**
   * What the peer sends, as a byte stream. It reads only on demand: chunks of up to
   * 64 KiB, or 1 MiB where reads come back full, or what a BYOB reader has room for.
   * The end of the stream does not close the writing side.
   *
   * Cancellation: safe. It stops reading and aborts nothing.
   * It fails as {@linkcode Socket.read} throws.
   */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= readableOf(this.#connection.reader);
  }

  /**
   * What is sent to the peer, as by `write`, with its errors. Closing it is `closeWrite`,
   * aborting it is `abort`, at once. A `pipeTo` whose signal aborts waits for the chunk under
   * way first, as with any stream: abort the socket, or set `writeMs`, where a peer may not
   * read.
   */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(this.#connection);
  }

  /** Ends now, as {@linkcode Socket.abort}. */
  [Symbol.dispose](): void {
    this.abort();
  }

  /**
   * Ends gracefully, as {@linkcode Socket.close}; an error that some call has reported
   * already is not thrown again.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const { readLoop, writer } = this.#connection;
    const reported = readLoop.reported || writer.reported;
    try {
      await this.close();
    } catch (error) {
      if (!reported) throw error;
    }
  }
}
