/**
 * A socket as a stream of Node, for drivers that expect a `net.Socket`.
 *
 * @module
 */

import { Duplex } from "node:stream";
import {
  checkBoolean,
  checkFunction,
  checkNames,
  checkNumber,
  outOfRange,
} from "../_check.ts";
import type { Addr } from "../addr.ts";
import { BusyError, ClosedError } from "../errors.ts";
import { checkSocket, halvesOf, type Socket } from "../socket/socket.ts";
import { Alarm, type AlarmOptions } from "../time/coarse_timer.ts";
import { quietly } from "../transport/close_quietly.ts";
import { nodeErrorOf } from "./_node_error.ts";

/**
 * How a socket behaves as a stream of Node.
 *
 * @category Adapters
 *
 * @example
 * ```ts
 * import { toDuplex, type ToDuplexOptions } from "@sluice/net/adapters";
 * import { memoryPair } from "@sluice/net/testing";
 *
 * const options: ToDuplexOptions = { allowHalfOpen: true };
 * toDuplex(memoryPair()[0], options).destroy();
 * ```
 */
export interface ToDuplexOptions {
  /**
   * Whether this side stays open when the peer has ended its own, as for `net.connect`.
   *
   * @default {false}
   */
  allowHalfOpen?: boolean | undefined;
}

const ACTION = "make a Duplex";
const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["allowHalfOpen"] satisfies (keyof ToDuplexOptions)[],
);

/**
 * Makes a stream of Node of a socket, which belongs to it from now on. Drivers of npm take
 * it for a `net.Socket` that is connected, over whatever the socket runs: TLS, a Unix
 * socket, a proxy, memory.
 *
 * It reads when the stream is read, and awaits each write, so backpressure passes both
 * ways. `end` is `closeWrite`. `destroy` is `abort`; what was written before has 100 ms to
 * leave, and with an error what the system takes at once does. The limits of the socket hold:
 * one that passes destroys the stream with an error. So does `abort` of the socket with a reason, and without one as
 * `destroy()` does. Drivers read all the time, so `readMs` limits the silence between two
 * answers as well.
 *
 * Errors have the codes of Node (`"ECONNRESET"`), which drivers look at, and the error
 * of this library as their `cause`.
 *
 * @param socket A socket of which no read is under way.
 * @param options How the end of the peer's side is taken.
 * @returns The stream.
 * @throws {TypeError} `socket` is not a Socket, or an option is of the wrong type or not
 * known.
 * @throws {BusyError} A read of the socket is under way. Nothing was touched.
 * @category Adapters
 *
 * @example A server of Node's over a socket of ours, and a client
 * ```ts
 * import { memoryPair } from "@sluice/net/testing";
 * import { toDuplex } from "@sluice/net/adapters";
 * import { assertEquals } from "@std/assert";
 * import { once } from "node:events";
 *
 * const [left, right] = memoryPair();
 * const stream = toDuplex(left);
 * stream.write("hello\n");
 * assertEquals(await right.readLine(), "hello");
 * stream.resume();
 * await right.close();
 * await once(stream, "close");
 * ```
 */
export function toDuplex(
  socket: Socket,
  options: ToDuplexOptions = {},
): SocketDuplex {
  checkSocket(ACTION, "socket", socket);
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { allowHalfOpen = false } = options;
  checkBoolean(ACTION, "allowHalfOpen", allowHalfOpen);
  checkBusy(socket);
  return new SocketDuplex(socket, allowHalfOpen);
}

/** Throws where another call reads: that one must not be disturbed. */
function checkBusy(socket: Socket): void {
  try {
    halvesOf(socket).readLoop.check(ACTION);
  } catch (error) {
    // One that has ended makes a stream that is destroyed.
    if (error instanceof BusyError) throw error;
  }
}

/** As in Node, the timers of sockets do not keep the process alive. */
const TIMEOUT_ALARM: AlarmOptions = { holdsProcess: false };

/** How long what was written right before `destroy` may take to leave. */
const DESTROY_FLUSH_MS = 100;

/** What is gathered of waiting writes before the socket is asked to take it. */
const GATHERED_BYTES = 64 * 1024;

/** The options of a TCP connection that can be changed later on. */
type Switch = "setNoDelay" | "setKeepAlive";

/**
 * A socket as a stream of Node, with what drivers ask of a `net.Socket`.
 *
 * @category Adapters
 */
export class SocketDuplex extends Duplex {
  /** The limit set by {@linkcode SocketDuplex.setTimeout}, in milliseconds. */
  timeout: number | undefined;
  /** None, unless a server of Node's that is given the stream puts itself here. */
  server: null = null;
  /** Whether the socket speaks TLS. */
  encrypted: boolean;
  /**
   * The protocol that TLS agreed on (ALPN), `false` for none; `undefined` without TLS, as
   * servers of HTTP/2 refuse what is `false`.
   */
  alpnProtocol: string | false | undefined;
  readonly #socket: Socket;
  readonly #onChunk: (chunk: Uint8Array | null) => void;
  readonly #onReadError: (error: unknown) => void;
  readonly #onWritten: () => void;
  readonly #onWriteError: (error: unknown) => void;
  #done: ((error?: Error | null) => void) | undefined;
  #connecting = false;
  #alarm: Alarm | undefined;
  /** Bytes that had left when something last moved. */
  #sent = 0;

  /** Made by {@linkcode toDuplex}. */
  constructor(socket: Socket, allowHalfOpen: boolean) {
    super({ allowHalfOpen });
    this.#socket = socket;
    this.encrypted = "alpnProtocol" in halvesOf(socket).transport;
    this.alpnProtocol = this.encrypted
      ? socket.alpnProtocol ?? false
      : undefined;
    this.#onChunk = (chunk) => {
      this.#touch();
      this.push(chunk);
    };
    this.#onReadError = (error) => this.#destroyFor(error, "read");
    this.#onWritten = () => this.#endWrite();
    this.#onWriteError = (error) => {
      if (isAborted(error)) this.#destroyFor(error, "write");
      this.#endWrite(nodeErrorOf(error, "write"));
    };
    // A limit may end it, or the server that owns it, while nothing is read.
    socket.closed.then(() => this.#destroyFor(socket.signal.reason, "read"));
  }

  // ---- what a Duplex is made of -------------------------------------------

  /** Reads from the socket: not called again before something was pushed. */
  override _read(): void {
    this.#socket.read().then(this.#onChunk, this.#onReadError);
  }

  /** Writes to the socket. */
  override _write(
    chunk: Uint8Array,
    _encoding: string,
    done: (error?: Error | null) => void,
  ): void {
    this.#beginWrite(this.#socket.write(chunk), done);
  }

  /** Writes what has gathered in one go. */
  override _writev(
    chunks: { chunk: Uint8Array }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#beginWrite(this.#writeAll(chunks), done);
  }

  async #writeAll(chunks: { chunk: Uint8Array }[]): Promise<void> {
    let gathered = 0;
    let written: Promise<void> | undefined;
    for (const { chunk } of chunks) {
      written = this.#socket.write(chunk);
      gathered += chunk.length;
      if (gathered < GATHERED_BYTES) continue;
      await written;
      gathered = 0;
    }
    await written;
  }

  /** The socket has ended: with an error, unless this side aborted it without a reason. */
  #destroyFor(error: unknown, syscall: string): void {
    if (this.destroyed) return;
    this.destroy(isAborted(error) ? undefined : nodeErrorOf(error, syscall));
  }

  #beginWrite(
    written: Promise<void>,
    done: (error?: Error | null) => void,
  ): void {
    this.#touch();
    this.#done = done;
    written.then(this.#onWritten, this.#onWriteError);
  }

  #endWrite(error?: Error): void {
    this.#touch();
    const done = this.#done!;
    this.#done = undefined;
    done(error);
  }

  /** Ends this side. */
  override _final(done: (error?: Error | null) => void): void {
    this.#socket.closeWrite().then(
      () => done(),
      (error) => done(nodeErrorOf(error, "shutdown")),
    );
  }

  /** Ends the socket. */
  override _destroy(
    error: Error | null,
    done: (error?: Error | null) => void,
  ): void {
    this.#alarm?.dispose();
    this.#alarm = undefined;
    const socket = this.#socket;
    let hasEnded = false;
    const end = (): void => {
      if (hasEnded) return;
      hasEnded = true;
      socket.abort(error ?? undefined);
      done(error);
    };
    if (halvesOf(socket).writer.pendingBytes === 0) return end();
    // From a `net.Socket`, what was written before leaves all the same. With an error that
    // is what the system takes at once: the answer of a server of HTTP to a bad request.
    socket.flush({ timeoutMs: DESTROY_FLUSH_MS }).then(end, end);
    if (error !== null) setImmediate(end);
  }

  // ---- what a net.Socket has besides --------------------------------------

  /**
   * Says that it is connected, which it always is: `"connect"` and `"ready"` follow.
   *
   * @param args A host and a port, say, which mean nothing here; a function that comes
   * last is called at `"connect"`.
   */
  connect(...args: unknown[]): this {
    const listener = args.at(-1);
    if (typeof listener === "function") {
      this.once("connect", listener as () => void);
    }
    this.#connecting = true;
    queueMicrotask(() => {
      this.#connecting = false;
      if (this.destroyed) return;
      this.emit("connect");
      this.emit("ready");
    });
    return this;
  }

  /** Whether `"connect"` is still to come. */
  get connecting(): boolean {
    return this.#connecting;
  }

  /** The same: it is never without a connection. */
  get pending(): boolean {
    return this.#connecting;
  }

  /** Which directions are open: `"opening"`, `"open"`, `"readOnly"`, `"writeOnly"`, `"closed"`. */
  get readyState():
    | "opening"
    | "open"
    | "readOnly"
    | "writeOnly"
    | "closed" {
    if (this.#connecting) return "opening";
    if (this.readable) return this.writable ? "open" : "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  /** Sends small writes at once, or not; over TCP. */
  setNoDelay(noDelay = true): this {
    return this.#switch("setNoDelay", noDelay);
  }

  /** Lets the system ask a silent peer whether it is there; over TCP, at its own pace. */
  setKeepAlive(
    enable?: boolean | { readonly enable?: boolean },
    _initialDelayMs?: number,
  ): this {
    // Node takes `null`, too, which is an object.
    const on = typeof enable === "object" ? enable?.enable : enable;
    return this.#switch("setKeepAlive", on ?? false);
  }

  #switch(name: Switch, on: boolean): this {
    const { transport } = halvesOf(this.#socket);
    const conn = transport as Partial<Pick<Deno.TcpConn, Switch>>;
    try {
      conn[name]?.(on);
    } catch {
      // Deno refuses while a write is under way.
      quietly(() => this.#socket.flush().then(() => conn[name]?.(on)));
    }
    return this;
  }

  /** 0: Deno offers no way to set it. */
  getTypeOfService(): number {
    return 0;
  }

  /** Nothing: Deno offers no way to set it. */
  setTypeOfService(_typeOfService: number): this {
    return this;
  }

  /**
   * Emits `"timeout"` when nothing has moved for so long; what to do then is up to the
   * driver. The event is up to a sixteenth late.
   *
   * @param timeout Milliseconds; 0 takes the limit away. As for Node, more than a timer can
   * wait (some 24 days) is as much as it can.
   * @param callback Called at the next `"timeout"`.
   * @throws {TypeError} `timeout` is not a number, or `callback` not a function.
   * @throws {RangeError} `timeout` is out of range.
   */
  setTimeout(timeout: number, callback?: () => void): this {
    const limitMs = limitOf(timeout);
    if (callback !== undefined) {
      checkFunction("set a timeout", "callback", callback);
    }
    if (this.destroyed) return this;
    this.timeout = limitMs;
    if (limitMs === 0) {
      this.#alarm?.dispose();
      this.#alarm = undefined;
      if (callback !== undefined) this.off("timeout", callback);
      return this;
    }
    const onAlarm = () => this.#onTimeout();
    this.#alarm ??= new Alarm({ onAlarm }, TIMEOUT_ALARM);
    this.#alarm.limitMs = limitMs;
    this.#touch();
    if (callback !== undefined) this.once("timeout", callback);
    return this;
  }

  /** Something moves: the limit counts from now on. */
  #touch(): void {
    if (this.#alarm === undefined) return;
    this.#sent = this.#socket.stats.bytesWritten;
    this.#alarm.arm();
  }

  #onTimeout(): void {
    // A part of a large write may have left.
    if (this.#socket.stats.bytesWritten !== this.#sent) this.#touch();
    else this.emit("timeout");
  }

  /** Lets it keep the process alive while it reads, as it does from the start. */
  ref(): this {
    this.#socket.ref();
    return this;
  }

  /** Lets the process end while it reads. */
  unref(): this {
    this.#socket.unref();
    return this;
  }

  /** Ends this side, and destroys the stream when all was sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  /** Destroys it: Deno offers no way to send a reset. */
  resetAndDestroy(): this {
    return this.destroy();
  }

  /** This side's address, or an object without any where there is none. */
  address(): { address: string; family: string; port: number } | object {
    const { hostname, port, family } = netAddrOf(this.#socket.localAddr);
    return hostname === undefined ? {} : { address: hostname, family, port };
  }

  /** This side's IP address; absent where it has none, as that of a Unix socket. */
  get localAddress(): string | undefined {
    return netAddrOf(this.#socket.localAddr).hostname;
  }

  /** This side's port. */
  get localPort(): number | undefined {
    return netAddrOf(this.#socket.localAddr).port;
  }

  /** `"IPv4"` or `"IPv6"`. */
  get localFamily(): string | undefined {
    return netAddrOf(this.#socket.localAddr).family;
  }

  /** The peer's IP address; absent where it has none. */
  get remoteAddress(): string | undefined {
    return netAddrOf(this.#socket.remoteAddr).hostname;
  }

  /** The peer's port. */
  get remotePort(): number | undefined {
    return netAddrOf(this.#socket.remoteAddr).port;
  }

  /** `"IPv4"` or `"IPv6"`. */
  get remoteFamily(): string | undefined {
    return netAddrOf(this.#socket.remoteAddr).family;
  }

  /** Bytes that arrived. */
  get bytesRead(): number {
    return this.#socket.stats.bytesRead;
  }

  /** Bytes that were written, those that wait included. */
  get bytesWritten(): number {
    return this.#socket.stats.bytesWritten + this.bufferSize;
  }

  /** Bytes that wait to be sent. */
  get bufferSize(): number {
    const { pendingBytes } = halvesOf(this.#socket).writer;
    return Math.max(pendingBytes, this.writableLength);
  }

  /** None: it was connected by other means. */
  get autoSelectFamilyAttemptedAddresses(): string[] {
    return [];
  }
}

/** A `net.Socket` that its own side destroys has no error either. */
function isAborted(error: unknown): boolean {
  return error instanceof ClosedError && error.cause === undefined;
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

function limitOf(timeout: number): number {
  checkNumber("set a timeout", "timeout", timeout, 0);
  if (timeout === Infinity) {
    throw outOfRange("set a timeout", "timeout", "finite", timeout);
  }
  return Math.min(timeout, MAX_TIMEOUT_MS);
}

function netAddrOf(addr: Addr | undefined): {
  hostname?: string;
  port?: number;
  family?: string;
} {
  if (addr === undefined || !("hostname" in addr)) return {};
  const { hostname, port } = addr;
  return { hostname, port, family: hostname.includes(":") ? "IPv6" : "IPv4" };
}
