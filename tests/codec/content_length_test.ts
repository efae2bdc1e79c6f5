import { assert, assertEquals, assertThrows } from "@std/assert";
import { contentLength } from "../../lib/codec/content_length.ts";
import {
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "../../lib/errors.ts";
import { CHUNKS, decodeAll, encodeAll, toText, utf8 } from "./_support.ts";

Deno.test("contentLength() writes a header block before each frame", () => {
  const wire = encodeAll(contentLength(), utf8("{}"), utf8(""));
  assertEquals(
    toText(wire),
    "Content-Length: 2\r\n\r\n{}Content-Length: 0\r\n\r\n",
  );
  for (const chunk of CHUNKS) {
    assertEquals(
      decodeAll(contentLength(), wire, chunk).frames.map(toText),
      ["{}", ""],
    );
  }
});

Deno.test("contentLength() reads other fields, other spellings, other spaces", () => {
  const blocks = [
    "Content-Length: 2",
    "content-length:2",
    "CONTENT-LENGTH:\t 002 \t",
    "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2",
    "Content-Length: 2\r\nX-Name: Zo\u00eb",
  ];
  for (const block of blocks) {
    for (const chunk of CHUNKS) {
      const { frames, errors } = decodeAll(
        contentLength(),
        `${block}\r\n\r\n[]`,
        chunk,
      );
      assertEquals([frames.map(toText), errors], [["[]"], []]);
    }
  }
});

Deno.test("contentLength() refuses a block without exactly one length", () => {
  const blocks = [
    "",
    "Content-Type: text/plain",
    "Content-Length: 2\r\nContent-Length: 2",
    "Content-Length: 2\r\ncontent-length: 3",
    "Content-Length: ",
    "Content-Length: -2",
    "Content-Length: 2a",
    "Content-Length: 0x2",
    "Content-Length: 2, 2",
    "Content-Length: \u00a02",
    "Content-Length : 2",
    " Content-Length: 2",
    "Content-Length: 2\nX: y",
    "Content-Length: 2\r\n folded",
    "Content-Length: 2\r\nno field",
    "Content-Length: 2\r\nX: \0",
    `Content-Length: ${"1".repeat(21)}`,
  ];
  for (const block of blocks) {
    for (const chunk of CHUNKS) {
      const { frames, errors, failed } = decodeAll(
        contentLength(),
        `${block}\r\n\r\n[]`,
        chunk,
      );
      assertEquals(frames, []);
      assert(
        errors[0] instanceof MalformedFrameError && failed,
        JSON.stringify(block),
      );
    }
  }
});

Deno.test("contentLength() takes any byte above ASCII in a field's value", () => {
  for (let byte = 0x80; byte <= 0xff; byte++) {
    const wire = utf8("X-Name: ?\r\nContent-Length: 1\r\n\r\na");
    wire[8] = byte;
    const { frames, errors } = decodeAll(contentLength(), wire);
    assertEquals([frames.map(toText), errors], [["a"], []], `byte ${byte}`);
    // Not in a name, and not in what is a number.
    wire[3] = byte;
    assert(decodeAll(contentLength(), wire).errors.length > 0);
  }
  for (let byte = 0; byte < 0x20; byte++) {
    const wire = utf8("X-Name: ?\r\nContent-Length: 1\r\n\r\na");
    wire[8] = byte;
    const { errors } = decodeAll(contentLength(), wire);
    assertEquals(errors.length, byte === 9 ? 0 : 1, `byte ${byte}`);
  }
});

Deno.test("contentLength() gives no size of a header block, wherever it is cut", () => {
  const codec = contentLength({ maxHeaderBytes: 20 });
  for (const chunk of CHUNKS) {
    const wire = "Content-Length: 1\r\nX: y\r\n\r\n";
    const [error] = decodeAll(codec, wire, chunk).errors;
    assert(error instanceof FrameTooLargeError);
    assertEquals([error.limit, error.claimed], [20, undefined]);
  }
});

Deno.test("contentLength() refuses a header block above its limit under every policy", () => {
  const fits = "Content-Length: 1\r\nX: 34567\r\n\r\n";
  for (const oversize of ["fail", "skip"] as const) {
    const codec = contentLength({ maxHeaderBytes: fits.length, oversize });
    for (const chunk of CHUNKS) {
      assertEquals(decodeAll(codec, fits + "a", chunk).frames.length, 1);
      for (const wire of [fits.replace("X", "XY"), "x".repeat(100)]) {
        const { errors, failed } = decodeAll(codec, wire, chunk);
        assert(errors[0] instanceof FrameTooLargeError && failed);
        assertEquals(errors[0].limit, fits.length);
      }
    }
  }
});

Deno.test("contentLength() sends no header block above its limit", () => {
  const codec = contentLength({ maxHeaderBytes: 22 });
  const frame = new Uint8Array(99);
  const { frames } = decodeAll(codec, encodeAll(codec, frame));
  assertEquals(frames, [frame]);
  const error = assertThrows(
    () => encodeAll(codec, new Uint8Array(100)),
    FrameTooLargeError,
  );
  assertEquals([error.limit, error.claimed], [22, 23]);
});

Deno.test("contentLength() parses a long block in linear time", () => {
  const block = `X:${" ".repeat(200_000)}x`;
  const codec = contentLength({ maxHeaderBytes: Infinity });
  const started = performance.now();
  const { frames } = decodeAll(
    codec,
    `${block}\r\nContent-Length: 1\r\n\r\na`,
  );
  assertEquals(frames.length, 1);
  // Trying every pair of spaces would take minutes.
  assert(performance.now() - started < 5000);
});

Deno.test("contentLength() refuses or skips a frame above its limit", () => {
  const wire = (length: string) => `Content-Length: ${length}\r\n\r\n`;
  const codec = contentLength({ maxFrameBytes: 3 });
  for (const length of ["4", "9007199254740993", "18446744073709551615"]) {
    const [error] = decodeAll(codec, wire(length), 5).errors;
    assert(error instanceof FrameTooLargeError);
    assertEquals(BigInt(error.claimed!), BigInt(length));
  }
  assertThrows(() => encodeAll(codec, utf8("abcd")), FrameTooLargeError);
  let reports = 0;
  const skipping = contentLength({
    maxFrameBytes: 3,
    oversize: "skip",
    onOversize: () => reports++,
  });
  for (const chunk of CHUNKS) {
    reports = 0;
    const { frames } = decodeAll(
      skipping,
      `${wire("5")}abcde${wire("3")}fgh`,
      chunk,
    );
    assertEquals([frames.map(toText), reports], [["fgh"], 1]);
  }
});

Deno.test("contentLength() reports a stream that ends inside a block or a frame", () => {
  const [inBlock] = decodeAll(contentLength(), "Content-Le").errors;
  assert(inBlock instanceof UnexpectedEofError);
  assertEquals([inBlock.received, inBlock.expected], [10, undefined]);
  const [inFrame] = decodeAll(contentLength(), "Content-Length: 3\r\n\r\na", 2)
    .errors;
  assert(inFrame instanceof UnexpectedEofError);
  assertEquals([inFrame.received, inFrame.expected], [22, 24]);
});

Deno.test("contentLength() refuses bad options at once", () => {
  for (const maxHeaderBytes of [19, 0.5, NaN]) {
    assertThrows(
      () => contentLength({ maxHeaderBytes }),
      RangeError,
      "at least 20",
    );
  }
  assertThrows(() => contentLength({ maxFrameBytes: -1 }), RangeError);
});
