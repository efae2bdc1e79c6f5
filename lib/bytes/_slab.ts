/**
 * Slabs of memory, the parts of a ByteQueue, and how large the next one is.
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

/** A slab of memory and the unread part of it. */
export interface Slab {
  bytes: Uint8Array<ArrayBuffer>;
  start: number;
  end: number;
  /** Where its unread part begins, in bytes, as the list that it is in counts them. */
  place: number;
}

/** A slab of which `bytes[start, end)` is unread. */
export function slabOf(
  bytes: Uint8Array<ArrayBuffer>,
  end: number = bytes.length,
  start = 0,
): Slab {
  return { bytes, start, end, place: 0 };
}

/** Fills places of the array that no slab is in. */
const NO_SLAB = /* @__PURE__ */ slabOf(/* @__PURE__ */ new Uint8Array(0));
/** Places at the front that are made in one go, at least. */
const FRONT_PLACES = 8;

/**
 * The slabs behind the front one, in order. Adding gives the list to go on with.
 *
 * Adding and taking off cost the same at both ends however many there are, and each
 * slab knows its place: any byte is found in logarithmic time.
 */
export class SlabList {
  /** Unread bytes in all of them. */
  length = 0;
  /** Bytes of memory held, free ends included. */
  capacity = 0;
  /** The slabs, behind some places without one. */
  slabs: Slab[] = [];
  /** Where in `slabs` the first one is. */
  first = 0;

  /** Whether there is none, not even one without unread bytes. */
  get isEmpty(): boolean {
    return this.first === this.slabs.length;
  }

  /** The last one, where it is not the front one. */
  get back(): Slab | undefined {
    return this.isEmpty ? undefined : this.slabs[this.slabs.length - 1];
  }

  push(slab: Slab): SlabList {
    const list = this.#own();
    const { back } = list;
    slab.place = back === undefined ? 0 : back.place + back.end - back.start;
    list.slabs.push(slab);
    list.#count(slab, 1);
    return list;
  }

  unshift(slab: Slab): SlabList {
    const list = this.#own();
    const next = list.isEmpty ? NO_SLAB : list.slabs[list.first];
    slab.place = next.place - (slab.end - slab.start);
    if (list.first === 0) {
      // As many places as there are slabs: so many times it need not be done again.
      const places = Math.max(FRONT_PLACES, list.slabs.length);
      list.slabs = new Array<Slab>(places).fill(NO_SLAB).concat(list.slabs);
      list.first = places;
    }
    list.slabs[--list.first] = slab;
    list.#count(slab, 1);
    return list;
  }

  #own(): SlabList {
    return this === NO_SLABS ? new SlabList() : this;
  }

  #count({ bytes, start, end }: Slab, sign: 1 | -1): void {
    this.length += sign * (end - start);
    this.capacity += sign * bytes.length;
  }

  shift(): Slab | undefined {
    if (this.isEmpty) return undefined;
    const slab = this.slabs[this.first];
    // Its memory must not be kept by a place that it has left.
    this.slabs[this.first++] = NO_SLAB;
    const left = this.slabs.length - this.first;
    if (left === 0 || this.first > FRONT_PLACES + 4 * left) {
      this.slabs.splice(0, this.first - left);
      this.first = left;
    }
    this.#count(slab, -1);
    return slab;
  }

  /** Adds the unread bytes of one slab after the other to `size` until it is `wanted`. */
  grow(size: number, wanted: number): number {
    for (let i = this.first; i < this.slabs.length && size < wanted; i++) {
      const { start, end } = this.slabs[i];
      size += end - start;
    }
    return size;
  }

  /** Where in `slabs` the byte at `offset` from the first of them is: there must be one. */
  indexOf(offset: number): number {
    const { slabs } = this;
    const place = slabs[this.first].place + offset;
    let low = this.first;
    let high = slabs.length - 1;
    // The last one that does not begin behind it: those without bytes come before it.
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (slabs[middle].place <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The byte at `offset` from the first of them: there must be one. */
  at(offset: number): number {
    const { bytes, at } = this.from(offset);
    return bytes[at];
  }

  /** The slab with the byte at `offset`, and where in it that byte is. */
  from(
    offset: number,
  ): { bytes: Uint8Array<ArrayBuffer>; at: number; end: number } {
    const { bytes, start, end, place } = this.slabs[this.indexOf(offset)];
    const at = start + this.slabs[this.first].place + offset - place;
    return { bytes, at, end };
  }
}

/** What every queue has until it needs a list of its own: most never do. */
export const NO_SLABS: SlabList = /* @__PURE__ */ new SlabList();
