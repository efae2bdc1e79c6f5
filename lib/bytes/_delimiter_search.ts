/**
 * The searches of a ByteQueue, and their memory.
 *
 * @module
 */

import { checkBytes, outOfRange } from "../_check.ts";
import type { SlabList } from "./_slab.ts";
import { checkSize } from "./_uint.ts";
import { indexOfByte, Pattern } from "./pattern.ts";

/** Needles of one queue that are remembered: those that were searched for last. */
const MAX_SEARCHES = 16;
/** Before all places. */
const NOWHERE = -9_007_199_254_740_991;

/**
 * Finds one byte, or one pattern, in a queue. The next search goes on where the last
 * one ended, found or not.
 *
 * It remembers places in the stream, not in the queue: it need not be notified when
 * bytes leave the front. Those that are put there are searched apart, so that a decoder
 * which puts back what it took does not begin anew each time.
 */
export class DelimiterSearch {
  /** The next one of a list, the latest first: see {@linkcode searchFor}. */
  next: DelimiterSearch | undefined;
  /** What is searched for. */
  readonly #key: number | Pattern;
  /** The place up to which the stream has been searched. */
  #searched = NOWHERE;
  /** How many bytes of the needle were matched at the end of that. */
  #matched = 0;
  /** The place up to which there are bytes that were put back since. */
  #putBack = NOWHERE;

  constructor(needle: number | Uint8Array) {
    this.#key = typeof needle === "number"
      ? needle
      : needle.length === 1
      ? needle[0]
      : new Pattern(needle);
  }

  /** Whether it is for these bytes, in whatever array they are. */
  isFor(needle: number | Uint8Array): boolean {
    const key = this.#key;
    if (!(needle instanceof Uint8Array)) return key === needle;
    if (typeof key === "number") {
      return needle.length === 1 && needle[0] === key;
    }
    const { bytes } = key;
    if (bytes.length !== needle.length) return false;
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] !== needle[i]) return false;
    }
    return true;
  }

  /**
   * The index of the first needle in `bytes[start, end)` and `rest`, or -1.
   *
   * @param place Where in the stream these bytes begin.
   */
  find(
    place: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    rest: SlabList,
  ): number {
    if (this.#putBack > place) {
      const found = this.#findPutBack(place, bytes, start, end, rest);
      if (found >= 0) return found;
    }
    let begin = this.#searched - place;
    // What was matched may have left the front, or a part of it.
    if (begin < this.#matched) this.#matched = begin = 0;
    const front = end - start;
    const total = front + rest.length;
    const found = this.#seek(begin, total, bytes, start, end, rest);
    if (found >= 0) this.#matched = 0;
    // What was found is found again at once, as long as it is not taken.
    this.#searched = place + (found < 0 ? total : found);
    return found;
  }

  /** Bytes are about to be put in front of those that begin at `place`. */
  onPutBack(place: number): void {
    if (this.#searched - place < this.#matched) {
      // It had matched what was taken since, or had seen nothing of what is there.
      this.#matched = 0;
      this.#searched = place;
    }
    this.#putBack = Math.max(this.#putBack, place);
  }

  /** The index of a needle that begins in what was put back, or -1. */
  #findPutBack(
    place: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    rest: SlabList,
  ): number {
    const searched = this.#searched;
    const matched = this.#matched;
    const most = this.#putBack - place + this.#length - 1;
    const total = end - start + rest.length;
    this.#matched = 0;
    const stop = Math.min(most, total);
    const found = this.#seek(0, stop, bytes, start, end, rest);
    this.#matched = matched;
    // What was found is found again, as long as it is not taken.
    if (found >= 0) return found;
    this.#putBack = NOWHERE;
    // More may follow that belongs to a needle in here: it is looked at once more.
    this.#searched = most <= total ? searched : NOWHERE;
    return -1;
  }

  get #length(): number {
    return typeof this.#key === "number" ? 1 : this.#key.bytes.length;
  }

  /** Searches from the index `begin` up to `stop`. */
  #seek(
    begin: number,
    stop: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    rest: SlabList,
  ): number {
    const front = end - start;
    if (begin < front) {
      const last = stop < front ? start + stop : end;
      const found = this.#scan(bytes, start + begin, last, -start);
      if (found >= 0) return found;
    }
    return stop > front && begin < stop
      ? this.#findBehind(begin, stop, front, rest)
      : -1;
  }

  /** Searches `rest`, which is behind `front` bytes. */
  #findBehind(
    begin: number,
    stop: number,
    front: number,
    rest: SlabList,
  ): number {
    const { slabs } = rest;
    const offset = Math.max(0, begin - front);
    // An index is a position in a slab and what is before the slab.
    const shift = front - slabs[rest.first].place;
    for (let i = rest.indexOf(offset); i < slabs.length; i++) {
      const { bytes, start, end, place } = slabs[i];
      const base = place + shift;
      if (base >= stop) break;
      const from = start + Math.max(0, begin - base);
      const last = Math.min(end, start + stop - base);
      const found = this.#scan(bytes, from, last, base - start);
      if (found >= 0) return found;
    }
    return -1;
  }

  /**
   * Searches `bytes[begin, end)`; `shift` makes an index of a position there.
   */
  #scan(bytes: Uint8Array, begin: number, end: number, shift: number): number {
    const key = this.#key;
    if (typeof key === "number") {
      const found = indexOfByte(bytes, key, begin, end);
      return found < 0 ? -1 : found + shift;
    }
    const { length } = key.bytes;
    this.#matched = key.scan(bytes, begin, end, this.#matched);
    return this.#matched < length ? -1 : key.end - length + shift;
  }
}

/**
 * The search for `needle`, which is now the first of the list that began with `first`.
 * A list has 16 at most: the search that was not used for longest is forgotten.
 *
 * @throws {TypeError} `needle` is neither a number nor a `Uint8Array`.
 * @throws {RangeError} `needle` is empty, or no byte.
 */
export function searchFor(
  needle: number | Uint8Array,
  first: DelimiterSearch | undefined,
): DelimiterSearch {
  const action = "search for bytes";
  if (typeof needle === "number") {
    checkSize(action, "needle", needle, 0, 255);
  } else {
    checkBytes(action, "needle, unless it is a number,", needle);
    if (needle.length === 0) {
      throw outOfRange(action, "needle", "at least 1 byte", needle);
    }
  }
  let previous: DelimiterSearch | undefined;
  let search = first;
  for (let count = 1; search !== undefined; count++) {
    if (search.isFor(needle)) break;
    if (count === MAX_SEARCHES) {
      previous!.next = search = undefined;
      break;
    }
    previous = search;
    search = search.next;
  }
  if (search === undefined) search = new DelimiterSearch(needle);
  else if (previous === undefined) return search;
  else previous.next = search.next;
  search.next = first;
  return search;
}
