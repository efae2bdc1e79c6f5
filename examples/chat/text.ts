/**
 * What people and rooms may be called.
 *
 * @module
 */

/**
 * A letter or digit, then more of them; up to 20 characters, of any script. Letters
 * and marks that are not seen, such as the Hangul and Khitan fillers, are none.
 */
const NAME =
  /^[[\p{L}\p{N}]--\p{Default_Ignorable_Code_Point}][[\p{L}\p{M}\p{N}_\-]--[\p{Default_Ignorable_Code_Point}\u{16fe4}]]{0,19}$/v;

/** More marks than these on one letter would reach into the lines above. */
const PILED_MARKS = /\p{M}{5}/u;

/** What names of people and rooms must be, for messages. */
export const NAME_RULE = "1 to 20 letters, digits, _ and -";

/** Whether a person or a room may be called so. */
export function isName(text: string): boolean {
  return NAME.test(text) && !PILED_MARKS.test(text);
}

/** The same for a name however it is typed: "Ann", "ann", and "ａｎｎ". */
export function nameKey(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
