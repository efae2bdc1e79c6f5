import { assertEquals } from "@std/assert";
import {
  array,
  bool,
  bytes,
  type Codec,
  enumOf,
  f32,
  lengthPrefixed,
  literal,
  optional,
  type Packet,
  packets,
  struct,
  u16,
  u32,
  u64,
  u8,
  union,
  utf8,
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
      body: Uint8Array;
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
  ];
  assertEquals(mistakes.length, 8);
});
