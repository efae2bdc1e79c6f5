/**
 * What all codecs are made of that say the size of a frame before it, and their decoder.
 *
 * A codec is a {@linkcode SizedFraming}: how its header is read and written. Frames are
 * made of it whole, here, or in parts by `in_parts.ts`.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { checkBytes } from "../_check.ts";
import { FrameTooLargeError } from "../errors.ts";
import type { Decoder, Encoder, SizedCodec } from "./codec.ts";
import { reportOversize, type SizedSettings, unexpectedEof } from "./policy.ts";

/** What stands around the frames of a codec. */
export interface SizedFraming {
  readonly settings: SizedSettings;
  /** Whether the whole header stands before the frame, and not in it. */
  readonly isApart: boolean;
  /** A reader of headers, for one decoder. */
  header(): HeaderReader;
  /**
   * Appends what stands before a frame of `size` bytes, which is no more than is allowed.
   *
   * @param given What to send where the header does not say the size.
   * @throws {RangeError} There can be no such frame.
   */
  writeHead(size: number, out: ByteWriter, given?: Uint8Array): void;
  /** Appends what stands behind a frame, where something does. */
  writeTail?(out: ByteWriter): void;
}

/** Its methods need no `this`: a user may take one of a codec, and one of another. */
export class SizedCodecImpl implements SizedCodec {
  readonly frameType = "sized";
  readonly framing: SizedFraming;
  readonly decoder: () => Decoder<Uint8Array<ArrayBuffer>>;
  readonly encoder: () => Encoder<Uint8Array>;

  constructor(
    framing: SizedFraming,
    encoder: Encoder<Uint8Array> = new SizedEncoder(framing),
  ) {
    this.framing = framing;
    this.decoder = () => new SizedDecoder(framing.header(), framing.settings);
    this.encoder = () => encoder;
  }
}

class SizedEncoder implements Encoder<Uint8Array> {
  readonly #most: number;
  readonly #writeHead: SizedFraming["writeHead"];
  readonly #writeTail: SizedFraming["writeTail"];

  constructor(framing: SizedFraming) {
    this.#most = framing.settings.most;
    this.#writeHead = framing.writeHead;
    this.#writeTail = framing.writeTail;
  }

  encode(frame: Uint8Array, out: ByteWriter): void {
    checkBytes("encode a frame", "frame", frame);
    const { length } = frame;
    if (length > this.#most) checkSize(length, this.#most);
    const writeHead = this.#writeHead;
    writeHead(length, out);
    out.write(frame);
    const writeTail = this.#writeTail;
    if (writeTail !== undefined) writeTail(out);
  }
}

/** Refuses a frame that is larger than the codec sends. */
export function checkSize(size: number, most: number): void {
  if (size <= most) return;
  throw new FrameTooLargeError(most, size, { operation: "encode" });
}

/**
 * Reads what stands before a frame. What it says of a header is looked at before
 * anything else is read, so all decoders of a codec may share one; only `tailBytes`
 * and `partialHeadBytes` have to stay the same. One that remembers where it stopped
 * serves one decoder.
 */
export interface HeaderReader {
  /** Size of the header that was read, in bytes. */
  readonly headBytes: number;
  /** Size of the frame behind it; `Infinity` when that is beyond 2^53. */
  readonly frameBytes: number;
  /** Bytes behind the frame that belong to neither it nor the next. */
  readonly tailBytes: number;
  /**
   * Where the frame begins in a message whose header is not whole; `Infinity` where
   * it cannot begin before the header is.
   */
  readonly partialHeadBytes: number;
  /**
   * Reads the header at the front, without taking it. Returns `false` while it is
   * not whole. It may be called again for the same header. Throws when it is not
   * one.
   */
  read(bytes: ByteQueue): boolean;
  /** The claimed size where `frameBytes` is `Infinity`. */
  hugeSize(bytes: ByteQueue): bigint;
  /** Takes the `tailBytes` bytes at the front, and throws when they are wrong. */
  takeTail?(bytes: ByteQueue): void;
  /** Size of a header of which only a part came, where it is known. */
  expectedHeadBytes?(): number;
}

/** Cuts out frames behind headers, and applies the policies. */
export class SizedDecoder implements Decoder<Uint8Array<ArrayBuffer>> {
  /** Whether a head was taken whose frame comes in parts. */
  declare inFrame?: boolean;
  readonly #header: HeaderReader;
  readonly #settings: SizedSettings;
  readonly #most: number;
  /** Bytes still to be dropped of a message that is too large. */
  #dropping = 0;
  /** Bytes of it that were dropped. */
  #dropped = 0;
  /** Its size; `Infinity` when that is beyond 2^53. */
  #size = 0;

  constructor(header: HeaderReader, settings: SizedSettings) {
    this.#header = header;
    this.#settings = settings;
    this.#most = settings.most;
  }

  get midFrame(): boolean {
    return this.#dropping > 0;
  }

  decode(bytes: ByteQueue): Uint8Array<ArrayBuffer> | undefined {
    const header = this.#header;
    if (this.#dropping > 0 || !header.read(bytes)) {
      // Nearly always there is just nothing more.
      if (this.#dropping === 0 || !this.reachFrame(bytes)) return undefined;
    } else if (header.frameBytes > this.#most && !this.reachFrame(bytes)) {
      return undefined;
    }
    const { headBytes, frameBytes, tailBytes } = header;
    if (bytes.length < headBytes + frameBytes + tailBytes) return undefined;
    bytes.skip(headBytes);
    const frame = bytes.take(frameBytes);
    if (tailBytes > 0) header.takeTail!(bytes);
    return frame;
  }

  /**
   * Whether the header at the front is read, and is that of a frame which may be handed
   * over: those that are too large are refused or dropped. It is not where a hook that
   * asks for more got the head of a frame in parts: what comes next is of that.
   */
  reachFrame(bytes: ByteQueue): boolean {
    const header = this.#header;
    while (!this.inFrame && (this.#dropping === 0 || this.#drop(bytes))) {
      if (!header.read(bytes)) return false;
      if (header.frameBytes <= this.#most) return true;
      this.#refuse(bytes);
    }
    return false;
  }

  finish(bytes: ByteQueue): Uint8Array<ArrayBuffer> | undefined {
    const { atEof } = this.#settings;
    const received = bytes.length + this.#dropped;
    if (received === 0) return undefined;
    if (atEof === "error") throw unexpectedEof(received, this.#expected(bytes));
    if (atEof === "emit" && this.#dropping === 0) return this.#emit(bytes);
    this.#dropping = this.#dropped = 0;
    bytes.skip(bytes.length);
    return undefined;
  }

  /** Size of the message that has begun, as far as it is known. */
  #expected(bytes: ByteQueue): number | undefined {
    const header = this.#header;
    let size = this.#size;
    if (this.#dropping === 0) {
      if (!header.read(bytes)) return header.expectedHeadBytes?.();
      size = header.headBytes + header.frameBytes + header.tailBytes;
    }
    return Number.isSafeInteger(size) ? size : undefined;
  }

  /** What has come of the last frame; nothing where only a part of its header has. */
  #emit(bytes: ByteQueue): Uint8Array<ArrayBuffer> | undefined {
    const header = this.#header;
    const whole = header.read(bytes);
    const headBytes = whole ? header.headBytes : header.partialHeadBytes;
    const frameBytes = whole ? header.frameBytes : Infinity;
    const { length } = bytes;
    bytes.skip(Math.min(headBytes, length));
    if (!whole && bytes.length === 0) return undefined;
    const frame = bytes.take(Math.min(frameBytes, bytes.length));
    bytes.skip(bytes.length);
    return frame;
  }

  /** Throws, or begins to drop the message at the front. */
  #refuse(bytes: ByteQueue): void {
    const { most, oversize, onOversize } = this.#settings;
    const { headBytes, frameBytes, tailBytes } = this.#header;
    const claimed = frameBytes === Infinity
      ? this.#header.hugeSize(bytes)
      : frameBytes;
    if (oversize === "fail") {
      throw new FrameTooLargeError(most, claimed, { operation: "decode" });
    }
    this.#size = this.#dropping = headBytes + frameBytes + tailBytes;
    // Last, as the hook may ask for more.
    reportOversize(onOversize, most, claimed);
  }

  /** Drops what is there of a message that is too large: `true` at its end. */
  #drop(bytes: ByteQueue): boolean {
    const { tailBytes } = this.#header;
    const count = Math.min(this.#dropping - tailBytes, bytes.length);
    bytes.skip(count);
    this.#dropping -= count;
    this.#dropped += count;
    if (this.#dropping > tailBytes || bytes.length < tailBytes) return false;
    if (tailBytes > 0) this.#header.takeTail!(bytes);
    this.#dropping = this.#dropped = 0;
    return true;
  }
}
