/**
 * Unsigned integers in bytes, and numbers that count bytes.
 *
 * @module
 */

/** The unsigned integer of `width` bytes at `index`, wherever each of them is. */
export function readUintFrom(
  source: { at(index: number): number },
  index: number,
  width: number,
  littleEndian: boolean,
): number {
  let value = 0;
  for (let i = 0; i < width; i++) {
    value = value * 256 + source.at(index + (littleEndian ? width - 1 - i : i));
  }
  return value;
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
