/**
 * What a field reads from.
 *
 * @module
 */

/**
 * The bytes of a packet, as a {@linkcode Field} reads them. Nothing behind the packet can
 * be reached, and what a field inside of {@linkcode sized} reads ends with its size.
 *
 * For numbers and text, use the fields that there are: `u16.read(bytes)`.
 *
 * @category Typed packets
 */
export interface FieldReader {
  /**
   * Takes the next `length` bytes: a view, which is never written again.
   *
   * Where they are not there, it throws what the field must let pass.
   *
   * @param length A whole number; a claim of any size, as nothing is allocated for it.
   */
  take(length: number): Uint8Array<ArrayBuffer>;

  /**
   * Takes the bytes up to the next `end`, and moves past it. A packet that has none within
   * `maxBytes` bytes is malformed.
   *
   * @param end The byte, which is not part of what is returned.
   * @param maxBytes Most bytes before it.
   */
  takeUntil(end: number, maxBytes: number): Uint8Array<ArrayBuffer>;

  /** Takes all that is left. Only for a field that `takesRest`. */
  takeRest(): Uint8Array<ArrayBuffer>;
}
