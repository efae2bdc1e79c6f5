/**
 * The search of a ByteQueue, and its memory.
 *
 * @module
 */

import type { SlabList } from "./_slab.ts";
import { indexOfByte, Pattern } from "./pattern.ts";

/**
 * Finds a byte or a pattern in a queue. The next search for the same needle goes on
 * where the last one ended, found or not.
 *
 * It remembers places in the stream, not in the queue: nothing has to be told to it
 * when bytes leave the front, or when others are put there.
 */
export class DelimiterSearch {
  /** The place up to which the stream has been searched. */
  #searched = 0;
  /** How many bytes of the needle were matched at the end of that. */
  #matched = 0;
  /** What was searched for. */
  #key: number | Pattern | undefined;
  /** The last array that was, and what it is searched for by. */
  #array: Uint8Array | undefined;
  #arrayKey: number | Pattern = 0;

  /**
   * The index of the first `needle` in `bytes[start, end)` and `rest`, or -1.
   *
   * @param place Where in the stream these bytes begin.
   */
  find(
    needle: number | Uint8Array,
    place: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    rest: SlabList,
  ): number {
    const key = typeof needle === "number" ? needle : this.#keyOf(needle);
    let begin = this.#searched - place;
    // What was matched may have left the front, or a part of it.
    if (this.#key !== key || begin < this.#matched) {
      this.#key = key;
      this.#matched = begin = 0;
    }
    const front = end - start;
    let found = begin < front
      ? this.#scan(key, bytes, start + begin, end, -start)
      : -1;
    if (found < 0 && rest.length > 0) {
      found = this.#findBehind(key, begin, front, rest);
    }
    if (found >= 0) this.#matched = 0;
    // What was found is found again at once, as long as nobody takes it.
    this.#searched = place + (found < 0 ? front + rest.length : found);
    return found;
  }

  /** Searches `rest`, which is behind `front` bytes, from the index `begin` on. */
  #findBehind(
    key: number | Pattern,
    begin: number,
    front: number,
    { slabs, length }: SlabList,
  ): number {
    // What is new is at the back, and the list is long only while nothing is found.
    let i = slabs.length;
    let base = front + length;
    while (i > 0 && base > begin) {
      const { start, end } = slabs[--i];
      base -= end - start;
    }
    for (; i < slabs.length; i++) {
      const { bytes, start, end } = slabs[i];
      const from = start + Math.max(0, begin - base);
      const found = this.#scan(key, bytes, from, end, base - start);
      if (found >= 0) return found;
      base += end - start;
    }
    return -1;
  }

  /** Searches `bytes[begin, end)`; `shift` makes an index of a position there. */
  #scan(
    key: number | Pattern,
    bytes: Uint8Array,
    begin: number,
    end: number,
    shift: number,
  ): number {
    if (typeof key === "number") {
      const found = indexOfByte(bytes, key, begin, end);
      return found < 0 ? -1 : found + shift;
    }
    const { length } = key.bytes;
    this.#matched = key.scan(bytes, begin, end, this.#matched);
    return this.#matched < length ? -1 : key.end - length + shift;
  }

  #keyOf(needle: Uint8Array): number | Pattern {
    if (this.#array !== needle) {
      this.#arrayKey = needle.length === 1 ? needle[0] : new Pattern(needle);
      this.#array = needle;
    }
    return this.#arrayKey;
  }
}
