import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { delimited } from "../../lib/codec/delimited.ts";
import { FrameTooLargeError, UnexpectedEofError } from "../../lib/errors.ts";
import {
  bytes,
  CHUNKS,
  decodeAll,
  encodeAll,
  toText,
  utf8,
} from "./_support.ts";

function texts(frames: Uint8Array[]): string[] {
  return frames.map(toText);
}

Deno.test("delimited() ends frames at a delimiter of any length", () => {
  for (const delimiter of ["\0", "\r\n", "--", "aab", "<end of frame>"]) {
    const frames = ["one", "", "two", "-", "a"].map(utf8);
    const codec = delimited({ delimiter });
    const sent = delimiter === "--"
      ? frames.filter((f) => toText(f) !== "-")
      : frames;
    const wire = encodeAll(codec, ...sent);
    assertEquals(toText(wire), sent.map((f) => toText(f) + delimiter).join(""));
    for (const chunk of CHUNKS) {
      assertEquals(decodeAll(codec, wire, chunk).frames, sent);
    }
  }
});

Deno.test("delimited() finds delimiters that overlap with what precedes them", () => {
  const codec = delimited({ delimiter: "aab" });
  for (const chunk of CHUNKS) {
    assertEquals(texts(decodeAll(codec, "aaabaab", chunk).frames), ["a", ""]);
  }
});

Deno.test("delimited() keeps the delimiter if told to, in both directions", () => {
  const codec = delimited({ delimiter: "\r\n", keepDelimiter: true });
  const wire = encodeAll(
    codec,
    utf8("a"),
    utf8("b\r\n"),
    utf8("\r"),
    utf8("\n"),
  );
  assertEquals(toText(wire), "a\r\nb\r\n\r\r\n\n\r\n");
  for (const chunk of CHUNKS) {
    assertEquals(
      texts(decodeAll(codec, wire, chunk).frames),
      ["a\r\n", "b\r\n", "\r\r\n", "\n\r\n"],
    );
  }
});

Deno.test("delimited() refuses to encode a frame that would arrive as another", () => {
  const cases = [
    ["\0", "a\0b"],
    ["--", "a--b"],
    ["--", "a-"],
    ["aab", "xaab"],
    ["abab", "ab"],
  ];
  for (const [delimiter, frame] of cases) {
    const codec = delimited({ delimiter });
    assertThrows(
      () => encodeAll(codec, utf8(frame)),
      RangeError,
      `free of the delimiter, got a Uint8Array of ${frame.length} bytes`,
    );
  }
  // A match may begin in the frame, as long as it comes to nothing.
  assertEquals(
    encodeAll(delimited({ delimiter: "\r\n" }), utf8("\r")).length,
    3,
  );
  assertEquals(encodeAll(delimited({ delimiter: "aab" }), utf8("a")).length, 4);
});

Deno.test("delimited() takes a frame of exactly its limit", () => {
  for (const keepDelimiter of [false, true]) {
    const maxFrameBytes = keepDelimiter ? 6 : 4;
    const codec = delimited({
      delimiter: "\r\n",
      maxFrameBytes,
      keepDelimiter,
    });
    const ending = keepDelimiter ? "\r\n" : "";
    for (const chunk of CHUNKS) {
      assertEquals(
        texts(decodeAll(codec, "1234\r\n123\r\r\n", chunk).frames),
        ["1234" + ending, "123\r" + ending],
      );
      for (const wire of ["12345\r\n", "123456", "12345\r", "1234\rx"]) {
        const [error] = decodeAll(codec, wire, chunk).errors;
        assert(error instanceof FrameTooLargeError, wire);
        assertEquals(error.limit, maxFrameBytes);
      }
    }
    assertEquals(encodeAll(codec, utf8("1234")).length, 6);
    assertThrows(() => encodeAll(codec, utf8("12345")), FrameTooLargeError);
  }
});

Deno.test("delimited() skips a large frame without keeping it", () => {
  let reports = 0;
  const codec = delimited({
    delimiter: "\r\n",
    maxFrameBytes: 3,
    oversize: "skip",
    onOversize: () => reports++,
  });
  const wire = `one\r\n${"x\r".repeat(5000)}\r\ntwo\r\n1234\r\n123\r\n`;
  for (const chunk of CHUNKS) {
    reports = 0;
    const { frames, errors } = decodeAll(codec, wire, chunk);
    assertEquals([texts(frames), errors], [["one", "two", "123"], []]);
    assertEquals(reports, 2);
  }
});

Deno.test("delimited() cuts a large frame to its first bytes", () => {
  let reports = 0;
  const codec = delimited({
    delimiter: "--",
    maxFrameBytes: 3,
    oversize: "truncate",
    onOversize: () => reports++,
    atEof: "emit",
  });
  for (const chunk of CHUNKS) {
    reports = 0;
    const { frames } = decodeAll(codec, "12345--123--1-2-3-4--abcdef", chunk);
    assertEquals(texts(frames), ["123", "123", "1-2", "abc"]);
    assertEquals(reports, 3);
  }
});

Deno.test("delimited() applies its limit to the last frame, too", () => {
  // The last bytes might have begun a delimiter until the stream ended.
  for (const oversize of ["fail", "skip", "truncate"] as const) {
    const codec = delimited({
      delimiter: "\r\n",
      maxFrameBytes: 3,
      oversize,
      atEof: "emit",
    });
    for (const chunk of CHUNKS) {
      const { frames, errors } = decodeAll(codec, "123\r", chunk);
      assertEquals(texts(frames), oversize === "truncate" ? ["123"] : []);
      assertEquals(errors.length, oversize === "fail" ? 1 : 0);
    }
  }
});

Deno.test("delimited() ends as it is told at the end of the stream", () => {
  const delimiter = "\n";
  for (const chunk of CHUNKS) {
    const { frames, errors } = decodeAll(
      delimited({ delimiter }),
      "a\nbc",
      chunk,
    );
    assertEquals(texts(frames), ["a"]);
    assert(errors[0] instanceof UnexpectedEofError);
    assertEquals([errors[0].received, errors[0].expected], [2, undefined]);
    const emit = delimited({ delimiter, atEof: "emit" });
    assertEquals(texts(decodeAll(emit, "a\nbc", chunk).frames), ["a", "bc"]);
    const drop = decodeAll(
      delimited({ delimiter, atEof: "drop" }),
      "a\nbc",
      chunk,
    );
    assertEquals([texts(drop.frames), drop.errors], [["a"], []]);
  }
  const skipping = delimited({ delimiter, maxFrameBytes: 1, oversize: "skip" });
  const [error] = decodeAll(skipping, "abcdef", 2).errors;
  assertEquals((error as UnexpectedEofError).received, 6);
});

Deno.test("delimited() keeps its delimiter, whatever becomes of the array", () => {
  const delimiter = bytes(9);
  const codec = delimited({ delimiter });
  delimiter.fill(1);
  assertEquals(encodeAll(codec, bytes(1)), bytes(1, 9));
});

Deno.test("delimited() refuses bad options at once", () => {
  const cases = [
    [{ delimiter: "" }, RangeError, 'at least 1 byte, got ""'],
    [{ delimiter: bytes() }, RangeError, "got a Uint8Array of 0 bytes"],
    // UTF-8 would make another delimiter of it.
    [{ delimiter: "\ud800" }, RangeError, "free of lone surrogates"],
    [{ delimiter: "a\udc00b" }, RangeError, "free of lone surrogates"],
    [{}, TypeError, "a string or a Uint8Array, got undefined"],
    [{ delimiter: new Uint16Array(1) }, TypeError, "a Uint16Array of 2 bytes"],
    [{ delimiter: "x", keepDelimiter: 1 }, TypeError, "must be a boolean"],
    [
      { delimiter: "xy", keepDelimiter: true, maxFrameBytes: 1 },
      RangeError,
      "at least 2",
    ],
    [{ delimiter: "x", oversize: "no" }, RangeError, '"truncate"'],
  ] as const;
  for (const [options, ErrorClass, text] of cases) {
    assertThrows(
      () => delimited(options as Parameters<typeof delimited>[0]),
      ErrorClass,
      text,
    );
  }
});

Deno.test("delimited() keeps its delimiter, of whatever class the array is", () => {
  const delimiter = Buffer.from("--");
  const codec = delimited({ delimiter });
  delimiter.write("++");
  assertEquals(texts(decodeAll(codec, "a--b++--").frames), ["a", "b++"]);
});
