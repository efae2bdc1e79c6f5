import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import fc from "npm:fast-check@4.10.2";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

/** What a socket would send. */
function sent(out: ByteWriter): number[] {
  return out.segments().flatMap((segment) => [...segment]);
}

Deno.test("ByteWriter appends bytes, numbers and text in order", () => {
  const out = new ByteWriter();
  out.writeByte(1);
  out.writeUint(0x0203, 2);
  out.writeUint(0x0504, 2, true);
  out.write(bytes(6, 7));
  assertEquals(out.writeText("é!"), 3);
  assertEquals(out.length, 10);
  assertEquals(sent(out), [1, 2, 3, 4, 5, 6, 7, 0xc3, 0xa9, 33]);
});

Deno.test("ByteWriter writes integers of 1 to 8 bytes, both ways round", () => {
  for (let width = 1; width <= 8; width++) {
    const most = width > 6 ? Number.MAX_SAFE_INTEGER : 2 ** (8 * width) - 1;
    for (const value of [0, 1, Math.floor(most / 3), most]) {
      for (const littleEndian of [false, true]) {
        const out = new ByteWriter();
        out.writeUint(value, width, littleEndian);
        const written = [...out.toBytes()];
        if (!littleEndian) written.reverse();
        const read = written.reduceRight((sum, byte) => sum * 256 + byte, 0);
        assertEquals([written.length, read], [width, value]);
      }
    }
    for (const value of [-1, most + 1, 0.5, NaN, Infinity]) {
      const out = new ByteWriter();
      assertThrows(() => out.writeUint(value, width), RangeError, `${most}`);
      assertEquals(out.length, 0);
    }
  }
  for (const width of [0, 9, NaN]) {
    assertThrows(() => new ByteWriter().writeUint(1, width), RangeError);
  }
});

Deno.test("ByteWriter overwrites a number wherever it has gone", () => {
  const out = new ByteWriter();
  out.writeByte(9);
  const first = out.length;
  out.writeUint(0, 4);
  out.write(new Uint8Array(70_000));
  const second = out.length;
  out.writeUint(0, 3);
  out.setUint(first, 0x01020304, 4);
  out.setUint(second, 0x050607, 3, true);
  const all = sent(out);
  assertEquals(all.slice(0, 5), [9, 1, 2, 3, 4]);
  assertEquals(all.slice(-3), [7, 6, 5]);
  assertThrows(() => out.setUint(out.length - 1, 0, 2), RangeError, "position");
  assertThrows(() => out.setUint(-1, 0, 2), RangeError, "position");
  assertThrows(() => out.setUint(0, 256, 1), RangeError, "255");
});

Deno.test("ByteWriter overwrites a number across pieces, and never the caller's array", () => {
  const large = new Uint8Array(70_000).fill(1);
  const small = new Uint8Array(3).fill(2);
  const pieces = [small, large, large, small, large];
  const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
  const edges = [0, 3, 70_003, 140_003, 140_006, whole.length];
  for (const edge of edges) {
    for (let back = 0; back <= 9; back++) {
      const position = edge - back;
      if (position < 0 || position + 8 > whole.length) continue;
      const out = new ByteWriter();
      for (const piece of pieces) out.write(piece);
      out.setUint(position, 0x01020304050607, 8);
      out.setUint(position, 0x0A0B0C0D, 4, true);
      const expected = whole.slice();
      expected.set([0x0D, 0x0C, 0x0B, 0x0A, 4, 5, 6, 7], position);
      assertEquals(out.length, whole.length);
      assert(out.toBytes().every((byte, i) => byte === expected[i]));
      assert(large.every((byte) => byte === 1), "the caller's array changed");
    }
  }
});

Deno.test("ByteWriter takes back a part of an array that it refers to", () => {
  const out = new ByteWriter();
  const large = new Uint8Array(70_000).fill(1);
  out.write(large);
  out.writeByte(2);
  out.truncate(69_000);
  assert(out.hasReferences);
  out.setUint(68_998, 7, 2);
  // What was written to is a copy.
  assert(!out.hasReferences);
  assertEquals(large.at(68_999), 1);
  out.writeByte(3);
  assertEquals(sent(out).slice(-4), [1, 0, 7, 3]);
});

Deno.test("ByteWriter refuses sizes and positions that are none, and keeps its message", () => {
  for (const prepare of [0, 70_000]) {
    const out = new ByteWriter();
    out.write(new Uint8Array(prepare));
    out.write(bytes(1, 2, 3));
    const { length } = out;
    for (const size of [-1, length + 1, 0.5, NaN, Infinity, -Infinity]) {
      assertThrows(() => out.truncate(size), RangeError, "length must be");
      assertThrows(() => out.setUint(size, 1, 1), RangeError, "position must");
    }
    for (const size of [-1, 0.5, NaN, Infinity, 2 ** 32]) {
      assertThrows(() => out.allocate(size), RangeError, "length must be");
    }
    assertThrows(() => out.setUint(length - 1, 1, 2), RangeError, "position");
    assertThrows(() => out.setUint(0, 1, 1.5), RangeError, "width");
    for (const size of ["1", null, undefined, 1n, {}]) {
      assertThrows(() => out.truncate(size as number), TypeError);
      assertThrows(() => out.setUint(size as number, 1, 1), TypeError);
      assertThrows(() => out.allocate(size as number), TypeError);
      assertThrows(() => out.writeUint(size as number, 2), TypeError);
      assertThrows(() => out.writeUint(1, size as number), TypeError);
    }
    assertEquals(out.length, length);
    assertEquals(out.toBytes().subarray(-3), bytes(1, 2, 3));
  }
});

Deno.test("ByteWriter refuses what is no array of bytes, and no text", () => {
  const out = new ByteWriter();
  const detached = new Uint8Array(70_000);
  detached.buffer.transfer();
  const wrong = ["ab", new Uint16Array(2), [1], null, undefined, detached];
  for (const value of wrong as Uint8Array[]) {
    assertThrows(() => out.write(value), TypeError, "must be a Uint8Array");
  }
  for (const value of [bytes(1), ["a"], 1, null, undefined]) {
    assertThrows(
      () => out.writeText(value as unknown as string),
      TypeError,
      "text must be a string",
    );
  }
  assertEquals(out.length, 0);
});

Deno.test("ByteWriter copies small arrays and refers to large ones", () => {
  const out = new ByteWriter();
  const small = bytes(1, 2);
  out.write(small);
  assert(!out.hasReferences);
  small.fill(0);
  const large = new Uint8Array(64 * 1024);
  out.write(large);
  assert(out.hasReferences);
  out.writeByte(3);
  const segments = out.segments();
  assertEquals(segments.length, 3);
  assertEquals(segments[0], bytes(1, 2));
  assertEquals(segments[1].buffer, large.buffer);
  assertEquals(segments[2], bytes(3));
  out.clear();
  assert(!out.hasReferences);
  assertEquals(out.length, 0);
});

Deno.test("ByteWriter writes text of any length and kind as TextEncoder does", () => {
  const encoder = new TextEncoder();
  const texts = [
    "",
    "a",
    "x".repeat(24),
    "x".repeat(25),
    "é",
    "x".repeat(23) + "é",
  ];
  texts.push("\ud800", "𝄞".repeat(30), "ü".repeat(30_000), "x".repeat(70_000));
  for (const text of texts) {
    const out = new ByteWriter();
    out.writeByte(1);
    const expected = encoder.encode(text);
    assertEquals(out.writeText(text), expected.length);
    out.writeByte(2);
    assertEquals(out.toBytes(), bytes(1, ...expected, 2));
  }
});

Deno.test("ByteWriter takes back what was written since", () => {
  const out = new ByteWriter();
  out.write(bytes(1, 2, 3));
  out.truncate(2);
  assertEquals(sent(out), [1, 2]);
  out.write(new Uint8Array(70_000));
  out.write(bytes(4));
  out.truncate(3);
  assertEquals(sent(out), [1, 2, 0]);
  out.write(bytes(5));
  assertEquals(out.peek(), bytes(1, 2, 0, 5));
  out.truncate(0);
  assert(!out.hasReferences);
  assertEquals(out.length, 0);
  out.write(bytes(6));
  assertEquals(out.peek(), bytes(6));
  assertEquals(out.toBytes(), bytes(6));
});

Deno.test("ByteWriter shows its message without copying where it is in one piece", () => {
  const out = new ByteWriter();
  assertEquals(out.peek(), bytes());
  out.write(bytes(1, 2));
  assertEquals(out.peek(), bytes(1, 2));
  assertEquals(out.peek().buffer, out.block.buffer);
  out.write(new Uint8Array(70_000));
  assertEquals(out.peek().length, 70_002);
});

Deno.test("ByteWriter uses its memory again after clear, and not after abandon", () => {
  const out = new ByteWriter();
  out.writeByte(1);
  const { block } = out;
  out.clear();
  out.writeByte(2);
  assertEquals(out.block, block);
  assertEquals(out.block.buffer, block.buffer);
  const [segment] = out.segments();
  out.abandon();
  const other = new ByteWriter();
  other.writeByte(3);
  assertEquals(segment, bytes(2));
  assertEquals(out.length, 0);
});

Deno.test("ByteWriter gives what was put into it, whatever the pieces", () => {
  const piece = fc.oneof(
    fc.nat(40),
    fc.nat(9000),
    fc.integer({ min: 65_000, max: 66_000 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (sizes) => {
      const out = new ByteWriter();
      const expected: Uint8Array[] = [];
      sizes.forEach((size, i) => {
        const data = new Uint8Array(size).fill(i + 1);
        if (i % 2 === 0) {
          out.write(data);
        } else {
          const start = out.allocate(size);
          out.block.set(data, start);
        }
        expected.push(data);
        // Sealing in the middle must change nothing.
        if (i % 3 === 0) out.segments();
      });
      const total = sizes.reduce((sum, size) => sum + size, 0);
      assertEquals(out.length, total);
      const copy = out.toBytes();
      let start = 0;
      for (const data of expected) {
        const part = copy.subarray(start, start += data.length);
        assert(part.every((byte, i) => byte === data[i]));
      }
      assertEquals([start, out.length], [total, 0]);
    }),
    { numRuns: 100, seed: 20 },
  );
});

Deno.test("ByteWriter never writes to the caller's array, of whatever class it is", () => {
  const given = Buffer.alloc(70_000, 7);
  const out = new ByteWriter();
  out.write(given);
  out.setUint(1, 0, 4);
  assertEquals(given.every((byte) => byte === 7), true);
  assertEquals([...out.toBytes().subarray(0, 6)], [7, 0, 0, 0, 0, 7]);
});
