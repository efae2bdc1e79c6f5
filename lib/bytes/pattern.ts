/**
 * Search for a byte, or for a pattern of bytes, in linear time whatever the data.
 *
 * @module
 */

import { outOfRange } from "../_check.ts";
import { copyOf } from "./plain_array.ts";

/** Below this many bytes a loop beats the call into the engine. */
const SHORT_BYTES = 32;

/** The position of `byte` in `bytes[start, end)`, or -1. */
export function indexOfByte(
  bytes: Uint8Array,
  byte: number,
  start: number,
  end: number,
): number {
  if (end - start <= SHORT_BYTES) {
    for (let i = start; i < end; i++) {
      if (bytes[i] === byte) return i;
    }
    return -1;
  }
  // A view costs as much as a short search. Without one the search may run past the
  // range, so only where that cannot make it more than twice as long.
  if (bytes.length - end <= end - start) {
    const found = bytes.indexOf(byte, start);
    return found < end ? found : -1;
  }
  const found = bytes.subarray(start, end).indexOf(byte);
  return found < 0 ? -1 : start + found;
}

/**
 * Knuth-Morris-Pratt over chunks: the number of pattern bytes matched so far is
 * the whole state, so a search goes on across chunks, and across calls, without
 * looking at a byte twice. Where nothing is matched yet, the engine's own
 * `indexOf` jumps to the next first byte.
 */
export class Pattern {
  readonly bytes: Uint8Array;
  /** For each matched length, the longest shorter match that may go on. */
  readonly #fallback: Uint32Array;

  constructor(bytes: Uint8Array) {
    if (bytes.length === 0) {
      throw outOfRange("search for bytes", "needle", "at least 1 byte", bytes);
    }
    this.bytes = copyOf(bytes);
    const fallback = new Uint32Array(bytes.length + 1);
    let matched = 0;
    for (let i = 1; i < bytes.length; i++) {
      while (matched > 0 && bytes[i] !== bytes[matched]) {
        matched = fallback[matched];
      }
      if (bytes[i] === bytes[matched]) matched++;
      fallback[i + 1] = matched;
    }
    this.#fallback = fallback;
  }

  /** Where the match ended, set by {@linkcode scan} when it finds one. */
  end = -1;

  /**
   * Scans `chunk[start, end)` with `matched` pattern bytes matched before it.
   * Returns how many are matched after it; the whole pattern's length means a
   * match, which ended just before `this.end`.
   */
  scan(
    chunk: Uint8Array,
    start: number,
    end: number,
    matched: number,
  ): number {
    const pattern = this.bytes;
    const fallback = this.#fallback;
    const first = pattern[0];
    let i = start;
    while (i < end) {
      if (matched === 0) {
        i = indexOfByte(chunk, first, i, end);
        if (i < 0) return 0;
        matched = 1;
        i++;
      } else if (chunk[i] === pattern[matched]) {
        matched++;
        i++;
      } else {
        matched = fallback[matched];
        continue;
      }
      if (matched === pattern.length) {
        this.end = i;
        return matched;
      }
    }
    return matched;
  }
}
