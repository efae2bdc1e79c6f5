/**
 * What the compiler knows of codecs: checked when the tests are.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  ByteQueue,
  ByteWriter,
  type Codec,
  type Encoder,
  enumOf,
  json,
  lengthPrefixed,
  lines,
  mapped,
  packets,
  struct,
  u8,
  union,
} from "../../lib/codec/mod.ts";
import type { Framed } from "../../lib/framed/framed.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;

function isTrue<_Check extends true>(): void {}

type InOf<C> = C extends Codec<infer In, infer _> ? In : never;
type OutOf<C> = C extends Codec<infer _, infer Out> ? Out : never;

Deno.test("mapped() keeps the literals that its inner codec takes", () => {
  const wire = packets(
    union({ type: enumOf(u8, { join: 1, leave: 2 }) }, {
      join: struct({ room: u8 }),
      leave: struct({}),
    }),
    lengthPrefixed(),
  );
  const rooms = mapped(
    wire,
    (frame) => frame.type === "join" ? frame.room : -1,
    (room: number) => room < 0 ? { type: "leave" } : { type: "join", room },
  );
  isTrue<Same<InOf<typeof rooms>, number>>();
  isTrue<Same<OutOf<typeof rooms>, number>>();
  const out = new ByteWriter();
  const encoder = rooms.encoder();
  encoder.encode(7, out);
  encoder.encode(-1, out);
  const bytes = new ByteQueue();
  bytes.append(out.toBytes());
  const decoder = rooms.decoder();
  assertEquals([decoder.decode(bytes), decoder.decode(bytes)], [7, -1]);

  interface Numbers {
    kind: "numbers";
    of: number[];
  }
  const lists = mapped(
    json<Numbers>(),
    ({ of }) => of,
    (of: number) => ({ kind: "numbers", of: [of] }),
  );
  isTrue<Same<OutOf<typeof lists>, number>>();
  const wrong = mapped(
    json<Numbers>(),
    ({ of }) => of,
    // @ts-expect-error there is no such kind
    (of: number) => ({ kind: "number", of: [of] }),
  );
  assertEquals(typeof wrong.encoder, "function");
  // What is expected reaches both functions.
  const typed: Codec<Numbers, { n: number }> = mapped(
    lines(),
    (line) => ({ kind: "numbers", of: [Number(line)] }),
    ({ n }) => n.toFixed(),
  );
  assertEquals(typeof typed.decoder, "function");
});

Deno.test("an encoder of less than what is sent is refused, and one of more is welcome", () => {
  const words: Codec<string, "on" | "off"> = mapped(
    lines(),
    (line) => line,
    (word: "on" | "off") => word,
  );
  // @ts-expect-error it cannot encode every string
  const wrong: Codec<string> = words;
  const more: Codec<string, "on"> = words;
  const any: Codec<unknown, never> = words;
  // A method is compared as strictly.
  const encoder = { encode(_frame: number, _out: ByteWriter) {} };
  // @ts-expect-error it takes numbers alone
  const wider: Encoder<number | string> = encoder;
  const same: Encoder<number> = encoder;
  // @ts-expect-error what it sends takes two words only
  const sender: Framed<string> = {} as Framed<string, "on" | "off">;
  assertEquals(
    new Set([wrong, more, any, wider, same, sender].map((each) => typeof each)),
    new Set(["object"]),
  );
});
