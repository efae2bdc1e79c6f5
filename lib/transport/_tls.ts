/**
 * TLS: connections out, connections in, and the upgrade of a connection.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { withoutBrackets } from "../ip.ts";
import { hostOf } from "./check_address.ts";
import { checkNewCertificate } from "./_check_options.ts";
import { closeQuietly } from "./close_quietly.ts";
import type { NodeTlsSession } from "./_node_tls_session.ts";
import type {
  AcceptedTransport,
  Acceptor,
  NewCertificate,
  TcpBindOptions,
  TcpDialOptions,
  TlsBindOptions,
  TlsDialOptions,
  TlsTransport,
  Transport,
} from "./options.ts";
import { orAbort } from "./_or_abort.ts";
import { bindTcp, dialTcp, listenOptions } from "./_tcp.ts";
import { checkMaterial } from "./_tls_material.ts";

/** A TLS connection of Deno that keeps what its handshake agreed on. */
type TlsConn = Deno.TlsConn & { alpnProtocol: string | null };

function keepProtocol(
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

/** Shakes hands, or closes the connection: nothing could use it any more. */
async function handshake(
  conn: Deno.TlsConn,
  tls: TlsDialOptions,
  signal: AbortSignal | undefined,
): Promise<TlsConn> {
  const agreed = keepProtocol(conn, tls);
  try {
    // A silent peer leaves this pending for ever; closing ends it.
    const { alpnProtocol } = await orAbort(conn.handshake(), signal, () => {});
    agreed.alpnProtocol = alpnProtocol;
    return agreed;
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
}

/** Whether it takes what Deno's own TLS cannot do for clients. */
function needsNodeTls(
  { verify, pinnedFingerprint256, dangerouslySkipChainCheck }: TlsDialOptions,
): boolean {
  return verify !== undefined || pinnedFingerprint256 !== undefined ||
    dangerouslySkipChainCheck === true;
}

/**
 * Throws where what a client shows or trusts cannot be used, before a connection is made or
 * touched. Deno's own TLS looks at it by itself.
 *
 * @param isTcp Whether it is about plain TCP.
 */
export function checkClientMaterial(
  action: string,
  tls: TlsDialOptions,
  isTcp: boolean,
): void {
  if (!isTcp || tls.cert !== undefined || needsNodeTls(tls)) {
    checkMaterial(action, tls);
  }
}

/** Connects over TLS; the handshake is done when it resolves. */
export async function dialTls(
  options: TcpDialOptions,
  tls: TlsDialOptions,
  signal: AbortSignal | undefined,
  progress: { stage?: "header" | "handshake" },
): Promise<TlsTransport> {
  const hostname = hostOf(options);
  const { caCerts, alpnProtocols, serverName, cert, key } = tls;
  const { port, noDelay } = options;
  if (
    cert !== undefined && key !== undefined && serverName === undefined &&
    noDelay === undefined && !needsNodeTls(tls)
  ) {
    // Only connectTls takes a client certificate, and it takes no signal.
    const connecting = Deno.connectTls({
      hostname,
      port,
      caCerts,
      alpnProtocols,
      cert,
      key,
    });
    const conn = await orAbort(connecting, signal, closeQuietly);
    progress.stage = "handshake";
    return handshake(conn, tls, signal);
  }
  checkClientMaterial("connect", tls, true);
  const conn = await dialTcp(options, signal);
  progress.stage = "handshake";
  return startTlsClient(
    conn,
    { ...tls, serverName: serverName ?? hostname },
    signal,
  );
}

/**
 * Speaks TLS, as a client, on a connection from now on. `transport` belongs to the
 * result, and is closed if this fails.
 *
 * Nothing may be pending on it: Deno would destroy it.
 */
export async function startTlsClient(
  transport: Transport,
  tls: TlsDialOptions & { serverName: string },
  signal: AbortSignal | undefined,
): Promise<TlsTransport> {
  // A zone says which network of this machine: no certificate is for one.
  const serverName = withoutBrackets(tls.serverName).replace(/%.*$/, "");
  try {
    signal?.throwIfAborted();
    if (
      isTcpConn(transport) && tls.cert === undefined && !needsNodeTls(tls)
    ) {
      const { caCerts, alpnProtocols } = tls;
      const conn = await Deno.startTls(transport, {
        hostname: serverName,
        caCerts,
        alpnProtocols,
      });
      // Deno 2.9 leaves this out here, and only here.
      for (const addr of [conn.localAddr, conn.remoteAddr]) {
        addr.transport = "tcp";
      }
      return await handshake(conn, tls, signal);
    }
    const { clientSession } = await import("./_node_tls.ts");
    const session = clientSession(transport, { ...tls, serverName });
    await orAbort(session.handshake(), signal, () => {});
    return session;
  } catch (error) {
    closeQuietly(transport);
    throw error;
  }
}

/** Deno has no class to ask for, and an adapter may have methods of the same names. */
function isTcpConn(transport: Transport): transport is Deno.TcpConn {
  return transport.constructor?.name === "TcpConn" &&
    "setNoDelay" in transport &&
    // What was read behind a PROXY header is not in the connection any more.
    !("proxy" in transport);
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
    alpnProtocols,
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
