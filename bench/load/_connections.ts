/**
 * Few enough to fit into any listener's backlog, whatever the number of generators:
 * beyond it, the system tries again after a second.
 */
const AT_ONCE = 32;

/** Connects to a server on 127.0.0.1. */
export async function connect(port: number): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  return conn;
}

/** Opens connections, and hands each to `greet` before the next ones are opened. */
export async function openAll(
  port: number,
  count: number,
  greet: (conn: Deno.TcpConn) => Promise<void>,
): Promise<Deno.TcpConn[]> {
  const conns: Deno.TcpConn[] = [];
  while (conns.length < count) {
    const length = Math.min(AT_ONCE, count - conns.length);
    conns.push(
      ...await Promise.all(Array.from({ length }, async () => {
        const conn = await connect(port);
        await greet(conn);
        return conn;
      })),
    );
  }
  return conns;
}
