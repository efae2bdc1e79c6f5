/**
 * Frames behind a `Content-Length` header block.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import { checkLimit, checkNames, show } from "../_check.ts";
import { FrameTooLargeError, MalformedFrameError } from "../errors.ts";
import type { SizedCodec } from "./codec.ts";
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
 * Options of {@linkcode contentLength}.
 *
 * @category Frames and codecs
 */
export interface ContentLengthOptions extends SizedOptions {
  /**
   * Size of the largest header block, with the empty line at its end, in both directions.
   * A larger one is a `FrameTooLargeError` under every policy: where the frame ends is
   * unknown.
   *
   * @default {4_096}
   */
  maxHeaderBytes?: number | undefined;
}

/** What nearly every block is made of, around the digits. */
const USUAL_START = "Content-Length: ";
const BLANK_LINE = /* @__PURE__ */ new Uint8Array([13, 10, 13, 10]);
/**
 * A field of RFC 9110: a name, and a value of tabs, spaces, visible characters and
 * any bytes above.
 */
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t -~\x80-\xff]*$/;
const LENGTH = /^[^:]+:[ \t]*([0-9]{1,20})[ \t]*$/;
const OPTION_NAMES = /* @__PURE__ */ sizedOptionNames("maxHeaderBytes");

/**
 * Frames behind a header block, as the Language Server Protocol and the Debug
 * Adapter Protocol send them. Use it as `json(contentLength())`.
 *
 * ```txt
 * Content-Length: 18\r\n
 * \r\n
 * {"jsonrpc":"2.0"}
 * ```
 *
 * Other fields, such as `Content-Type`, are checked for their form and ignored.
 * Frames are views, and a claimed length allocates nothing. Policies for frames
 * that are too large and for the end of the stream are those of
 * {@linkcode lengthPrefixed}.
 *
 * Decoding throws `FrameTooLargeError`, and `MalformedFrameError` for a block
 * without exactly one `Content-Length`, or with a line that is not a field.
 * Encoding throws `FrameTooLargeError`, and `TypeError` for a frame that is no
 * `Uint8Array`.
 *
 * @param options Limits and policies.
 * @returns A codec for any number of connections.
 * @throws {RangeError} An option is out of its range.
 * @throws {TypeError} An option is of the wrong kind, or has an unknown name.
 * @category Frames and codecs
 *
 * @example
 * ```ts
 * import { ByteWriter, contentLength, json } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const out = new ByteWriter();
 * json(contentLength()).encoder().encode({ id: 1 }, out);
 * const wire = new TextDecoder().decode(out.toBytes());
 * assertEquals(wire, 'Content-Length: 8\r\n\r\n{"id":1}');
 * ```
 */
export function contentLength(
  options: ContentLengthOptions = {},
): SizedCodec {
  const action = "make a contentLength codec";
  checkNames(action, "options", options, OPTION_NAMES);
  const { maxHeaderBytes = 4096 } = options;
  checkLimit(action, "maxHeaderBytes", maxHeaderBytes, 20);
  const settings = sizedSettings(action, options);
  return new SizedCodecImpl({
    settings,
    isApart: true,
    header: () => new ContentLengthHeader(maxHeaderBytes),
    writeHead(size, out) {
      const block = `Content-Length: ${size}\r\n\r\n`;
      checkSize(block.length, maxHeaderBytes);
      out.writeText(block);
    },
  });
}

class ContentLengthHeader implements HeaderReader {
  headBytes = 0;
  frameBytes = 0;
  readonly tailBytes = 0;
  readonly partialHeadBytes = Infinity;
  readonly #most: number;
  /** The queue's revision when this header was read. */
  #readAt = -1;

  constructor(most: number) {
    this.#most = most;
  }

  read(bytes: ByteQueue): boolean {
    // The frame may come in many pieces: parse its header once.
    if (this.#readAt === bytes.revision || this.#readUsual(bytes)) return true;
    const blank = bytes.indexOf(BLANK_LINE);
    const size = blank < 0 ? bytes.length - 3 : blank + 4;
    if (size > this.#most) {
      // Its size is not known where its end has not come, so it is never given.
      throw new FrameTooLargeError(this.#most, undefined, {
        operation: "decode",
      });
    }
    if (blank < 0) return false;
    const value = parseLength(bytes.peek(blank));
    this.headBytes = size;
    this.frameBytes = Number(value);
    if (!Number.isSafeInteger(this.frameBytes)) this.frameBytes = Infinity;
    this.#readAt = bytes.revision;
    return true;
  }

  /** Reads a block of one field in its usual form, ten times as fast as any block. */
  #readUsual(bytes: ByteQueue): boolean {
    const block = bytes.peekChunk(USUAL_START.length + 15);
    if (block.length > this.#most) return false;
    let i = 0;
    for (; i < USUAL_START.length; i++) {
      if (block[i] !== USUAL_START.charCodeAt(i)) return false;
    }
    let value = 0;
    for (; block[i] >= 48 && block[i] <= 57; i++) {
      value = value * 10 + block[i] - 48;
    }
    // As many digits as fit are never more than a number can hold.
    const digits = i - USUAL_START.length;
    if (digits === 0 || BLANK_LINE.some((byte, k) => block[i + k] !== byte)) {
      return false;
    }
    this.headBytes = i + BLANK_LINE.length;
    this.frameBytes = value;
    this.#readAt = bytes.revision;
    return true;
  }

  hugeSize(bytes: ByteQueue): bigint {
    return BigInt(parseLength(bytes.peek(this.headBytes - 4)));
  }
}

/** The digits of the one Content-Length in a header block. */
function parseLength(bytes: Uint8Array): string {
  const block = toLatin1(bytes);
  let digits: string | undefined;
  for (const line of block.split("\r\n")) {
    const field = FIELD.exec(line);
    if (field === null) refuse("lines must be fields", line);
    if (field[1].toLowerCase() !== "content-length") continue;
    // With two lengths, two readers may see different frames (request smuggling).
    if (digits !== undefined) refuse("Content-Length must occur once", line);
    digits = LENGTH.exec(line)?.[1] ??
      refuse("Content-Length must be 1 to 20 digits", line);
  }
  return digits ?? refuse("Content-Length must occur once", block);
}

/** Text of one character a byte. `TextDecoder` means windows-1252 by "latin1". */
function toLatin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 1024) {
    text += String.fromCharCode(...bytes.subarray(i, i + 1024));
  }
  return text;
}

function refuse(must: string, value: string): never {
  throw new MalformedFrameError(
    `Cannot decode a header block: its ${must}, got ${show(value)}`,
    { operation: "decode" },
  );
}
