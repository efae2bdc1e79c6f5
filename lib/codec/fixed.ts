/**
 * Frames of one size.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec, Decoder, Encoder } from "./codec.ts";
import { checkBytes, checkInteger, checkNames, outOfRange } from "../_check.ts";
import {
  checkEof,
  type EofOptions,
  type EofPolicy,
  unexpectedEof,
} from "./policy.ts";

/**
 * Options of {@linkcode fixed}.
 *
 * @category Frames and codecs
 */
export interface FixedOptions extends EofOptions {
  /** Size of every frame, from 1 to 2^31 bytes. */
  frameBytes: number;
}

const OPTION_NAMES = new Set(["frameBytes", "atEof"]);

/**
 * Frames of one size, one after the other, with nothing between them.
 *
 * ```txt
 * | frameBytes | frameBytes | frameBytes |
 * ```
 *
 * Frames are views. A stream that ends inside a frame is an `UnexpectedEofError`,
 * unless `atEof` says otherwise. Encoding throws `RangeError` for a frame of
 * another size, and `TypeError` for one that is not a `Uint8Array`.
 *
 * @param options The size, and what to do at the end of the stream.
 * @returns A codec for any number of connections.
 * @throws {RangeError} An option is out of its range.
 * @throws {TypeError} An option is of the wrong kind, or has an unknown name.
 * @category Frames and codecs
 *
 * @example Samples of eight bytes
 * ```ts
 * import { ByteQueue, fixed } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new ByteQueue();
 * bytes.append(new Uint8Array(20));
 * const decoder = fixed({ frameBytes: 8 }).decoder();
 * assertEquals(decoder.decode(bytes)?.length, 8);
 * assertEquals(decoder.decode(bytes)?.length, 8);
 * assertEquals(decoder.decode(bytes), undefined);
 * ```
 */
export function fixed(
  options: FixedOptions,
): Codec<Uint8Array<ArrayBuffer>, Uint8Array> {
  const action = "make a fixed codec";
  checkNames(action, "options", options, OPTION_NAMES);
  const { frameBytes, atEof = "error" } = options;
  checkInteger(action, "frameBytes", frameBytes, 1, 2 ** 31);
  checkEof(action, atEof);
  const decoder = new FixedDecoder(frameBytes, atEof);
  const encoder = new FixedEncoder(frameBytes);
  return {
    decoder: () => decoder,
    encoder: () => encoder,
  };
}

class FixedDecoder implements Decoder<Uint8Array<ArrayBuffer>> {
  readonly #size: number;
  readonly #atEof: EofPolicy;

  constructor(size: number, atEof: EofPolicy) {
    this.#size = size;
    this.#atEof = atEof;
  }

  decode(bytes: ByteQueue): Uint8Array<ArrayBuffer> | undefined {
    return bytes.length < this.#size ? undefined : bytes.take(this.#size);
  }

  finish(bytes: ByteQueue): Uint8Array<ArrayBuffer> | undefined {
    const received = bytes.length;
    if (received === 0) return undefined;
    if (this.#atEof === "error") throw unexpectedEof(received, this.#size);
    const frame = bytes.takeAll();
    return this.#atEof === "emit" ? frame : undefined;
  }
}

class FixedEncoder implements Encoder<Uint8Array> {
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  encode(frame: Uint8Array, out: ByteWriter): void {
    checkBytes("encode a frame", "frame", frame);
    if (frame.length !== this.#size) {
      const must = `${this.#size} bytes`;
      throw outOfRange("encode a frame", "its size", must, frame.length);
    }
    out.write(frame);
  }
}
