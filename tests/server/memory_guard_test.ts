import { assertEquals, assertInstanceOf } from "@std/assert";
import { connect, LimitError, serve } from "@sluice/net";

Deno.test("maxBufferedBytes cuts the connections that hold the most", {
  timeout: 20_000,
}, async () => {
  const MiB = 1024 * 1024;
  const cut: unknown[] = [];
  await using server = serve({
    port: 0,
    maxBufferedBytes: 3 * MiB,
    maxPendingBytes: 100 * MiB,
    shutdownTimeoutMs: 100,
  }, async (socket) => {
    const size = Number(await socket.readLine());
    // Written to a client that does not read, and not awaited.
    for (let sent = 0; sent < size; sent += MiB / 4) {
      socket.write(new Uint8Array(MiB / 4 - 1));
    }
    await socket.closed;
    if (socket.signal.reason instanceof LimitError) cut.push(size);
  });
  const { port } = server.addr as Deno.NetAddr;
  const small = await connect({ port });
  const large = await connect({ port });
  await small.write(`${MiB}\n`);
  await large.write(`${64 * MiB}\n`);
  // The client of the connection that is cut sees its end.
  try {
    while (await large.read() !== null) await largeIsCut(cut);
  } catch (error) {
    assertInstanceOf(error, Error);
  }
  while (cut.length === 0) await new Promise((done) => setTimeout(done, 10));
  assertEquals(cut, [64 * MiB]);
  assertEquals(server.stats.active, 1);
  small.abort();
  large.abort();
});

/** Reads no further until the server has looked. */
async function largeIsCut(cut: unknown[]): Promise<void> {
  while (cut.length === 0) await new Promise((done) => setTimeout(done, 10));
}
