import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Codec } from "../../lib/codec/codec.ts";
import { contentLength } from "../../lib/codec/content_length.ts";
import { json } from "../../lib/codec/json.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import { text } from "../../lib/codec/text.ts";
import { FrameTooLargeError, MalformedFrameError } from "../../lib/errors.ts";
import {
  bytes,
  CHUNKS,
  decodeAll,
  encodeAll,
  toText,
  utf8,
} from "./_support.ts";

Deno.test("json() sends a document a line, whatever is in it", () => {
  const documents = [{ a: [1, null] }, "a\nb", 0, false, null, [], "Zoë 𝄞"];
  const wire = encodeAll(json(), ...documents);
  assertEquals(
    toText(wire),
    documents.map((document) => JSON.stringify(document) + "\n").join(""),
  );
  for (const chunk of CHUNKS) {
    assertEquals(decodeAll(json(), wire, chunk).frames, documents);
  }
});

Deno.test("json() builds on codecs of bytes and on codecs of text", () => {
  const inners = [
    contentLength(),
    lengthPrefixed(),
    text(lengthPrefixed()),
    lines({ newline: "\r\n" }),
  ];
  for (const inner of inners) {
    const codec = json<{ id: number }>(inner);
    const wire = encodeAll(codec, { id: 1 }, { id: 2 });
    assertEquals(decodeAll(codec, wire, 3).frames, [{ id: 1 }, { id: 2 }]);
  }
});

Deno.test("json() goes on behind a bad document, and gives it with the error", () => {
  const wire = utf8('{"a":1}\n{oops\n\n{"b":2}\n');
  for (const chunk of CHUNKS) {
    const { frames, errors, failed } = decodeAll(json(), wire, chunk);
    assertEquals([frames, failed], [[{ a: 1 }, { b: 2 }], false]);
    assertEquals(
      errors.map((error) => (error as MalformedFrameError).frame),
      ["{oops", ""],
    );
    assert(errors[0].cause instanceof SyntaxError);
  }
});

Deno.test("json() takes bytes that are not UTF-8 for a bad document", () => {
  for (const codec of [json(), json(lengthPrefixed({ lengthBytes: 1 }))]) {
    const wire = encodeAll(codec, "aa", "bb");
    wire[wire.indexOf(97)] = 255;
    const { frames, errors, failed } = decodeAll(codec, wire);
    assertEquals([frames, failed, errors.length], [["bb"], false, 1]);
    assert(errors[0] instanceof MalformedFrameError);
  }
});

Deno.test("json() transforms values with a reviver", () => {
  const codec = json<{ at: Date }>(undefined, {
    reviver: (key, value) => key === "at" ? new Date(String(value)) : value,
  });
  const [frame] = decodeAll(codec, '{"at":"2026-01-02T03:04:05Z"}\n').frames;
  assertEquals(frame.at.getUTCFullYear(), 2026);
  const losing = json(undefined, { reviver: () => undefined });
  assert(decodeAll(losing, "1\n").errors[0] instanceof MalformedFrameError);
});

Deno.test("json() refuses to encode what JSON cannot express", () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  for (const value of [undefined, () => 1, Symbol("x"), 1n, cyclic]) {
    assertThrows(() => encodeAll(json(), value), TypeError);
  }
  assertThrows(
    () => encodeAll(json(lengthPrefixed({ maxFrameBytes: 3 })), "abc"),
    FrameTooLargeError,
  );
});

Deno.test("json() refuses bad options at once", () => {
  const reviver = "x" as unknown as () => unknown;
  assertThrows(() => json(undefined, { reviver }), RangeError, "a function");
  // @ts-expect-error a codec of frames that are neither bytes nor known to be text
  json({} as Codec<number>);
});

Deno.test("text() turns bytes into text and back, in the encoding it is told", () => {
  const codec = text(lengthPrefixed({ lengthBytes: 1 }));
  const wire = encodeAll(codec, "Zoë", "");
  assertEquals(wire, bytes(4, 90, 111, 0xc3, 0xab, 0));
  assertEquals(decodeAll(codec, wire, 2).frames, ["Zoë", ""]);
  const latin = text(lengthPrefixed({ lengthBytes: 1 }), {
    encoding: "latin1",
  });
  assertEquals(encodeAll(latin, "Zoë"), bytes(3, 90, 111, 0xeb));
  assertEquals(decodeAll(latin, bytes(1, 0xeb)).frames, ["ë"]);
  assertThrows(() => encodeAll(latin, "日"), RangeError, "windows-1252");
  const wide = text(lengthPrefixed({ lengthBytes: 1 }), {
    encoding: "utf-16le",
  });
  assertEquals(decodeAll(wide, bytes(2, 65, 0)).frames, ["A"]);
  assertThrows(() => encodeAll(wide, "A"), TypeError, "one byte a character");
});

Deno.test("text() replaces bad bytes, or refuses the frame and goes on if fatal", () => {
  const wire = bytes(1, 255, 1, 97);
  const inner = lengthPrefixed({ lengthBytes: 1 });
  assertEquals(decodeAll(text(inner), wire).frames, ["\ufffd", "a"]);
  const { frames, errors, failed } = decodeAll(
    text(inner, { fatal: true }),
    wire,
  );
  assertEquals([frames, failed], [["a"], false]);
  assertEquals((errors[0] as MalformedFrameError).frame, bytes(255));
  assertThrows(() => text(inner, { encoding: "x" }), RangeError, "TextDecoder");
});
