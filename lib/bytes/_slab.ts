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

/** The slabs behind the front one, in order. */
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

  push(slab: Slab): void {
    this.slabs.push(slab);
    this.length += slab.end - slab.start;
  }

  unshift(slab: Slab): void {
    this.slabs.unshift(slab);
    this.length += slab.end - slab.start;
  }

  shift(): Slab | undefined {
    const slab = this.slabs.shift();
    if (slab !== undefined) this.length -= slab.end - slab.start;
    return slab;
  }

  clear(): void {
    this.slabs.length = 0;
    this.length = 0;
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

  /** Copies all bytes to `target`, from `filled` on. */
  copyTo(target: Uint8Array, filled: number): void {
    for (const { bytes, start, end } of this.slabs) {
      target.set(bytes.subarray(start, end), filled);
      filled += end - start;
    }
  }
}

/** The unsigned integer of `width` bytes at `position`, all of them there. */
export function readUint(
  bytes: Uint8Array,
  position: number,
  width: number,
  littleEndian: boolean,
): number {
  if (width === 4 && !littleEndian) {
    return ((bytes[position] << 24) | (bytes[position + 1] << 16) |
      (bytes[position + 2] << 8) | bytes[position + 3]) >>> 0;
  }
  let value = 0;
  if (littleEndian) {
    for (let i = width - 1; i >= 0; i--) {
      value = value * 256 + bytes[position + i];
    }
  } else {
    for (let i = 0; i < width; i++) value = value * 256 + bytes[position + i];
  }
  return value;
}

/** Refuses to use more bytes than there are. */
export function checkLength(verb: string, length: number, most: number): void {
  if (!(Number.isInteger(length) && length >= 0 && length <= most)) {
    refuseNumber(verb, length, most);
  }
}

/** Refuses a number of bytes, or a position. */
export function refuseNumber(verb: string, value: number, most: number): never {
  throw new RangeError(
    `Cannot ${verb} as it must be an integer from 0 to ${most}: current value is ${value}`,
  );
}
