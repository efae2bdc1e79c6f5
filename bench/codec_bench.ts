/**
 * Codecs in memory: decoding and encoding, against copying the same bytes, against
 * the streams of `@std/streams` and npm, and against code written by hand. Lines have a
 * file of their own.
 *
 * An iteration is a fixed number of bytes or frames, named in the group, so that the
 * groups' ratios are the result. The whole file takes a quarter of a minute.
 */
import { DelimiterStream } from "@std/streams";
import { decode as decodeIterable } from "npm:it-length-prefixed@11.0.1";
import prefixed from "npm:length-prefixed-stream@2.0.0";
import {
  bool,
  ByteQueue,
  bytes as bytesField,
  ByteWriter,
  type Codec,
  contentLength,
  decodeStream,
  delimited,
  f64,
  fixed,
  i16,
  i32,
  json,
  lengthPrefixed,
  lines,
  netstring,
  packets,
  struct,
  text,
  u16,
  u24,
  u32,
  u8,
  utf8 as utf8Field,
  varintPrefixed,
} from "@sluice/net/codec";
import {
  bench,
  type Bytes,
  check,
  countFrames,
  decodeAll,
  readsOf,
  throughNode,
  wireOf,
} from "./_codec.ts";

const MIB = 1024 * 1024;

function encodeAll<Out>(
  codec: Codec<unknown, Out>,
  frame: Out,
  count: number,
  out: ByteWriter,
): void {
  const encoder = codec.encoder();
  for (let i = 0; i < count; i++) {
    encoder.encode(frame, out);
    if (out.length >= 64 * 1024) out.clear();
  }
  out.clear();
}

// Copying the bytes is the least that anything can do with them.

for (const size of [16, 64, 1024, 16 * 1024, MIB]) {
  const total = Math.min(4 * MIB, size * 20_000);
  const count = Math.max(4, Math.floor(total / size));
  const frame = new Uint8Array(size);
  const codec = lengthPrefixed();
  const reads = readsOf(wireOf(codec, frame, count));
  const target = new Uint8Array(64 * 1024);
  const group = `lengthPrefixed: ${count} frames of ${size} bytes`;
  bench(group, "memcpy", () => {
    for (const read of reads) target.set(read);
  }, { baseline: true });
  bench(group, "decode", () => decodeAll(codec, reads, count));
  const out = new ByteWriter();
  bench(group, "encode", () => encodeAll(codec, frame, count, out));
}

// Every codec, with frames of 64 bytes.

const FRAME = new Uint8Array(64).fill(97);
const TEXT = "a".repeat(64);
const DOCUMENT = {
  id: 12345,
  method: "ping",
  params: [1, 2, "three"],
  ok: true,
};

const move = struct({
  version: u8,
  flags: u16,
  id: u32,
  time: f64,
  dx: i16,
  dy: i32,
  up: bool,
  weight: u24,
});
const MOVE = {
  version: 1,
  flags: 2,
  id: 3_000_000_000,
  time: 1234.5,
  dx: -5,
  dy: -6,
  up: true,
  weight: 7,
};
const chat = struct({
  id: u32,
  size: u16,
  name: utf8Field(u8),
  body: bytesField("size"),
});
const CHAT = { id: 7, name: "a player", body: new Uint8Array(32) };

function everyCodec<Out>(
  name: string,
  codec: Codec<unknown, Out>,
  frame: Out,
): void {
  const count = 10_000;
  const reads = readsOf(wireOf(codec, frame, count));
  const baseline = name === "lengthPrefixed";
  bench("decode 10000 frames", name, () => decodeAll(codec, reads, count), {
    baseline,
  });
  const out = new ByteWriter();
  bench(
    "encode 10000 frames",
    name,
    () => encodeAll(codec, frame, count, out),
    { baseline },
  );
}

everyCodec("lengthPrefixed", lengthPrefixed(), FRAME);
everyCodec("varintPrefixed", varintPrefixed(), FRAME);
everyCodec("delimited", delimited({ delimiter: "\r\n" }), FRAME);
everyCodec("lines", lines(), TEXT);
everyCodec("lines, strict", lines({ newline: "\r\n" }), TEXT);
everyCodec("lines, not ASCII", lines(), "ä".repeat(32));
everyCodec("fixed", fixed({ frameBytes: 64 }), FRAME);
everyCodec("netstring", netstring(), FRAME);
everyCodec("contentLength", contentLength(), FRAME);
everyCodec("text(lengthPrefixed)", text(lengthPrefixed()), TEXT);
everyCodec("json(lines)", json(), DOCUMENT);
everyCodec("packets of numbers", packets(move, lengthPrefixed()), MOVE);
everyCodec("packets of text and bytes", packets(chat, lengthPrefixed()), CHAT);
everyCodec("packets without frames", packets(chat), CHAT);

// Other framings against other packages.

{
  const count = 20_000;
  const codec = delimited({ delimiter: "\r\n" });
  const reads = readsOf(wireOf(codec, FRAME, count));
  const group = `${count} frames of 64 bytes and a delimiter`;
  bench(group, "DelimiterStream", async () => {
    const stream = ReadableStream.from(reads)
      .pipeThrough(new DelimiterStream(new Uint8Array([13, 10])));
    // It gives an empty frame behind the last delimiter.
    const frames = await countFrames(stream);
    check(frames - frames % 2, count);
  }, { baseline: true, n: 15 });
  bench(group, "decodeStream(delimited())", async () => {
    const stream = ReadableStream.from(reads).pipeThrough(decodeStream(codec));
    check(await countFrames(stream), count);
  }, { n: 15 });
  bench(group, "delimited() in memory", () => decodeAll(codec, reads, count));
}

{
  const count = 20_000;
  const codec = varintPrefixed();
  const reads = readsOf(wireOf(codec, FRAME, count));
  const group = `${count} frames of 64 bytes behind a varint`;
  bench(group, "length-prefixed-stream", async () => {
    check(await throughNode(prefixed.decode(), reads), count);
  }, { baseline: true, n: 15 });
  bench(group, "it-length-prefixed", () => {
    let frames = 0;
    for (const _ of decodeIterable(reads)) frames++;
    check(frames, count);
  }, { n: 15 });
  bench(group, "decodeStream(varintPrefixed())", async () => {
    const stream = ReadableStream.from(reads).pipeThrough(decodeStream(codec));
    check(await countFrames(stream), count);
  }, { n: 15 });
  bench(
    group,
    "varintPrefixed() in memory",
    () => decodeAll(codec, reads, count),
  );
}

// Structs against the DataView code that one writes by hand.

{
  const count = 20_000;
  const wire = wireOf(packets(move, fixed({ frameBytes: 25 })), MOVE, count);
  const frames = Array.from(
    { length: count },
    (_, i) => wire.subarray(i * 25, i * 25 + 25),
  );
  const chats = frames.map(() => chat.encode(CHAT));
  // Other structs in the same program must not make this one slow.
  for (const each of chats) chat.decode(each);

  const handMove = (frame: Uint8Array) => {
    const { buffer, byteOffset, byteLength } = frame;
    const view = new DataView(buffer, byteOffset, byteLength);
    return {
      version: view.getUint8(0),
      flags: view.getUint16(1),
      id: view.getUint32(3),
      time: view.getFloat64(7),
      dx: view.getInt16(15),
      dy: view.getInt32(17),
      up: view.getUint8(21) !== 0,
      weight: view.getUint16(22) * 256 + view.getUint8(24),
    };
  };
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const handChat = (frame: Uint8Array) => {
    const { buffer, byteOffset, byteLength } = frame;
    const view = new DataView(buffer, byteOffset, byteLength);
    const size = view.getUint16(4);
    const end = 7 + view.getUint8(6);
    return {
      id: view.getUint32(0),
      size,
      name: decoder.decode(frame.subarray(7, end)),
      body: frame.subarray(end, end + size),
    };
  };
  const compare = (
    group: string,
    all: readonly Uint8Array[],
    hand: (frame: Uint8Array) => { id: number },
    ours: (frame: Uint8Array) => { id: number },
  ) => {
    const run = (decode: (frame: Uint8Array) => { id: number }) => {
      let sum = 0;
      for (const frame of all) sum += decode(frame).id;
      check(sum, decode(all[0]).id * count);
    };
    bench(group, "by hand", () => run(hand), { baseline: true });
    bench(group, "struct()", () => run(ours));
  };
  compare(
    `decode ${count} structs of 8 numbers`,
    frames,
    handMove,
    (frame) => move.decode(frame),
  );
  compare(
    `decode ${count} structs of text and bytes`,
    chats,
    handChat,
    (frame) => chat.decode(frame),
  );
}

// A frame that arrives a byte at a time: ten times the bytes, ten times the time.

function byteByByte(codec: Codec<unknown, never>, wire: Bytes): void {
  const queue = new ByteQueue();
  const decoder = codec.decoder();
  let frames = 0;
  for (let i = 0; i < wire.length; i++) {
    queue.reserve()[0] = wire[i];
    queue.commit(1);
    if (decoder.decode(queue) !== undefined) frames++;
  }
  check(frames, 1);
}

for (const size of [1, 10, 100, 1024]) {
  const group = `a frame of ${size} KiB, a byte at a time`;
  const maxFrameBytes = 2 * MIB;
  const frame = new Uint8Array(size * 1024).fill(97);
  const codecs: [string, Codec<unknown, Uint8Array>][] = [
    ["lengthPrefixed", lengthPrefixed({ maxFrameBytes })],
    ["delimited", delimited({ delimiter: "\r\n", maxFrameBytes })],
    ["contentLength", contentLength({ maxFrameBytes })],
  ];
  const wires: [string, Codec<unknown, never>, Bytes][] = [
    ...codecs.map(([name, codec]) =>
      [name, codec, wireOf(codec, frame, 1)] as [string, typeof codec, Bytes]
    ),
    [
      "lines",
      lines({ maxLineBytes: maxFrameBytes }),
      Uint8Array.from([...frame, 10]),
    ],
  ];
  for (const [name, codec, wire] of wires) {
    bench(group, name, () => byteByByte(codec, wire), {
      baseline: name === "lengthPrefixed",
      n: size === 1024 ? 5 : 15,
    });
  }
}
