/**
 * The decoder of all codecs that know the size of a frame before it comes.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import { FrameTooLargeError } from "../errors.ts";
import type { Decoder } from "./codec.ts";
import {
  type EofPolicy,
  type OversizePolicy,
  reportOversize,
  unexpectedEof,
} from "./policy.ts";

/**
 * Reads what stands before a frame. What it says of a header is looked at before
 * anything else is read, so all decoders of a codec may share one; only `tailBytes`
 * has to stay the same. One that remembers where it stopped serves one decoder.
 */
export interface HeaderReader {
  /** Size of the header that was read, in bytes. */
  readonly headBytes: number;
  /** Size of the frame behind it; `Infinity` when that is beyond 2^53. */
  readonly frameBytes: number;
  /** Bytes behind the frame that belong to neither it nor the next. */
  readonly tailBytes: number;
  /**
   * Reads the header at the front, without taking it. Returns `false` while it is
   * not whole. It may be called again for the same header. Throws when it is not
   * one.
   */
  read(bytes: ByteQueue): boolean;
  /** The claimed size where `frameBytes` is `Infinity`. */
  hugeSize(bytes: ByteQueue): bigint;
  /** Takes the `tailBytes` bytes at the front, and throws when they are wrong. */
  takeTail(bytes: ByteQueue): void;
  /** Size of a header of which only a part came, where it is known. */
  expectedHeadBytes(): number | undefined;
}

/** The policies of a {@linkcode SizedDecoder}. */
export interface SizedSettings {
  readonly most: number;
  readonly oversize: OversizePolicy;
  readonly onOversize: ((error: FrameTooLargeError) => void) | undefined;
  readonly atEof: EofPolicy;
}

/** Cuts out frames behind headers, and applies the policies. */
export class SizedDecoder implements Decoder<Uint8Array> {
  readonly #header: HeaderReader;
  readonly #settings: SizedSettings;
  /** Bytes still to be dropped of a message that is too large. */
  #dropping = 0;
  /** Size of that message. */
  #dropped = 0;

  constructor(header: HeaderReader, settings: SizedSettings) {
    this.#header = header;
    this.#settings = settings;
  }

  decode(bytes: ByteQueue): Uint8Array | undefined {
    const header = this.#header;
    while (this.#dropping === 0 || this.#drop(bytes)) {
      if (!header.read(bytes)) return undefined;
      const { headBytes, frameBytes, tailBytes } = header;
      if (frameBytes <= this.#settings.most) {
        if (bytes.length < headBytes + frameBytes + tailBytes) return undefined;
        bytes.skip(headBytes);
        const frame = bytes.take(frameBytes);
        if (tailBytes > 0) header.takeTail(bytes);
        return frame;
      }
      this.#refuse(bytes);
    }
    return undefined;
  }

  finish(bytes: ByteQueue): Uint8Array | undefined {
    const { atEof } = this.#settings;
    if (this.#dropping > 0) {
      const received = this.#dropped - this.#dropping + bytes.length;
      bytes.skip(bytes.length);
      this.#dropping = 0;
      if (atEof === "error") throw unexpectedEof(received, this.#dropped);
      return undefined;
    }
    const received = bytes.length;
    if (received === 0) return undefined;
    if (atEof === "drop") {
      bytes.skip(received);
      return undefined;
    }
    const header = this.#header;
    if (!header.read(bytes)) {
      throw unexpectedEof(received, header.expectedHeadBytes());
    }
    const { headBytes, frameBytes, tailBytes } = header;
    if (atEof === "error") {
      throw unexpectedEof(received, headBytes + frameBytes + tailBytes);
    }
    bytes.skip(Math.min(headBytes, received));
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
    reportOversize(onOversize, most, claimed);
    this.#dropped = this.#dropping = headBytes + frameBytes + tailBytes;
  }

  /** Drops what is there of a message that is too large: `true` at its end. */
  #drop(bytes: ByteQueue): boolean {
    const { tailBytes } = this.#header;
    const count = Math.min(this.#dropping - tailBytes, bytes.length);
    bytes.skip(count);
    this.#dropping -= count;
    if (this.#dropping > tailBytes || bytes.length < tailBytes) return false;
    if (tailBytes > 0) this.#header.takeTail(bytes);
    this.#dropping = 0;
    return true;
  }
}
