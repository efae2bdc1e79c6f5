/**
 * Frames of one size.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec, Decoder, Encoder } from "./codec.ts";
import { checkInteger } from "./_options.ts";
import {
  checkPolicies,
  type EofOptions,
  type EofPolicy,
  unexpectedEof,
} from "./policy.ts";

/** Options of {@linkcode fixed}. */
export interface FixedOptions extends EofOptions {
  /** Size of every frame, from 1 to 2^31 bytes. */
  frameBytes: number;
}

/**
 * Frames of one size, one after the other, with nothing between them.
 *
 * ```txt
 * | frameBytes | frameBytes | frameBytes |
 * ```
 *
 * Frames are views. A stream that ends inside a frame is an `UnexpectedEofError`,
 * unless `atEof` says otherwise. Encoding throws `RangeError` for a frame of
 * another size.
 *
 * @param options The size, and what to do at the end of the stream.
 * @returns A codec for any number of connections.
 * @throws {RangeError} An option is out of its range.
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
export function fixed(options: FixedOptions): Codec<Uint8Array> {
  const { frameBytes, atEof = "error" } = options;
  checkInteger("fixed", "frameBytes", frameBytes, 1, 2 ** 31);
  checkPolicies("fixed", { atEof }, []);
  const decoder = new FixedDecoder(frameBytes, atEof);
  const encoder = new FixedEncoder(frameBytes);
  return {
    decoder: () => decoder,
    encoder: () => encoder,
  };
}

class FixedDecoder implements Decoder<Uint8Array> {
  readonly #size: number;
  readonly #atEof: EofPolicy;

  constructor(size: number, atEof: EofPolicy) {
    this.#size = size;
    this.#atEof = atEof;
  }

  decode(bytes: ByteQueue): Uint8Array | undefined {
    return bytes.length < this.#size ? undefined : bytes.take(this.#size);
  }

  finish(bytes: ByteQueue): Uint8Array | undefined {
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
    if (frame.length !== this.#size) {
      throw new RangeError(
        `Cannot encode a frame as its size must be ${this.#size} bytes: current value is ${frame.length}`,
      );
    }
    out.write(frame);
  }
}
