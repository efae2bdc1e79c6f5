import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  array,
  bits,
  bool,
  bytes as bytesField,
  type ByteWriter,
  CodecError,
  cstring,
  f64,
  type Field,
  type FieldReader,
  i16,
  type IntegerField,
  literal,
  MalformedFrameError,
  mappedField,
  optional,
  pad,
  rest,
  sized,
  struct,
  u16,
  u24le,
  u8,
  union,
  utf8 as utf8Field,
  varint,
} from "../../lib/codec/mod.ts";
import { FailedHooks } from "../_support/failed_hooks.ts";
import { assertMalformed, bytes, withoutFunction } from "./_support.ts";

/** An address of IPv4 as text. */
const ipv4: Field<string> = {
  kind: "ipv4",
  fixedBytes: 4,
  read: (bytes) => bytes.take(4).join("."),
  write(value, out) {
    const parts = value.split(".").map(Number);
    if (parts.length !== 4) throw new RangeError("an address has 4 parts");
    for (const part of parts) u8.write(part, out);
  },
};

/** As PostgreSQL has values that may be NULL: a length of -1. */
const nullable: Field<Uint8Array | null> = {
  kind: "nullable",
  minBytes: 2,
  read(bytes) {
    const length = u16.read(bytes);
    return length === 0xffff ? null : bytes.take(length);
  },
  write(value, out) {
    u16.write(value?.length ?? 0xffff, out);
    if (value !== null) out.write(value);
  },
};

/** A whole number in decimal digits, with a space behind it. */
const decimal: IntegerField = {
  kind: "decimal",
  max: 999_999,
  minBytes: 2,
  read(bytes) {
    const digits = new TextDecoder().decode(bytes.takeUntil(32, 6));
    if (!/^\d+$/.test(digits)) throw new SyntaxError(`no digits in ${digits}`);
    return Number(digits);
  },
  write: (value, out) => void out.writeText(`${value} `),
};

class Counter implements Field<number> {
  readonly kind = "counter";
  readonly fixedBytes = 3;
  read = (bytes: FieldReader) => u24le.read(bytes) + 1;
  write = (value: number, out: ByteWriter) => u24le.write(value - 1, out);
}

Deno.test("a field of one's own is a field like any other, on both ways to make objects", () => {
  const make = () =>
    struct({
      id: u8,
      from: ipv4,
      value: nullable,
      count: new Counter(),
      list: array(ipv4, decimal),
      maybe: optional(ipv4),
      size: u8,
      inner: sized("size", ipv4),
      text: mappedField(ipv4, (text) => text.length, () => "9.9.9.9"),
      local: literal(ipv4, "127.0.0.1"),
      body: bytesField(decimal),
    });
  const value = {
    id: 1,
    from: "10.0.0.1",
    value: bytes(7, 8),
    count: 5,
    list: ["1.2.3.4", "5.6.7.8"],
    maybe: "0.0.0.0",
    inner: "4.3.2.1",
    text: 7,
    body: bytes(6),
  };
  const wire = bytes(
    ...[1, 10, 0, 0, 1, 0, 2, 7, 8, 4, 0, 0],
    ...[50, 32, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0, 0, 4, 4, 3, 2, 1],
    ...[9, 9, 9, 9, 127, 0, 0, 1, 49, 32, 6],
  );
  const decoded = { ...value, size: 4, local: "127.0.0.1" } as const;
  for (const packet of [make(), withoutFunction(make)]) {
    assertEquals(packet.encode(value), wire);
    const seen = packet.decode(wire);
    assertEquals(seen, decoded);
    assertEquals(packet.encode(seen), wire);
    for (let length = 0; length < wire.length; length++) {
      assertMalformed(
        () => packet.decode(wire.subarray(0, length)),
        "within the frame",
      );
    }
    assertMalformed(() => packet.decode(Uint8Array.of(...wire, 1)), "1 bytes");
  }
  assertEquals(struct({ a: u8, b: ipv4, c: new Counter() }).fixedBytes, 8);
  assertEquals(struct({ a: array(ipv4, 3) }).fixedBytes, 12);
});

Deno.test("structs of all fields give the same values and errors without generated code", () => {
  const make = () =>
    union({ op: varint() }, {
      0: struct({}),
      1: struct({ a: u8, _: pad(2), b: i16, c: f64, d: bool, __: pad(1) }),
      2: struct({
        flags: bits({ x: bool, _: pad(3), y: 12 }),
        at: ipv4,
        n: varint({ max: 300 }),
        _: pad(1),
        e: u16,
        s: cstring({ maxBytes: 3 }),
      }),
      3: struct({
        size: u8,
        list: array(struct({ count: new Counter(), y: i16 }), "size"),
        in: sized(u8, struct({ v: nullable, rest })),
      }),
    });
  const [fast, slow] = [make(), withoutFunction(make)];
  const outcome = (packet: typeof fast, frame: Uint8Array) => {
    try {
      const value = packet.decode(frame);
      return { value, keys: Object.keys(value), wire: packet.encode(value) };
    } catch (error) {
      return (error as Error).message;
    }
  };
  const good = [
    [0],
    [1, 7, 1, 2, 0, 5, 63, 240, 0, 0, 0, 0, 0, 0, 1, 9],
    [2, 0x80, 5, 1, 2, 3, 4, 0xac, 2, 9, 0, 8, 97, 98, 0],
    [3, 1, 4, 0, 0, 255, 254, 4, 0, 1, 7, 8],
  ];
  let decoded = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...good),
      fc.array(fc.tuple(fc.nat(17), fc.nat(255)), { maxLength: 2 }),
      fc.nat(18),
      (bytes, changes, length) => {
        const frame = Uint8Array.from(bytes);
        for (const [at, value] of changes) {
          if (at < frame.length) frame[at] = value;
        }
        const part = frame.subarray(0, Math.max(1, length));
        const seen = outcome(fast, part);
        assertEquals(outcome(slow, part), seen);
        if (typeof seen === "object") decoded++;
      },
    ),
    { numRuns: 1000, seed: 3 },
  );
  assert(decoded > 100 && decoded < 900, `${decoded}`);
});

Deno.test("a field of one's own refuses with any error, and the packet names the field", () => {
  const packet = struct({
    header: struct({ peers: array(struct({ at: ipv4, n: decimal }), u8) }),
  });
  const encode = (at: unknown, n: number) =>
    packet.encode({ header: { peers: [{ at: at as string, n }] } });
  const wire = encode("1.2.3.4", 50);
  wire[5] = 120;
  const error = assertThrows(
    () => packet.decode(wire),
    MalformedFrameError,
    'Cannot decode: field "header.peers[0].n" was refused: no digits in x0',
  );
  assert(error.recoverable);
  assert(error.cause instanceof SyntaxError);
  assertEquals(error.frame, wire);
  assertMalformed(
    () => packet.decode(wire.subarray(0, 3)),
    'field "header.peers" must have its 6 bytes within the frame',
  );
  const range = assertThrows(
    () => encode("1.2.3", 1),
    RangeError,
    'Cannot encode: field "header.peers[0].at" was refused: an address has 4 parts',
  );
  assert((range.cause as Error).message.endsWith("4 parts"));
  // What is thrown by a field that it uses.
  assertThrows(
    () => encode("1.2.3.256", 1),
    RangeError,
    'Cannot encode: field "header.peers[0].at" must be an integer from 0 to 255, got 256',
  );
  assertThrows(
    () => encode(undefined, 1),
    TypeError,
    'field "header.peers[0].at" was refused: Cannot read prop',
  );
  const odd: Field<number> = {
    kind: "odd",
    read: () => {
      // deno-lint-ignore no-throw-literal
      throw "no error";
    },
    write: () => {
      throw new SyntaxError("never");
    },
  };
  assertMalformed(() => struct({ odd }).decode(bytes(1)), '"no error"');
  const syntax = assertThrows(() => struct({ odd }).encode({ odd: 1 }));
  assert(syntax instanceof RangeError);
  assert(syntax.cause instanceof SyntaxError);
});

Deno.test("a field that writes outside of a packet throws what one can catch", () => {
  const out = new (class {
    length = 0;
  })() as unknown as ByteWriter;
  assertThrows(
    () => varint().write(-1, out),
    RangeError,
    "Cannot encode: the value must be an integer from 0",
  );
});

Deno.test("a field of one's own is held to the size that it says", () => {
  const field = (
    size: { fixedBytes?: number; minBytes?: number },
    takes: number,
  ): Field<number> => ({
    kind: "mine",
    ...size,
    read: (bytes) => bytes.take(takes).length,
    write: (value, out) => out.write(new Uint8Array(value)),
  });
  const wrong = [
    [{ fixedBytes: 2 }, 1, "take exactly its fixedBytes (2), got 1"],
    [{ fixedBytes: 2 }, 3, "take exactly its fixedBytes (2), got 3"],
    [{ minBytes: 2 }, 1, "take at least its minBytes (2), got 1"],
    [{}, 0, "take at least its minBytes (1), got 0"],
  ] as const;
  for (const [size, takes, text] of wrong) {
    const packet = struct({ a: field(size, takes), b: rest });
    assertThrows(() => packet.decode(new Uint8Array(9)), CodecError, text);
    assertThrows(
      () => packet.encode({ a: takes, b: bytes() }),
      CodecError,
      text.replace("take", "write"),
    );
  }
  const empty = struct({ a: field({ minBytes: 0 }, 0) });
  assertEquals(empty.decode(bytes()), { a: 0 });
  assertThrows(() => array(field({ minBytes: 0 }, 0)), RangeError, "1 byte");
  // Nothing is read before that many are there, whatever number is claimed.
  const many = struct({ list: array(field({ fixedBytes: 4 }, 4), u8) });
  assertMalformed(
    () => many.decode(bytes(255, 1, 2, 3)),
    'field "list" must have its 1020 bytes within the frame',
  );
});

Deno.test("a field of one's own that takes the rest is the last", () => {
  const tail: Field<number> = {
    kind: "tail",
    takesRest: true,
    read: (bytes) => bytes.takeRest().length,
    write: (value, out) => out.write(new Uint8Array(value)),
  };
  const packet = struct({ a: u8, tail });
  assertEquals(packet.decode(bytes(1, 2, 3)), { a: 1, tail: 2 });
  assertEquals(packet.decode(bytes(1)), { a: 1, tail: 0 });
  assertThrows(() => struct({ tail, a: u8 }), RangeError, "the last one");
  const inside = struct({ in: sized(u8, tail), a: u8 });
  assertEquals(inside.decode(bytes(2, 0, 0, 5)), { in: 2, a: 5 });
});

Deno.test("a field of one's own cannot reach what is not its packet's", () => {
  const claims = [-1, 0.5, NaN, Infinity, 2 ** 40, -Infinity, "1", null, 1n];
  for (const claim of claims) {
    const greedy: Field<number> = {
      kind: "greedy",
      minBytes: 0,
      read: (bytes) => bytes.take(claim as number).length,
      write: () => {},
    };
    const frame = new Uint8Array(64).subarray(8, 10);
    assertThrows(() => struct({ greedy }).decode(frame), MalformedFrameError);
  }
});

Deno.test("a field of one's own that is asynchronous is a CodecError", async () => {
  using failed = new FailedHooks();
  const late = {
    kind: "late",
    minBytes: 0,
    read: () => Promise.reject(new Error("late")),
    write: () => Promise.reject(new Error("late")),
  } as unknown as Field<number>;
  const packet = struct({ late });
  assertThrows(() => packet.decode(bytes()), CodecError, "got a promise");
  assertThrows(() => packet.encode({ late: 1 }), CodecError, "got a promise");
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(failed.errors.length, 2);
});

Deno.test("mappedField() with a function that is asynchronous is a CodecError", async () => {
  using failed = new FailedHooks();
  const late = () => Promise.reject(new Error("late"));
  const packet = struct({
    late: mappedField(u8, late, late as unknown as (value: number) => number),
  });
  assertThrows(() => packet.decode(bytes(1)), CodecError, "got a promise");
  assertThrows(() => packet.encode({ late: 1 }), CodecError, "got a promise");
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(failed.errors.length, 2);
});

Deno.test("a length of one's own that is no number makes the packet malformed", () => {
  for (const value of [Symbol("no"), {}, "1", null, undefined, NaN, -1, 0.5]) {
    const length = {
      kind: "length",
      fixedBytes: 1,
      max: 5,
      read(bytes: FieldReader) {
        bytes.take(1);
        return value;
      },
      write: () => {},
    } as unknown as IntegerField;
    const packet = struct({ data: bytesField(length) });
    assertMalformed(() => packet.decode(bytes(1, 2)), "must have a length");
  }
});

Deno.test("struct() refuses what is no field of one's own", () => {
  const good = { kind: "x", read: () => 1, write: () => {} };
  const cases = [
    [{}, TypeError, 'field "a" must be a field, got an object'],
    [{ ...good, write: undefined }, TypeError, "must be a field"],
    [{ ...good, read: 1 }, TypeError, "must be a field"],
    [{ ...good, kind: undefined }, TypeError, 'the kind of field "a" must be'],
    [{ ...good, fixedBytes: -1 }, RangeError, "fixedBytes of field"],
    [{ ...good, fixedBytes: "4" }, TypeError, "fixedBytes of field"],
    [{ ...good, minBytes: 0.5 }, RangeError, "minBytes of field"],
    [{ ...good, fixedBytes: 2, minBytes: 3 }, RangeError, "from 0 to 2"],
    [{ ...good, takesRest: 1 }, TypeError, "takesRest of field"],
  ] as const;
  for (const [field, errorClass, text] of cases) {
    assertThrows(() => struct({ a: field as never }), errorClass, text);
  }
  const inside = good as Field<number>;
  for (
    const make of [
      () => array({} as never),
      () => optional({} as never),
      () => sized(u8, {} as never),
      () => mappedField({} as never, () => 1, () => 1),
      () => literal({} as never, 1),
    ]
  ) {
    assertThrows(make, TypeError, "its inner field must be a field");
  }
  // It says no largest value, so it is no length.
  assertThrows(() => bytesField(inside as never), RangeError, "whole numbers");
});

Deno.test("mappedField() maps both ways, and refuses by throwing", () => {
  const hex = mappedField(
    bytesField("size"),
    (value) => value.toHex(),
    (text: string) => Uint8Array.fromHex(text),
  );
  const packet = struct({ size: u8, hex });
  assertEquals(packet.encode({ hex: "0aff" }), bytes(2, 10, 255));
  assertEquals(packet.decode(bytes(1, 9)), { size: 1, hex: "09" });
  assertThrows(
    () => packet.encode({ hex: "xy" }),
    RangeError,
    'field "hex" was refused: ',
  );
  const even = mappedField(
    u8,
    (value) => {
      if (value % 2 === 1) throw new RangeError(`${value} is odd`);
      return value / 2;
    },
    (value: number) => 2 * value,
  );
  const halves = struct({ list: array(even, u8) });
  assertEquals(halves.decode(bytes(2, 4, 6)), { list: [2, 3] });
  assertEquals(halves.encode({ list: [2, 3] }), bytes(2, 4, 6));
  assertMalformed(
    () => halves.decode(bytes(2, 4, 7)),
    'field "list[1]" was refused: 7 is odd',
  );
  assertThrows(
    () => halves.encode({ list: [128] }),
    RangeError,
    'field "list[0]" must be an integer from 0 to 255, got 256',
  );
  for (const bad of [undefined, 1]) {
    assertThrows(
      () => mappedField(u8, bad as never, (value: number) => value),
      TypeError,
      "decode must be a function",
    );
  }
});

Deno.test("union() has variants without content, and fields of one's own", () => {
  const message = union({ op: u8 }, {
    0: struct({}),
    1: struct({ at: ipv4 }),
  });
  assertEquals(message.encode({ op: 0 }), bytes(0));
  assertEquals(message.decode(bytes(0)), { op: 0 });
  assertEquals(message.decode(bytes(1, 1, 2, 3, 4)), { op: 1, at: "1.2.3.4" });
  assertMalformed(() => message.decode(bytes(0, 1)), "1 bytes left");
  const nothing = struct({});
  assertEquals(nothing.encode({}), bytes());
  assertEquals(nothing.decode(bytes()), {});
  assertEquals(nothing.fixedBytes, 0);
  assertThrows(() => nothing.encode(null as never), TypeError, "an object");
  assertThrows(() => array(nothing), RangeError, "at least 1 byte");
  const slow = withoutFunction(() =>
    struct({ a: struct({}), b: utf8Field(u8) })
  );
  assertEquals(slow.decode(bytes(1, 65)), { a: {}, b: "A" });
});
