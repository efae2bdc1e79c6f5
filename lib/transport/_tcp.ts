/**
 * TCP: connections out, and connections in.
 *
 * @module
 */

import { hostOf } from "./_address_of.ts";
import { closeQuietly } from "./close_quietly.ts";
import type { Acceptor, TcpBindOptions, TcpDialOptions } from "./options.ts";

/** Sets what Deno leaves off: Nagle costs a write-write-read more than 20 ms. */
function setTcpOptions(
  conn: Deno.TcpConn,
  { noDelay = true, keepAlive = false }: {
    noDelay?: boolean;
    keepAlive?: boolean;
  },
): void {
  try {
    if (noDelay) conn.setNoDelay(true);
    if (keepAlive) conn.setKeepAlive(true);
  } catch {
    // Some systems refuse options once the peer has reset: reading tells of it.
  }
}

/**
 * Whether a connection goes back to itself. Where nothing listens on a local port that the
 * system also picks from for clients, it can pick that very port, and TCP then opens
 * both ways at once (RFC 793, 3.4).
 */
function isOwnPeer({ localAddr, remoteAddr }: Deno.TcpConn): boolean {
  return localAddr.port === remoteAddr.port &&
    localAddr.hostname === remoteAddr.hostname;
}

/** Connects over TCP. The transport is Deno's own connection, with nothing around it. */
export async function dialTcp(
  options: TcpDialOptions,
  signal: AbortSignal | undefined,
): Promise<Deno.TcpConn> {
  const { port } = options;
  const conn = await Deno.connect({ hostname: hostOf(options), port, signal });
  if (signal?.aborted) {
    closeQuietly(conn);
    throw signal.reason;
  }
  if (isOwnPeer(conn)) {
    closeQuietly(conn);
    throw new Deno.errors.ConnectionRefused("Connected to itself");
  }
  setTcpOptions(conn, options);
  return conn;
}

/** Listens on TCP. Accepted connections have `noDelay` and `keepAlive` set. */
export function bindTcp(options: TcpBindOptions): Acceptor<Deno.NetAddr> {
  const { port, backlog: tcpBacklog } = options;
  const hostname = hostOf(options);
  const listener = Deno.listen({ hostname, port, tcpBacklog });
  return {
    addr: listener.addr,
    async accept(): Promise<Deno.TcpConn> {
      const conn = await listener.accept();
      setTcpOptions(conn, options);
      return conn;
    },
    close: () => closeQuietly(listener),
    ref: () => listener.ref(),
    unref: () => listener.unref(),
  };
}
