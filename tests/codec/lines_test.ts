import { assert, assertEquals, assertThrows } from "@std/assert";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import { lines } from "../../lib/codec/lines.ts";
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

Deno.test("lines() keeps a partial line until its newline arrives", () => {
  const queue = new ByteQueue();
  const decoder = lines().decoder();
  queue.append(utf8("one\ntw"));
  assertEquals(decoder.decode(queue), "one");
  assertEquals(decoder.decode(queue), undefined);
  assertEquals(queue.length, 2);
  queue.append(utf8("o\n"));
  assertEquals(decoder.decode(queue), "two");
});

Deno.test("lines() accepts both line endings, and a last line without one", () => {
  for (const chunk of CHUNKS) {
    const { frames, errors } = decodeAll(
      lines(),
      "a\n\r\nb\r\n\nc\rd\r\r\nlast\r",
      chunk,
    );
    assertEquals(frames, ["a", "", "b", "", "c\rd\r", "last"]);
    assertEquals(errors, []);
  }
});

Deno.test("lines() keeps characters intact that are split across reads", () => {
  const text = ["ünïcödé", "€𝄞", "", "\ufeffmark", "日本語".repeat(700), "end"];
  for (const newline of ["\n", "\r\n"] as const) {
    const codec = lines({ newline });
    const wire = encodeAll(codec, ...text);
    assertEquals(toText(wire), text.map((line) => line + newline).join(""));
    for (const chunk of [...CHUNKS, 1021, 4096, 5000]) {
      assertEquals(decodeAll(codec, wire, chunk).frames, text);
    }
  }
});

Deno.test("lines() gives the same lines from long streams, whatever they hold", () => {
  // Plain and other text alternate within and across what is decoded in one go.
  const text = Array.from(
    { length: 3000 },
    (_, i) => `${i} ${i % 400 < 20 ? "ä".repeat(i % 7) : "x".repeat(i % 90)}`,
  );
  const wire = encodeAll(lines(), ...text);
  for (const chunk of [100, 4096, 65_536, Infinity]) {
    assertEquals(decodeAll(lines(), wire, chunk).frames, text);
  }
});

Deno.test("lines() leaves in the queue what it has not handed out", () => {
  const queue = new ByteQueue();
  const decoder = lines().decoder();
  queue.append(utf8("HEAD 3\nabcone\ntwo\nthree\n"));
  assertEquals(decoder.decode(queue), "HEAD 3");
  // Bytes that the decoder has seen already are taken past it.
  assertEquals(queue.take(3), utf8("abc"));
  assertEquals(decoder.decode(queue), "one");
  queue.prepend(utf8("zero\n"));
  assertEquals(decoder.decode(queue), "zero");
  assertEquals(queue.length, "two\nthree\n".length);
  assertEquals(decoder.decode(queue), "two");
  assertEquals(decoder.decode(queue), "three");
});

Deno.test("lines() goes on in what it has seen where a part was taken past it", () => {
  for (const text of ["one\r\ntwo\nthree\nfour\n", "ünö\ntwo\nthree\nfour\n"]) {
    const [one] = text.split(/\r?\n/);
    const queue = new ByteQueue();
    const decoder = lines().decoder();
    queue.append(utf8(text));
    assertEquals(decoder.decode(queue), one);
    queue.skip(1);
    assertEquals(decoder.decode(queue), "wo");
    assertEquals(queue.take("three\nfo".length), utf8("three\nfo"));
    assertEquals(decoder.decode(queue), "ur");
    assertEquals(decoder.decode(queue), undefined);
    queue.append(utf8("five\nsix\nseven\n"));
    assertEquals(decoder.decode(queue), "five");
    // The same size as what is next: only that it is other bytes tells them apart.
    queue.prepend(utf8("SIX\n"));
    assertEquals(decoder.decode(queue), "SIX");
    assertEquals(decoder.decode(queue), "six");
    queue.clear();
    assertEquals(decoder.decode(queue), undefined);
    queue.append(utf8("x\ny\n"));
    assertEquals(decoder.decode(queue), "x");
    assertEquals(queue.take(2), utf8("y\n"));
  }
});

Deno.test("lines() in strict mode refuses a lone newline and a lone return", () => {
  const codec = lines({ newline: "\r\n" });
  const cases = [
    ["ok\r\nbare\nline\r\n", ["ok"]],
    ["ok\r\nbare\rline\r\n", ["ok"]],
    ["ok\r\n\r\r\n", ["ok"]],
    ["ok\r\n\n", ["ok"]],
    ["ok\r\n" + "x".repeat(5000) + "\n", ["ok"]],
    ["ok\r\nends\r", ["ok"]],
    ["no\nreturn\nat all\n", []],
  ] as const;
  for (const [wire, expected] of cases) {
    for (const chunk of CHUNKS) {
      const { frames, errors, failed } = decodeAll(codec, wire, chunk);
      assertEquals(frames, [...expected]);
      assert(errors[0] instanceof MalformedFrameError && failed);
    }
  }
  assertEquals(decodeAll(codec, "a\r\nb").frames, ["a", "b"]);
});

Deno.test("lines() takes a line of exactly its limit, without the line ending", () => {
  for (const newline of ["\n", "\r\n"] as const) {
    const codec = lines({ newline, maxLineBytes: 4 });
    for (const chunk of CHUNKS) {
      const fits = decodeAll(codec, `1234${newline}12\r\n`, chunk);
      assertEquals([fits.frames, fits.errors], [["1234", "12"], []]);
      for (const wire of [`12345${newline}`, "12345", `1\r\n12345${newline}`]) {
        const [error] = decodeAll(codec, wire, chunk).errors;
        assert(error instanceof FrameTooLargeError, wire);
        assertEquals([error.limit, error.skipped], [4, false]);
      }
    }
  }
  // The limit is in bytes, not in characters.
  assertEquals(decodeAll(lines({ maxLineBytes: 3 }), "ää\n").errors.length, 1);
});

Deno.test("lines() skips a long line without keeping it", () => {
  let reports = 0;
  const codec = lines({
    maxLineBytes: 4,
    oversize: "skip",
    onOversize: ({ limit, skipped }) => {
      assertEquals([limit, skipped], [4, true]);
      reports++;
    },
  });
  const wire = `one\n${"x".repeat(9000)}\ntwo\n12345\n1234\r\n12345`;
  for (const chunk of CHUNKS) {
    reports = 0;
    const { frames, errors } = decodeAll(codec, wire, chunk);
    assertEquals([frames, errors], [["one", "two", "1234"], []]);
    assertEquals(reports, 3);
  }
});

Deno.test("lines() cuts a long line to its first bytes, between two characters", () => {
  let reports = 0;
  const codec = lines({
    maxLineBytes: 4,
    oversize: "truncate",
    onOversize: () => reports++,
  });
  const wire = "one\n12345678\n123ä\n12€34\r\n𝄞x\n\n1234\r\nlonger";
  for (const chunk of CHUNKS) {
    reports = 0;
    assertEquals(decodeAll(codec, wire, chunk).frames, [
      "one",
      "1234",
      "123",
      "12",
      "𝄞",
      "",
      "1234",
      "long",
    ]);
    assertEquals(reports, 5);
  }
});

Deno.test("lines() cuts a long line between two characters of any encoding", () => {
  // Each character is two bytes, but for the last.
  const wire = bytes(0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea, 97, 10, 98, 10);
  for (const fatal of [false, true]) {
    const codec = lines({
      encoding: "shift_jis",
      fatal,
      maxLineBytes: 3,
      oversize: "truncate",
    });
    for (const chunk of CHUNKS) {
      const { frames, errors } = decodeAll(codec, wire, chunk);
      assertEquals([frames, errors], [["日", "b"], []]);
    }
  }
  const { frames, errors } = decodeAll(
    lines({ fatal: true, maxLineBytes: 3, oversize: "truncate" }),
    bytes(97, 255, 97, 97, 10, 0xe2, 0x82, 0xac, 0xe2, 10),
  );
  // What was kept back of one head is not in the next.
  assertEquals([frames, errors.length], [["€"], 1]);
  assert((errors[0] as MalformedFrameError).recoverable);
});

Deno.test("lines() in strict mode refuses a last return also in what it drops", () => {
  for (const oversize of ["skip", "truncate"] as const) {
    const options = { newline: "\r\n", maxLineBytes: 2, oversize } as const;
    for (const chunk of CHUNKS) {
      const emit = decodeAll(lines(options), "abcd\r", chunk);
      assert(emit.errors[0] instanceof MalformedFrameError);
      for (const wire of ["abcd\r", "abcd"]) {
        const drop = lines({ ...options, atEof: "drop" });
        assertEquals(decodeAll(drop, wire, chunk).errors, []);
      }
    }
  }
});

Deno.test("lines() in strict mode checks what it drops and what it cuts", () => {
  for (const oversize of ["skip", "truncate"] as const) {
    const codec = lines({ newline: "\r\n", maxLineBytes: 3, oversize });
    for (const chunk of CHUNKS) {
      const good = decodeAll(codec, "abcdef\r\nok\r\n", chunk).frames;
      assertEquals(good, oversize === "skip" ? ["ok"] : ["abc", "ok"]);
      const bad = decodeAll(codec, "abcdef\nok\r\n", chunk);
      assert(bad.errors[0] instanceof MalformedFrameError && bad.failed);
    }
  }
  const codec = lines({
    newline: "\r\n",
    maxLineBytes: 3,
    oversize: "truncate",
  });
  const [error] = decodeAll(codec, "a\rbcd\r\n").errors;
  assert(error instanceof MalformedFrameError);
});

Deno.test("lines() replaces bad bytes, or refuses the line and goes on if fatal", () => {
  const wire = bytes(97, 255, 98, 10, 0xc3, 10, 99, 10);
  for (const chunk of CHUNKS) {
    assertEquals(decodeAll(lines(), wire, chunk).frames, [
      "a\ufffdb",
      "\ufffd",
      "c",
    ]);
    const { frames, errors, failed } = decodeAll(
      lines({ fatal: true }),
      wire,
      chunk,
    );
    assertEquals([frames, failed, errors.length], [["c"], false, 2]);
    const [error] = errors;
    assert(error instanceof MalformedFrameError && error.recoverable);
    assertEquals(error.frame, bytes(97, 255, 98));
    // The character that replaces bad bytes may also be sent.
    const { frames: good } = decodeAll(
      lines({ fatal: true }),
      "\ufffd\nx\n",
      chunk,
    );
    assertEquals(good, ["\ufffd", "x"]);
  }
});

Deno.test("lines() speaks encodings of one byte a character both ways", () => {
  const codec = lines({ encoding: "iso-8859-15" });
  const wire = encodeAll(codec, "5 € für Zoë", "plain");
  assertEquals(wire.length, "5 € für Zoë\nplain\n".length);
  assertEquals(decodeAll(codec, wire).frames, ["5 € für Zoë", "plain"]);
  assertThrows(
    () => encodeAll(codec, "日"),
    RangeError,
    'must be characters of iso-8859-15, got "日"',
  );
});

Deno.test("lines() reads other encodings, too, where a newline is a newline", () => {
  const wire = bytes(0x93, 0xfa, 0x96, 0x7b, 10, 0x8c, 0xea, 10);
  const codec = lines({ encoding: "shift_jis" });
  assertEquals(decodeAll(codec, wire).frames, ["日本", "語"]);
  assertThrows(() => encodeAll(codec, "日"), TypeError, "one byte a character");
  for (const encoding of ["utf-16le", "utf-16be", "iso-2022-jp"]) {
    assertThrows(() => lines({ encoding }), RangeError, "byte 10");
  }
});

Deno.test("lines() ends as it is told at the end of the stream", () => {
  for (const chunk of CHUNKS) {
    assertEquals(decodeAll(lines({ atEof: "drop" }), "a\nb", chunk).frames, [
      "a",
    ]);
    const { frames, errors } = decodeAll(
      lines({ atEof: "error" }),
      "a\nbc",
      chunk,
    );
    assertEquals(frames, ["a"]);
    assertEquals((errors[0] as UnexpectedEofError).received, 2);
    assert(errors[0] instanceof UnexpectedEofError);
  }
  assertEquals(decodeAll(lines({ atEof: "error" }), "a\n").errors, []);
  const codec = lines({ atEof: "error", oversize: "skip", maxLineBytes: 2 });
  const [error] = decodeAll(codec, "abcdef", 1).errors;
  assertEquals((error as UnexpectedEofError).received, 6);
});

Deno.test("lines() refuses to encode what would arrive as another line", () => {
  const refused = {
    "\n": ["a\nb", "\n", "a\r"],
    "\r\n": ["a\nb", "a\rb", "a\r"],
  };
  for (const newline of ["\n", "\r\n"] as const) {
    for (const line of refused[newline]) {
      assertThrows(
        () => encodeAll(lines({ newline }), line),
        RangeError,
        `free of line endings, got ${JSON.stringify(line)}`,
      );
    }
  }
  assertEquals(encodeAll(lines(), "a\rb"), utf8("a\rb\n"));
});

Deno.test("lines() refuses to encode a line above its limit, and leaves nothing of it", () => {
  const codec = lines({ maxLineBytes: 3 });
  assertEquals(encodeAll(codec, "abc"), utf8("abc\n"));
  assertThrows(() => encodeAll(codec, "abcd"), FrameTooLargeError, "got 4");
  assertThrows(() => encodeAll(codec, "ää"), FrameTooLargeError, "got 4");
  const out = new ByteWriter();
  const encoder = codec.encoder();
  encoder.encode("ok", out);
  assertThrows(() => encoder.encode("abcd", out), FrameTooLargeError);
  assertThrows(() => encoder.encode("a\n", out), RangeError);
  assertEquals(out.toBytes(), utf8("ok\n"));
});

Deno.test("lines() refuses bad options at once", () => {
  const cases = [
    [{ newline: "\r" }, RangeError, 'must be "\\n" or "\\r\\n", got "\\r"'],
    [{ maxLineBytes: -1 }, RangeError, "got -1"],
    [{ encoding: "klingon" }, RangeError, 'TextDecoder knows, got "klingon"'],
    [{ encoding: 8 }, TypeError, "encoding must be a string"],
    [{ fatal: 1 }, TypeError, "fatal must be a boolean, got 1"],
    [{ oversize: "cut" }, RangeError, '"fail", "skip" or "truncate"'],
    [{ atEof: "" }, RangeError, '"error", "emit" or "drop"'],
  ] as const;
  for (const [options, ErrorClass, text] of cases) {
    assertThrows(
      () => lines(options as Parameters<typeof lines>[0]),
      ErrorClass,
      text,
    );
  }
});
