/**
 * Frames that end in a delimiter.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { Pattern } from "../bytes/pattern.ts";
import { copyOf } from "../bytes/plain_array.ts";
import {
  checkBoolean,
  checkBytes,
  checkLimit,
  checkNames,
  outOfRange,
  TEXT_OR_BYTES,
  wrongKind,
} from "../_check.ts";
import { FrameTooLargeError } from "../errors.ts";
import type { Codec, Decoder, Encoder } from "./codec.ts";
import {
  AnyFinder,
  type DelimiterFinder,
  DelimiterScan,
  DelimiterSet,
  OneFinder,
} from "./_delimiters.ts";
import {
  checkEof,
  checkOversize,
  DEFAULT_FRAME_BYTES,
  type DelimitedOversizePolicy,
  type EofOptions,
  type EofPolicy,
  type OversizeOptions,
  reportOversize,
  unexpectedEof,
} from "./policy.ts";

/**
 * Options of {@linkcode delimited}.
 *
 * @category Frames and codecs
 */
export interface DelimitedOptions
  extends OversizeOptions<DelimitedOversizePolicy>, EofOptions {
  /**
   * What ends a frame: at least one byte, or text, which stands for its UTF-8; or a list
   * of up to 64 of them, of 1,024 bytes in all, each of which ends a frame.
   */
  delimiter: Uint8Array | string | readonly (Uint8Array | string)[];
  /**
   * Whether frames contain their delimiter. A frame to be encoded may then end in
   * it or not; without it, it is added. Of several, a frame was ended by the longest one
   * that it ends in.
   *
   * @default {false}
   */
  keepDelimiter?: boolean | undefined;
  /**
   * Size of the largest frame, as it is handed over. `Infinity` for no limit.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number | undefined;
}

const OPTION_NAMES = new Set([
  "delimiter",
  "keepDelimiter",
  "maxFrameBytes",
  "oversize",
  "onOversize",
  "atEof",
]);

/** Delimiters of a list, and bytes of all of them. */
const MAX_DELIMITERS = 64;
const MAX_DELIMITER_BYTES = 1024;

interface Settings {
  /** What encoding adds. */
  readonly delimiter: Uint8Array;
  /** Where there are several. */
  readonly set: DelimiterSet | undefined;
  readonly keep: boolean;
  readonly limit: number;
  /** Size of the largest frame without its delimiter, where that is the shortest one. */
  readonly most: number;
  /** What is left of a frame that is cut: no delimiter can begin in it. */
  readonly head: number;
  readonly oversize: DelimitedOversizePolicy;
  readonly onOversize: OversizeOptions["onOversize"];
  readonly atEof: EofPolicy;
}

/**
 * Frames that end in a delimiter of any length. For text, see {@linkcode lines}.
 *
 * ```txt
 * | frame | delimiter | frame | delimiter |
 * ```
 *
 * Of several delimiters, the one ends a frame that begins first, and of those that begin
 * at the same place the longest, however the bytes are cut. So where one goes on from
 * another, as `"\r\n"` from `"\r"`, a frame behind the shorter one comes with the byte
 * that decides, or at the end of the stream. Encoding ends frames with the first of the
 * list, which may not be such a shorter one. To get to know which one ended a frame, keep
 * it (`keepDelimiter`).
 *
 * Frames are views. Waiting for a delimiter costs linear time and at most
 * `maxFrameBytes` of memory, however the bytes arrive. (Of several delimiters, as many
 * bytes as the longest one has may be looked at twice behind a frame.) A stream that ends
 * without a delimiter is an `UnexpectedEofError`, unless `atEof` says otherwise.
 *
 * Decoding throws `FrameTooLargeError`. Encoding throws `FrameTooLargeError`,
 * `RangeError` for a frame that contains a delimiter, or would together with the
 * delimiter that follows it (it would arrive as another), and `TypeError` for one that
 * is not a `Uint8Array`.
 *
 * @param options Delimiter, limit and policies.
 * @returns A codec for any number of connections.
 * @throws {RangeError} An option is out of its range, or the delimiter is text with a
 * lone surrogate, which UTF-8 cannot express.
 * @throws {TypeError} An option is of the wrong kind, or has an unknown name.
 * @category Frames and codecs
 *
 * @example Frames that end in a zero byte
 * ```ts
 * import { ByteQueue, delimited } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new ByteQueue();
 * bytes.append(new Uint8Array([1, 2, 0, 3]));
 * const decoder = delimited({ delimiter: "\0" }).decoder();
 * assertEquals(decoder.decode(bytes), new Uint8Array([1, 2]));
 * assertEquals(decoder.decode(bytes), undefined);
 * ```
 *
 * @example Any of the three ways to end a line
 * ```ts
 * import { decodeStream, delimited, text } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = text(delimited({ delimiter: ["\r\n", "\n", "\r"], atEof: "emit" }));
 * const body = new Response("one\rtwo\r\nthree\n\nfour").body!;
 * const received = await Array.fromAsync(body.pipeThrough(decodeStream(codec)));
 * assertEquals(received, ["one", "two", "three", "", "four"]);
 * ```
 */
export function delimited(
  options: DelimitedOptions,
): Codec<Uint8Array<ArrayBuffer>, Uint8Array> {
  const settings = toSettings(options);
  const encoder = new DelimitedEncoder(settings);
  return {
    decoder: () => new DelimitedDecoder(settings),
    encoder: () => encoder,
  };
}

function toSettings(options: DelimitedOptions): Settings {
  const action = "make a delimited codec";
  checkNames(action, "options", options, OPTION_NAMES);
  const {
    delimiter: given,
    keepDelimiter: keep = false,
    maxFrameBytes: limit = DEFAULT_FRAME_BYTES,
    oversize = "fail",
    onOversize,
    atEof = "error",
  } = options;
  const delimiters = toDelimiters(action, given);
  const delimiter = delimiters[0];
  const set = delimiters.length > 1 ? new DelimiterSet(delimiters) : undefined;
  if (set?.canGoOn(delimiter)) {
    const must = "none that another one goes on from (put the longest first)";
    throw outOfRange(action, "the first delimiter", must, delimiter);
  }
  const { shortest = delimiter.length, longest = delimiter.length } = set ?? {};
  checkBoolean(action, "keepDelimiter", keep);
  checkLimit(action, "maxFrameBytes", limit, keep ? longest : 0);
  checkOversize(action, oversize, onOversize, ["fail", "skip", "truncate"]);
  checkEof(action, atEof);
  const most = keep ? limit - shortest : limit;
  const head = keep ? limit - longest : limit;
  const policies = { oversize, onOversize, atEof };
  return { delimiter, set, keep, limit, most, head, ...policies };
}

function toDelimiters(action: string, given: unknown): Uint8Array[] {
  if (!Array.isArray(given)) return [toBytes(action, "delimiter", given)];
  const { length } = given;
  const delimiters = Array.from(
    given.slice(0, MAX_DELIMITERS),
    (each, i) => toBytes(action, `delimiter[${i}]`, each),
  );
  const size = delimiters.reduce((sum, { length }) => sum + length, 0);
  if (
    length === 0 || length > MAX_DELIMITERS || size > MAX_DELIMITER_BYTES
  ) {
    const must =
      `1 to ${MAX_DELIMITERS} delimiters of at most ${MAX_DELIMITER_BYTES} bytes in all`;
    throw outOfRange(action, "delimiter", must, given);
  }
  return delimiters;
}

function toBytes(action: string, name: string, given: unknown): Uint8Array {
  if (typeof given !== "string" && !(given instanceof Uint8Array)) {
    throw wrongKind(action, name, TEXT_OR_BYTES, given);
  }
  if (given.length === 0) {
    throw outOfRange(action, name, "at least 1 byte", given);
  }
  if (typeof given !== "string") return copyOf(given);
  // Encoded, it would be another delimiter: U+FFFD.
  if (!given.isWellFormed()) {
    throw outOfRange(action, name, "free of lone surrogates", given);
  }
  return new TextEncoder().encode(given);
}

class DelimitedDecoder implements Decoder<Uint8Array<ArrayBuffer>> {
  readonly #settings: Settings;
  readonly #finder: DelimiterFinder;
  readonly #keep: boolean;
  readonly #limit: number;
  readonly #most: number;
  /** Whether the rest of a frame that is too large is being dropped. */
  #dropping = false;
  #dropped = 0;

  constructor(settings: Settings) {
    const { set, delimiter, keep, limit, most } = settings;
    this.#settings = settings;
    this.#finder = set === undefined
      ? new OneFinder(delimiter)
      : new AnyFinder(set);
    this.#keep = keep;
    this.#limit = limit;
    this.#most = most;
  }

  get midFrame(): boolean {
    return this.#dropping;
  }

  decode(bytes: ByteQueue): Uint8Array<ArrayBuffer> | undefined {
    return this.#next(bytes, false);
  }

  #next(bytes: ByteQueue, ended: boolean): Uint8Array<ArrayBuffer> | undefined {
    const finder = this.#finder;
    while (!this.#dropping || this.#drop(bytes, ended)) {
      const end = finder.find(bytes, ended);
      if (end < 0) {
        // All but the last bytes, which may begin a delimiter, are of the frame.
        if (finder.free(bytes) <= this.#most) return undefined;
      } else if (this.#keep) {
        const size = end + finder.size;
        if (size <= this.#limit) return bytes.take(size);
      } else if (end <= this.#limit) {
        const { size } = finder;
        const frame = bytes.take(end);
        bytes.skip(size);
        return frame;
      }
      const head = this.#refuse(bytes);
      if (head !== undefined) return head;
    }
    return undefined;
  }

  finish(bytes: ByteQueue): Uint8Array<ArrayBuffer> | undefined {
    // No byte can make another delimiter of one that came any more.
    const last = this.#next(bytes, true);
    if (last !== undefined) return last;
    const { atEof } = this.#settings;
    const received = bytes.length + this.#dropped;
    if (received === 0) return undefined;
    if (atEof === "error") throw unexpectedEof(received, undefined);
    let frame: Uint8Array<ArrayBuffer> | undefined;
    if (atEof === "emit" && !this.#dropping) {
      // What might have begun a delimiter was of the frame after all.
      frame = received > this.#most ? this.#refuse(bytes) : bytes.takeAll();
    }
    bytes.skip(bytes.length);
    this.#dropping = false;
    this.#dropped = 0;
    return frame;
  }

  /** Throws, or begins to drop the frame at the front; gives its head if truncating. */
  #refuse(bytes: ByteQueue): Uint8Array<ArrayBuffer> | undefined {
    const { limit, head: most, oversize, onOversize } = this.#settings;
    if (oversize === "fail") {
      throw new FrameTooLargeError(limit, undefined, { operation: "decode" });
    }
    this.#dropping = true;
    let head: Uint8Array<ArrayBuffer> | undefined;
    if (oversize === "truncate") {
      // Not up to the limit if that includes a delimiter: one could begin there.
      head = bytes.take(most);
      // A frame takes at least a byte, also where it may have none.
      if (most === 0) bytes.skip(1);
      this.#dropped = Math.max(1, most);
    }
    // Last, as the hook may ask for more.
    reportOversize(onOversize, limit, undefined);
    return head;
  }

  /** Drops what is there of a frame that is too large: `true` at its end. */
  #drop(bytes: ByteQueue, ended: boolean): boolean {
    const finder = this.#finder;
    const end = finder.find(bytes, ended);
    if (end < 0) {
      const count = Math.max(0, finder.free(bytes));
      finder.skip(bytes, count);
      this.#dropped += count;
      return false;
    }
    bytes.skip(end + finder.size);
    this.#dropping = false;
    this.#dropped = 0;
    return true;
  }
}

class DelimitedEncoder implements Encoder<Uint8Array> {
  readonly #settings: Settings;
  readonly #pattern: Pattern;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#pattern = new Pattern(settings.delimiter);
  }

  encode(frame: Uint8Array, out: ByteWriter): void {
    checkBytes("encode a frame", "frame", frame);
    const { keep, limit, set } = this.#settings;
    const delimiter = this.#ending(frame);
    const body = keep && endsWith(frame, delimiter)
      ? frame.subarray(0, frame.length - delimiter.length)
      : frame;
    const size = keep ? body.length + delimiter.length : body.length;
    if (size > limit) {
      throw new FrameTooLargeError(limit, size, { operation: "encode" });
    }
    const isBroken = set === undefined
      ? this.#isBroken(body)
      : isBrokenByAny(set, body, delimiter);
    if (isBroken) {
      const must = "free of the delimiter";
      throw outOfRange("encode a frame", "frame", must, frame);
    }
    out.write(body);
    out.write(delimiter);
  }

  /** What ends the frame on the wire: of several that are kept, the longest it ends in. */
  #ending(frame: Uint8Array): Uint8Array {
    const { delimiter, keep, set } = this.#settings;
    if (!keep || set === undefined) return delimiter;
    let longest = delimiter.subarray(0, 0);
    for (const each of set.delimiters) {
      if (each.length > longest.length && endsWith(frame, each)) longest = each;
    }
    if (longest.length === 0) return delimiter;
    if (set.canGoOn(longest)) {
      // The next frame could make another delimiter of it.
      const must =
        "one that ends in no delimiter that another one goes on from";
      throw outOfRange("encode a frame", "frame", must, frame);
    }
    return longest;
  }

  /** Whether the first delimiter in `body` and its delimiter is not the latter. */
  #isBroken(body: Uint8Array): boolean {
    const pattern = this.#pattern;
    const { bytes } = pattern;
    const matched = pattern.scan(body, 0, body.length, 0);
    if (matched === 0) return false;
    if (matched === bytes.length) return true;
    // "-" may not end a frame that "--" delimits.
    pattern.scan(bytes, 0, bytes.length, matched);
    return pattern.end < bytes.length;
  }
}

/** The same where there are several. */
function isBrokenByAny(
  set: DelimiterSet,
  body: Uint8Array,
  delimiter: Uint8Array,
): boolean {
  const scan = new DelimiterScan(set);
  scan.scan(body);
  scan.scan(delimiter);
  return scan.start !== body.length || scan.size !== delimiter.length;
}

function endsWith(bytes: Uint8Array, end: Uint8Array): boolean {
  const start = bytes.length - end.length;
  return start >= 0 && end.every((byte, i) => bytes[start + i] === byte);
}
