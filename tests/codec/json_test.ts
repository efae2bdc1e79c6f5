import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Codec } from "../../lib/codec/codec.ts";
import { contentLength } from "../../lib/codec/content_length.ts";
import { json } from "../../lib/codec/json.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import { text } from "../../lib/codec/text.ts";
import {
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "../../lib/errors.ts";
import {
  bytes,
  CHUNKS,
  decodeAll,
  encodeAll,
  toText,
  utf8,
} from "./_support.ts";

Deno.test("json() sends a document a line, whatever is in it", () => {
  const documents = [{ a: [1, null] }, "a\nb", 0, false, "", [], "Zoë 𝄞"];
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
  const wire = utf8('{"a":1}\n{oops\n{}}\n{"b":2}\n');
  for (const chunk of CHUNKS) {
    const { frames, errors, failed } = decodeAll(json(), wire, chunk);
    assertEquals([frames, failed], [[{ a: 1 }, { b: 2 }], false]);
    assertEquals(
      errors.map((error) => (error as MalformedFrameError).frame),
      ["{oops", "{}}"],
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

Deno.test("json() passes over blank lines and a byte order mark", () => {
  const wire = '\ufeff{"a":1}\n\n \t\r\n\r\n\ufeff\n\ufeff [2] \n  3\n \n';
  for (const chunk of CHUNKS) {
    const { frames, errors } = decodeAll(json(), wire, chunk);
    assertEquals([frames, errors], [[{ a: 1 }, [2], 3], []]);
  }
  // Neither is white space to JSON.
  for (const document of ["\u00a0", "\ufeff\ufeff1", "1\ufeff"]) {
    const { errors } = decodeAll(json(), `${document}\n`);
    assert(errors[0] instanceof MalformedFrameError, document);
    assertEquals(errors[0].frame, document);
  }
  // A frame that says its length is not blank by accident.
  const sized = json(lengthPrefixed({ lengthBytes: 1 }));
  const { frames, errors } = decodeAll(
    sized,
    bytes(0, 4, 0xef, 0xbb, 0xbf, 49, 1, 50),
  );
  assertEquals([frames, errors.length], [[1, 2], 1]);
});

Deno.test("json() refuses null, which would mean the end of the stream, unless it is allowed", () => {
  for (const codec of [json(), json(lines({ newline: "\r\n" }))]) {
    const { frames, errors, failed } = decodeAll(codec, "1\r\nnull\r\n2\r\n");
    assertEquals([frames, errors.length, failed], [[1, 2], 1, false]);
    const [error] = errors;
    assert(error instanceof MalformedFrameError && error.recoverable);
    assertEquals(error.frame, "null");
  }
  // All that a peer of the same codec would refuse is refused here.
  const date = new Date(NaN);
  for (const value of [null, NaN, Infinity, date, { toJSON: () => null }]) {
    assertThrows(() => encodeAll(json(), value), TypeError, "allowNull");
  }
  const reviver = () => null;
  assertEquals(decodeAll(json(undefined, { reviver }), "1\n").frames, []);

  const nullable = json(undefined, { allowNull: true });
  const wire = encodeAll(nullable, null, 1, NaN);
  assertEquals(toText(wire), "null\n1\nnull\n");
  assertEquals(decodeAll(nullable, wire).frames, [null, 1, null]);
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

Deno.test("json() tells a reviver that refuses from a document that is none", () => {
  const codec = json(undefined, {
    reviver: (_, value) => {
      if (value === 2) throw new SyntaxError("not 2");
      return value;
    },
  });
  const { frames, errors } = decodeAll(codec, "1\n2\n3x\n4\n");
  assertEquals(frames, [1, 4]);
  assertEquals(errors.map(({ message }) => message), [
    "Cannot decode a frame: its content was refused: not 2",
    'Cannot decode a frame: it must be a JSON document, got "3x"',
  ]);
  assertEquals((errors[0].cause as Error).message, "not 2");
});

Deno.test("json() takes what was cut short for a document, unless lines are told otherwise", () => {
  assertEquals(decodeAll(json(), "123").frames, [123]);
  const whole = json(lines({ fatal: true, atEof: "error" }));
  const { frames, errors } = decodeAll(whole, "1\n23");
  assertEquals(frames, [1]);
  assert(errors[0] instanceof UnexpectedEofError);
});

Deno.test("json() refuses to encode what JSON cannot express", () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const own = {
    toJSON() {
      throw new RangeError("mine");
    },
  };
  for (
    const [value, text] of [
      [undefined, "got undefined"],
      [() => 1, "got a function"],
      [Symbol("x"), "got a symbol"],
      [1n, "got 1n ("],
      [cyclic, "got an array of 1 (Converting circular structure"],
      [own, "got an object (mine)"],
    ] as [unknown, string][]
  ) {
    assertThrows(
      () => encodeAll(json(), value),
      TypeError,
      `Cannot encode a frame: value must be one that JSON can express, ${text}`,
    );
  }
  assertThrows(
    () => encodeAll(json(lengthPrefixed({ maxFrameBytes: 3 })), "abc"),
    FrameTooLargeError,
  );
});

Deno.test("json() refuses bad options at once", () => {
  const reviver = "x" as unknown as () => unknown;
  assertThrows(() => json(undefined, { reviver }), TypeError, "a function");
  const allowNull = 1 as unknown as boolean;
  assertThrows(() => json(undefined, { allowNull }), TypeError, "a boolean");
  const numbers = {
    decoder: () => ({ decode: () => 1 }),
    encoder: () => ({ encode() {} }),
  };
  // @ts-expect-error a codec of frames that are neither bytes nor known to be text
  json(numbers as Codec<number>);
  assertThrows(
    () => json({} as Codec<Uint8Array>),
    TypeError,
    "codec must be an object with decoder() and encoder()",
  );
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
