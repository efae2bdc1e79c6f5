/**
 * Arrays of exactly the class `Uint8Array`.
 *
 * A subclass may answer otherwise: `slice` of Node's `Buffer` is a view, where that of a
 * `Uint8Array` is a copy.
 *
 * @module
 */

/**
 * The same memory, or a copy of it where other threads could write to it meanwhile: then no
 * decoder could rely on what it has seen.
 */
export function viewOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, bytes.byteOffset, bytes.length)
    : copyOf(bytes);
}

/** Memory of its own. */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
