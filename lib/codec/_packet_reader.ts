/**
 * Where a packet is read from.
 *
 * Two modes. In a frame all bytes are there, and what is missing is malformed. On a stream
 * (`isOpen`) more bytes may come, and what is missing ends the reading from inside, by a
 * throw. Fields of fields save how far they are while that passes through them, and go on
 * there when the packet is read again; all others are read again from their first byte,
 * once the bytes that they asked for have come. So a packet that arrives a byte at a time
 * costs linear time, and a field is written as if all bytes were always there.
 *
 * Only this folder imports it.
 *
 * @module
 */

import { checkInteger, checkLimit } from "../_check.ts";
import {
  CodecError,
  FrameTooLargeError,
  MalformedFrameError,
} from "../errors.ts";
import { copyOf } from "../bytes/plain_array.ts";
import type { FieldReader } from "./field_reader.ts";
import { reasonOf, Refusal, within } from "./_refusal.ts";

const NOTHING = /* @__PURE__ */ new Uint8Array(0);
const NO_VIEW = /* @__PURE__ */ new DataView(
  /* @__PURE__ */ new ArrayBuffer(0),
);
/** Larger memory is not kept alive for the sake of its DataView. */
const KEPT_BYTES = 1_048_576;

/** Thrown where bytes are missing that may still come. No error: nothing is wrong. */
export const SHORT: object = { toString: () => "bytes missing" };

/** How far a packet on a stream is. */
export interface Progress {
  /** Bytes of it that were taken. */
  readonly before: number;
  /** How many bytes must have come behind them, or `mark` among fewer, unless it is -1. */
  readonly needed: number;
  readonly mark: number;
  /** How many of them were looked at. */
  readonly seen: number;
  /** Values of arrays so far. */
  readonly items: number;
  /** How far fields of fields are, the outermost last. */
  readonly saved: unknown[];
}

/** For frames, which never save anything. */
export const NOTHING_SAVED: unknown[] = [];

/**
 * A position in a packet. A DataView costs more than all else about a small packet,
 * so one is kept for the whole slab that frames are views of.
 */
export class PacketReader implements FieldReader {
  frame: Uint8Array = NOTHING;
  view: DataView = NO_VIEW;
  /** Positions in `view`, not in `frame`. */
  position = 0;
  end = 0;
  /** Values of arrays so far: see {@linkcode PacketReader.countItems}. */
  items = 0;

  /** Whether bytes that are missing may still come. */
  isOpen = false;
  /** Whether some are missing: the field that noticed is over, whatever it catches. */
  isShort = false;
  /** Most bytes of an open packet, and how many of them were before `frame`. */
  limit = Infinity;
  before = 0;
  /** Up to where bytes must have come, or `mark` before that, unless it is -1. */
  needed = 0;
  mark = -1;
  /** Whether a field has thrown, and where it begins: it would be read again. */
  isStopped = false;
  retryAt = 0;
  /** How far fields of fields are, the outermost last. */
  saved: unknown[] = NOTHING_SAVED;

  /** Begins to read `frame`. */
  open(frame: Uint8Array): void {
    if (frame.buffer !== this.view.buffer) {
      this.view = new DataView(frame.buffer);
    }
    this.frame = frame;
    this.position = frame.byteOffset;
    this.end = this.position + frame.byteLength;
    this.items = 0;
  }

  /** Begins or goes on to read a packet that is on a stream: at `chunk`, from `from` on. */
  openStream(chunk: Uint8Array, limit: number, from: Progress): void {
    this.open(chunk);
    this.isOpen = true;
    this.limit = limit;
    this.before = from.before;
    this.end = Math.min(this.end, this.position + limit - from.before);
    this.items = from.items;
    this.retryAt = this.position;
    this.saved = from.saved;
  }

  /** How far the packet is of which bytes are missing. */
  get progress(): Progress {
    const { frame, passed, needed, mark, items, saved } = this;
    return {
      before: this.before + passed,
      needed: needed - this.retryAt,
      mark,
      seen: frame.length - passed,
      items,
      saved,
    };
  }

  /** Bytes before the field that ended the reading. */
  get passed(): number {
    return this.retryAt - this.frame.byteOffset;
  }

  /** Lets go of what was read, and of large memory. */
  close(): void {
    this.frame = NOTHING;
    this.end = this.position = 0;
    if (this.view.byteLength > KEPT_BYTES) this.view = NO_VIEW;
    this.isOpen = this.isShort = this.isStopped = false;
    this.saved = NOTHING_SAVED;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.end - this.position;
  }

  /** Refuses to read past the frame. */
  need(count: number | bigint): void {
    if (count > this.end - this.position) throw this.missing(count);
  }

  /** What is thrown where `count` bytes are not there. */
  missing(count: number | bigint): unknown {
    if (!this.isOpen) {
      return new Refusal(
        `must have its ${count} bytes within the frame, got ${this.left} bytes left`,
      );
    }
    const room = this.#room;
    if (count > room) {
      // Beyond 2^53 a number would say another size.
      const claimed = BigInt(this.limit - room) + BigInt(count);
      const size = Number(claimed);
      return this.#tooLarge(Number.isSafeInteger(size) ? size : claimed);
    }
    return this.#await(this.position + Number(count), -1);
  }

  /** Bytes that an open packet may still have. */
  get #room(): number {
    return this.limit - this.before - this.position + this.frame.byteOffset;
  }

  #await(needed: number, mark: number): unknown {
    this.isShort = true;
    this.needed = needed;
    this.mark = mark;
    return SHORT;
  }

  #tooLarge(claimed: number | bigint | undefined): FrameTooLargeError {
    return new FrameTooLargeError(this.limit, claimed, { operation: "decode" });
  }

  /** The next byte. */
  byte(): number {
    this.need(1);
    return this.view.getUint8(this.position++);
  }

  take(length: number): Uint8Array<ArrayBuffer> {
    if (length >>> 0 !== length) checkLength(length);
    this.need(length);
    const start = this.position;
    this.position += length;
    // Of memory that threads share where the caller gave such a frame, which the types
    // leave aside as its own business.
    return new Uint8Array(this.frame.buffer as ArrayBuffer, start, length);
  }

  takeUntil(end: number, maxBytes: number): Uint8Array<ArrayBuffer> {
    // On a stream, a limit that is none would let the peer fill the memory.
    checkInteger("take bytes", "end", end, 0, 255);
    checkLimit("take bytes", "maxBytes", maxBytes);
    const { byteOffset } = this.frame;
    const from = this.position - byteOffset;
    const stop = Math.min(this.end - byteOffset, from + maxBytes + 1);
    const length = this.frame.subarray(from, stop).indexOf(end);
    if (length < 0) throw this.#unended(end, maxBytes);
    const bytes = this.take(length);
    this.position++;
    return bytes;
  }

  #unended(end: number, maxBytes: number): unknown {
    const { left } = this;
    const most = this.#room;
    if (left > maxBytes || !this.isOpen) {
      const where = left > maxBytes ? `${maxBytes} bytes` : "the frame";
      return new Refusal(`must have a byte ${end} within ${where}, got none`);
    }
    if (left >= most) return this.#tooLarge(undefined);
    return this.#await(this.position + Math.min(maxBytes + 1, most), end);
  }

  takeRest(): Uint8Array<ArrayBuffer> {
    if (this.isOpen) {
      throw brokenField(
        "that takes the rest must say so with takesRest",
      );
    }
    return this.take(this.left);
  }

  /**
   * Adds `count` values of an array which began when `before` of the frame's were
   * counted; refuses more than `most` in it and in the arrays inside it together.
   */
  countItems(count: number, before: number, most: number): void {
    this.items += count;
    const items = this.items - before;
    if (items > most) {
      throw this.refusedHere(
        new Refusal(`must have at most ${most} values, got ${items}`),
      );
    }
  }

  /** How far a field of fields was, if it is read again. */
  resume(): unknown {
    return this.saved.pop();
  }

  /**
   * What a field of fields throws on when the part of it that is called `name`, and begins
   * at `start`, threw. Where bytes are missing, it goes on with `state`.
   */
  stopped(
    thrown: unknown,
    start: number,
    state: unknown,
    name: string,
  ): unknown {
    this.#stopAt(start);
    if (thrown !== SHORT) return within(thrown, name);
    if (this.saved === NOTHING_SAVED) this.saved = [];
    this.saved.push(state);
    return thrown;
  }

  /** What a field of fields throws when what it has read of them is refused. */
  refusedHere(refusal: Refusal): Refusal {
    this.#stopAt(this.position);
    return refusal;
  }

  /** Only the first place counts: it is the innermost field. */
  #stopAt(position: number): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.retryAt = position;
  }

  /** What a field of the user's own throws on; it is read again from its first byte. */
  ownStopped(thrown: unknown, items: number): unknown {
    if (this.isShort) {
      // Nothing of what is inside of it is kept.
      this.saved.length = 0;
      this.isStopped = false;
      this.items = items;
      return SHORT;
    }
    if (
      thrown instanceof Refusal || thrown instanceof CodecError ||
      thrown instanceof FrameTooLargeError
    ) {
      return thrown;
    }
    return new Refusal(reasonOf(thrown), thrown);
  }

  /** What decoding a whole frame throws. The frame as such is whole. */
  frameError(thrown: unknown): unknown {
    if (!(thrown instanceof Refusal)) return thrown;
    // Its memory may be lent, and used again before the error is looked at.
    const frame = copyOf(this.frame);
    return malformedPacket(thrown, { frame, recoverable: true });
  }
}

/**
 * One reader serves one packet after the other. It is taken while a packet is decoded, so
 * that a field which decodes another packet meanwhile gets a reader of its own.
 */
let idle: PacketReader | undefined;

/** A reader to open; in the end comes {@linkcode giveBack}. */
export function borrowReader(): PacketReader {
  const reader = idle ?? new PacketReader();
  idle = undefined;
  return reader;
}

/** Closes a reader, for the next packet. */
export function giveBack(reader: PacketReader): void {
  reader.close();
  idle = reader;
}

/** The error for a field that breaks its contract. */
export function brokenField(how: string): CodecError {
  return new CodecError(`Cannot decode: a field ${how}`, {
    operation: "decode",
  });
}

/** Refuses what is no length. */
export function checkLength(length: number): void {
  if (Number.isSafeInteger(length) && length >= 0) return;
  const must = "must have a length that is a whole number of at least 0";
  throw new Refusal(`${must}, got ${length}`);
}

/** The error for a packet with a field that is not what it must be. */
export function malformedPacket(
  refusal: Refusal,
  options: { frame?: Uint8Array; recoverable: boolean },
): MalformedFrameError {
  const { cause } = refusal;
  return new MalformedFrameError(refusal.text("decode"), {
    ...options,
    operation: "decode",
    ...(cause === undefined ? undefined : { cause }),
  });
}
