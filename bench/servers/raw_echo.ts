#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * The baseline: bytes echoed with nothing but `Deno.Conn`, as a careful user would
 * write it, for load generators to drive. Usage: `raw_echo.ts PORT [BUFFER_BYTES]`.
 *
 * @module
 */

const port = Number(Deno.args[0]);
const bufferBytes = Number(Deno.args[1] ?? 64 * 1024);
if (!Number.isInteger(port) || !(bufferBytes >= 1)) {
  console.error("usage: raw_echo.ts PORT [BUFFER_BYTES]");
  Deno.exit(2);
}

async function echo(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(bufferBytes);
  try {
    conn.setNoDelay(true);
    while (true) {
      const count = await conn.read(buffer);
      if (count === null) break;
      for (let sent = 0; sent < count;) {
        sent += await conn.write(buffer.subarray(sent, count));
      }
    }
  } catch {
    // The client went away.
  }
  conn.close();
}

const listener = Deno.listen({ hostname: "127.0.0.1", port });
console.log(`listening on ${listener.addr.port}`);
while (true) {
  try {
    echo(await listener.accept());
  } catch {
    // A client that left in the backlog would have ended `for await`.
  }
}
