/**
 * How large a connection's next slab of memory is.
 *
 * @module
 */

/** What a new connection holds while it waits for its first bytes. */
const FIRST_SLAB_BYTES = 1024;
/** What a connection that says little goes on with: it costs no more to make. */
const MIN_SLAB_BYTES = 4 * 1024;
/** Reads gain nothing beyond this. */
const MAX_SLAB_BYTES = 64 * 1024;
/** Small reads in a row after which the next slab is a smaller one. */
const QUIET_READS = 16;

/**
 * Follows the traffic: reads that fill what they were offered make the next slab
 * larger, a row of small ones makes it smaller.
 */
export class SlabSize {
  #bytes = FIRST_SLAB_BYTES;
  #quietReads = 0;

  /** The size of a new slab, while `unread` bytes wait in the old ones. */
  next(unread: number): number {
    // Never much more than what has arrived already.
    const arrived = 1 << (31 - Math.clz32(Math.min(unread, 2 ** 30) | 1));
    const size = Math.min(MAX_SLAB_BYTES, Math.max(this.#bytes, arrived));
    this.#bytes = Math.max(this.#bytes, MIN_SLAB_BYTES);
    return size;
  }

  /** Whether a slab of this size is still good for the traffic. */
  suits(size: number): boolean {
    return size >= this.#bytes || this.#bytes <= MIN_SLAB_BYTES;
  }

  /** A read brought `length` bytes of `offered`. */
  observe(length: number, offered: number): void {
    if (length === offered) {
      this.#bytes = Math.min(MAX_SLAB_BYTES, this.#bytes * 4);
      this.#quietReads = 0;
    } else if (length > this.#bytes >> 4) {
      this.#quietReads = 0;
    } else if (++this.#quietReads === QUIET_READS) {
      this.#bytes = Math.max(MIN_SLAB_BYTES, this.#bytes >> 2);
      this.#quietReads = 0;
    }
  }

  /** Begins anew, as for a new connection. */
  reset(): void {
    this.#bytes = FIRST_SLAB_BYTES;
    this.#quietReads = 0;
  }
}
