import { assertEquals, assertThrows } from "@std/assert";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { encodeFrame } from "../../lib/codec/encode_frame.ts";
import {
  bytes as bytesField,
  type Codec,
  CodecError,
  contentLength,
  delimited,
  fixed,
  json,
  lengthPrefixed,
  lines,
  mapped,
  netstring,
  packets,
  struct,
  text,
  type TextCodec,
  u8,
  varintPrefixed,
} from "../../lib/codec/mod.ts";
import { utf8 } from "./_support.ts";

const BYTES: Record<string, Codec<unknown, Uint8Array>> = {
  lengthPrefixed: lengthPrefixed(),
  "lengthPrefixed of one byte": lengthPrefixed({ lengthBytes: 1 }),
  "lengthPrefixed of whole messages": lengthPrefixed({ skip: 0 }),
  varintPrefixed: varintPrefixed(),
  netstring: netstring(),
  contentLength: contentLength(),
  delimited: delimited({ delimiter: "\0" }),
  "delimited, kept": delimited({ delimiter: "ab", keepDelimiter: true }),
  fixed: fixed({ frameBytes: 4 }),
};

const TEXTS: Record<string, Codec<unknown, string>> = {
  lines: lines(),
  "strict lines": lines({ newline: "\r\n" }),
  "lines of latin1": lines({ encoding: "latin1" }),
  text: text(lengthPrefixed()),
  "text of latin1": text(netstring(), { encoding: "latin1" }),
};

/** Encoding `value` must throw a TypeError that says so, and write nothing. */
function checkRefused(
  name: string,
  codec: Codec<unknown, never>,
  value: unknown,
  must: string,
): void {
  const out = new ByteWriter();
  out.writeByte(7);
  assertThrows(
    () => codec.encoder().encode(value as never, out),
    TypeError,
    must,
    name,
  );
  assertEquals(out.toBytes(), new Uint8Array([7]), name);
}

Deno.test("encoders of bytes refuse what is no array of bytes", () => {
  const values = [
    "abcd",
    "",
    new Uint16Array(4),
    new Int8Array(4),
    new Float64Array(4),
    new DataView(new ArrayBuffer(4)),
    new ArrayBuffer(4),
    [1, 2, 3, 4],
    { length: 4 },
    4,
    null,
    undefined,
  ];
  for (const [name, codec] of Object.entries(BYTES)) {
    for (const value of values) {
      checkRefused(name, codec, value, "frame must be a Uint8Array, got");
    }
  }
});

Deno.test("encoders of bytes refuse what only passes for an array of bytes", () => {
  for (const [name, codec] of Object.entries(BYTES)) {
    for (
      const frame of [
        // As frameworks wrap their state.
        new Proxy(new Uint8Array(4), {}),
        Object.create(Uint8Array.prototype),
      ]
    ) {
      checkRefused(name, codec, frame, "shrunk, or a Proxy");
    }
  }
});

Deno.test("encoders of bytes refuse an array whose memory was transferred", () => {
  for (const [name, codec] of Object.entries(BYTES)) {
    const frame = new Uint8Array(4);
    frame.buffer.transfer();
    checkRefused(name, codec, frame, "one that was transferred");
    // A part of it that was empty before says nothing.
    const empty = new Uint8Array(4).subarray(4);
    if (name !== "fixed" && !name.includes("whole")) {
      codec.encoder().encode(empty, new ByteWriter());
    }
  }
});

Deno.test("encoders of bytes take all that is an array of bytes", () => {
  class Sub extends Uint8Array {}
  for (const codec of Object.values(BYTES)) {
    const expected = encode(codec, new Uint8Array([1, 2, 3, 4]));
    assertEquals(encode(codec, Sub.of(1, 2, 3, 4)), expected);
    const shared = new Uint8Array(new SharedArrayBuffer(6)).subarray(1, 5);
    shared.set([1, 2, 3, 4]);
    assertEquals(encode(codec, shared), expected);
  }
});

function encode(codec: Codec<unknown, Uint8Array>, frame: Uint8Array) {
  const out = new ByteWriter();
  codec.encoder().encode(frame, out);
  return out.toBytes();
}

Deno.test("encoders of text refuse what is no string", () => {
  const values = [new Uint8Array(3), ["a", "b"], 4, null, undefined, {}];
  for (const [name, codec] of Object.entries(TEXTS)) {
    for (const value of values) {
      checkRefused(name, codec, value, "must be a string, got");
    }
  }
  checkRefused("json", json(), undefined, "one that JSON can express");
});

Deno.test("codecs refuse options of unknown names, and name the nearest", () => {
  const cases: [
    make: (options: never) => unknown,
    options: object,
    text: string,
  ][] = [
    [lengthPrefixed, { maxFrameByte: 5 }, "did you mean maxFrameBytes?"],
    [lengthPrefixed, { lengthByte: 2 }, "did you mean lengthBytes?"],
    [varintPrefixed, { maxFrame: 5 }, "did you mean maxFrameBytes?"],
    [netstring, { onOversized: () => 0 }, "did you mean onOversize?"],
    [contentLength, { maxHeader: 99 }, "did you mean maxHeaderBytes?"],
    [delimited, { delimiter: "x", keepDelimeter: true }, "mean keepDelimiter?"],
    [lines, { maxLineByte: 5 }, "did you mean maxLineBytes?"],
    [lines, { atEOF: "drop" }, "did you mean atEof?"],
    [fixed, { frameBytes: 4, atEnd: "drop" }, "did you mean atEof?"],
    [(options) => text(netstring(), options), { fatale: true }, "mean fatal?"],
    [(options) => json(undefined, options), { revive: 1 }, "mean reviver?"],
  ];
  for (const [make, options, text] of cases) {
    assertThrows(() => make(options as never), TypeError, text);
  }
  for (const [make] of cases) {
    assertThrows(() => make("x" as never), TypeError, "must be an object");
  }
});

Deno.test("encoders of bytes refuse an array whose memory was shrunk away", () => {
  for (const [name, codec] of Object.entries(BYTES)) {
    const buffer = new ArrayBuffer(8, { maxByteLength: 8 });
    const frame = new Uint8Array(buffer, 4, 4);
    buffer.resize(4 - 1);
    checkRefused(name, codec, frame, "or shrunk");
  }
  const packet = struct({ a: bytesField(u8) });
  const buffer = new ArrayBuffer(8, { maxByteLength: 8 });
  const a = new Uint8Array(buffer, 4, 4);
  buffer.resize(0);
  assertThrows(() => packet.encode({ a }), TypeError, '"a"');
});

Deno.test("text() keeps two connections apart, whatever a function in between sends", () => {
  const others = new ByteWriter();
  let sending = true;
  const codec: TextCodec = text(mapped(
    lengthPrefixed({ lengthBytes: 1 }),
    (frame) => frame,
    (frame: Uint8Array) => {
      if (sending) {
        sending = false;
        codec.encoder().encode("secret", others);
      }
      return frame;
    },
  ));
  const out = new ByteWriter();
  codec.encoder().encode("public", out);
  assertEquals(out.toBytes(), utf8("\x06public"));
  assertEquals(others.toBytes(), utf8("\x06secret"));
});

Deno.test("an asynchronous encoder is noticed under any other, and writes nothing", async () => {
  const printed: unknown[] = [];
  const original = console.error;
  console.error = (...values) => printed.push(values.at(-1));
  try {
    const reason = new Error("later");
    const inner: Codec<Uint8Array> = {
      decoder: () => lengthPrefixed().decoder(),
      encoder: () => ({
        encode(_frame, out) {
          out.writeByte(1);
          return Promise.reject(reason) as unknown as void;
        },
      }),
    };
    const promises = mapped(
      lines(),
      String,
      (() => Promise.reject(reason)) as unknown as (value: unknown) => string,
    );
    const codecs: [Codec<unknown, never>, unknown][] = [
      [mapped(inner, (f) => f, (f: Uint8Array) => f), new Uint8Array(1)],
      [text(inner), "a"],
      [json(inner), 1],
      [packets(struct({ a: u8 }), inner), { a: 1 }],
      [promises, 1],
    ];
    for (const [codec, frame] of codecs) {
      const out = new ByteWriter();
      assertThrows(
        () => encodeFrame(codec.encoder(), frame as never, out),
        CodecError,
        "got a promise",
      );
      assertEquals(out.length, 0);
    }
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(printed, codecs.map(() => reason));
  } finally {
    console.error = original;
  }
});
