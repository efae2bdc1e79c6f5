/**
 * Bytes cut into pieces, and bytes that no peer would send.
 *
 * @module
 */

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

/** Random choices that a seed repeats (xorshift32). */
export class ByteSource {
  #state: number;

  constructor(seed: number) {
    // Spreads small seeds over all bits; 0 would stay 0 for ever.
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1;
  }

  /** An integer from 0 to `count - 1`. */
  below(count: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return Math.floor((this.#state >>> 0) / 2 ** 32 * count);
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
