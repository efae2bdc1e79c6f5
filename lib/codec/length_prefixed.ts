/**
 * Frames behind a length field.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { FrameTooLargeError, MalformedFrameError } from "../errors.ts";
import type { Codec, Decoder, Encoder } from "./codec.ts";
import {
  badOption,
  checkChoice,
  checkInteger,
  checkLimit,
} from "./_options.ts";
import {
  checkPolicies,
  type EofOptions,
  type EofPolicy,
  type OversizeOptions,
  reportOversize,
  unexpectedEof,
} from "./policy.ts";

/** Options of {@linkcode lengthPrefixed}. */
export interface LengthPrefixedOptions extends OversizeOptions, EofOptions {
  /**
   * Size of the length field.
   *
   * @default {4}
   */
  lengthBytes?: 1 | 2 | 3 | 4 | 8;
  /**
   * Which byte of the length field comes first.
   *
   * @default {"big"}
   */
  byteOrder?: "big" | "little";
  /**
   * Bytes of the message before its length field, from 0 to 1024.
   *
   * @default {0}
   */
  offset?: number;
  /**
   * What is added to the value of the length field to get the number of bytes
   * that follow the field. Negative where the value counts the header too.
   *
   * @default {0}
   */
  adjust?: number;
  /**
   * Bytes dropped off the front of the message, from 0 to 1024. By default the
   * header, so that the frame is what follows the length field; 0 hands over the
   * whole message. Encoding fills dropped bytes outside the length field with 0.
   *
   * @default {offset + lengthBytes}
   */
  skip?: number;
  /**
   * Size of the largest frame, as it is handed over. `Infinity` for no limit.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
}

/** Where an 8-byte length's upper half makes it lose its last bits as a number. */
const UNSAFE_HIGH = 2 ** 21;
const MAX_HEADER_BYTES = 1024;

/** The options of {@linkcode lengthPrefixed}, checked and complete. */
interface Layout {
  readonly width: number;
  readonly littleEndian: boolean;
  readonly offset: number;
  /** Bytes up to and with the length field. */
  readonly head: number;
  readonly skip: number;
  /** What turns the field's value into the frame's size. */
  readonly delta: number;
  readonly most: number;
  readonly skipOversize: boolean;
  readonly onOversize: ((error: FrameTooLargeError) => void) | undefined;
  readonly atEof: EofPolicy;
}

/**
 * Frames behind a length field: `[length][frame]`, four bytes in network byte
 * order unless told otherwise.
 *
 * ```txt
 * | offset | lengthBytes | value + adjust bytes |   a message on the wire
 * |<----- skip ------->|<------- frame -------->|   what you get
 * ```
 *
 * As in Netty, `adjust` counts from the end of the length field, whatever `skip`
 * is. (tokio-util counts from the end of what is skipped.) Both directions use the
 * same options: an encoder computes the length field and writes it, also into a
 * frame that contains the header because `skip` is 0.
 *
 * Frames are views: nothing is copied, except for a frame that arrived in two
 * slabs. A length above `maxFrameBytes` allocates nothing. A frame that ends
 * before the stream does is an `UnexpectedEofError`, also right after its header.
 *
 * Decoding throws `FrameTooLargeError`, and `MalformedFrameError` for a length
 * that is negative after `adjust`. Encoding throws `FrameTooLargeError`, and
 * `RangeError` for a frame whose length the field cannot hold.
 *
 * @param options Layout, limit and policies.
 * @returns A codec for any number of connections.
 * @throws {RangeError} An option is out of its range.
 *
 * @example Frames with a two-byte length
 * ```ts
 * import { ByteQueue, ByteWriter, lengthPrefixed } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = lengthPrefixed({ lengthBytes: 2 });
 * const out = new ByteWriter();
 * codec.encoder().encode(new Uint8Array([7, 8, 9]), out);
 * const wire = out.toBytes();
 * assertEquals(wire, new Uint8Array([0, 3, 7, 8, 9]));
 *
 * const bytes = new ByteQueue();
 * bytes.append(wire);
 * assertEquals(codec.decoder().decode(bytes), new Uint8Array([7, 8, 9]));
 * ```
 */
export function lengthPrefixed(
  options: LengthPrefixedOptions = {},
): Codec<Uint8Array> {
  const layout = toLayout(options);
  return {
    decoder: () => new LengthPrefixedDecoder(layout),
    encoder: () => new LengthPrefixedEncoder(layout),
  };
}

function toLayout(options: LengthPrefixedOptions): Layout {
  const name = "lengthPrefixed";
  const {
    lengthBytes: width = 4,
    byteOrder = "big",
    offset = 0,
    adjust = 0,
    maxFrameBytes = 1024 * 1024,
    oversize = "fail",
    onOversize,
    atEof = "error",
  } = options;
  checkChoice(name, "lengthBytes", width, [1, 2, 3, 4, 8]);
  checkChoice(name, "byteOrder", byteOrder, ["big", "little"]);
  checkInteger(name, "offset", offset, 0, MAX_HEADER_BYTES);
  checkInteger(name, "adjust", adjust, -(2 ** 31), 2 ** 31);
  const head = offset + width;
  const skip = options.skip ?? head;
  checkInteger(name, "skip", skip, 0, MAX_HEADER_BYTES);
  if (skip > offset && skip < head) {
    throw badOption(
      name,
      "skip",
      `at most offset (${offset}) or at least offset + lengthBytes (${head})`,
      skip,
    );
  }
  checkLimit(name, "maxFrameBytes", maxFrameBytes);
  checkPolicies(name, options, ["fail", "skip"]);
  return {
    width,
    littleEndian: byteOrder === "little",
    offset,
    head,
    skip,
    delta: head + adjust - skip,
    most: Math.min(maxFrameBytes, Number.MAX_SAFE_INTEGER - MAX_HEADER_BYTES),
    skipOversize: oversize === "skip",
    onOversize,
    atEof,
  };
}

class LengthPrefixedDecoder implements Decoder<Uint8Array> {
  readonly #layout: Layout;
  // Copies of what every frame needs.
  readonly #head: number;
  readonly #skip: number;
  readonly #least: number;
  readonly #most: number;
  /** Bytes still to be dropped of a message that is too large. */
  #dropping = 0;
  /** Size of that message. */
  #dropped = 0;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.#head = layout.head;
    this.#skip = layout.skip;
    this.#least = Math.max(0, layout.head - layout.skip);
    this.#most = layout.most;
  }

  decode(bytes: ByteQueue): Uint8Array | undefined {
    while (this.#dropping === 0 || this.#drop(bytes)) {
      const { length } = bytes;
      if (length < this.#head) return undefined;
      const size = this.#frameSize(bytes);
      if (size >= this.#least && size <= this.#most) {
        if (length < this.#skip + size) return undefined;
        bytes.skip(this.#skip);
        return bytes.take(size);
      }
      this.#refuse(bytes, size);
    }
    return undefined;
  }

  finish(bytes: ByteQueue): Uint8Array | undefined {
    const { atEof } = this.#layout;
    if (this.#dropping > 0 && !this.#drop(bytes)) {
      const missing = this.#dropping;
      this.#dropping = 0;
      if (atEof !== "error") return undefined;
      throw unexpectedEof(this.#dropped - missing, this.#dropped);
    }
    const received = bytes.length;
    if (received === 0) return undefined;
    if (atEof === "drop") {
      bytes.skip(received);
      return undefined;
    }
    if (received < this.#head) throw unexpectedEof(received, this.#head);
    if (atEof === "emit") {
      bytes.skip(Math.min(this.#skip, received));
      return bytes.takeAll();
    }
    throw unexpectedEof(received, this.#skip + this.#frameSize(bytes));
  }

  /** Size of the frame whose header is at the front; `Infinity` beyond 2^53. */
  #frameSize(bytes: ByteQueue): number {
    const { width, offset, littleEndian, delta } = this.#layout;
    if (width < 8) return bytes.uintAt(offset, width, littleEndian) + delta;
    const high = bytes.uintAt(
      littleEndian ? offset + 4 : offset,
      4,
      littleEndian,
    );
    const low = bytes.uintAt(
      littleEndian ? offset : offset + 4,
      4,
      littleEndian,
    );
    return high < UNSAFE_HIGH ? high * 2 ** 32 + low + delta : Infinity;
  }

  /** Throws, or begins to drop the message at the front. */
  #refuse(bytes: ByteQueue, size: number): void {
    const { most, skipOversize, onOversize, delta, head, skip } = this.#layout;
    if (size <= most) {
      throw new MalformedFrameError(
        `Cannot decode a frame as the bytes after its length field must be at least ${
          Math.max(0, skip - head)
        }: current value is ${size + skip - head}`,
        { operation: "decode" },
      );
    }
    const claimed = size === Infinity
      ? this.#hugeLength(bytes) + BigInt(delta)
      : size;
    if (!skipOversize) {
      throw new FrameTooLargeError(most, claimed, { operation: "decode" });
    }
    reportOversize(onOversize, most, claimed);
    this.#dropped = this.#dropping = skip + size;
  }

  #hugeLength(bytes: ByteQueue): bigint {
    const { offset, littleEndian } = this.#layout;
    const field = bytes.peek(offset + 8);
    return new DataView(field.buffer, field.byteOffset)
      .getBigUint64(offset, littleEndian);
  }

  /** Drops what is there of a message that is too large: `true` at its end. */
  #drop(bytes: ByteQueue): boolean {
    const count = Math.min(this.#dropping, bytes.length);
    bytes.skip(count);
    this.#dropping -= count;
    return this.#dropping === 0;
  }
}

class LengthPrefixedEncoder implements Encoder<Uint8Array> {
  readonly #layout: Layout;
  readonly #largest: number;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.#largest = layout.width === 8
      ? Number.MAX_SAFE_INTEGER
      : 2 ** (8 * layout.width) - 1;
  }

  encode(frame: Uint8Array, out: ByteWriter): void {
    const { width, littleEndian, offset, head, skip, delta, most } =
      this.#layout;
    const size = frame.length;
    if (size > most) {
      throw new FrameTooLargeError(most, size, { operation: "encode" });
    }
    const value = size - delta;
    // The header that the frame itself holds must be there, too.
    const least = Math.max(delta, head - skip);
    if (value < 0 || value > this.#largest || size < least) {
      throw new RangeError(
        `Cannot encode a frame as its size must be from ${least} to ${
          Math.min(most, this.#largest + delta)
        } bytes: current value is ${size}`,
      );
    }
    if (skip === head && offset === 0) {
      out.writeUint(value, width, littleEndian);
      out.write(frame);
      return;
    }
    const start = out.length;
    // The copied part covers the length field, so the caller's array stays as it is.
    const own = Math.max(0, head - skip);
    const zeros = out.allocate(skip);
    out.block.fill(0, zeros, zeros + skip);
    out.write(frame.subarray(0, own));
    out.setUint(start + offset, value, width, littleEndian);
    out.write(frame.subarray(own));
  }
}
