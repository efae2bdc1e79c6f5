/**
 * The bytes between a transport and a decoder.
 *
 * @module
 */

import { indexOfByte, Pattern } from "./pattern.ts";

const EMPTY = new Uint8Array(0);
/** What a new connection holds while it waits for its first bytes. */
const FIRST_SLAB_BYTES = 1024;
/** What a connection that says little goes on with: it costs no more to make. */
const MIN_SLAB_BYTES = 4 * 1024;
/** Reads gain nothing beyond this. */
const MAX_SLAB_BYTES = 64 * 1024;
/** Arrays up to this size are cheaper to copy than to keep track of. */
const GATHER_BYTES = 4 * 1024;
/** Small reads in a row after which the next slab is a smaller one. */
const QUIET_READS = 16;

/** A slab of memory and the unread part of it. */
interface Slab {
  bytes: Uint8Array;
  start: number;
  end: number;
}

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
  #rest: Slab[] = [];
  #restLength = 0;
  /** Whether a view into the front slab has been handed out. */
  #lent = false;
  /** Whether the back slab's free end is the queue's own to write to. */
  #owned = false;

  #slabBytes = FIRST_SLAB_BYTES;
  #quietReads = 0;
  #offered = 0;

  // The last search that missed: the next one for the same needle goes on there.
  #needle: number | Pattern | undefined;
  #searched = 0;
  #matched = 0;
  #revision = 0;
  #compiled: { source: Uint8Array; pattern: Pattern } | undefined;

  /**
   * A number that grows whenever the front changes: by each byte that is taken,
   * skipped or put back. Who looked ahead can tell by it whether what was seen is
   * still next.
   */
  get revision(): number {
    return this.#revision;
  }

  /** Bytes waiting to be taken. */
  get length(): number {
    return this.#end - this.#start + this.#restLength;
  }

  /** Bytes of memory held, free ends included. */
  get capacity(): number {
    let bytes = this.#bytes.length;
    for (const slab of this.#rest) bytes += slab.bytes.length;
    return bytes;
  }

  /**
   * The byte at `index` from the front. `index` must be less than `length`.
   *
   * @param index Position from the front.
   * @throws {RangeError} There is no such byte.
   */
  at(index: number): number {
    const position = this.#start + index;
    // The front slab's unread part, in one comparison that also refuses NaN.
    if (position < this.#end && index >= 0) return this.#bytes[position];
    return this.#atRest(index);
  }

  #atRest(index: number): number {
    if (!Number.isInteger(index)) this.#refuse("read byte", index, index);
    let offset = index - (this.#end - this.#start);
    if (index >= 0) {
      for (const { bytes, start, end } of this.#rest) {
        if (offset < end - start) return bytes[start + offset];
        offset -= end - start;
      }
    }
    return this.#refuse("read byte", index, index);
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
    let position = this.#start + index;
    const bytes = this.#bytes;
    if (position + width <= this.#end && index >= 0) {
      if (width === 4 && !littleEndian) {
        return ((bytes[position] << 24) | (bytes[position + 1] << 16) |
          (bytes[position + 2] << 8) | bytes[position + 3]) >>> 0;
      }
      let value = 0;
      if (littleEndian) {
        for (position += width - 1; width > 0; width--) {
          value = value * 256 + bytes[position--];
        }
      } else {
        for (; width > 0; width--) value = value * 256 + bytes[position++];
      }
      return value;
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
    if (stop <= this.#end && length >= 0) {
      const bytes = this.#bytes;
      // A third faster than `subarray`, which looks up the array's species.
      const view = new Uint8Array(
        bytes.buffer,
        bytes.byteOffset + start,
        length,
      );
      this.#lent = true;
      this.#start = stop;
      this.#revision += length;
      if (this.#searched !== 0) this.#moveSearch(length);
      if (stop === this.#end && this.#restLength !== 0) this.#nextSlab();
      return view;
    }
    this.#check("take", length);
    const copy = new Uint8Array(length);
    this.takeInto(copy);
    return copy;
  }

  /** Takes everything. */
  takeAll(): Uint8Array {
    return this.take(this.length);
  }

  /**
   * Takes what is next in one piece, without a copy: at least one byte, unless the
   * queue is empty.
   */
  takeChunk(): Uint8Array {
    return this.take(this.#end - this.#start);
  }

  /**
   * Takes bytes off the front into `target`, as many as there are and fit.
   *
   * @param target Where the bytes go.
   * @returns How many were taken.
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
    if (stop <= this.#end && length >= 0) {
      this.#start = stop;
      this.#revision += length;
      if (this.#searched !== 0) this.#moveSearch(length);
      if (stop === this.#end && this.#restLength !== 0) this.#nextSlab();
      return;
    }
    this.#check("skip", length);
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
    if (this.#start + length > this.#end || !(length >= 0)) {
      this.#check("peek", length);
      this.#join(length);
    }
    return this.#bytes.subarray(this.#start, this.#start + length);
  }

  /**
   * What is next in one piece, without a copy and without taking it: at least one
   * byte, unless the queue is empty or `most` is 0. As good and as long as a view
   * from {@linkcode peek}.
   *
   * @param most Bytes to look at, at most.
   */
  peekChunk(most = Infinity): Uint8Array {
    const stop = Math.min(this.#end, this.#start + most);
    return this.#bytes.subarray(this.#start, stop);
  }

  /** Gathers the first `length` bytes into the front slab. */
  #join(length: number): void {
    const size = Math.max(length, Math.min(this.length, 2 * length));
    const joined = new Uint8Array(size);
    const searched = this.#searched;
    const matched = this.#matched;
    const needle = this.#needle;
    this.takeInto(joined);
    this.prepend(joined);
    this.#searched = searched;
    this.#matched = matched;
    this.#needle = needle;
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
    return typeof needle === "number"
      ? this.#indexOfByte(needle)
      : this.#indexOfPattern(needle);
  }

  #indexOfByte(byte: number): number {
    const from = this.#needle === byte ? this.#searched : 0;
    const frontLength = this.#end - this.#start;
    if (from < frontLength) {
      const found = indexOfByte(
        this.#bytes,
        byte,
        this.#start + from,
        this.#end,
      );
      if (found >= 0) return found - this.#start;
    }
    let base = frontLength;
    for (const { bytes, start, end } of this.#rest) {
      const size = end - start;
      if (from < base + size) {
        const begin = start + Math.max(0, from - base);
        const found = indexOfByte(bytes, byte, begin, end);
        if (found >= 0) return base + found - start;
      }
      base += size;
    }
    this.#needle = byte;
    this.#searched = base;
    return -1;
  }

  #indexOfPattern(source: Uint8Array): number {
    if (source.length === 1) return this.#indexOfByte(source[0]);
    if (this.#compiled?.source !== source) {
      this.#compiled = { source, pattern: new Pattern(source) };
    }
    const { pattern } = this.#compiled;
    const resumed = this.#needle === pattern;
    const from = resumed ? this.#searched : 0;
    let matched = resumed ? this.#matched : 0;
    let base = 0;
    for (let i = -1; i < this.#rest.length; i++) {
      const { bytes, start, end } = i < 0 ? this.#front() : this.#rest[i];
      const size = end - start;
      if (from < base + size) {
        const begin = start + Math.max(0, from - base);
        matched = pattern.scan(bytes, begin, end, matched);
        if (matched === source.length) {
          this.#needle = undefined;
          this.#searched = 0;
          return base + pattern.end - start - source.length;
        }
      }
      base += size;
    }
    this.#needle = pattern;
    this.#searched = base;
    this.#matched = matched;
    return -1;
  }

  #front(): Slab {
    return { bytes: this.#bytes, start: this.#start, end: this.#end };
  }

  /** Bytes left the front: the memory of the last search moves with them. */
  #moveSearch(length: number): void {
    this.#searched -= length;
    // What was matched so far may be gone: start over.
    if (this.#searched < this.#matched) {
      this.#searched = 0;
      this.#matched = 0;
      this.#needle = undefined;
    }
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
   * Puts `bytes` back at the front, by reference: they must not change.
   *
   * @param bytes What to put back.
   */
  prepend(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#revision += bytes.length;
    this.#searched = 0;
    this.#matched = 0;
    this.#needle = undefined;
    // Where the front slab is the back one too, its free end is still in use.
    if (this.#end > this.#start || this.#rest.length === 0) {
      this.#rest.unshift(this.#front());
      this.#restLength += this.#end - this.#start;
    }
    this.#bytes = bytes;
    this.#start = 0;
    this.#end = bytes.length;
    this.#lent = true;
  }

  /**
   * Free memory behind the last byte, to be filled by a read that ends in
   * {@linkcode commit}. How much it is follows the traffic, never a request.
   *
   * @returns At least one byte of free space.
   */
  reserve(): Uint8Array {
    const back = this.#rest.length === 0 ? undefined : this.#rest.at(-1);
    let bytes = back === undefined ? this.#bytes : back.bytes;
    let end = back === undefined ? this.#end : back.end;
    const unread = this.length;
    if (unread === 0 && this.#owned && !this.#lent && back === undefined) {
      // Everything was copied out or dropped: the slab starts afresh.
      this.#start = 0;
      this.#end = end = 0;
    }
    // With much unread, waste nothing; else do not read into a sliver.
    const least = 2 * unread > bytes.length ? 1 : bytes.length >> 2;
    if (!this.#owned || bytes.length - end < Math.max(1, least)) {
      const size = Math.min(
        MAX_SLAB_BYTES,
        Math.max(this.#slabBytes, 1 << (31 - Math.clz32(unread | 1))),
      );
      const slab = new Uint8Array(size);
      if (this.#slabBytes < MIN_SLAB_BYTES) this.#slabBytes = MIN_SLAB_BYTES;
      if (2 * unread <= size) {
        // Moving the tail keeps the next frame in one piece.
        this.#moveTo(slab);
        bytes = slab;
        end = unread;
      } else {
        this.#push(slab, 0, true);
        bytes = slab;
        end = 0;
      }
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
    if (!(length >= 0 && length <= this.#offered)) {
      this.#refuse("commit", length, this.#offered);
    }
    if (length === this.#offered) {
      this.#slabBytes = Math.min(MAX_SLAB_BYTES, this.#slabBytes * 4);
      this.#quietReads = 0;
    } else if (length > this.#slabBytes >> 4) {
      this.#quietReads = 0;
    } else if (++this.#quietReads === QUIET_READS) {
      this.#slabBytes = Math.max(MIN_SLAB_BYTES, this.#slabBytes >> 2);
      this.#quietReads = 0;
    }
    this.#offered = 0;
    const back = this.#rest.length === 0 ? undefined : this.#rest.at(-1);
    if (back === undefined) {
      this.#end += length;
    } else {
      back.end += length;
      this.#restLength += length;
      if (this.#start === this.#end) this.#nextSlab();
    }
  }

  /** Drops everything, memory included. */
  clear(): void {
    this.#revision += this.length;
    this.#bytes = EMPTY;
    this.#start = this.#end = 0;
    this.#rest = [];
    this.#restLength = 0;
    this.#owned = this.#lent = false;
    this.#needle = undefined;
    this.#searched = this.#matched = 0;
    this.#slabBytes = FIRST_SLAB_BYTES;
  }

  #moveTo(slab: Uint8Array): void {
    const unread = this.length;
    if (unread > 0) {
      slab.set(this.#bytes.subarray(this.#start, this.#end));
      let filled = this.#end - this.#start;
      for (const { bytes, start, end } of this.#rest) {
        slab.set(bytes.subarray(start, end), filled);
        filled += end - start;
      }
      this.#rest = [];
      this.#restLength = 0;
    } else if (this.#rest.length > 0) {
      this.#rest = [];
    }
    this.#bytes = slab;
    this.#start = 0;
    this.#end = unread;
    this.#lent = false;
    this.#owned = true;
  }

  #push(bytes: Uint8Array, end: number, owned: boolean): void {
    if (this.length === 0) {
      this.#bytes = bytes;
      this.#start = 0;
      this.#end = end;
      this.#rest = [];
      this.#restLength = 0;
      this.#lent = !owned;
    } else {
      this.#rest.push({ bytes, start: 0, end });
      this.#restLength += end;
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
      this.#restLength -= slab.end - slab.start;
    }
    this.#lent = true;
  }

  #check(verb: string, length: number): void {
    if (!(Number.isInteger(length) && length >= 0 && length <= this.length)) {
      this.#refuse(verb, length, this.length);
    }
  }

  #refuse(verb: string, value: number, most: number): never {
    throw new RangeError(
      `Cannot ${verb} as it must be an integer from 0 to ${most}: current value is ${value}`,
    );
  }
}
