/**
 * TCP: connections out, and connections in.
 *
 * @module
 */

import { closeQuietly } from "./_close_quietly.ts";
import type { Acceptor, TcpBindOptions, TcpDialOptions } from "./options.ts";

/** Sets what Deno leaves off: Nagle costs a write-write-read more than 20 ms. */
function tune(
  conn: Deno.TcpConn,
  { noDelay = true, keepAlive = false }: {
    noDelay?: boolean;
    keepAlive?: boolean;
  },
): void {
  if (noDelay) conn.setNoDelay(true);
  if (keepAlive) conn.setKeepAlive(true);
}

/** Connects over TCP. The transport is Deno's own connection, with nothing around it. */
export async function dialTcp(
  options: TcpDialOptions,
  signal: AbortSignal | undefined,
): Promise<Deno.TcpConn> {
  const { hostname = "127.0.0.1", port } = options;
  const conn = await Deno.connect({ hostname, port, signal });
  try {
    signal?.throwIfAborted();
    tune(conn, options);
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
  return conn;
}

/** Listens on TCP. Accepted connections have `noDelay` and `keepAlive` set. */
export function bindTcp(options: TcpBindOptions): Acceptor {
  const { hostname = "127.0.0.1", port } = options;
  const listener = Deno.listen({ hostname, port });
  return {
    addr: listener.addr,
    async accept(): Promise<Deno.TcpConn> {
      const conn = await listener.accept();
      try {
        tune(conn, options);
      } catch {
        // Some systems refuse options once the peer has reset: reading tells of it.
      }
      return conn;
    },
    close: () => closeQuietly(listener),
  };
}
