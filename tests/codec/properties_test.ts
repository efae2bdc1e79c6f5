import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  array,
  bool,
  bytes as bytesField,
  contentLength,
  delimited,
  f32le,
  f64,
  fixed,
  i16,
  i64le,
  i8,
  json,
  lengthPrefixed,
  lines,
  netstring,
  optional,
  struct,
  u16,
  u24,
  u32,
  u64,
  u8,
  utf8 as utf8Field,
  varintPrefixed,
} from "../../lib/codec/mod.ts";
import type { Codec } from "../../lib/codec/codec.ts";
import { decodeChunks } from "../../lib/testing/_decoding.ts";
import { encodeAll } from "./_support.ts";

const RUNS = { numRuns: 200, seed: 23 };

/** Any frames, cut anywhere, come back as they were. */
function checkRoundTrip<T>(codec: Codec<T>, frame: fc.Arbitrary<T>): void {
  const frames = fc.array(frame, { maxLength: 12 });
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });
  fc.assert(
    fc.property(frames, cuts, (sent, sizes) => {
      const wire = encodeAll(codec, ...sent);
      const chunks: Uint8Array[] = [];
      for (let i = 0; i < wire.length;) {
        const size = sizes[chunks.length % sizes.length];
        chunks.push(wire.subarray(i, i += size));
      }
      const { frames, errors } = decodeChunks(codec, chunks, "a property");
      assertEquals(errors, []);
      assertEquals(frames, sent);
    }),
    RUNS,
  );
}

const blob = fc.uint8Array({ maxLength: 300 });
const without = (...banned: number[]) =>
  blob.map((bytes) => bytes.filter((byte) => !banned.includes(byte)));

Deno.test("lengthPrefixed() brings back any frames of any layout", () => {
  checkRoundTrip(lengthPrefixed(), blob);
  checkRoundTrip(lengthPrefixed({ lengthBytes: 2, byteOrder: "little" }), blob);
  checkRoundTrip(
    lengthPrefixed({ lengthBytes: 8, offset: 3, adjust: -11 }),
    blob,
  );
});

Deno.test("varintPrefixed(), netstring() and contentLength() bring back any frames", () => {
  checkRoundTrip(varintPrefixed(), blob);
  checkRoundTrip(netstring(), blob);
  checkRoundTrip(contentLength(), blob);
});

Deno.test("delimited() and fixed() bring back any frames that they can hold", () => {
  checkRoundTrip(delimited({ delimiter: "\0" }), without(0));
  checkRoundTrip(delimited({ delimiter: "\x01\x01\x02" }), without(2));
  checkRoundTrip(
    fixed({ frameBytes: 7 }),
    fc.uint8Array({ minLength: 7, maxLength: 7 }),
  );
});

Deno.test("lines() brings back any text without line endings", () => {
  const line = fc.string({ unit: "grapheme", maxLength: 80 }).map((text) =>
    text.replace(/[\r\n]/g, "")
  );
  checkRoundTrip(lines(), line);
  checkRoundTrip(lines({ newline: "\r\n" }), line);
});

Deno.test("json() brings back any document", () => {
  // Minus zero is the one number that JSON loses, and null is no frame.
  const document = fc.json().map((text) => JSON.parse(text) as unknown)
    .filter((value) => value !== null);
  checkRoundTrip(
    json(),
    document.map((value) => JSON.parse(JSON.stringify(value))),
  );
});

Deno.test("struct() brings back any values of its fields", () => {
  const packet = struct({
    a: u8,
    b: u16,
    c: u24,
    d: u32,
    e: u64,
    f: i8,
    g: i16,
    h: i64le,
    i: f32le,
    j: f64,
    k: bool,
    name: utf8Field(u16),
    data: bytesField(u8),
    list: array(struct({ x: i16, tag: optional(u8) }), u8),
    rest: bytesField(),
  });
  const value = fc.record({
    a: fc.nat(255),
    b: fc.nat(65_535),
    c: fc.nat(2 ** 24 - 1),
    d: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    e: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    f: fc.integer({ min: -128, max: 127 }),
    g: fc.integer({ min: -32_768, max: 32_767 }),
    h: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    i: fc.float(),
    j: fc.double(),
    k: fc.boolean(),
    name: fc.string({ unit: "grapheme" }),
    data: fc.uint8Array({ maxLength: 255 }),
    list: fc.array(
      fc.record({
        x: fc.integer({ min: -32_768, max: 32_767 }),
        tag: fc.option(fc.nat(255), { nil: undefined }),
      }),
      { maxLength: 20 },
    ),
    rest: fc.uint8Array({ maxLength: 50 }),
  });
  fc.assert(
    fc.property(value, (sent) => {
      assertEquals(packet.decode(packet.encode(sent)), sent);
    }),
    RUNS,
  );
});
