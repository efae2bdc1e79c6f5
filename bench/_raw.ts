/**
 * The baselines: what a careful user writes on `Deno.Conn` alone.
 *
 * @module
 */

/** Writes it all, in as many parts as it takes. */
export async function writeAll(
  conn: Deno.Conn,
  bytes: Uint8Array,
): Promise<void> {
  let sent = await conn.write(bytes);
  while (sent < bytes.length) sent += await conn.write(bytes.subarray(sent));
}

/** Sends back whatever comes, until the peer ends. */
export async function echo(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (
    let count = await conn.read(buffer);
    count !== null;
    count = await conn.read(buffer)
  ) {
    await writeAll(conn, buffer.subarray(0, count));
  }
  conn.close();
}

/** Accepts for as long as the process lives, and survives clients that left. */
export async function acceptAll<T extends Deno.Conn>(
  listener: { accept(): Promise<T> },
  handle: (conn: T) => Promise<void>,
): Promise<void> {
  while (true) {
    try {
      handle(await listener.accept()).catch(() => {
        // The client went away.
      });
    } catch (error) {
      if (error instanceof Deno.errors.BadResource) return;
    }
  }
}

/** The port of something that listens for TCP. */
export function portOf({ addr }: { readonly addr: Deno.NetAddr }): number {
  return addr.port;
}
