/**
 * Frames behind a length field.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import {
  checkBoolean,
  checkBytes,
  checkInteger,
  checkLimit,
  checkNames,
  checkNumber,
  checkOneOf,
  outOfRange,
} from "../_check.ts";
import { MalformedFrameError } from "../errors.ts";
import type { Encoder, SizedCodec } from "./codec.ts";
import {
  sizedOptionNames,
  type SizedOptions,
  sizedSettings,
} from "./policy.ts";
import {
  checkSize,
  type HeaderReader,
  SizedCodecImpl,
} from "./_sized_codec.ts";

/**
 * Options of {@linkcode lengthPrefixed}.
 *
 * @category Frames and codecs
 */
export interface LengthPrefixedOptions extends SizedOptions {
  /**
   * Size of the length field.
   *
   * @default {4}
   */
  lengthBytes?: 1 | 2 | 3 | 4 | 8 | undefined;
  /**
   * Which byte of the length field comes first.
   *
   * @default {"big"}
   */
  byteOrder?: "big" | "little" | undefined;
  /**
   * Whether the length field is a signed number, as in PostgreSQL and Kafka: one below 0
   * is a `MalformedFrameError`, where it would be a huge one otherwise.
   *
   * @default {false}
   */
  signed?: boolean | undefined;
  /**
   * Bytes of the message before its length field, from 0 to 1024.
   *
   * @default {0}
   */
  offset?: number | undefined;
  /**
   * What is added to the value of the length field to get the number of bytes
   * that follow the field. Negative where the value counts the header too.
   *
   * @default {0}
   */
  adjust?: number | undefined;
  /**
   * Bytes dropped off the front of the message, from 0 to 1024. The default is the
   * header, so that the frame is what follows the length field; 0 hands over the
   * whole message. Encoding fills dropped bytes outside the length field with 0.
   *
   * @default {offset + lengthBytes}
   */
  skip?: number | undefined;
}

const OPTION_NAMES = /* @__PURE__ */ sizedOptionNames(
  "lengthBytes",
  "byteOrder",
  "signed",
  "offset",
  "adjust",
  "skip",
);
const MAX_HEADER_BYTES = 1024;

/** The options of {@linkcode lengthPrefixed}, checked and complete. */
interface Layout {
  readonly width: number;
  readonly littleEndian: boolean;
  /** Where the byte with the sign is; -1 for none. */
  readonly signAt: number;
  readonly offset: number;
  /** Bytes up to and with the length field. */
  readonly head: number;
  readonly skip: number;
  /** What turns the field's value into the frame's size. */
  readonly delta: number;
  /** The least frame: as much of the header as is not skipped. */
  readonly least: number;
  /** Whether the header is nothing but the length field, and skipped. */
  readonly isBare: boolean;
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
 * that is negative, also after `adjust`. Encoding throws `FrameTooLargeError`,
 * `RangeError` for a frame whose length the field cannot hold, and `TypeError` for
 * one that is not a `Uint8Array`.
 *
 * @param options Layout, limit and policies.
 * @returns A codec for any number of connections.
 * @throws {RangeError} An option is out of its range, or together they leave room for no
 * frame at all.
 * @throws {TypeError} An option is of the wrong kind, or has an unknown name.
 * @category Frames and codecs
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
): SizedCodec {
  const action = "make a lengthPrefixed codec";
  checkNames(action, "options", options, OPTION_NAMES);
  const layout = toLayout(action, options);
  const settings = sizedSettings(action, options);
  checkRoom(action, layout, settings.most);
  const header = new LengthHeader(layout);
  const encoder = new LengthPrefixedEncoder(layout, settings.most);
  const framing = {
    settings,
    isApart: layout.skip >= layout.head,
    header: () => header,
    writeHead: (size: number, out: ByteWriter, given?: Uint8Array) =>
      encoder.writeHead(size, out, given),
  };
  return new SizedCodecImpl(framing, encoder);
}

function toLayout(action: string, options: LengthPrefixedOptions): Layout {
  const {
    lengthBytes: width = 4,
    byteOrder = "big",
    signed = false,
    offset = 0,
    adjust = 0,
  } = options;
  checkOneOf(action, "lengthBytes", width, [1, 2, 3, 4, 8]);
  checkOneOf(action, "byteOrder", byteOrder, ["big", "little"]);
  checkBoolean(action, "signed", signed);
  checkInteger(action, "offset", offset, 0, MAX_HEADER_BYTES);
  checkInteger(action, "adjust", adjust, -(2 ** 31), 2 ** 31);
  const head = offset + width;
  const { skip = head } = options;
  checkInteger(action, "skip", skip, 0, MAX_HEADER_BYTES);
  if (skip > offset && skip < head) {
    const must =
      `at most offset (${offset}) or at least offset + lengthBytes (${head})`;
    throw outOfRange(action, "skip", must, skip);
  }
  return {
    width,
    littleEndian: byteOrder === "little",
    signAt: signed ? byteOrder === "little" ? head - 1 : offset : -1,
    offset,
    head,
    skip,
    delta: head + adjust - skip,
    least: Math.max(0, head - skip),
    isBare: head === width && skip === width,
  };
}

/** Refuses what no frame can pass: not one could be sent, or received. */
function checkRoom(action: string, layout: Layout, most: number): void {
  const { delta, least } = layout;
  const smallest = Math.max(least, delta);
  const largest = largestValue(layout) + delta;
  const name = "the largest frame that lengthBytes, adjust and skip allow";
  checkNumber(action, name, largest, smallest);
  checkLimit(action, "maxFrameBytes", most, smallest);
}

/** The largest value of the length field. */
function largestValue({ width, signAt }: Layout): number {
  const bits = 8 * width - (signAt < 0 ? 0 : 1);
  return Math.min(2 ** bits - 1, Number.MAX_SAFE_INTEGER);
}

class LengthHeader implements HeaderReader {
  readonly headBytes: number;
  readonly tailBytes = 0;
  readonly partialHeadBytes: number;
  frameBytes = 0;
  readonly #layout: Layout;
  /** Bytes that must have come before the length can be read. */
  readonly #due: number;

  constructor(layout: Layout) {
    this.headBytes = this.partialHeadBytes = layout.skip;
    this.#layout = layout;
    this.#due = layout.head;
  }

  read(bytes: ByteQueue): boolean {
    if (bytes.length < this.#due) return false;
    const { width, offset, littleEndian, signAt, delta, least } = this.#layout;
    if (signAt >= 0 && bytes.at(signAt) > 0x7f) this.#refuseNegative(bytes);
    const value = width < 8
      ? bytes.uintAt(offset, width, littleEndian)
      : this.#readLong(bytes);
    const size = value + delta;
    if (size < least) this.#refuse(size);
    this.frameBytes = size;
    return true;
  }

  /** `Infinity` where the size is beyond 2^53, and {@linkcode hugeSize} is asked. */
  #readLong(bytes: ByteQueue): number {
    const { offset, littleEndian, delta } = this.#layout;
    const first = bytes.uintAt(offset, 4, littleEndian);
    const second = bytes.uintAt(offset + 4, 4, littleEndian);
    const [high, low] = littleEndian ? [second, first] : [first, second];
    const value = high * 2 ** 32 + low;
    const most = Math.max(value, value + delta);
    return most > Number.MAX_SAFE_INTEGER ? Infinity : value;
  }

  #refuseNegative(bytes: ByteQueue): never {
    const { width } = this.#layout;
    const value = BigInt.asIntN(8 * width, this.#exactValue(bytes));
    throw new MalformedFrameError(
      `Cannot decode a frame: its length must be at least 0, got ${value}`,
      { operation: "decode" },
    );
  }

  #refuse(size: number): never {
    const { skip, head } = this.#layout;
    const least = Math.max(0, skip - head);
    throw new MalformedFrameError(
      `Cannot decode a frame: at least ${least} bytes must follow its length field, got ${
        size + skip - head
      }`,
      { operation: "decode" },
    );
  }

  hugeSize(bytes: ByteQueue): bigint {
    return this.#exactValue(bytes) + BigInt(this.#layout.delta);
  }

  #exactValue(bytes: ByteQueue): bigint {
    const { width, offset, littleEndian } = this.#layout;
    if (width === 8) return bytes.getBigUint64(offset, littleEndian);
    return BigInt(bytes.uintAt(offset, width, littleEndian));
  }

  expectedHeadBytes(): number {
    return this.#due;
  }
}

class LengthPrefixedEncoder implements Encoder<Uint8Array> {
  readonly #layout: Layout;
  readonly #most: number;
  /** The largest value of the length field. */
  readonly #largest: number;

  constructor(layout: Layout, most: number) {
    this.#layout = layout;
    this.#most = most;
    this.#largest = largestValue(layout);
  }

  encode(frame: Uint8Array, out: ByteWriter): void {
    checkBytes("encode a frame", "frame", frame);
    const size = frame.length;
    if (size > this.#most) checkSize(size, this.#most);
    const value = this.#lengthOf(size);
    const { width, littleEndian, isBare } = this.#layout;
    if (isBare) {
      out.writeUint(value, width, littleEndian);
      out.write(frame);
    } else {
      this.#encodeWithHeader(frame, value, out);
    }
  }

  #encodeWithHeader(frame: Uint8Array, value: number, out: ByteWriter): void {
    const { width, littleEndian, offset, head, skip } = this.#layout;
    const start = out.length;
    const zeros = out.allocate(skip);
    out.block.fill(0, zeros, zeros + skip);
    // What is copied covers the length field, so the frame itself stays as it is.
    const own = Math.max(0, head - skip);
    out.write(frame.subarray(0, own));
    out.setUint(start + offset, value, width, littleEndian);
    out.write(frame.subarray(own));
  }

  /** Appends what stands before a frame, where that has the length in it. */
  writeHead(size: number, out: ByteWriter, given?: Uint8Array): void {
    const { width, littleEndian, offset, skip } = this.#layout;
    const value = this.#lengthOf(size);
    const header = given ?? new Uint8Array(skip);
    if (header.length !== skip) {
      const must = `${skip} bytes long`;
      throw outOfRange("encode a frame", "head.header", must, header);
    }
    const start = out.length;
    out.write(header);
    out.setUint(start + offset, value, width, littleEndian);
  }

  /** The value of the length field. */
  #lengthOf(size: number): number {
    const value = size - this.#layout.delta;
    if (value < 0 || value > this.#largest || size < this.#layout.least) {
      this.#refuse(size);
    }
    return value;
  }

  #refuse(size: number): never {
    const { delta, least } = this.#layout;
    const most = Math.min(this.#most, this.#largest + delta);
    const must = `from ${Math.max(least, delta)} to ${most} bytes`;
    throw outOfRange("encode a frame", "its size", must, size);
  }
}
