import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import type { Codec } from "../../lib/codec/codec.ts";
import { fixed } from "../../lib/codec/fixed.ts";
import { json } from "../../lib/codec/json.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import { mapped } from "../../lib/codec/mapped.ts";
import {
  CodecError,
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "../../lib/errors.ts";
import { literal } from "../../lib/codec/choice_fields.ts";
import { u8 } from "../../lib/codec/number_fields.ts";
import { packets } from "../../lib/codec/packets.ts";
import { struct } from "../../lib/codec/struct.ts";
import { text } from "../../lib/codec/text.ts";
import { framed } from "../../lib/framed/framed.ts";
import { memoryPair } from "../../lib/testing/memory_pair.ts";
import { bytes, CHUNKS, decodeAll, encodeAll, utf8 } from "./_support.ts";

const numbers = mapped(
  lines({ maxLineBytes: 5 }),
  (line) => {
    if (!/^\d+$/.test(line)) throw new SyntaxError(`no number: ${line}`);
    return Number(line);
  },
  (value: number) => String(value),
);

Deno.test("mapped() turns frames into something else and back", () => {
  const wire = encodeAll(numbers, 1, 22, 333);
  for (const chunk of CHUNKS) {
    assertEquals(decodeAll(numbers, wire, chunk).frames, [1, 22, 333]);
  }
});

Deno.test("mapped() goes on behind a frame that could not be turned", () => {
  const { frames, errors, failed } = decodeAll(numbers, "1\nx\n3\ny");
  assertEquals([frames, failed], [[1, 3], false]);
  assertEquals(errors.length, 2);
  const [error] = errors;
  assert(error instanceof MalformedFrameError && error.recoverable);
  assertEquals(error.frame, "x");
  assert(error.cause instanceof SyntaxError);
});

Deno.test("mapped() passes on what the codec underneath throws", () => {
  const { errors, failed } = decodeAll(numbers, "1\n123456\n3\n");
  assert(errors[0] instanceof FrameTooLargeError && failed);
  assertThrows(() => encodeAll(numbers, 123456), FrameTooLargeError);
  const own = new MalformedFrameError("mine", { frame: 1, recoverable: false });
  const codec = mapped(lines(), () => {
    throw own;
  }, String);
  assertEquals(decodeAll(codec, "1\n2\n").errors, [own]);
});

Deno.test("mapped() refuses a function that is asynchronous, and lets no promise end the process", async () => {
  // deno-lint-ignore require-await -- what it has to notice
  const later = async (line: string) => {
    throw new Error(line);
  };
  const codecs = [
    mapped(lines(), later, String),
    json(undefined, { reviver: (_, value) => later(String(value)) }),
    mapped(lines(), String, later as unknown as () => string),
  ];
  const printed: unknown[] = [];
  const original = console.error;
  console.error = (...values) => printed.push(String(values.at(-1)));
  try {
    for (const codec of codecs.slice(0, 2)) {
      const queue = new ByteQueue();
      queue.append(utf8("1\n2\n"));
      assertThrows(
        () => codec.decoder().decode(queue),
        CodecError,
        "Cannot decode a frame: decode must return it, got a promise",
      );
    }
    assertThrows(() => encodeAll(codecs[2], "3"), CodecError, "got a promise");
    await new Promise((resolve) => setTimeout(resolve));
  } finally {
    console.error = original;
  }
  // What they reject with goes no further.
  assertEquals(printed, ["Error: 1", "Error: 1", "Error: 3"]);
});

Deno.test("codecs of bytes are refused where they are of text, as the peer would be blamed", () => {
  for (
    const make of [text, (c: unknown) => packets(struct({ a: u8 }), c as never)]
  ) {
    assertThrows(
      () => make(lines() as never),
      TypeError,
      "codec must be one of bytes, got one of text",
    );
  }
});

Deno.test("an error keeps its frame where memory is lent", async () => {
  const inner = lengthPrefixed({ lengthBytes: 1 });
  const codecs: Codec<unknown, never>[] = [
    packets(struct({ magic: literal(u8, 9) }), inner),
    mapped(inner, () => {
      throw new Error("no");
    }, (frame: Uint8Array) => frame),
  ];
  for (const codec of codecs) {
    const [left, right] = memoryPair();
    const frames = framed(right, codec, { lendFrames: true });
    const seen: MalformedFrameError[] = [];
    for (const byte of [1, 2, 3]) {
      await left.write(bytes(1, byte));
      seen.push(
        await assertRejects(() => frames.receive(), MalformedFrameError),
      );
    }
    assertEquals(seen.map(({ frame }) => frame), [
      bytes(1),
      bytes(2),
      bytes(3),
    ]);
    left.abort();
    right.abort();
  }
});

Deno.test("mapped() says why a frame was refused, whatever was thrown", () => {
  const hostile = Object.defineProperty(new Error(), "message", {
    get() {
      throw new Error("no");
    },
  });
  for (
    const [thrown, text] of [
      [new Error("why"), "refused: why"],
      ["why", 'refused: "why"'],
      [null, "refused: null"],
      [{}, "refused: an object"],
      [hostile, "refused: an Error"],
    ]
  ) {
    const codec = mapped(lines(), () => {
      throw thrown;
    }, String);
    const { errors, failed } = decodeAll(codec, "1\n");
    assertEquals([errors.length, failed], [1, false]);
    assert(errors[0].message.endsWith(String(text)), errors[0].message);
  }
});

Deno.test("mapped() refuses undefined, which would mean that bytes are missing", () => {
  const codec = mapped(lines(), () => undefined, String);
  const { errors, failed } = decodeAll(codec, "1\n2\n");
  assertEquals([errors.length, failed], [2, false]);
  assert(errors[0] instanceof MalformedFrameError);
});

Deno.test("mapped() refuses null, which would mean the end of the stream", () => {
  const codec = mapped(
    lines(),
    (line) => line === "none" ? null : line,
    String,
  );
  const { frames, errors, failed } = decodeAll(codec, "a\nnone\nb\n");
  assertEquals([frames, errors.length, failed], [["a", "b"], 1, false]);
  const [error] = errors;
  assert(error instanceof MalformedFrameError && error.recoverable);
  assertEquals(error.frame, "none");
});

Deno.test("mapped() ends a stream as the codec underneath does", () => {
  const sized = mapped(
    fixed({ frameBytes: 2 }),
    (f) => f.length,
    () => bytes(0, 0),
  );
  assert(
    decodeAll(sized, bytes(1, 2, 3)).errors[0] instanceof UnexpectedEofError,
  );
  const bare: Codec<Uint8Array> = {
    decoder: () => ({
      decode: (queue) => queue.length < 2 ? undefined : queue.take(2),
    }),
    encoder: () => lengthPrefixed().encoder(),
  };
  const codec = mapped(bare, (f) => f.length, () => bytes());
  assertEquals(decodeAll(codec, bytes(1, 2)).errors, []);
  const { frames, errors } = decodeAll(codec, bytes(1, 2, 3));
  assertEquals(frames, [2]);
  assert(errors[0] instanceof UnexpectedEofError);
});

Deno.test("mapped() refuses what is no function at once", () => {
  const none = undefined as unknown as () => string;
  assertThrows(
    () => mapped("x" as unknown as Codec<string>, String, String),
    TypeError,
    "codec must be an object",
  );
  assertThrows(
    () => mapped(lines(), none, String),
    TypeError,
    "decode must be",
  );
  assertThrows(
    () => mapped(lines(), String, none),
    TypeError,
    "encode must be",
  );
});

Deno.test("mapped() lets no stream end inside a frame that the codec underneath has begun", () => {
  const keeping: Codec<Uint8Array> = {
    decoder: () => ({
      midFrame: true,
      decode: (queue) => void queue.skip(queue.length),
    }),
    encoder: () => lengthPrefixed().encoder(),
  };
  const codec = mapped(keeping, (frame) => frame, () => bytes());
  assert(decodeAll(codec, "abc").errors[0] instanceof UnexpectedEofError);
});
