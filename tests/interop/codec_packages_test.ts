import { assertEquals } from "@std/assert";
import {
  decodeStream,
  encodeStream,
  lengthPrefixed,
  varintPrefixed,
} from "@sluice/net/codec";
import { Duplex, type Transform } from "node:stream";
import frameStream from "npm:frame-stream@4.0.1";
import prefixed from "npm:length-prefixed-stream@2.0.0";
import protobuf from "npm:protobufjs@8.8.1";

const SIZES = [0, 1, 5, 127, 128, 300, 5000, 70_000];
const messages = SIZES.map((size) =>
  new Uint8Array(size).map((_, i) => i * 31 + size)
);

/** All bytes of a stream in one array. */
async function gather(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream as BodyInit).arrayBuffer());
}

/** Pushes chunks through a stream of Node and gives what comes out. */
async function throughNode(
  stream: Transform,
  chunks: readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const out: Uint8Array[] = [];
  stream.on("data", (data: Uint8Array) => out.push(Uint8Array.from(data)));
  const ended = new Promise<void>((resolve, reject) => {
    stream.on("end", resolve);
    stream.on("error", reject);
  });
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await ended;
  return out;
}

/** The same bytes in pieces that no frame begins or ends with. */
function inPieces(wire: Uint8Array, size = 1021): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let i = 0; i < wire.length; i += size) {
    pieces.push(wire.slice(i, i + size));
  }
  return pieces;
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

const pairs = [
  {
    name: "length-prefixed-stream and varintPrefixed()",
    codec: varintPrefixed(),
    encode: () => prefixed.encode() as Transform,
    decode: () => prefixed.decode() as Transform,
    // Its decoder hands out no empty messages.
    sent: messages.slice(1),
  },
  {
    name: "frame-stream and lengthPrefixed()",
    codec: lengthPrefixed(),
    encode: () => frameStream.encode() as Transform,
    decode: () => frameStream.decode() as Transform,
    // Nor does this one.
    sent: messages.slice(1),
  },
  {
    name: "frame-stream and lengthPrefixed() of two bytes",
    codec: lengthPrefixed({ lengthBytes: 2 }),
    encode: () => frameStream.encode({ lengthSize: 2 }) as Transform,
    decode: () => frameStream.decode({ lengthSize: 2 }) as Transform,
    // Two bytes of length are not enough for the last.
    sent: messages.slice(1, -1),
  },
];

for (const { name, codec, encode, decode, sent } of pairs) {
  Deno.test(`${name} write the same bytes, and read each other`, async () => {
    const theirs = joined(await throughNode(encode(), sent));
    const ours = await gather(
      ReadableStream.from(sent).pipeThrough(encodeStream(codec)),
    );
    assertEquals(ours, theirs);
    assertEquals(await throughNode(decode(), inPieces(ours)), sent);
    const frames = await Array.fromAsync(
      ReadableStream.from(inPieces(theirs)).pipeThrough(decodeStream(codec)),
    );
    assertEquals(frames, sent);
  });
}

Deno.test("decodeStream() and encodeStream() join streams of Node", async () => {
  const source = Duplex.toWeb(prefixed.encode() as Duplex) as {
    readable: ReadableStream<Uint8Array>;
    writable: WritableStream<Uint8Array>;
  };
  const frames = Array.fromAsync(
    source.readable.pipeThrough(decodeStream(varintPrefixed())),
  );
  const writer = source.writable.getWriter();
  for (const message of messages.slice(1)) await writer.write(message);
  await writer.close();
  assertEquals(await frames, messages.slice(1));
});

const Point = new protobuf.Type("Point")
  .add(new protobuf.Field("x", 1, "sint32"))
  .add(new protobuf.Field("label", 2, "string"));

Deno.test("varintPrefixed() reads what protobufjs delimits", async () => {
  const points = [
    { x: 1, label: "a" },
    { x: -70_000, label: "b".repeat(200) },
    { x: 0, label: "" },
  ];
  const wire = joined(
    points.map((point) => Point.encodeDelimited(point).finish()),
  );
  const frames = await Array.fromAsync(
    ReadableStream.from(inPieces(wire, 3)).pipeThrough(
      decodeStream(varintPrefixed()),
    ),
  );
  assertEquals(
    frames.map((frame) => ({ ...Point.toObject(Point.decode(frame)) })),
    [points[0], points[1], { x: 0, label: "" }],
  );
});

Deno.test("protobufjs reads what varintPrefixed() delimits", async () => {
  const points = [{ x: 5, label: "one" }, { x: -5, label: "two".repeat(60) }];
  const wire = await gather(
    ReadableStream.from(points.map((point) => Point.encode(point).finish()))
      .pipeThrough(encodeStream(varintPrefixed())),
  );
  const reader = protobuf.Reader.create(wire);
  for (const point of points) {
    const decoded = Point.toObject(Point.decodeDelimited(reader));
    assertEquals<unknown>({ ...decoded }, point);
  }
  assertEquals(reader.pos, wire.length);
});
