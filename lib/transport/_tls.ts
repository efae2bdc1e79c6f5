/**
 * TLS: connections out, connections in, and the upgrade of a TCP connection.
 *
 * @module
 */

import { closeQuietly } from "./_close_quietly.ts";
import { orAbort } from "./_or_abort.ts";
import { sessionMaker } from "./_node_tls.ts";
import { bindTcp, dialTcp } from "./_tcp.ts";
import type {
  AcceptedTransport,
  Acceptor,
  TcpBindOptions,
  TcpDialOptions,
  TlsBindOptions,
  TlsDialOptions,
  TlsTransport,
} from "./options.ts";

/** A TLS connection of Deno that keeps what its handshake agreed on. */
type TlsConn = Deno.TlsConn & { alpnProtocol: string | null };

const keepProtocol = (conn: Deno.TlsConn): TlsConn =>
  Object.assign(conn, { alpnProtocol: null });

/** Shakes hands, or closes the connection: nobody could use it any more. */
async function handshake(
  conn: Deno.TlsConn,
  signal: AbortSignal | undefined,
): Promise<TlsConn> {
  const agreed = keepProtocol(conn);
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

/** Connects over TLS; the handshake is done when it resolves. */
export async function dialTls(
  options: TcpDialOptions,
  tls: TlsDialOptions,
  signal: AbortSignal | undefined,
): Promise<TlsTransport> {
  const { hostname = "127.0.0.1", port } = options;
  const { caCerts, alpnProtocols, serverName = hostname, cert, key } = tls;
  if (cert !== undefined && key !== undefined) {
    // Only connectTls takes a client certificate, and it takes no signal.
    const connecting = Deno.connectTls({
      hostname,
      port,
      caCerts,
      alpnProtocols,
      cert,
      key,
    });
    return handshake(await orAbort(connecting, signal, closeQuietly), signal);
  }
  const conn = await dialTcp(options, signal);
  return startTlsClient(conn, { ...tls, serverName }, signal);
}

/**
 * Speaks TLS, as a client, on a TCP connection from now on. `conn` belongs to the
 * result, and is closed if this fails.
 *
 * Nothing may be pending on `conn`: Deno would destroy it.
 */
export async function startTlsClient(
  conn: Deno.TcpConn,
  options: TlsDialOptions & { serverName: string },
  signal: AbortSignal | undefined,
): Promise<TlsTransport> {
  const { caCerts, alpnProtocols, serverName } = options;
  let tls: Deno.TlsConn;
  try {
    signal?.throwIfAborted();
    tls = await Deno.startTls(conn, {
      hostname: serverName,
      caCerts,
      alpnProtocols,
    });
    // Deno 2.9 leaves this out here, and only here.
    for (const addr of [tls.localAddr, tls.remoteAddr]) addr.transport = "tcp";
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
  return handshake(tls, signal);
}

/** Whether it takes what Deno's own listener cannot do. */
function needsNodeTls(
  { noDelay, keepAlive }: TcpBindOptions,
  { clientCaCerts, dropSilent }: TlsBindOptions,
): boolean {
  return clientCaCerts !== undefined ||
    (dropSilent || noDelay || keepAlive) === true;
}

/**
 * Listens for TLS. A connection is handed out before its handshake, so that a silent
 * client holds up nobody else: the caller shakes hands, within a limit.
 */
export function bindTls(
  options: TcpBindOptions,
  tls: TlsBindOptions,
): Acceptor {
  const { hostname = "127.0.0.1", port } = options;
  if (needsNodeTls(options, tls)) return bindNodeTls(options, tls);
  const { cert, key, alpnProtocols } = tls;
  const listener = Deno.listenTls({ hostname, port, cert, key, alpnProtocols });
  return {
    addr: listener.addr,
    async accept(): Promise<AcceptedTransport> {
      const conn = keepProtocol(await listener.accept());
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
  };
}

/** The same for what Deno's own listener cannot do. Nagle is off here. */
function bindNodeTls(options: TcpBindOptions, tls: TlsBindOptions): Acceptor {
  const makeSession = sessionMaker(tls);
  const acceptor = bindTcp(options);
  return {
    addr: acceptor.addr,
    accept: async (): Promise<AcceptedTransport> =>
      makeSession(await acceptor.accept()),
    close: () => acceptor.close(),
  };
}
