/**
 * Bytes cut into pieces, and bytes that no peer would send.
 *
 * @module
 */

import { type Random, seededRandom } from "../_random.ts";

/** Cuts `bytes`; `cut` says how long the next piece is, given how many are left. */
export function* pieces(
  bytes: Uint8Array,
  cut: (left: number) => number,
): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length;) {
    const end = start +
      Math.min(cut(bytes.length - start), bytes.length - start);
    yield bytes.subarray(start, end);
    start = end;
  }
}

/** Random choices that a seed repeats. */
export class ByteSource {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** An integer from 0 to `count - 1`. */
  below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  /** Length of a piece: often a few bytes, at times up to `most`. */
  cut(left: number, most = 64 * 1024): number {
    const limit = this.below(4) === 0 ? Math.min(left, most) : 16;
    return 1 + this.below(limit);
  }

  /** Random bytes. */
  bytes(length: number): Uint8Array {
    return new Uint8Array(length).map(() => this.below(256));
  }

  /** A copy of `bytes` with a few of them changed, left out or doubled. */
  damage(bytes: Uint8Array): Uint8Array {
    const copy = [...bytes.subarray(0, 64 * 1024)];
    for (let i = 1 + this.below(4); i > 0; i--) {
      const place = this.below(copy.length + 1);
      const kind = this.below(3);
      const added = kind === 2 ? [copy[place] ?? 0, this.below(256)] : [];
      copy.splice(place, 1, ...(kind === 0 ? [this.below(256)] : added));
    }
    return Uint8Array.from(copy);
  }
}
