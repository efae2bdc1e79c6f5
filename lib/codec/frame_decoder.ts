/**
 * The decode loop of `Framed`, `decodeStream` and `checkCodec`.
 *
 * @module
 */

import { checkMethods } from "../_check.ts";
import { guard } from "../_guard.ts";
import type { ByteQueue } from "../bytes/byte_queue.ts";
import {
  CodecError,
  FrameTooLargeError,
  MalformedFrameError,
} from "../errors.ts";
import type { Decoder } from "./codec.ts";
import { unexpectedEof } from "./policy.ts";

/**
 * An error after which the next frame can still be read.
 *
 * @category Frames and codecs
 */
export type BadFrameError = MalformedFrameError | FrameTooLargeError;

/** Whether the decoder has moved past the bad frame. */
export function isBadFrame(error: unknown): error is BadFrameError {
  return error instanceof MalformedFrameError
    ? error.recoverable
    : error instanceof FrameTooLargeError && error.skipped;
}

/**
 * Frames that may come from the bytes that a decoder took and kept: some from few bytes,
 * and then so many from each. A byte of deflate becomes 1,032 bytes at most.
 */
const KEPT_FRAMES = 65_536;
const KEPT_FRAMES_PER_BYTE = 1024;
/**
 * Frames, and errors, that may come in a row without a byte being taken: a bound for any
 * decoder.
 */
const MAX_KEPT_FRAMES = 4_194_304;
const MAX_KEPT_ERRORS = 65_536;
/** After so many bytes, more of them allow no more frames. */
const ENOUGH_BYTES = 4_096;
/** So much of it goes into one batch. */
const MAX_KEPT_IN_BATCH = 1024;
/** At the end of a stream that had no bytes, frames may stand for the end itself. */
const MAX_FINAL_FRAMES = 1024;

/**
 * Asks a decoder as the contract in `codec.ts` says, and notices one that breaks it.
 *
 * | state | `next(false)` | `next(true)` | leaves it |
 * | --- | --- | --- | --- |
 * | decoding | asks `decode` | asks `decode`, then goes on as finishing | at the end of the stream |
 * | finishing | nothing | asks `finish` | when that returns `undefined` |
 * | finished | nothing | nothing | never |
 * | failed | throws | throws | never |
 */
export class FrameDecoder<T> {
  /** What frames are cut from. */
  readonly queue: ByteQueue;
  readonly #decoder: Decoder<T>;
  readonly #mostKeptFrames: number;
  #state: "decoding" | "finishing" | "finished" | "failed" = "decoding";
  #failure: unknown;
  /** Bytes taken so far, counted until there are enough. */
  #taken = 0;
  /** Frames and errors in a row for which no byte was taken. */
  #keptFrames = 0;
  /** Whether the last bytes that were taken gave no frame. */
  #decoderIsMidFrame = false;

  /**
   * @param decoder The decoder of one stream.
   * @param queue The bytes that it reads.
   * @param mostKeptFrames Frames that may come in a row without a byte being taken.
   * @throws {TypeError} `decoder` is not a decoder.
   */
  constructor(
    decoder: Decoder<T>,
    queue: ByteQueue,
    mostKeptFrames: number = MAX_KEPT_FRAMES,
  ) {
    checkMethods("decode", "the decoder of a codec", decoder, ["decode"]);
    this.#decoder = decoder;
    this.queue = queue;
    this.#mostKeptFrames = mostKeptFrames;
  }

  /** Whether `next` can only throw. */
  get failed(): boolean {
    return this.#state === "failed";
  }

  /** Whether the decoder has taken a part of a frame that was not handed out yet. */
  get decoderIsMidFrame(): boolean {
    return this.#decoder.midFrame ?? this.#decoderIsMidFrame;
  }

  /** Whether bytes that the decoder took must stay as they are. */
  get decoderHoldsBytes(): boolean {
    return this.#decoder.holdsBytes ?? this.decoderIsMidFrame;
  }

  /** Whether a frame has begun, in the queue or in the decoder. */
  get midFrame(): boolean {
    return this.queue.length > 0 || this.decoderIsMidFrame;
  }

  /** Throws where `next` can only throw. */
  checkFailure(): void {
    if (this.#state === "failed") throw this.#failure;
  }

  /** No more frames: `next` throws `error` from now on. */
  fail(error: unknown): void {
    this.#state = "failed";
    this.#failure = error;
  }

  /**
   * The next frame, or `undefined` when more bytes are needed; once the stream has
   * `ended`, when there is none.
   *
   * @throws {unknown} What the decoder throws; the same again where that was final.
   * @throws {UnexpectedEofError} The stream ended inside a frame.
   * @throws {CodecError} The decoder breaks its contract.
   */
  next(ended: boolean): T | undefined {
    if (this.#state !== "decoding") return this.#nextAtEnd(ended);
    const { queue } = this;
    const before = queue.length;
    let frame: T | undefined;
    try {
      frame = this.#decoder.decode(queue);
    } catch (error) {
      throw this.#refuse(error, before);
    }
    const taken = before - queue.length;
    if (taken > 0) {
      // An asynchronous decode shows in its first frame: to test every frame would cost a
      // twentieth.
      if (this.#taken < ENOUGH_BYTES && frame instanceof Promise) {
        throw this.#promised([frame]);
      }
      this.#tookBytes(taken, frame === undefined);
    } else if (taken < 0) throw this.#putBackMore();
    else if (frame !== undefined) this.#countKept(frame, this.#mostKeptFrames);
    if (frame !== undefined || !ended) return frame;
    this.#state = "finishing";
    return this.#finish();
  }

  /**
   * Appends the frames to `batch` for which `next` need not wait, as many as there are;
   * of those for which no byte is taken, 1,024.
   *
   * @throws As {@linkcode next}. The frames before that are in the batch.
   */
  fill(batch: T[]): void {
    if (this.#state !== "decoding") return;
    const { queue } = this;
    const decoder = this.#decoder;
    const start = queue.length;
    // Most frames come this way, so that each statement in this loop counts.
    let before = start;
    let kept = 0;
    let frame: T | undefined;
    try {
      while (kept < MAX_KEPT_IN_BATCH) {
        frame = decoder.decode(queue);
        if (frame === undefined) break;
        const { length } = queue;
        if (length >= before) {
          if (length > before) throw this.#putBackMore();
          kept++;
          this.#countKept(frame, this.#mostKeptFrames);
        }
        batch.push(frame);
        before = length;
      }
    } catch (error) {
      throw this.#refuse(error, before);
    }
    if (before < start) this.#tookBytes(start - before, false);
    if (queue.length < before) this.#tookBytes(before - queue.length, true);
    if (batch[batch.length - 1] instanceof Promise) throw this.#promised(batch);
  }

  #tookBytes(count: number, isPart: boolean): void {
    if (this.#taken < ENOUGH_BYTES) this.#taken += count;
    this.#keptFrames = 0;
    this.#decoderIsMidFrame = isPart;
  }

  #nextAtEnd(ended: boolean): T | undefined {
    if (this.#state === "failed") throw this.#failure;
    return ended && this.#state === "finishing" ? this.#finish() : undefined;
  }

  #finish(): T | undefined {
    const { queue } = this;
    const before = queue.length;
    let frame: T | undefined;
    try {
      frame = this.#decoder.finish?.(queue);
      if (frame === undefined) this.#checkEnd();
    } catch (error) {
      throw this.#refuse(error, before);
    }
    if (frame === undefined) this.#state = "finished";
    else if (queue.length < before) this.#keptFrames = 0;
    else if (queue.length > before) throw this.#putBackMore();
    else this.#countKept(frame, this.#mostKeptFrames);
    return frame;
  }

  #checkEnd(): void {
    const { length } = this.queue;
    const lost = this.#decoder.finish === undefined &&
      this.#decoder.midFrame === true;
    if (length > 0 || lost) throw unexpectedEof(length, undefined);
  }

  /** The error to throw. It ends the frames, unless the decoder has moved past the bad one. */
  #refuse(error: unknown, before: number): unknown {
    if (!isBadFrame(error)) {
      this.fail(error);
      return error;
    }
    const taken = before - this.queue.length;
    if (taken > 0) {
      this.#tookBytes(taken, false);
      return error;
    }
    try {
      this.#countKept(error, Math.min(MAX_KEPT_ERRORS, this.#mostKeptFrames));
    } catch (broken) {
      return broken;
    }
    return error;
  }

  /** A frame, or an error, took no byte: it must come from bytes taken before. */
  #countKept(result: unknown, most: number): void {
    this.#decoderIsMidFrame = false;
    const count = ++this.#keptFrames;
    if (result === null || result instanceof Promise) {
      // It may reject: that must not end the process.
      guard(() => result);
      const got = result === null ? "null" : "a promise";
      throw this.#broken(
        `return undefined when it needs more bytes, got ${got}`,
      );
    }
    const taken = this.#taken;
    const allowed = taken > 0
      ? KEPT_FRAMES + KEPT_FRAMES_PER_BYTE * taken
      : this.#state === "finishing"
      ? MAX_FINAL_FRAMES
      : 0;
    if (count <= Math.min(most, allowed)) return;
    const what = result instanceof Error ? "frame or error" : "frame";
    throw this.#broken(
      `take bytes for each ${what}, got ${count} in a row without a byte`,
      result,
    );
  }

  /** Takes promises off a batch: one of them may reject, which must not end the process. */
  #promised(batch: unknown[]): CodecError {
    const first = batch.findIndex((frame) => frame instanceof Promise);
    for (const frame of batch.splice(first)) guard(() => frame);
    return this.#broken("return its frames at once, got a promise");
  }

  /** Bytes that were put back again and again would give frames for ever. */
  #putBackMore(): CodecError {
    return this.#broken(
      "put back only what it took in the same call, got a queue that is longer",
    );
  }

  #broken(must: string, result?: unknown): CodecError {
    const error = new CodecError(`Cannot decode: the decoder must ${must}`, {
      operation: "decode",
      ...(result instanceof Error ? { cause: result } : {}),
    });
    this.fail(error);
    return error;
  }
}
