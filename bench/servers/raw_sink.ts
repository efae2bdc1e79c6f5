#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Takes a one-way stream of zeros on nothing but `Deno.Conn`. A one asks how many bytes
 * came, itself included: the answer is eight bytes, big endian.
 * Usage: `raw_sink.ts PORT [read|readable]`.
 *
 * @module
 */

async function answer(conn: Deno.TcpConn, total: number): Promise<void> {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(total));
  await conn.write(bytes);
}

async function takeRead(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  let total = 0;
  while (true) {
    const count = await conn.read(buffer);
    if (count === null) break;
    total += count;
    if (buffer[count - 1] !== 0) await answer(conn, total);
  }
  conn.close();
}

// `readable` closes the connection at the end of the stream.
async function takeReadable(conn: Deno.TcpConn): Promise<void> {
  let total = 0;
  for await (const chunk of conn.readable) {
    total += chunk.length;
    if (chunk[chunk.length - 1] !== 0) await answer(conn, total);
  }
}

const MODES: Record<string, (conn: Deno.TcpConn) => Promise<void>> = {
  read: takeRead,
  readable: takeReadable,
};

const port = Number(Deno.args[0]);
const take = MODES[Deno.args[1] ?? "read"];
if (!Number.isInteger(port) || take === undefined) {
  console.error("usage: raw_sink.ts PORT [read|readable]");
  Deno.exit(2);
}

const listener = Deno.listen({ hostname: "127.0.0.1", port });
console.log(`listening on ${listener.addr.port}`);
while (true) {
  try {
    const conn = await listener.accept();
    take(conn).catch(() => {
      // The client went away.
      conn[Symbol.dispose]();
    });
  } catch {
    // A client that left in the backlog would have ended `for await`.
  }
}
