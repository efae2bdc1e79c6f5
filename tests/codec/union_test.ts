import { assert, assertEquals, assertThrows } from "@std/assert";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import {
  array,
  bytes as bytesField,
  enumOf,
  f32,
  fixed,
  lengthPrefixed,
  MalformedFrameError,
  packets,
  struct,
  u16,
  u8,
  union,
  utf8 as utf8Field,
} from "../../lib/codec/mod.ts";
import { bytes, CHUNKS, decodeAll, encodeAll } from "./_support.ts";

const message = union({ type: enumOf(u8, { join: 1, say: 2 }) }, {
  join: struct({ room: u16 }),
  say: struct({ size: u8, text: utf8Field("size") }),
});

Deno.test("union() puts the tag in front and tells the kinds apart", () => {
  assertEquals(message.encode({ type: "join", room: 7 }), bytes(1, 0, 7));
  assertEquals(
    message.encode({ type: "say", text: "hi" }),
    bytes(2, 2, 104, 105),
  );
  assertEquals(message.decode(bytes(1, 0, 7)), { type: "join", room: 7 });
  assertEquals(
    message.decode(bytes(2, 1, 104)),
    { type: "say", size: 1, text: "h" },
  );
  assertEquals(Object.keys(message.decode(bytes(1, 0, 7))), ["type", "room"]);
});

Deno.test("union() takes bare numbers for tags", () => {
  const numbered = union({ op: u16 }, {
    1: struct({ a: u8 }),
    300: struct({ b: u8 }),
  });
  assertEquals(numbered.encode({ op: 300, b: 5 }), bytes(1, 44, 5));
  assertEquals(numbered.decode(bytes(0, 1, 5)), { op: 1, a: 5 });
  assertEquals(numbered.fixedBytes, 3);
  assertEquals(message.fixedBytes, undefined);
  assertThrows(
    () => numbered.decode(bytes(0, 2, 5)),
    MalformedFrameError,
    'field "op" must be one of 1, 300, got 2',
  );
});

Deno.test("union() refuses tags that stand for nothing", () => {
  assertThrows(() => message.decode(bytes(3)), MalformedFrameError, '"type"');
  assertThrows(() => message.decode(bytes()), MalformedFrameError, '"type"');
  assertThrows(
    () => message.decode(bytes(1, 0)),
    MalformedFrameError,
    '"room"',
  );
  const unknown = { type: "leave" } as unknown as {
    type: "join";
    room: number;
  };
  assertThrows(
    () => message.encode(unknown),
    RangeError,
    'must be one of "join", "say", got "leave"',
  );
  for (const bad of [null, undefined, "join", {}]) {
    assertThrows(() => message.encode(bad as typeof unknown), TypeError);
  }
});

Deno.test("union() is a field, too", () => {
  const log = struct({ entries: array(message, u8) });
  const value = {
    entries: [
      { type: "join", room: 1 },
      { type: "say", size: 1, text: "a" },
    ] as const,
  };
  const wire = bytes(2, 1, 0, 1, 2, 1, 97);
  assertEquals(log.encode(value), wire);
  assertEquals(log.decode(wire), { entries: [...value.entries] });
});

Deno.test("union() refuses definitions that make no sense", () => {
  const join = struct({ room: u16 });
  const tag = { type: enumOf(u8, { join: 1, say: 2 }) };
  const cases = [
    [() => union({}, {} as never), TypeError, "an object of one field"],
    [() => union({ a: u8, b: u8 }, { 1: join }), TypeError, "of one field"],
    [() => union(null as never, {}), TypeError, "tag must be an object"],
    [
      () => union({ a: u8 }, { 1: join, "0x1": join } as { 1: typeof join }),
      RangeError,
      "numbers that fit u8",
    ],
    [
      () => union({ a: u8 }, { "": join } as object as { 1: typeof join }),
      RangeError,
      "numbers that fit u8",
    ],
    [
      () => union({ a: u8 }, { "01": join } as object as { 1: typeof join }),
      RangeError,
      "numbers that fit u8",
    ],
    [
      () =>
        struct({
          a: union({ t: u8 }, { 1: struct({ rest: bytesField() }), 2: join }),
          b: u8,
        }),
      RangeError,
      "must be the last one",
    ],
    [() => union({ a: f32 }, { 1: join }), TypeError, "an enumOf or a field"],
    // @ts-expect-error a variant is missing
    [() => union(tag, { join }), RangeError, '"join", "say"'],
    [
      () => union(tag, { join, say: u8 as unknown as typeof join }),
      TypeError,
      'variant "say" must be a struct',
    ],
    [
      () => union(tag, { join, say: struct({ type: u8 }) }),
      RangeError,
      'free of a field "type"',
    ],
    [() => union({ a: u8 }, { 256: join }), RangeError, "numbers that fit u8"],
    [() => union({ a: u8 }, {}), RangeError, "numbers that fit u8"],
  ] as const;
  for (const [make, errorClass, text] of cases) {
    assertThrows(make, errorClass, text);
  }
});

Deno.test("packets() puts typed packets into the frames of another codec", () => {
  const codec = packets(message, lengthPrefixed({ lengthBytes: 1 }));
  const sent = [
    { type: "join", room: 3 },
    { type: "say", size: 2, text: "yo" },
  ] as const;
  const wire = encodeAll(codec, ...sent);
  assertEquals(wire, bytes(3, 1, 0, 3, 4, 2, 2, 121, 111));
  for (const chunk of CHUNKS) {
    assertEquals(decodeAll(codec, wire, chunk).frames, [...sent]);
  }
});

Deno.test("packets() goes on behind a frame that is no packet", () => {
  const codec = packets(message, lengthPrefixed({ lengthBytes: 1 }));
  const wire = bytes(1, 9, 3, 1, 0, 3, 4, 1, 0, 3, 7, 0);
  const { frames, errors, failed } = decodeAll(codec, wire);
  assertEquals([frames, failed], [[{ type: "join", room: 3 }], false]);
  assertEquals(errors.length, 3);
  assert(errors[0] instanceof MalformedFrameError);
  assertEquals(errors[0].frame, bytes(9));
});

Deno.test("packets() of one size need nothing between them", () => {
  const point = struct({ x: u8, y: u8 });
  const codec = packets(point, fixed({ frameBytes: point.fixedBytes! }));
  const wire = encodeAll(codec, { x: 1, y: 2 }, { x: 3, y: 4 });
  assertEquals(wire, bytes(1, 2, 3, 4));
  assertEquals(decodeAll(codec, wire, 3).frames.length, 2);
});

Deno.test("packets() leaves nothing of a packet that cannot be encoded", () => {
  const codec = packets(
    struct({ a: u8, b: u8 }),
    lengthPrefixed({ lengthBytes: 1 }),
  );
  assertThrows(() => encodeAll(codec, { a: 1, b: 256 }), RangeError, '"b"');
  assertEquals(encodeAll(codec, { a: 1, b: 2 }), bytes(2, 1, 2));
});

Deno.test("packets() sends packets of every size, one inside another", () => {
  const inner = packets(
    struct({ rest: bytesField() }),
    lengthPrefixed({ maxFrameBytes: Infinity }),
  );
  const outer = packets(struct({ id: u8, data: bytesField() }), {
    decoder: () => ({ decode: () => undefined }),
    encoder: () => {
      const encoder = inner.encoder();
      return { encode: (rest, out) => encoder.encode({ rest }, out) };
    },
  });
  for (const size of [0, 10, 5000, 70_000, 200_000]) {
    const data = new Uint8Array(size).fill(size % 251);
    const wire = encodeAll(outer, { id: 1, data }, { id: 2, data });
    const { frames } = decodeAll(inner, wire);
    assertEquals(frames.map(({ rest }) => [rest[0], rest.length]), [
      [1, size + 1],
      [2, size + 1],
    ]);
    assertEquals(frames[1].rest.subarray(1), data);
  }
});

Deno.test("packets() refuses what is no packet at once", () => {
  for (const bad of [u8, {}, undefined]) {
    assertThrows(
      () => packets(bad as unknown as typeof message, lengthPrefixed()),
      TypeError,
      "must be a struct or a union",
    );
  }
});

Deno.test("union() takes no tag that an object inherits", () => {
  const odd = union({ constructor: enumOf(u8, { a: 1 }) }, {
    a: struct({ x: u8 }),
  });
  const inherited = Object.create({ constructor: "a" }, {
    x: { value: 1, enumerable: true },
  });
  assertThrows(() => odd.encode(inherited), TypeError, '"constructor"');
});

Deno.test("union() takes its tag and its fields from an object alike", () => {
  const message = union({ type: enumOf(u8, { a: 1, b: 2 }) }, {
    a: struct({ x: u8 }),
    b: struct({}),
  });
  class A {
    get type() {
      return "a" as const;
    }
    get x() {
      return 7;
    }
  }
  assertEquals(message.encode(new A()), bytes(1, 7));
});

Deno.test("packets() keeps two connections apart, whatever a getter sends meanwhile", () => {
  const codec = packets(
    struct({ a: u8, b: u8 }),
    lengthPrefixed({ lengthBytes: 1 }),
  );
  const [first, second] = [codec.encoder(), codec.encoder()];
  const [one, other] = [new ByteWriter(), new ByteWriter()];
  first.encode({
    a: 1,
    get b() {
      second.encode({ a: 8, b: 9 }, other);
      return 2;
    },
  }, one);
  assertEquals(one.toBytes(), bytes(2, 1, 2));
  assertEquals(other.toBytes(), bytes(2, 8, 9));
});
