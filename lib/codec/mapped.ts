/**
 * Codecs of anything, made from codecs of something else.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { MalformedFrameError, SocketError } from "../errors.ts";
import type { Codec, Decoder, Encoder } from "./codec.ts";
import { show } from "./_options.ts";
import { unexpectedEof } from "./policy.ts";

/**
 * A codec whose frames are those of `codec`, turned into something else.
 *
 * When `decode` throws, the frame is a `MalformedFrameError` with the error as its
 * `cause`, and since the frame's bytes are gone the next frame can be read
 * (`recoverable`). Errors of this package's own classes pass through as they are,
 * and so does whatever `encode` throws.
 *
 * @typeParam In What is received.
 * @typeParam Out What is sent.
 * @typeParam InnerIn What `codec` receives.
 * @typeParam InnerOut What `codec` sends.
 * @param codec Where frames come from and go to.
 * @param decode Makes a frame of ours from one of `codec`; never `undefined`.
 * @param encode Makes a frame of `codec` from one of ours.
 * @returns A codec for any number of connections.
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
  encode: (frame: Out) => InnerOut,
): Codec<In, Out> {
  checkFunction("decode", decode);
  checkFunction("encode", encode);
  return {
    decoder: () => new MappedDecoder(codec.decoder(), decode),
    encoder: () => new MappedEncoder(codec.encoder(), encode),
  };
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value !== "function") {
    throw new TypeError(
      `Cannot make a mapped codec as ${name} must be a function: current value is ${
        show(value)
      }`,
    );
  }
}

class MappedDecoder<In, InnerIn> implements Decoder<In> {
  readonly #inner: Decoder<InnerIn>;
  readonly #map: (frame: InnerIn) => In;

  constructor(inner: Decoder<InnerIn>, map: (frame: InnerIn) => In) {
    this.#inner = inner;
    this.#map = map;
  }

  decode(bytes: ByteQueue): In | undefined {
    const frame = this.#inner.decode(bytes);
    return frame === undefined ? undefined : this.#apply(frame);
  }

  finish(bytes: ByteQueue): In | undefined {
    if (this.#inner.finish === undefined) {
      if (bytes.length > 0) throw unexpectedEof(bytes.length, undefined);
      return undefined;
    }
    const frame = this.#inner.finish(bytes);
    return frame === undefined ? undefined : this.#apply(frame);
  }

  #apply(frame: InnerIn): In {
    let value: In;
    try {
      value = this.#map(frame);
    } catch (cause) {
      if (cause instanceof SocketError) throw cause;
      throw new MalformedFrameError(
        `Cannot decode a frame as its content must be valid: current value is refused with ${
          cause instanceof Error ? cause.message : show(cause)
        }`,
        { cause, frame, recoverable: true, operation: "decode" },
      );
    }
    // To a reader this would mean that more bytes are needed.
    if (value === undefined) {
      throw new MalformedFrameError(
        "Cannot decode a frame as its content must be mapped to a value: current value is undefined",
        { frame, recoverable: true, operation: "decode" },
      );
    }
    return value;
  }
}

class MappedEncoder<Out, InnerOut> implements Encoder<Out> {
  readonly #inner: Encoder<InnerOut>;
  readonly #map: (frame: Out) => InnerOut;

  constructor(inner: Encoder<InnerOut>, map: (frame: Out) => InnerOut) {
    this.#inner = inner;
    this.#map = map;
  }

  encode(frame: Out, out: ByteWriter): void {
    this.#inner.encode(this.#map(frame), out);
  }
}
