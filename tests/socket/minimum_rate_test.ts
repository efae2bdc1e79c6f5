import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LimitError } from "@sluice/net";
import { fakeClock, memoryPair } from "@sluice/net/testing";

const socket = { minReadBytesPerSecond: 100, minReadWindowMs: 1_000 };

Deno.test("minReadBytesPerSecond cuts off a peer that drips a byte at a time", async () => {
  using clock = fakeClock();
  const [peer, victim] = memoryPair({ socket });
  const outcome = assertRejects(
    async () => {
      for await (const _ of victim);
    },
    LimitError,
    "fewer than 100 bytes a second",
  );
  let dripped = 0;
  while (!victim.signal.aborted && dripped < 50) {
    await peer.write("x");
    dripped++;
    await clock.advance(100);
  }
  const error = await outcome;
  assertEquals([error.option, error.limit], ["minReadBytesPerSecond", 100]);
  assert(dripped >= 10, `cut off before its window was over: ${dripped}`);
  assert(dripped < 30, `cut off too late: ${dripped}`);
  peer.abort();
});

Deno.test("minReadBytesPerSecond leaves a fast peer alone, however slow the handler", async () => {
  using clock = fakeClock();
  const [peer, reader] = memoryPair({ socket });
  for (let i = 0; i < 20; i++) {
    await peer.write("x".repeat(20));
    await reader.readExactly(20);
    // No call waits for bytes meanwhile: the handler is busy.
    await clock.advance(5_000);
  }
  assertEquals(reader.signal.aborted, false);
  peer.abort();
  reader.abort();
});

Deno.test("minReadBytesPerSecond counts the waiting of many short reads together", async () => {
  using clock = fakeClock();
  const [peer, victim] = memoryPair({ socket });
  let reads = 0;
  while (!victim.signal.aborted && reads < 40) {
    const read = victim.read().catch(() => null);
    await clock.advance(100);
    await peer.write("x").catch(() => {});
    await read;
    reads++;
  }
  assert(victim.signal.reason instanceof LimitError);
  assert(reads < 30, `cut off too late: ${reads}`);
  peer.abort();
});

const writing = { minWriteBytesPerSecond: 100, minWriteWindowMs: 1_000 };

Deno.test("minWriteBytesPerSecond cuts off a peer that reads a byte at a time", async () => {
  using clock = fakeClock();
  const [peer, victim] = memoryPair({
    highWaterMarkBytes: 1,
    // Each byte that goes is no stall.
    socket: { ...writing, writeMs: 500 },
  });
  const outcome = assertRejects(
    () => victim.write(new Uint8Array(100_000)),
    LimitError,
    "took fewer than 100 bytes a second",
  );
  let read = 0;
  while (!victim.signal.aborted && read < 50) {
    await peer.readExactly(1);
    read++;
    await clock.advance(100);
  }
  const error = await outcome;
  assertEquals([error.option, error.limit], ["minWriteBytesPerSecond", 100]);
  assert(read >= 10, `cut off before its window was over: ${read}`);
  assert(read < 30, `cut off too late: ${read}`);
  assertEquals(victim.signal.reason, error);
  await assertRejects(() => victim.close(), LimitError);
  peer.abort();
});

Deno.test("minWriteBytesPerSecond leaves a fast peer alone, however seldom is written", async () => {
  using clock = fakeClock();
  const [peer, writer] = memoryPair({ socket: writing });
  for (let i = 0; i < 20; i++) {
    await writer.write("x".repeat(20));
    await peer.readExactly(20);
    // Nothing is on its way meanwhile.
    await clock.advance(5_000);
  }
  assertEquals(writer.signal.aborted, false);
  peer.abort();
  writer.abort();
});

Deno.test("minWriteBytesPerSecond counts the waiting of many short writes together", async () => {
  using clock = fakeClock();
  const [peer, victim] = memoryPair({ highWaterMarkBytes: 1, socket: writing });
  let writes = 0;
  while (!victim.signal.aborted && writes < 60) {
    const flushed = victim.write("xx").then(() => victim.flush())
      .catch(() => {});
    await clock.advance(100);
    await peer.readExactly(2).catch(() => {});
    await flushed;
    writes++;
  }
  assert(victim.signal.reason instanceof LimitError);
  assert(writes < 40, `cut off too late: ${writes}`);
  peer.abort();
});

Deno.test("a minimum rate that a maximum does not allow is refused", () => {
  for (const way of ["Read", "Write"]) {
    assertThrows(
      () =>
        memoryPair({
          socket: {
            [`min${way}BytesPerSecond`]: 100,
            [`max${way}BytesPerSecond`]: 150,
          },
        }),
      RangeError,
      `max${way}BytesPerSecond must be at least 200, got 150`,
    );
  }
});
