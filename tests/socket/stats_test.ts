import { assert, assertEquals } from "@std/assert";
import { connect, serve } from "@sluice/net";
import {
  bytes,
  spiedPair,
  testOverMemoryAndTcp,
  TIMEOUT,
  turn,
} from "../_support/sockets.ts";

testOverMemoryAndTcp(
  "stats count what moved, and when",
  async (makePair) => {
    const before = Date.now();
    using pair = await makePair();
    const { left, right } = pair;
    const { stats } = left;
    assertEquals([stats.bytesRead, stats.bytesWritten], [0, 0]);
    assertEquals([stats.lastReadAt, stats.lastWriteAt], [undefined, undefined]);
    assert(stats.openedAt >= before && stats.openedAt <= Date.now());
    await left.write(bytes(3));
    await left.flush();
    await right.write(bytes(100));
    await left.readExactly(40);
    // Live: the same object has grown. What is buffered has arrived.
    assertEquals([stats.bytesRead, stats.bytesWritten], [100, 3]);
    assert(stats.lastReadAt! >= before && stats.lastReadAt! <= Date.now());
    assert(stats.lastWriteAt! >= before && stats.lastWriteAt! <= Date.now());
    await left.readInto(bytes(60));
    assertEquals(stats.bytesRead, 100);
  },
);

Deno.test("stats count bytes that the transport took, not those that wait", async () => {
  using pair = spiedPair({ highWaterMarkBytes: 10 });
  const { left, right } = pair;
  left.write(bytes(25));
  await turn();
  assertEquals(left.stats.bytesWritten, 10);
  await right.readExactly(25);
  await left.flush();
  assertEquals(left.stats.bytesWritten, 25);
});

Deno.test("stats stay when the socket has ended", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write(bytes(7));
  await left.read();
  left.abort();
  assertEquals(left.stats.bytesRead, 7);
});

Deno.test("a read straight into the caller's array counts as well", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const reading = left.readInto(bytes(9));
  await right.write(bytes(9));
  await reading;
  assertEquals(left.stats.bytesRead, 9);
});

Deno.test(
  "the mean rate and durations do not follow a clock that is set",
  TIMEOUT,
  async () => {
    const { now } = Date;
    const durations: number[] = [];
    const server = serve({
      port: 0,
      onEvent: (event) => {
        if (event.type === "closed") durations.push(event.durationMs);
      },
    }, async (socket) => void await socket.readLine());
    const socket = await connect(server.addr);
    try {
      await socket.write("x".repeat(10_000) + "\n");
      await socket.flush();
      Date.now = () => now() + 86_400_000;
      const { meanBytesPerSecond } = socket.stats.writeRate;
      assert(meanBytesPerSecond > 100, `${meanBytesPerSecond} bytes a second`);
      Date.now = () => now() - 86_400_000;
      await socket.close();
      await server.shutdown();
      assert(durations[0] >= 0 && durations[0] < 60_000, `${durations} ms`);
    } finally {
      Date.now = now;
    }
  },
);
