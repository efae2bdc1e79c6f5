/**
 * The conformance kit for codecs.
 *
 * @module
 */

import { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec } from "../codec/codec.ts";
import { FrameTooLargeError } from "../errors.ts";
import {
  AssertionError,
  decodeChunks,
  Feed,
  type Outcome,
} from "./_decoding.ts";
import { isEqual } from "./_equal.ts";
import { ByteSource, pieces } from "./_pieces.ts";

/** Options of {@linkcode checkCodec}. */
export interface CheckCodecOptions<In, Out> {
  /**
   * What decoding the samples gives, if that is not the samples themselves.
   *
   * @default {samples}
   */
  expected?: readonly In[];
  /**
   * Whether two frames are the same.
   *
   * @default Comparison by value.
   */
  equals?: (received: In, expected: In) => boolean;
  /**
   * Bytes that claim, or begin, a frame larger than the codec's limit. Decoding
   * them must end in one `FrameTooLargeError`, or report it to the codec's hook.
   */
  oversized?: Uint8Array;
  /**
   * Bytes that may wait in the decoder's queue while it asks for more: the largest
   * frame with its framing.
   *
   * @default {2_097_152}
   */
  maxBufferedBytes?: number;
  /**
   * Makes a frame of about `size` bytes. With it, time is checked on a frame that
   * arrives a byte at a time, at 1 KiB and at 12 KiB; without it on many samples.
   */
  makeFrame?: (size: number) => Out;
  /**
   * Chooses the random splits and the garbage.
   *
   * @default {1}
   */
  seed?: number;
}

/** Random splits, mutations and streams of garbage that are tried. */
const ROUNDS = 40;
/** Random bytes in each stream of garbage. */
const GARBAGE_BYTES = 8 * 1024;
/** What the next read of a busy connection may fill. */
const SLAB_BYTES = 128 * 1024;
/** Byte-by-byte checks look at this many places of a message. */
const MOST_PLACES = 2048;
const SMALL_BYTES = 1024;
const LARGE_BYTES = 12 * 1024;
/** A quadratic cost is 12 times as high a byte at the larger size, a linear one 1. */
const LINEAR_FACTOR = 5;
/** A busy machine interrupts most measurements, but hardly all of so many. */
const ATTEMPTS = 10;
const FEWEST_ATTEMPTS = 3;

/**
 * Checks that a codec keeps the contract, whatever the bytes and however they come.
 *
 * - The samples come back whole, in order and alone when their bytes arrive in one
 *   piece, a byte at a time and in random pieces; also through two decoders that
 *   take turns. A frame stays as it is while later ones arrive.
 * - Encoding leaves alone what is in the writer already.
 * - A stream that ends after any byte gives the frames before that place, and then
 *   a frame or an error of class `SocketError`.
 * - Random bytes, and messages with random damage, end in the same.
 * - While the decoder asks for more, no more than `maxBufferedBytes` wait, and the
 *   queue holds no more memory than that and the 128 KiB that the next read may fill.
 * - Time is linear in the number of bytes.
 *
 * Random choices depend on `seed` alone. Takes less than a second
 * for samples of some kilobytes.
 *
 * @param codec The codec to check.
 * @param samples Frames it can encode, best of all kinds and sizes; at least one.
 * @param options What the kit cannot know.
 * @throws {Error} Of name `"AssertionError"`: the codec breaks the contract.
 * @throws {RangeError} There are no samples, or not as many expected frames.
 *
 * @example
 * ```ts
 * import { delimited } from "@sluice/net/codec";
 * import { checkCodec } from "@sluice/net/testing";
 *
 * const codec = delimited({ delimiter: "\0", maxFrameBytes: 4096 });
 * checkCodec(codec, [new Uint8Array([1, 2]), new Uint8Array()], {
 *   maxBufferedBytes: 4096 + 1024,
 *   oversized: new Uint8Array(8192).fill(1),
 * });
 * ```
 */
export function checkCodec<In, Out>(
  codec: Codec<In, Out>,
  samples: readonly Out[],
  options: CheckCodecOptions<In, Out> = {},
): void {
  if (samples.length === 0) {
    throw new RangeError(
      "Cannot check a codec as the samples must be at least 1: current value is 0",
    );
  }
  new CodecCheck(codec, samples, options).run();
}

class CodecCheck<In, Out> {
  readonly #codec: Codec<In, Out>;
  readonly #samples: readonly Out[];
  readonly #options: CheckCodecOptions<In, Out>;
  readonly #expected: readonly unknown[];
  readonly #mostBuffered: number;
  readonly #random: ByteSource;
  /** Where each sample begins on the wire, and the end of the last. */
  readonly #bounds: number[] = [0];
  readonly #wire: Uint8Array;

  constructor(
    codec: Codec<In, Out>,
    samples: readonly Out[],
    options: CheckCodecOptions<In, Out>,
  ) {
    this.#codec = codec;
    this.#samples = samples;
    this.#options = options;
    this.#expected = options.expected ?? samples;
    this.#mostBuffered = options.maxBufferedBytes ?? 2 * 1024 * 1024;
    this.#random = new ByteSource(options.seed ?? 1);
    const { length } = this.#expected;
    if (length !== samples.length) {
      throw new RangeError(
        `Cannot check a codec as the expected frames must be as many as the samples (${samples.length}): current value is ${length}`,
      );
    }
    const encoder = codec.encoder();
    const out = new ByteWriter();
    for (const sample of samples) {
      encoder.encode(sample, out);
      this.#bounds.push(out.length);
    }
    this.#wire = out.toBytes();
  }

  run(): void {
    this.#checkAppending();
    this.#checkSplits();
    this.#checkIndependence();
    this.#checkTruncation();
    this.#checkGarbage();
    this.#checkOversized();
    this.#checkTime();
  }

  #checkAppending(): void {
    const out = new ByteWriter();
    const encoder = this.#codec.encoder();
    out.writeByte(0xa5);
    for (const sample of this.#samples) encoder.encode(sample, out);
    const bytes = out.toBytes();
    if (bytes[0] !== 0xa5) {
      this.#fail("an encoder must leave alone what was written before", "lost");
    }
    if (bytes.length !== this.#wire.length + 1) {
      this.#fail(
        `an encoder must encode the same samples to as many bytes (${this.#wire.length})`,
        bytes.length - 1,
      );
    }
  }

  #checkSplits(): void {
    const wire = this.#wire;
    this.#checkRoundTrip([wire], "bytes in one piece");
    this.#checkRoundTrip(pieces(wire, () => 1), "bytes one at a time");
    for (let round = 0; round < ROUNDS; round++) {
      this.#checkRoundTrip(
        pieces(wire, (left) => this.#random.cut(left)),
        `bytes in random pieces (round ${round})`,
      );
    }
  }

  #checkRoundTrip(chunks: Iterable<Uint8Array>, context: string): void {
    const outcome = decodeChunks(this.#codec, chunks, context);
    const { frames, errors } = outcome;
    if (errors.length > 0) {
      throw this.#error(context, "the samples must decode", errors[0]);
    }
    this.#checkFrames(frames, this.#samples.length, context);
    this.#checkMemory(outcome, context);
  }

  #checkFrames(frames: readonly In[], count: number, context: string): void {
    for (let i = 0; i < count && i < frames.length; i++) {
      const expected = this.#expected[i] as In;
      const equals = this.#options.equals ?? isEqual;
      if (!equals(frames[i], expected)) {
        throw this.#error(
          context,
          `frame ${i} must be ${Deno.inspect(expected)}`,
          Deno.inspect(frames[i]),
        );
      }
    }
    if (frames.length !== count) {
      throw this.#error(
        context,
        `the frames must be ${count}`,
        frames.length,
      );
    }
  }

  #checkMemory(outcome: Outcome<In>, context: string): void {
    const { mostBuffered, mostHeld } = outcome;
    const most = this.#mostBuffered;
    if (mostBuffered > most) {
      const must = `the bytes that wait must be at most ${most}`;
      throw this.#error(context, must, mostBuffered);
    }
    if (mostHeld > most + SLAB_BYTES) {
      const must = `the memory held must be at most ${most + SLAB_BYTES}`;
      throw this.#error(context, must, mostHeld);
    }
  }

  /** Two decoders take turns: a codec must keep the state of each in itself. */
  #checkIndependence(): void {
    for (const cut of [() => 1, (left: number) => this.#random.cut(left)]) {
      const chunks = [...pieces(this.#wire, cut)];
      // At the same place, and where the other one is in another frame.
      for (const lag of [0, chunks.length >> 1]) this.#checkTurns(chunks, lag);
    }
  }

  #checkTurns(chunks: readonly Uint8Array[], lag: number): void {
    const context = "two decoders that take turns";
    const [ahead, behind] = [0, 1].map(() =>
      new Feed<In>(this.#codec.decoder(), context)
    );
    for (let i = 0; i < chunks.length + lag; i++) {
      if (i < chunks.length) ahead.add(chunks[i]);
      if (i >= lag) behind.add(chunks[i - lag]);
    }
    for (const feed of [ahead, behind]) {
      feed.end();
      if (feed.failed) {
        throw this.#error(context, "the samples must decode", feed.errors[0]);
      }
      this.#checkFrames(feed.frames, this.#samples.length, context);
    }
  }

  #checkTruncation(): void {
    const size = this.#wire.length;
    const step = Math.max(1, Math.floor(size / MOST_PLACES));
    for (let end = 0; end < size; end += step) {
      const context = `a stream that ends after ${end} of ${size} bytes`;
      const wire = this.#wire.subarray(0, end);
      const { frames } = decodeChunks(this.#codec, [wire], context);
      const whole = this.#bounds.findLastIndex((bound) => bound <= end);
      // A last frame may be what the codec makes of the rest.
      const count = frames.length === whole + 1 ? whole : frames.length;
      this.#checkFrames(frames.slice(0, count), whole, context);
    }
  }

  #checkGarbage(): void {
    const random = this.#random;
    for (let round = 0; round < ROUNDS; round++) {
      this.#checkBytes(
        random.bytes(GARBAGE_BYTES),
        `random bytes (round ${round})`,
      );
      this.#checkBytes(
        random.damage(this.#wire),
        `samples with random damage (round ${round})`,
      );
    }
    // No delimiter, no end of a header, the largest length.
    for (const byte of [0, 32, 49, 255]) {
      const bytes = new Uint8Array(Math.min(2 * this.#mostBuffered, 2 ** 23));
      this.#checkBytes(bytes.fill(byte), `a stream of bytes ${byte}`, 4096);
    }
  }

  #checkBytes(bytes: Uint8Array, context: string, cut?: number): void {
    const chunks = pieces(
      bytes,
      (left) => cut ?? this.#random.cut(left, 4096),
    );
    this.#checkMemory(decodeChunks(this.#codec, chunks, context), context);
  }

  #checkOversized(): void {
    const { oversized } = this.#options;
    if (oversized === undefined) return;
    const context = "a frame above the limit";
    for (const most of [1, oversized.length]) {
      const feed = new Feed<In>(this.#codec.decoder(), context);
      for (const piece of pieces(oversized, () => most)) {
        if (!feed.add(piece)) break;
      }
      this.#checkMemory(feed, context);
      const [error, second] = feed.errors;
      if (second !== undefined) {
        throw this.#error(context, "it must be one error", feed.errors.length);
      }
      if (feed.failed && !(error instanceof FrameTooLargeError)) {
        throw this.#error(context, "it must be a FrameTooLargeError", error);
      }
      // Neither an error nor a part of it: the codec must at least not wait for it.
      if (!feed.failed && feed.unread >= oversized.length) {
        throw this.#error(
          context,
          "it must not be kept",
          `${feed.unread} bytes`,
        );
      }
    }
  }

  #checkTime(): void {
    const { makeFrame } = this.#options;
    const many = (size: number): Out[] => {
      const rounds = Math.ceil(size / Math.max(1, this.#wire.length));
      return Array.from({ length: rounds }, () => this.#samples).flat();
    };
    const [small, large] = [SMALL_BYTES, LARGE_BYTES].map((size) => {
      const out = new ByteWriter();
      const encoder = this.#codec.encoder();
      const frames = makeFrame === undefined ? many(size) : [makeFrame(size)];
      for (const frame of frames) encoder.encode(frame, out);
      return out.toBytes();
    });
    for (
      const [name, cut] of [["one piece", Infinity], ["bytes", 1]] as const
    ) {
      const context = `${large.length} bytes in ${name}`;
      // Code that is not yet compiled would make the small size look slow.
      this.#costPerByte(large, cut, 1);
      let base = Infinity;
      let cost = Infinity;
      for (
        let attempt = 0;
        attempt < ATTEMPTS &&
        (attempt < FEWEST_ATTEMPTS || cost > LINEAR_FACTOR * base);
        attempt++
      ) {
        base = Math.min(base, this.#costPerByte(small, cut, 8));
        cost = Math.min(cost, this.#costPerByte(large, cut, 1));
      }
      if (cost > LINEAR_FACTOR * base) {
        throw this.#error(
          context,
          `a byte must cost at most ${LINEAR_FACTOR} times what it costs in ${small.length} bytes`,
          `${(cost / base).toFixed(1)} times`,
        );
      }
    }
  }

  /** The least time a byte took in some runs, in milliseconds. */
  #costPerByte(bytes: Uint8Array, cut: number, runs: number): number {
    let least = Infinity;
    for (let run = 0; run < runs; run++) {
      const started = performance.now();
      decodeChunks(this.#codec, pieces(bytes, () => cut), "bytes");
      least = Math.min(least, performance.now() - started);
    }
    return Math.max(least, 0.01) / bytes.length;
  }

  #fail(must: string, value: unknown): never {
    throw this.#error("the codec", must, value);
  }

  #error(context: string, must: string, value: unknown): AssertionError {
    return new AssertionError(
      `Cannot accept ${context} as ${must}: current value is ${String(value)}`,
      value instanceof Error ? { cause: value } : undefined,
    );
  }
}
