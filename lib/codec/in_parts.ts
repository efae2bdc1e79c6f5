/**
 * Frames that are too large to be held whole.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import {
  checkBytes,
  checkInteger,
  checkNames,
  checkObject,
  wrongKind,
} from "../_check.ts";
import { CodecError } from "../errors.ts";
import type { Codec, Decoder, Encoder, SizedCodec } from "./codec.ts";
import { type EofPolicy, unexpectedEof } from "./policy.ts";
import {
  checkSize,
  type HeaderReader,
  SizedCodecImpl,
  SizedDecoder,
  type SizedFraming,
} from "./_sized_codec.ts";

/**
 * Options of {@linkcode inParts}.
 *
 * @category Frames and codecs
 */
export interface InPartsOptions {
  /**
   * Size of each part that is received, but for the last one of a frame, from 1 byte to
   * 16 MiB. So many bytes wait until a part is whole.
   *
   * @default {65_536}
   */
  partBytes?: number | undefined;
}

/**
 * What is known of a frame when it begins.
 *
 * @category Frames and codecs
 */
export interface FrameHead {
  /** Its size: so many bytes come in its parts. */
  readonly size: number;
  /**
   * What came before it on the wire: a view, as any frame of bytes. Sent with
   * {@linkcode lengthPrefixed} it fills what is not the length; other codecs make their
   * header themselves.
   */
  readonly header: Uint8Array<ArrayBuffer>;
}

/**
 * A piece of a frame: its head, then its parts, then its end. It has exactly one of the
 * three.
 *
 * @typeParam Head What is said in the head.
 * @typeParam Part The bytes of a part.
 * @category Frames and codecs
 */
export type FramePart<Head = FrameHead, Part = Uint8Array<ArrayBuffer>> =
  | {
    /** A frame begins. */
    readonly head: Head;
    readonly part?: undefined;
    readonly end?: undefined;
  }
  | {
    readonly head?: undefined;
    /** The next bytes of the frame. */
    readonly part: Part;
    readonly end?: undefined;
  }
  | {
    readonly head?: undefined;
    readonly part?: undefined;
    /** The frame is whole. */
    readonly end: true;
  };

/**
 * A {@linkcode FramePart} to be sent: the `header` may be left out.
 *
 * @category Frames and codecs
 */
export type FramePartOut = FramePart<
  Pick<FrameHead, "size"> & { readonly header?: Uint8Array | undefined },
  Uint8Array
>;

const OPTION_NAMES = new Set(["partBytes"]);
const MAX_PART_BYTES = 16_777_216;

/**
 * The frames of `codec` in parts: `{ head }`, then `{ part }` for each piece, then
 * `{ end: true }`. A frame of any size passes in the memory of one part, under
 * backpressure both ways: the next part is read when it is asked for, and `send` waits as
 * for any frame. On the wire it is a frame of `codec` like any other, so the peer need not
 * know.
 *
 * `codec` is one that says the size of a frame before it: {@linkcode lengthPrefixed} (with
 * a `skip` that drops the length), {@linkcode varintPrefixed}, {@linkcode netstring} or
 * {@linkcode contentLength}. Its `maxFrameBytes` holds for the whole frame and is no
 * question of memory here: say how much you take. Its policies apply: a frame that is too
 * large is refused, or skipped, before its head is handed over. Where the stream ends inside
 * a frame there is no `{ end }`; with `atEof: "error"` it is an `UnexpectedEofError`.
 *
 * To send, say the size in the head. Parts may be of any size; of one of 64 KiB and more the
 * array is the caller's again when `send` resolves. More bytes than the head promised, or
 * an `{ end }`, a close or another head before there were as many, is a `CodecError`, and
 * nothing of it is sent: what the peer has is then the beginning of a frame, which can
 * still be sent as it was promised.
 *
 * A server that drains lets the frame come to its end; `frameTimeoutMs` counts for each
 * part, and `lendFrames` lends each part, which takes a third off the cost.
 *
 * @param codec Where frames come from and go to.
 * @param options How large parts are.
 * @returns A codec for any number of connections.
 * @throws {TypeError} `codec` does not say the size of a frame before it, or an option is
 * of the wrong kind or not known.
 * @throws {RangeError} An option is out of its range, or the frames of `codec` contain their
 * length.
 * @category Frames and codecs
 *
 * @example A file of any size
 * ```ts
 * import { framed, inParts, lengthPrefixed } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const files = inParts(lengthPrefixed({ lengthBytes: 8, maxFrameBytes: 2 ** 40 }));
 * const [left, right] = memoryPair();
 *
 * async function sendFile(body: Blob): Promise<void> {
 *   const sender = framed(left, files);
 *   await sender.send({ head: { size: body.size } });
 *   for await (const part of body.stream()) await sender.send({ part });
 *   await sender.send({ end: true });
 * }
 *
 * const sent = sendFile(new Blob(["x".repeat(100_000)]));
 * let received = 0;
 * for await (const { head, part, end } of framed(right, files)) {
 *   if (head) assertEquals(head.size, 100_000);
 *   if (part) received += part.length;
 *   if (end) break;
 * }
 * assertEquals(received, 100_000);
 * await sent;
 * ```
 */
export function inParts(
  codec: SizedCodec,
  options: InPartsOptions = {},
): Codec<FramePart, FramePartOut> {
  const action = "make a codec of parts";
  checkNames(action, "options", options, OPTION_NAMES);
  const { partBytes = 64 * 1024 } = options;
  checkInteger(action, "partBytes", partBytes, 1, MAX_PART_BYTES);
  if (!(codec instanceof SizedCodecImpl)) {
    const must = "a codec that says the size of a frame before it";
    throw wrongKind(action, "codec", must, codec);
  }
  const { framing } = codec;
  if (!framing.isApart) {
    throw new RangeError(
      `Cannot ${action}: codec must drop the length (its skip must be at least offset + lengthBytes)`,
    );
  }
  return {
    decoder: () => new PartsDecoder(framing, partBytes),
    encoder: () => new PartsEncoder(framing),
  };
}

/**
 * ```text
 *              head                all its bytes             end
 *   between ----------> in a frame ------------> all came ---------> between
 * ```
 */
class PartsDecoder implements Decoder<FramePart> {
  readonly #header: HeaderReader;
  /** Finds the next header, and drops what is too large. */
  readonly #frames: SizedDecoder;
  readonly #atEof: EofPolicy;
  readonly #partBytes: number;
  /** Bytes of the message, header and tail included, and those that were not taken. */
  #size = 0;
  #left = 0;

  constructor(framing: SizedFraming, partBytes: number) {
    this.#header = framing.header();
    this.#frames = new SizedDecoder(this.#header, framing.settings);
    this.#atEof = framing.settings.atEof;
    this.#partBytes = partBytes;
  }

  get midFrame(): boolean {
    return this.#frames.inFrame || this.#frames.midFrame;
  }

  /** Parts are handed out as they come. */
  get holdsBytes(): boolean {
    return false;
  }

  decode(bytes: ByteQueue): FramePart | undefined {
    const frames = this.#frames;
    const { tailBytes } = this.#header;
    if (!frames.inFrame && frames.reachFrame(bytes)) return this.#begin(bytes);
    // Where a hook has asked for more meanwhile, it may have got the head.
    if (!frames.inFrame) return undefined;
    const left = this.#left - tailBytes;
    const size = left > 0 ? Math.min(left, this.#partBytes) : tailBytes;
    if (bytes.length < size) return undefined;
    this.#left -= size;
    if (left > 0) return { part: bytes.take(size) };
    frames.inFrame = false;
    if (tailBytes > 0) this.#header.takeTail!(bytes);
    return { end: true };
  }

  #begin(bytes: ByteQueue): FramePart | undefined {
    const { headBytes, frameBytes: size, tailBytes } = this.#header;
    if (bytes.length < headBytes) return undefined;
    this.#frames.inFrame = true;
    this.#left = size + tailBytes;
    this.#size = headBytes + this.#left;
    return { head: { size, header: bytes.take(headBytes) } };
  }

  finish(bytes: ByteQueue): FramePart | undefined {
    if (!this.#frames.inFrame) {
      // Only a part of a header is there, which is no frame.
      this.#frames.finish(bytes);
      return undefined;
    }
    const { length } = bytes;
    if (this.#atEof === "error") {
      throw unexpectedEof(this.#size - this.#left + length, this.#size);
    }
    this.#frames.inFrame = false;
    const left = Math.min(length, this.#left - this.#header.tailBytes);
    const part = this.#atEof === "emit" && left > 0
      ? bytes.take(left)
      : undefined;
    bytes.skip(bytes.length);
    return part && { part };
  }
}

class PartsEncoder implements Encoder<FramePartOut> {
  readonly #framing: SizedFraming;
  #inFrame = false;
  /** Bytes that the head promised, and those that are due. */
  #size = 0;
  #left = 0;

  constructor(framing: SizedFraming) {
    this.#framing = framing;
  }

  get midFrame(): boolean {
    return this.#inFrame;
  }

  encode(frame: FramePartOut, out: ByteWriter): void {
    // Each is read once: a getter may give something else the next time.
    const { head, part, end } = checkFrame(frame);
    if (head !== undefined) return this.#begin(head, out);
    if (!this.#inFrame) refuse("its head must come first");
    if (part !== undefined) return this.#write(part, out);
    if (end !== true) {
      throw wrongKind("encode a frame", "end", "true", end);
    }
    if (this.#left > 0) this.#refuseSize(this.#size - this.#left);
    this.#framing.writeTail?.(out);
    this.#inFrame = false;
  }

  #begin(
    { size, header }: NonNullable<FramePartOut["head"]>,
    out: ByteWriter,
  ): void {
    const action = "encode a frame";
    if (this.#inFrame) {
      refuse("its end must come before another head");
    }
    checkInteger(action, "head.size", size, 0);
    if (header !== undefined) checkBytes(action, "head.header", header);
    checkSize(size, this.#framing.settings.most);
    this.#framing.writeHead(size, out, header);
    this.#inFrame = true;
    this.#size = this.#left = size;
  }

  #write(part: Uint8Array, out: ByteWriter): void {
    checkBytes("encode a frame", "part", part);
    const { length } = part;
    if (length > this.#left) {
      this.#refuseSize(this.#size - this.#left + length);
    }
    out.write(part);
    this.#left -= length;
  }

  finish(): void {
    if (!this.#inFrame) return;
    if (this.#left > 0) this.#refuseSize(this.#size - this.#left);
    refuse("its end must come before that of the stream");
  }

  #refuseSize(count: number): never {
    const must = `its parts must have the ${this.#size} bytes of its head`;
    refuse(must, count);
  }
}

/** Throws unless it has exactly one of the three. */
function checkFrame(frame: FramePartOut): FramePartOut {
  const { head, part, end } = Object(frame) as FramePartOut;
  const count = [head, part, end].filter((each) => each !== undefined).length;
  const must = "an object with one of head, part and end";
  if (count !== 1) throw wrongKind("encode a frame", "frame", must, frame);
  if (head !== undefined) checkObject("encode a frame", "head", head);
  return { head, part, end } as FramePartOut;
}

function refuse(must: string, got: string | number = "none"): never {
  throw new CodecError(`Cannot encode a frame: ${must}, got ${got}`, {
    operation: "encode",
  });
}
