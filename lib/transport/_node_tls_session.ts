/**
 * A session of `node:tls` as a transport, with what that leaves undone: it takes in
 * all that comes, and takes a cut for an end.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { TlsError } from "../errors.ts";
import { closeQuietly } from "./_close_quietly.ts";
import { duplexOver, type NodeDuplex } from "./_node_duplex.ts";
import type { PeerCertificate, TlsTransport, Transport } from "./options.ts";

const { BadResource, BrokenPipe, Busy, Interrupted, UnexpectedEof } =
  Deno.errors;

// For its types only: the module itself is loaded by who makes the server.
const nodeTls = () => globalThis.process.getBuiltinModule("node:tls");
/** A TLS server of Node, here always one that does not listen. */
export type NodeTlsServer = InstanceType<ReturnType<typeof nodeTls>["Server"]>;
type NodeTlsSocket = InstanceType<ReturnType<typeof nodeTls>["TLSSocket"]>;

/** Most bytes of one write: all of them wait, encrypted, in memory. */
const MOST_WRITE_BYTES = 65_536;

const interrupted = (): Error => new Interrupted("operation canceled");
const badResource = (): Error => new BadResource("Bad resource ID");

/** Who the client is; `null` where no certificate was asked for. */
function describeCertificate(socket: NodeTlsSocket): PeerCertificate | null {
  const { subject, subjectaltname, fingerprint256, raw } = socket
    .getPeerCertificate();
  if (raw === undefined) return null;
  return {
    commonName: subject.CN as string | undefined,
    subjectAltName: subjectaltname,
    fingerprint256,
    der: new Uint8Array(raw),
  };
}

/** What went wrong in a handshake, in the words that `translateError` knows. */
function handshakeError(error: Error, socket: NodeTlsSocket): Error {
  const why: unknown = socket.authorizationError;
  if (why) {
    return new TlsError(
      "client-certificate",
      "Cannot shake hands as the client's certificate must be trusted: current " +
        `value is not (${why instanceof Error ? why.message : why})`,
      { operation: "handshake", cause: error },
    );
  }
  return "code" in error && error.code === "ECONNRESET"
    ? new UnexpectedEof("unexpected end of file", { cause: error })
    : error;
}

/** One connection of a server, which speaks TLS from its first byte on. */
export class NodeTlsSession implements TlsTransport {
  alpnProtocol: string | null = null;
  peerCertificate: PeerCertificate | null = null;
  readonly #conn: Transport;
  readonly #server: NodeTlsServer;
  readonly #duplex: NodeDuplex;
  #opened: Promise<NodeTlsSocket> | undefined;
  #socket: NodeTlsSocket | undefined;
  #closed = false;
  #ended = false;
  #failure: Error | undefined;
  /** Whether the connection ended below TLS, which has to end first. */
  #connEnded = false;
  #rest: Uint8Array = new Uint8Array();
  #reading = false;
  /** Whether a read waits for bytes to come in. */
  #hungry = false;
  #fed = Promise.withResolvers<void>();
  /** Settles when something has happened that a call may wait for. */
  #change = Promise.withResolvers<void>();

  constructor(conn: Transport, server: NodeTlsServer) {
    this.#conn = conn;
    this.#server = server;
    this.#duplex = duplexOver(conn, () => this.#room());
    this.#duplex.once("end", () => this.#connEnded = true);
  }

  get localAddr(): Addr {
    return this.#conn.localAddr;
  }

  get remoteAddr(): Addr {
    return this.#conn.remoteAddr;
  }

  async handshake(): Promise<void> {
    await this.#open();
  }

  async read(p: Uint8Array): Promise<number | null> {
    if (p.length === 0) return 0;
    if (this.#closed) throw badResource();
    if (this.#reading) throw new Busy("Another read is ongoing");
    this.#reading = true;
    try {
      const socket = await this.#open();
      for (;;) {
        if (this.#closed) throw interrupted();
        if (this.#rest.length === 0) this.#rest = socket.read() ?? this.#rest;
        if (this.#rest.length > 0) return this.#take(p);
        if (this.#failure !== undefined) throw this.#failure;
        if (socket.readableEnded) return null;
        const { promise } = this.#change;
        if (!this.#hungry) this.#feed();
        await promise;
      }
    } finally {
      this.#reading = false;
      this.#hungry = false;
    }
  }

  async write(p: Uint8Array): Promise<number> {
    if (this.#closed) throw badResource();
    const socket = await this.#open();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) throw new BrokenPipe("Broken pipe");
    const part = p.subarray(0, MOST_WRITE_BYTES);
    let written = false;
    let failed: Error | null | undefined;
    socket.write(part, (error) => {
      failed = error;
      written = true;
      this.#notify();
    });
    while (!written) {
      await this.#change.promise;
      if (this.#closed) throw interrupted();
    }
    if (failed) {
      throw this.#failure ?? new BrokenPipe("Broken pipe", { cause: failed });
    }
    return part.length;
  }

  async closeWrite(): Promise<void> {
    if (this.#closed) throw badResource();
    const socket = await this.#open();
    if (this.#ended) return;
    this.#ended = true;
    socket.end(() => this.#notify());
    while (!socket.writableFinished && this.#failure === undefined) {
      await this.#change.promise;
      if (this.#closed) throw interrupted();
    }
  }

  close(): void {
    if (this.#closed) throw badResource();
    this.#closed = true;
    this.#fed.resolve();
    this.#notify();
    const socket = this.#socket;
    if (socket === undefined || socket.writableLength > 0) {
      return this.#destroy();
    }
    // Says goodbye if that takes no waiting.
    if (!this.#ended) socket.end();
    setImmediate(() => this.#destroy());
  }

  #destroy(): void {
    this.#socket?.destroy();
    this.#duplex.destroy();
    closeQuietly(this.#conn);
  }

  #open(): Promise<NodeTlsSocket> {
    this.#opened ??= this.#shakeHands();
    return this.#opened;
  }

  async #shakeHands(): Promise<NodeTlsSocket> {
    let outcome: NodeTlsSocket | Error | undefined;
    this.#server.once("secureConnection", (socket) => {
      this.#watch(socket);
      outcome = socket;
      this.#notify();
    });
    this.#server.once("tlsClientError", (error, socket) => {
      outcome = handshakeError(error, socket);
      this.#notify();
    });
    // Node may not tell of a client that just leaves. Where it tells why, it is sooner.
    const onLeft = (): void =>
      void setImmediate(() => {
        outcome ??= new UnexpectedEof("unexpected end of file");
        this.#notify();
      });
    this.#duplex.once("end", onLeft).once("close", onLeft);
    this.#server.emit("connection", this.#duplex);
    while (outcome === undefined) {
      await this.#change.promise;
      if (this.#closed) throw interrupted();
    }
    if (outcome instanceof Error) throw outcome;
    return this.#socket = outcome;
  }

  #watch(socket: NodeTlsSocket): void {
    this.alpnProtocol = socket.alpnProtocol || null;
    this.peerCertificate = describeCertificate(socket);
    const push = socket.push.bind(socket);
    socket.push = (chunk, encoding) => {
      // Node takes any end for the end. Cut off below TLS, it may be an attacker's.
      if (chunk === null && this.#connEnded) {
        const text = "peer closed connection without sending TLS close_notify";
        this.#failure ??= new UnexpectedEof(text);
      }
      return push(chunk, encoding);
    };
    const notify = (): void => this.#notify();
    socket.on("readable", notify).on("end", notify).on("close", notify);
    socket.on("error", (error: Error) => {
      this.#failure ??= error;
      this.#notify();
    });
  }

  /**
   * Deno's TLS takes in all it can get, and would fill the memory: it gets bytes while
   * somebody waits for some.
   */
  async #room(): Promise<void> {
    if (this.#socket !== undefined && !this.#hungry) await this.#fed.promise;
  }

  /** Wakes `#room`, and leaves the caller waiting for what comes of it. */
  #feed(): void {
    this.#hungry = true;
    this.#fed.resolve();
    this.#fed = Promise.withResolvers();
  }

  #notify(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  #take(p: Uint8Array): number {
    const part = this.#rest.subarray(0, p.length);
    p.set(part);
    this.#rest = this.#rest.subarray(part.length);
    return part.length;
  }
}
