/**
 * Decoding any stream of bytes: files, pipes of subprocesses, bodies of `fetch`.
 *
 * @module
 */

import { ByteQueue } from "../bytes/byte_queue.ts";
import { FrameTooLargeError, MalformedFrameError } from "../errors.ts";
import type { Codec, Decoder } from "./codec.ts";
import { unexpectedEof } from "./policy.ts";

/** An error after which the next frame can still be read. */
export type BadFrameError = MalformedFrameError | FrameTooLargeError;

/** Options of {@linkcode decodeStream}. */
export interface DecodeStreamOptions {
  /**
   * Hears of a frame that could not be decoded but after which the next one can be
   * read; the stream then goes on. Without it, such an error ends the stream too.
   * What it throws ends the stream.
   */
  onBadFrame?: (error: BadFrameError) => void;
}

/**
 * Decodes a stream of bytes into a stream of frames, for `pipeThrough`.
 *
 * All good frames come out before an error does. (A plain `TransformStream` would
 * drop those that wait when the error comes.) At the end of the stream the codec's
 * `atEof` applies. An error of the codec is then the error of both sides.
 *
 * Backpressure: a chunk is decoded when somebody waits for a frame, and the next
 * chunk is taken when all its frames have been read. Chunks become the stream's
 * own: frames may be views of them, so do not write to a chunk later.
 *
 * Cancellation: cancelling `readable` aborts `writable` and the other way round.
 *
 * @typeParam In What is received.
 * @param codec What the bytes speak.
 * @param options What to do about bad frames.
 * @returns Both ends of the stream, good for one use.
 *
 * @example Lines of a file, a pipe, a response
 * ```ts
 * import { decodeStream, lines } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const body = new Response("one\ntwo\n").body!;
 * const received = await Array.fromAsync(body.pipeThrough(decodeStream(lines())));
 * assertEquals(received, ["one", "two"]);
 * ```
 */
export function decodeStream<In>(
  codec: Codec<In, never>,
  options: DecodeStreamOptions = {},
): TransformStream<Uint8Array, In> {
  const stream = new StreamDecoder(codec.decoder(), options.onBadFrame);
  return { readable: stream.readable, writable: stream.writable };
}

class StreamDecoder<In> {
  readonly readable: ReadableStream<In>;
  readonly writable: WritableStream<Uint8Array>;

  readonly #decoder: Decoder<In>;
  readonly #onBadFrame: ((error: BadFrameError) => void) | undefined;
  readonly #bytes = new ByteQueue();
  #source!: ReadableStreamDefaultController<In>;
  #sink!: WritableStreamDefaultController;
  #ended = false;
  /** Whether the readable side was closed or has failed. */
  #over = false;
  /** What ends the stream once all frames before it have been read. */
  #error: { readonly reason: unknown } | undefined;
  /** The write, or the close, that waits until its frames have been read. */
  #waiting: PromiseWithResolvers<void> | undefined;
  /** Wakes a reader that waits for bytes. */
  #wake: (() => void) | undefined;

  constructor(
    decoder: Decoder<In>,
    onBadFrame: ((error: BadFrameError) => void) | undefined,
  ) {
    this.#decoder = decoder;
    this.#onBadFrame = onBadFrame;
    this.readable = new ReadableStream<In>({
      start: (controller) => {
        this.#source = controller;
      },
      pull: () => this.#pull(),
      cancel: (reason) => {
        this.#sink.error(reason);
        this.#waiting?.resolve();
      },
    }, { highWaterMark: 0 });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#sink = controller;
      },
      write: (chunk) => {
        this.#bytes.append(chunk);
        return this.#untilRead();
      },
      close: () => {
        this.#ended = true;
        // All that was written has been read, so an end needs no reader.
        if (this.#wake === undefined && this.#deliver() && this.#over) {
          if (this.#error !== undefined) throw this.#error.reason;
          return;
        }
        return this.#untilRead();
      },
      abort: (reason) => {
        this.#source.error(reason);
        this.#wake?.();
      },
    });
  }

  /** Hands bytes, or their end, to the reader, and waits until it has used them. */
  #untilRead(): Promise<void> {
    this.#wake?.();
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Called when somebody waits for a frame and none is there. */
  async #pull(): Promise<void> {
    // A write that came before the first read waits here already.
    while (!this.#deliver()) {
      this.#waiting?.resolve();
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
  }

  /** Enqueues what can be decoded, or ends the stream: `false` if it can do neither. */
  #deliver(): boolean {
    let frames = 0;
    while (this.#error === undefined) {
      try {
        const frame = this.#next();
        if (frame === undefined) break;
        this.#source.enqueue(frame);
        frames++;
      } catch (reason) {
        this.#fail(reason);
      }
    }
    if (this.#error === undefined && this.#ended) {
      this.#over = true;
      this.#source.close();
      this.#waiting?.resolve();
      return true;
    }
    // An error would drop the frames before it: it waits until they are read.
    if (frames > 0) return true;
    if (this.#error === undefined) return false;
    this.#over = true;
    const { reason } = this.#error;
    this.#source.error(reason);
    this.#sink.error(reason);
    this.#waiting?.reject(reason);
    return true;
  }

  #next(): In | undefined {
    const bytes = this.#bytes;
    const frame = this.#decoder.decode(bytes);
    if (frame !== undefined || !this.#ended) return frame;
    if (this.#decoder.finish !== undefined) return this.#decoder.finish(bytes);
    if (bytes.length > 0) throw unexpectedEof(bytes.length, undefined);
    return undefined;
  }

  #fail(reason: unknown): void {
    if (this.#onBadFrame !== undefined && isBadFrame(reason)) {
      try {
        this.#onBadFrame(reason);
        return;
      } catch (thrown) {
        reason = thrown;
      }
    }
    this.#error = { reason };
  }
}

function isBadFrame(error: unknown): error is BadFrameError {
  return error instanceof MalformedFrameError
    ? error.recoverable
    : error instanceof FrameTooLargeError && error.skipped;
}
