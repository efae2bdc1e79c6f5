/**
 * What the bytes of a codec cost.
 *
 * @module
 */

import { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec } from "../codec/codec.ts";
import { broken, Feed } from "./_decoding.ts";
import { pieces } from "./_pieces.ts";
import type { TimeBudget } from "./_time_budget.ts";

/** No delimiter, no end of a header, the largest length. */
export const SAME_BYTES = [0, 32, 49, 255];
const SMALL_BYTES = 512;
const LARGE_BYTES = 3 * 1024;
/** Samples whose cost is looked at. */
const MAX_FRAMES = 4096;
/** A quadratic cost is 6 times as high a byte at the larger size, a linear one 1. */
const LINEAR_FACTOR = 2.5;

/**
 * Checks that what a byte costs does not grow with the number of bytes, counted as
 * `_counting_queue.ts` does.
 */
export class CodecCost<In, Out> {
  readonly #codec: Codec<In, Out>;
  readonly #samples: readonly Out[];
  readonly #makeFrame: ((size: number) => Out) | undefined;
  readonly #budget: TimeBudget;

  constructor(
    codec: Codec<In, Out>,
    samples: readonly Out[],
    makeFrame: ((size: number) => Out) | undefined,
    budget: TimeBudget,
  ) {
    this.#codec = codec;
    this.#samples = samples;
    this.#makeFrame = makeFrame;
    this.#budget = budget;
  }

  check(): void {
    const [small, large] = [SMALL_BYTES, LARGE_BYTES].map((size) =>
      this.#wireOf(size)
    );
    for (
      const [name, cut] of [["one piece", Infinity], ["bytes", 1]] as const
    ) {
      const base = this.#costOf(small, cut, Infinity);
      const most = LINEAR_FACTOR * base;
      const context = `${large.length} bytes in ${name}`;
      this.#checkGrowth(context, base, this.#costOf(large, cut, most));
    }
    // A decoder may look again and again at bytes that never make a frame.
    for (const byte of SAME_BYTES) this.#checkCostOfWaiting(byte);
  }

  #wireOf(size: number): Uint8Array {
    const makeFrame = this.#makeFrame;
    const out = new ByteWriter();
    const encoder = this.#codec.encoder();
    if (makeFrame !== undefined) {
      encoder.encode(makeFrame(size), out);
      return out.toBytes();
    }
    const samples = this.#samples;
    for (let i = 0; i < MAX_FRAMES && out.length < size; i++) {
      this.#budget.check();
      encoder.encode(samples[i % samples.length], out);
    }
    return out.toBytes();
  }

  /** What a byte costs; not all of them are tried where they cost more than `most`. */
  #costOf(bytes: Uint8Array, cut: number, most: number): number {
    const feed = this.#feed("bytes");
    for (const piece of pieces(bytes, () => cut)) {
      feed.add(piece);
      if (feed.queue.work > most * bytes.length) break;
    }
    return feed.queue.work / bytes.length;
  }

  #checkCostOfWaiting(byte: number): void {
    const feed = this.#feed(`bytes ${byte}`);
    const piece = Uint8Array.of(byte);
    let base = Infinity;
    for (let count = 1; count <= LARGE_BYTES; count++) {
      if (!feed.add(piece)) return;
      if (count === SMALL_BYTES) base = feed.queue.work / count;
      if (feed.queue.work > LINEAR_FACTOR * base * LARGE_BYTES) break;
    }
    this.#checkGrowth(
      `${LARGE_BYTES} bytes ${byte} that arrive one at a time`,
      base,
      feed.queue.work / LARGE_BYTES,
    );
  }

  #checkGrowth(context: string, base: number, cost: number): void {
    if (!(cost > LINEAR_FACTOR * base)) return;
    throw broken(
      context,
      `a byte must cost at most ${LINEAR_FACTOR} times what it costs among ${SMALL_BYTES}`,
      "more",
    );
  }

  #feed(context: string): Feed<In> {
    return new Feed(this.#codec.decoder(), context, { budget: this.#budget });
  }
}
