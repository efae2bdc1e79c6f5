import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { ByteSource } from "../../lib/testing/_pieces.ts";
import { bytes, counting, read } from "./_support.ts";

const SLAB_BYTES = 128 * 1024;

Deno.test("ByteQueue uses its slab again when all was copied out or dropped", () => {
  const queue = new ByteQueue();
  const target = new Uint8Array(100);
  read(queue, counting(100));
  const { buffer } = queue.peek(1);
  for (let i = 0; i < 100; i++) {
    assertEquals(queue.takeInto(target), 100);
    read(queue, counting(100));
  }
  assertEquals(queue.peek(1).buffer, buffer);
});

Deno.test("ByteQueue's slabs follow the traffic from 128 bytes to 128 KiB and back", () => {
  const queue = new ByteQueue();
  assertEquals(queue.capacity, 0);
  // A read that fills what it was offered asks for more, step by step.
  for (const size of [128, 1024, 4096, 16_384, 65_536, SLAB_BYTES]) {
    const { length } = queue.reserve();
    assertEquals(length, size);
    queue.commit(length);
    queue.take(queue.length);
  }
  for (let i = 0; i < 20; i++) {
    queue.commit(queue.reserve().length);
    queue.take(queue.length);
  }
  assertEquals(queue.reserve().length, SLAB_BYTES);
  queue.commit(1);
  for (let i = 0; i < 100_000; i++) {
    queue.take(1);
    queue.reserve();
    queue.commit(1);
  }
  assertEquals(queue.capacity, 4096);
});

Deno.test("ByteQueue's slab grows with the traffic also where it is used again", () => {
  const queue = new ByteQueue();
  for (let i = 0; i < 20; i++) {
    queue.commit(queue.reserve().length);
    queue.skip(queue.length);
  }
  assertEquals(queue.reserve().length, SLAB_BYTES);
  assertEquals(queue.capacity, SLAB_BYTES);
});

Deno.test("ByteQueue holds little for a connection that says little", () => {
  const queue = new ByteQueue();
  const echo = (times: number) => {
    for (let i = 0; i < times; i++) {
      read(queue, new Uint8Array(68));
      queue.skip(4);
      queue.take(64);
    }
    queue.reserve();
    return queue.capacity;
  };
  assertEquals(echo(0), 128);
  assertEquals(echo(1), 128);
  // What was handed out is not written again, so there must be more at last.
  assertEquals(echo(10), 1024);
  assertEquals(echo(100), 4096);
});

Deno.test("ByteQueue's first read fills a slab without a view of it", () => {
  const queue = new ByteQueue();
  const space = queue.reserve();
  assertStrictEquals(queue.reserve(), space);
  queue.commit(1);
  assertStrictEquals(queue.peek(1).buffer, space.buffer);
});

Deno.test("ByteQueue holds at most a frame and one slab while it waits for frames", () => {
  const random = new ByteSource(5);
  for (const cap of [1, 300, 5000, 33_000, 60_000, 65_536, 70_000, 200_000]) {
    const queue = new ByteQueue();
    const bound = cap + SLAB_BYTES;
    let total = 0;
    let size = cap;
    while (total < 20 * (cap + SLAB_BYTES)) {
      const space = queue.reserve();
      assert(queue.capacity <= bound, `${queue.capacity} for ${cap}`);
      const most = random.below(3) === 0 ? space.length : random.below(9000);
      const count = Math.min(space.length, most);
      queue.commit(count);
      total += count;
      while (queue.length >= size) {
        // Some look first, some are in pieces, some were copied already.
        const head = random.below(size + 1);
        const way = random.below(3);
        if (way === 0) queue.peek(head);
        if (way === 1) queue.skip(head);
        queue.take(way === 1 ? size - head : size);
        size = 1 + random.below(cap);
      }
      if (random.below(4) === 0) queue.peek(queue.length);
      assert(queue.capacity <= bound, `${queue.capacity} for ${cap}`);
    }
  }
});

Deno.test("ByteQueue gathers small arrays, so that crumbs cost no more than loaves", () => {
  const queue = new ByteQueue();
  for (let i = 0; i < 10_000; i++) queue.append(bytes(i));
  assert(queue.capacity < 40_000, `${queue.capacity} bytes for 10000`);
  assertEquals(queue.take(300), counting(300));
});

Deno.test("ByteQueue lets go of an array of another's when its last byte is taken", () => {
  for (const put of ["append", "prepend"] as const) {
    for (const take of ["take", "skip"] as const) {
      const queue = new ByteQueue();
      // A read that brought nothing so far, as on a socket that waits.
      queue.reserve();
      if (put === "append") queue.commit(0);
      const { capacity } = queue;
      queue[put](new Uint8Array(5_000_000));
      queue[take](4_999_999);
      assertEquals(queue.capacity >= 5_000_000, true);
      const { revision } = queue;
      queue[take](1);
      assertEquals(queue.revision, revision + 1);
      assertEquals(queue.capacity <= capacity, true, `${put}, ${take}`);
      read(queue, counting(3));
      assertEquals(queue.takeAll(), counting(3));
    }
  }
});

Deno.test("ByteQueue and ByteWriter count beyond 2^32", () => {
  const size = 2 ** 32 + 10;
  let huge: Uint8Array;
  try {
    // Takes no memory before it is written to.
    huge = new Uint8Array(size);
  } catch {
    return;
  }
  huge[size - 2] = 7;
  const queue = new ByteQueue();
  queue.append(huge);
  queue.append(bytes(8, 9));
  assertEquals(queue.length, size + 2);
  assertEquals([queue.at(size - 2), queue.getUint16(size)], [7, 0x0809]);
  assertEquals(queue.peekChunk(2, size - 2), bytes(7, 0));
  const first = queue.takeChunk().length;
  assertEquals(first > 0, true);
  queue.skip(size - 1 - first);
  assertEquals(queue.takeAll(), bytes(0, 8, 9));
  queue.prepend(huge);
  assertEquals([queue.length, queue.at(size - 2)], [size, 7]);
  queue.skip(size - 2);
  assertEquals(queue.takeAll(), bytes(7, 0));

  const out = new ByteWriter();
  out.write(huge);
  for (const byte of [1, 2, 3]) out.writeByte(byte);
  out.truncate(size + 2);
  assertEquals(out.length, size + 2);
  out.setUint(size + 1, 4, 1);
  assertEquals(out.segments().at(-1), bytes(1, 4));
});
