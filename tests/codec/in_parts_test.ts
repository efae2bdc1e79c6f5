import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import {
  contentLength,
  decodeStream,
  delimited,
  encodeStream,
  fixed,
  type FramePart,
  type FramePartOut,
  inParts,
  json,
  lengthPrefixed,
  netstring,
  type SizedCodec,
  varintPrefixed,
} from "../../lib/codec/mod.ts";
import {
  CodecError,
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

/** What a receiver sees, in short. */
function shown(frames: readonly FramePart[]): unknown[] {
  return frames.map(({ head, part, end }) =>
    head ? head.size : part ? toText(part) : end && "end"
  );
}

const CODECS: [string, SizedCodec, string][] = [
  ["lengthPrefixed", lengthPrefixed(), "\0\0\0\x05hello"],
  ["varintPrefixed", varintPrefixed(), "\x05hello"],
  ["netstring", netstring(), "5:hello,"],
  ["contentLength", contentLength(), "Content-Length: 5\r\n\r\nhello"],
];

for (const [name, codec, wire] of CODECS) {
  Deno.test(`inParts(${name}()) is the same on the wire, in parts both ways`, () => {
    const parts = inParts(codec, { partBytes: 2 });
    const sent = encodeAll(
      parts,
      { head: { size: 5 } },
      { part: utf8("hell") },
      { part: utf8("") },
      { part: utf8("o") },
      { end: true },
      { head: { size: 0 } },
      { end: true },
    );
    const whole = encodeAll(codec, utf8("hello"), utf8(""));
    assertEquals(sent, whole);
    assert(toText(sent).startsWith(wire));
    for (const chunk of CHUNKS) {
      const { frames, errors } = decodeAll(parts, whole, chunk);
      assertEquals(errors, []);
      const parted = ["he", "ll", "o"];
      assertEquals(shown(frames), [5, ...parted, "end", 0, "end"]);
      const { header } = frames[0].head!;
      assertEquals(toText(header), wire.slice(0, wire.indexOf("hello")));
    }
  });

  Deno.test(`inParts(${name}()) says where a stream ends too early, or drops it`, () => {
    const header = wire.indexOf("hello");
    for (const atEof of ["error", "emit", "drop"] as const) {
      const make = { lengthPrefixed, varintPrefixed, netstring, contentLength }[
        name as "netstring"
      ];
      const parts = inParts(make({ atEof }), { partBytes: 2 });
      for (const chunk of CHUNKS) {
        // Three bytes of the frame came: a part, and half of the next.
        const cut = wire.slice(0, header + 3);
        const { frames, errors } = decodeAll(parts, cut, chunk);
        const rest = atEof === "emit" ? ["l"] : [];
        assertEquals(shown(frames), [5, "he", ...rest]);
        assertEquals(errors.length, atEof === "error" ? 1 : 0);
        if (atEof === "error") {
          assertInstanceOf(errors[0], UnexpectedEofError);
          assertEquals(errors[0].received, header + 3);
          assertEquals(errors[0].expected, wire.length);
        }
        const early = decodeAll(parts, wire.slice(0, header - 1), chunk);
        assertEquals(early.frames, []);
        const isEmpty = header === 1;
        assertEquals(
          early.errors.length,
          atEof === "error" && !isEmpty ? 1 : 0,
        );
      }
    }
  });
}

Deno.test("inParts() reads and writes what stands before a length", () => {
  const codec = inParts(lengthPrefixed({ lengthBytes: 2, offset: 1 }));
  const wire = encodeAll(
    codec,
    { head: { size: 1, header: bytes(7, 0, 0) } },
    { part: bytes(9) },
    { end: true },
    { head: { size: 0 } },
    { end: true },
  );
  assertEquals(wire, bytes(7, 0, 1, 9, 0, 0, 0));
  const { frames } = decodeAll(codec, wire);
  assertEquals(frames[0], { head: { size: 1, header: bytes(7, 0, 1) } });
  // What was received can be passed on as it is.
  assertEquals(encodeAll(codec, ...frames), wire);
  assertThrows(
    () => encodeAll(codec, { head: { size: 1, header: bytes(7) } }),
    RangeError,
    "head.header must be 3 bytes long",
  );
});

Deno.test("inParts() refuses or skips a frame that is too large before its head", () => {
  const wire = "3:abc,6:abcdef,2:ab,";
  const failing = inParts(netstring({ maxFrameBytes: 5 }));
  for (const chunk of CHUNKS) {
    const { frames, errors, failed } = decodeAll(failing, wire, chunk);
    assertEquals(shown(frames), [3, "abc", "end"]);
    assert(failed);
    assertInstanceOf(errors[0], FrameTooLargeError);
    assertEquals([errors[0].limit, errors[0].claimed], [5, 6]);
    let reported = 0;
    const skipping = inParts(netstring({
      maxFrameBytes: 5,
      oversize: "skip",
      onOversize: () => reported++,
    }));
    const skipped = decodeAll(skipping, wire, chunk);
    assertEquals(shown(skipped.frames), [3, "abc", "end", 2, "ab", "end"]);
    assertEquals(reported, 1);
  }
  assertThrows(
    () => encodeAll(failing, { head: { size: 6 } }),
    FrameTooLargeError,
  );
});

Deno.test("inParts() finds a frame that does not end where it should", () => {
  for (const chunk of CHUNKS) {
    const { frames, errors, failed } = decodeAll(
      inParts(netstring()),
      "3:abcd,",
      chunk,
    );
    assertEquals(shown(frames), [3, "abc"]);
    assert(failed);
    assertInstanceOf(errors[0], MalformedFrameError);
  }
});

Deno.test("inParts() refuses parts that are not as their head promised, and sends nothing of them", () => {
  const codec = inParts(netstring());
  const head = { head: { size: 3 } };
  const two = { part: utf8("ab") };
  const end = { end: true } as const;
  const wrong: [FramePartOut[], FramePartOut, string][] = [
    [[head, two], two, "must have the 3 bytes of its head, got 4"],
    [[head], { part: utf8("abcd") }, "the 3 bytes of its head, got 4"],
    [[head, two], end, "must have the 3 bytes of its head, got 2"],
    [[head], end, "the 3 bytes of its head, got 0"],
    [[], end, "its head must come first"],
    [[], two, "its head must come first"],
    [[head], head, "its end must come before another head"],
    [[head, two], head, "its end must come before another head"],
  ];
  for (const [before, bad, text] of wrong) {
    const encoder = codec.encoder();
    const out = new ByteWriter();
    for (const frame of before) encoder.encode(frame, out);
    const { length } = out;
    const error = assertThrows(
      () => encoder.encode(bad, out),
      CodecError,
      text,
    );
    assertEquals(error.code, "codec");
    assertEquals(out.length, length);
    if (before.length === 0) encoder.encode(head, out);
    // The frame can still be sent as it was promised.
    if (before.length < 2) encoder.encode(two, out);
    encoder.encode({ part: utf8("c") }, out);
    encoder.encode(end, out);
    assertEquals(toText(out.toBytes()), "3:abc,");
    encoder.finish!(out);
    assertEquals(out.length, 0);
  }
});

Deno.test("inParts() refuses to end the stream inside a frame", () => {
  const codec = inParts(netstring());
  const cases: [FramePartOut[], string][] = [
    [[{ head: { size: 3 } }], "the 3 bytes of its head, got 0"],
    [[{ head: { size: 0 } }], "its end must come before that of the stream"],
  ];
  for (const [frames, text] of cases) {
    const encoder = codec.encoder();
    const out = new ByteWriter();
    for (const frame of frames) encoder.encode(frame, out);
    assertThrows(() => encoder.finish!(out), CodecError, text);
  }
});

Deno.test("inParts() refuses what is none of the three", () => {
  const codec = inParts(lengthPrefixed());
  const wrong: [unknown, string][] = [
    [undefined, "frame must be an object with one of head, part and end"],
    [5, "frame must be an object with one of head, part and end"],
    [{}, "frame must be an object with one of head, part and end"],
    [bytes(1), "frame must be an object with one of head, part and end"],
    [{ head: { size: 1 }, end: true }, "one of head, part and end"],
    [{ head: 5 }, "head must be an object"],
    [{ head: {} }, "head.size must be a number"],
    [{ head: { size: "1" } }, "head.size must be a number"],
    [{ head: { size: 1, header: "x" } }, "head.header must be a Uint8Array"],
  ];
  for (const [frame, text] of wrong) {
    const encode = () => encodeAll(codec, frame as FramePartOut);
    assertThrows(encode, TypeError, text);
  }
  for (const size of [-1, 0.5, NaN]) {
    assertThrows(() => encodeAll(codec, { head: { size } }), RangeError);
  }
  const inside: [unknown, string][] = [
    [{ part: "x" }, "part must be a Uint8Array"],
    [{ end: false }, "end must be true"],
  ];
  for (const [frame, text] of inside) {
    const encode = () =>
      encodeAll(codec, { head: { size: 1 } }, frame as FramePartOut);
    assertThrows(encode, TypeError, text);
  }
});

Deno.test("inParts() refuses codecs that do not say the size beforehand, and bad options", () => {
  for (
    const codec of [
      undefined,
      {},
      delimited({ delimiter: "\n" }),
      fixed({ frameBytes: 1 }),
      json(),
    ]
  ) {
    assertThrows(
      () => inParts(codec as SizedCodec),
      TypeError,
      "codec must be a codec that says the size of a frame before it",
    );
  }
  assertThrows(
    () => inParts(lengthPrefixed({ skip: 0 })),
    RangeError,
    "codec must drop the length",
  );
  for (const partBytes of [0, 0.5, -1, 2 ** 25]) {
    assertThrows(() => inParts(netstring(), { partBytes }), RangeError);
  }
  assertThrows(
    () => inParts(netstring(), { partByte: 5 } as never),
    TypeError,
    "did you mean partBytes?",
  );
});

Deno.test("inParts() works on streams of any kind", async () => {
  const codec = inParts(varintPrefixed(), { partBytes: 4 });
  const frames: FramePartOut[] = [
    { head: { size: 6 } },
    { part: utf8("stream") },
    { end: true },
  ];
  const wire = () =>
    ReadableStream.from(frames).pipeThrough(encodeStream(codec));
  const received = await Array.fromAsync(
    wire().pipeThrough(decodeStream(codec)),
  );
  assertEquals(shown(received), [6, "stre", "am", "end"]);
  frames.pop();
  await assertRejects(() => Array.fromAsync(wire()), CodecError);
});

Deno.test("inParts() goes on in a frame whose head a hook has asked for meanwhile", () => {
  const encoder = netstring().encoder();
  const out = new ByteWriter();
  // The content of the second would pass for a frame, too.
  for (const content of ["too large", "1:a,2", "bb"]) {
    encoder.encode(utf8(content), out);
  }
  const queue = new ByteQueue();
  queue.append(out.toBytes());
  const received: unknown[] = [];
  const decoder = inParts(netstring({
    maxFrameBytes: 5,
    oversize: "skip",
    onOversize: () => received.push(decoder.decode(queue)?.head?.size),
  })).decoder();
  for (;;) {
    const frame = decoder.decode(queue);
    if (frame === undefined) break;
    received.push(frame.head?.size ?? frame.part ?? frame.end);
  }
  assertEquals(received, [5, utf8("1:a,2"), true, 2, utf8("bb"), true]);
  assertEquals([queue.length, decoder.midFrame], [0, false]);
});
