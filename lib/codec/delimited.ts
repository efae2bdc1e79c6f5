/**
 * Frames that end in a delimiter.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { copyOf } from "../bytes/plain_array.ts";
import { Pattern } from "../bytes/pattern.ts";
import { FrameTooLargeError } from "../errors.ts";
import type { Codec, Decoder, Encoder } from "./codec.ts";
import {
  checkBoolean,
  checkBytes,
  checkLimit,
  checkNames,
  outOfRange,
  wrongKind,
} from "../_check.ts";
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

/** Options of {@linkcode delimited}. */
export interface DelimitedOptions
  extends OversizeOptions<DelimitedOversizePolicy>, EofOptions {
  /** What ends a frame: at least one byte, or text, which stands for its UTF-8. */
  delimiter: Uint8Array | string;
  /**
   * Whether frames contain their delimiter. A frame to be encoded may then end in
   * it or not; without it, it is added.
   *
   * @default {false}
   */
  keepDelimiter?: boolean;
  /**
   * Size of the largest frame, as it is handed over. `Infinity` for no limit.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
}

const OPTION_NAMES = new Set([
  "delimiter",
  "keepDelimiter",
  "maxFrameBytes",
  "oversize",
  "onOversize",
  "atEof",
]);

interface Settings {
  readonly delimiter: Uint8Array;
  readonly keep: boolean;
  /** Size of the largest frame without its delimiter. */
  readonly most: number;
  readonly limit: number;
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
 * Frames are views. Waiting for a delimiter costs linear time and at most
 * `maxFrameBytes` of memory, however the bytes arrive. A stream that ends without
 * a delimiter is an `UnexpectedEofError`, unless `atEof` says otherwise.
 *
 * Decoding throws `FrameTooLargeError`. Encoding throws `FrameTooLargeError`,
 * `RangeError` for a frame that contains the delimiter, or would together with the
 * delimiter that follows it (it would arrive as another), and `TypeError` for one that
 * is not a `Uint8Array`.
 *
 * @param options Delimiter, limit and policies.
 * @returns A codec for any number of connections.
 * @throws {RangeError} An option is out of its range, or the delimiter is text with a
 * lone surrogate, which UTF-8 cannot express.
 * @throws {TypeError} An option is of the wrong kind, or has an unknown name.
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
 */
export function delimited(options: DelimitedOptions): Codec<Uint8Array> {
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
  const delimiter = delimiterBytes(action, given);
  checkBoolean(action, "keepDelimiter", keep);
  checkLimit(action, "maxFrameBytes", limit, keep ? delimiter.length : 0);
  checkOversize(action, oversize, onOversize, ["fail", "skip", "truncate"]);
  checkEof(action, atEof);
  const most = keep ? limit - delimiter.length : limit;
  return { delimiter, keep, most, limit, oversize, onOversize, atEof };
}

function delimiterBytes(action: string, given: unknown): Uint8Array {
  if (typeof given !== "string" && !(given instanceof Uint8Array)) {
    throw wrongKind(action, "delimiter", "a string or a Uint8Array", given);
  }
  if (given.length === 0) {
    throw outOfRange(action, "delimiter", "at least 1 byte", given);
  }
  if (typeof given !== "string") return copyOf(given);
  // Encoded, it would be another delimiter: U+FFFD.
  if (!given.isWellFormed()) {
    throw outOfRange(action, "delimiter", "free of lone surrogates", given);
  }
  return new TextEncoder().encode(given);
}

class DelimitedDecoder implements Decoder<Uint8Array> {
  readonly #settings: Settings;
  readonly #delimiter: Uint8Array;
  readonly #size: number;
  readonly #keep: boolean;
  readonly #most: number;
  /** Whether the rest of a frame that is too large is being dropped. */
  #dropping = false;
  #dropped = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#delimiter = settings.delimiter;
    this.#size = settings.delimiter.length;
    this.#keep = settings.keep;
    this.#most = settings.most;
  }

  get midFrame(): boolean {
    return this.#dropping;
  }

  decode(bytes: ByteQueue): Uint8Array | undefined {
    while (!this.#dropping || this.#drop(bytes)) {
      const end = bytes.indexOf(this.#delimiter);
      if (end < 0) {
        // All but the last bytes, which may begin a delimiter, are of the frame.
        if (bytes.length - this.#size < this.#most) return undefined;
      } else if (end <= this.#most) {
        if (this.#keep) return bytes.take(end + this.#size);
        const frame = bytes.take(end);
        bytes.skip(this.#size);
        return frame;
      }
      const head = this.#refuse(bytes);
      if (head !== undefined) return head;
    }
    return undefined;
  }

  finish(bytes: ByteQueue): Uint8Array | undefined {
    const { atEof } = this.#settings;
    const received = bytes.length + this.#dropped;
    if (received === 0 && !this.#dropping) return undefined;
    if (atEof === "error") throw unexpectedEof(received, undefined);
    let frame: Uint8Array | undefined;
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
  #refuse(bytes: ByteQueue): Uint8Array | undefined {
    const { limit, oversize, onOversize } = this.#settings;
    if (oversize === "fail") {
      throw new FrameTooLargeError(limit, undefined, { operation: "decode" });
    }
    this.#dropping = true;
    let head: Uint8Array | undefined;
    if (oversize === "truncate") {
      // Not up to the limit if that includes a delimiter: one could begin there.
      head = bytes.take(this.#most);
      // A frame takes at least a byte, also where it may have none.
      if (this.#most === 0) bytes.skip(1);
      this.#dropped = Math.max(1, this.#most);
    }
    // Last, as the hook may ask for more.
    reportOversize(onOversize, limit, undefined);
    return head;
  }

  /** Drops what is there of a frame that is too large: `true` at its end. */
  #drop(bytes: ByteQueue): boolean {
    const end = bytes.indexOf(this.#delimiter);
    if (end < 0) {
      const count = Math.max(0, bytes.length - this.#size + 1);
      bytes.skip(count);
      this.#dropped += count;
      return false;
    }
    bytes.skip(end + this.#size);
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
    const { delimiter, keep, most, limit } = this.#settings;
    const body = keep && endsWith(frame, delimiter)
      ? frame.subarray(0, frame.length - delimiter.length)
      : frame;
    if (body.length > most) {
      const size = keep ? body.length + delimiter.length : body.length;
      throw new FrameTooLargeError(limit, size, { operation: "encode" });
    }
    if (this.#isBroken(body)) {
      const must = "free of the delimiter";
      throw outOfRange("encode a frame", "frame", must, frame);
    }
    out.write(body);
    out.write(delimiter);
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

function endsWith(bytes: Uint8Array, end: Uint8Array): boolean {
  const start = bytes.length - end.length;
  return start >= 0 && end.every((byte, i) => bytes[start + i] === byte);
}
