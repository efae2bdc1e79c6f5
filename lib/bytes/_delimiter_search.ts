/**
 * The search of a ByteQueue, and its memory.
 *
 * @module
 */

import type { Slab } from "./_slab.ts";
import { indexOfByte, Pattern } from "./pattern.ts";

/**
 * Finds a byte or a pattern in slabs. A miss is remembered: the next search for the
 * same needle goes on where it ended.
 */
export class DelimiterSearch {
  /** Bytes from the front that the last search has done with; 0 for none. */
  searched = 0;
  /** How many bytes of the needle were matched at the end of these. */
  #matched = 0;
  #needle: number | Pattern | undefined;
  #compiled: { source: Uint8Array; pattern: Pattern } | undefined;

  /** The position of the first `needle` in `bytes[start, end)` and `rest`, or -1. */
  find(
    needle: number | Uint8Array,
    bytes: Uint8Array,
    start: number,
    end: number,
    rest: readonly Slab[],
  ): number {
    const single = typeof needle === "number"
      ? needle
      : needle.length === 1
      ? needle[0]
      : undefined;
    const key = single ?? this.#compile(needle as Uint8Array);
    if (this.#needle !== key) {
      this.#needle = key;
      this.searched = this.#matched = 0;
    }
    let found = this.#scan(key, bytes, start, end, 0);
    let base = end - start;
    for (let i = 0; found < 0 && i < rest.length; i++) {
      const slab = rest[i];
      found = this.#scan(key, slab.bytes, slab.start, slab.end, base);
      base += slab.end - slab.start;
    }
    if (found < 0) this.searched = base;
    else this.forget();
    return found;
  }

  /** Searches what is new of one slab, whose first byte is at position `base`. */
  #scan(
    needle: number | Pattern,
    bytes: Uint8Array,
    start: number,
    end: number,
    base: number,
  ): number {
    const begin = start + Math.max(0, this.searched - base);
    if (begin >= end) return -1;
    if (typeof needle === "number") {
      const found = indexOfByte(bytes, needle, begin, end);
      return found < 0 ? -1 : base + found - start;
    }
    const { length } = needle.bytes;
    this.#matched = needle.scan(bytes, begin, end, this.#matched);
    return this.#matched < length ? -1 : base + needle.end - start - length;
  }

  /** Nothing is known any more. */
  forget(): void {
    this.searched = 0;
    this.#matched = 0;
    this.#needle = undefined;
  }

  /** `length` bytes left the front: what is known moves with the others. */
  move(length: number): void {
    this.searched -= length;
    // What was matched so far may be gone: start over.
    if (this.searched < this.#matched) this.forget();
  }

  #compile(source: Uint8Array): Pattern {
    if (this.#compiled?.source !== source) {
      this.#compiled = { source, pattern: new Pattern(source) };
    }
    return this.#compiled.pattern;
  }
}
