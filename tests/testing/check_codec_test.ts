import { assertEquals, assertThrows } from "@std/assert";
import type { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import type { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import type { Codec, Decoder, Encoder } from "../../lib/codec/codec.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import { MalformedFrameError } from "../../lib/errors.ts";
import {
  checkCodec,
  type CheckCodecOptions,
} from "../../lib/testing/check_codec.ts";

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
    () => checkCodec(codec, SAMPLES, { maxBufferedBytes: 50_002, ...options }),
    Error,
    text,
  );
  assertEquals(error.name, "AssertionError");
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
    "must throw a SocketError: it threw TypeError: oops",
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
    "an encoder must encode the same samples to as many bytes",
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
    // Timing is tried again on a busy machine: only what comes before it counts.
    return seen.slice(0, 2000);
  };
  assertEquals(run(3), run(3));
  assertEquals(run(3).join() === run(4).join(), false);
});

Deno.test("checkCodec() compares frames by value, of whatever kind", () => {
  const values = [
    { a: [1, { b: new Date(5) }], c: new Map([[1, new Set([2])]]) },
    { a: [1, { b: new Date(5) }], c: new Map([[1, new Set([3])]]) },
    new Date(5),
    new Date(6),
    new Error("a"),
    new Error("b"),
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
  checkCodec(codecOf([{ x: Uint8Array.of(1) }]), [{ x: Uint8Array.of(1) }], {
    maxBufferedBytes: 60_000,
  });
});

Deno.test("checkCodec() refuses to check nothing", () => {
  assertThrows(() => checkCodec(GOOD, []), RangeError, "at least 1");
  assertThrows(
    () => checkCodec(GOOD, SAMPLES, { expected: [] }),
    RangeError,
    "as many as the samples (3): current value is 0",
  );
});
