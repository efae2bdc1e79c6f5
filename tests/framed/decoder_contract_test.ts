import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import type { Decoder } from "../../lib/codec/codec.ts";
import { lines } from "../../lib/codec/lines.ts";
import {
  CodecError,
  MalformedFrameError,
  UnexpectedEofError,
} from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import {
  outcome,
  spiedPair,
  turn,
  underEverySplit,
} from "../_support/sockets.ts";
import { keeping } from "./_codecs.ts";

/** A codec with this decoder. */
function withDecoder<T>(decoder: () => Decoder<T>) {
  return { decoder, encoder: () => lines().encoder() };
}

Deno.test("a decoder that keeps bytes of its own hands out all that it has", async () => {
  await underEverySplit(async ({ left, right }) => {
    const receiver = framed(left, keeping);
    await right.write("one\ntwo\nthree\nfo");
    for (const line of ["one", "two", "three"]) {
      assertEquals(await receiver.receive(), line);
    }
    right.write("ur\nlast").then(() => right.closeWrite());
    const rest: string[] = [];
    for await (const line of receiver) rest.push(line);
    assertEquals(rest, ["four", "last"]);
  });
});

Deno.test("batches() and tryReceive() ask a decoder that keeps bytes, too", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const receiver = framed(left, keeping);
  const batches = receiver.batches()[Symbol.asyncIterator]();
  await right.write("one\ntwo\nthree\n");
  assertEquals((await batches.next()).value, ["one", "two", "three"]);
  await right.write("four\nfive\n");
  assertEquals(await receiver.receive(), "four");
  assertEquals(receiver.tryReceive(), "five");
  assertEquals(receiver.tryReceive(), undefined);
});

Deno.test("a batch of what a decoder keeps has an end, and loses nothing", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  // A byte says how many frames there are, as in a decompression.
  const receiver = framed(
    left,
    withDecoder(() => {
      let count = 0;
      return {
        decode(bytes: ByteQueue) {
          if (count === 0 && bytes.length > 0) count = 20 * bytes.take(1)[0];
          return count > 0 ? count-- : undefined;
        },
      };
    }),
  );
  await right.write(new Uint8Array([250]));
  await right.closeWrite();
  let next = 5_000;
  let batches = 0;
  for await (const batch of receiver.batches()) {
    assert(batch.length <= 1_025, `${batch.length} frames`);
    for (const frame of batch) assertEquals(frame, next--);
    batches++;
  }
  assertEquals([next, batches], [0, 5]);
});

Deno.test("frames for which no byte is taken end in a CodecError, and fill no memory", async () => {
  // From the start, or after some good ones.
  for (const good of [0, 3]) {
    const codec = withDecoder(() => {
      let frames = 0;
      return {
        decode(bytes: ByteQueue) {
          if (bytes.length === 0) return undefined;
          return frames++ < good ? bytes.take(1) : new Uint8Array(8);
        },
      };
    });
    using pair = spiedPair();
    const { left, right } = pair;
    await right.write("abcdef");
    const receiver = framed(left, codec);
    let count = 0;
    const error = await assertRejects(async () => {
      for await (const batch of receiver.batches()) {
        assert(batch.length < 2_000, `${batch.length} frames`);
        count += batch.length;
      }
    }, CodecError);
    assert(good === 0 ? count === 0 : count < 70_000, `${count} frames`);
    assertEquals(error.code, "codec");
    assertStrictEquals(await outcome(receiver.receive()), error);
    assertStrictEquals(assertThrows(() => receiver.tryReceive()), error);
    // The socket is its owner's.
    receiver.detach();
    assertEquals((await left.read())?.length, 6 - good);
  }
});

Deno.test("a decoder that puts back what it took has taken nothing", async () => {
  using pair = spiedPair();
  await pair.right.write("abc");
  const receiver = framed(
    pair.left,
    withDecoder(() => ({
      decode(bytes: ByteQueue) {
        if (bytes.length === 0) return undefined;
        const [byte] = bytes.take(1);
        bytes.prepend(new Uint8Array([byte]));
        return byte;
      },
    })),
  );
  await assertRejects(
    async () => {
      for await (const batch of receiver.batches()) assert(batch.length < 2000);
    },
    CodecError,
    "Cannot decode: the decoder must take bytes for each frame",
  );
});

Deno.test("an error that moves past nothing is the end of the frames", async () => {
  using pair = spiedPair();
  await pair.right.write("!");
  const stuck = new MalformedFrameError("Cannot decode !", {
    recoverable: true,
  });
  const receiver = framed(
    pair.left,
    withDecoder(() => ({
      decode: (bytes: ByteQueue) => {
        if (bytes.length > 0) throw stuck;
        return undefined;
      },
    })),
  );
  const error = await assertRejects(() => receiver.receive(), CodecError);
  assertStrictEquals(error.cause, stuck);
  assertStrictEquals(await outcome(receiver.receive()), error);
});

Deno.test("errors and frames of what a decoder keeps are told apart and go on", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const receiver = framed(
    left,
    withDecoder(() => {
      const inner = keeping.decoder();
      return {
        decode: (bytes: ByteQueue) => {
          const line = inner.decode(bytes);
          if (line !== "!") return line;
          throw new MalformedFrameError("bad", { recoverable: true });
        },
        finish: (bytes: ByteQueue) => inner.finish!(bytes),
      };
    }),
  );
  await right.write("1\n!\n!\n2\n");
  const results = [];
  for (let i = 0; i < 4; i++) {
    const result = await outcome(receiver.receive());
    results.push(result instanceof MalformedFrameError ? "bad" : result);
  }
  assertEquals(results, ["1", "bad", "bad", "2"]);
});

Deno.test("null in place of undefined is refused, also where frames may be null", async () => {
  const codec = withDecoder<unknown>(() => ({
    decode: (bytes) => bytes.length < 2 ? null : bytes.take(2),
  }));
  for (const how of ["receive", "for await", "batches", "try"] as const) {
    using pair = spiedPair();
    await pair.right.write("abc");
    const receiver = framed(pair.left, codec);
    const receiving = async () => {
      if (how === "receive") {
        while (await receiver.receive()) {
          /* to the end */
        }
      }
      if (how === "for await") {
        for await (const _ of receiver) {
          /* to the end */
        }
      }
      if (how === "batches") {
        for await (const _ of receiver.batches()) {
          /* to the end */
        }
      }
      if (how === "try") {
        await pair.left.peek(3);
        while (receiver.tryReceive() !== undefined) { /* to the end */ }
      }
    };
    await assertRejects(
      receiving,
      CodecError,
      "the decoder must return undefined when it needs more bytes, got null",
    );
  }
});

Deno.test("a decoder that is asynchronous is refused, and its promise ends no process", async () => {
  const printed: unknown[][] = [];
  const original = console.error;
  console.error = (...values) => printed.push(values);
  try {
    using pair = spiedPair();
    await pair.right.write("abc");
    const reason = new Error("later");
    const receiver = framed(
      pair.left,
      withDecoder<unknown>(() => ({ decode: () => Promise.reject(reason) })),
    );
    await assertRejects(
      () => receiver.receive(),
      CodecError,
      "the decoder must return undefined when it needs more bytes, got a promise",
    );
    assertEquals(printed.map((values) => values.at(-1)), [reason]);
  } finally {
    console.error = original;
  }
});

Deno.test("a frame that is null is no end: receive() refuses it, loops give it", async () => {
  const codec = withDecoder<string | null>(() => {
    const inner = lines().decoder();
    return {
      decode(bytes) {
        const line = inner.decode(bytes);
        return line === "null" ? null : line;
      },
      finish: (bytes) => inner.finish!(bytes),
    };
  });
  using pair = spiedPair();
  const { left, right } = pair;
  const receiver = framed(left, codec);
  await right.write("null\none\n");
  await assertRejects(
    () => receiver.receive(),
    CodecError,
    "Cannot receive: a frame must not be null",
  );
  assertEquals(await receiver.receive(), "one");
  await right.write("two\nnull\nthree\n");
  await right.closeWrite();
  const received: unknown[] = [];
  for await (const frame of receiver) received.push(frame);
  assertEquals(received, ["two", null, "three"]);
  assertEquals(await receiver.receive(), null);
});

Deno.test("after finish() a decoder is asked nothing, and has used up the bytes", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write("abc");
  await right.closeWrite();
  const asked: string[] = [];
  const receiver = framed(
    left,
    withDecoder(() => ({
      decode(bytes: ByteQueue) {
        asked.push(`decode ${bytes.length}`);
        return undefined;
      },
      finish(bytes: ByteQueue) {
        asked.push(`finish ${bytes.length}`);
        return bytes.length > 1 ? bytes.take(1) : undefined;
      },
    })),
  );
  assertEquals((await receiver.receive())?.length, 1);
  assertEquals((await receiver.receive())?.length, 1);
  // A part that it leaves is no clean end.
  const error = await assertRejects(
    () => receiver.receive(),
    UnexpectedEofError,
  );
  assertEquals(error.received, 1);
  assertStrictEquals(await outcome(receiver.receive()), error);
  assertEquals(asked.filter((each) => each.startsWith("finish")), [
    "finish 3",
    "finish 2",
    "finish 1",
  ]);
  assert(asked.lastIndexOf("decode 3") < asked.indexOf("finish 3"));
});

Deno.test("a finish() that makes frames of nothing comes to an end", async () => {
  using pair = spiedPair();
  await pair.right.closeWrite();
  const receiver = framed(
    pair.left,
    withDecoder(() => ({ decode: () => undefined, finish: () => "again" })),
  );
  let count = 0;
  await assertRejects(async () => {
    for await (const batch of receiver.batches()) count += batch.length;
  }, CodecError);
  assert(count <= 1_024, `${count} frames`);
});

Deno.test("a decoder that says it is inside a frame has no clean end", async () => {
  using pair = spiedPair();
  await pair.right.write("abc");
  await pair.right.closeWrite();
  const receiver = framed(
    pair.left,
    withDecoder(() => ({
      midFrame: true,
      decode(bytes: ByteQueue): undefined {
        bytes.skip(bytes.length);
      },
    })),
  );
  await assertRejects(() => receiver.receive(), UnexpectedEofError);
});

Deno.test("framed() refuses what is no codec and what is no option, by name", () => {
  using pair = spiedPair();
  const { left } = pair;
  const bad: [unknown, unknown, string][] = [
    [
      undefined,
      {},
      "codec must be an object with decoder() and encoder(), got undefined",
    ],
    [
      lines,
      {},
      "codec must be an object with decoder() and encoder(), got a function",
    ],
    [
      lines(),
      { frameTimeout: 5 },
      'unknown option "frameTimeout", did you mean frameTimeoutMs?',
    ],
    [lines(), { lendFrames: 1 }, "lendFrames must be a boolean, got 1"],
    [lines(), { endOnDrain: "no" }, 'endOnDrain must be a boolean, got "no"'],
    [lines(), null, "options must be an object, got null"],
  ];
  const { decoder, encoder } = lines();
  for (
    const broken of [{ decoder: () => ({}), encoder }, {
      decoder,
      encoder: () => 5,
    }]
  ) {
    assertThrows(
      () => framed(left, broken as never),
      TypeError,
      "coder of a codec must be an object with",
    );
  }
  for (const [codec, options, text] of bad) {
    assertThrows(
      () => framed(left, codec as never, options as never),
      TypeError,
      `Cannot frame a socket: ${text}`,
    );
  }
});

Deno.test("lendFrames leaves alone what a decoder keeps and says so", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  let kept: Uint8Array | undefined;
  // It keeps a view of the first half of each frame.
  const receiver = framed(
    left,
    withDecoder(() => ({
      get midFrame() {
        return kept !== undefined;
      },
      decode(bytes: ByteQueue) {
        if (bytes.length < 3) return undefined;
        const half = bytes.take(3);
        if (kept === undefined) {
          kept = half;
          return undefined;
        }
        const frame = new TextDecoder().decode(kept) +
          new TextDecoder().decode(half);
        kept = undefined;
        return frame;
      },
    })),
    { lendFrames: true },
  );
  for (const [first, second] of [["abc", "def"], ["ghi", "jkl"]]) {
    const receiving = receiver.receive();
    await right.write(first);
    await turn();
    await right.write(second);
    assertEquals(await receiving, first + second);
  }
});

Deno.test("a decoder that puts back more than it took ends the frames", async () => {
  for (const gives of [1, undefined]) {
    using pair = spiedPair();
    await pair.right.write("abcdef");
    let turns = 0;
    const receiver = framed(
      pair.left,
      withDecoder(() => ({
        decode(bytes: ByteQueue) {
          if (bytes.length === 0) return undefined;
          if (++turns % 2 === 1) {
            bytes.skip(1);
            return 1;
          }
          // What it took before: it would go on for ever.
          bytes.prepend(new Uint8Array(1));
          return gives;
        },
      })),
    );
    await assertRejects(
      async () => {
        while (turns < 1000) await receiver.receive();
      },
      CodecError,
      "the decoder must put back only what it took",
    );
    assertEquals(turns, 2);
  }
});
