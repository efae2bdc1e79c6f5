/**
 * Decoding any stream of bytes: files, pipes of subprocesses, bodies of `fetch`.
 *
 * @module
 */

import {
  checkBytes,
  checkFunction,
  checkMethods,
  checkNames,
} from "../_check.ts";
import { guard } from "../_guard.ts";
import { ByteQueue } from "../bytes/byte_queue.ts";
import type { Codec } from "./codec.ts";
import {
  type BadFrameError,
  FrameDecoder,
  isBadFrame,
} from "./frame_decoder.ts";

/**
 * Options of {@linkcode decodeStream}.
 *
 * @category Frames and codecs
 */
export interface DecodeStreamOptions {
  /**
   * Called with the error of each frame that could not be decoded but after which the
   * next one can be read; the stream then goes on. Without it, such an error ends the
   * stream too. What it throws ends the stream. A promise that it returns is not waited
   * for; one that rejects is printed.
   */
  onBadFrame?: ((error: BadFrameError) => void) | undefined;
}

const OPTION_NAMES: ReadonlySet<string> = new Set<keyof DecodeStreamOptions>([
  "onBadFrame",
]);

/** Frames that are decoded at a time. */
const MAX_FRAMES = 1024;

/**
 * Decodes a stream of bytes into a stream of frames, for `pipeThrough`.
 *
 * All good frames come out before an error does. (A plain `TransformStream` would
 * drop those that wait when the error comes.) At the end of the stream the codec's
 * `atEof` applies. An error of the codec is then the error of both sides.
 *
 * Backpressure: a chunk is decoded when a frame is waited for, 1,024 frames at a time,
 * and the next chunk is taken when all its frames have been read. Chunks become the
 * stream's own: frames may be views of them, so do not write to a chunk later, and copy a
 * frame (`slice`) before you transfer its buffer. A chunk that is not a `Uint8Array`, or
 * whose memory has gone, fails both sides with a `TypeError`.
 *
 * Cancellation: cancelling `readable` aborts `writable` and the other way round.
 *
 * @typeParam In What is received.
 * @param codec The codec of the bytes.
 * @param options What happens to bad frames.
 * @returns Both ends of the stream, good for one use.
 * @throws {TypeError} `codec` is not a codec, or an option is of the wrong kind or not known.
 * @category Frames and codecs
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
  const action = "decode a stream";
  checkMethods(action, "codec", codec, ["decoder"]);
  checkNames(action, "options", options, OPTION_NAMES);
  const { onBadFrame } = options;
  if (onBadFrame !== undefined) {
    checkFunction(action, "onBadFrame", onBadFrame);
  }
  const frames = new FrameDecoder(codec.decoder(), new ByteQueue());
  const { readable, writable } = new StreamDecoder(frames, onBadFrame);
  return { readable, writable };
}

/** How a promise that waits is settled. `Promise.withResolvers` is not in every runtime. */
interface Waiting {
  resolve(): void;
  reject(reason: unknown): void;
}

class StreamDecoder<In> {
  readonly readable: ReadableStream<In>;
  readonly writable: WritableStream<Uint8Array>;

  readonly #frames: FrameDecoder<In>;
  readonly #onBadFrame: DecodeStreamOptions["onBadFrame"];
  #source!: ReadableStreamDefaultController<In>;
  #sink!: WritableStreamDefaultController;
  #ended = false;
  /** Whether the readable side was closed or has failed. */
  #isOver = false;
  /** What ends the stream once all frames before it have been read. */
  #error: { readonly reason: unknown } | undefined;
  /** The write, or the close, that waits until its frames have been read. */
  #waiting: Waiting | undefined;
  /** Wakes a reader that waits for bytes. */
  #wake: (() => void) | undefined;

  constructor(
    frames: FrameDecoder<In>,
    onBadFrame: DecodeStreamOptions["onBadFrame"],
  ) {
    this.#frames = frames;
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
      write: (chunk) => this.#write(chunk),
      close: () => this.#close(),
      abort: (reason) => this.#abort(reason),
    });
  }

  #write(chunk: Uint8Array): Promise<void> {
    try {
      checkBytes("decode a stream", "a chunk", chunk);
    } catch (error) {
      this.#abort(error);
      throw error;
    }
    this.#frames.queue.append(chunk);
    return this.#untilRead();
  }

  #close(): Promise<void> | undefined {
    this.#ended = true;
    // All that was written has been read, so an end needs no reader.
    if (this.#wake === undefined && this.#deliver() && this.#isOver) {
      if (this.#error !== undefined) throw this.#error.reason;
      return undefined;
    }
    return this.#untilRead();
  }

  #abort(reason: unknown): void {
    this.#source.error(reason);
    this.#wake?.();
  }

  /** Hands bytes, or their end, to the reader, and waits until it has used them. */
  #untilRead(): Promise<void> {
    this.#wake?.();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Called when a frame is waited for and none is there. */
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
    if (this.#error !== undefined) return this.#fail(this.#error.reason);
    let count = 0;
    try {
      for (; count < MAX_FRAMES; count++) {
        const frame = this.#next();
        if (frame === undefined) break;
        this.#source.enqueue(frame);
      }
    } catch (reason) {
      this.#error = { reason };
      // It would drop the frames before it: it waits until they are read.
      return count > 0 || this.#fail(reason);
    }
    if (!this.#ended || count === MAX_FRAMES) return count > 0;
    this.#isOver = true;
    this.#source.close();
    this.#waiting?.resolve();
    return true;
  }

  #next(): In | undefined {
    while (true) {
      try {
        // A chunk, or a frame that is a view of one.
        if (!this.#frames.queue.isIntact) {
          throw new TypeError(
            "Cannot decode a stream: bytes that wait were transferred (transfer a copy)",
          );
        }
        return this.#frames.next(this.#ended);
      } catch (error) {
        if (this.#onBadFrame === undefined || !isBadFrame(error)) throw error;
        report(this.#onBadFrame, error);
      }
    }
  }

  #fail(reason: unknown): true {
    this.#isOver = true;
    this.#source.error(reason);
    this.#sink.error(reason);
    this.#waiting?.reject(reason);
    return true;
  }
}

/** What the hook throws goes through, what it rejects with later does not. */
function report(
  hook: (error: BadFrameError) => unknown,
  error: BadFrameError,
): void {
  const result = hook(error);
  guard(() => result);
}
