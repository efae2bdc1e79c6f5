/**
 * Driving a decoder as a socket does, and watching it.
 *
 * @module
 */

import { ByteQueue } from "../bytes/byte_queue.ts";
import type { Codec, Decoder } from "../codec/codec.ts";
import {
  FrameTooLargeError,
  MalformedFrameError,
  SocketError,
  UnexpectedEofError,
} from "../errors.ts";

/** A decoder that makes frames of nothing would do so for ever. */
const MOST_FRAMES_OF_NOTHING = 10_000;

/** The kit's way to say that a codec is wrong. */
export class AssertionError extends Error {
  static {
    this.prototype.name = "AssertionError";
  }
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
): Outcome<In> {
  const feed = new Feed(codec.decoder(), context);
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
  failed = false;
  mostBuffered = 0;
  mostHeld = 0;
  readonly #decoder: Decoder<In>;
  readonly #context: string;
  readonly #queue = new ByteQueue();
  #framesOfNothing = 0;

  constructor(decoder: Decoder<In>, context: string) {
    this.#decoder = decoder;
    this.#context = context;
  }

  get unread(): number {
    return this.#queue.length;
  }

  /** Feeds one chunk, through the queue's slabs: `false` once the frames have ended. */
  add(chunk: Uint8Array): boolean {
    for (let done = 0; done < chunk.length && !this.failed;) {
      const space = this.#queue.reserve();
      this.mostHeld = Math.max(this.mostHeld, this.#queue.capacity);
      const count = Math.min(space.length, chunk.length - done);
      space.set(chunk.subarray(done, done + count));
      this.#queue.commit(count);
      done += count;
      this.#drain(false);
      if (!this.failed) {
        this.mostBuffered = Math.max(this.mostBuffered, this.#queue.length);
      }
    }
    return !this.failed;
  }

  /** Ends the stream. */
  end(): void {
    if (this.failed) return;
    this.#drain(false);
    if (!this.failed) this.#drain(true);
    if (!this.failed && this.#queue.length > 0) {
      // As Framed does for a decoder that leaves the end to it.
      if (this.#decoder.finish === undefined) {
        this.errors.push(
          new UnexpectedEofError(this.unread, undefined, "Cannot decode"),
        );
        this.failed = true;
      } else {
        throw new AssertionError(
          `Cannot accept ${this.#context} as finish must use up the bytes or throw: ${this.unread} bytes were left`,
        );
      }
    }
  }

  #drain(atEnd: boolean): void {
    while (!this.failed) {
      const before = this.#queue.revision;
      try {
        const frame = atEnd
          ? this.#decoder.finish?.(this.#queue)
          : this.#decoder.decode(this.#queue);
        if (frame === undefined) return;
        this.frames.push(frame);
      } catch (error) {
        this.#refuse(error);
      }
      if (this.#queue.revision !== before) this.#framesOfNothing = 0;
      else if (++this.#framesOfNothing > MOST_FRAMES_OF_NOTHING) {
        throw new AssertionError(
          `Cannot accept ${this.#context} as the decoder must make progress: it returned ${MOST_FRAMES_OF_NOTHING} frames without taking a byte`,
        );
      }
    }
  }

  #refuse(error: unknown): void {
    if (!(error instanceof SocketError)) {
      throw new AssertionError(
        `Cannot accept ${this.#context} as a decoder must throw a SocketError: it threw ${
          String(error)
        }`,
        { cause: error },
      );
    }
    this.errors.push(error);
    this.failed = !(error instanceof MalformedFrameError && error.recoverable ||
      error instanceof FrameTooLargeError && error.skipped);
  }
}
