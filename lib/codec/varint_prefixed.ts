/**
 * Frames behind a length of variable size, as protobuf delimits its messages.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { checkNames } from "../_check.ts";
import { MalformedFrameError } from "../errors.ts";
import type { SizedCodec } from "./codec.ts";
import {
  sizedOptionNames,
  type SizedOptions,
  sizedSettings,
} from "./policy.ts";
import { type HeaderReader, SizedCodecImpl } from "./_sized_codec.ts";

/**
 * Options of {@linkcode varintPrefixed}.
 *
 * @category Frames and codecs
 */
export interface VarintPrefixedOptions extends SizedOptions {}

const OPTION_NAMES = /* @__PURE__ */ sizedOptionNames();
/** What a 64-bit varint takes at most. */
const MAX_BYTES = 10;

/**
 * Frames behind a length in LEB128: seven bits a byte, the lowest first, and the
 * top bit set on all but the last. It is what protobuf's `encodeDelimited` and
 * `writeDelimitedTo` write.
 *
 * ```txt
 * | 1xxxxxxx ... 0xxxxxxx | length bytes |
 * |<-- length, 1 to 10 -->|<-- frame --->|
 * ```
 *
 * Frames are views, and a claimed length allocates nothing. Policies for frames
 * that are too large and for the end of the stream are those of
 * {@linkcode lengthPrefixed}.
 *
 * Decoding throws `FrameTooLargeError`, and `MalformedFrameError` for a length
 * that takes more than 64 bits or more bytes than it needs. Encoding throws
 * `FrameTooLargeError`, and `TypeError` for a frame that is not a `Uint8Array`.
 *
 * @param options Limit and policies.
 * @returns A codec for any number of connections.
 * @throws {RangeError} An option is out of its range.
 * @throws {TypeError} An option is of the wrong kind, or has an unknown name.
 * @category Frames and codecs
 *
 * @example
 * ```ts
 * import { ByteWriter, varintPrefixed } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const out = new ByteWriter();
 * varintPrefixed().encoder().encode(new Uint8Array(300), out);
 * assertEquals(out.toBytes().subarray(0, 2), new Uint8Array([0b1010_1100, 0b10]));
 * ```
 */
export function varintPrefixed(
  options: VarintPrefixedOptions = {},
): SizedCodec {
  const action = "make a varintPrefixed codec";
  checkNames(action, "options", options, OPTION_NAMES);
  const settings = sizedSettings(action, options);
  const header = new VarintHeader();
  return new SizedCodecImpl({
    settings,
    isApart: true,
    header: () => header,
    writeHead: writeVarint,
  });
}

class VarintHeader implements HeaderReader {
  headBytes = 0;
  frameBytes = 0;
  readonly tailBytes = 0;
  readonly partialHeadBytes = Infinity;

  read(bytes: ByteQueue): boolean {
    const { length } = bytes;
    if (length === 0) return false;
    const first = bytes.at(0);
    if (first < 0x80) {
      this.headBytes = 1;
      this.frameBytes = first;
      return true;
    }
    return this.#readLong(bytes, Math.min(length, MAX_BYTES));
  }

  #readLong(bytes: ByteQueue, most: number): boolean {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < most; i++) {
      const byte = bytes.at(i);
      if (i === MAX_BYTES - 1 && byte > 1) {
        refuse("have at most 64 bits", "more");
      }
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        // Two readers may take an over-long length differently.
        if (byte === 0) refuse("take no more bytes than it needs", i + 1);
        this.headBytes = i + 1;
        this.frameBytes = value > Number.MAX_SAFE_INTEGER ? Infinity : value;
        return true;
      }
    }
    return false;
  }

  hugeSize(bytes: ByteQueue): bigint {
    let value = 0n;
    for (let i = this.headBytes - 1; i >= 0; i--) {
      value = value << 7n | BigInt(bytes.at(i) & 0x7f);
    }
    return value;
  }
}

function refuse(must: string, value: number | string): never {
  throw new MalformedFrameError(
    `Cannot decode a frame: its length must ${must}, got ${value}`,
    { operation: "decode" },
  );
}

/** Appends a safe whole number of at least 0. */
export function writeVarint(value: number, out: ByteWriter): void {
  while (value > 0x7f) {
    out.writeByte(value % 128 | 0x80);
    value = Math.floor(value / 128);
  }
  out.writeByte(value);
}
