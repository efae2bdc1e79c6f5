import { assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import { bytes, counting, read } from "./_support.ts";

const READS = [
  ["getUint8", 1],
  ["getInt8", 1],
  ["getUint16", 2],
  ["getInt16", 2],
  ["getUint32", 4],
  ["getInt32", 4],
  ["getBigUint64", 8],
  ["getBigInt64", 8],
  ["getFloat16", 2],
  ["getFloat32", 4],
  ["getFloat64", 8],
] as const;

Deno.test("ByteQueue reads every number that a DataView reads", () => {
  const known = Object.getOwnPropertyNames(DataView.prototype)
    .filter((name) => name.startsWith("get"));
  assertEquals(READS.map(([name]) => name as string).sort(), known.sort());
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 8, maxLength: 40 }),
      fc.nat(8),
      fc.boolean(),
      (data, put, littleEndian) => {
        // In one slab, and in as many as can be.
        const whole = new ByteQueue();
        read(whole, data);
        const pieces = new ByteQueue();
        for (const byte of data.toReversed()) pieces.prepend(bytes(byte));
        pieces.prepend(new Uint8Array(100 + put));
        pieces.skip(100);
        for (const byte of pieces.take(put)) assertEquals(byte, 0);
        const view = new DataView(data.buffer);
        for (const [name, width] of READS) {
          for (let index = 0; index + width <= data.length; index++) {
            const expected = view[name](index, littleEndian);
            assertEquals(whole[name](index, littleEndian), expected);
            assertEquals(pieces[name](index, littleEndian), expected);
            assertEquals(whole[name](index), view[name](index));
          }
        }
        assertEquals(whole.takeAll(), data);
        assertEquals(pieces.takeAll(), data);
      },
    ),
    { numRuns: 200, seed: 7 },
  );
});

Deno.test("ByteQueue reads numbers that lie in two slabs, and does not take them", () => {
  const queue = new ByteQueue();
  const data = counting(10_000);
  // Arrays of more than 4 KiB are slabs of their own.
  queue.append(data.slice(0, 5_000));
  queue.append(data.slice(5_000));
  const view = new DataView(data.buffer);
  for (const [name, width] of READS) {
    for (let index = 5_000 - width; index <= 5_000; index++) {
      assertEquals(queue[name](index), view[name](index), `${name} ${index}`);
    }
  }
  assertEquals(queue.length, 10_000);
  queue.skip(4_999);
  assertEquals(queue.getBigUint64(0, true), view.getBigUint64(4_999, true));
});

Deno.test("ByteQueue reads every number of half precision as the runtime does", () => {
  const queue = new ByteQueue();
  const view = new DataView(new ArrayBuffer(2));
  for (let bits = 0; bits < 65_536; bits++) {
    view.setUint16(0, bits);
    queue.append(new Uint8Array(view.buffer));
    const seen = queue.getFloat16(0);
    if (!Object.is(seen, view.getFloat16(0))) {
      assertEquals(seen, view.getFloat16(0), bits.toString(16));
    }
    queue.skip(2);
  }
});

Deno.test("ByteQueue refuses to read a number that is not there", () => {
  const queue = new ByteQueue();
  queue.append(counting(20));
  queue.skip(12);
  for (const [name, width] of READS) {
    queue[name](8 - width);
    for (const index of [9 - width, -1, 0.5, NaN, Infinity, 2 ** 32]) {
      assertThrows(
        () => queue[name](index),
        RangeError,
        `Cannot read a number: index must be an integer from 0 to ${8 - width}`,
      );
    }
    assertThrows(() => queue[name]("1" as never), TypeError);
  }
  queue.clear();
  assertThrows(() => queue.getUint8(0), RangeError, "a byte that is there");
});
