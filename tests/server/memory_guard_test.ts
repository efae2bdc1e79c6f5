import { assertEquals, assertInstanceOf } from "@std/assert";
import { connect, LimitError, serve, Socket } from "@sluice/net";
import { memoryPair, memoryTransportPair } from "@sluice/net/testing";
import { MemoryGuard } from "../../lib/server/_memory_guard.ts";

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
  const { port } = server.addr;
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

Deno.test("MemoryGuard looks twice a second, and only while there are sockets", () => {
  const looks = new Map<number, () => void>();
  using _ = stubTimers(looks);
  const [left, right] = memoryPair();
  const clients = new Set<{ socket: Socket | undefined }>();
  const guard = new MemoryGuard(clients, 10);
  const look = () => looks.forEach((each) => each());

  clients.add({ socket: left });
  guard.watch();
  guard.watch();
  assertEquals(looks.size, 1);
  look();
  assertEquals(looks.size, 1);
  clients.clear();
  look();
  assertEquals(looks.size, 0);

  // The other one is shaking hands.
  clients.add({ socket: left }).add({ socket: undefined });
  guard.watch();
  left.write(new Uint8Array(11));
  look();
  assertInstanceOf(left.signal.reason, LimitError);
  guard.dispose();
  assertEquals(looks.size, 0);
  right.abort();
});

Deno.test("MemoryGuard counts what calls cost that wait, not their bytes alone", () => {
  const looks = new Map<number, () => void>();
  using _ = stubTimers(looks);
  const [transport, far] = memoryTransportPair({ highWaterMarkBytes: 1 });
  const socket = new Socket(transport, {
    highWaterMarkBytes: 1,
    maxPendingBytes: Infinity,
  });
  const guard = new MemoryGuard(new Set([{ socket }]), 1_000_000);
  guard.watch();
  for (let i = 0; i < 5_000; i++) socket.write("x", { timeoutMs: 60_000 });
  looks.forEach((look) => look());
  assertInstanceOf(socket.signal.reason, LimitError);
  guard.dispose();
  far.close();
});

Deno.test("MemoryGuard does not look where there is no limit", () => {
  const looks = new Map<number, () => void>();
  using _ = stubTimers(looks);
  const [left, right] = memoryPair();
  new MemoryGuard(new Set([{ socket: left }]), Infinity).watch();
  assertEquals(looks.size, 0);
  left.abort();
  right.abort();
});

/** Keeps intervals in a map instead of starting them. */
function stubTimers(looks: Map<number, () => void>): Disposable {
  const { setInterval, clearInterval } = globalThis;
  let next = 1;
  Object.assign(globalThis, {
    setInterval(look: () => void, ms: number): number {
      assertEquals(ms, 500);
      looks.set(next, look);
      return next++;
    },
    clearInterval: (id: number) => void looks.delete(id),
  });
  return {
    [Symbol.dispose]() {
      Object.assign(globalThis, { setInterval, clearInterval });
    },
  };
}
