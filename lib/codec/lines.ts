/**
 * Lines of text.
 *
 * @module
 */

import type { ByteWriter } from "../bytes/byte_writer.ts";
import { FrameTooLargeError } from "../errors.ts";
import type { Encoder, TextCodec } from "./codec.ts";
import { LineDecoder } from "./_line_decoder.ts";
import {
  checkLimit,
  checkNames,
  checkOneOf,
  outOfRange,
  wrongKind,
} from "../_check.ts";
import { TextEncoding, type TextOptions } from "./text_encoding.ts";
import {
  checkEof,
  checkOversize,
  type DelimitedOversizePolicy,
  type EofOptions,
  type OversizeOptions,
} from "./policy.ts";

/**
 * Options of {@linkcode lines}.
 *
 * @category Frames and codecs
 */
export interface LinesOptions
  extends TextOptions, OversizeOptions<DelimitedOversizePolicy>, EofOptions {
  /**
   * What ends a line. `"\n"` also accepts `"\r\n"`. `"\r\n"` is strict: any other
   * `"\n"` or `"\r"` is a `MalformedFrameError`, because two programs that disagree
   * on where a line ends can be played against each other (request smuggling).
   *
   * @default {"\n"}
   */
  newline?: "\n" | "\r\n" | undefined;
  /**
   * Size of the longest line in bytes, without its line ending. `Infinity` for no
   * limit.
   *
   * @default {65_536}
   */
  maxLineBytes?: number | undefined;
}

const OPTION_NAMES = new Set([
  "newline",
  "maxLineBytes",
  "encoding",
  "fatal",
  "oversize",
  "onOversize",
  "atEof",
]);
/** Encodings in which a byte 10 is not always a newline. */
const NOT_LINE_BASED = ["utf-16le", "utf-16be", "iso-2022-jp"];

/**
 * Lines of text, without their line endings.
 *
 * A character that is split across reads stays intact. A byte order mark is kept:
 * it is data. A last line without a newline counts, as in text files; `atEof:
 * "error"` makes it an `UnexpectedEofError` instead. Waiting for a newline costs
 * linear time and at most `maxLineBytes` of memory, however the bytes arrive.
 *
 * Decoding throws `FrameTooLargeError` for a line that is too long, and
 * `MalformedFrameError` for one that is not valid text (if `fatal`) or has a stray
 * `"\r"` or `"\n"` (if strict), also in what is skipped or cut off. Encoding throws
 * `FrameTooLargeError`, `RangeError` for a line that contains a line ending (it would
 * arrive as two) or characters that the encoding does not have, and `TypeError` for
 * one that is not a string. In UTF-8, lone surrogates become U+FFFD.
 *
 * Lines that arrive together share the memory of their text: one that is kept for
 * long keeps up to 32 KiB, or 64 times the line.
 *
 * @param options Line ending, encoding, limit and policies.
 * @returns A codec for any number of connections.
 * @throws {RangeError} An option is out of its range.
 * @throws {TypeError} An option is of the wrong kind, or has an unknown name.
 * @category Frames and codecs
 *
 * @example Lines off a stream
 * ```ts
 * import { ByteQueue, lines } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = lines().decoder();
 * const bytes = new ByteQueue();
 * bytes.append(new TextEncoder().encode("one\r\ntwo\nthr"));
 * assertEquals(decoder.decode(bytes), "one");
 * assertEquals(decoder.decode(bytes), "two");
 * assertEquals(decoder.decode(bytes), undefined);
 * assertEquals(decoder.finish?.(bytes), "thr");
 * ```
 */
export function lines(options: LinesOptions = {}): TextCodec {
  const action = "make a lines codec";
  checkNames(action, "options", options, OPTION_NAMES);
  const {
    newline = "\n",
    maxLineBytes = 64 * 1024,
    oversize = "fail",
    onOversize,
    atEof = "emit",
  } = options;
  checkOneOf(action, "newline", newline, ["\n", "\r\n"]);
  checkLimit(action, "maxLineBytes", maxLineBytes);
  checkOversize(action, oversize, onOversize, ["fail", "skip", "truncate"]);
  checkEof(action, atEof);
  const encoding = new TextEncoding(action, options);
  if (NOT_LINE_BASED.includes(encoding.name)) {
    const must = "one in which byte 10 is always a newline";
    throw outOfRange(action, "encoding", must, encoding.name);
  }
  const strict = newline === "\r\n";
  const settings = { strict, most: maxLineBytes, oversize, onOversize, atEof };
  const encoder = new LineEncoder(encoding, newline, maxLineBytes);
  return {
    frameType: "text",
    decoder: () => new LineDecoder(encoding, settings),
    encoder: () => encoder,
  };
}

class LineEncoder implements Encoder<string> {
  readonly #encoding: TextEncoding;
  readonly #newline: "\n" | "\r\n";
  readonly #most: number;

  constructor(encoding: TextEncoding, newline: "\n" | "\r\n", most: number) {
    this.#encoding = encoding;
    this.#newline = newline;
    this.#most = most;
  }

  encode(line: string, out: ByteWriter): void {
    if (typeof line !== "string") {
      throw wrongKind("encode a line", "line", "a string", line);
    }
    if (this.#breaks(line)) {
      const must = "free of line endings";
      throw outOfRange("encode a line", "line", must, line);
    }
    const start = out.length;
    const size = this.#encoding.encode(line, out);
    if (size > this.#most) {
      out.truncate(start);
      throw new FrameTooLargeError(this.#most, size, { operation: "encode" });
    }
    if (this.#newline === "\r\n") out.writeByte(13);
    out.writeByte(10);
  }

  #breaks(line: string): boolean {
    if (line.includes("\n")) return true;
    // A lenient reader takes a last "\r" for a part of the line ending.
    return this.#newline === "\n" ? line.endsWith("\r") : line.includes("\r");
  }
}
