import { assert, assertEquals, assertRejects } from "@std/assert";
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
    // Nobody waits for bytes meanwhile: the handler is busy.
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
