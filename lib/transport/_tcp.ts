/**
 * TCP: connections out, and connections in.
 *
 * @module
 */

import { formatAddress } from "../addr.ts";
import { PermissionError } from "../errors.ts";
import { hostOf } from "./check_address.ts";
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

/**
 * What `Deno.listen` and `Deno.listenTls` are told of a port.
 *
 * @throws {PermissionError} Deno was started without the flag for `reusePort`.
 */
export function listenOptions(
  options: TcpBindOptions,
): Deno.TcpListenOptions & { hostname: string } {
  const { port, backlog: tcpBacklog, reusePort } = options;
  const hostname = hostOf(options);
  // Without the flag the call ends the process (exit code 70), which nothing can catch.
  if (reusePort && !("listenDatagram" in Deno)) {
    const localAddr = { transport: "tcp", hostname, port } as const;
    const flag = "--unstable-net";
    throw new PermissionError(
      [flag],
      `Cannot listen on ${
        formatAddress(localAddr)
      }: Deno has reusePort behind a ` +
        `flag, run again with ${flag}`,
      { operation: "listen", localAddr },
    );
  }
  return { hostname, port, tcpBacklog, reusePort };
}

/** Listens on TCP. Accepted connections have `noDelay` and `keepAlive` set. */
export function bindTcp(options: TcpBindOptions): Acceptor<Deno.NetAddr> {
  const listener = Deno.listen(listenOptions(options));
  const prepare = (conn: Deno.TcpConn) => {
    setTcpOptions(conn, options);
    return conn;
  };
  return {
    addr: listener.addr,
    // Not async, which would cost each connection twice as much memory.
    accept: () => listener.accept().then(prepare),
    close: () => closeQuietly(listener),
    ref: () => listener.ref(),
    unref: () => listener.unref(),
  };
}
