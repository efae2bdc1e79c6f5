/**
 * What all codecs are made of that say the size of a frame before it.
 *
 * A codec is a {@linkcode SizedFraming}: how its header is read and written. Frames are
 * made of it whole, here, or in parts by `in_parts.ts`.
 *
 * @module
 */

import { checkBytes } from "../_check.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { FrameTooLargeError } from "../errors.ts";
import type { Decoder, Encoder, SizedCodec } from "./codec.ts";
import type { SizedSettings } from "./policy.ts";
import { type HeaderReader, SizedDecoder } from "./_sized_decoder.ts";

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
  readonly decoder: () => Decoder<Uint8Array>;
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
