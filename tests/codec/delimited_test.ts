import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { delimited } from "../../lib/codec/delimited.ts";
import { FrameTooLargeError, UnexpectedEofError } from "../../lib/errors.ts";
import { ByteSource } from "../../lib/testing/_pieces.ts";
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

/** What a stream is cut into, found by looking at every place: slow and plain. */
function cutAtAny(
  text: string,
  delimiters: readonly string[],
): { frames: string[]; rest: string } {
  const longestFirst = [...delimiters].sort((a, b) => b.length - a.length);
  const frames: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length;) {
    const found = longestFirst.find((each) => text.startsWith(each, at));
    if (found === undefined) {
      at++;
    } else {
      frames.push(text.slice(start, at + found.length));
      start = at += found.length;
    }
  }
  return { frames, rest: text.slice(start) };
}

const SETS = [
  ["\r\n", "\n"],
  ["\r\n", "\n", "\r"],
  ["b", "ab"],
  ["abcd", "bc", "c"],
  ["ba", "aab", "aaab"],
  ["aaaab", "a"],
  ["ab", "ba"],
];

Deno.test("delimited() by several: the first ends a frame, of those that begin together the longest", () => {
  const random = new ByteSource(7);
  for (const delimiter of SETS) {
    const letters = [...new Set(delimiter.join("") + "xd")];
    for (let round = 0; round < 200; round++) {
      const text = Array.from(
        { length: random.below(24) },
        () => letters[random.below(letters.length)],
      ).join("");
      const { frames, rest } = cutAtAny(text, delimiter);
      const codec = delimited({
        delimiter,
        keepDelimiter: true,
        atEof: "emit",
      });
      const expected = rest === "" ? frames : [...frames, rest];
      for (const chunk of CHUNKS) {
        const decoded = decodeAll(codec, text, chunk);
        assertEquals(texts(decoded.frames), expected, JSON.stringify(text));
      }
    }
  }
});

Deno.test("delimited() by several hands a frame over as soon as its end is certain", () => {
  const decoder = delimited({ delimiter: ["\r\n", "\n", "\r"] }).decoder();
  const queue = new ByteQueue();
  const seen: unknown[] = [];
  for (const byte of utf8("a\nb\r\nc\rd\r\r\n")) {
    queue.append(Uint8Array.of(byte));
    const frame = decoder.decode(queue);
    seen.push(frame && toText(frame));
    if (frame !== undefined) assertEquals(decoder.decode(queue), undefined);
  }
  const _ = undefined;
  assertEquals(seen, [_, "a", _, _, "b", _, _, "c", _, "d", ""]);
  // Only the end of the stream can tell that no newline follows.
  queue.append(utf8("e\r"));
  assertEquals(decoder.decode(queue), undefined);
  assertEquals(toText(decoder.finish!(queue)!), "e");
  assertEquals(decoder.finish!(queue), undefined);
});

Deno.test("delimited() by several decides at the end of the stream, one frame after the other", () => {
  const codec = delimited({ delimiter: ["aaab", "a"] as const, atEof: "emit" });
  for (const chunk of CHUNKS) {
    assertEquals(texts(decodeAll(codec, "xaaay", chunk).frames), [
      "x",
      "",
      "",
      "y",
    ]);
    assertEquals(texts(decodeAll(codec, "xaaa", chunk).frames), ["x", "", ""]);
    assertEquals(texts(decodeAll(codec, "xaaab", chunk).frames), ["x"]);
  }
});

Deno.test("delimited() by several applies its limit to what it hands over", () => {
  const delimiter = ["\r\n", "\n"];
  const wire = "abc\nabc\r\nabcd\nx\r\nabcde";
  const cases: [boolean, string[]][] = [
    [false, ["abc", "abc", "abc", "x", "abc"]],
    // With its delimiter: four bytes, so of three and CR LF only two are left.
    [true, ["abc\n", "ab", "ab", "x\r\n", "ab"]],
  ];
  for (const [keepDelimiter, expected] of cases) {
    let reported = 0;
    const codec = delimited({
      delimiter,
      keepDelimiter,
      maxFrameBytes: keepDelimiter ? 4 : 3,
      oversize: "truncate",
      onOversize: () => reported++,
      atEof: "emit",
    });
    for (const chunk of CHUNKS) {
      reported = 0;
      assertEquals(texts(decodeAll(codec, wire, chunk).frames), expected);
      assertEquals(reported, keepDelimiter ? 3 : 2);
    }
  }
});

Deno.test("delimited() by several encodes with the first, and refuses what would arrive as something else", () => {
  const codec = delimited({ delimiter: ["\r\n", "\n", "\r"] });
  assertEquals(toText(encodeAll(codec, utf8("a"), utf8(""))), "a\r\n\r\n");
  for (const bad of ["a\nb", "a\r", "\n", "a\r\nb"]) {
    assertThrows(() => encodeAll(codec, utf8(bad)), RangeError, "delimiter");
  }
  const overlapping = delimited({ delimiter: ["ab", "xab", "ba"] });
  assertEquals(toText(encodeAll(overlapping, utf8("a"))), "aab");
  for (const bad of ["x", "b", "bx"]) {
    assertThrows(() => encodeAll(overlapping, utf8(bad)), RangeError);
  }
  const keeping = delimited({
    delimiter: ["\r\n", "\n", "\r"],
    keepDelimiter: true,
  });
  const wire = encodeAll(keeping, utf8("a\n"), utf8("b\r\n"), utf8("c"));
  assertEquals(toText(wire), "a\nb\r\nc\r\n");
  // A newline behind it would make another delimiter of this one.
  assertThrows(
    () => encodeAll(keeping, utf8("a\r")),
    RangeError,
    "goes on from",
  );
});

Deno.test("delimited() by several gives back what it was given, or refuses it", () => {
  const random = new ByteSource(11);
  for (const delimiter of SETS) {
    if (delimiter[0] === "b" || delimiter[0] === "ab") continue;
    for (const keepDelimiter of [false, true]) {
      const codec = delimited({ delimiter, keepDelimiter });
      const letters = [...new Set(delimiter.join("") + "x")];
      for (let round = 0; round < 200; round++) {
        const frames: string[] = [];
        const out = new ByteWriter();
        const encoder = codec.encoder();
        for (let i = 0; i < 6; i++) {
          const frame = Array.from(
            { length: random.below(5) },
            () => letters[random.below(letters.length)],
          ).join("");
          try {
            encoder.encode(utf8(frame), out);
            const ended = keepDelimiter &&
              delimiter.some((each) => frame.endsWith(each));
            frames.push(keepDelimiter && !ended ? frame + delimiter[0] : frame);
          } catch (error) {
            assert(error instanceof RangeError);
          }
        }
        const { frames: seen, errors } = decodeAll(codec, out.toBytes());
        assertEquals(errors, []);
        assertEquals(texts(seen), frames);
      }
    }
  }
});

Deno.test("delimited() refuses lists of delimiters that it cannot keep apart", () => {
  const cases: [unknown, string][] = [
    [[], "1 to 64 delimiters"],
    [Array(65).fill("a"), "1 to 64 delimiters"],
    [["a".repeat(600), "b".repeat(600)], "1,?024 bytes in all"],
    [["a", ""], "delimiter\\[1\\] must be at least 1 byte"],
    [["a", 5], "delimiter\\[1\\] must be a string or a Uint8Array"],
    [["\ud800"], "lone surrogates"],
    [
      ["\r", "\r\n"],
      "the first delimiter must be none that another one goes on from",
    ],
    [["b", "abc"], "the first delimiter must be none"],
  ];
  for (const [delimiter, text] of cases) {
    const error = assertThrows(() =>
      delimited({ delimiter: delimiter as string })
    );
    assert(error instanceof RangeError || error instanceof TypeError);
    assert(new RegExp(text).test(error.message), error.message);
  }
  delimited({ delimiter: ["only"] });
  delimited({ delimiter: Array.from({ length: 64 }, (_, i) => `${i + 10}`) });
  assertThrows(
    () =>
      delimited({
        delimiter: ["--", "-"],
        keepDelimiter: true,
        maxFrameBytes: 1,
      }),
    RangeError,
    "maxFrameBytes must be an integer of at least 2",
  );
});

Deno.test("delimited() by several goes on in frames that lie in many pieces, and after bytes were put back", () => {
  const codec = delimited({ delimiter: ["\r\n", "\n", "\r"] });
  const decoder = codec.decoder();
  const queue = new ByteQueue();
  const large = utf8("x".repeat(50_000));
  for (let i = 0; i < 4; i++) {
    queue.append(large.slice());
    assertEquals(decoder.decode(queue), undefined);
  }
  queue.prepend(utf8("head\r"));
  assertEquals(toText(decoder.decode(queue)!), "head");
  queue.append(utf8("\r\n"));
  assertEquals(decoder.decode(queue)!.length, 200_000);
  assertEquals(queue.length, 0);
});
