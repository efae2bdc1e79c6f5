/**
 * TLS of clients: connections out, and the upgrade of a connection.
 *
 * @module
 */

import { withoutBrackets } from "../ip.ts";
import { hostOf } from "./check_address.ts";
import { closeQuietly } from "./close_quietly.ts";
import type {
  TcpDialOptions,
  TlsDialOptions,
  TlsTransport,
  Transport,
} from "./options.ts";
import { orAbort } from "./_or_abort.ts";
import { dialTcp } from "./_tcp.ts";
import { keepProtocol, type TlsConn } from "./_tls.ts";
import { checkMaterial } from "./_tls_material.ts";

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
      caCerts: caCerts?.slice(),
      alpnProtocols: alpnProtocols?.slice(),
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
        caCerts: caCerts?.slice(),
        alpnProtocols: alpnProtocols?.slice(),
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
