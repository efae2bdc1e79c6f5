/**
 * Bytes that wait in memory: a ring that grows to what it holds and allocates nothing
 * otherwise.
 *
 * For connections in memory, which move bytes in very small pieces: an array for each
 * piece costs more than all else. It copies what goes in and what comes out. How much it
 * may hold is the concern of its owner. `transport/` and `testing/` may import it.
 *
 * @module
 */

/** Large enough for most of what is said in a test. */
const START_BYTES = 1_024;

/** Below this a loop is faster than a view of an array and `set`. */
const LOOP_BYTES = 48;

/** A queue of bytes, first in, first out. */
export class ByteRing {
  /** A power of two long. */
  #memory = new Uint8Array(START_BYTES);
  #start = 0;
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** Appends a copy of the first `count` bytes. */
  push(source: Uint8Array, count: number): void {
    this.#reserve(count);
    const memory = this.#memory;
    const mask = memory.length - 1;
    const at = (this.#start + this.#length) & mask;
    this.#length += count;
    if (count <= LOOP_BYTES) {
      for (let i = 0; i < count; i++) memory[(at + i) & mask] = source[i];
      return;
    }
    const room = Math.min(count, memory.length - at);
    memory.set(source.subarray(0, room), at);
    memory.set(source.subarray(room, count), 0);
  }

  /** Moves the first `count` bytes into `target`. */
  take(target: Uint8Array, count: number): void {
    const memory = this.#memory;
    const mask = memory.length - 1;
    const at = this.#start;
    if (count <= LOOP_BYTES) {
      for (let i = 0; i < count; i++) target[i] = memory[(at + i) & mask];
    } else {
      const room = Math.min(count, memory.length - at);
      target.set(memory.subarray(at, at + room), 0);
      target.set(memory.subarray(0, count - room), room);
    }
    this.drop(count);
  }

  /** A view of the first bytes: at most `count`, and fewer where the ring wraps around. */
  head(count: number): Uint8Array {
    const end = Math.min(this.#start + count, this.#memory.length);
    return this.#memory.subarray(this.#start, end);
  }

  /** Forgets the first `count` bytes. */
  drop(count: number): void {
    this.#length -= count;
    this.#start = this.#length === 0
      ? 0
      : (this.#start + count) & (this.#memory.length - 1);
  }

  /** Forgets everything. */
  clear(): void {
    this.#memory = new Uint8Array(START_BYTES);
    this.#start = this.#length = 0;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#memory.length) return;
    const memory = new Uint8Array(2 ** Math.ceil(Math.log2(needed)));
    const length = this.#length;
    this.take(memory, length);
    this.#memory = memory;
    this.#start = 0;
    this.#length = length;
  }
}
