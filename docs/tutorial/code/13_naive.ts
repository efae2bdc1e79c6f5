// A header, a body, an answer, with Nagle's algorithm on, as it is on a Deno.Conn.
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

async function answer(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(100);
  for (let received = 0;;) {
    const count = await conn.read(buffer).catch(() => null);
    if (count === null) return;
    received += count;
    if (received % 2 === 0) await conn.write(buffer.subarray(0, 1));
  }
}

const conn = await Deno.connect({ port: listener.addr.port });
const server = await listener.accept();
const answering = answer(server);

async function ask(): Promise<number> {
  const started = performance.now();
  await conn.write(new Uint8Array([1])); // The header.
  await conn.write(new Uint8Array([2])); // The body.
  await conn.read(new Uint8Array(1));
  return performance.now() - started;
}

async function median(): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 21; i++) times.push(await ask());
  return times.sort((a, b) => a - b)[10];
}

console.log(`two writes: ${(await median()).toFixed(1)} ms for an answer`);
conn.setNoDelay(true);
console.log(`with setNoDelay(true): ${(await median()).toFixed(1)} ms`);

conn.close();
await answering;
server.close();
listener.close();
