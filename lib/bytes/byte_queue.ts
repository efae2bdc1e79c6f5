/**
 * The bytes between a transport and a decoder.
 *
 * @module
 */

import { checkBytes } from "../_check.ts";
import { type DelimiterSearch, searchFor } from "./_delimiter_search.ts";
import { viewOf } from "./plain_array.ts";
import { NO_SLABS, NO_TRAFFIC, type Slab, slabOf } from "./_slab.ts";
import { checkSize, readUint, readUintFrom, refuseInteger } from "./_uint.ts";

const EMPTY = /* @__PURE__ */ new Uint8Array(0);
const NO_SLAB = /* @__PURE__ */ slabOf(EMPTY);
/** Arrays up to this size are cheaper to copy than to keep track of. */
const GATHER_BYTES = 4_096;
/** Arrays up to this size that are put back are gathered, too, in slabs of this size. */
const FRONT_GATHER_BYTES = 64;
const FRONT_SLAB_BYTES = 512;

/** Larger arrays become several slabs: all positions in one are numbers of 32 bits. */
const MOST_SLAB_BYTES = 2_147_483_648;

/** Where numbers are put together. */
const scratch = /* @__PURE__ */ new DataView(
  /* @__PURE__ */ new ArrayBuffer(8),
);

function checkWidth(width: number): void {
  if (!(width > 0 && width <= 6 && width >>> 0 === width)) {
    refuseInteger("read an integer", "width", width, 1, 6);
  }
}

/** Not every runtime's `DataView` has it. */
function toFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = bits >> 10 & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * A queue of bytes: a reader fills its back, a decoder takes from its front.
 *
 * Bytes that {@linkcode take} hands out are views, and they are yours: the queue
 * never writes a second time where it has handed out. Memory grows with the bytes
 * that arrived and never with a length that a peer claims: a queue with at most `n`
 * bytes unread holds at most `n` bytes and one slab, of 128 bytes for quiet
 * connections to 128 KiB for busy ones. Only what crosses two slabs is copied.
 *
 * Costs are linear in the bytes, however they arrive and however many slabs they are
 * in: taking and putting back at the front, and a search that goes on with what came
 * since. Looking far ahead costs a logarithm of the number of slabs.
 *
 * It reads all numbers that a `DataView` does, under the same names, from any index and
 * without taking them: `getInt16(index, littleEndian)` and so on. They throw a `RangeError`
 * where there are no such bytes.
 *
 * @category Frames and codecs
 *
 * @example
 * ```ts
 * import { ByteQueue } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new ByteQueue();
 * queue.append(new Uint8Array([0, 2, 7, 8, 9]));
 * const size = queue.at(0) << 8 | queue.at(1);
 * queue.skip(2);
 * assertEquals(queue.take(size), new Uint8Array([7, 8]));
 * assertEquals(queue.length, 1);
 * ```
 */
export class ByteQueue {
  // The front slab lives in fields of its own: nearly always it is the only one.
  #bytes: Uint8Array<ArrayBuffer> = EMPTY;
  /** Its memory: asking an array for it takes longer than making a view. */
  #buffer: ArrayBuffer = EMPTY.buffer;
  #start = 0;
  #end = 0;
  #rest = NO_SLABS;
  /** Whether a view into the front slab has been handed out. */
  #lent = false;
  /** Whether the back slab's free end is the queue's own to write to. */
  #owned = false;
  /** Bytes of free memory that the last `reserve` gave out. */
  #offered = 0;
  #slabSize = NO_TRAFFIC;
  /** The first of a list, the latest one. */
  #search: DelimiterSearch | undefined;
  /**
   * Where free memory in front of the unread bytes ends, as long as they begin there;
   * 0 for none. No view of it was handed out.
   */
  #frontRoom = 0;
  /** The revision at the front slab's first byte: `take` has one number less to keep. */
  #base = 0;
  /** The revision and the place in the stream, as searches count it, differ by so much. */
  #shift = 0;

  /**
   * Grows by one with each byte taken or skipped, and beyond all that was there when
   * bytes are put back: tells which part of what was seen is still next.
   */
  get revision(): number {
    return this.#base + this.#start;
  }

  /** Bytes waiting to be taken. */
  get length(): number {
    return this.#end - this.#start + this.#rest.length;
  }

  /** Bytes of memory held, free ends included. */
  get capacity(): number {
    return this.#bytes.length + this.#rest.capacity;
  }

  /**
   * Whether the next bytes are still there. They are gone once an array that was handed
   * out, or put in, was transferred: its memory may hold other bytes, too.
   */
  get isIntact(): boolean {
    return this.#end <= this.#bytes.length || this.#start === this.#end;
  }

  /**
   * The byte at `index` from the front. `index` must be less than `length`.
   *
   * @param index Position from the front.
   * @throws {RangeError} There is no such byte.
   */
  at(index: number): number {
    const position = this.#start + index;
    if (position < this.#end && index >>> 0 === index) {
      return this.#bytes[position];
    }
    checkSize("read a byte", "index", index, 0, this.length - 1);
    return this.#rest.at(position - this.#end);
  }

  /**
   * The unsigned integer of `width` bytes at `index`, without taking it.
   *
   * @param index Position of its first byte, from the front.
   * @param width Its size in bytes, from 1 to 6: more are not exact as a number.
   * @param littleEndian Whether the lowest byte comes first.
   * @throws {RangeError} There are no such bytes, or `width` is out of range.
   */
  uintAt(index: number, width: number, littleEndian = false): number {
    // The usual length field; the rest is apart, so that the engine puts this into the
    // decoder.
    if (width !== 4) checkWidth(width);
    const position = this.#start + index;
    if (position + width <= this.#end && index >>> 0 === index) {
      return readUint(this.#bytes, position, width, littleEndian);
    }
    checkSize("read an integer", "index", index, 0, this.length - width);
    return readUintFrom(this, index, width, littleEndian);
  }

  /**
   * Bytes from `index` on, as all methods read them whose names are those of a `DataView`.
   * A copy: a number may lie in two slabs, and a view of each slab would cost more.
   */
  #load(index: number, width: number): DataView {
    const position = this.#start + index;
    if (position + width <= this.#end && index >>> 0 === index) {
      for (let i = 0; i < width; i++) {
        scratch.setUint8(i, this.#bytes[position + i]);
      }
      return scratch;
    }
    checkSize("read a number", "index", index, 0, this.length - width);
    for (let i = 0; i < width; i++) scratch.setUint8(i, this.at(index + i));
    return scratch;
  }

  /** The unsigned integer of 1 byte at `index`. */
  getUint8(index: number): number {
    return this.#load(index, 1).getUint8(0);
  }

  /** The signed integer of 1 byte at `index`. */
  getInt8(index: number): number {
    return this.#load(index, 1).getInt8(0);
  }

  /** The unsigned integer of 2 bytes at `index`, the highest byte first. */
  getUint16(index: number, littleEndian = false): number {
    return this.#load(index, 2).getUint16(0, littleEndian);
  }

  /** The signed integer of 2 bytes at `index`, the highest byte first. */
  getInt16(index: number, littleEndian = false): number {
    return this.#load(index, 2).getInt16(0, littleEndian);
  }

  /** The unsigned integer of 4 bytes at `index`, the highest byte first. */
  getUint32(index: number, littleEndian = false): number {
    return this.#load(index, 4).getUint32(0, littleEndian);
  }

  /** The signed integer of 4 bytes at `index`, the highest byte first. */
  getInt32(index: number, littleEndian = false): number {
    return this.#load(index, 4).getInt32(0, littleEndian);
  }

  /** The unsigned integer of 8 bytes at `index`, the highest byte first. */
  getBigUint64(index: number, littleEndian = false): bigint {
    return this.#load(index, 8).getBigUint64(0, littleEndian);
  }

  /** The signed integer of 8 bytes at `index`, the highest byte first. */
  getBigInt64(index: number, littleEndian = false): bigint {
    return this.#load(index, 8).getBigInt64(0, littleEndian);
  }

  /** The number of single precision, 4 bytes, at `index`, the highest byte first. */
  getFloat32(index: number, littleEndian = false): number {
    return this.#load(index, 4).getFloat32(0, littleEndian);
  }

  /** The number of double precision, 8 bytes, at `index`, the highest byte first. */
  getFloat64(index: number, littleEndian = false): number {
    return this.#load(index, 8).getFloat64(0, littleEndian);
  }

  /** The number of half precision, 2 bytes, at `index`, the highest byte first. */
  getFloat16(index: number, littleEndian = false): number {
    return toFloat16(this.#load(index, 2).getUint16(0, littleEndian));
  }

  /**
   * Takes the first `length` bytes off the front. They are yours: a view that is
   * never written again, or, where they cross two slabs, a copy.
   *
   * @param length Bytes to take, at most `this.length`.
   * @throws {RangeError} There are not that many.
   */
  take(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#start;
    const stop = start + length;
    if (stop <= this.#end && length >>> 0 === length) {
      // Twice as fast as `subarray`, which looks up the array's species.
      const at = this.#bytes.byteOffset + start;
      const view = new Uint8Array(this.#buffer, at, length);
      this.#lent = true;
      this.#start = stop;
      if (stop === this.#end && !(this.#owned && this.#rest.isEmpty)) {
        this.#nextSlab();
      }
      return view;
    }
    checkSize("take bytes", "length", length, 0, this.length);
    const copy = new Uint8Array(length);
    this.takeInto(copy);
    return copy;
  }

  /** Takes everything. */
  takeAll(): Uint8Array<ArrayBuffer> {
    return this.take(this.length);
  }

  /** Takes what is next in one piece, not copied: a byte or more, unless it is empty. */
  takeChunk(): Uint8Array<ArrayBuffer> {
    return this.take(this.#end - this.#start);
  }

  /**
   * Takes bytes off the front, as many as there are and fit.
   *
   * @param target Where the bytes go.
   * @returns How many.
   * @throws {TypeError} `target` is not a `Uint8Array`.
   */
  takeInto(target: Uint8Array): number {
    checkBytes("take bytes", "target", target);
    let filled = 0;
    while (filled < target.length && this.length > 0) {
      const piece = this.peekChunk(target.length - filled);
      target.set(piece, filled);
      filled += piece.length;
      this.skip(piece.length);
    }
    return filled;
  }

  /**
   * Drops the first `length` bytes.
   *
   * @param length Bytes to drop, at most `this.length`.
   * @throws {RangeError} There are not that many.
   */
  skip(length: number): void {
    const stop = this.#start + length;
    if (stop <= this.#end && length >>> 0 === length) {
      this.#start = stop;
      if (stop === this.#end && !(this.#owned && this.#rest.isEmpty)) {
        this.#nextSlab();
      }
      return;
    }
    checkSize("skip bytes", "length", length, 0, this.length);
    while (length > 0) {
      const count = Math.min(length, this.#end - this.#start);
      this.skip(count);
      length -= count;
    }
  }

  /**
   * The first `length` bytes in one piece, without taking them. The view is good
   * until the queue is next used; do not keep it and do not write to it.
   *
   * @param length Bytes to look at, at most `this.length`.
   * @throws {RangeError} There are not that many.
   */
  peek(length: number): Uint8Array<ArrayBuffer> {
    if (this.#start + length > this.#end || length >>> 0 !== length) {
      checkSize("peek at bytes", "length", length, 0, this.length);
      // Joined, the slabs would be copied again whenever bytes were put back meanwhile.
      if (length <= GATHER_BYTES) return this.#copyFirst(length);
      this.#join(length);
    }
    return this.#bytes.subarray(this.#start, this.#start + length);
  }

  /**
   * What is next in one piece, without a copy and without taking it: at least one
   * byte, unless the queue is empty or `most` is 0. As good and as long as a view from
   * {@linkcode peek}.
   *
   * @param most The most bytes to look at.
   * @param index Where to begin, from the front.
   * @throws {RangeError} `most` is not a size, or `index` is behind the last byte.
   */
  peekChunk(most = Infinity, index = 0): Uint8Array<ArrayBuffer> {
    if (most !== Infinity && most >>> 0 !== most) {
      checkSize("peek at bytes", "most", most, 0, Number.MAX_SAFE_INTEGER);
    }
    if (index !== 0) return this.#peekChunkAt(most, index);
    const stop = Math.min(this.#end, this.#start + most);
    return this.#bytes.subarray(this.#start, stop);
  }

  #peekChunkAt(most: number, index: number): Uint8Array<ArrayBuffer> {
    checkSize("peek at bytes", "index", index, 0, this.length);
    const front = this.#end - this.#start;
    if (index < front || this.#rest.isEmpty) {
      const at = this.#start + index;
      return this.#bytes.subarray(at, Math.min(this.#end, at + most));
    }
    const { bytes, at, end } = this.#rest.from(index - front);
    return bytes.subarray(at, Math.min(end, at + most));
  }

  /** A copy of the first `length` bytes, which reach beyond the front slab. */
  #copyFirst(length: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      const piece = this.peekChunk(length - filled, filled);
      copy.set(piece, filled);
      filled += piece.length;
    }
    return copy;
  }

  /** Gathers at least the first `length` bytes in one array. */
  #join(length: number): void {
    const { revision } = this;
    // Whole slabs: one with a part gone would hold memory for nothing.
    const size = this.#rest.grow(this.#end - this.#start, 2 * length);
    if (size < this.length || this.#offered > 0) {
      const joined = new Uint8Array(size);
      this.takeInto(joined);
      this.#putFirst(slabOf(joined), revision);
      return;
    }
    // All there is: with the free memory that it had, so that what drips in behind it
    // is seldom joined.
    const room = Math.min(size, this.capacity - size);
    const joined = new Uint8Array(size + room);
    this.takeInto(joined);
    this.#setFront(slabOf(joined, size), revision);
    this.#owned = true;
    this.#lent = false;
  }

  /**
   * The position of the first `needle`, or -1. Searches for up to 16 different needles
   * are remembered: the next one for the same bytes, in whatever array, looks only at
   * bytes that arrived since, so waiting for a delimiter costs linear time however the
   * bytes arrive.
   *
   * @param needle One byte, or an array of at least one.
   * @throws {RangeError} `needle` is empty, or no byte.
   * @throws {TypeError} `needle` is neither a number nor a `Uint8Array`.
   */
  indexOf(needle: number | Uint8Array): number {
    let search = this.#search;
    if (search === undefined || !search.isFor(needle)) {
      this.#search = search = searchFor(needle, search);
    }
    return search.find(
      this.revision - this.#shift,
      this.#bytes,
      this.#start,
      this.#end,
      this.#rest,
    );
  }

  /**
   * Appends `bytes`. Large arrays go in by reference: from now on they belong to
   * the queue and must not change. Small ones are copied into a slab, so that many of
   * them cost no more memory than a few large ones.
   *
   * @param bytes What to append.
   * @throws {TypeError} `bytes` is not a `Uint8Array`.
   */
  append(bytes: Uint8Array): void {
    checkBytes("append bytes", "bytes", bytes);
    if (bytes.length <= GATHER_BYTES) {
      for (let done = 0; done < bytes.length;) {
        const space = this.reserve();
        const part = bytes.subarray(done, done + space.length);
        space.set(part);
        this.commit(part.length);
        done += part.length;
      }
      return;
    }
    if (bytes.length > MOST_SLAB_BYTES) {
      this.append(bytes.subarray(0, MOST_SLAB_BYTES));
      return this.append(bytes.subarray(MOST_SLAB_BYTES));
    }
    const slab = slabOf(viewOf(bytes));
    if (this.length > 0) {
      this.#rest = this.#rest.push(slab);
    } else {
      this.#setFront(slab);
      this.#rest = NO_SLABS;
      this.#lent = true;
    }
    this.#owned = false;
    this.#offered = 0;
  }

  /**
   * Puts `bytes` back at the front: by reference, or a copy of up to 64 bytes.
   *
   * @param bytes What to put back; must not change.
   * @throws {TypeError} `bytes` is not a `Uint8Array`.
   */
  prepend(bytes: Uint8Array): void {
    checkBytes("put bytes back", "bytes", bytes);
    const { length } = bytes;
    if (length === 0) return;
    if (length > MOST_SLAB_BYTES) {
      this.prepend(bytes.subarray(MOST_SLAB_BYTES));
      return this.prepend(bytes.subarray(0, MOST_SLAB_BYTES));
    }
    const place = this.revision - this.#shift;
    for (let each = this.#search; each !== undefined; each = each.next) {
      each.onPutBack(place);
    }
    // Further than what has been looked at before.
    const revision = this.revision + this.length + 1;
    this.#shift = revision - (place - length);
    if (length > FRONT_GATHER_BYTES) {
      this.#putFirst(slabOf(viewOf(bytes)), revision);
    } else if (this.#start === this.#frontRoom && length <= this.#start) {
      this.#start -= length;
      this.#bytes.set(bytes, this.#start);
      this.#base = revision - this.#start;
      this.#frontRoom = this.#start;
    } else {
      const slab = new Uint8Array(FRONT_SLAB_BYTES);
      const start = slab.length - length;
      slab.set(bytes, start);
      this.#putFirst(slabOf(slab, slab.length, start), revision);
      this.#frontRoom = start;
    }
  }

  #putFirst(slab: Slab, revision: number): void {
    const last = this.#rest.isEmpty;
    // Of a slab that is used up, a read in flight may still fill the free end.
    if (this.#end > this.#start || last && this.#offered > 0) {
      const front = slabOf(this.#bytes, this.#end, this.#start);
      this.#rest = this.#rest.unshift(front);
    } else if (last) {
      this.#owned = false;
    }
    this.#setFront(slab, revision);
    this.#lent = true;
  }

  #setFront({ bytes, start, end }: Slab, revision = this.revision): void {
    this.#bytes = bytes;
    this.#buffer = bytes.buffer;
    this.#start = start;
    this.#end = end;
    this.#base = revision - start;
    this.#frontRoom = 0;
  }

  /**
   * Free memory behind the last byte, at least one byte, to be filled by a read that
   * ends in {@linkcode commit}. How much it is follows the traffic, never a request.
   */
  reserve(): Uint8Array<ArrayBuffer> {
    const { back } = this.#rest;
    const bytes = back === undefined ? this.#bytes : back.bytes;
    const end = back === undefined ? this.#end : back.end;
    const unread = this.length;
    const room = this.#owned ? bytes.length - end : 0;
    // With much unread, use all free memory; otherwise do not read into a small rest.
    const much = 2 * unread > bytes.length;
    const enough = room > (much ? 0 : bytes.length >> 2);
    if (enough && unread > 0) return this.#offer(bytes, end);
    if (
      this.#owned && !this.#lent && back === undefined && !much &&
      this.#slabSize.suits(bytes.length)
    ) {
      // No view of what was consumed was handed out: the slab starts afresh.
      if (unread > 0) bytes.copyWithin(0, this.#start, end);
      this.#setFront(slabOf(bytes, unread));
      return this.#offer(bytes, unread);
    }
    if (enough) return this.#offer(bytes, end);
    const size = this.#slabSize.next(bytes.length, unread);
    return room > 0 && 2 * unread > size
      ? this.#offer(bytes, end)
      : this.#useSlab(new Uint8Array(size), unread);
  }

  #offer(bytes: Uint8Array<ArrayBuffer>, end: number): Uint8Array<ArrayBuffer> {
    this.#offered = bytes.length - end;
    // A view costs 100 bytes, which an idle connection would keep.
    return end === 0 ? bytes : bytes.subarray(end);
  }

  /**
   * Says how many bytes of the space from {@linkcode reserve} were filled.
   *
   * @param length Bytes filled, from the start of that space.
   * @throws {RangeError} More than was offered.
   */
  commit(length: number): void {
    if (length >>> 0 !== length || length > this.#offered) {
      checkSize("commit bytes", "length", length, 0, this.#offered);
    }
    this.#slabSize = this.#slabSize.observe(length, this.#offered);
    this.#offered = 0;
    const { back } = this.#rest;
    if (back === undefined) {
      this.#end += length;
    } else {
      back.end += length;
      this.#rest.length += length;
      if (this.#start === this.#end) this.#nextSlab();
    }
  }

  /** Drops everything, memory included. */
  clear(): void {
    this.#setFront(NO_SLAB, this.revision + this.length);
    this.#offered = 0;
    this.#rest = NO_SLABS;
    this.#owned = this.#lent = false;
    this.#search = undefined;
    this.#slabSize = NO_TRAFFIC;
  }

  /** Keeps what was handed out so far from ever being reclaimed. */
  disown(): void {
    if (this.#lent) this.#owned = false;
  }

  /** Takes back all that was handed out: views of it will change from now on. */
  reclaim(): void {
    this.#lent = !this.#owned || !this.#rest.isEmpty;
  }

  /** Goes on in a new slab: behind the others, which are full, or instead of them. */
  #useSlab(
    bytes: Uint8Array<ArrayBuffer>,
    unread: number,
  ): Uint8Array<ArrayBuffer> {
    const { revision } = this;
    this.#owned = true;
    if (2 * unread > bytes.length) {
      // Of the front one only what is unread is kept: then all memory holds bytes.
      if (this.#start > 0) this.#setFront(slabOf(this.peekChunk().slice()));
      this.#rest = this.#rest.push(slabOf(bytes, 0));
      return this.#offer(bytes, 0);
    }
    // Moving the tail keeps the next frame in one piece.
    this.takeInto(bytes);
    this.#setFront(slabOf(bytes, unread), revision);
    this.#rest = NO_SLABS;
    this.#lent = false;
    return this.#offer(bytes, unread);
  }

  /**
   * The front slab is used up: the next one with bytes takes its place. Where there is
   * none it stays for what is read next, unless its memory is another's.
   */
  #nextSlab(): void {
    while (this.#start === this.#end) {
      const slab = this.#rest.shift();
      if (slab === undefined) {
        // A read in flight may fill it although it was disowned since.
        if (!this.#owned && this.#offered === 0) this.#setFront(NO_SLAB);
        return;
      }
      this.#setFront(slab);
    }
    this.#lent = true;
  }
}
