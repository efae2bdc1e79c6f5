/**
 * How large a connection's next slab of memory is.
 *
 * @module
 */

/** For a connection that waits, or receives little. */
const FIRST_SLAB_BYTES = 128;
/** For one that receives a bit more at a time. */
const SECOND_SLAB_BYTES = 1024;
/** For one that goes on receiving little: it costs no more to allocate. */
const MIN_SLAB_BYTES = 4 * 1024;
/** So that a frame of 64 KiB, a common size, fits with its header in one piece. */
const MAX_SLAB_BYTES = 128 * 1024;
/** Small reads in a row after which the next slab is a smaller one. */
const QUIET_READS = 16;

/**
 * Follows the traffic: reads that fill what they were offered make the next slab
 * larger, a row of small ones makes it smaller. Observing gives what to go on with.
 */
export class SlabSize {
  /** What the traffic asks for; 0 as long as it asks for nothing. */
  #bytes = 0;
  #quietReads = 0;

  /** The size of a new slab behind one of `current` bytes, while `unread` bytes wait. */
  next(current: number, unread: number): number {
    // A connection that receives little and then idles must not hold much.
    const least = Math.min(MIN_SLAB_BYTES, current * 4);
    // Never much more than what has arrived already.
    const arrived = 1 << (31 - Math.clz32(Math.min(unread, 2 ** 30) | 1));
    return Math.min(
      MAX_SLAB_BYTES,
      Math.max(FIRST_SLAB_BYTES, least, this.#bytes, arrived),
    );
  }

  /** Whether a slab of this size is still good for the traffic. */
  suits(size: number): boolean {
    return size >= this.#bytes;
  }

  /** A read brought `length` bytes of `offered`. */
  observe(length: number, offered: number): SlabSize {
    if (length === offered) return this.#enlarge();
    if (this.#bytes <= MIN_SLAB_BYTES || length > this.#bytes >> 4) {
      this.#quietReads = 0;
    } else if (++this.#quietReads === QUIET_READS) {
      this.#bytes >>= 2;
      this.#quietReads = 0;
    }
    return this;
  }

  #enlarge(): SlabSize {
    const own = this === NO_TRAFFIC ? new SlabSize() : this;
    const more = Math.max(MIN_SLAB_BYTES, own.#bytes * 4);
    own.#bytes = own.#bytes === 0
      ? SECOND_SLAB_BYTES
      : Math.min(MAX_SLAB_BYTES, more);
    own.#quietReads = 0;
    return own;
  }
}

/** What every queue has until a read fills its slab: quiet connections never do. */
export const NO_TRAFFIC: SlabSize = /* @__PURE__ */ new SlabSize();
