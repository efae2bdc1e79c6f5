/**
 * A session of `node:tls` as a transport, with what that leaves undone: it takes in
 * all that comes, and takes a cut for an end.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { closeQuietly, quietly } from "./close_quietly.ts";
import { duplexOver, type NodeDuplex } from "./_node_duplex.ts";
import type {
  AcceptedTransport,
  PeerCertificate,
  ProxyInfo,
  TlsTransport,
  Transport,
} from "./options.ts";

const { BadResource, BrokenPipe, Busy, Interrupted, UnexpectedEof } =
  Deno.errors;

// For its types only: `_node_tls.ts` loads the module itself.
const nodeTls = () => globalThis.process.getBuiltinModule("node:tls");
/** A session of Node. */
export type NodeTlsSocket = InstanceType<
  ReturnType<typeof nodeTls>["TLSSocket"]
>;

/**
 * Begins to shake hands over a stream, and reports the outcome: the session, or why
 * there is none. Only the first report counts.
 */
export type StartSession = (
  duplex: NodeDuplex,
  report: (outcome: NodeTlsSocket | Error) => void,
) => void;

/**
 * Decides whether the peer of a finished handshake is let in, before a byte is: resolves
 * to its certificate, or throws.
 */
export type Admit = (socket: NodeTlsSocket) => Promise<PeerCertificate | null>;

/**
 * Most bytes of one write: all of them wait, encrypted, in memory. Three records, so that
 * a transport with 64 KiB of room takes them with what it may hold already.
 */
const MAX_WRITE_BYTES = 49_152;

const interrupted = (): Error => new Interrupted("operation canceled");
const badResource = (): Error => new BadResource("Bad resource ID");

/** What went wrong in a handshake, in the words that `translateError` knows. */
function handshakeError(error: Error): Error {
  // Node's word for a peer that left; a reset of the connection has another name.
  return error.name === "Error" && "code" in error &&
      error.code === "ECONNRESET"
    ? new UnexpectedEof("unexpected end of file", { cause: error })
    : error;
}

/** One side of a connection, which speaks TLS from its first byte on. */
export class NodeTlsSession implements TlsTransport {
  alpnProtocol: string | null = null;
  peerCertificate: PeerCertificate | null = null;
  readonly #conn: Transport;
  readonly #startSession: StartSession;
  readonly #admit: Admit;
  readonly #allowTruncation: boolean;
  readonly #duplex: NodeDuplex;
  #opened: Promise<NodeTlsSocket> | undefined;
  #socket: NodeTlsSocket | undefined;
  #closed = false;
  #isDestroyed = false;
  #ended = false;
  #failure: Error | undefined;
  /** Why the connection below took no more. */
  #writeFailure: Error | undefined;
  /** Whether the connection ended below TLS, which has to end first. */
  #connEnded = false;
  #rest: Uint8Array = new Uint8Array();
  #reading = false;
  /** Whether a read waits for bytes to come in. */
  #wantsBytes = false;
  #fed = Promise.withResolvers<void>();
  /** Whether calls that are under way hold the process. */
  #referenced = true;
  /** Calls that are under way. */
  #calls = 0;
  /** Settles when something has happened that a call may wait for. */
  #change = Promise.withResolvers<void>();

  constructor(
    conn: Transport,
    startSession: StartSession,
    admit: Admit,
    allowTruncation = false,
  ) {
    this.#conn = conn;
    this.#startSession = startSession;
    this.#admit = admit;
    this.#allowTruncation = allowTruncation;
    this.#duplex = duplexOver(
      conn,
      () => this.#room(),
      (error) => {
        this.#writeFailure ??= error;
        this.#notify();
      },
    );
    this.#duplex.once("end", () => this.#connEnded = true);
  }

  get localAddr(): Addr {
    return this.#conn.localAddr;
  }

  get remoteAddr(): Addr {
    return this.#conn.remoteAddr;
  }

  get proxy(): ProxyInfo | undefined {
    return (this.#conn as AcceptedTransport).proxy;
  }

  async handshake(): Promise<void> {
    if (this.#closed) throw badResource();
    this.#begin();
    try {
      await this.#open();
    } finally {
      this.#end();
    }
  }

  async read(p: Uint8Array): Promise<number | null> {
    if (p.length === 0) return 0;
    if (this.#closed) throw badResource();
    if (this.#reading) throw new Busy("Another read is ongoing");
    this.#reading = true;
    this.#begin();
    try {
      const socket = await this.#open();
      for (;;) {
        if (this.#closed) throw interrupted();
        if (this.#rest.length === 0) this.#rest = socket.read() ?? this.#rest;
        if (this.#rest.length > 0) return this.#take(p);
        if (this.#failure !== undefined) throw this.#failure;
        if (socket.readableEnded) return null;
        const { promise } = this.#change;
        if (!this.#wantsBytes) this.#feed();
        await promise;
      }
    } finally {
      this.#reading = false;
      this.#wantsBytes = false;
      this.#end();
    }
  }

  async write(p: Uint8Array): Promise<number> {
    if (this.#closed) throw badResource();
    this.#begin();
    try {
      return await this.#write(p);
    } finally {
      this.#end();
    }
  }

  async #write(p: Uint8Array): Promise<number> {
    const socket = await this.#open();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) throw new BrokenPipe("Broken pipe");
    const part = p.subarray(0, MAX_WRITE_BYTES);
    let written = false;
    let failed: Error | null | undefined;
    socket.write(part, (error) => {
      failed = error;
      written = true;
      this.#notify();
    });
    await this.#until(() => written);
    if (this.#writeFailure !== undefined) throw this.#writeFailure;
    if (failed) {
      throw this.#failure ?? new BrokenPipe("Broken pipe", { cause: failed });
    }
    return part.length;
  }

  async closeWrite(): Promise<void> {
    if (this.#closed) throw badResource();
    this.#begin();
    try {
      await this.#closeWrite();
    } finally {
      this.#end();
    }
  }

  async #closeWrite(): Promise<void> {
    const socket = await this.#open();
    if (this.#ended) return;
    this.#ended = true;
    socket.end(() => this.#notify());
    // What it ends with, `close_notify`, may still wait for room below by then.
    await this.#until(() =>
      this.#failure !== undefined || this.#writeFailure !== undefined ||
      (socket.writableFinished && this.#duplex.writableLength === 0)
    );
  }

  close(): void {
    if (this.#closed) throw badResource();
    this.#closed = true;
    this.#notify();
    const socket = this.#socket;
    if (socket === undefined || socket.writableLength > 0) {
      return this.#destroy();
    }
    // Sends `close_notify` if that takes no waiting.
    if (!this.#ended) socket.end();
    setImmediate(() => this.#destroy());
  }

  ref(): void {
    this.#referenced = true;
    if (this.#calls > 0) this.#conn.ref?.();
  }

  unref(): void {
    this.#referenced = false;
    this.#conn.unref?.();
  }

  /** A call begins: the connection below, which is read from ahead, may hold the process. */
  #begin(): void {
    if (this.#calls++ > 0 || !this.#referenced) return;
    quietly(() => this.#conn.ref?.());
  }

  /** A call is over. */
  #end(): void {
    if (--this.#calls > 0 || !this.#referenced) return;
    quietly(() => this.#conn.unref?.());
  }

  #destroy(): void {
    this.#isDestroyed = true;
    this.#socket?.destroy();
    this.#duplex.destroy();
    closeQuietly(this.#conn);
  }

  #open(): Promise<NodeTlsSocket> {
    this.#opened ??= this.#performHandshake();
    return this.#opened;
  }

  async #performHandshake(): Promise<NodeTlsSocket> {
    let outcome: NodeTlsSocket | Error | undefined;
    const report = (result: NodeTlsSocket | Error): void => {
      if (outcome !== undefined) return;
      outcome = result;
      // At once: bytes may follow in the same turn.
      if (!(result instanceof Error)) this.#watch(this.#socket = result);
      this.#notify();
    };
    // Node may not report a peer that just leaves. Where it reports why, it does so sooner.
    const onLeft = (error?: unknown): void =>
      void setImmediate(() =>
        report(
          error instanceof Error
            ? error
            : new UnexpectedEof("unexpected end of file"),
        )
      );
    this.#duplex.once("end", onLeft).once("error", onLeft).once(
      "close",
      onLeft,
    );
    this.#startSession(this.#duplex, report);
    await this.#until(() => outcome !== undefined);
    if (outcome instanceof Error) throw handshakeError(outcome);
    const socket = outcome!;
    try {
      this.peerCertificate = await this.#admitted(socket);
    } catch (error) {
      if (!this.#closed) this.#destroy();
      throw error;
    }
    this.alpnProtocol = socket.alpnProtocol || null;
    return socket;
  }

  /** Asks whether the peer is let in; closing ends the wait for a slow answer. */
  async #admitted(socket: NodeTlsSocket): Promise<PeerCertificate | null> {
    let isOver = false;
    const asking = Promise.try(this.#admit, socket).finally(() => {
      isOver = true;
      this.#notify();
    });
    asking.catch(() => {});
    await this.#until(() => isOver);
    return asking;
  }

  /** Waits for something to be so, or throws when this side is closed. */
  async #until(isSo: () => boolean): Promise<void> {
    for (;;) {
      if (this.#closed) throw interrupted();
      if (isSo()) return;
      await this.#change.promise;
    }
  }

  #watch(socket: NodeTlsSocket): void {
    const push = socket.push.bind(socket);
    socket.push = (chunk, encoding) => {
      // Node takes any end for the end. Cut off below TLS, it may be an attacker's.
      if (chunk === null && this.#connEnded && !this.#allowTruncation) {
        const text = "peer closed connection without sending TLS close_notify";
        this.#failure ??= new UnexpectedEof(text);
      }
      return push(chunk, encoding);
    };
    const destroy = socket.destroy.bind(socket);
    // Node does so by itself when both sides have ended, and what still waits for room below
    // would be lost.
    socket.destroy = (error) =>
      error === undefined && !this.#isDestroyed ? socket : destroy(error);
    const notify = (): void => this.#notify();
    socket.on("readable", notify).on("end", notify).on("close", notify);
    socket.on("error", (error: Error) => {
      this.#failure ??= error;
      this.#notify();
    });
  }

  /**
   * Deno's TLS takes in all it can get, and would fill the memory: it gets bytes while
   * a read waits for some.
   */
  #room(): Promise<void> {
    // Of no use any more: the stream is about to be destroyed.
    if (this.#closed) return new Promise(() => {});
    const isFull = this.#socket !== undefined && !this.#wantsBytes;
    return isFull ? this.#fed.promise : Promise.resolve();
  }

  /** Wakes `#room`, and leaves the caller waiting for what comes of it. */
  #feed(): void {
    this.#wantsBytes = true;
    this.#fed.resolve();
    this.#fed = Promise.withResolvers();
  }

  #notify(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  #take(p: Uint8Array): number {
    const part = this.#rest.subarray(0, p.length);
    // It has none where the array was transferred meanwhile, which the socket notices.
    if (part.length > 0) p.set(part);
    this.#rest = this.#rest.subarray(part.length);
    return part.length;
  }
}
