/**
 * Netstrings: frames behind a length in decimal digits.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import { checkNames, show } from "../_check.ts";
import { MalformedFrameError } from "../errors.ts";
import type { SizedCodec } from "./codec.ts";
import {
  sizedOptionNames,
  type SizedOptions,
  sizedSettings,
} from "./policy.ts";
import { type HeaderReader, SizedCodecImpl } from "./_sized_codec.ts";

/**
 * Options of {@linkcode netstring}.
 *
 * @category Frames and codecs
 */
export interface NetstringOptions extends SizedOptions {}

const OPTION_NAMES = /* @__PURE__ */ sizedOptionNames();
const ZERO = 48;
const COLON = 58;
const COMMA = 44;
/** Digits of 2^64: no frame is larger. */
const MAX_DIGITS = 20;

/**
 * Netstrings, as D. J. Bernstein defined them: `5:hello,`.
 *
 * ```txt
 * | digits | : | length bytes  | , |
 * | length |   |<--- frame --->|   |
 * ```
 *
 * Frames are views, and a claimed length allocates nothing. Policies for frames
 * that are too large and for the end of the stream are those of
 * {@linkcode lengthPrefixed}.
 *
 * Decoding throws `FrameTooLargeError`, and `MalformedFrameError` for leading
 * zeros, for anything but digits before the colon, and for a missing comma.
 * Encoding throws `FrameTooLargeError`, and `TypeError` for a frame that is no
 * `Uint8Array`.
 *
 * @see {@link https://cr.yp.to/proto/netstrings.txt}
 *
 * @param options Limit and policies.
 * @returns A codec for any number of connections.
 * @throws {RangeError} An option is out of its range.
 * @throws {TypeError} An option is of the wrong kind, or has an unknown name.
 * @category Frames and codecs
 *
 * @example
 * ```ts
 * import { ByteWriter, netstring, text } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const out = new ByteWriter();
 * text(netstring()).encoder().encode("hello", out);
 * assertEquals(new TextDecoder().decode(out.toBytes()), "5:hello,");
 * ```
 */
export function netstring(options: NetstringOptions = {}): SizedCodec {
  const action = "make a netstring codec";
  checkNames(action, "options", options, OPTION_NAMES);
  const settings = sizedSettings(action, options);
  const header = new NetstringHeader();
  return new SizedCodecImpl({
    settings,
    isApart: true,
    header: () => header,
    writeHead: (size, out) => void out.writeText(`${size}:`),
    writeTail: (out) => out.writeByte(COMMA),
  });
}

class NetstringHeader implements HeaderReader {
  headBytes = 0;
  frameBytes = 0;
  readonly tailBytes = 1;
  readonly partialHeadBytes = Infinity;

  read(bytes: ByteQueue): boolean {
    let value = 0;
    const most = Math.min(bytes.length, MAX_DIGITS + 1);
    for (let i = 0; i < most; i++) {
      const byte = bytes.at(i);
      if (byte === COLON && i > 0) {
        this.headBytes = i + 1;
        this.frameBytes = value > Number.MAX_SAFE_INTEGER ? Infinity : value;
        return true;
      }
      const digit = byte - ZERO;
      if (digit < 0 || digit > 9 || i === MAX_DIGITS) {
        refuse("its length must be up to 20 digits and a colon", byte);
      }
      if (i === 1 && value === 0) {
        refuse("its length must be free of leading zeros", byte);
      }
      value = value * 10 + digit;
    }
    return false;
  }

  hugeSize(bytes: ByteQueue): bigint {
    const digits = bytes.peek(this.headBytes - 1);
    return BigInt(String.fromCharCode(...digits));
  }

  takeTail(bytes: ByteQueue): void {
    const byte = bytes.at(0);
    if (byte !== COMMA) refuse("its last byte must be a comma", byte);
    bytes.skip(1);
  }
}

function refuse(must: string, byte: number): never {
  throw new MalformedFrameError(
    `Cannot decode a netstring: ${must}, got ${
      show(String.fromCharCode(byte))
    }`,
    { operation: "decode" },
  );
}
