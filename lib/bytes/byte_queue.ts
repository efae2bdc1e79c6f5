/**
 * The bytes between a transport and a decoder.
 *
 * @module
 */

import { DelimiterSearch } from "./_delimiter_search.ts";
import { checkLength, readUint, refuseNumber, SlabList } from "./_slab.ts";
import { SlabSize } from "./_slab_size.ts";

const EMPTY = new Uint8Array(0);
/** Arrays up to this size are cheaper to copy than to keep track of. */
const GATHER_BYTES = 4 * 1024;

/**
 * A queue of bytes: a reader fills its back, a decoder takes from its front.
 *
 * Bytes that {@linkcode take} hands out are views, and they are yours: the queue
 * never writes a second time where it has handed out. Memory grows with the bytes
 * that arrived and never with a length that somebody claims. Slabs adapt from
 * 1 KiB for quiet connections to 64 KiB for busy ones. Every byte is copied at
 * most once, and only if it lies in a piece that crosses two slabs.
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
  #bytes: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  readonly #rest = new SlabList();
  /** Whether a view into the front slab has been handed out. */
  #lent = false;
  /** Whether the back slab's free end is the queue's own to write to. */
  #owned = false;

  /** Bytes of free memory that the last `reserve` gave out. */
  #offered = 0;
  readonly #slabSize = new SlabSize();
  readonly #search = new DelimiterSearch();
  #revision = 0;

  /** Grows with each byte taken, skipped or put back: tells whether what was seen is still next. */
  get revision(): number {
    return this.#revision;
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
    return this.#rest.at(index - (this.#end - this.#start)) ??
      refuseNumber("read byte", index, this.length - 1);
  }

  /**
   * The unsigned integer of `width` bytes at `index`, without taking it.
   *
   * @param index Position of its first byte, from the front.
   * @param width Its size in bytes, from 1 to 6.
   * @param littleEndian Whether the lowest byte comes first.
   * @throws {RangeError} There are no such bytes.
   */
  uintAt(index: number, width: number, littleEndian = false): number {
    const position = this.#start + index;
    if (position + width <= this.#end && index >>> 0 === index) {
      return readUint(this.#bytes, position, width, littleEndian);
    }
    let value = 0;
    for (let i = 0; i < width; i++) {
      value = value * 256 +
        this.at(littleEndian ? index + width - 1 - i : index + i);
    }
    return value;
  }

  /**
   * Takes the first `length` bytes off the front. They are yours: a view that is
   * never written again, or, where they cross two slabs, a copy.
   *
   * @param length Bytes to take, at most `this.length`.
   * @throws {RangeError} There are not that many.
   */
  take(length: number): Uint8Array {
    const start = this.#start;
    const stop = start + length;
    if (stop <= this.#end && length >>> 0 === length) {
      const { buffer, byteOffset } = this.#bytes;
      // A third faster than `subarray`, which looks up the array's species.
      const view = new Uint8Array(buffer, byteOffset + start, length);
      this.#lent = true;
      this.#start = stop;
      this.#revision += length;
      if (this.#search.searched !== 0) this.#search.move(length);
      if (stop === this.#end && this.#rest.length !== 0) this.#nextSlab();
      return view;
    }
    checkLength("take", length, this.length);
    const copy = new Uint8Array(length);
    this.takeInto(copy);
    return copy;
  }

  /** Takes everything. */
  takeAll(): Uint8Array {
    return this.take(this.length);
  }

  /** Takes what is next in one piece, not copied: a byte or more, unless it is empty. */
  takeChunk(): Uint8Array {
    return this.take(this.#end - this.#start);
  }

  /**
   * Takes bytes off the front, as many as there are and fit.
   * @param target Where the bytes go.
   */
  takeInto(target: Uint8Array): number {
    let filled = 0;
    while (filled < target.length && this.length > 0) {
      const count = Math.min(target.length - filled, this.#end - this.#start);
      target.set(
        this.#bytes.subarray(this.#start, this.#start + count),
        filled,
      );
      filled += count;
      this.skip(count);
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
      this.#revision += length;
      if (this.#search.searched !== 0) this.#search.move(length);
      if (stop === this.#end && this.#rest.length !== 0) this.#nextSlab();
      return;
    }
    checkLength("skip", length, this.length);
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
  peek(length: number): Uint8Array {
    if (this.#start + length > this.#end || length >>> 0 !== length) {
      checkLength("peek", length, this.length);
      this.#join(length);
    }
    return this.#bytes.subarray(this.#start, this.#start + length);
  }

  /**
   * What is next in one piece, without a copy and without taking it: at least one
   * byte, unless the queue is empty or `most`, the most to look at, is 0. As good
   * and as long as a view from {@linkcode peek}.
   */
  peekChunk(most = Infinity): Uint8Array {
    const stop = Math.min(this.#end, this.#start + most);
    return this.#bytes.subarray(this.#start, stop);
  }

  /** Gathers the first `length` bytes into the front slab. */
  #join(length: number): void {
    const size = Math.max(length, Math.min(this.length, 2 * length));
    const joined = new Uint8Array(size);
    // The bytes stay the same, so nobody has to search or look again.
    const { searched } = this.#search;
    const revision = this.#revision;
    this.#search.searched = 0;
    this.takeInto(joined);
    this.#putFirst(joined);
    this.#search.searched = searched;
    this.#revision = revision;
  }

  /**
   * The position of the first `needle`, or -1. A miss is remembered: the next
   * search for the same needle looks only at bytes that arrived since, so waiting
   * for a delimiter costs linear time however the bytes arrive.
   *
   * @param needle One byte, or an array of at least one that is not changed later.
   * @throws {RangeError} `needle` is empty.
   */
  indexOf(needle: number | Uint8Array): number {
    return this.#search.find(
      needle,
      this.#bytes,
      this.#start,
      this.#end,
      this.#rest.slabs,
    );
  }

  /**
   * Appends `bytes`. Large arrays go in by reference: from now on they belong to
   * the queue and must not change. Small ones are gathered into a slab, so that
   * a stream of crumbs costs no more than a stream of loaves.
   *
   * @param bytes What to append.
   */
  append(bytes: Uint8Array): void {
    if (bytes.length > GATHER_BYTES) {
      this.#push(bytes, bytes.length, false);
      return;
    }
    for (let done = 0; done < bytes.length;) {
      const space = this.reserve();
      const part = bytes.subarray(done, done + space.length);
      space.set(part);
      this.commit(part.length);
      done += part.length;
    }
  }

  /**
   * Puts `bytes` back at the front, by reference.
   *
   * @param bytes What to put back; must not change.
   */
  prepend(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#revision += bytes.length;
    this.#search.forget();
    this.#putFirst(bytes);
  }

  #putFirst(bytes: Uint8Array): void {
    // Where the front slab is the back one too, its free end is still in use.
    if (this.#end > this.#start || this.#rest.slabs.length === 0) {
      const front = { bytes: this.#bytes, start: this.#start, end: this.#end };
      this.#rest.unshift(front);
    }
    this.#bytes = bytes;
    this.#start = 0;
    this.#end = bytes.length;
    this.#lent = true;
  }

  /**
   * Free memory behind the last byte, at least one byte, to be filled by a read that
   * ends in {@linkcode commit}. How much it is follows the traffic, never a request.
   */
  reserve(): Uint8Array {
    const { back } = this.#rest;
    let bytes = back === undefined ? this.#bytes : back.bytes;
    let end = back === undefined ? this.#end : back.end;
    const unread = this.length;
    // With much unread, waste nothing; else do not read into a sliver.
    const least = 2 * unread > bytes.length ? 1 : bytes.length >> 2;
    if (
      this.#owned && !this.#lent && back === undefined &&
      this.#slabSize.suits(bytes.length) && 2 * unread <= bytes.length
    ) {
      // Nobody holds what was consumed: the slab starts afresh.
      if (unread === 0 || bytes.length - end < least) {
        if (unread > 0) bytes.copyWithin(0, this.#start, end);
        this.#start = 0;
        this.#end = end = unread;
      }
    }
    if (!this.#owned || bytes.length - end < Math.max(1, least)) {
      bytes = new Uint8Array(this.#slabSize.next(unread));
      // Moving the tail keeps the next frame in one piece.
      const moves = 2 * unread <= bytes.length;
      if (moves) this.#moveTo(bytes);
      else this.#push(bytes, 0, true);
      end = moves ? unread : 0;
    }
    this.#offered = bytes.length - end;
    return bytes.subarray(end);
  }

  /**
   * Says how many bytes of the space from {@linkcode reserve} were filled.
   *
   * @param length Bytes filled, from the start of that space.
   * @throws {RangeError} More than was offered.
   */
  commit(length: number): void {
    if (!(length >>> 0 === length && length <= this.#offered)) {
      refuseNumber("commit", length, this.#offered);
    }
    this.#slabSize.observe(length, this.#offered);
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
    this.#revision += this.length;
    this.#bytes = EMPTY;
    this.#start = this.#end = this.#offered = 0;
    this.#rest.clear();
    this.#owned = this.#lent = false;
    this.#search.forget();
    this.#slabSize.reset();
  }

  /** Keeps what was handed out so far from ever being reclaimed. */
  disown(): void {
    if (this.#lent) this.#owned = false;
  }

  /** Takes back all that was handed out: views of it will change from now on. */
  reclaim(): void {
    this.#lent = !this.#owned || this.#rest.slabs.length > 0;
  }

  #moveTo(slab: Uint8Array): void {
    const { length } = this;
    const front = this.#bytes.subarray(this.#start, this.#end);
    slab.set(front);
    this.#rest.copyTo(slab, front.length);
    this.#rest.clear();
    this.#bytes = slab;
    this.#start = 0;
    this.#end = length;
    this.#lent = false;
    this.#owned = true;
  }

  #push(bytes: Uint8Array, end: number, owned: boolean): void {
    this.#offered = 0;
    if (this.length === 0) {
      this.#bytes = bytes;
      this.#start = 0;
      this.#end = end;
      this.#rest.clear();
      this.#lent = !owned;
    } else {
      this.#rest.push({ bytes, start: 0, end });
    }
    this.#owned = owned;
  }

  /** The front slab is used up: the next one with bytes takes its place. */
  #nextSlab(): void {
    while (this.#start === this.#end) {
      const slab = this.#rest.shift();
      if (slab === undefined) return;
      this.#bytes = slab.bytes;
      this.#start = slab.start;
      this.#end = slab.end;
    }
    this.#lent = true;
  }
}
