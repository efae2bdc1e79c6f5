/**
 * Codecs of anything, made from codecs of something else.
 *
 * @module
 */

import { checkFunction, checkMethods, thrownText } from "../_check.ts";
import type { ByteQueue } from "../bytes/byte_queue.ts";
import { copyOf } from "../bytes/plain_array.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { MalformedFrameError, SocketError } from "../errors.ts";
import type { Codec, Decoder, Encoder } from "./codec.ts";
import { finishOf, refusePromise } from "./encode_frame.ts";
import { unexpectedEof } from "./policy.ts";

/**
 * A codec whose frames are those of `codec`, turned into something else.
 *
 * When `decode` throws, the frame is a `MalformedFrameError` with the error as its
 * `cause`, and since the frame's bytes are gone the next frame can be read
 * (`recoverable`). The same holds when it returns `undefined` or `null`: to a reader
 * they would mean that bytes are missing, or that the stream has ended. Errors of this
 * package's own classes pass through as they are, and so does what `encode` throws.
 *
 * Neither may be asynchronous: a promise is a `CodecError`, and what it rejects with is
 * printed. Await in the loop over the frames instead.
 *
 * @typeParam In What is received.
 * @typeParam Out What is sent.
 * @typeParam InnerIn What `codec` receives.
 * @typeParam InnerOut What `codec` sends.
 * @param codec Where frames come from and go to.
 * @param decode Makes a frame of ours from one of `codec`; neither `undefined` nor `null`.
 * @param encode Makes a frame of `codec` from one of ours.
 * @returns A codec for any number of connections.
 * @throws {TypeError} An argument is of the wrong kind.
 * @category Frames and codecs
 *
 * @example Dates as lines of text
 * ```ts
 * import { ByteQueue, lines, mapped } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const dates = mapped(
 *   lines(),
 *   (line) => new Date(line),
 *   (date: Date) => date.toISOString(),
 * );
 * const bytes = new ByteQueue();
 * bytes.append(new TextEncoder().encode("2026-01-02\n"));
 * assertEquals(dates.decoder().decode(bytes)?.getUTCFullYear(), 2026);
 * ```
 */
export function mapped<In, Out, InnerIn, InnerOut>(
  codec: Codec<InnerIn, InnerOut>,
  decode: (frame: InnerIn) => In,
  // What it takes is inferred from it, what it returns from the codec: `{ type: "say" }`
  // would have a `string` otherwise.
  encode: ((frame: Out) => unknown) & NoInfer<(frame: Out) => InnerOut>,
): Codec<In, Out> {
  const action = "make a mapped codec";
  checkMethods(action, "codec", codec, ["decoder", "encoder"]);
  checkFunction(action, "decode", decode);
  checkFunction(action, "encode", encode);
  return mappedCodec(codec, (frame) => apply(decode, frame), encode);
}

/**
 * A codec whose frames are those of `codec`, turned into something else by functions
 * that throw what a decoder may throw. A frame of which `decode` makes `undefined` is
 * passed over.
 */
export function mappedCodec<In, Out, InnerIn, InnerOut>(
  codec: Codec<InnerIn, InnerOut>,
  decode: (frame: InnerIn) => In | undefined,
  encode: (frame: Out) => InnerOut,
): Codec<In, Out> {
  return {
    decoder: () => new MappedDecoder(codec.decoder(), decode),
    encoder: () => new MappedEncoder(codec.encoder(), encode),
  };
}

/** Refuses a codec of text where one of bytes is due: no frame of it would be good. */
export function checkFrames(action: string, codec: object): void {
  if (!("frameType" in codec) || codec.frameType !== "text") return;
  throw new TypeError(
    `Cannot ${action}: codec must be one of bytes, got one of text`,
  );
}

function apply<In, InnerIn>(
  decode: (frame: InnerIn) => In,
  frame: InnerIn,
): In {
  let value: In;
  try {
    value = decode(frame);
  } catch (cause) {
    if (cause instanceof SocketError) throw cause;
    const why = `its content was refused: ${thrownText(cause)}`;
    throw refused(frame, why, cause);
  }
  if (value === undefined || value === null) {
    throw refused(frame, `it was mapped to ${value}, which is not a frame`);
  }
  if (value instanceof Promise) refusePromise(value, "decode");
  return value;
}

function refused(
  frame: unknown,
  why: string,
  cause?: unknown,
): MalformedFrameError {
  return new MalformedFrameError(`Cannot decode a frame: ${why}`, {
    ...(cause === undefined ? undefined : { cause }),
    // Its memory may be lent, and used again before the error is looked at.
    frame: frame instanceof Uint8Array ? copyOf(frame) : frame,
    recoverable: true,
    operation: "decode",
  });
}

class MappedDecoder<In, InnerIn> implements Decoder<In> {
  readonly #inner: Decoder<InnerIn>;
  readonly #map: (frame: InnerIn) => In | undefined;

  constructor(
    inner: Decoder<InnerIn>,
    map: (frame: InnerIn) => In | undefined,
  ) {
    this.#inner = inner;
    this.#map = map;
  }

  get midFrame(): boolean | undefined {
    return this.#inner.midFrame;
  }

  get holdsBytes(): boolean | undefined {
    return this.#inner.holdsBytes;
  }

  decode(bytes: ByteQueue): In | undefined {
    for (;;) {
      const frame = this.#inner.decode(bytes);
      if (frame === undefined) return undefined;
      const value = this.#map(frame);
      if (value !== undefined) return value;
    }
  }

  finish(bytes: ByteQueue): In | undefined {
    const inner = this.#inner;
    if (inner.finish === undefined) {
      // To the caller this decoder has a `finish`, so it has to look itself.
      const lost = bytes.length > 0 || inner.midFrame === true;
      if (lost) throw unexpectedEof(bytes.length, undefined);
      return undefined;
    }
    for (;;) {
      const frame = inner.finish(bytes);
      if (frame === undefined) return undefined;
      const value = this.#map(frame);
      if (value !== undefined) return value;
    }
  }
}

class MappedEncoder<Out, InnerOut> implements Encoder<Out> {
  readonly finish: Encoder<Out>["finish"];
  readonly #inner: Encoder<InnerOut>;
  readonly #map: (frame: Out) => InnerOut;

  constructor(inner: Encoder<InnerOut>, map: (frame: Out) => InnerOut) {
    this.finish = finishOf(inner);
    this.#inner = inner;
    this.#map = map;
  }

  get midFrame(): boolean | undefined {
    return this.#inner.midFrame;
  }

  encode(frame: Out, out: ByteWriter): void {
    const inner = this.#map(frame);
    if (inner instanceof Promise) refusePromise(inner);
    // Returned, so that a promise of an asynchronous encoder is noticed.
    return this.#inner.encode(inner, out);
  }
}
