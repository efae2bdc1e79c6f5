/**
 * TLS of servers: connections in, and sessions over any transport.
 *
 * Clients are apart, in `_tls_client.ts`: other programs do without that code.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { checkNewCertificate } from "./_check_options.ts";
import { closeQuietly } from "./close_quietly.ts";
import type { NodeTlsSession } from "./_node_tls_session.ts";
import type {
  AcceptedTransport,
  Acceptor,
  NewCertificate,
  TcpBindOptions,
  TlsBindOptions,
  Transport,
} from "./options.ts";
import { bindTcp, listenOptions } from "./_tcp.ts";
import { checkMaterial } from "./_tls_material.ts";

/** A TLS connection of Deno that keeps what its handshake agreed on. */
export type TlsConn = Deno.TlsConn & { alpnProtocol: string | null };

/** Adds what the handshake will have agreed on, and how an end without `close_notify` is read. */
export function keepProtocol(
  conn: Deno.TlsConn,
  { allowTruncation = false }: { allowTruncation?: boolean },
): TlsConn {
  if (allowTruncation) {
    const read = conn.read.bind(conn);
    conn.read = (p) => read(p).catch(endIfTruncated);
  }
  return Object.assign(conn, { alpnProtocol: null });
}

/** The peer ended the connection without `close_notify`: Deno lets this side still write. */
function endIfTruncated(error: unknown): null {
  if (
    error instanceof Deno.errors.UnexpectedEof &&
    error.message.includes("close_notify")
  ) return null;
  throw error;
}

/**
 * Listens for TLS. A connection is handed out before its handshake, so that a silent
 * client holds up no other: the caller shakes hands, within a limit.
 */
export function bindTls(
  options: TcpBindOptions,
  tls: TlsBindOptions,
): Acceptor<Deno.NetAddr> {
  const { noDelay, keepAlive } = options;
  const { cert, key, alpnProtocols } = tls;
  const needsNode = tls.clientCaCerts ?? tls.resolveCertificate ??
    (tls.renewable || tls.dropSilent || noDelay || keepAlive);
  if (needsNode || cert === undefined) {
    return bindTlsOver(() => bindTcp(options), tls);
  }
  const listener = Deno.listenTls({
    ...listenOptions(options),
    cert,
    key,
    alpnProtocols: alpnProtocols?.slice(),
  });
  return {
    addr: listener.addr,
    async accept(): Promise<AcceptedTransport> {
      const conn = keepProtocol(await listener.accept(), tls);
      const shake = conn.handshake.bind(conn);
      return Object.assign(conn, {
        handshake: async (): Promise<Deno.TlsHandshakeInfo> => {
          const agreed = await shake();
          conn.alpnProtocol = agreed.alpnProtocol;
          return agreed;
        },
      });
    },
    close: () => closeQuietly(listener),
    ref: () => listener.ref(),
    unref: () => listener.unref(),
  };
}

type SessionMaker = (conn: Transport) => NodeTlsSession;

async function loadSessionMaker(tls: TlsBindOptions): Promise<SessionMaker> {
  // Other servers do without the code.
  const { sessionMaker } = await import("./_node_tls.ts");
  return sessionMaker(tls);
}

/** Makes TLS sessions, on `node:tls`, out of the connections of one server. */
export class ServerTls {
  #tls: TlsBindOptions;
  #makeSession: Promise<SessionMaker>;

  /** @throws {TlsError} Certificate and key cannot be used. */
  constructor(tls: TlsBindOptions) {
    checkMaterial("listen", tls);
    this.#tls = tls;
    this.#makeSession = loadSessionMaker(tls);
  }

  /**
   * A session, whose handshake is yet to come. The connection is closed where there can
   * be none.
   */
  async session(conn: Transport): Promise<NodeTlsSession> {
    try {
      const makeSession = await this.#makeSession;
      return makeSession(conn);
    } catch (error) {
      closeQuietly(conn);
      throw error;
    }
  }

  /**
   * Another certificate for handshakes that begin from now on.
   *
   * @throws {TypeError} It is of the wrong kind; the old one stays.
   * @throws {TlsError} Certificate and key cannot be used; the old ones stay.
   */
  setCertificate(certificate: NewCertificate): void {
    const { cert, key, clientCaCerts = this.#tls.clientCaCerts } =
      checkNewCertificate(certificate);
    const tls = { ...this.#tls, cert, key, clientCaCerts };
    checkMaterial("set a certificate", tls);
    this.#tls = tls;
    this.#makeSession = loadSessionMaker(tls);
  }
}

/**
 * The same over any acceptor, on `node:tls`. Where it has to be opened, certificate and key
 * are tried before.
 */
export function bindTlsOver<A extends Addr>(
  acceptor: Acceptor<A> | (() => Acceptor<A>),
  tls: TlsBindOptions,
): Acceptor<A> {
  const server = new ServerTls(tls);
  const below = typeof acceptor === "function" ? acceptor() : acceptor;
  return {
    addr: below.addr,
    ready: below.ready,
    async accept(): Promise<AcceptedTransport> {
      return await server.session(await below.accept());
    },
    stop: below.stop?.bind(below),
    close: () => below.close(),
    ref: () => below.ref?.(),
    unref: () => below.unref?.(),
    setCertificate: (certificate) => server.setCertificate(certificate),
  };
}
