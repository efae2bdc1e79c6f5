/**
 * TLS for servers that check client certificates: Deno's own listener cannot, but its
 * `node:tls` can, over any transport.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { TlsError } from "../errors.ts";
import { closeQuietly } from "./_close_quietly.ts";
import { duplexOver, type NodeDuplex } from "./_node_duplex.ts";
import type {
  PeerCertificate,
  TlsBindOptions,
  TlsTransport,
} from "./tls_options.ts";
import type { Transport } from "./transport.ts";

const { BadResource, BrokenPipe, Busy, Interrupted, UnexpectedEof } =
  Deno.errors;

// Loading takes some 20 ms the first time: only servers that need it pay.
const loadTls = () => globalThis.process.getBuiltinModule("node:tls");
type NodeTlsServer = InstanceType<ReturnType<typeof loadTls>["Server"]>;
type NodeTlsSocket = InstanceType<ReturnType<typeof loadTls>["TLSSocket"]>;

/** Most bytes of one write: all of them wait, encrypted, in memory. */
const MOST_WRITE_BYTES = 65_536;

/** Bytes that may wait to be read before no more are taken in. */
const MOST_UNREAD_BYTES = 65_536;

const interrupted = (): Error => new Interrupted("operation canceled");
const badResource = (): Error => new BadResource("Bad resource ID");

/**
 * Returns what makes sessions out of the connections of one server.
 *
 * @throws {TlsError} Certificate and key cannot be used.
 */
export function sessionMaker(
  tls: TlsBindOptions,
): (conn: Transport) => NodeTlsSession {
  const { createServer } = loadTls();
  // These never listen: one for each connection, as they tell of it by events only.
  const makeServer = (): NodeTlsServer =>
    createServer({
      cert: tls.cert,
      key: tls.key,
      ca: tls.clientCaCerts,
      requestCert: true,
      rejectUnauthorized: true,
      allowHalfOpen: true,
      ALPNProtocols: tls.alpnProtocols,
    });
  checkKeyPair(tls);
  return (conn) => new NodeTlsSession(conn, makeServer());
}

/** Throws unless the two belong together: `createServer` would take them as they are. */
function checkKeyPair({ cert, key }: TlsBindOptions): void {
  const { createPrivateKey, X509Certificate } = globalThis.process
    .getBuiltinModule("node:crypto");
  let cause: unknown;
  try {
    if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      return;
    }
    cause = new Error("they do not belong together");
  } catch (error) {
    cause = error;
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new TlsError(
    "bad-configuration",
    `Cannot listen as certificate and key must be usable and belong together: ${why}`,
    { operation: "listen", cause },
  );
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
        if (this.#rest.length === 0) {
          this.#rest = socket.read() ?? this.#rest;
          this.#notify();
        }
        if (this.#rest.length > 0) return this.#take(p);
        if (this.#failure !== undefined) throw this.#failure;
        if (socket.readableEnded) return null;
        await this.#change.promise;
      }
    } finally {
      this.#reading = false;
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
    const { subject, subjectaltname, fingerprint256, raw } = socket
      .getPeerCertificate();
    this.peerCertificate = {
      commonName: subject?.CN as string | undefined,
      subjectAltName: subjectaltname,
      fingerprint256,
      der: new Uint8Array(raw),
    };
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

  /** Deno's TLS takes in all it can get, and would fill the memory. */
  async #room(): Promise<void> {
    while ((this.#socket?.readableLength ?? 0) > MOST_UNREAD_BYTES) {
      await this.#change.promise;
      if (this.#closed) return;
    }
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
