/**
 * Arrays of exactly the class `Uint8Array`.
 *
 * A subclass may answer otherwise: `slice` of Node's `Buffer` is a view, where that of a
 * `Uint8Array` is a copy.
 *
 * @module
 */

/** The same memory. */
export function viewOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Memory of its own. */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
