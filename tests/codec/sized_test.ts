import { assertEquals, assertThrows } from "@std/assert";
import {
  array,
  bool,
  bytes as bytesField,
  cstring,
  f32,
  type Field,
  i16,
  i32,
  i64,
  i64le,
  i8,
  type LengthField,
  rest,
  sized,
  struct,
  u16,
  u32,
  u64,
  u64le,
  u8,
  utf8 as utf8Field,
  varint,
} from "../../lib/codec/mod.ts";
import { assertMalformed, bytes, utf8 } from "./_support.ts";

const inner = struct({ id: u16, name: utf8Field() });

Deno.test("sized() puts the size in front, and ends there", () => {
  const packet = struct({ a: u8, in: sized(u16, inner), z: u8 });
  const value = { a: 1, in: { id: 2, name: "hé" }, z: 3 };
  const wire = bytes(1, 0, 5, 0, 2, 104, 0xc3, 0xa9, 3);
  assertEquals(packet.encode(value), wire);
  assertEquals(packet.decode(wire), value);
  const named = struct({ size: i32, b: u8, in: sized("size", inner), z: u8 });
  const second = bytes(0, 0, 0, 3, 9, 0, 2, 97, 4);
  const other = { b: 9, in: { id: 2, name: "a" }, z: 4 };
  assertEquals(named.encode(other), second);
  assertEquals(named.decode(second), { size: 3, ...other });
  const always = struct({ in: sized(4, inner), z: u8 });
  assertEquals(always.fixedBytes, 5);
  assertEquals(
    always.encode({ in: { id: 1, name: "ab" }, z: 2 }),
    bytes(0, 1, 97, 98, 2),
  );
  assertThrows(
    () => always.encode({ in: { id: 1, name: "abc" }, z: 2 }),
    RangeError,
    'field "in" must be exactly 4 bytes long, got 5',
  );
});

Deno.test("sized() refuses bytes that are left over, and a size that is too small", () => {
  const packet = struct({ in: sized(u8, struct({ a: u16 })), z: u32 });
  assertMalformed(
    () => packet.decode(bytes(3, 0, 1, 2, 0, 0, 0, 0)),
    'field "in" must be all there is in its 3 bytes, got 1 bytes left',
  );
  // The bytes behind it are there, and out of reach.
  assertMalformed(
    () => packet.decode(bytes(1, 0, 1, 2, 3, 4)),
    'field "in.a" must have its 2 bytes within the frame, got 1 bytes left',
  );
  assertMalformed(
    () => packet.decode(bytes(9, 0, 1, 0, 0, 0, 0)),
    'field "in" must have its 9 bytes within the frame, got 6 bytes left',
  );
  for (
    const field of [rest, utf8Field(), array(u8), cstring()] as Field<unknown>[]
  ) {
    const tight = struct({ in: sized(u8, field), z: u8 });
    assertMalformed(() => tight.decode(bytes(5, 1, 2)), "its 5 bytes within");
  }
  const text = struct({ in: sized(u8, cstring()), z: u8 });
  assertMalformed(
    () => text.decode(bytes(1, 97, 0)),
    'field "in" must have a byte 0 within the frame, got none',
  );
});

Deno.test("sized() nests, and is in arrays", () => {
  const entry = sized(u8, struct({ tag: sized(varint(), rest), more: rest }));
  const packet = struct({ list: array(entry, u8), end: u8 });
  const value = {
    list: [
      { tag: bytes(1), more: bytes(2, 3) },
      { tag: bytes(), more: bytes() },
    ],
    end: 9,
  };
  const wire = bytes(2, 4, 1, 1, 2, 3, 1, 0, 9);
  assertEquals(packet.encode(value), wire);
  assertEquals(packet.decode(wire), value);
  assertMalformed(
    () => packet.decode(bytes(1, 2, 5, 1, 9)),
    'field "list[0].tag" must have its 5 bytes within the frame',
  );
});

Deno.test("sized() counts its length too where adjust says so", () => {
  // PostgreSQL: a length of four bytes that counts itself.
  const packet = struct({ type: u8, body: sized(i32, rest, { adjust: -4 }) });
  const wire = bytes(81, 0, 0, 0, 6, 1, 2);
  assertEquals(packet.encode({ type: 81, body: bytes(1, 2) }), wire);
  assertEquals(packet.decode(wire), { type: 81, body: bytes(1, 2) });
  assertMalformed(
    () => packet.decode(bytes(81, 0, 0, 0, 3)),
    'field "body" must have a length of at least 4, got 3',
  );
  const more = struct({ body: sized(u8, rest, { adjust: 2 }) });
  assertEquals(more.encode({ body: bytes(7, 8, 9) }), bytes(1, 7, 8, 9));
  assertEquals(more.decode(bytes(1, 7, 8, 9)), { body: bytes(7, 8, 9) });
  assertThrows(
    () => more.encode({ body: bytes(7) }),
    RangeError,
    'field "body" must be at least 2 bytes long, got 1',
  );
  const apart = struct({ body: sized(varint(), rest, { adjust: -1 }) });
  assertEquals(apart.encode({ body: bytes(7) }), bytes(2, 7));
  assertEquals(apart.decode(bytes(2, 7)), { body: bytes(7) });
});

Deno.test("lengths may be signed and of 64 bits, and are never below 0", () => {
  const lengths: [LengthField, number, boolean][] = [
    [i8, 1, false],
    [i16, 2, false],
    [i32, 4, false],
    [u64, 8, false],
    [i64, 8, false],
    [u64le, 8, true],
    [i64le, 8, true],
  ];
  for (const [length, width, littleEndian] of lengths) {
    const prefix = new Uint8Array(width);
    prefix[littleEndian ? 0 : width - 1] = 2;
    const negative = new Uint8Array(width).fill(255);
    const fields = [
      [bytesField(length), bytes(97, 98)],
      [utf8Field(length), "ab"],
      [array(u8, length), [97, 98]],
      [sized(length, rest), bytes(97, 98)],
    ] as [Field<unknown>, unknown][];
    for (const [field, value] of fields) {
      const packet = struct({ value: field });
      const wire = Uint8Array.of(...prefix, 97, 98);
      assertEquals(packet.encode({ value }), wire);
      assertEquals(packet.decode(wire), { value });
      const isSigned = (length as { min?: number | bigint }).min! < 0;
      assertMalformed(
        () => packet.decode(Uint8Array.of(...negative, 97)),
        isSigned
          ? "must have a length that is a whole number of at least 0, got -1"
          : "must have its 18446744073709551615 bytes within the frame",
      );
    }
  }
});

Deno.test("lengths that another field holds may be signed and of 64 bits", () => {
  const packet = struct({
    a: i16,
    b: u64,
    c: i64le,
    data: bytesField("a"),
    list: array(u8, "b"),
    in: sized("c", inner),
  });
  const value = { data: bytes(1), list: [2, 3], in: { id: 4, name: "e" } };
  const wire = packet.encode(value);
  assertEquals(
    wire,
    bytes(
      0,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      2,
      3,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      1,
      2,
      3,
      0,
      4,
      101,
    ),
  );
  const decoded = packet.decode(wire);
  assertEquals(decoded, { a: 1, b: 2n, c: 3n, ...value });
  assertEquals(packet.encode(decoded), wire);
  assertThrows(
    () => packet.encode({ ...decoded, b: 3n }),
    RangeError,
    'field "b" must be 2, as long as the field that names it, or left out',
  );
  const negative = wire.slice();
  negative[0] = 255;
  assertMalformed(() => packet.decode(negative), 'field "data" must have a');
  const huge = wire.slice();
  huge.fill(255, 2, 10);
  assertMalformed(
    () => packet.decode(huge),
    'field "list" must have its 18446744073709551615 bytes',
  );
});

Deno.test("sized() refuses definitions that make no sense", () => {
  const cases = [
    [() => sized(f32 as never, inner), RangeError, "whole numbers like u16"],
    [() => sized(bool as never, inner), RangeError, "whole numbers like u16"],
    [() => sized(undefined as never, inner), RangeError, "got undefined"],
    [() => sized(-1, inner), RangeError, "from 0 to 4294967295"],
    [() => sized(u8, 1 as never), TypeError, "its inner field must be a field"],
    [() => sized(u8, bytesField("x") as never), RangeError, "named length"],
    [() => sized(1, u16), RangeError, "able to be of 1 bytes"],
    [() => sized(3, u16), RangeError, "able to be of 3 bytes"],
    [() => sized(u8, bytesField(256)), RangeError, "able to be of 255 bytes"],
    [() => sized(u8, u8, { adjust: 0.5 }), RangeError, "adjust must be"],
    [() => sized(4, rest, { adjust: 1 }), RangeError, "adjust must be"],
    [
      () => sized(u8, u8, { adjusted: 1 } as object),
      TypeError,
      "did you mean adjust?",
    ],
    [
      // @ts-expect-error no field is called "size"
      () => struct({ in: sized("size", inner) }),
      RangeError,
      "before it",
    ],
  ] as const;
  for (const [make, errorClass, text] of cases) {
    assertThrows(make, errorClass, text);
  }
});

Deno.test("sized() carries content of any size behind a length of variable size", () => {
  const packet = struct({ in: sized(varint(), struct({ a: rest })), z: u8 });
  for (const size of [0, 127, 128, 16_383, 16_384, 65_535, 65_536, 300_000]) {
    const a = new Uint8Array(size).map((_, i) => i * 7);
    const wire = packet.encode({ in: { a }, z: 5 });
    assertEquals(packet.decode(wire), { in: { a }, z: 5 });
    // What was appended before does not change when the memory is used again.
    assertEquals(packet.encode({ in: { a }, z: 5 }), wire);
  }
  const texts = struct({
    a: utf8Field(varint()),
    b: sized(varint(), cstring()),
  });
  const value = { a: "é".repeat(70_000), b: "x".repeat(60_000) };
  assertEquals(texts.decode(texts.encode(value)), value);
  assertEquals(
    texts.encode({ a: "", b: "y" }),
    Uint8Array.of(0, 2, ...utf8("y"), 0),
  );
});
