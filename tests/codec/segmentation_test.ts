/**
 * Any bytes, any cut, the same frames and the same errors, in the same order.
 *
 * Two readers of one stream that understand it differently can be played against each
 * other, and a peer chooses where its bytes are cut.
 */
import { assert, assertEquals, equal } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { framed, Socket } from "../../mod.ts";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import {
  array,
  bits,
  bool,
  bytes as bytesField,
  type Codec,
  contentLength,
  cstring,
  decodeStream,
  delimited,
  enumOf,
  type Field,
  fixed,
  FrameTooLargeError,
  i16,
  i32,
  i8,
  inParts,
  json,
  lengthPrefixed,
  lines,
  literal,
  MalformedFrameError,
  mapped,
  mappedField,
  netstring,
  optional,
  packets,
  pad,
  sized,
  struct,
  text,
  u16,
  u8,
  UnexpectedEofError,
  union,
  utf8 as utf8Field,
  varint,
  varintPrefixed,
} from "../../lib/codec/mod.ts";
import { ByteSource } from "../../lib/testing/_pieces.ts";
import { bytes, utf8, withoutFunction } from "./_support.ts";

/** Small, so that every policy is met by short streams. */
const LIMIT = 5;
const OVERSIZES = ["fail", "skip"] as const;
const CUTTING = ["fail", "skip", "truncate"] as const;
const ENDINGS = ["error", "emit", "drop"] as const;

interface Subject {
  readonly name: string;
  // deno-lint-ignore no-explicit-any
  readonly codec: Codec<any, any>;
  readonly wire: fc.Arbitrary<Uint8Array>;
}

/** What a stream came to, one entry for each frame, error and report. */
let events: unknown[] = [];

const onOversize = ({ limit, claimed }: FrameTooLargeError) => {
  events.push(["report", limit, claimed]);
};

function errorEvent(error: unknown): unknown {
  if (error instanceof MalformedFrameError) {
    const { code, message, recoverable, frame } = error;
    return ["malformed", code, recoverable, frame, message];
  }
  if (error instanceof FrameTooLargeError) {
    const { code, limit, claimed, skipped } = error;
    return ["too large", code, limit, claimed, skipped];
  }
  if (error instanceof UnexpectedEofError) {
    return ["eof", error.code, error.received, error.expected];
  }
  throw error;
}

function goesOn(error: unknown): boolean {
  return error instanceof MalformedFrameError && error.recoverable ||
    error instanceof FrameTooLargeError && error.skipped;
}

// Ways to decode a stream that came in these pieces.

/** By hand; says too how far the decoder has come. */
function decodeInMemory(
  codec: Codec<unknown, never>,
  chunks: readonly Uint8Array[],
  add: (queue: ByteQueue, chunk: Uint8Array) => void,
): unknown[] {
  events = [];
  const queue = new ByteQueue();
  const decoder = codec.decoder();
  const drain = (ended: boolean): boolean => {
    for (;;) {
      try {
        const frame = decoder.decode(queue) ??
          (ended ? decoder.finish?.(queue) : undefined);
        if (frame === undefined) return true;
        events.push(["frame", frame]);
      } catch (error) {
        events.push(errorEvent(error));
        if (!goesOn(error)) return false;
      }
    }
  };
  let going = true;
  for (const chunk of chunks) {
    add(queue, chunk);
    // What the decoder waits for has not come: all of it is there in time.
    if (!(going = drain(false))) break;
  }
  if (going) drain(true);
  // Some pieces were never added where it failed: only what was taken counts.
  return [...events, ["taken", queue.revision]];
}

function addByReading(queue: ByteQueue, chunk: Uint8Array): void {
  for (let done = 0; done < chunk.length;) {
    const space = queue.reserve();
    const part = chunk.subarray(done, done + space.length);
    space.set(part);
    queue.commit(part.length);
    done += part.length;
  }
}

function addByReference(queue: ByteQueue, chunk: Uint8Array): void {
  // Small arrays that are appended are gathered: only what is put back is in pieces.
  const before = queue.takeAll();
  queue.prepend(chunk);
  queue.prepend(before);
}

/** A socket whose transport brings exactly these pieces. */
function socketOf(chunks: readonly Uint8Array[]): Socket {
  const rest = chunks.filter(({ length }) => length > 0);
  const addr = { transport: "memory", name: "test" } as const;
  return new Socket({
    localAddr: addr,
    remoteAddr: addr,
    read(target) {
      const next = rest.shift();
      if (next === undefined) return Promise.resolve(null);
      const count = Math.min(next.length, target.length);
      target.set(next.subarray(0, count));
      if (count < next.length) rest.unshift(next.subarray(count));
      return Promise.resolve(count);
    },
    write: (data) => Promise.resolve(data.length),
    closeWrite: () => Promise.resolve(),
    close() {},
  });
}

async function decodeFramed(
  codec: Codec<unknown, never>,
  chunks: readonly Uint8Array[],
  receive: (frames: ReturnType<typeof framed>) => Promise<unknown>,
): Promise<unknown[]> {
  events = [];
  const socket = socketOf(chunks);
  const frames = framed(socket, codec as Codec<unknown, unknown>);
  for (;;) {
    try {
      if (await receive(frames) === null) break;
    } catch (error) {
      events.push(errorEvent(error));
      if (!goesOn(error)) break;
    }
  }
  socket.abort();
  return events;
}

async function receiveOne(frames: ReturnType<typeof framed>): Promise<unknown> {
  const frame = await frames.receive();
  if (frame !== null) events.push(["frame", frame]);
  return frame;
}

async function receiveBatches(frames: ReturnType<typeof framed>) {
  for await (const batch of frames.batches()) {
    for (const frame of batch) events.push(["frame", frame]);
  }
  return null;
}

async function decodeStreamed(
  codec: Codec<unknown, never>,
  chunks: readonly Uint8Array[],
): Promise<unknown[]> {
  events = [];
  const onBadFrame = (error: unknown) => {
    events.push(errorEvent(error));
  };
  try {
    const stream = ReadableStream.from(chunks.map((chunk) => chunk.slice()))
      .pipeThrough(decodeStream(codec, { onBadFrame }));
    for await (const frame of stream) events.push(["frame", frame]);
  } catch (error) {
    events.push(errorEvent(error));
  }
  return events;
}

// Streams.

type Token = string | readonly number[];

const toBytes = (token: Token) =>
  typeof token === "string" ? utf8(token) : Uint8Array.from(token);

/** Streams of these tokens, whole and broken, and of any other bytes. */
function streamOf(...tokens: Token[]): fc.Arbitrary<Uint8Array> {
  const token = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...tokens).map(toBytes) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 3 }) },
  );
  return fc.array(token, { maxLength: 24 }).map((parts) =>
    Uint8Array.from(parts.flatMap((part) => [...part]))
  );
}

const LINES = streamOf(
  "a",
  "bc",
  "12345",
  "\r",
  "\n",
  "\n",
  "\r\n",
  "\r\n",
  "é",
  "€",
  "𝄞",
  "\ufeff",
  // What begins characters, and what goes on with them, in one encoding or another.
  [0x81],
  [0x81, 0x30],
  [0x81, 0x30, 0x81],
  [0x8f, 0xa1],
  [0xa4],
  [0xe3, 0x81],
  [0x30],
  [0x1b, 0x24, 0x42],
  [0x1b],
  [0xff],
);

const NUMBERS = streamOf(
  [0],
  [1, 97],
  [2, 97, 98],
  [0, 0],
  [0, 0, 0],
  [0, 5, 1, 2, 3, 4, 5],
  [5, 1, 2, 3, 4, 5],
  [6, 1, 2, 3, 4, 5, 6],
  [3],
  [9],
  [0x80],
  [0x80, 1],
  [0xff, 0xff, 0xff, 0xff],
  [0, 32, 0, 0],
);

const NETSTRINGS = streamOf(
  "0:,",
  "3:abc,",
  "5:hello,",
  "6:hellos,",
  "9",
  "0",
  "1",
  ":",
  ",",
  "a",
  "99999999999999999999:",
);

const HEADERS = streamOf(
  "Content-Length: 0\r\n\r\n",
  "Content-Length: 3\r\n\r\nabc",
  "content-length:5\r\nX: y\r\n\r\nhello",
  "Content-Length: 9\r\n\r\n",
  "Content-Length: ",
  "Content-Length: 99999999999999999999\r\n",
  "Y: 1\r\n",
  "\r\n",
  "\r\n\r\n",
  "\r",
  "\n",
  "3",
  ":",
  "x",
  [0xc3, 0x81],
);

const DELIMITED = streamOf(
  "a",
  "b",
  "aab",
  "aa",
  "ab",
  "--",
  "-",
  "12345",
  "\r",
  "\n",
  "\r\n",
  [
    0,
  ],
);

const DOCUMENTS = streamOf(
  '{"a":1}',
  '"é"',
  "[",
  "1",
  "null",
  " ",
  "\ufeff",
  "\n",
  "\n",
  "\r\n",
  [0xff],
);

function sizedSubjects(): Subject[] {
  return OVERSIZES.flatMap((oversize) =>
    ENDINGS.flatMap((atEof) => {
      const options = { maxFrameBytes: LIMIT, oversize, onOversize, atEof };
      const how = `${oversize}, ${atEof}`;
      const layouts = [
        { lengthBytes: 1 },
        { lengthBytes: 2, byteOrder: "little" },
        { lengthBytes: 3, offset: 1, skip: 0, adjust: -2 },
        { lengthBytes: 1, skip: 3 },
        { lengthBytes: 4 },
        { lengthBytes: 8 },
        { lengthBytes: 8, signed: true },
        { lengthBytes: 1, signed: true, adjust: 1, offset: 1 },
        { lengthBytes: 8, byteOrder: "little", adjust: -4 },
      ] as const;
      return [
        ...layouts.map((layout) => ({
          name: `lengthPrefixed ${JSON.stringify(layout)}: ${how}`,
          codec: lengthPrefixed({ ...layout, ...options }),
          wire: NUMBERS,
        })),
        {
          name: `varintPrefixed: ${how}`,
          codec: varintPrefixed(options),
          wire: NUMBERS,
        },
        {
          name: `netstring: ${how}`,
          codec: netstring(options),
          wire: NETSTRINGS,
        },
        ...[
          [lengthPrefixed({ lengthBytes: 1, ...options }), NUMBERS] as const,
          [varintPrefixed(options), NUMBERS] as const,
          [netstring(options), NETSTRINGS] as const,
          [contentLength(options), HEADERS] as const,
        ].flatMap(([codec, wire], i) =>
          [1, 2, 3].map((partBytes) => ({
            name: `codec ${i} in parts of ${partBytes}: ${how}`,
            codec: inParts(codec, { partBytes }),
            wire,
          }))
        ),
        ...[20, 30, 4096].map((maxHeaderBytes) => ({
          name: `contentLength, headers of ${maxHeaderBytes}: ${how}`,
          codec: contentLength({ ...options, maxHeaderBytes }),
          wire: HEADERS,
        })),
      ];
    })
  );
}

/** The last ones go on from each other, begin in each other, and hide each other. */
const DELIMITERS: (string | string[])[] = [
  "\0",
  "--",
  "aab",
  ["\r\n", "\n"],
  ["\r\n", "\n", "\r"],
  ["aab", "-", "ba"],
  ["abab", "aa", "b", "a"],
];

function longestOf(delimiter: string | string[]): number {
  return Math.max(...[delimiter].flat().map(({ length }) => length));
}

function searchingSubjects(): Subject[] {
  return CUTTING.flatMap((oversize) =>
    ENDINGS.flatMap((atEof) => {
      const policies = { oversize, onOversize, atEof };
      const how = `${oversize}, ${atEof}`;
      return [
        ...DELIMITERS.flatMap((delimiter) =>
          [false, true].flatMap((keepDelimiter) =>
            [keepDelimiter ? longestOf(delimiter) : 0, LIMIT].map((
              maxFrameBytes,
            ) => ({
              name: `delimited by ${
                JSON.stringify(delimiter)
              }, keep ${keepDelimiter}, of ${maxFrameBytes}: ${how}`,
              codec: delimited({
                delimiter,
                keepDelimiter,
                maxFrameBytes,
                ...policies,
              }),
              wire: DELIMITED,
            }))
          )
        ),
        ...(["\n", "\r\n"] as const).flatMap((newline) =>
          [0, LIMIT, 40].map((maxLineBytes) => ({
            name: `lines ending in ${
              JSON.stringify(newline)
            } of ${maxLineBytes}: ${how}`,
            codec: lines({ newline, maxLineBytes, ...policies }),
            wire: LINES,
          }))
        ),
      ];
    })
  );
}

const ENCODINGS = [
  "utf-8",
  "windows-1252",
  "windows-1253",
  "x-user-defined",
  "gbk",
  "gb18030",
  "big5",
  "shift_jis",
  "euc-jp",
  "euc-kr",
];

function textSubjects(): Subject[] {
  const lined = ENCODINGS.flatMap((encoding) =>
    [false, true].flatMap((fatal) =>
      CUTTING.flatMap((oversize) =>
        (["\n", "\r\n"] as const).map((newline) => ({
          name: `lines of ${encoding} ending in ${
            JSON.stringify(newline)
          }, fatal ${fatal}: ${oversize}`,
          codec: lines({
            encoding,
            fatal,
            newline,
            oversize,
            onOversize,
            maxLineBytes: 9,
          }),
          wire: LINES,
        }))
      )
    )
  );
  const framings = [...ENCODINGS, "utf-16le", "utf-16be", "iso-2022-jp"]
    .flatMap((encoding) =>
      [false, true].map((fatal) => ({
        name: `text of ${encoding}, fatal ${fatal}`,
        codec: text(delimited({ delimiter: "\n", atEof: "emit" }), {
          encoding,
          fatal,
        }),
        wire: LINES,
      }))
    );
  return [...lined, ...framings];
}

const inner = struct({ a: array(u8, 1) });

/** A field of one's own that reads others, and searches. */
const pair: Field<[number, number, string]> = {
  kind: "pair",
  minBytes: 3,
  read: (bytes) => {
    const { a } = inner.read(bytes);
    const b = varint().read(bytes);
    return [a[0], b, String.fromCharCode(...bytes.takeUntil(59, 4))];
  },
  write([a, b, text], out) {
    u8.write(a, out);
    varint().write(b, out);
    out.writeText(`${text};`);
  },
};

/** A field of one's own of a fixed size, which refuses. */
const low: Field<number> = {
  kind: "low",
  fixedBytes: 2,
  read(bytes) {
    const value = u16.read(bytes);
    if (value > 999) throw new RangeError("too high");
    return value;
  },
  write: (value, out) => u16.write(value, out),
};

/** Every field there is, where a packet may stop inside of any of them. */
const makeEverything = () =>
  union({ op: varint() }, {
    0: struct({}),
    1: struct({
      flags: bits({ a: bool, _: pad(3), b: 4 }),
      n: varint({ maxBytes: 3 }),
      text: cstring({ maxBytes: 4 }),
      inner: sized(u8, struct({ id: u8, rest: bytesField() })),
      _: pad(1),
    }),
    2: struct({
      list: array(
        struct({ x: u8, maybe: optional(array(pair, u8)) }),
        varint(),
        { maxItems: 9 },
      ),
      size: i16,
      has: bool,
      data: bytesField("size"),
      more: optional(utf8Field(u8), "has"),
    }),
    // Of a fixed size.
    4: struct({
      a: u8,
      mark: literal(u16, 0x0102),
      _: pad(1),
      deep: struct({ b: bits({ x: 3, y: 5 }), low }),
      list: array(u8, 2),
      kind: enumOf(i8, { x: -1, y: 1 }),
    }),
    3: struct({
      even: mappedField(
        struct({ x: u8, data: bytesField(u8) }),
        ({ x }) => {
          if (x % 2 === 1) throw new RangeError("odd");
          return x;
        },
        (x: number) => ({ x, data: new Uint8Array() }),
      ),
      last: u8,
    }),
    130: struct({
      deep: struct({
        kind: enumOf(u8, { x: 0, y: 1 }),
        own: pair,
        half: mappedField(u16, (n) => n / 2, (n: number) => n * 2),
      }),
      magic: literal(utf8Field(2), "ok"),
      in: sized(i32, bytesField(), { adjust: -4 }),
    }),
  });

const everything = makeEverything();
const withoutCode = withoutFunction(makeEverything);

const PACKETS = streamOf(
  [0],
  [1, 0x85, 0xac, 2, 97, 98, 0, 3, 9, 1, 2, 0],
  [1, 5, 0, 0, 1, 9, 255],
  [1, 0x85, 0x80],
  [2, 2, 7, 0, 8, 1, 1, 5, 0x81, 1, 97, 59, 0, 2, 1, 33, 34, 1, 98],
  [2, 0, 0, 0, 0],
  [2, 3, 7, 1, 2, 5, 6, 59, 9, 1, 59, 8, 0],
  [4, 9, 1, 2, 0, 0xa5, 3, 1, 7, 8, 255],
  [4, 9, 1, 2, 0, 0xa5, 4, 1, 7, 8, 1],
  [4, 9, 1, 3],
  [4, 9, 1, 2, 0, 0xa5, 0, 0, 7, 8, 2],
  [3, 2, 1, 9, 7],
  [3, 1, 2, 9, 9, 7],
  [0x82, 1, 0, 3, 4, 97, 97, 59, 0, 8, 111, 107, 0, 0, 0, 6, 1, 2],
  [0x82, 1, 1, 3, 4, 59, 0, 9, 111, 107, 0, 0, 0, 4],
  [0x82, 1, 2],
  [97, 97],
  [0],
  [59],
  [0x80, 0],
  [255, 255],
);

function shapedSubjects(): Subject[] {
  const message = union({ type: enumOf(u8, { move: 1, say: 2 }) }, {
    move: struct({ x: u8, y: u16 }),
    say: struct({ text: utf8Field(u8), tags: array(u8, u8) }),
  });
  const point = struct({ x: u16, rest: bytesField(2) });
  const small = lengthPrefixed({ lengthBytes: 1 });
  const skipping = { maxLineBytes: 9, oversize: "skip", onOversize } as const;
  return [
    ...ENDINGS.map((atEof) => ({
      name: `fixed: ${atEof}`,
      codec: fixed({ frameBytes: 3, atEof }),
      wire: NUMBERS,
    })),
    { name: "json", codec: json(), wire: DOCUMENTS },
    {
      name: "json of strict lines",
      codec: json(lines({ newline: "\r\n", ...skipping })),
      wire: DOCUMENTS,
    },
    {
      name: "json in frames",
      codec: json(delimited({ delimiter: "\n", atEof: "emit" })),
      wire: DOCUMENTS,
    },
    {
      name: "mapped",
      codec: mapped(
        lines({ fatal: true, ...skipping }),
        (line) => {
          if (line.includes("a")) throw new SyntaxError("an a");
          return line.startsWith("b") ? undefined : line.toUpperCase();
        },
        String,
      ),
      wire: LINES,
    },
    {
      name: "packets of a union",
      codec: packets(message, small),
      wire: NUMBERS,
    },
    ...[7, 24, undefined].map((maxFrameBytes) => ({
      name: `packets without frames, of ${maxFrameBytes}`,
      codec: packets(everything, { maxFrameBytes }),
      wire: PACKETS,
    })),
    {
      name: "packets without frames, without code made at run time",
      codec: packets(withoutCode),
      wire: PACKETS,
    },
    {
      name: "packets of every field in frames",
      codec: packets(everything, small),
      wire: PACKETS.map((wire) =>
        Uint8Array.of(Math.min(wire.length, 255), ...wire)
      ),
    },
    {
      name: "packets of a struct",
      codec: packets(point, fixed({ frameBytes: 4 })),
      wire: NUMBERS,
    },
  ];
}

const SUBJECTS = [
  ...sizedSubjects(),
  ...searchingSubjects(),
  ...textSubjects(),
  ...shapedSubjects(),
];

/** `wire` in pieces of these sizes, over and over. */
function cut(wire: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let i = 0; i < wire.length;) {
    chunks.push(wire.subarray(i, i += sizes[chunks.length % sizes.length]));
  }
  return chunks;
}

const CUTS = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 30 })),
  { minLength: 1, maxLength: 12 },
);

/** A longer run by hand: `SEGMENTATION_RUNS=20000 deno test ... segmentation_test.ts`. */
const numRuns = Number(Deno.env.get("SEGMENTATION_RUNS") ?? 50);
const seed = numRuns === 50 ? 30 : undefined;

for (const { name, codec, wire } of SUBJECTS) {
  Deno.test(`${name}: any cut gives the same frames and errors`, () => {
    fc.assert(
      fc.property(wire, CUTS, (wire, sizes) => {
        const whole = decodeInMemory(codec, [wire], addByReading);
        for (const chunks of [cut(wire, [1]), cut(wire, sizes)]) {
          assertEquals(decodeInMemory(codec, chunks, addByReading), whole);
        }
      }),
      { numRuns, seed },
    );
  });
}

Deno.test("packets are the same with and without code made at run time", () => {
  fc.assert(
    fc.property(PACKETS, CUTS, (wire, sizes) => {
      const all = [everything, withoutCode].map((packet) =>
        decodeInMemory(packets(packet), cut(wire, sizes), addByReading)
      );
      assertEquals(all[1], all[0]);
    }),
    { numRuns: 10 * numRuns, seed },
  );
});

Deno.test("any cut gives the same frames and errors where a frame is in many pieces", () => {
  for (const { codec, wire } of SUBJECTS) {
    fc.assert(
      fc.property(wire, CUTS, (wire, sizes) => {
        const ends = (all: unknown[]) => all.slice(0, -1);
        const whole = decodeInMemory(codec, [wire], addByReading);
        const pieces = decodeInMemory(codec, cut(wire, sizes), addByReference);
        // What was put back counts as taken twice.
        assertEquals(ends(pieces), ends(whole));
      }),
      { numRuns: Math.ceil(numRuns / 5), seed },
    );
  }
});

/** Lines, few of which are not as they should be. */
function longStream(random: ByteSource, newline: string): Uint8Array {
  const good = ["line", "ünï", `日本${newline}`, "x".repeat(90), newline];
  const bad = ["\n", "\r", [0x81, 0x30], [0xff], "y".repeat(300), "\ufffd"];
  const bytes: number[] = [];
  while (bytes.length < 150_000) {
    const from = random.below(300) === 0 ? bad : good;
    bytes.push(...toBytes(from[random.below(from.length)]));
  }
  return Uint8Array.from(bytes);
}

Deno.test("any cut gives the same lines where many are decoded ahead", () => {
  const random = new ByteSource(3);
  for (const newline of ["\n", "\r\n"] as const) {
    for (const encoding of ["utf-8", "gb18030", "windows-1252"]) {
      for (const fatal of [false, true]) {
        const codec = lines({
          newline,
          encoding,
          fatal,
          maxLineBytes: 200,
          oversize: "truncate",
          onOversize,
        });
        for (let round = 0; round < 4; round++) {
          const wire = longStream(random, newline);
          const whole = decodeInMemory(codec, [wire], addByReading);
          for (const sizes of [[1], [1021], [70_000], [3, 40_000, 1]]) {
            const seen = decodeInMemory(codec, cut(wire, sizes), addByReading);
            assert(equal(seen, whole), `${encoding} in pieces of ${sizes}`);
          }
        }
      }
    }
  }
});

Deno.test("any cut gives a framed socket and a stream the same frames and errors", async () => {
  for (const { codec, wire } of SUBJECTS) {
    await fc.assert(
      fc.asyncProperty(wire, CUTS, async (wire, sizes) => {
        const whole = decodeInMemory(codec, [wire], addByReading).slice(0, -1);
        for (const chunks of [[wire], cut(wire, sizes)]) {
          assertEquals(await decodeFramed(codec, chunks, receiveOne), whole);
          assertEquals(
            frameEvents(await decodeFramed(codec, chunks, receiveBatches)),
            frameEvents(whole),
          );
          assertEquals(
            framesFirst(await decodeStreamed(codec, chunks)),
            framesFirst(whole),
          );
        }
      }),
      { numRuns: Math.ceil(numRuns / 10), seed },
    );
  }
});

const kindOf = (event: unknown) => (event as [kind: string])[0];

/** Without reports: the hook is called while frames before that one still wait. */
function frameEvents(all: readonly unknown[]): unknown[] {
  return all.filter((event) => kindOf(event) !== "report");
}

/** A stream reports bad frames while good ones before them still wait. */
function framesFirst(all: readonly unknown[]): unknown[] {
  const frames = all.filter((event) => kindOf(event) === "frame");
  const others = frameEvents(all).filter((event) => kindOf(event) !== "frame");
  return [...frames, ...others];
}

// What the property found, and what it must go on finding: the cases that were faults.

/** All cuts of a short stream must give this. */
function checkAllCuts(
  codec: Codec<unknown, never>,
  wire: Uint8Array,
  expected: readonly unknown[],
): void {
  for (let cuts = 0; cuts < 2 ** (wire.length - 1); cuts++) {
    const chunks: Uint8Array[] = [];
    let start = 0;
    for (let end = 1; end <= wire.length; end++) {
      if (end === wire.length || cuts & 1 << (end - 1)) {
        chunks.push(wire.subarray(start, start = end));
      }
    }
    const seen = decodeInMemory(codec, chunks, addByReading).slice(0, -1)
      .map((event) => (event as unknown[]).slice(0, 4));
    assertEquals(seen, [...expected]);
  }
}

Deno.test("strict lines refuse a bare newline wherever a read begins", () => {
  for (const oversize of CUTTING) {
    const codec = lines({ newline: "\r\n", oversize, maxLineBytes: 7 });
    const refused = (frame: string) => [
      "malformed",
      "malformed-frame",
      false,
      utf8(frame),
    ];
    checkAllCuts(codec, utf8("H: a\r\n\nG x\n"), [
      ["frame", "H: a"],
      refused(""),
    ]);
    checkAllCuts(codec, utf8("a\r\n\n\n"), [["frame", "a"], refused("")]);
    checkAllCuts(codec, utf8("\n\na\r\n"), [refused("")]);
    checkAllCuts(codec, utf8("\n\r\na\r\n"), [refused("")]);
    checkAllCuts(codec, utf8("a\r\rb\r\n"), [refused("a\r\rb")]);
    checkAllCuts(codec, utf8("\ra\r\nb\r\n"), [refused("\ra")]);
  }
});

Deno.test("strict lines refuse a lone return and newline in what they skip and cut", () => {
  for (const oversize of ["skip", "truncate"] as const) {
    const codec = lines({ newline: "\r\n", oversize, maxLineBytes: 2 });
    const head = oversize === "skip" ? [] : [["frame", "ab"]];
    for (
      const bad of [
        "abcd\rx",
        "abc\r\rx",
        "abcd\nx",
        "abcd\r\r\nx",
        "abc\rx\r\n",
      ]
    ) {
      for (const wire of [bad, `${bad}\r\n`]) {
        const chunks = [[utf8(wire)], cut(utf8(wire), [1])];
        for (const each of chunks) {
          const seen = decodeInMemory(codec, each, addByReading).slice(0, -1);
          assertEquals(seen.slice(0, -1), head, wire);
          assertEquals(kindOf(seen.at(-1)), "malformed", wire);
        }
      }
    }
    checkAllCuts(codec, utf8("abcd\r\nx\r\n"), [...head, ["frame", "x"]]);
  }
});

Deno.test("lines of GB18030 are the same for every cut, whatever is wrong in them", () => {
  for (const encoding of ["gbk", "gb18030"]) {
    const codec = lines({ encoding });
    checkAllCuts(codec, bytes(0x81, 0x30, 10, 97, 10), [
      ["frame", "\ufffd"],
      ["frame", "a"],
    ]);
    checkAllCuts(codec, bytes(97, 10, 0x81, 0x30, 0x81, 10, 98, 10), [
      ["frame", "a"],
      ["frame", "\ufffd"],
      ["frame", "b"],
    ]);
  }
});
