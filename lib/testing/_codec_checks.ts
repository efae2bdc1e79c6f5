/**
 * What is checked of a codec.
 *
 * @module
 */

import { show } from "../_check.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec, Encoder } from "../codec/codec.ts";
import { finishFrames } from "../codec/encode_frame.ts";
import { FrameTooLargeError } from "../errors.ts";
import type { CheckCodecOptions } from "./check_codec_options.ts";
import { CodecCost, SAME_BYTES } from "./_codec_cost.ts";
import { broken, decodeChunks, Feed, type Outcome } from "./_decoding.ts";
import { isEqual } from "./_equal.ts";
import { FrameBytes } from "./_frame_bytes.ts";
import { ByteSource, pieces } from "./_pieces.ts";
import { TimeBudget } from "./_time_budget.ts";

/** A codec that takes long is checked less. */
const MAX_MS = 2_000;
/** Random splits, mutations and streams of garbage that are tried. */
const ROUNDS = 40;
/** Random bytes in each stream of garbage. */
const GARBAGE_BYTES = 8 * 1024;
/** Frames and errors after which a stream of garbage is cut short. */
const GARBAGE_RESULTS = 10_000;
/** What the next read of a busy connection may fill. */
const SLAB_BYTES = 128 * 1024;
/** What stands before the samples, and in arrays that were encoded. */
const FIRST_BYTE = 0xa5;
/** From this size on, a writer refers to an array. */
const REFERENCE_BYTES = 64 * 1024;
/** Byte-by-byte checks look at this many places of a message. */
const MAX_PLACES = 2048;

/** The checks of {@linkcode checkCodec}. */
export class CodecChecks<In, Out> {
  readonly #codec: Codec<In, Out>;
  readonly #samples: readonly Out[];
  readonly #options: CheckCodecOptions<In, Out>;
  readonly #expected: readonly unknown[];
  readonly #mostBuffered: number;
  readonly #random: ByteSource;
  /** Where each sample begins on the wire, and the end of the last. */
  readonly #bounds: number[] = [0];
  readonly #wire: Uint8Array;
  readonly #budget = new TimeBudget(MAX_MS);
  readonly #cost: CodecCost<In, Out>;

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
    this.#cost = new CodecCost(
      codec,
      samples,
      options.makeFrame,
      this.#budget,
    );
    const encoder = codec.encoder();
    const out = new ByteWriter();
    this.#inTime(() => {
      for (const sample of samples) {
        this.#encode(encoder, sample, out);
        this.#bounds.push(out.length);
      }
      // What ends the stream is no frame, and must not look like one.
      this.#finish(encoder, out);
    });
    this.#wire = out.toBytes();
  }

  run(): void {
    this.#inTime(() =>
      this.#checkRoundTrip([this.#wire], "bytes in one piece")
    );
    this.#budget.share([
      () => this.#checkEncoders(),
      () => this.#checkOneByOne(),
      () => this.#checkArrival(),
      () => this.#checkOversized(),
      () => this.#checkIndependence(),
      () => this.#cost.check(),
      () => this.#checkManyTimes(),
    ]);
  }

  /** Appends a sample, which must stay as it is. */
  #encode(encoder: Encoder<Out>, sample: Out, out: ByteWriter): void {
    this.#budget.check();
    const before = new FrameBytes(sample);
    const result: unknown = encoder.encode(sample, out);
    if (result instanceof Promise) refusePromise(result);
    if (before.haveChanged) {
      this.#fail("an encoder must leave a frame as it is", "other bytes in it");
    }
  }

  /** Appends what ends the stream of an encoder. */
  #finish(encoder: Encoder<Out>, out: ByteWriter): void {
    try {
      finishFrames(encoder, out);
    } catch (error) {
      this.#fail("finish of the encoder must end the samples", error);
    }
  }

  /** What is tried for as long as there is time. */
  #checkManyTimes(): void {
    this.#budget.share([
      () => this.#checkTruncation(),
      () => this.#checkSameBytes(),
      () => this.#checkGarbage(),
      () => this.#checkSplits(),
    ]);
  }

  /** Runs a check that every codec must pass in time. */
  #inTime(check: () => void): void {
    if (this.#budget.run(check)) return;
    throw broken(
      "the codec",
      `the samples must be encoded and decoded once within ${MAX_MS} ms`,
      "a codec that takes longer",
    );
  }

  #checkEncoders(): void {
    // Neither may know of the other, nor of what was written before.
    this.#checkEncoded(2, (sample) => sample, "two encoders that take turns");
    this.#checkEncoded(
      1,
      lentFrame,
      "an encoder whose frames are the caller's again once they are encoded",
    );
  }

  /** Encodes with `count` encoders, side by side: what each writes must decode. */
  #checkEncoded(
    count: number,
    lend: (sample: Out) => Out,
    context: string,
  ): void {
    const sides = Array.from({ length: count }, () => ({
      encoder: this.#codec.encoder(),
      out: new ByteWriter(),
    }));
    for (const { out } of sides) out.writeByte(FIRST_BYTE);
    for (const sample of this.#samples) {
      for (const { encoder, out } of sides) {
        const frame = lend(sample);
        this.#encode(encoder, frame, out);
        if (!Object.is(frame, sample)) (frame as Uint8Array).fill(FIRST_BYTE);
      }
    }
    for (const { encoder, out } of sides) {
      this.#finish(encoder, out);
      const bytes = out.toBytes();
      if (bytes[0] !== FIRST_BYTE) {
        const must = "an encoder must leave alone what was written before";
        this.#fail(must, "lost");
      }
      this.#checkRoundTrip([bytes.subarray(1)], context);
    }
  }

  #checkOneByOne(): void {
    this.#checkRoundTrip(pieces(this.#wire, () => 1), "bytes one at a time");
  }

  #checkSplits(): void {
    for (let round = 0; round < ROUNDS; round++) {
      this.#checkRoundTrip(
        pieces(this.#wire, (left) => this.#random.cut(left)),
        `bytes in random pieces (round ${round})`,
      );
    }
  }

  /** A frame must be there with its last byte, and `midFrame` must say where it is. */
  #checkArrival(): void {
    const context = "samples that arrive one after the other";
    const feed = this.#feed(context);
    for (let i = 0; i < this.#samples.length; i++) {
      const end = this.#bounds[i + 1];
      for (let at = this.#bounds[i]; at < end; at++) {
        if (!feed.add(this.#wire.subarray(at, at + 1))) return;
        const inside = at + 1 < end;
        if (feed.unread === 0) this.#checkMidFrame(feed, inside, i);
      }
      const due = this.#options.delayedFrames === true ? i : i + 1;
      if (feed.frames.length < due) {
        throw broken(
          context,
          `frame ${i} must come out with its last byte`,
          `${feed.frames.length} frames`,
        );
      }
    }
  }

  #checkMidFrame({ midFrame }: Feed<In>, inside: boolean, i: number): void {
    if (midFrame === undefined || midFrame === inside) return;
    const { delayedFrames, framesInParts } = this.#options;
    if (delayedFrames === true) return;
    if (framesInParts === true && i < this.#samples.length - 1) return;
    const where = inside ? "inside" : "behind";
    throw broken(
      "the decoder",
      `midFrame must be ${inside} ${where} sample ${i}`,
      midFrame,
    );
  }

  #feed(context: string): Feed<In> {
    return new Feed(this.#codec.decoder(), context, { budget: this.#budget });
  }

  #decode(
    chunks: Iterable<Uint8Array>,
    context: string,
    mostResults?: number,
  ): Outcome<In> {
    const options = { budget: this.#budget, mostResults };
    return decodeChunks(this.#codec, chunks, context, options);
  }

  #checkRoundTrip(chunks: Iterable<Uint8Array>, context: string): void {
    const outcome = this.#decode(chunks, context);
    const { frames, errors } = outcome;
    if (errors.length > 0) {
      throw broken(context, "the samples must decode", errors[0]);
    }
    this.#checkFrames(frames, this.#samples.length, context);
    this.#checkMemory(outcome, context);
  }

  #checkFrames(frames: readonly In[], count: number, context: string): void {
    for (let i = 0; i < count && i < frames.length; i++) {
      const expected = this.#expected[i] as In;
      const equals = this.#options.equals ?? isEqual;
      if (!equals(frames[i], expected)) {
        throw broken(
          context,
          `frame ${i} must be ${inspect(expected)}`,
          inspect(frames[i]),
        );
      }
    }
    if (frames.length !== count) {
      throw broken(
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
      throw broken(context, must, mostBuffered);
    }
    if (mostHeld > most + SLAB_BYTES) {
      const must = `the memory held must be at most ${most + SLAB_BYTES}`;
      throw broken(context, must, mostHeld);
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
    const [ahead, behind] = [0, 1].map(() => this.#feed(context));
    for (let i = 0; i < chunks.length + lag; i++) {
      if (i < chunks.length) ahead.add(chunks[i]);
      if (i >= lag) behind.add(chunks[i - lag]);
    }
    for (const feed of [ahead, behind]) {
      feed.end();
      if (feed.failed) {
        throw broken(context, "the samples must decode", feed.errors[0]);
      }
      this.#checkFrames(feed.frames, this.#samples.length, context);
    }
  }

  #checkTruncation(): void {
    const size = this.#wire.length;
    const step = Math.max(1, Math.floor(size / MAX_PLACES));
    for (let end = 0; end < size; end += step) {
      const context = `a stream that ends after ${end} of ${size} bytes`;
      const wire = this.#wire.subarray(0, end);
      const { frames } = this.#decode([wire], context);
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
  }

  #checkSameBytes(): void {
    const bytes = new Uint8Array(Math.min(2 * this.#mostBuffered, 2 ** 23));
    for (const byte of SAME_BYTES) {
      this.#checkBytes(bytes.fill(byte), `a stream of bytes ${byte}`, 4096);
    }
  }

  #checkBytes(bytes: Uint8Array, context: string, cut?: number): void {
    const chunks = pieces(
      bytes,
      (left) => cut ?? this.#random.cut(left, 4096),
    );
    const outcome = this.#decode(chunks, context, GARBAGE_RESULTS);
    this.#checkMemory(outcome, context);
  }

  #checkOversized(): void {
    const { oversized } = this.#options;
    if (oversized === undefined) return;
    const context = "a frame above the limit";
    for (const most of [1, oversized.length]) {
      const feed = this.#feed(context);
      for (const piece of pieces(oversized, () => most)) {
        if (!feed.add(piece)) break;
      }
      this.#checkMemory(feed, context);
      const [error, second] = feed.errors;
      if (second !== undefined) {
        throw broken(context, "it must be one error", feed.errors.length);
      }
      if (feed.failed && !(error instanceof FrameTooLargeError)) {
        throw broken(context, "it must be a FrameTooLargeError", error);
      }
      for (const frame of feed.frames) {
        const size = this.#sizeOf(frame);
        if (size < oversized.length) continue;
        throw broken(
          context,
          "it must not come out",
          `all ${size} bytes of it`,
        );
      }
      // Neither an error nor a part of it: the codec must at least not wait for it.
      if (!feed.failed && feed.unread >= oversized.length) {
        throw broken(
          context,
          "it must not be kept",
          `${feed.unread} bytes`,
        );
      }
    }
  }

  /** What a frame takes on the wire; 0 where it cannot be sent. */
  #sizeOf(frame: unknown): number {
    const out = new ByteWriter();
    try {
      this.#codec.encoder().encode(frame as Out, out);
    } catch {
      return 0;
    }
    return out.length;
  }

  #fail(must: string, value: unknown): never {
    throw broken("the codec", must, value);
  }
}

/** A frame to be encoded that is not used afterwards: a copy, if it can be. */
function lentFrame<Out>(sample: Out): Out {
  // Larger arrays are referred to until they are sent.
  return sample instanceof Uint8Array && sample.constructor === Uint8Array &&
      sample.length < REFERENCE_BYTES
    ? new Uint8Array(sample) as Out
    : sample;
}

/** A frame for an error text. The kit runs in other runtimes, too. */
function inspect(frame: unknown): string {
  return typeof Deno === "undefined" ? show(frame) : Deno.inspect(frame);
}

/** What is appended later could go into the bytes of another frame. */
function refusePromise(result: Promise<unknown>): never {
  // A rejection must not end the process.
  result.catch(() => {});
  throw broken(
    "the codec",
    "an encoder must append all of a frame before it returns",
    "a promise",
  );
}
