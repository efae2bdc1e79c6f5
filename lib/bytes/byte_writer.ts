/**
 * The bytes between an encoder and a transport.
 *
 * @module
 */

import { checkBytes, wrongKind } from "../_check.ts";
import {
  acquireBlock,
  type Block,
  LARGE_BLOCK_BYTES,
  releaseBlock,
} from "./_block_pool.ts";
import { viewOf } from "./plain_array.ts";
import { checkSize, refuseInteger } from "./_uint.ts";

const NO_BLOCK: Block = {
  bytes: /* @__PURE__ */ new Uint8Array(0),
  view: /* @__PURE__ */ new DataView(/* @__PURE__ */ new ArrayBuffer(0)),
};
/** Shared, and never pushed to. */
const NO_SEGMENTS: Uint8Array[] = [];
const utf8 = /* @__PURE__ */ new TextEncoder();

/** Up to this many ASCII characters a loop beats the call into the engine. */
const SHORT_TEXT = 24;

/** Arrays from this size on go out by reference: copying would cost more. */
const REFERENCE_BYTES = LARGE_BLOCK_BYTES;
/** What one array can be made for. */
const MAX_ALLOCATED = 0xffff_ffff;

/**
 * Appends numbers, bytes and text to one growing message.
 *
 * Small pieces are gathered in a block; arrays of 64 KiB and more are kept by
 * reference, in order, and must not change until the message has been sent.
 *
 * @category Frames and codecs
 *
 * @example
 * ```ts
 * import { ByteWriter } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const out = new ByteWriter();
 * const header = out.length;
 * out.writeUint(0, 4);
 * const size = out.writeText("hello");
 * out.setUint(header, size, 4);
 * assertEquals(out.toBytes(), new Uint8Array([0, 0, 0, 5, 104, 101, 108, 108, 111]));
 * ```
 */
export class ByteWriter {
  #block: Block = NO_BLOCK;
  /** Where the block's used part ends. */
  #end = 0;
  /** Where the block's part that is not in `#segments` begins. */
  #sealed = 0;
  /** Finished pieces before the block's unsealed part. */
  #segments = NO_SEGMENTS;
  #segmentBytes = 0;
  /** Full blocks that `#segments` point into. */
  #retired: Block[] = [];
  /** Those of `#segments` whose memory is the caller's. */
  #references: Set<Uint8Array> | undefined;

  /** Bytes appended so far; also the position of the next one. */
  get length(): number {
    return this.#segmentBytes + this.#end - this.#sealed;
  }

  /** Whether an array is held by reference, so that it must not change yet. */
  get hasReferences(): boolean {
    return this.#references !== undefined;
  }

  /**
   * Makes room for `length` bytes in one piece, with unspecified content, and
   * returns where it begins in {@linkcode view}. Both are good until the next call.
   *
   * @param length Bytes to make room for.
   * @throws {RangeError} `length` is not a size.
   */
  allocate(length: number): number {
    if (length >>> 0 !== length) {
      checkSize("allocate", "length", length, 0, MAX_ALLOCATED);
    }
    return this.#allocate(length);
  }

  #allocate(length: number): number {
    const start = this.#end;
    const end = start + length;
    if (end <= this.#block.bytes.length) {
      this.#end = end;
      return start;
    }
    return this.#grow(length);
  }

  /** The memory that {@linkcode allocate} speaks of. */
  get view(): DataView {
    return this.#block.view;
  }

  /** The memory that {@linkcode allocate} speaks of, as bytes. */
  get block(): Uint8Array {
    return this.#block.bytes;
  }

  #grow(length: number): number {
    const old = this.#block;
    const used = this.#end;
    if (this.#sealed === 0 && used + length <= LARGE_BLOCK_BYTES) {
      // Still a small block, and no segment is in it: move to a larger one.
      const next = acquireBlock(used + length);
      next.bytes.set(old.bytes.subarray(0, used));
      if (old !== NO_BLOCK) releaseBlock(old);
      this.#block = next;
      this.#end = used + length;
      return used;
    }
    this.#seal();
    if (old !== NO_BLOCK) this.#retired.push(old);
    this.#block = acquireBlock(Math.max(length, LARGE_BLOCK_BYTES));
    this.#sealed = 0;
    this.#end = length;
    return 0;
  }

  #seal(): void {
    if (this.#end === this.#sealed) return;
    const { buffer } = this.#block.bytes;
    const length = this.#end - this.#sealed;
    this.#append(new Uint8Array(buffer, this.#sealed, length));
    this.#sealed = this.#end;
  }

  #append(segment: Uint8Array): void {
    // Nearly always the only one: the first `push` makes room for seventeen.
    if (this.#segments.length === 0) this.#segments = [segment];
    else this.#segments.push(segment);
    this.#segmentBytes += segment.length;
  }

  /**
   * Appends bytes: a copy, or a reference from 64 KiB on.
   *
   * @param bytes What to append.
   * @throws {TypeError} `bytes` is not a `Uint8Array`, or its memory was transferred.
   */
  write(bytes: Uint8Array): void {
    if (bytes instanceof Uint8Array) {
      const { length } = bytes;
      if (length > 0 && length < REFERENCE_BYTES) {
        const start = this.#allocate(length);
        this.#block.bytes.set(bytes, start);
        return;
      }
    }
    // Apart, so that the engine puts the rest where it is called.
    this.#writeUnusual(bytes);
  }

  #writeUnusual(bytes: Uint8Array): void {
    checkBytes("write bytes", "bytes", bytes);
    if (bytes.length === 0) return;
    this.#seal();
    // A view of its own, so that the same array can be written twice.
    this.#appendReference(viewOf(bytes));
  }

  #appendReference(segment: Uint8Array): void {
    this.#append(segment);
    (this.#references ??= new Set()).add(segment);
  }

  /**
   * Appends text as UTF-8.
   *
   * @param text What to append; lone surrogates become U+FFFD.
   * @returns How many bytes it took.
   * @throws {TypeError} `text` is not a string.
   */
  writeText(text: string): number {
    if (typeof text !== "string") refuseText(text);
    if (text.length <= SHORT_TEXT) {
      const start = this.#allocate(text.length);
      const bytes = this.#block.bytes;
      let i = 0;
      for (; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) break;
        bytes[start + i] = code;
      }
      if (i === text.length) return i;
      this.#end = start;
    }
    const most = text.length * 3;
    if (most > LARGE_BLOCK_BYTES) {
      const bytes = utf8.encode(text);
      this.write(bytes);
      return bytes.length;
    }
    const start = this.#allocate(most);
    const room = this.#block.bytes.subarray(start, start + most);
    const { written } = utf8.encodeInto(text, room);
    this.#end = start + written;
    return written;
  }

  /**
   * Appends one byte.
   *
   * @param value From 0 to 255; higher bits are cut off.
   */
  writeByte(value: number): void {
    const start = this.#allocate(1);
    this.#block.bytes[start] = value;
  }

  /**
   * Appends an unsigned integer.
   *
   * @param value From 0 to 2^(8 * width) - 1, and at most 2^53 - 1.
   * @param width Bytes: 1 to 8.
   * @param littleEndian Whether the lowest byte comes first.
   * @throws {RangeError} The value does not fit.
   */
  writeUint(value: number, width: number, littleEndian = false): void {
    if (width === 4 && value >>> 0 === value) {
      // The usual length field, and as usual it fits.
      const at = this.#allocate(4);
      this.#block.view.setUint32(at, value, littleEndian);
      return;
    }
    checkUint(value, width);
    const start = this.#allocate(width);
    putUint(this.#block.bytes, start, value, width, littleEndian);
  }

  /**
   * Overwrites an integer that was appended earlier, for instance a length that
   * was not yet known then.
   *
   * @param position The `length` of the writer just before it was appended.
   * @param value From 0 to 2^(8 * width) - 1, and at most 2^53 - 1.
   * @param width Bytes: 1 to 8, as it was appended.
   * @param littleEndian Whether the lowest byte comes first.
   * @throws {RangeError} The value does not fit, or there is no such position.
   */
  setUint(
    position: number,
    value: number,
    width: number,
    littleEndian = false,
  ): void {
    checkUint(value, width);
    const start = position - this.#segmentBytes;
    const isThere = position + width <= this.length;
    if (start >= 0 && isThere && position >>> 0 === position) {
      const bytes = this.#block.bytes;
      putUint(bytes, this.#sealed + start, value, width, littleEndian);
    } else {
      this.#setUintBefore(position, value, width, littleEndian);
    }
  }

  /** Sets an integer that is not in the open part of the block alone. */
  #setUintBefore(
    position: number,
    value: number,
    width: number,
    littleEndian: boolean,
  ): void {
    const last = this.length - width;
    checkSize("set an integer", "position", position, 0, last);
    const bytes = new Uint8Array(width);
    putUint(bytes, 0, value, width, littleEndian);
    this.#overwrite(position, bytes);
  }

  /** Overwrites bytes that are in one finished piece or more. */
  #overwrite(position: number, bytes: Uint8Array): void {
    this.#seal();
    let base = this.#segmentBytes;
    let i = this.#segments.length;
    while (position < base) base -= this.#segments[--i].length;
    for (let done = 0; done < bytes.length; i++) {
      const segment = this.#ownSegment(i);
      const start = position + done - base;
      const part = bytes.subarray(done, done + segment.length - start);
      segment.set(part, start);
      done += part.length;
      base += segment.length;
    }
  }

  /** A segment to write to: a copy where its memory is the caller's. */
  #ownSegment(i: number): Uint8Array {
    const segment = this.#segments[i];
    if (!this.#forgetReference(segment)) return segment;
    return this.#segments[i] = segment.slice();
  }

  /** Whether its memory was the caller's: it is no segment any more. */
  #forgetReference(segment: Uint8Array): boolean {
    const references = this.#references;
    if (references === undefined || !references.delete(segment)) return false;
    if (references.size === 0) this.#references = undefined;
    return true;
  }

  /**
   * Takes back everything from `length` on.
   *
   * @param length An earlier `length` of this writer.
   * @throws {RangeError} `length` is more than there is, or no size.
   */
  truncate(length: number): void {
    const open = length - this.#segmentBytes;
    if (open >= 0 && length <= this.length && Number.isInteger(length)) {
      this.#end = this.#sealed + open;
    } else {
      this.#truncateSegments(length);
    }
  }

  #truncateSegments(length: number): void {
    checkSize("take back bytes", "length", length, 0, this.length);
    this.#end = this.#sealed;
    while (this.#segmentBytes > length) {
      const segment = this.#segments.pop()!;
      this.#segmentBytes -= segment.length;
      const isReference = this.#forgetReference(segment);
      const kept = length - this.#segmentBytes;
      if (kept <= 0) continue;
      const part = segment.subarray(0, kept);
      if (isReference) this.#appendReference(part);
      else this.#append(part);
    }
  }

  /**
   * The message as pieces to be sent in this order. They are good until
   * {@linkcode clear}.
   */
  segments(): readonly Uint8Array[] {
    this.#seal();
    return this.#segments;
  }

  /**
   * The message in one piece: a view if that needs no copy, good until the writer
   * is next used.
   */
  peek(): Uint8Array {
    if (this.#segments.length > 0) {
      const message = new Uint8Array(this.length);
      this.#copyTo(message);
      return message;
    }
    const { buffer } = this.#block.bytes;
    return new Uint8Array(buffer, this.#sealed, this.#end - this.#sealed);
  }

  #copyTo(target: Uint8Array): void {
    let filled = 0;
    for (const segment of this.segments()) {
      target.set(segment, filled);
      filled += segment.length;
    }
  }

  /** Forgets the message; its memory will be used again. */
  clear(): void {
    // Its block stays, unless it is one of those that are made for one large piece, or has
    // lost its memory to an encoder or a transport that has transferred it.
    const { length } = this.#block.bytes;
    if (length > LARGE_BLOCK_BYTES || length === 0) this.#block = NO_BLOCK;
    for (const block of this.#retired) releaseBlock(block);
    this.#end = this.#sealed = this.#segmentBytes = 0;
    this.#segments = NO_SEGMENTS;
    this.#references = undefined;
    if (this.#retired.length > 0) this.#retired = [];
  }

  /** Forgets the message and leaves its memory alone, as it may still be read. */
  abandon(): void {
    this.#block = NO_BLOCK;
    this.#retired = [];
    this.clear();
  }

  /** A copy of the message in one piece, which is then forgotten. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const message = new Uint8Array(this.length);
    this.#copyTo(message);
    // Often the last that is asked of a writer: its block goes to the next one.
    if (this.#block !== NO_BLOCK) releaseBlock(this.#block);
    this.#block = NO_BLOCK;
    this.clear();
    return message;
  }
}

/** The largest integer of each width that a number can hold exactly. */
const MOST = /* @__PURE__ */ Array.from(
  { length: 9 },
  (_, width) => Math.min(2 ** (8 * width) - 1, Number.MAX_SAFE_INTEGER),
);

function checkUint(value: number, width: number): void {
  const most = MOST[width];
  if (most === undefined || width === 0 || width >>> 0 !== width) {
    refuseInteger("write an integer", "width", width, 1, 8);
  }
  if (!(value >= 0 && value <= most && Number.isInteger(value))) {
    refuseInteger(
      `write an integer of ${width} bytes`,
      "value",
      value,
      0,
      most,
    );
  }
}

function refuseText(text: unknown): never {
  throw wrongKind("write text", "text", "a string", text);
}

function putUint(
  bytes: Uint8Array,
  start: number,
  value: number,
  width: number,
  littleEndian: boolean,
): void {
  if (width === 4 && !littleEndian) {
    bytes[start] = value >>> 24;
    bytes[start + 1] = value >>> 16;
    bytes[start + 2] = value >>> 8;
    bytes[start + 3] = value;
    return;
  }
  for (let i = 0; i < width; i++) {
    bytes[littleEndian ? start + i : start + width - 1 - i] = value % 256;
    value = Math.floor(value / 256);
  }
}
