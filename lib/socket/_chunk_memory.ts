/**
 * Memory for chunks that are given away.
 *
 * Most of what a chunk of a bulk transfer costs is fresh memory, and then its handling.
 * Few large chunks cost a third less than many of 64 KiB.
 *
 * @module
 */

/** A quiet peer is waited for with this much. */
const MIN_BYTES = 1024;
/** A busy one with this much at most: thousands may fall silent at once. */
const MAX_WAITING_BYTES = 64 * 1024;
/** Where more is there already. */
const MAX_BYTES = 1024 * 1024;
/** Full reads in a row that show it; fewer may be messages of that very size. */
const FULL_READS = 4;
/** As many at most, where it was in vain before. */
const MAX_FULL_READS = 64;

/** The array that the next read goes into; it follows the traffic. */
export class ChunkMemory {
  #bytes = MIN_BYTES;
  #array: Uint8Array<ArrayBuffer> | undefined;
  #fullReads = 0;
  #wantedFullReads = FULL_READS;

  /** Where the next read goes. */
  get target(): Uint8Array<ArrayBuffer> {
    return this.#array ??= new Uint8Array(this.#bytes);
  }

  /** The `count` bytes that a read put there, in an array of which this keeps nothing. */
  take(count: number): Uint8Array<ArrayBuffer> {
    const { target } = this;
    const size = target.length;
    if (count === size) this.#onFull(size);
    else this.#onRoomLeft(count, size);
    // Whoever keeps the chunk keeps the array: none is given that is mostly empty.
    const gives = 2 * count >= size;
    if (gives || this.#bytes !== size) this.#array = undefined;
    const chunk = target.subarray(0, count);
    return gives ? chunk : new Uint8Array(chunk);
  }

  #onFull(size: number): void {
    this.#fullReads++;
    if (size > MAX_WAITING_BYTES) this.#wantedFullReads = FULL_READS;
    if (size < MAX_WAITING_BYTES || this.#fullReads >= this.#wantedFullReads) {
      this.#bytes = Math.min(MAX_BYTES, 4 * size);
    }
  }

  #onRoomLeft(count: number, size: number): void {
    this.#fullReads = 0;
    if (size > MAX_WAITING_BYTES) {
      this.#bytes = MAX_WAITING_BYTES;
      if (count <= MAX_WAITING_BYTES) {
        const wanted = 2 * this.#wantedFullReads;
        this.#wantedFullReads = Math.min(MAX_FULL_READS, wanted);
      }
    } else if (16 * count < size) {
      this.#bytes = Math.max(MIN_BYTES, size / 4);
    }
  }
}
