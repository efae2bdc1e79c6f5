import { assertEquals, assertThrows } from "@std/assert";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import type { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import type { Codec, Decoder, Encoder } from "../../lib/codec/codec.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import { mapped } from "../../lib/codec/mapped.ts";
import { FrameTooLargeError, MalformedFrameError } from "../../lib/errors.ts";
import { checkCodec } from "../../lib/testing/check_codec.ts";
import type { CheckCodecOptions } from "../../lib/testing/check_codec_options.ts";

const GOOD = lengthPrefixed({ lengthBytes: 2, maxFrameBytes: 50_000 });
const SAMPLES = [
  new Uint8Array([1, 2, 3]),
  new Uint8Array(),
  new Uint8Array(90),
];

/** A codec like a good one, with something wrong with its decoder. */
function withDecoder(
  decode: (
    bytes: ByteQueue,
    inner: Decoder<Uint8Array>,
  ) => Uint8Array | undefined,
  inner: Codec<Uint8Array> = GOOD,
): Codec<Uint8Array> {
  return {
    decoder: () => {
      const decoder = inner.decoder();
      return {
        decode: (bytes) => decode(bytes, decoder),
        finish: (bytes) => decoder.finish?.(bytes),
      };
    },
    encoder: () => inner.encoder(),
  };
}

function withEncoder(
  encode: (
    frame: Uint8Array,
    out: ByteWriter,
    inner: Encoder<Uint8Array>,
  ) => void,
): Codec<Uint8Array> {
  return {
    decoder: () => GOOD.decoder(),
    encoder: () => {
      const encoder = GOOD.encoder();
      return { encode: (frame, out) => encode(frame, out, encoder) };
    },
  };
}

/** The kit finds the fault, and says so. */
function assertFound(
  codec: Codec<Uint8Array>,
  text: string,
  options: CheckCodecOptions<Uint8Array, Uint8Array> = {},
): void {
  const error = assertThrows(
    () => checkInFull(codec, { maxBufferedBytes: 50_002, ...options }),
    Error,
    text,
  );
  assertEquals(error.name, "AssertionError");
}

/** A clock on which each look takes as long as told, until it is disposed. */
function slowClock(ms: number): Disposable {
  const original = performance.now;
  let now = 0;
  performance.now = () => now += ms;
  return { [Symbol.dispose]: () => void (performance.now = original) };
}

/** However slow the machine is: on a clock that stands still no check runs out of time. */
function checkInFull(
  codec: Codec<Uint8Array>,
  options: CheckCodecOptions<Uint8Array, Uint8Array>,
): void {
  using _ = slowClock(0);
  checkCodec(codec, SAMPLES, options);
}

Deno.test("checkCodec() accepts a good codec, with all that it can be told", () => {
  checkCodec(GOOD, SAMPLES, {
    maxBufferedBytes: 50_002,
    oversized: new Uint8Array(60_000).fill(255),
    makeFrame: (size) => new Uint8Array(size),
    seed: 5,
  });
  checkCodec(lines(), ["a", "b"], {
    expected: ["A", "B"],
    equals: (received, expected) => received.toUpperCase() === expected,
  });
});

Deno.test("checkCodec() finds a decoder that wants its frame in one piece", () => {
  assertFound(
    withDecoder((bytes, inner) => {
      const frame = inner.decode(bytes);
      if (frame === undefined) bytes.skip(bytes.length);
      return frame;
    }),
    "Cannot accept",
  );
});

Deno.test("checkCodec() finds a decoder that changes, loses or doubles frames", () => {
  assertFound(
    withDecoder((bytes, inner) => inner.decode(bytes)?.slice(1)),
    "frame 0 must be",
  );
  let last: Uint8Array | undefined;
  assertFound(
    withDecoder((bytes, inner) => {
      const frame = inner.decode(bytes);
      return frame?.length === 0 ? inner.decode(bytes) : frame;
    }),
    "frame 1 must be",
  );
  assertFound(
    withDecoder((bytes, inner) => {
      if (last !== undefined) {
        const doubled = last;
        last = undefined;
        return doubled;
      }
      return last = inner.decode(bytes);
    }),
    "must be",
  );
});

Deno.test("checkCodec() finds frames that are overwritten by later ones", () => {
  const shared = new Uint8Array(100);
  assertFound(
    withDecoder((bytes, inner) => {
      const frame = inner.decode(bytes);
      if (frame === undefined) return undefined;
      shared.set(frame);
      return shared.subarray(0, frame.length);
    }),
    "frame 0 must be",
  );
});

Deno.test("checkCodec() finds state that two connections share", () => {
  const decoder = lengthPrefixed({ lengthBytes: 2, oversize: "skip" })
    .decoder();
  let wanted: number | undefined;
  assertFound(
    {
      // The length that was read is kept for all decoders together.
      decoder: () => ({
        decode: (bytes) => {
          if (wanted === undefined) {
            if (bytes.length < 2) return undefined;
            wanted = bytes.uintAt(0, 2);
            bytes.skip(2);
          }
          if (bytes.length < wanted) return undefined;
          const frame = bytes.take(wanted);
          wanted = undefined;
          return frame;
        },
        finish: (bytes) => {
          wanted = undefined;
          return decoder.finish?.(bytes);
        },
      }),
      encoder: () => GOOD.encoder(),
    },
    "two decoders that take turns",
  );
});

Deno.test("checkCodec() finds what two decoders share while they are at different places", () => {
  let size = 0;
  assertFound(
    {
      decoder: () => {
        let known = false;
        return {
          decode: (bytes) => {
            if (!known && bytes.length >= 2) {
              size = bytes.uintAt(0, 2);
              known = true;
            }
            if (!known || bytes.length < 2 + size) return undefined;
            known = false;
            bytes.skip(2);
            return bytes.take(size);
          },
        };
      },
      encoder: () => GOOD.encoder(),
    },
    "two decoders that take turns",
  );
});

Deno.test("checkCodec() finds errors without a type", () => {
  assertFound(
    withDecoder((bytes, inner) => {
      if (bytes.length > 0 && bytes.at(0) > 100) throw new TypeError("oops");
      return inner.decode(bytes);
    }),
    "must throw a SocketError, got TypeError: oops",
  );
});

Deno.test("checkCodec() finds a decoder that makes frames of nothing", () => {
  assertFound(
    withDecoder((bytes, inner) =>
      bytes.length > 300 ? new Uint8Array() : inner.decode(bytes)
    ),
    "must make progress",
  );
});

Deno.test("checkCodec() finds an error that claims to be past the frame and is not", () => {
  assertFound(
    withDecoder((bytes, inner) => {
      if (bytes.length > 0 && bytes.at(0) > 100) {
        throw new MalformedFrameError("stuck", { recoverable: true });
      }
      return inner.decode(bytes);
    }),
    "must make progress",
  );
});

Deno.test("checkCodec() finds a decoder without a limit", () => {
  assertFound(
    lengthPrefixed({ lengthBytes: 4, maxFrameBytes: Infinity }),
    "the bytes that wait must be at most 50002",
  );
});

Deno.test("checkCodec() finds a decoder that keeps a frame above the limit", () => {
  const unlimited = lengthPrefixed({ lengthBytes: 4, maxFrameBytes: 70_000 });
  assertFound(unlimited, "a frame above the limit", {
    maxBufferedBytes: 80_000,
    oversized: new Uint8Array([0, 1, 0, 0, 1, 2, 3]),
  });
  assertFound(
    withDecoder((bytes, inner) => {
      if (bytes.length > 2 && bytes.at(0) === 255) {
        throw new MalformedFrameError("no");
      }
      return inner.decode(bytes);
    }),
    "it must be a FrameTooLargeError",
    { oversized: new Uint8Array(60_000).fill(255) },
  );
});

Deno.test("checkCodec() finds a frame above the limit that comes out whole", () => {
  const oversized = new TextEncoder().encode(`${"a".repeat(200)}\n`);
  for (const oversize of ["fail", "skip", "truncate"] as const) {
    checkCodec(lines({ maxLineBytes: 199, oversize }), ["a"], { oversized });
    assertThrows(
      () =>
        checkCodec(lines({ maxLineBytes: 200, oversize }), ["a"], {
          oversized,
        }),
      Error,
      "Cannot accept a frame above the limit: it must not come out, got all 201 bytes of it",
    );
  }
});

Deno.test("checkCodec() finds a decoder that leaves the end undone", () => {
  const inner = GOOD;
  assertFound(
    {
      decoder: () => {
        const decoder = inner.decoder();
        return {
          decode: (bytes) => decoder.decode(bytes),
          finish: () => undefined,
        };
      },
      encoder: () => inner.encoder(),
    },
    "finish must use up the bytes or throw",
  );
});

Deno.test("checkCodec() accepts a decoder that leaves the end to others", () => {
  checkCodec({
    decoder: () => {
      const decoder = GOOD.decoder();
      return { decode: (bytes) => decoder.decode(bytes) };
    },
    encoder: () => GOOD.encoder(),
  }, SAMPLES);
});

Deno.test("checkCodec() finds time that is not linear", () => {
  let sum = 0;
  const slow = withDecoder((bytes, inner) => {
    // Looks at all that waits, each time, and more than once.
    const waiting = bytes.peek(bytes.length);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < waiting.length; i++) sum += waiting[i];
    }
    return inner.decode(bytes);
  });
  assertFound(slow, "a byte must cost at most", {
    makeFrame: (size) => new Uint8Array(size),
  });
});

Deno.test("checkCodec() finds an encoder that spoils what was written before", () => {
  assertFound(
    withEncoder((frame, out, inner) => {
      out.truncate(0);
      inner.encode(frame, out);
    }),
    "Cannot accept",
  );
  let count = 0;
  assertFound(
    withEncoder((frame, out, inner) => {
      inner.encode(frame, out);
      if (count++ === 4) out.writeByte(0);
    }),
    "Cannot accept two encoders that take turns: the samples must decode",
  );
});

Deno.test("checkCodec() finds state that two encoders share", () => {
  /** Each frame begins with its number; `shared` counts those of all encoders. */
  const numbered = (shared: boolean): Codec<Uint8Array> => {
    let all = 0;
    return {
      encoder() {
        const encoder = GOOD.encoder();
        let own = 0;
        return {
          encode(frame, out) {
            const number = (shared ? all++ : own++) % 256;
            encoder.encode(Uint8Array.of(number, ...frame), out);
          },
        };
      },
      decoder() {
        let next = 0;
        return mapped(GOOD, (frame) => {
          if (frame[0] !== next++ % 256) throw new RangeError("out of order");
          return frame.slice(1);
        }, (frame: Uint8Array) => frame).decoder();
      },
    };
  };
  checkCodec(numbered(false), SAMPLES, { maxBufferedBytes: 50_002 });
  assertFound(
    numbered(true),
    "Cannot accept two encoders that take turns: the samples must decode",
  );
});

Deno.test("checkCodec() accepts an encoder that writes as it likes, if it decodes", () => {
  let count = 0;
  checkCodec(
    {
      encoder() {
        const encoder = GOOD.encoder();
        return {
          encode(frame, out) {
            // Padding of any length, as in SSH.
            const padding = new Uint8Array(count++ % 7);
            encoder.encode(
              Uint8Array.of(padding.length, ...padding, ...frame),
              out,
            );
          },
        };
      },
      decoder: () =>
        mapped(
          GOOD,
          (frame) => frame.slice(1 + frame[0]),
          (frame: Uint8Array) => frame,
        ).decoder(),
    },
    SAMPLES,
    { maxBufferedBytes: 50_002 },
  );
});

Deno.test("checkCodec() finds an encoder that changes a frame, or needs it later", () => {
  assertFound(
    withEncoder((frame, out, inner) => {
      inner.encode(frame, out);
      // As masking in place would.
      for (let i = 0; i < frame.length; i++) frame[i] ^= 1;
    }),
    "an encoder must leave a frame as it is, got other bytes in it",
  );
  const boxed = mapped(
    withEncoder((frame, out, inner) => {
      inner.encode(frame, out);
      frame.fill(9);
    }),
    (bytes) => ({ box: [{ bytes }] }),
    ({ box: [{ bytes }] }: { box: { bytes: Uint8Array }[] }) => bytes,
  );
  assertThrows(
    () => checkCodec(boxed, [{ box: [{ bytes: new Uint8Array(3) }] }]),
    Error,
    "an encoder must leave a frame as it is",
  );
  assertFound(
    {
      decoder: () => GOOD.decoder(),
      encoder() {
        const encoder = GOOD.encoder();
        const kept: Uint8Array[] = [];
        return {
          encode: (frame) => void kept.push(frame),
          finish(out) {
            for (const frame of kept) encoder.encode(frame, out);
          },
        };
      },
    },
    "an encoder whose frames are the caller's again once they are encoded: frame 0 must be",
    { delayedFrames: true },
  );
});

Deno.test("checkCodec() makes the same choices for the same seed", () => {
  const run = (seed: number) => {
    const seen: number[] = [];
    checkCodec(
      withDecoder((bytes, inner) => {
        seen.push(bytes.length);
        return inner.decode(bytes);
      }),
      SAMPLES,
      { seed, maxBufferedBytes: 60_000 },
    );
    return seen;
  };
  const first = run(3);
  const again = run(3);
  // A busy machine may have time for less.
  const length = Math.min(first.length, again.length);
  assertEquals(first.slice(0, length), again.slice(0, length));
  assertEquals(first.join() === run(4).join(), false);
});

Deno.test("checkCodec() compares frames by value, of whatever kind", () => {
  const values = [
    { a: [1, { b: new Date(5) }], c: new Map([[1, new Set([2])]]) },
    { a: [1, { b: new Date(5) }], c: new Map([[1, new Set([3])]]) },
    new Date(5),
    new Date(6),
    new Error("a"),
    new Error("b"),
    new URL("http://a/"),
    new URL("http://b/"),
    /a/,
    /b/,
    Object(1),
    Object(2),
    new Headers({ a: "1" }),
    new Headers({ a: "2" }),
    new Uint16Array([1]),
    new ArrayBuffer(2),
    1n,
    NaN,
    null,
  ];
  let i = 0;
  const codecOf = (received: unknown[]): Codec<unknown> => ({
    decoder: () => {
      const decoder = GOOD.decoder();
      i = 0;
      return {
        decode: (bytes) =>
          decoder.decode(bytes) && received[i++ % received.length],
        finish: (bytes) => decoder.finish?.(bytes),
      };
    },
    encoder: () => {
      const encoder = GOOD.encoder();
      return { encode: (_, out) => encoder.encode(new Uint8Array(1), out) };
    },
  });
  for (const value of values) {
    for (const other of values) {
      const check = () =>
        checkCodec(codecOf([other]), [value], { maxBufferedBytes: 60_000 });
      if (Object.is(value, other)) check();
      else assertThrows(check, Error, "frame 0 must be");
    }
  }
  const make = () => {
    const loop: unknown[] = [1];
    loop.push(loop);
    return [
      { x: Uint8Array.of(1) },
      new URL("http://a/"),
      /a/g,
      new Error("a"),
      new Headers({ a: "1" }),
      Object.create(null),
      loop,
    ];
  };
  const others = make();
  for (const [place, value] of make().entries()) {
    checkCodec(codecOf([others[place]]), [value], { maxBufferedBytes: 60_000 });
  }
});

Deno.test("checkCodec() refuses to check nothing, and options that are none", () => {
  assertThrows(
    () => checkCodec(GOOD, []),
    RangeError,
    "Cannot check a codec: samples must be an array of at least 1, got an array of 0",
  );
  assertThrows(
    () => checkCodec(GOOD, SAMPLES, { expected: [] }),
    RangeError,
    "as many frames as there are samples (3), got an array of 0",
  );
  const bad: [unknown, unknown, unknown, string][] = [
    [lines, [], {}, "codec must be an object with decoder() and encoder()"],
    [GOOD, "abc", {}, 'samples must be an array, got "abc"'],
    [GOOD, SAMPLES, { maxBuffered: 1 }, "did you mean maxBufferedBytes?"],
    [GOOD, SAMPLES, { equals: true }, "equals must be a function, got true"],
    [
      GOOD,
      SAMPLES,
      { oversized: "x" },
      'oversized must be a Uint8Array, got "x"',
    ],
    [GOOD, SAMPLES, { makeFrame: 1 }, "makeFrame must be a function, got 1"],
    [GOOD, SAMPLES, { seed: "1" }, 'seed must be a number, got "1"'],
    [
      GOOD,
      SAMPLES,
      { delayedFrames: 1 },
      "delayedFrames must be a boolean, got 1",
    ],
  ];
  for (const [codec, samples, options, text] of bad) {
    assertThrows(
      () => checkCodec(codec as never, samples as never, options as never),
      TypeError,
      text,
    );
  }
});

/** `GOOD` with a decoder that takes all bytes at once and keeps them. */
function keepingCodec(
  makeDecoder: (kept: ByteQueue, inner: Decoder<Uint8Array>) => Decoder<
    Uint8Array
  >,
): Codec<Uint8Array> {
  return {
    decoder() {
      const kept = new ByteQueue();
      const decoder = makeDecoder(kept, GOOD.decoder());
      return {
        get midFrame() {
          return decoder.midFrame;
        },
        decode(bytes) {
          if (bytes.length > 0) kept.append(bytes.takeAll().slice());
          return decoder.decode(kept);
        },
        finish: () => decoder.finish!(kept),
      };
    },
    encoder: () => GOOD.encoder(),
  };
}

Deno.test("checkCodec() accepts a decoder that keeps bytes, with midFrame and without", () => {
  checkCodec(
    keepingCodec((_, inner) => ({
      decode: (bytes) => inner.decode(bytes),
      finish: (bytes) => inner.finish!(bytes),
    })),
    SAMPLES,
  );
  checkCodec(
    keepingCodec((kept, inner) => ({
      get midFrame() {
        return kept.length > 0;
      },
      decode: (bytes) => inner.decode(bytes),
      finish: (bytes) => inner.finish!(bytes),
    })),
    SAMPLES,
  );
});

Deno.test("checkCodec() finds a midFrame that is not so", () => {
  for (const midFrame of [true, false]) {
    assertFound(
      keepingCodec((_, inner) => ({
        midFrame,
        decode: (bytes) => inner.decode(bytes),
        finish: (bytes) => inner.finish!(bytes),
      })),
      `midFrame must be ${!midFrame} ${
        midFrame ? "behind" : "inside"
      } sample 0`,
    );
  }
});

Deno.test("checkCodec() finds a decoder that holds a frame back", () => {
  // All frames come out in the end. But to a peer that waits for an answer before it
  // sends more, each of them never came.
  const decoder = () => {
    const inner = GOOD.decoder();
    const held: Uint8Array[] = [];
    return {
      decode(bytes: ByteQueue) {
        if (held.length > 1) return held.shift();
        const frame = inner.decode(bytes);
        if (frame !== undefined) held.push(frame);
        return held.length > 1 ? held.shift() : undefined;
      },
      finish: (bytes: ByteQueue) =>
        held.shift() ?? inner.decode(bytes) ?? inner.finish!(bytes),
    };
  };
  const codec = { decoder, encoder: () => GOOD.encoder() };
  assertFound(codec, "frame 0 must come out with its last byte, got 0 frames");
});

/** Frames of one character each that is repeated: one ends where the next begins. */
const runs: Codec<string> = {
  decoder: () => {
    let size = 0;
    return {
      decode(bytes) {
        while (
          size < bytes.length && (size === 0 || bytes.at(size) === bytes.at(0))
        ) size++;
        if (size > 100) throw new FrameTooLargeError(100, undefined);
        return size < bytes.length ? this.finish!(bytes) : undefined;
      },
      finish(bytes) {
        if (bytes.length === 0) return undefined;
        const run = bytes.take(size);
        size = 0;
        return new TextDecoder("latin1").decode(run);
      },
    };
  },
  encoder: () => ({ encode: (frame, out) => void out.writeText(frame) }),
};

Deno.test("checkCodec() accepts frames that come out with the next one, if told", () => {
  const samples = ["aaa", "b", "cc"];
  checkCodec(runs, samples, { delayedFrames: true });
  assertThrows(
    () => checkCodec(runs, samples),
    Error,
    "frame 0 must come out with its last byte",
  );
});

Deno.test("checkCodec() finds a decoder that wants a queue that is not empty", () => {
  assertFound(
    withDecoder((bytes, inner) =>
      bytes.at(0) < 0 ? undefined : inner.decode(bytes)
    ),
    "a decoder must throw a SocketError, got RangeError",
  );
});

Deno.test("checkCodec() finds a call that works on the queue for ever", () => {
  assertFound(
    withDecoder((bytes, inner) => {
      // It waits for bytes that can only come once it has returned.
      while (bytes.length === 1);
      return inner.decode(bytes);
    }),
    "a call must come to an end",
  );
});

Deno.test("checkCodec() finds what looks at the same bytes again and again", () => {
  const delimiter = new Uint8Array([13, 10]);
  const find: Record<string, (bytes: ByteQueue) => number> = {
    "byte by byte": (bytes) => {
      for (let i = 0; i + 1 < bytes.length; i++) {
        if (bytes.at(i) === 13 && bytes.at(i + 1) === 10) return i;
      }
      return -1;
    },
    "in a view of all that waits": (bytes) =>
      new TextDecoder("latin1").decode(bytes.peek(bytes.length)).indexOf(
        "\r\n",
      ),
    "chunk by chunk": (bytes) =>
      new TextDecoder("latin1").decode(bytes.peekChunk()).indexOf("\r\n"),
    "taken and put back": (bytes) => {
      if (bytes.length === 0) return -1;
      const all = bytes.takeAll();
      bytes.prepend(all);
      return new TextDecoder("latin1").decode(all).indexOf("\r\n");
    },
    "by more needles than a queue remembers": (bytes) => {
      for (let i = 0; i < 20; i++) bytes.indexOf(new Uint8Array([200 + i, 1]));
      return bytes.indexOf(delimiter);
    },
  };
  for (const [how, indexOf] of Object.entries(find)) {
    const codec: Codec<Uint8Array> = {
      decoder: () => ({
        decode(bytes) {
          const end = indexOf(bytes);
          if (end < 0) {
            if (bytes.length > 50_000) throw new FrameTooLargeError(50_000, 1);
            return undefined;
          }
          const frame = bytes.take(end);
          bytes.skip(2);
          return frame;
        },
      }),
      encoder: () => ({
        encode(frame, out) {
          out.write(frame);
          out.write(delimiter);
        },
      }),
    };
    // Also where the kit cannot make a large frame.
    for (
      const options of [{}, { makeFrame: (n: number) => new Uint8Array(n) }]
    ) {
      const error = assertThrows(
        () => checkInFull(codec, { maxBufferedBytes: 50_002, ...options }),
        Error,
        "a byte must cost at most 2.5 times what it costs among 512",
        how,
      );
      assertEquals(error.name, "AssertionError");
    }
  }
});

Deno.test("checkCodec() accepts a search for a fresh array, or for two in turn", () => {
  const codec: Codec<Uint8Array> = {
    decoder: () => ({
      decode(bytes) {
        const end = bytes.indexOf(new Uint8Array([13, 10]));
        const other = bytes.indexOf(new Uint8Array([10, 13]));
        if (other >= 0 && other < end) throw new MalformedFrameError("mixed");
        if (end < 0) {
          if (bytes.length > 50_000) throw new FrameTooLargeError(50_000, 1);
          return undefined;
        }
        const frame = bytes.take(end);
        bytes.skip(2);
        return frame;
      },
    }),
    encoder: () => ({
      encode(frame, out) {
        out.write(frame);
        out.write(new Uint8Array([13, 10]));
      },
    }),
  };
  checkCodec(codec, SAMPLES, {
    maxBufferedBytes: 50_002,
    makeFrame: (size) => new Uint8Array(size),
  });
});

Deno.test("checkCodec() ends between two calls after two seconds", () => {
  let calls = 0;
  const counting = withDecoder((bytes, inner) => {
    calls++;
    return inner.decode(bytes);
  });
  using _ = slowClock(10);
  checkCodec(counting, SAMPLES);
  // 2,000 ms are 200 looks at this clock, and there is one before each call.
  assertEquals(calls > 50 && calls < 220, true, `${calls} calls`);
});

Deno.test("checkCodec() refuses a codec that cannot even be tried once in that time", () => {
  using _ = slowClock(700);
  assertThrows(
    () => checkCodec(GOOD, SAMPLES),
    Error,
    "the samples must be encoded and decoded once within 2000 ms",
  );
});

Deno.test("checkCodec() ends soon where a slow codec makes frames of little", () => {
  // Each frame costs some 20 microseconds, and garbage is a million empty ones.
  const deflating = mapped(
    lengthPrefixed({ maxFrameBytes: 50_000 }),
    (frame) => new Uint8Array(inflateRawSync(frame)),
    (frame: Uint8Array) => new Uint8Array(deflateRawSync(frame)),
  );
  const started = performance.now();
  checkCodec(deflating, SAMPLES);
  const took = performance.now() - started;
  assertEquals(took < 5_000, true, `${took} ms`);
});

Deno.test("checkCodec() finds an encoder that is asynchronous, as framed does", async () => {
  for (const fails of [false, true]) {
    assertFound(
      withEncoder((frame, out, inner) => {
        inner.encode(frame, out);
        const later = fails ? Promise.reject(new Error("later")) : null;
        return Promise.resolve(later) as unknown as void;
      }),
      "an encoder must append all of a frame before it returns, got a promise",
    );
  }
  await new Promise((resolve) => setTimeout(resolve));
});

/** A byte of length and as many bytes; 0 is behind the last frame. */
function terminated(
  finish: (out: ByteWriter) => void = (out) => out.writeByte(0),
): Codec<Uint8Array> {
  return {
    decoder() {
      let ended = false;
      return {
        decode(bytes) {
          if (bytes.length === 0) return undefined;
          const size = bytes.at(0);
          if (ended) {
            throw new MalformedFrameError("Cannot decode: it has ended");
          }
          if (size === 0) {
            bytes.skip(1);
            ended = true;
            return undefined;
          }
          if (bytes.length < 1 + size) return undefined;
          bytes.skip(1);
          return bytes.take(size);
        },
        finish(bytes) {
          if (bytes.length === 0 && ended) return undefined;
          throw new MalformedFrameError("Cannot decode: the end is missing");
        },
      };
    },
    encoder: () => ({
      encode(frame, out) {
        out.writeUint(frame.length, 1);
        out.write(frame);
      },
      finish,
    }),
  };
}

Deno.test("checkCodec() asks finish() of an encoder, whose bytes must be no frame", () => {
  const samples = [new Uint8Array([1, 2, 3]), new Uint8Array(90)];
  checkCodec(terminated(), samples);
  const wrong: [(out: ByteWriter) => void, string][] = [
    [() => {}, "the samples must decode"],
    [(out) => out.write(Uint8Array.of(1, 7, 0)), "the frames must be 2"],
    [(out) => out.truncate(0), "finish of the encoder must end the samples"],
    [() => {
      throw new Error("no");
    }, "finish of the encoder must end the samples"],
    [
      // deno-lint-ignore require-await -- what the kit has to find
      (async (out: ByteWriter) => out.writeByte(0)) as (
        out: ByteWriter,
      ) => void,
      "finish of the encoder must end the samples",
    ],
  ];
  for (const [finish, text] of wrong) {
    const codec = terminated(finish);
    assertThrows(() => checkCodec(codec, samples), Error, text);
  }
});
