import { assert, assertEquals } from "@std/assert";
import {
  bytes,
  spiedPair,
  testOverMemoryAndTcp,
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
