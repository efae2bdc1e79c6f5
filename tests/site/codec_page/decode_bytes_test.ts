import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import {
  ByteWriter,
  FrameTooLargeError,
  lengthPrefixed,
  MalformedFrameError,
  UnexpectedEofError,
} from "@sluice/net/codec";
import {
  type CodecChoice,
  FRAMINGS,
  makeCodec,
} from "../../../docs/codec_page/codec_choice.ts";
import { decodeBytes } from "../../../docs/codec_page/decode_bytes.ts";
import { parseEscaped, parseHex } from "../../../docs/codec_page/bytes_text.ts";

function choose(
  framing: string,
  options: Record<string, string> = {},
  rest: Partial<CodecChoice> = {},
): CodecChoice {
  return { framing, options, content: "bytes", struct: "", ...rest };
}

/** Kind, first byte, byte behind the last, and body of every piece. */
function spans(
  bytes: Uint8Array,
  choice: CodecChoice,
  hasEnded = true,
): unknown[] {
  return decodeBytes(bytes, choice, hasEnded).pieces.map((
    { kind, start, end, body },
  ) => [kind, start, end, ...body ? [body.start, body.end] : []]);
}

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("decodeBytes() says which bytes a frame is, and which are around it", () => {
  const cases: [CodecChoice, Uint8Array, unknown[]][] = [
    [
      choose("lengthPrefixed", { lengthBytes: "2" }),
      parseHex("0001 61 0000 0002 6263"),
      [["frame", 0, 3, 2, 3], ["frame", 3, 5, 5, 5], ["frame", 5, 9, 7, 9]],
    ],
    [choose("varintPrefixed"), parseHex("01 61 00"), [
      ["frame", 0, 2, 1, 2],
      ["frame", 2, 3, 3, 3],
    ]],
    [choose("lines"), encode("a\r\n\nb"), [
      ["frame", 0, 3, 0, 1],
      ["frame", 3, 4, 3, 3],
      ["frame", 4, 5, 4, 5],
    ]],
    [choose("delimited", { delimiter: "--" }), encode("a--b--"), [
      ["frame", 0, 3, 0, 1],
      ["frame", 3, 6, 3, 4],
    ]],
    [choose("netstring"), encode("2:ab,0:,"), [
      ["frame", 0, 5, 2, 4],
      ["frame", 5, 8, 7, 7],
    ]],
    [
      choose("contentLength", {}, { content: "bytes" }),
      encode("Content-Length: 2\r\n\r\nab"),
      [["frame", 0, 23, 21, 23]],
    ],
    [choose("fixed", { frameBytes: "2" }), encode("abcd"), [
      ["frame", 0, 2, 0, 2],
      ["frame", 2, 4, 2, 4],
    ]],
    [
      choose("packets", {}, { content: "struct", struct: "{ a: bytes(u8) }" }),
      parseHex("01 61 00"),
      [["frame", 0, 2, 0, 2], ["frame", 2, 3, 2, 3]],
    ],
  ];
  assertEquals(
    cases.map(([choice, bytes]) => spans(bytes, choice)),
    cases.map((c) => c[2]),
  );
  assertEquals(
    cases.map(([{ framing }]) => framing),
    FRAMINGS.map(({ name }) => name),
  );
});

Deno.test("decodeBytes() decodes text, JSON and packets inside of frames", () => {
  const json = choose("netstring", {}, { content: "json" });
  const { pieces } = decodeBytes(encode('7:{"a":1},1:{,2:[],'), json, true);
  assertEquals(pieces.map(({ kind }) => kind), ["frame", "bad", "frame"]);
  assertEquals(pieces[0].value, { a: 1 });
  assertEquals(pieces[0].body, { start: 2, end: 9 });
  assertInstanceOf(pieces[1].error, MalformedFrameError);
  assertEquals(pieces[1].body, { start: 12, end: 13 });

  const text = choose("varintPrefixed", {}, { content: "text" });
  assertEquals(
    decodeBytes(parseHex("02 c3a9"), text, true).pieces[0].value,
    "é",
  );
});

Deno.test("decodeBytes() says which bytes a field of a packet is, also of a bad one", () => {
  const choice = choose("lengthPrefixed", { lengthBytes: "1" }, {
    content: "struct",
    struct: "{ version: literal(u8, 1), name: utf8(u8), at: { x: u8, y: u8 } }",
  });
  const bytes = parseHex("06 01 02 6869 07 08 03 01 05 61 02 02 00");
  const { pieces } = decodeBytes(bytes, choice, true);
  assertEquals(pieces[0].value, { version: 1, name: "hi", at: { x: 7, y: 8 } });
  assertEquals(pieces[0].fields, [
    { path: "version", start: 1, end: 2 },
    { path: "name", start: 2, end: 5 },
    { path: "at.x", start: 5, end: 6 },
    { path: "at.y", start: 6, end: 7 },
  ]);
  assertEquals(pieces[1].kind, "bad");
  assertEquals(pieces[1].fields, [
    { path: "version", start: 8, end: 9 },
    { path: "name", start: 9, end: 11 },
  ]);
  assertEquals(pieces[2].fields, [{ path: "version", start: 12, end: 14 }]);
});

Deno.test("decodeBytes() says at which byte an error was noticed", () => {
  const { pieces } = decodeBytes(
    parseHex("00000001 61 16030100 c8010000"),
    choose("lengthPrefixed"),
    true,
  );
  assertEquals(pieces.map(({ kind, start, end }) => [kind, start, end]), [
    ["frame", 0, 5],
    ["bad", 5, 9],
    ["rest", 9, 13],
  ]);
  const { error, noticedAt } = pieces[1];
  assertInstanceOf(error, FrameTooLargeError);
  assertEquals([error.limit, error.claimed, noticedAt], [
    1_048_576,
    0x16030100,
    8,
  ]);
});

Deno.test("decodeBytes() tells a stream that ended from one that goes on", () => {
  const bytes = parseHex("0000 0003 61");
  const [{ kind, error, noticedAt }] =
    decodeBytes(bytes, choose("lengthPrefixed"), true).pieces;
  assertInstanceOf(error, UnexpectedEofError);
  assertEquals([kind, error.received, error.expected, noticedAt], [
    "bad",
    5,
    7,
    5,
  ]);
  assertEquals(spans(bytes, choose("lengthPrefixed"), false), [["rest", 0, 5]]);
});

Deno.test("decodeBytes() shows frames that are skipped, and those that are cut off", () => {
  const skip = { maxFrameBytes: "2", oversize: "skip" };
  assertEquals(
    spans(encode("1:a,4:long,1:b,4:lo"), choose("netstring", skip)),
    [
      ["frame", 0, 4, 2, 3],
      ["skipped", 4, 11],
      ["frame", 11, 15, 13, 14],
      ["bad", 15, 19],
    ],
  );
  const cut = { maxLineBytes: "2", oversize: "truncate" };
  const { pieces } = decodeBytes(
    encode("a\nlong\nb\n"),
    choose("lines", cut),
    true,
  );
  assertEquals(
    pieces.map(({ kind, start, end, value }) => [kind, start, end, value]),
    [["frame", 0, 2, "a"], ["skipped", 2, 7, "lo"], ["frame", 7, 9, "b"]],
  );
});

Deno.test("decodeBytes() covers every byte once, whatever the bytes are", () => {
  let seed = 1;
  const random = () => seed = seed * 48_271 % 0x7fff_ffff;
  const struct = "{ a: u8, b: bytes(u8), c: array({ x: u8 }, u8) }";
  for (const { name, contents } of FRAMINGS) {
    for (const content of contents) {
      for (const hasEnded of [true, false]) {
        const bytes = Uint8Array.from({ length: 500 }, () => random() % 256);
        const choice = choose(name, { lengthBytes: "1" }, { content, struct });
        let end = 0;
        for (const piece of decodeBytes(bytes, choice, hasEnded).pieces) {
          assertEquals(piece.start, end);
          end = piece.end;
          for (const span of [piece.body ?? piece, ...piece.fields]) {
            if (span.start < piece.start || span.end > piece.end) {
              throw new Error(`${name} ${content}: ${JSON.stringify(piece)}`);
            }
          }
        }
        assertEquals(end, bytes.length, `${name} ${content}`);
      }
    }
  }
});

Deno.test("makeCodec() says how a program makes the same codec", () => {
  const source = (choice: CodecChoice) => makeCodec(choice, () => {}).source;
  assertEquals(
    source(
      choose("lengthPrefixed", {
        lengthBytes: "2",
        adjust: "-2",
        maxFrameBytes: "Infinity",
      }),
    ),
    "lengthPrefixed({ lengthBytes: 2, adjust: -2, maxFrameBytes: Infinity })",
  );
  assertEquals(
    source(choose("lines", { newline: "\\r\\n" }, { content: "json" })),
    'json(lines({ newline: "\\r\\n" }))',
  );
  assertEquals(
    [source(choose("lines")), source(choose("fixed", {}, { content: "text" }))],
    ["lines()", "text(fixed({ frameBytes: 4 }))"],
  );
  assertEquals(
    source(choose("packets", {}, { content: "struct", struct: "{ a: u8 }" })),
    "packets(struct({ a: u8 }))",
  );
  assertEquals(
    source(choose("delimited", { delimiter: "\\r\\n" })),
    "delimited({ delimiter: new Uint8Array([13, 10]) })",
  );
});

Deno.test("makeCodec() makes the codec that it says", () => {
  const out = new ByteWriter();
  lengthPrefixed({ lengthBytes: 2, adjust: -2 }).encoder().encode(
    encode("ab"),
    out,
  );
  const choice = choose("lengthPrefixed", { lengthBytes: "2", adjust: "-2" });
  assertEquals(spans(out.toBytes(), choice), [["frame", 0, 4, 2, 4]]);
});

Deno.test("decodeBytes() passes on what ./codec says about options", () => {
  assertThrows(
    () =>
      decodeBytes(new Uint8Array(), choose("fixed", { frameBytes: "0" }), true),
    RangeError,
    "frameBytes must be an integer",
  );
  assertThrows(
    () =>
      decodeBytes(
        new Uint8Array(),
        choose("lines", { maxLineBytes: "many" }),
        true,
      ),
    RangeError,
    "maxLineBytes",
  );
  assertThrows(() => parseEscaped("\\"), Error);
});
