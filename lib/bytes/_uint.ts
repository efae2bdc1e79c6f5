/**
 * Unsigned integers in bytes, and numbers that count bytes.
 *
 * @module
 */

import { outOfRange, wrongKind } from "../_check.ts";

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

/** Refuses what is no integer from `least` to `most`. */
export function checkSize(
  action: string,
  name: string,
  value: unknown,
  least: number,
  most: number,
): void {
  if (
    !(Number.isInteger(value) && Number(value) >= least &&
      Number(value) <= most)
  ) {
    refuseInteger(action, name, value, least, most);
  }
}

/** Throws: `value` is no integer from `least` to `most`. */
export function refuseInteger(
  action: string,
  name: string,
  value: unknown,
  least: number,
  most: number,
): never {
  // A queue without bytes has no index.
  const must = most < least
    ? "of a byte that is there"
    : `an integer from ${least} to ${most}`;
  const refuse = typeof value === "number" ? outOfRange : wrongKind;
  throw refuse(action, name, must, value);
}
