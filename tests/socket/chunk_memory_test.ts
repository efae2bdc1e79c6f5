import { assert, assertEquals, assertNotStrictEquals } from "@std/assert";
import { ChunkMemory } from "../../lib/socket/_streams.ts";
import { seededRandom } from "../time/_fake_time.ts";
import { SEEDS } from "../_support/sockets.ts";

const KIB = 1024;

/** The sizes that reads were offered, each of them filled by `fill(size)` bytes. */
function offer(
  memory: ChunkMemory,
  reads: number,
  fill: (size: number) => number,
): number[] {
  return Array.from({ length: reads }, () => {
    const size = memory.target.length;
    memory.take(fill(size));
    return size;
  });
}

/** How many reads of 64 KiB, all full, it takes until more is offered. */
function patience(memory: ChunkMemory): number {
  let reads = 0;
  while (memory.target.length <= 64 * KIB) {
    memory.take(memory.target.length);
    if (++reads > 1_000) throw new Error("never more");
  }
  return reads;
}

Deno.test("full reads are offered more and more, up to 1 MiB", () => {
  const memory = new ChunkMemory();
  assertEquals(
    offer(memory, 11, (size) => size).map((size) => size / KIB),
    // Four full reads lead beyond 64 KiB: the smaller ones count, too.
    [1, 4, 16, 64, 256, 1024, 1024, 1024, 1024, 1024, 1024],
  );
});

Deno.test("a read that leaves room is followed by one of 64 KiB at most", () => {
  const memory = new ChunkMemory();
  offer(memory, 6, (size) => size);
  const size = memory.target.length;
  assertEquals(size, 1024 * KIB);
  memory.take(size - 1);
  assertEquals(memory.target.length, 64 * KIB);
  assertEquals(patience(memory), 4);
});

Deno.test("messages of 64 KiB soon are not offered more in vain", () => {
  const memory = new ChunkMemory();
  const patiences: number[] = [];
  for (let round = 0; round < 7; round++) {
    patiences.push(patience(memory));
    memory.take(64 * KIB);
  }
  assertEquals(patiences, [4, 8, 16, 32, 64, 64, 64]);
  // It was not in vain: as at first.
  patience(memory);
  memory.take(256 * KIB);
  memory.take(100 * KIB);
  assertEquals(patience(memory), 4);
});

Deno.test("small reads are offered less and less, down to 1 KiB", () => {
  const memory = new ChunkMemory();
  offer(memory, 3, (size) => size);
  assertEquals(offer(memory, 4, () => 10), [64, 16, 4, 1].map((n) => n * KIB));
  assertEquals(offer(memory, 2, () => 10), [KIB, KIB]);
});

Deno.test("a small read gives a copy, and its memory is used again", () => {
  const memory = new ChunkMemory();
  const { target } = memory;
  target.set([1, 2, 3]);
  const chunk = memory.take(3);
  assertEquals(chunk, new Uint8Array([1, 2, 3]));
  assertEquals(memory.target, target);
  target.fill(9);
  assertEquals(chunk, new Uint8Array([1, 2, 3]));
});

Deno.test("a read that fills half gives its memory away", () => {
  const memory = new ChunkMemory();
  const { target } = memory;
  const chunk = memory.take(KIB / 2);
  assertEquals(chunk.buffer, target.buffer);
  assertNotStrictEquals(memory.target.buffer, target.buffer);
});

Deno.test("no chunk keeps more than twice its size, and none shares memory", () => {
  for (const seed of SEEDS) {
    const random = seededRandom(seed);
    const memory = new ChunkMemory();
    const buffers = new Set<ArrayBuffer>();
    for (let read = 0; read < 300; read++) {
      const { target } = memory;
      const most = random() < 0.7 ? target.length : 600;
      const count = random() < 0.4
        ? target.length
        : 1 + Math.floor(random() * Math.min(target.length, most));
      const chunk = memory.take(Math.min(count, target.length));
      assertEquals(chunk.length, Math.min(count, target.length));
      assert(chunk.buffer.byteLength <= 2 * chunk.length);
      assert(!buffers.has(chunk.buffer), "given twice");
      assert(memory.target.buffer !== chunk.buffer, "given and kept");
      buffers.add(chunk.buffer);
    }
  }
});
