import { assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import protobuf from "npm:protobufjs@8.8.1";
import mqtt from "npm:mqtt-packet@9.0.2";
import leb128 from "npm:varint@6.0.0";
import {
  array,
  bytes as bytesField,
  sized,
  struct,
  u8,
  utf8 as utf8Field,
  varint,
  type VarintOptions,
} from "../../lib/codec/mod.ts";
import { assertMalformed, bytes } from "./_support.ts";

/** The bytes of one value, and back. */
function of(options: VarintOptions<number> & { bigint?: false } = {}) {
  return struct({ value: varint(options) });
}

function ofBigint(options: VarintOptions<bigint> = {}) {
  return struct({ value: varint({ ...options, bigint: true }) });
}

const RUNS = { numRuns: 500, seed: 11 };
const SAFE = Number.MAX_SAFE_INTEGER;

/** Whole numbers of every size. */
const whole = fc.tuple(fc.nat(53), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(
    ([bits, part]) => Math.min(SAFE, Math.floor(2 ** bits * (part + 1) - 1)),
  );

Deno.test("varint() writes what the npm package varint writes, and reads it", () => {
  const packet = of();
  fc.assert(
    fc.property(whole, (value) => {
      const wire = Uint8Array.from(leb128.encode(value));
      assertEquals(packet.encode({ value }), wire);
      assertEquals(packet.decode(wire), { value });
    }),
    RUNS,
  );
  for (const value of [0, 127, 128, 2 ** 32 - 1, 2 ** 32, SAFE]) {
    const wire = Uint8Array.from(leb128.encode(value));
    assertEquals(packet.encode({ value }), wire);
    assertEquals(packet.decode(wire), { value });
  }
});

Deno.test("varint() is protobuf's uint32, uint64, sint32 and sint64", () => {
  const { Writer, Reader } = protobuf;
  const u32 = of({ max: 2 ** 32 - 1 });
  const s32 = of({ max: 2 ** 31 - 1, zigzag: true });
  const u64 = ofBigint();
  const s64 = ofBigint({ zigzag: true });
  // Both halves of 64 bits, as its own Long has them.
  const long = (value: bigint) => ({
    low: Number(BigInt.asIntN(32, value)),
    high: Number(BigInt.asIntN(32, value >> 32n)),
    unsigned: value >= 0n,
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.integer(),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      (a, b, c, d) => {
        const wires = [
          Writer.create().uint32(a).finish(),
          Writer.create().sint32(b).finish(),
          Writer.create().uint64(long(c) as never).finish(),
          Writer.create().sint64(long(d) as never).finish(),
        ].map((wire) => new Uint8Array(wire));
        assertEquals(u32.encode({ value: a }), wires[0]);
        assertEquals(s32.encode({ value: b }), wires[1]);
        assertEquals(u64.encode({ value: c }), wires[2]);
        assertEquals(s64.encode({ value: d }), wires[3]);
        assertEquals(u32.decode(wires[0]), { value: a });
        assertEquals(s32.decode(wires[1]), { value: b });
        assertEquals(u64.decode(wires[2]), { value: c });
        assertEquals(s64.decode(wires[3]), { value: d });
        assertEquals(Reader.create(s32.encode({ value: b })).sint32(), b);
      },
    ),
    RUNS,
  );
});

Deno.test("varint() of numbers and of bigints write the same", () => {
  const signed = fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 });
  fc.assert(
    fc.property(whole, signed, (a, b) => {
      assertEquals(
        of().encode({ value: a }),
        ofBigint().encode({ value: BigInt(a) }),
      );
      const wire = of({ zigzag: true }).encode({ value: b });
      assertEquals(
        wire,
        ofBigint({ zigzag: true }).encode({ value: BigInt(b) }),
      );
      assertEquals(of({ zigzag: true }).decode(wire), { value: b });
    }),
    RUNS,
  );
});

Deno.test("varint() of 4 bytes is the remaining length of MQTT", () => {
  const length = varint({ maxBytes: 4 });
  assertEquals(length.max, 268_435_455);
  const publish = struct({ header: u8, body: sized(length, bytesField()) });
  for (const size of [0, 1, 100, 120, 122, 123, 16_378, 16_379, 2_097_150]) {
    const theirs = new Uint8Array(mqtt.generate({
      cmd: "publish",
      topic: "abc",
      payload: "x".repeat(size) as unknown as Uint8Array as never,
      qos: 0,
      dup: false,
      retain: false,
    }));
    const packet = publish.decode(theirs);
    assertEquals(packet.header, 0x30);
    assertEquals(packet.body.length, 2 + 3 + size);
    assertEquals(publish.encode(packet), theirs);
  }
  // The largest, and what is longer or not the shortest.
  const alone = struct({ length });
  assertEquals(alone.encode({ length: length.max }), bytes(255, 255, 255, 127));
  assertThrows(
    () => alone.encode({ length: length.max + 1 }),
    RangeError,
    'field "length" must be an integer from 0 to 268435455, got 268435456',
  );
  assertMalformed(
    () => alone.decode(bytes(0x80, 0x80, 0x80, 0x80, 1)),
    'field "length" must be at most 4 bytes long, got more',
  );
  assertMalformed(() => alone.decode(bytes(0x80, 0)), "as short as it can be");
});

Deno.test("varint() refuses more bytes than a value needs, unless told otherwise", () => {
  for (const wire of [[0x80, 0], [0xff, 0x80, 0], [0x81, 0x80, 0x80, 0]]) {
    assertMalformed(() => of().decode(bytes(...wire)), "as short as it can be");
    assertMalformed(() => ofBigint().decode(bytes(...wire)), "short");
    const value = wire[0] & 0x7f;
    const lenient = of({ overlong: true });
    assertEquals(lenient.decode(bytes(...wire)), { value });
    assertEquals(lenient.encode({ value }), bytes(value));
  }
  const five = of({ overlong: true, maxBytes: 5 });
  const padded = bytes(0x81, 0x80, 0x80, 0x80, 0x80, 0);
  assertMalformed(() => five.decode(padded), "at most 5 bytes long");
});

Deno.test("varint() refuses what its type cannot hold", () => {
  const nine = [255, 255, 255, 255, 255, 255, 255, 255, 255];
  assertEquals(ofBigint().decode(bytes(...nine, 1)), { value: 2n ** 64n - 1n });
  assertMalformed(
    () => ofBigint().decode(bytes(...nine, 2)),
    "at most 18446744073709551615",
  );
  assertMalformed(() => ofBigint().decode(bytes(...nine, 255)), "at most 10");
  assertMalformed(() => of().decode(bytes(...nine, 1)), "at most 8 bytes long");
  // 2^53 - 1, and one more.
  const seven = [255, 255, 255, 255, 255, 255, 255];
  assertEquals(of().decode(bytes(...seven, 15)), { value: SAFE });
  assertMalformed(
    () => of().decode(bytes(128, 128, 128, 128, 128, 128, 128, 16)),
    `at most ${SAFE}, got more`,
  );
  for (const length of [0, 1, 3]) {
    assertMalformed(
      () => of().decode(new Uint8Array(length).fill(128)),
      "within the frame, got 0 bytes left",
    );
  }
  for (const value of [-1, 0.5, NaN, SAFE + 1]) {
    assertThrows(() => of().encode({ value }), RangeError, "an integer from 0");
  }
  for (const value of [1n, "1", null, true]) {
    assertThrows(() => of().encode({ value } as never), TypeError);
  }
  assertThrows(() => ofBigint().encode({ value: 1 } as never), TypeError);
  for (const value of [-1n, 2n ** 64n]) {
    assertThrows(() => ofBigint().encode({ value }), RangeError, "a bigint");
  }
  const signed = ofBigint({ zigzag: true });
  for (const value of [-(2n ** 63n), 2n ** 63n - 1n]) {
    assertEquals(signed.decode(signed.encode({ value })), { value });
  }
  assertThrows(() => signed.encode({ value: 2n ** 63n }), RangeError);
  const small = of({ zigzag: true, maxBytes: 1 });
  assertEquals(small.encode({ value: -64 }), bytes(127));
  assertThrows(() => small.encode({ value: 64 }), RangeError, "from -64 to 63");
});

Deno.test("varint() is the length of bytes, text, arrays and fields", () => {
  const packet = struct({
    data: bytesField(varint()),
    text: utf8Field(varint()),
    list: array(varint(), varint()),
    long: bytesField(varint({ bigint: true })),
    inner: sized(varint(), struct({ a: u8, rest: bytesField() })),
  });
  const value = {
    data: new Uint8Array(300).fill(1),
    text: "ü".repeat(100),
    list: [1, 300],
    long: bytes(9),
    inner: { a: 7, rest: bytes(8) },
  };
  const wire = packet.encode(value);
  assertEquals(packet.decode(wire), value);
  assertEquals(wire.subarray(0, 2), bytes(0xac, 2));
  assertEquals(wire.subarray(302, 304), bytes(0xc8, 1));
  assertEquals(wire.subarray(-9), bytes(2, 1, 0xac, 2, 1, 9, 2, 7, 8));
  // A claim allocates nothing.
  const huge = [255, 255, 255, 255, 255, 255, 255, 15];
  for (
    const each of [
      bytesField(varint()),
      utf8Field(varint()),
      array(u8, varint()),
      sized(varint(), bytesField()),
    ]
  ) {
    assertMalformed(
      () => struct<{ each: typeof each }>({ each }).decode(bytes(...huge, 1)),
      `must have its ${SAFE} bytes within the frame, got 1 bytes left`,
    );
  }
  const beyond = struct({ data: bytesField(varint({ bigint: true })) });
  assertMalformed(
    () => beyond.decode(bytes(255, 255, 255, 255, 255, 255, 255, 255, 255, 1)),
    "must have its 18446744073709551615 bytes within the frame",
  );
});

Deno.test("varint() has no value above its max, both ways", () => {
  const u32 = of({ max: 2 ** 32 - 1 });
  const largest = bytes(255, 255, 255, 255, 15);
  assertEquals(u32.encode({ value: 2 ** 32 - 1 }), largest);
  assertEquals(u32.decode(largest), { value: 2 ** 32 - 1 });
  assertMalformed(
    () => u32.decode(bytes(255, 255, 255, 255, 31)),
    'field "value" must be at most 4294967295, got more',
  );
  assertMalformed(
    () => u32.decode(bytes(255, 255, 255, 255, 255, 1)),
    "at most 5 bytes long",
  );
  assertThrows(() => u32.encode({ value: 2 ** 32 }), RangeError, "4294967295");
  const s32 = of({ max: 2 ** 31 - 1, zigzag: true });
  assertEquals(s32.encode({ value: -(2 ** 31) }), largest);
  assertEquals(s32.decode(largest), { value: -(2 ** 31) });
  assertMalformed(() => s32.decode(bytes(128, 128, 128, 128, 16)), "at most");
  assertThrows(() => s32.encode({ value: 2 ** 31 }), RangeError, "2147483647");
  assertThrows(() => s32.encode({ value: -(2 ** 31) - 1 }), RangeError);
  const s64 = ofBigint({ max: 2n ** 63n - 1n, zigzag: true });
  const value = -(2n ** 63n);
  assertEquals(s64.decode(s64.encode({ value })), { value });
  const none = of({ max: 0 });
  assertEquals(none.decode(bytes(0)), { value: 0 });
  assertMalformed(() => none.decode(bytes(1)), "at most 0");
  // The bytes may have less room, or more.
  assertEquals(varint({ max: 300, maxBytes: 1 }).max, 127);
  assertMalformed(
    () => of({ max: 300, maxBytes: 3 }).decode(bytes(0xad, 2)),
    "at most 300",
  );
  for (const max of [-1, 0.5, NaN, 2 ** 53]) {
    assertThrows(() => varint({ max }), RangeError, "max must be an integer");
  }
  assertThrows(() => varint({ max: 2 ** 52, zigzag: true }), RangeError);
  assertThrows(() => varint({ max: 1n } as never), TypeError, "an integer");
  assertThrows(
    () => varint({ max: 1, bigint: true } as never),
    TypeError,
    "a bigint from 0 to 18446744073709551615",
  );
  assertThrows(
    () => varint({ max: 2n ** 64n, bigint: true }),
    RangeError,
    "a bigint from 0",
  );
});

Deno.test("varint() has a largest value that a length can have", () => {
  const short = struct({ data: bytesField(varint({ maxBytes: 1 })) });
  assertEquals(short.encode({ data: new Uint8Array(127) }).length, 128);
  assertThrows(
    () => short.encode({ data: new Uint8Array(128) }),
    RangeError,
    'field "data" must be at most 127 bytes long, got 128',
  );
});

Deno.test("varint() refuses options that make no sense", () => {
  for (const maxBytes of [0, 11, 1.5, NaN]) {
    assertThrows(() => varint({ maxBytes }), RangeError, "from 1 to 10");
  }
  assertThrows(() => varint({ maxByte: 4 } as object), TypeError, "maxBytes?");
  for (const name of ["zigzag", "bigint", "overlong"]) {
    assertThrows(
      () => varint({ [name]: 1 } as object),
      TypeError,
      `${name} must be a boolean`,
    );
  }
  // How long it is depends on what it says, so it cannot be filled in later.
  assertThrows(
    () => struct({ size: varint(), data: bytesField("size") }),
    RangeError,
    "a whole number of a fixed size before it",
  );
});
