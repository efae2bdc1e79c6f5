/**
 * Driving a decoder as a socket does, and watching it.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { Codec, Decoder } from "../codec/codec.ts";
import { FrameDecoder } from "../codec/frame_decoder.ts";
import { CodecError, SocketError } from "../errors.ts";
import { CountingQueue } from "./_counting_queue.ts";
import type { TimeBudget } from "./_time_budget.ts";

/** Frames in a row that a decoder may make of what it keeps. */
const MAX_KEPT_FRAMES = 10_000;
/** Queue operations of one call, and more for each byte that waits. */
const MAX_WORK = 1_000_000;
const MAX_WORK_PER_BYTE = 100;

/** The error for a codec that is wrong. */
export class AssertionError extends Error {
  static {
    this.prototype.name = "AssertionError";
  }
}

/** `context` is not as the contract has it. */
export function broken(
  context: string,
  must: string,
  value: unknown,
): AssertionError {
  return new AssertionError(
    `Cannot accept ${context}: ${must}, got ${String(value)}`,
    value instanceof Error ? { cause: value } : undefined,
  );
}

/** What came of feeding a decoder. */
export interface Outcome<In> {
  readonly frames: In[];
  /** The errors, all typed; none but the last ends the frames. */
  readonly errors: SocketError[];
  /** Whether the last error ended the frames. */
  readonly failed: boolean;
  /** Bytes left over when it was done. */
  readonly unread: number;
  /** The most bytes that waited while the decoder asked for more. */
  readonly mostBuffered: number;
  /** The most memory that the queue held while it did. */
  readonly mostHeld: number;
}

/** How a decoder is fed. */
export interface FeedOptions {
  /** When to stop. */
  budget?: TimeBudget | undefined;
  /** Frames and errors after which nothing more is fed. */
  mostResults?: number | undefined;
}

/**
 * Feeds `chunks` to a fresh decoder the way a socket does, and ends the stream.
 *
 * Every frame is kept until the end, while slabs are filled behind it: a frame that
 * is overwritten is found out when it is compared.
 *
 * @throws {AssertionError} It threw anything but a typed error, or made no progress.
 */
export function decodeChunks<In>(
  codec: Codec<In, never>,
  chunks: Iterable<Uint8Array>,
  context: string,
  options?: FeedOptions,
): Outcome<In> {
  const feed = new Feed(codec.decoder(), context, options);
  for (const chunk of chunks) {
    if (!feed.add(chunk)) break;
  }
  feed.end();
  return feed;
}

/** A decoder and what it has made so far. */
export class Feed<In> implements Outcome<In> {
  readonly frames: In[] = [];
  readonly errors: SocketError[] = [];
  mostBuffered = 0;
  mostHeld = 0;
  readonly queue: CountingQueue = new CountingQueue();
  readonly #decoder: Decoder<In>;
  readonly #frames: FrameDecoder<In>;
  readonly #context: string;
  readonly #budget: TimeBudget | undefined;
  readonly #mostResults: number;

  constructor(
    decoder: Decoder<In>,
    context: string,
    { budget, mostResults = Infinity }: FeedOptions = {},
  ) {
    this.#decoder = decoder;
    this.#frames = new FrameDecoder(
      decoder.finish === undefined
        ? decoder
        : new StrictFinish(decoder, context),
      this.queue,
      MAX_KEPT_FRAMES,
    );
    this.#context = context;
    this.#budget = budget;
    this.#mostResults = mostResults;
    this.queue.onLimit = () => {
      throw broken(
        context,
        "a call must come to an end",
        "a call that works on the queue and does not",
      );
    };
  }

  get failed(): boolean {
    return this.#frames.failed;
  }

  get unread(): number {
    return this.queue.length;
  }

  /** What the decoder says of its being inside a frame, if it says anything. */
  get midFrame(): boolean | undefined {
    return this.#decoder.midFrame;
  }

  /** Feeds one chunk, through the queue's slabs: `false` once nothing more is to be fed. */
  add(chunk: Uint8Array): boolean {
    for (let done = 0; done < chunk.length && !this.#isDone;) {
      const space = this.queue.reserve();
      this.mostHeld = Math.max(this.mostHeld, this.queue.capacity);
      const count = Math.min(space.length, chunk.length - done);
      space.set(chunk.subarray(done, done + count));
      this.queue.commit(count);
      done += count;
      this.#drain(false);
      if (!this.#isDone) {
        this.mostBuffered = Math.max(this.mostBuffered, this.queue.length);
      }
    }
    return !this.#isDone;
  }

  get #isDone(): boolean {
    return this.failed ||
      this.frames.length + this.errors.length >= this.#mostResults;
  }

  /** Ends the stream. */
  end(): void {
    this.#drain(true);
  }

  #drain(ended: boolean): void {
    while (!this.#isDone) {
      this.#budget?.check();
      try {
        const frame = this.#next(ended);
        if (frame === undefined) return;
        this.frames.push(frame);
      } catch (error) {
        this.#refuse(error);
      }
    }
  }

  /** Asks once, and ends a call that works on the queue for ever. */
  #next(ended: boolean): In | undefined {
    const { queue } = this;
    queue.limit = queue.work + MAX_WORK + MAX_WORK_PER_BYTE * queue.length;
    try {
      return this.#frames.next(ended);
    } finally {
      queue.limit = Infinity;
    }
  }

  #refuse(error: unknown): void {
    if (error instanceof AssertionError) throw error;
    if (error instanceof CodecError) {
      throw broken(
        this.#context,
        `the decoder must make progress (${error.message})`,
        error,
      );
    }
    if (!(error instanceof SocketError)) {
      throw broken(
        this.#context,
        "a decoder must throw a SocketError",
        error,
      );
    }
    this.errors.push(error);
  }
}

/**
 * A decoder whose `finish` has to use up the bytes, or to throw. To Framed, what is left is
 * a stream that ended too early: better the decoder says so, which knows what was due.
 */
class StrictFinish<In> implements Decoder<In> {
  readonly #inner: Decoder<In>;
  readonly #context: string;

  constructor(inner: Decoder<In>, context: string) {
    this.#inner = inner;
    this.#context = context;
  }

  get midFrame(): boolean | undefined {
    return this.#inner.midFrame;
  }

  get holdsBytes(): boolean | undefined {
    return this.#inner.holdsBytes;
  }

  decode(bytes: ByteQueue): In | undefined {
    return this.#inner.decode(bytes);
  }

  finish(bytes: ByteQueue): In | undefined {
    const frame = this.#inner.finish!(bytes);
    if (frame === undefined && bytes.length > 0) {
      throw broken(
        this.#context,
        "finish must use up the bytes or throw",
        `${bytes.length} bytes that were left`,
      );
    }
    return frame;
  }
}
