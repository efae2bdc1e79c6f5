import { assertEquals, assertThrows } from "@std/assert";
import {
  array,
  bits,
  bool,
  bytes,
  type ByteWriter,
  type Codec,
  cstring,
  enumOf,
  f32,
  type Field,
  type FieldReader,
  i16,
  i64,
  i8,
  lengthPrefixed,
  literal,
  mappedField,
  optional,
  type Packet,
  packets,
  pad,
  rest,
  sized,
  struct,
  u16,
  u32,
  u64,
  u8,
  union,
  utf8,
  varint,
} from "../../lib/codec/mod.ts";

// These tests fail when they do not compile.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;

type InOf<P> = P extends Packet<infer In, infer _> ? In : never;
type OutOf<P> = P extends Packet<infer _, infer Out> ? Out : never;

function isTrue<_Check extends true>(): void {}

const record = struct({
  version: literal(u8, 1),
  size: u16,
  body: bytes("size"),
  kind: enumOf(u8, { a: 1, b: 2 }),
  extra: optional(u32),
  list: array(struct({ x: u64 }), u8),
  titled: bool,
  title: optional(utf8(u8), "titled"),
});

const message = union({ type: enumOf(u8, { join: 1, say: 2 }) }, {
  join: struct({ room: u32 }),
  say: struct({ size: u8, text: utf8("size") }),
});

Deno.test("struct() infers what is received and what is sent", () => {
  isTrue<
    Same<InOf<typeof record>, {
      version: 1;
      size: number;
      body: Uint8Array<ArrayBuffer>;
      kind: "a" | "b";
      extra: number | undefined;
      list: { x: bigint }[];
      titled: boolean;
      title: string | undefined;
    }>
  >();
  isTrue<
    Same<OutOf<typeof record>, {
      body: Uint8Array;
      kind: "a" | "b";
      list: readonly { x: bigint }[];
      version?: 1;
      size?: number;
      extra?: number;
      titled?: boolean;
      title?: string;
    }>
  >();
  // What was received can be sent.
  const received = record.decode(
    record.encode({ body: new Uint8Array(1), kind: "a", list: [{ x: 1n }] }),
  );
  assertEquals(record.decode(record.encode(received)), received);
});

const own: Field<URL, string | URL> = {
  kind: "url",
  read: (bytes) => new URL(utf8(u8).read(bytes)),
  write: (value, out) => utf8(u8).write(String(value), out),
};

class Celsius {
  readonly kind = "celsius";
  readonly fixedBytes = 2;
  read(bytes: FieldReader): number {
    return i16.read(bytes) / 10;
  }
  write(value: number, out: ByteWriter): void {
    i16.write(Math.round(value * 10), out);
  }
}

const varied = struct({
  flags: bits({ dup: bool, qos: 2, _: pad(5) }),
  _: pad(3),
  id: varint(),
  big: varint({ bigint: true }),
  size: i64,
  inner: sized("size", struct({ name: cstring(), rest })),
  short: sized(varint(), bytes()),
  at: mappedField(u64, (ms) => new Date(Number(ms)), (at: Date) => BigInt(+at)),
  url: own,
  warm: new Celsius(),
  list: array(new Celsius(), varint()),
  kind: enumOf(i8, { low: -1, high: 1 }),
  more: rest,
});

Deno.test("struct() infers the types of all fields, of one's own too", () => {
  interface Inner {
    name: string;
    rest: Uint8Array<ArrayBuffer>;
  }
  isTrue<
    Same<InOf<typeof varied>, {
      flags: { dup: boolean; qos: number };
      id: number;
      big: bigint;
      size: bigint;
      inner: { name: string; rest: Uint8Array<ArrayBuffer> };
      short: Uint8Array<ArrayBuffer>;
      at: Date;
      url: URL;
      warm: number;
      list: number[];
      kind: "low" | "high";
      more: Uint8Array<ArrayBuffer>;
    }>
  >();
  isTrue<
    Same<OutOf<typeof varied>, {
      flags: { dup: boolean; qos: number };
      id: number;
      big: bigint;
      inner: { name: string; rest: Uint8Array };
      short: Uint8Array;
      at: Date;
      url: string | URL;
      warm: number;
      list: readonly number[];
      kind: "low" | "high";
      more: Uint8Array;
      size?: bigint;
    }>
  >();
  const inner: Inner = { name: "x", rest: new Uint8Array([1]) };
  const sent = {
    flags: { dup: true, qos: 2 },
    id: 300,
    big: 2n ** 60n,
    inner,
    short: new Uint8Array(2),
    at: new Date(5),
    url: "data:x",
    warm: 36.6,
    list: [-1.5],
    kind: "low" as const,
    more: new Uint8Array(1),
  };
  const received = varied.decode(varied.encode(sent));
  assertEquals(received, { ...sent, size: 3n, url: new URL("data:x") });
  assertEquals(varied.decode(varied.encode(received)), received);
});

Deno.test("union() infers variants without fields", () => {
  const message = union({ op: varint() }, {
    0: struct({}),
    1: struct({ flags: bits({ a: 8 }) }),
  });
  isTrue<
    Same<InOf<typeof message>, { op: 0 } | { op: 1; flags: { a: number } }>
  >();
  assertEquals(message.encode({ op: 0 }), new Uint8Array(1));
});

Deno.test("names that are numbers have the type that they have at run time", () => {
  // A bare number is one, however its variant's name is written.
  const numbers = union({ op: u8 }, {
    "1": struct({ a: u8 }),
    2: struct({}),
  });
  isTrue<
    Same<InOf<typeof numbers>, { op: 1; a: number } | { op: 2 }>
  >();
  isTrue<
    Same<OutOf<typeof numbers>, { op: 1; a: number } | { op: 2 }>
  >();
  const one: OutOf<typeof numbers> = { op: 1, a: 7 };
  assertEquals(numbers.decode(numbers.encode(one)), one);
  // A name is text.
  const status = enumOf(u8, { 200: 1, "404": 2 });
  isTrue<Same<typeof status, Field<"200" | "404">>>();
  const names = union({ status }, { 200: struct({ a: u8 }), 404: struct({}) });
  isTrue<
    Same<
      InOf<typeof names>,
      { status: "200"; a: number } | { status: "404" }
    >
  >();
  const ok: OutOf<typeof names> = { status: "200", a: 7 };
  assertEquals(names.decode(names.encode(ok)), ok);
});

Deno.test("union() infers a discriminated union", () => {
  type In = InOf<typeof message>;
  isTrue<
    Same<
      In,
      { type: "join"; room: number } | {
        type: "say";
        size: number;
        text: string;
      }
    >
  >();
  isTrue<
    Same<
      OutOf<typeof message>,
      { type: "join"; room: number } | {
        type: "say";
        text: string;
        size?: number;
      }
    >
  >();
  const describe = (value: In): string => {
    switch (value.type) {
      case "join":
        return `room ${value.room.toFixed()}`;
      case "say":
        return value.text;
    }
    // Nothing is left: the compiler knows that all kinds were handled.
    const rest: never = value;
    return rest;
  };
  assertEquals(
    describe(message.decode(new Uint8Array([1, 0, 0, 0, 2]))),
    "room 2",
  );
  const numbered = union({ op: u8 }, {
    1: struct({ a: u8 }),
    2: struct({ b: bool }),
  });
  isTrue<
    Same<InOf<typeof numbered>, { op: 1; a: number } | { op: 2; b: boolean }>
  >();
});

Deno.test("mappedField() keeps the literals that its inner field takes", () => {
  const move = struct({
    by: mappedField(
      struct({ way: enumOf(u8, { up: 1, down: 2 }), steps: u8 }),
      ({ way, steps }) => way === "up" ? steps : -steps,
      (by: number) =>
        by < 0 ? { way: "down", steps: -by } : { way: "up", steps: by },
    ),
  });
  isTrue<Same<OutOf<typeof move>, { by: number }>>();
  assertEquals(move.decode(move.encode({ by: -3 })), { by: -3 });
  const wrong = () =>
    mappedField(
      enumOf(u8, { up: 1, down: 2 }),
      (way) => way,
      // @ts-expect-error there is no such way
      (_: boolean) => "left",
    );
  assertEquals(wrong().kind, "enumOf");
});

Deno.test("literal() takes what its field holds", () => {
  const fields = struct({
    a: literal(u8, 5),
    b: literal(u64, 5n),
    c: literal(bool, true),
    d: literal(utf8(2), "ab"),
    e: literal(enumOf(u8, { on: 1 }), "on"),
  });
  isTrue<
    Same<InOf<typeof fields>, { a: 5; b: 5n; c: true; d: "ab"; e: "on" }>
  >();
  const mistakes = [
    // @ts-expect-error it holds numbers
    () => literal(u8, "a"),
    // @ts-expect-error it holds bigints
    () => literal(u64, 5),
    // @ts-expect-error it holds texts
    () => literal(utf8(u8), true),
  ];
  for (const mistake of mistakes) assertThrows(mistake, TypeError);
});

Deno.test("a packet that takes more than is sent fits an annotation", () => {
  interface Sized {
    size: number;
    body: Uint8Array;
  }
  // The length may be left out, and may be there: as programs annotate what they export.
  const packet: Packet<Sized> = struct({ size: u8, body: bytes("size") });
  const codec: Codec<Sized> = packets(packet);
  const sent: Sized = { size: 2, body: new Uint8Array(2) };
  assertEquals(packet.decode(packet.encode(sent)), sent);
  assertEquals(typeof codec.decoder, "function");
  const field: Field<string | number, "a"> = enumOf(u8, { a: 1, b: 2 });
  assertEquals(field.fixedBytes, 1);
  // @ts-expect-error it receives no size
  const wrong: Packet<Sized> = struct({ body: bytes() });
  assertEquals(typeof wrong.decode, "function");
});

Deno.test("packets() carries the types on", () => {
  const codec = packets(message, lengthPrefixed());
  isTrue<
    Same<typeof codec, Codec<InOf<typeof message>, OutOf<typeof message>>>
  >();
});

Deno.test("the compiler refuses packets that make no sense", () => {
  const mistakes = [
    // @ts-expect-error no field is called "count"
    () => struct({ body: bytes("count") }),
    // @ts-expect-error a text cannot be a length
    () => struct({ size: utf8(u8), body: bytes("size") }),
    // @ts-expect-error a variant is missing
    () => union({ type: enumOf(u8, { a: 1, b: 2 }) }, { a: struct({ x: u8 }) }),
    // @ts-expect-error a variant must be a struct
    () => union({ type: enumOf(u8, { a: 1 }) }, { a: u8 }),
    // @ts-expect-error a required field is missing
    () => record.encode({ kind: "a", list: [] }),
    // @ts-expect-error no such name
    () => record.encode({ body: new Uint8Array(), kind: "c", list: [] }),
    // @ts-expect-error the field belongs to another variant
    () => message.encode({ type: "join", text: "hi" }),
    // @ts-expect-error a float is no length
    () => bytes(f32),
    // @ts-expect-error a boolean is no length
    () => sized(bool, u8),
    // @ts-expect-error no field is called "count"
    () => struct({ body: sized("count", rest) }),
    // @ts-expect-error a pad has no value
    () => varied.encode({ ...varied.decode(new Uint8Array()), _: 1 }),
    // @ts-expect-error a part of bits is a number
    () => struct({ b: bits({ a: 8 }) }).encode({ b: { a: true } }),
    // @ts-expect-error the part has no such name
    () => struct({ b: bits({ a: 8 }) }).encode({ b: { c: 1 } }),
    // @ts-expect-error a bigint where a number is due
    () => struct({ a: varint() }).encode({ a: 1n }),
    // @ts-expect-error an object without write is no field
    () => struct({ a: { kind: "x", read: () => 1 } }),
    // @ts-expect-error an enum is of numbers
    () => enumOf(varint({ bigint: true }), { a: 1 }),
  ];
  assertEquals(mistakes.length, 16);
});
