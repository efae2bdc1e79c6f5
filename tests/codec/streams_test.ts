import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import type { Codec, Decoder } from "../../lib/codec/codec.ts";
import { decodeStream } from "../../lib/codec/decode_stream.ts";
import { encodeStream } from "../../lib/codec/encode_stream.ts";
import { FrameDecoder } from "../../lib/codec/frame_decoder.ts";
import { json } from "../../lib/codec/json.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import {
  CodecError,
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "../../lib/errors.ts";
import { bytes, toText, utf8 } from "./_support.ts";

/** Reads until the end or an error. */
async function readAll<T>(
  stream: ReadableStream<T>,
): Promise<{ frames: T[]; error: unknown }> {
  const frames: T[] = [];
  try {
    for await (const frame of stream) frames.push(frame);
  } catch (error) {
    return { frames, error };
  }
  return { frames, error: undefined };
}

Deno.test("decodeStream() decodes a stream cut anywhere", async () => {
  const chunks = ["on", "e\ntw", "o", "", "\n\nlast"].map(utf8);
  const stream = ReadableStream.from(chunks).pipeThrough(decodeStream(lines()));
  assertEquals(await readAll(stream), {
    frames: ["one", "two", "", "last"],
    error: undefined,
  });
});

Deno.test("decodeStream() reads a file, a response and a process", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "one\ntwo\n");
    const file = await Deno.open(path);
    const bodies = [
      file.readable,
      new Response("one\ntwo\n").body!,
      new Blob(["one\ntwo\n"]).stream(),
    ];
    for (const body of bodies) {
      const { frames } = await readAll(body.pipeThrough(decodeStream(lines())));
      assertEquals(frames, ["one", "two"]);
    }
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "console.log('one'); console.log('two');"],
      stdout: "piped",
    }).spawn();
    const output = child.stdout.pipeThrough(decodeStream(lines()));
    assertEquals((await readAll(output)).frames, ["one", "two"]);
    await child.status;
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("decodeStream() hands out all good frames before the error", async () => {
  const codec = lengthPrefixed({ lengthBytes: 1, maxFrameBytes: 3 });
  const wire = bytes(1, 7, 1, 8, 9, 0, 0, 1, 9);
  const source = ReadableStream.from([wire, bytes(1, 1)]);
  const { frames, error } = await readAll(
    source.pipeThrough(decodeStream(codec)),
  );
  assertEquals(frames, [bytes(7), bytes(8)]);
  assert(error instanceof FrameTooLargeError);
});

Deno.test("decodeStream() hands out all good frames before a stream that ends early", async () => {
  const wire = bytes(1, 7, 1, 8, 3, 1);
  const stream = ReadableStream.from([wire]).pipeThrough(
    decodeStream(lengthPrefixed({ lengthBytes: 1 })),
  );
  const { frames, error } = await readAll(stream);
  assertEquals(frames, [bytes(7), bytes(8)]);
  assert(error instanceof UnexpectedEofError);
});

Deno.test("decodeStream() reports an early end for a codec that leaves it to others", async () => {
  const codec = {
    decoder: () => ({
      decode: (queue: { length: number; take(n: number): Uint8Array }) =>
        queue.length < 2 ? undefined : queue.take(2),
    }),
    encoder: () => lengthPrefixed().encoder(),
  };
  const stream = ReadableStream.from([bytes(1, 2, 3)]);
  const { frames, error } = await readAll(
    stream.pipeThrough(decodeStream(codec)),
  );
  assertEquals(frames, [bytes(1, 2)]);
  assert(error instanceof UnexpectedEofError);
});

Deno.test("decodeStream() goes on after bad frames if onBadFrame is given", async () => {
  const wire = utf8('1\n{\n2\n"\n');
  const codec = json(lines());
  const ending = ReadableStream.from([wire]).pipeThrough(decodeStream(codec));
  const { frames, error } = await readAll(ending);
  assertEquals(frames, [1]);
  assert(error instanceof MalformedFrameError);

  const heard: unknown[] = [];
  const stream = ReadableStream.from([wire]).pipeThrough(
    decodeStream(codec, { onBadFrame: (bad) => heard.push(bad) }),
  );
  assertEquals(await readAll(stream), { frames: [1, 2], error: undefined });
  assertEquals(heard.length, 2);

  const reason = new Error("enough");
  const throwing = ReadableStream.from([wire]).pipeThrough(
    decodeStream(codec, {
      onBadFrame: () => {
        throw reason;
      },
    }),
  );
  assertEquals(await readAll(throwing), { frames: [1], error: reason });
});

Deno.test("decodeStream() takes a chunk only when its frames are wanted", async () => {
  let pulled = 0;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(utf8(`${++pulled}a\n${pulled}b\n`));
    },
  }, { highWaterMark: 0 });
  const stream = source.pipeThrough(decodeStream(lines()));
  const reader = stream.getReader();
  // The pipe keeps one chunk ready, as every pipe does.
  const expected = ["1a", "1b", "2a", "2b", "3a"];
  for (const frame of expected) {
    assertEquals((await reader.read()).value, frame);
    assert(pulled <= Number(frame[0]) + 1, `${pulled} chunks for ${frame}`);
  }
  await reader.cancel();
});

Deno.test("decodeStream() aborts its source when it is cancelled", async () => {
  let cancelled: unknown;
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(utf8("x\n")),
    cancel: (reason) => {
      cancelled = reason;
    },
  });
  const reader = source.pipeThrough(decodeStream(lines())).getReader();
  await reader.read();
  await reader.cancel("enough");
  for (let turns = 0; cancelled === undefined && turns < 100; turns++) {
    await Promise.resolve();
  }
  assertEquals(cancelled, "enough");
});

Deno.test("decodeStream() fails when its source does", async () => {
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("broken")),
  });
  const stream = source.pipeThrough(decodeStream(lines()));
  await assertRejects(() => stream.getReader().read(), Error, "broken");
});

Deno.test("decodeStream() lets a writer know of the error", async () => {
  const { readable, writable } = decodeStream(lines({ maxLineBytes: 1 }));
  const writer = writable.getWriter();
  const written = writer.write(utf8("abc\n"));
  await assertRejects(() => readable.getReader().read(), FrameTooLargeError);
  await written.catch(() => {});
  await assertRejects(() => writer.closed, FrameTooLargeError);
});

Deno.test("decodeStream() can be ended before anybody reads", async () => {
  for (const [wire, frames] of [["", []], ["last", ["last"]]] as const) {
    const { readable, writable } = decodeStream(lines());
    const writer = writable.getWriter();
    const written = writer.write(utf8(wire));
    const closed = writer.close();
    assertEquals(await readAll(readable), {
      frames: [...frames],
      error: undefined,
    });
    await written;
    await closed;
  }
  const empty = decodeStream(lines());
  await empty.writable.close();
  assertEquals(await readAll(empty.readable), { frames: [], error: undefined });
});

Deno.test("decodeStream() tells the writer that the stream ended too early", async () => {
  for (const wire of [bytes(3, 1), bytes(1, 7, 3, 1)]) {
    const { readable, writable } = decodeStream(
      lengthPrefixed({ lengthBytes: 1 }),
    );
    const piped = ReadableStream.from([wire]).pipeTo(writable);
    const refused = assertRejects(() => piped, UnexpectedEofError);
    const { frames, error } = await readAll(readable);
    assertEquals(frames.length, wire.length === 4 ? 1 : 0);
    assert(error instanceof UnexpectedEofError);
    await refused;
  }
});

/** A codec with this decoder. */
function withDecoder<T>(decoder: () => Decoder<T>) {
  return { decoder, encoder: () => lines().encoder() };
}

Deno.test("decodeStream() fails both sides for a chunk that is no Uint8Array", async () => {
  const transferred = new Uint8Array(2);
  structuredClone(transferred, { transfer: [transferred.buffer] });
  const chunks: [unknown, string][] = [
    ["one\n", 'got "one\\n"'],
    [new Uint16Array(1), "got a Uint16Array of 2 bytes"],
    [new ArrayBuffer(3), "got an ArrayBuffer"],
    [null, "got null"],
    [undefined, "got undefined"],
    [{ length: 3 }, "got an object"],
    [transferred, "got one that was transferred"],
  ];
  for (const [chunk, got] of chunks) {
    for (const readFirst of [true, false]) {
      const { readable, writable } = decodeStream(lines());
      const writer = writable.getWriter();
      const closed = assertRejects(() => writer.closed, TypeError, got);
      const reading = readFirst ? readAll(readable) : undefined;
      const written = writer.write(chunk as Uint8Array);
      const error = await assertRejects(
        () => written,
        TypeError,
        "Cannot decode a stream: a chunk must be a Uint8Array",
      );
      await closed;
      const outcome = await (reading ?? readAll(readable));
      assertStrictEquals(outcome.error, error);
    }
  }
});

Deno.test("decodeStream() gives the frames that came before a chunk that is none", async () => {
  const source = ReadableStream.from([utf8("one\ntwo\n"), "three\n"]);
  const { frames, error } = await readAll(
    source.pipeThrough(decodeStream(lines()) as TransformStream),
  );
  assertEquals(frames, ["one", "two"]);
  assert(error instanceof TypeError);
});

Deno.test("decodeStream() gives all that a decoder keeps, a part at a time", async () => {
  // A byte says how many frames there are, as in a decompression.
  const codec = withDecoder(() => {
    let count = 0;
    return {
      decode(queue) {
        if (count === 0 && queue.length > 0) count = 20 * queue.take(1)[0];
        return count > 0 ? count-- : undefined;
      },
    };
  });
  const stream = ReadableStream.from([bytes(250)]).pipeThrough(
    decodeStream(codec),
  );
  const { frames, error } = await readAll(stream);
  assertEquals([frames.length, frames.at(-1), error], [5_000, 1, undefined]);
});

Deno.test("decodeStream() ends where a decoder returns frames and takes nothing", async () => {
  let made = 0;
  const codec = withDecoder(() => ({
    decode: (queue) => queue.length > 0 ? ++made : undefined,
  }));
  const { readable, writable } = decodeStream(codec);
  const piped = ReadableStream.from([bytes(1)]).pipeTo(writable);
  const failed = assertRejects(() => piped, CodecError);
  const { frames, error } = await readAll(readable);
  assert(error instanceof CodecError);
  assertEquals([frames, made], [[], 1]);
  await failed;
  // After some good ones.
  let good = 3;
  const later = withDecoder(() => ({
    decode: (queue) =>
      queue.length === 0 ? undefined : good-- > 0 ? queue.take(1) : bytes(9),
  }));
  const stream = ReadableStream.from([bytes(1, 2, 3, 4)]).pipeThrough(
    decodeStream(later),
  );
  const reader = stream.getReader();
  let read = 0;
  await assertRejects(
    async () => {
      while (!(await reader.read()).done) read++;
    },
    CodecError,
  );
  assert(read < 70_000, `${read} frames`);
});

Deno.test("decodeStream() ends where a decoder returns promises, which end no process", async () => {
  const printed: unknown[] = [];
  const original = console.error;
  console.error = (...values) => printed.push(String(values.at(-1)));
  try {
    const promising: Codec<Promise<never>> = {
      decoder: () => ({
        decode(bytes) {
          if (bytes.length === 0) return undefined;
          return Promise.reject(new Error(`${bytes.take(1)[0]}`));
        },
      }),
      encoder: () => ({ encode() {} }),
    };
    const source = ReadableStream.from([Uint8Array.of(1, 2)]);
    await assertRejects(
      () => Array.fromAsync(source.pipeThrough(decodeStream(promising))),
      CodecError,
      "the decoder must return its frames at once, got a promise",
    );
    // As `framed` asks for what has come: the frames before that are in the batch.
    const batch: unknown[] = ["before"];
    const asked = new FrameDecoder<unknown>(
      promising.decoder(),
      new ByteQueue(),
    );
    asked.queue.append(Uint8Array.of(3, 4));
    assertThrows(() => asked.fill(batch), CodecError, "got a promise");
    assertEquals(batch, ["before"]);
    assertThrows(() => asked.next(false), CodecError, "got a promise");
    await new Promise((resolve) => setTimeout(resolve));
  } finally {
    console.error = original;
  }
  assertEquals(printed, ["Error: 1", "Error: 3", "Error: 4"]);
});

Deno.test("decodeStream() ends where onBadFrame is called again for the same bytes", async () => {
  const codec = withDecoder<string>(() => ({
    decode(queue) {
      if (queue.length === 0) return undefined;
      throw new MalformedFrameError("stuck", { recoverable: true });
    },
  }));
  let heard = 0;
  const stream = ReadableStream.from([bytes(1)]).pipeThrough(
    decodeStream(codec, { onBadFrame: () => heard++ }),
  );
  const { error } = await readAll(stream);
  assert(error instanceof CodecError);
  assert(heard < 2, `${heard} errors`);
});

Deno.test("decodeStream() ends where a decoder that keeps bytes goes on with errors for ever", async () => {
  const stuck = new MalformedFrameError("stuck", { recoverable: true });
  let kept = 0;
  const codec = withDecoder<string>(() => ({
    decode(queue) {
      kept += queue.length;
      queue.skip(queue.length);
      if (kept === 0) return undefined;
      throw stuck;
    },
  }));
  let heard = 0;
  const stream = ReadableStream.from([new Uint8Array(4_096)]).pipeThrough(
    decodeStream(codec, { onBadFrame: () => heard++ }),
  );
  const { error } = await readAll(stream);
  assert(error instanceof CodecError);
  // The first took the bytes. As many frames could be 4,194,304.
  assertEquals(heard, 1 + 65_536);
});

Deno.test("decodeStream() goes on where the promise of onBadFrame rejects", async () => {
  const printed: unknown[][] = [];
  const original = console.error;
  console.error = (...values) => printed.push(values);
  try {
    const reason = new Error("cannot store it");
    const stream = ReadableStream.from([utf8("1\n{\n2\n")]).pipeThrough(
      decodeStream(json(), { onBadFrame: () => Promise.reject(reason) }),
    );
    assertEquals(await readAll(stream), { frames: [1, 2], error: undefined });
    assertEquals(printed.map((values) => values.at(-1)), [reason]);
  } finally {
    console.error = original;
  }
});

Deno.test("decodeStream() asks finish() until it has no more, and refuses what it leaves", async () => {
  const codec = withDecoder(() => ({
    decode: () => undefined,
    finish: (queue) => queue.length > 1 ? queue.take(1)[0] : undefined,
  }));
  const stream = ReadableStream.from([bytes(7, 8, 9)]).pipeThrough(
    decodeStream(codec),
  );
  const { frames, error } = await readAll(stream);
  assertEquals(frames, [7, 8]);
  assert(error instanceof UnexpectedEofError);
  assertEquals(error.received, 1);
});

Deno.test("decodeStream() gives frames that are null, and refuses null for undefined", async () => {
  const nulls = withDecoder<null>(() => ({
    decode: (queue) => queue.length > 0 ? (queue.skip(1), null) : undefined,
  }));
  const { frames } = await readAll(
    ReadableStream.from([bytes(1, 2)]).pipeThrough(decodeStream(nulls)),
  );
  assertEquals(frames, [null, null]);
  const wrong = withDecoder<unknown>(() => ({ decode: () => null }));
  const { error } = await readAll(
    ReadableStream.from([bytes(1)]).pipeThrough(decodeStream(wrong)),
  );
  assert(error instanceof CodecError);
});

Deno.test("decodeStream() refuses what is no codec and what is no option, by name", () => {
  const bad: [unknown, unknown, string][] = [
    [undefined, {}, "codec must be an object with decoder(), got undefined"],
    [lines(), { onBadFrames: 1 }, 'unknown option "onBadFrames"'],
    [lines(), { onBadFrame: 1 }, "onBadFrame must be a function, got 1"],
  ];
  for (const [codec, options, text] of bad) {
    assertThrows(
      () => decodeStream(codec as never, options as never),
      TypeError,
      `Cannot decode a stream: ${text}`,
    );
  }
});

Deno.test("encodeStream() encodes every frame, and what it made decodes", async () => {
  const frames = ["one", "", "two"];
  const wire = ReadableStream.from(frames).pipeThrough(encodeStream(lines()));
  const [left, right] = wire.tee();
  assertEquals((await readAll(left)).frames.map(toText), [
    "one\n",
    "\n",
    "two\n",
  ]);
  const decoded = right.pipeThrough(decodeStream(lines()));
  assertEquals((await readAll(decoded)).frames, frames);
});

Deno.test("encodeStream() fails on a frame that cannot be encoded, after those before", async () => {
  const stream = ReadableStream.from(["a", "b\n", "c"]).pipeThrough(
    encodeStream(lines()),
  );
  const { frames, error } = await readAll(stream);
  assertEquals(frames.map(toText), ["a\n"]);
  assert(error instanceof RangeError);
});

Deno.test("encodeStream() refuses what is no codec, and an encoder that is asynchronous", async () => {
  assertThrows(
    () => encodeStream(undefined as never),
    TypeError,
    "Cannot encode a stream: codec must be an object with encoder()",
  );
  const stream = ReadableStream.from(["a"]).pipeThrough(encodeStream<string>({
    decoder: () => lines().decoder(),
    encoder: () => ({ encode: async () => {} }),
  }));
  const { frames, error } = await readAll(stream);
  assertEquals(frames, []);
  assert(error instanceof CodecError);
});

Deno.test("encodeStream() ends with what finish() appends, asked once", async () => {
  for (const frames of [["a", "b"], []]) {
    let finished = 0;
    const codec: Codec<string> = {
      decoder: () => lines().decoder(),
      encoder: () => ({
        encode: (line, out) => lines().encoder().encode(line, out),
        finish: (out) => void out.writeText(`end ${++finished}\n`),
      }),
    };
    const stream = ReadableStream.from(frames).pipeThrough(encodeStream(codec));
    const { frames: chunks, error } = await readAll(stream);
    assertEquals(error, undefined);
    assertEquals(chunks.map(toText), [
      ...frames.map((line) => `${line}\n`),
      "end 1\n",
    ]);
    const wire = ReadableStream.from(frames).pipeThrough(encodeStream(codec));
    await wire.cancel();
    assertEquals(finished, 1);
  }
});

Deno.test("encodeStream() fails where finish() does, after all frames", async () => {
  const cause = new Error("no trailer");
  const stream = ReadableStream.from(["a"]).pipeThrough(encodeStream<string>({
    decoder: () => lines().decoder(),
    encoder: () => ({
      encode: (line, out) => lines().encoder().encode(line, out),
      finish(out) {
        out.writeText("half");
        throw cause;
      },
    }),
  }));
  const { frames, error } = await readAll(stream);
  assertEquals(frames.map(toText), ["a\n"]);
  assert(error instanceof CodecError);
  assertEquals(error.cause, cause);
});

Deno.test("encodeStream() gives chunks that are never written to again", async () => {
  const frames = Array.from({ length: 50 }, (_, i) => bytes(i, i));
  const stream = ReadableStream.from(frames).pipeThrough(
    encodeStream(lengthPrefixed({ lengthBytes: 1 })),
  );
  const { frames: chunks } = await readAll(stream);
  assertEquals(chunks, frames.map((frame) => bytes(2, ...frame)));
});
