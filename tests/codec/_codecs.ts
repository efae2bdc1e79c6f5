import {
  array,
  bits,
  bool,
  bytes as bytesField,
  type Codec,
  contentLength,
  cstring,
  delimited,
  enumOf,
  f64,
  fixed,
  type FramePart,
  type FramePartOut,
  inParts,
  json,
  lengthPrefixed,
  lines,
  netstring,
  optional,
  packets,
  sized as sizedField,
  struct,
  text,
  u16,
  u32le,
  u8,
  union,
  utf8 as utf8Field,
  varint,
  varintPrefixed,
} from "../../lib/codec/mod.ts";
import type { CheckCodecOptions } from "../../lib/testing/check_codec_options.ts";
import { isEqual } from "../../lib/testing/_equal.ts";
/** Not of `_support.ts`: this file runs in runtimes that have no assertions of ours. */
const utf8 = (text: string) => new TextEncoder().encode(text);

/** The limit of all codecs below, so that garbage reaches every policy. */
export const LIMIT = 60_000;

/** A codec with what its checks need. */
export interface Subject {
  name: string;
  // deno-lint-ignore no-explicit-any
  codec: Codec<any, any>;
  samples: readonly unknown[];
  // deno-lint-ignore no-explicit-any
  options: CheckCodecOptions<any, any>;
}

const frames = [
  utf8("hello"),
  new Uint8Array(),
  utf8("5:a,\r\n"),
  new Uint8Array(300).fill(7),
  new Uint8Array(3000).fill(255),
];
const texts = ["hello", "", "ünïcödé €𝄞", "\ufeff", "x".repeat(3000), "a,b:c"];

/** A frame of `size` bytes without any delimiter. */
const makeFrame = (size: number) => new Uint8Array(size).fill(97);
const makeText = (size: number) => "a".repeat(size);

/** What no codec may keep: a claim, or a frame, above the limit. */
const HUGE = new Uint8Array(2 * LIMIT).fill(255);
const LONG = new Uint8Array(2 * LIMIT).fill(97);

function subject<In, Out>(
  name: string,
  codec: Codec<In, Out>,
  samples: readonly Out[],
  options: CheckCodecOptions<In, Out> = {},
): Subject {
  // The largest frame, with its framing.
  return {
    name,
    codec,
    samples,
    options: { maxBufferedBytes: LIMIT + 100, ...options },
  };
}

const policies = ["fail", "skip"] as const;
const cutting = ["fail", "skip", "truncate"] as const;
const endings = ["error", "emit", "drop"] as const;

function sized(): Subject[] {
  return policies.flatMap((oversize) =>
    endings.flatMap((atEof) => {
      const options = { maxFrameBytes: LIMIT, oversize, atEof };
      const how = `${oversize}, ${atEof}`;
      return [
        subject(`lengthPrefixed: ${how}`, lengthPrefixed(options), frames, {
          makeFrame,
          oversized: HUGE,
        }),
        subject(`varintPrefixed: ${how}`, varintPrefixed(options), frames, {
          makeFrame,
          oversized: Uint8Array.of(0xff, 0xff, 0x7f, ...LONG),
        }),
        subject(`netstring: ${how}`, netstring(options), frames, {
          makeFrame,
          oversized: utf8("99999:".padEnd(90_000)),
        }),
        subject(`contentLength: ${how}`, contentLength(options), frames, {
          makeFrame,
          maxBufferedBytes: LIMIT + 4096,
          oversized: utf8("Content-Length: 99999\r\n\r\n".padEnd(90_000)),
        }),
      ];
    })
  );
}

function layouts(): Subject[] {
  const whole = frames.map((frame) => Uint8Array.of(9, 0, 0, 0, ...frame));
  const widths = [1, 2, 3, 4, 8] as const;
  return [
    ...widths.flatMap((lengthBytes) =>
      (["big", "little"] as const).map((byteOrder) =>
        subject(
          `lengthPrefixed: ${lengthBytes} bytes, ${byteOrder}`,
          lengthPrefixed({ lengthBytes, byteOrder, maxFrameBytes: LIMIT }),
          lengthBytes === 1 ? frames.slice(0, 3) : frames,
        )
      )
    ),
    subject(
      "lengthPrefixed: a signed length",
      lengthPrefixed({ signed: true, maxFrameBytes: LIMIT }),
      frames,
      { makeFrame },
    ),
    subject(
      "lengthPrefixed: the length counts the header",
      lengthPrefixed({ adjust: -6, offset: 2, maxFrameBytes: LIMIT }),
      frames,
    ),
    subject(
      "lengthPrefixed: whole messages",
      lengthPrefixed({
        lengthBytes: 3,
        offset: 1,
        skip: 0,
        maxFrameBytes: LIMIT,
      }),
      whole,
      {
        expected: whole.map((message) => {
          const size = message.length - 4;
          return Uint8Array.of(9, 0, size >> 8, size, ...message.subarray(4));
        }),
      },
    ),
  ];
}

function searching(): Subject[] {
  return cutting.flatMap((oversize) =>
    endings.flatMap((atEof) => {
      const options = { oversize, atEof };
      const how = `${oversize}, ${atEof}`;
      return [
        ...["\0", "--->"].map((delimiter) =>
          subject(
            `delimited by ${JSON.stringify(delimiter)}: ${how}`,
            delimited({ delimiter, maxFrameBytes: LIMIT, ...options }),
            frames,
            { makeFrame, oversized: LONG },
          )
        ),
        ...[["\r\n", "\n", "\r"], ["--->", ";", "->-"]].map((delimiter) =>
          subject(
            `delimited by any of ${JSON.stringify(delimiter)}: ${how}`,
            delimited({ delimiter, maxFrameBytes: LIMIT, ...options }),
            frames.filter((_, i) => i !== 2),
            { makeFrame, oversized: LONG },
          )
        ),
        ...(["\n", "\r\n"] as const).map((newline) =>
          subject(
            `lines ending in ${JSON.stringify(newline)}: ${how}`,
            lines({ newline, maxLineBytes: LIMIT, ...options }),
            texts,
            { makeFrame: makeText, oversized: LONG },
          )
        ),
      ];
    })
  );
}

const message = union({ type: enumOf(u8, { move: 1, say: 2 }) }, {
  move: struct({ x: f64, y: f64, by: optional(u16) }),
  say: struct({ size: u32le, text: utf8Field("size"), tags: array(u16, u8) }),
});

const log = struct({
  kind: bits({ urgent: bool, level: 7 }),
  name: cstring({ maxBytes: 100 }),
  tags: array(struct({ key: utf8Field(u8), values: array(varint(), u8) }), u16),
  data: sizedField(varint({ maxBytes: 4 }), bytesField()),
});
const table = struct({ rows: array(struct({ name: utf8Field(u8) }), u16) });
const word = struct({ word: cstring({ maxBytes: LIMIT }) });

function shaped(): Subject[] {
  const documents = [{ a: 1, b: [null, "x\n"] }, [], "", 5, false];
  const sent = [
    { type: "move", x: 1.5, y: -2, by: 7 },
    { type: "move", x: 0, y: 0, by: undefined },
    { type: "say", size: 3, text: "hé", tags: [1, 65_535] },
    { type: "say", size: 0, text: "", tags: [] },
  ] as const;
  const samples = Array.from({ length: 5 }, (_, i) => utf8(`${i}`.repeat(5)));
  const point = struct({ x: u16, rest: bytesField(2) });
  return [
    ...endings.map((atEof) =>
      subject(`fixed: ${atEof}`, fixed({ frameBytes: 5, atEof }), samples)
    ),
    subject("fixed: large", fixed({ frameBytes: 3000 }), [frames[4]]),
    subject(
      "text of UTF-8",
      text(lengthPrefixed({ maxFrameBytes: LIMIT })),
      texts,
      { makeFrame: makeText, oversized: HUGE },
    ),
    subject(
      "text of one byte a character",
      text(delimited({ delimiter: "\0", maxFrameBytes: LIMIT }), {
        encoding: "latin1",
        fatal: true,
      }),
      ["hello", "", "é", "ÿé"],
    ),
    subject("json lines", json(lines({ maxLineBytes: LIMIT })), documents, {
      makeFrame: makeText,
      oversized: LONG,
    }),
    subject("json by default", json(), documents, {
      maxBufferedBytes: 64 * 1024 + 2,
    }),
    subject(
      "json in header blocks",
      json(contentLength({ maxFrameBytes: LIMIT })),
      documents,
      { makeFrame: makeText, maxBufferedBytes: LIMIT + 4096 },
    ),
    subject(
      "packets of a union",
      packets(
        message,
        lengthPrefixed({ lengthBytes: 2, maxFrameBytes: LIMIT }),
      ),
      sent,
      {
        makeFrame: (size) => ({
          type: "say" as const,
          text: "x".repeat(size),
          tags: [],
        }),
      },
    ),
    subject("packets without frames", packets(log, { maxFrameBytes: LIMIT }), [
      {
        kind: { urgent: true, level: 5 },
        name: "a",
        tags: [],
        data: utf8("x"),
      },
      {
        kind: { urgent: false, level: 0 },
        name: "é".repeat(40),
        tags: [{ key: "k", values: [1, 300, 70_000] }, { key: "", values: [] }],
        data: frames[4],
      },
    ], {
      makeFrame: (size) => ({
        kind: { urgent: true, level: 5 },
        name: "",
        tags: [],
        data: new Uint8Array(Math.max(0, size - 20)),
      }),
      oversized: Uint8Array.of(3, 0, 0, 0, 0xff, 0xff, 0x7f, ...LONG),
    }),
    subject("packets without frames, of many fields", packets(table), [
      { rows: [] },
      { rows: Array.from({ length: 300 }, (_, i) => ({ name: `${i}` })) },
    ], { maxBufferedBytes: 1024 * 1024 }),
    subject(
      "packets without frames, of one field to search for",
      packets(word),
      [
        { word: "" },
        { word: "x".repeat(3000) },
      ],
      {
        maxBufferedBytes: LIMIT + 1,
        makeFrame: (size) => ({ word: "y".repeat(size) }),
      },
    ),
    subject(
      "packets without frames, of numbers",
      packets(struct({ a: u16, b: f64 })),
      [
        { a: 1, b: 2.5 },
      ],
    ),
    subject(
      "packets of one size",
      packets(point, fixed({ frameBytes: point.fixedBytes! })),
      [{ x: 1, rest: Uint8Array.of(2, 3) }, { x: 9, rest: new Uint8Array(2) }],
    ),
  ];
}

/** Frames of 0 to 3,000 bytes in parts of 1,000. */
function parts(): Subject[] {
  const samples = [0, 1, 1000, 2500, 3000].flatMap((size) => {
    const frame = new Uint8Array(size).map((_, i) => i);
    const parts: FramePartOut[] = [{ head: { size } }];
    for (let i = 0; i < size; i += 1000) {
      parts.push({ part: frame.subarray(i, i + 1000) });
    }
    return [...parts, { end: true as const }];
  });
  const equals = (received: FramePart, expected: FramePart) =>
    received.head === undefined
      ? isEqual(received, expected)
      : received.head.size === expected.head?.size;
  return policies.flatMap((oversize) =>
    endings.flatMap((atEof) => {
      const options = { maxFrameBytes: LIMIT, oversize, atEof };
      return [
        lengthPrefixed({ ...options, offset: 2, adjust: -6 }),
        varintPrefixed(options),
        netstring(options),
        contentLength(options),
      ].map((codec, i) =>
        subject(
          `frames in parts, ${i}: ${oversize}, ${atEof}`,
          inParts(codec, { partBytes: 1000 }),
          samples,
          {
            equals,
            framesInParts: true,
            maxBufferedBytes: 4096 + 1000,
            oversized: [
              HUGE,
              Uint8Array.of(0xff, 0xff, 0x7f, ...LONG),
              utf8("99999:".padEnd(90_000)),
              utf8("Content-Length: 99999\r\n\r\n".padEnd(90_000)),
            ][i],
          },
        )
      );
    })
  );
}

/** Every codec of the library, under every policy. */
export const SUBJECTS: readonly Subject[] = [
  ...parts(),
  ...sized(),
  ...layouts(),
  ...searching(),
  ...shaped(),
];
