/**
 * Slabs of memory, the parts of a ByteQueue.
 *
 * @module
 */

/** A slab of memory and the unread part of it. */
export interface Slab {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** A slab whose first `end` bytes are unread. */
export function slabOf(bytes: Uint8Array, end: number = bytes.length): Slab {
  return { bytes, start: 0, end };
}

/** The slabs behind the front one, in order. Adding gives the list to go on with. */
export class SlabList {
  /** Unread bytes in all of them. */
  length = 0;
  readonly slabs: Slab[] = [];

  /** The last one, where it is not the front one. */
  get back(): Slab | undefined {
    const { slabs } = this;
    return slabs.length === 0 ? undefined : slabs[slabs.length - 1];
  }

  /** Bytes of memory held, free ends included. */
  get capacity(): number {
    return this.slabs.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  push(slab: Slab): SlabList {
    const list = this.#own();
    list.slabs.push(slab);
    list.length += slab.end - slab.start;
    return list;
  }

  unshift(slab: Slab): SlabList {
    const list = this.#own();
    list.slabs.unshift(slab);
    list.length += slab.end - slab.start;
    return list;
  }

  #own(): SlabList {
    return this === NO_SLABS ? new SlabList() : this;
  }

  shift(): Slab | undefined {
    const slab = this.slabs.shift();
    if (slab !== undefined) this.length -= slab.end - slab.start;
    return slab;
  }

  /** Adds the unread bytes of one slab after the other to `size` until it is `wanted`. */
  grow(size: number, wanted: number): number {
    for (const { start, end } of this.slabs) {
      if (size >= wanted) break;
      size += end - start;
    }
    return size;
  }

  /** The byte at `offset` from the first of them, or `undefined`. */
  at(offset: number): number | undefined {
    if (offset < 0) return undefined;
    for (const { bytes, start, end } of this.slabs) {
      if (offset < end - start) return bytes[start + offset];
      offset -= end - start;
    }
    return undefined;
  }
}

/** What every queue has until it needs a list of its own: most never do. */
export const NO_SLABS: SlabList = new SlabList();
