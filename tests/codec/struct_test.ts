import { assertEquals, assertThrows } from "@std/assert";
import * as codecs from "../../lib/codec/mod.ts";
import { objectMaker, slowObject } from "../../lib/codec/_object_maker.ts";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import {
  array,
  bool,
  bytes as bytesField,
  enumOf,
  f32,
  f64,
  type Field,
  literal,
  MalformedFrameError,
  optional,
  packets,
  type Struct,
  struct,
  u16,
  u16le,
  u24,
  u32,
  u8,
  union,
  utf8 as utf8Field,
} from "../../lib/codec/mod.ts";
import { assertMalformed, bytes, utf8, withoutFunction } from "./_support.ts";

Deno.test("struct() lays out every kind of number as documented", () => {
  const cases = [
    ["u8", 0xfe, [0xfe]],
    ["i8", -2, [0xfe]],
    ["bool", true, [1]],
    ["u16", 0x0102, [1, 2]],
    ["i16", -2, [0xff, 0xfe]],
    ["u24", 0x010203, [1, 2, 3]],
    ["u32", 0xfffefdfc, [0xff, 0xfe, 0xfd, 0xfc]],
    ["i32", -2, [0xff, 0xff, 0xff, 0xfe]],
    ["u64", 0x0102030405060708n, [1, 2, 3, 4, 5, 6, 7, 8]],
    ["i64", -2n, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]],
    ["f32", 1.5, [0x3f, 0xc0, 0, 0]],
    ["f64", -2, [0xc0, 0, 0, 0, 0, 0, 0, 0]],
  ] as const;
  const fields: Record<string, unknown> = { ...codecs };
  for (const [kind, value, wire] of cases) {
    for (const name of [kind, `${kind}le`]) {
      if (fields[name] === undefined) {
        // One byte has no order.
        assertEquals(wire.length, 1);
        continue;
      }
      const packet = struct({ value: fields[name] as Field<unknown> });
      const expected = bytes(...wire);
      if (name !== kind) expected.reverse();
      assertEquals(packet.encode({ value }), expected, name);
      assertEquals(packet.decode(expected), { value }, name);
      assertEquals(packet.fixedBytes, wire.length);
    }
  }
});

Deno.test("struct() takes numbers up to their limits and refuses them beyond", () => {
  const cases = [
    ["u8", 0, 255],
    ["i8", -128, 127],
    ["u16", 0, 65_535],
    ["i16", -32_768, 32_767],
    ["u24", 0, 2 ** 24 - 1],
    ["u32", 0, 2 ** 32 - 1],
    ["i32", -(2 ** 31), 2 ** 31 - 1],
    ["u64", 0n, 2n ** 64n - 1n],
    ["i64", -(2n ** 63n), 2n ** 63n - 1n],
  ] as const;
  const fields: Record<string, unknown> = { ...codecs };
  for (const [kind, min, max] of cases) {
    for (const name of kind.endsWith("8") ? [kind] : [kind, `${kind}le`]) {
      const packet = struct({ value: fields[name] as Field<unknown> });
      for (const value of [min, max]) {
        assertEquals(packet.decode(packet.encode({ value })), { value });
      }
      const one = typeof min === "bigint" ? 1n : 1;
      const beyond = [
        (min as number) - (one as number),
        (max as number) + (one as number),
      ];
      for (const value of beyond) {
        assertThrows(
          () => packet.encode({ value }),
          RangeError,
          `Cannot encode: field "value" must be`,
        );
      }
      for (const value of ["1", null, undefined, {}, true]) {
        assertThrows(() => packet.encode({ value }), TypeError);
      }
    }
  }
  for (const value of [0.5, NaN, Infinity]) {
    assertThrows(() => struct({ value: u8 }).encode({ value }), RangeError);
  }
  const single = struct({ value: f32 });
  assertThrows(() => single.encode({ value: 1e300 }), RangeError, "32 bits");
  for (const value of [NaN, -Infinity, 0.1]) {
    const [decoded] = [single.decode(single.encode({ value })).value];
    assertEquals(decoded, Math.fround(value));
  }
  const flag = struct({ value: bool });
  assertEquals(flag.decode(bytes(7)), { value: true });
  assertThrows(
    () => flag.encode({ value: 1 as unknown as boolean }),
    TypeError,
    "a boolean",
  );
});

Deno.test("struct() keeps fields in order, next to each other", () => {
  const packet = struct({
    a: u8,
    name: utf8Field(u8),
    b: u16le,
    c: u24,
    point: struct({ x: u8, y: u8 }),
    d: u8,
  });
  const value = {
    a: 1,
    name: "hé",
    b: 0x0203,
    c: 4,
    point: { x: 5, y: 6 },
    d: 7,
  };
  const wire = bytes(1, 3, 104, 0xc3, 0xa9, 3, 2, 0, 0, 4, 5, 6, 7);
  assertEquals(packet.encode(value), wire);
  assertEquals(packet.decode(wire), value);
  assertEquals(Object.keys(packet.decode(wire)), Object.keys(value));
});

Deno.test("struct() computes the lengths that other fields name", () => {
  const packet = struct({
    bodyBytes: u16,
    points: u8,
    known: bool,
    body: bytesField("bodyBytes"),
    path: array(u16, "points"),
    title: optional(utf8Field(u8), "known"),
  });
  const value = { body: bytes(9, 9, 9), path: [1, 2] };
  const wire = packet.encode(value);
  assertEquals(wire, bytes(0, 3, 2, 0, 9, 9, 9, 0, 1, 0, 2));
  const decoded = packet.decode(wire);
  assertEquals(decoded, {
    bodyBytes: 3,
    points: 2,
    known: false,
    body: bytes(9, 9, 9),
    path: [1, 2],
    title: undefined,
  });
  // What was decoded can be encoded, lengths and all.
  assertEquals(packet.encode(decoded), wire);
  const titled = packet.encode({ ...value, title: "x" });
  assertEquals(packet.decode(titled).title, "x");
});

Deno.test("struct() refuses lengths that are wrong, too large, or not the same", () => {
  const packet = struct({
    size: u8,
    a: bytesField("size"),
    b: bytesField("size"),
  });
  assertEquals(packet.encode({ a: bytes(1), b: bytes(2) }), bytes(1, 1, 2));
  assertThrows(
    () => packet.encode({ size: 2, a: bytes(1), b: bytes(2) }),
    RangeError,
    'field "size" must be 1, as long as the field that names it',
  );
  for (const size of ["1", true, 1n, [1], null]) {
    const bad = { size: size as unknown as number, a: bytes(1), b: bytes(2) };
    assertThrows(() => packet.encode(bad), TypeError, 'field "size" must be 1');
  }
  assertThrows(
    () => packet.encode({ a: bytes(1), b: bytes(2, 3) }),
    RangeError,
    'field "size"',
  );
  const large = new Uint8Array(256);
  assertThrows(
    () => packet.encode({ a: large, b: large }),
    RangeError,
    "a length of at most 255, got 256",
  );
  const inline = struct({ text: utf8Field(u8), data: bytesField(u8) });
  assertThrows(
    () => inline.encode({ text: "ä".repeat(128), data: bytes() }),
    RangeError,
    'field "text" must be at most 255 bytes long, got 256',
  );
  assertThrows(
    () => inline.encode({ text: "", data: large }),
    RangeError,
    '"data"',
  );
});

Deno.test("struct() takes the rest of a frame for a last field without a length", () => {
  const data = struct({ id: u8, rest: bytesField() });
  assertEquals(data.decode(bytes(1, 2, 3)), { id: 1, rest: bytes(2, 3) });
  assertEquals(data.decode(bytes(1)), { id: 1, rest: bytes() });
  const list = struct({ rest: array(u16) });
  assertEquals(list.decode(bytes(0, 1, 0, 2)), { rest: [1, 2] });
  assertMalformed(() => list.decode(bytes(0, 1, 0)), '"rest[1]"');
  const text = struct({ rest: utf8Field() });
  assertEquals(text.decode(utf8("é")), { rest: "é" });
});

Deno.test("struct() takes values of an exact length only", () => {
  const packet = struct({
    key: bytesField(2),
    tag: utf8Field(3),
    xy: array(u8, 2),
  });
  assertEquals(packet.fixedBytes, 7);
  const value = { key: bytes(1, 2), tag: "abc", xy: [3, 4] };
  assertEquals(packet.encode(value), bytes(1, 2, 97, 98, 99, 3, 4));
  assertEquals(packet.decode(packet.encode(value)), value);
  const wrong = [
    [{ ...value, key: bytes(1) }, "exactly 2 bytes long, got 1"],
    [{ ...value, tag: "äb\0" }, "exactly 3 bytes long, got 4"],
    [{ ...value, xy: [1, 2, 3] }, "exactly 2 values long, got 3"],
  ] as const;
  for (const [bad, text] of wrong) {
    assertThrows(() => packet.encode(bad), RangeError, text);
  }
});

Deno.test("struct() hands out bytes as views of the frame, and allocates nothing for claims", () => {
  const packet = struct({ size: u32, body: bytesField("size") });
  const frame = packet.encode({ body: new Uint8Array(100) });
  const within = new Uint8Array(200);
  within.set(frame, 50);
  const view = within.subarray(50, 50 + frame.length);
  assertEquals(packet.decode(view).body.buffer, within.buffer);
  const claims = [
    packet,
    struct({ body: bytesField(u32) }),
    struct({ body: utf8Field(u32) }),
    struct({ body: array(u8, u32) }),
    struct({ body: array(array(u8, u8), u32) }),
  ];
  for (const each of claims) {
    assertMalformed(
      () => each.decode(bytes(255, 255, 255, 255, 1, 2)),
      "2 bytes left",
    );
  }
});

Deno.test("struct() never reads behind its frame, though the memory goes on there", () => {
  const kinds = [
    struct({ a: u8, b: u32 }),
    struct({ a: u8, b: bytesField(4) }),
    struct({ a: u8, b: utf8Field(4) }),
    struct({ a: u8, b: array(u16, 2) }),
    struct({ a: u8, b: struct({ c: u32 }) }),
    struct({ a: u8, b: enumOf(u32, { x: 0 }) }),
    struct({ a: u8, b: optional(u24) }),
  ];
  const memory = new Uint8Array(64).fill(1, 0, 8);
  for (const packet of kinds) {
    for (let length = 0; length < 4; length++) {
      const frame = memory.subarray(4, 4 + length);
      assertMalformed(() => packet.decode(frame), "within the frame");
    }
  }
});

Deno.test("struct() refuses bytes that are left over", () => {
  const packet = struct({ a: u8 });
  assertMalformed(
    () => packet.decode(bytes(1, 2)),
    "be all there is in the frame, got 1 bytes left",
  );
});

Deno.test("struct() refuses text that is not UTF-8", () => {
  const packet = struct({ text: utf8Field(u8) });
  assertMalformed(() => packet.decode(bytes(1, 255)), 'field "text"');
  assertEquals(packet.decode(bytes(3, 0xef, 0xbb, 0xbf)).text, "\ufeff");
});

Deno.test("struct() refuses text that is more than a string can hold", () => {
  const { decode } = TextDecoder.prototype;
  const long = struct({ text: utf8Field(u8) });
  const queue = new ByteQueue();
  queue.append(bytes(1, 97));
  // As the engine does from 512 MiB on.
  TextDecoder.prototype.decode = () => {
    throw new TypeError("buffer exceeds maximum length");
  };
  try {
    const error = assertThrows(
      () => long.decode(bytes(1, 97)),
      MalformedFrameError,
      'field "text" must be valid UTF-8, got 1 bytes',
    );
    assertEquals(error.recoverable, true);
    assertThrows(
      () => packets(long).decoder().decode(queue),
      MalformedFrameError,
    );
  } finally {
    TextDecoder.prototype.decode = decode;
  }
  assertEquals(long.decode(bytes(1, 97)), { text: "a" });
});

Deno.test("enumOf() names numbers, and refuses all others", () => {
  const packet = struct({ to: enumOf(u16, { north: 1, south: 300 }) });
  assertEquals(packet.encode({ to: "south" }), bytes(1, 44));
  assertEquals(packet.decode(bytes(0, 1)), { to: "north" });
  assertMalformed(
    () => packet.decode(bytes(0, 2)),
    "one of 1, 300, got 2",
  );
  assertThrows(
    () => packet.encode({ to: "up" as "north" }),
    RangeError,
    'must be one of "north", "south", got "up"',
  );
  for (const name of ["toString", "__proto__"]) {
    assertThrows(() => packet.encode({ to: name as "north" }), RangeError);
  }
  assertThrows(() => enumOf(u8, { a: 256 }), RangeError, "from 0 to 255");
  assertThrows(() => enumOf(u8, { a: -1 }), RangeError);
  assertThrows(() => enumOf(u8, { a: 1, b: 1 }), RangeError, "of its own");
  assertThrows(
    () => enumOf(f32 as typeof u8, { a: 1 }),
    TypeError,
    "whole numbers",
  );
  assertThrows(() => enumOf(bool as unknown as typeof u8, { a: 1 }), TypeError);
});

Deno.test("optional() is there or not, and says so in a byte of its own", () => {
  const packet = struct({ a: optional(u16), b: optional(struct({ c: u8 })) });
  assertEquals(packet.encode({}), bytes(0, 0));
  assertEquals(packet.decode(bytes(0, 0)), { a: undefined, b: undefined });
  const value = { a: 5, b: { c: 0 } };
  assertEquals(packet.encode(value), bytes(1, 0, 5, 1, 0));
  assertEquals(packet.decode(packet.encode(value)), value);
});

Deno.test("optional() has one byte for each answer, and one answer for a value", () => {
  const packet = struct({ all: array(optional(u8), 2) });
  for (const byte of [2, 255]) {
    assertMalformed(
      () => packet.decode(bytes(0, byte, 7)),
      `field "all[1]" must begin with a byte 0 or 1, got ${byte}`,
    );
  }
  for (const flag of [[], ["flag"]] as [string?][]) {
    assertThrows(
      () => optional(optional(u8), ...flag as []),
      RangeError,
      'its inner field must be one that cannot be absent itself, got "optional"',
    );
  }
});

Deno.test("an error shows the first of many names, as a peer may choose how often", () => {
  const many = Object.fromEntries(
    Array.from({ length: 1000 }, (_, i) => [`n${i}`, i]),
  );
  const packet = struct({ name: enumOf(u16, many) });
  const numbers = Array.from({ length: 16 }, (_, i) => i).join(", ");
  assertMalformed(
    () => packet.decode(bytes(255, 255)),
    `field "name" must be one of ${numbers} and 984 more, got 65535`,
  );
  assertThrows(
    () => packet.encode({ name: "x" }),
    RangeError,
    '"n15" and 984 more, got "x"',
  );
});

Deno.test("an error shows where it is, in as many fields as there may be", () => {
  // A field inside of itself: a peer chooses how deep it is.
  const node: Field<object> = {
    kind: "node",
    read: (reader) => tree.read(reader),
    write: (value, out) => tree.write(value as { kids: object[] }, out),
  };
  const tree: Struct<{ kids: object[] }, { kids: readonly object[] }> = struct({
    kids: array(node, u8),
  });
  assertMalformed(
    () => tree.decode(bytes(1, 2, 0, 1)),
    'field "kids[0].kids[1].kids" must have its 1 bytes within the frame',
  );
  assertMalformed(
    () => tree.decode(new Uint8Array(100).fill(1)),
    `field "${"kids[0].".repeat(20).slice(0, 55)}..." must have`,
  );
  assertMalformed(
    () => tree.decode(new Uint8Array(50_000).fill(1)),
    "was refused: ",
  );
});

Deno.test("struct() keeps its fields, whatever becomes of the object", () => {
  let count = 0;
  const given = {
    a: u8,
    get b() {
      return count++ === 0 ? u8 : u16;
    },
  };
  const packet = struct(given as { a: typeof u8; b: typeof u8 });
  given.a = u16;
  const both = union({ type: u8 }, { 1: packet });
  assertEquals(packet.encode({ a: 1, b: 2 }), bytes(1, 2));
  assertEquals(both.encode({ type: 1, a: 2, b: 3 }), bytes(1, 2, 3));
  assertThrows(() => Object.assign(packet.fields, { c: u8 }), TypeError);
  // Without names there would be no fields.
  for (const named of [new Map([["a", u8]]), new Set([u8])]) {
    assertThrows(
      () => struct(named as never),
      TypeError,
      "fields must be an object of names and fields, got a ",
    );
  }
});

Deno.test("literal() is always the same", () => {
  const packet = struct({
    magic: literal(utf8Field(4), "SLCE"),
    version: literal(u8, 2),
  });
  assertEquals(packet.encode({}), bytes(83, 76, 67, 69, 2));
  assertEquals(packet.decode(packet.encode({ version: 2 })).version, 2);
  assertMalformed(() => packet.decode(utf8("SLCF\x02")), 'be "SLCE"');
  assertMalformed(
    () => packet.decode(utf8("SLCE\x03")),
    "be 2, got 3",
  );
  assertThrows(
    () => packet.encode({ version: 3 as 2 }),
    RangeError,
    "or left out",
  );
  assertThrows(() => literal(u8, 256), RangeError, "255");
  // @ts-expect-error a number is no text
  assertThrows(() => literal(u8, "x"), TypeError);
});

Deno.test("struct() refuses definitions that make no sense", () => {
  const cases = [
    [
      () => struct({ a: 1 as unknown as typeof u8 }),
      TypeError,
      '"a" must be a field',
    ],
    [
      () => struct(JSON.parse('{"__proto__":1}')),
      RangeError,
      "another than __proto__",
    ],
    [() => struct(null as never), TypeError, "fields must be an object"],
    [
      () => struct({ a: bytesField(), b: u8 }),
      RangeError,
      'field "a" must be the last one, as it takes the rest of the frame',
    ],
    [
      () => struct({ a: struct({ b: array(u8) }), b: u8 }),
      RangeError,
      'field "a" must be the last one',
    ],
    [
      () => struct({ a: optional(utf8Field()), b: u8 }),
      RangeError,
      'field "a" must be the last one',
    ],
    [
      () => struct({ a: literal(utf8Field(), "x"), b: u8 }),
      RangeError,
      'field "a" must be the last one',
    ],
    [
      () => array(struct({ a: u8, b: bytesField() })),
      RangeError,
      "not of all that is left",
    ],
    [() => struct({ 1: u8 }), RangeError, "more than a whole number"],
    [() => struct({ a: u8, 0: u8 }), RangeError, "more than a whole number"],
    [() => array(u8, u8, { maxItems: -1 }), RangeError, "at least 0"],
    [
      () => array(u8, u8, { maxItem: 1 } as object),
      TypeError,
      'unknown option "maxItem", did you mean maxItems?',
    ],
    [
      () =>
        struct(Object.defineProperty({}, "__proto__", {
          value: u8,
          enumerable: true,
        }) as { a: typeof u8 }),
      RangeError,
      "another than __proto__",
    ],
    [
      // @ts-expect-error there is no such field
      () => struct({ a: bytesField("b") }),
      RangeError,
      'before it, got "b"',
    ],
    [
      () => struct({ a: bytesField("b"), b: u8 }),
      RangeError,
      "must be a whole number of a fixed size before it",
    ],
    [
      () => struct({ b: f32, a: bytesField("b") }),
      RangeError,
      "must be a whole number of a fixed size before it",
    ],
    [
      () => struct({ b: bool, a: bytesField("b") }),
      RangeError,
      "fixed size before it",
    ],
    [
      () => struct({ b: u8, a: optional(u8, "b") }),
      RangeError,
      "must be a bool before it",
    ],
    [() => bytesField(-1), RangeError, "from 0 to 4294967295"],
    [() => utf8Field(0.5), RangeError, "got 0.5"],
    [() => bytesField(f32 as typeof u8), RangeError, "whole numbers like u16"],
    [() => array(1 as unknown as typeof u8), TypeError, "must be a field"],
    [() => array(bytesField()), RangeError, "at least 1 byte"],
    [() => array(bytesField(0)), RangeError, "at least 1 byte"],
    [
      // @ts-expect-error the length of each would be out of reach
      () => array(bytesField("x")),
      RangeError,
      "without a named length",
    ],
    [() => optional(u8, 1 as unknown as string), TypeError, "a field's name"],
  ] as const;
  for (const [make, errorClass, text] of cases) {
    assertThrows(make, errorClass, text);
  }
});

Deno.test("struct() refuses values of the wrong type", () => {
  const packet = struct({
    text: utf8Field(u8),
    data: bytesField(u8),
    list: array(u8, u8),
    inner: struct({ a: u8 }),
  });
  const good = { text: "", data: bytes(), list: [], inner: { a: 1 } };
  packet.encode(good);
  for (
    const [name, value] of [["text", 1], ["data", [1]], ["list", "x"]] as const
  ) {
    assertThrows(
      () => packet.encode({ ...good, [name]: value }),
      TypeError,
      `field "${name}"`,
    );
  }
  for (const inner of [null, undefined, 1]) {
    const bad = { ...good, inner } as unknown as typeof good;
    assertThrows(() => packet.encode(bad), TypeError, 'field "inner"');
  }
  assertThrows(() => packet.encode(null as unknown as typeof good), TypeError);
});

Deno.test("struct() makes the same objects where no code may be made at run time", () => {
  const names = ["a", "1", 'x"y', "toString", "a b"];
  const values = [1, "two", null, undefined, true];
  const fast = objectMaker(names)(values);
  const slow = slowObject(names, values);
  assertEquals(fast, slow);
  assertEquals(Object.keys(fast), Object.keys(slow));
  const packet = withoutFunction(() => struct({ a: u8, b: utf8Field(u8) }));
  assertEquals(packet.decode(bytes(1, 1, 65)), { a: 1, b: "A" });
});

Deno.test("struct() reads numbers alone as it reads them one by one", () => {
  const kinds = ["u8", "i8", "bool", "u16", "i16", "u24"].concat(
    ["u32", "i32", "u64", "i64", "f32", "f64"],
  );
  const names = kinds.flatMap((kind) => [kind, `${kind}le`])
    .filter((name) => name in codecs);
  assertEquals(names.length, 21);
  const fields = Object.fromEntries(
    // Names that would end a string, or a statement, if they were not quoted.
    names.map((name, i) => [
      i % 2 === 0 ? name : `${name}"\\\n\u2028}`,
      codecs[name as "u8"],
    ]),
  );
  const fast = struct(fields);
  const slow = withoutFunction(() => struct(fields));
  const frame = new Uint8Array(fast.fixedBytes!);
  for (let seed = 0; seed < 100; seed++) {
    for (let i = 0; i < frame.length; i++) {
      frame[i] = (seed * 37 + i * 101) & 255;
    }
    const message = fast.decode(frame);
    assertEquals(message, slow.decode(frame));
    assertEquals(Object.keys(message), Object.keys(slow.decode(frame)));
  }
  // In a larger array, from its own first byte on; and never past its last one.
  const behind = new Uint8Array(frame.length + 3);
  behind.set(frame, 3);
  assertEquals(fast.decode(behind.subarray(3)), slow.decode(frame));
  for (const packet of [fast, slow]) {
    assertMalformed(
      () => packet.decode(behind.subarray(3, -1)),
      `field "u8" must have its ${frame.length} bytes within the frame`,
    );
    assertMalformed(() => packet.decode(behind), "3 bytes left");
  }
});

Deno.test("struct() takes what an object has of its own, not what all objects have", () => {
  const odd = struct({ constructor: optional(u8), toString: optional(u8) });
  const wire = bytes(0, 0);
  assertEquals(odd.encode({} as Parameters<typeof odd.encode>[0]), wire);
  const own = odd.decode(bytes(1, 7, 1, 9));
  assertEquals(Object.entries(own), [["constructor", 7], ["toString", 9]]);
  assertEquals(odd.encode(own), bytes(1, 7, 1, 9));
});

Deno.test("struct() sends as many values of an array as it said, whatever a getter does", () => {
  const list = struct({ items: array(struct({ n: u8 }), u8) });
  const items = [{ n: 1 }, {
    get n() {
      items.push({ n: 3 });
      return 2;
    },
  }];
  assertEquals(list.encode({ items }), bytes(2, 1, 2));
});

Deno.test("literal() refuses what decoding could not give back", () => {
  const cases = [
    [() => literal(f32, 0.1), "that f32 can give back, got 0.1"],
    [() => literal(f64, NaN), "that f64 can give back, got NaN"],
    [() => literal(utf8Field(3), "\ud800"), "text without lone surrogates"],
  ] as const;
  for (const [make, text] of cases) assertThrows(make, RangeError, text);
  assertEquals(struct({ a: literal(f32, 0.5) }).decode(bytes(63, 0, 0, 0)), {
    a: 0.5,
  });
});

Deno.test("utf8() refuses text that UTF-8 cannot carry", () => {
  const user = struct({ name: utf8Field(u8) });
  assertThrows(
    () => user.encode({ name: "a\ud800" }),
    RangeError,
    'field "name" must be text without lone surrogates',
  );
});

Deno.test("bytes() refuses what only passes for an array of bytes", () => {
  const packet = struct({ data: bytesField(u8) });
  for (
    const data of [
      new Proxy(new Uint8Array(4), {}),
      Object.create(Uint8Array.prototype),
    ]
  ) {
    assertThrows(
      () => packet.encode({ data }),
      TypeError,
      'field "data" must be a Uint8Array whose memory is there, and no Proxy',
    );
  }
});

Deno.test("bytes() refuses an array whose memory was transferred", () => {
  const blob = struct({ data: bytesField(u8) });
  const data = new Uint8Array([1, 2]);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  assertThrows(() => blob.encode({ data }), TypeError, "must be a Uint8Array");
});

Deno.test("a packet refuses a frame that is no Uint8Array", () => {
  const point = struct({ x: u8 });
  for (const bad of ["a", [1], new Uint16Array(1), undefined]) {
    const decode = () => point.decode(bad as unknown as Uint8Array);
    assertThrows(decode, TypeError, "the frame must be a Uint8Array");
  }
});

Deno.test("array() has at most 65,536 values unless told otherwise", () => {
  const list = struct({ items: array(u8) });
  assertEquals(list.decode(new Uint8Array(65_536)).items.length, 65_536);
  const error = assertThrows(
    () => list.decode(new Uint8Array(65_537)),
    MalformedFrameError,
    'field "items" must have at most 65536 values, got 65537',
  );
  assertEquals(error.recoverable, true);
  assertThrows(
    () => list.encode({ items: new Array(65_537).fill(0) }),
    RangeError,
    "at most 65536 values",
  );
  const all = struct({ items: array(u8, undefined, { maxItems: Infinity }) });
  assertEquals(all.decode(new Uint8Array(70_000)).items.length, 70_000);
});

Deno.test("array() counts the values of arrays inside it, both ways", () => {
  const row = struct({ cells: array(u8, u8) });
  const table = struct({ rows: array(row, u8, { maxItems: 10 }) });
  const value = (rows: number, cells: number) => ({
    rows: Array.from({ length: rows }, () => ({ cells: Array(cells).fill(1) })),
  });
  const wire = table.encode(value(2, 4));
  assertEquals(table.decode(wire).rows.length, 2);
  assertThrows(() => table.encode(value(3, 4)), RangeError, "at most 10");
  const many = bytes(3, 3, 1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1);
  assertThrows(() => table.decode(many), MalformedFrameError, "at most 10");
});

Deno.test("array() makes nothing of a count that is too large", () => {
  let made = 0;
  const counted = array(struct({ b: bytesField(u8) }), u32);
  const frame = new Uint8Array(4 + 1_000_000);
  new DataView(frame.buffer).setUint32(0, 1_000_000);
  const packet = struct({ list: counted });
  assertThrows(
    () => made += packet.decode(frame).list.length,
    MalformedFrameError,
  );
  assertEquals(made, 0);
});

Deno.test("struct() counts no values of a packet that a getter encodes meanwhile", () => {
  const other = struct({ values: array(u8, u8) });
  const packet = struct({
    items: array(struct({ x: u8 }), u8, { maxItems: 2 }),
  });
  const first = {
    get x() {
      return other.encode({ values: [1, 2, 3] }).length;
    },
  };
  assertEquals(packet.encode({ items: [first, { x: 5 }] }), bytes(2, 4, 5));
  assertThrows(
    () => packet.encode({ items: [first, first, first] }),
    RangeError,
    "at most 2 values",
  );
});

Deno.test("enumOf() refuses to be without names: nothing could be sent or received", () => {
  assertThrows(() => enumOf(u8, {}), RangeError, "an object of at least 1");
});

Deno.test("array() refuses to be of more values than it allows", () => {
  for (const [length, maxItems] of [[70_000, undefined], [3, 2]] as const) {
    assertThrows(
      () => array(u8, length, { maxItems }),
      RangeError,
      `Cannot make an array field: length must be at most maxItems`,
    );
  }
  array(u8, 70_000, { maxItems: 70_000 });
});
