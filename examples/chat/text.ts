/**
 * What people may send to each other's terminals.
 *
 * @module
 */

/**
 * Characters that a terminal obeys instead of showing (escape sequences begin with
 * one), that turn text around, or that cannot be seen. The two joiners stay: emoji
 * and some scripts are made with them.
 */
const UNSHOWABLE =
  /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]--[\u200c\u200d]]/gv;

/** More marks than these on one letter would reach into the lines above. */
const PILED_MARKS = /(\p{M}{4})\p{M}+/gu;

/** A letter or digit, then more of them; up to 20 characters, of any script. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_\-]{0,19}$/u;

/** What names of people and rooms must be, for messages. */
export const NAME_RULE = "1 to 20 letters, digits, _ and -";

/** The text without whatever could do something to the terminal that shows it. */
export function cleanText(text: string): string {
  return text.replaceAll("\t", " ").replace(UNSHOWABLE, "")
    .replace(PILED_MARKS, "$1").trimEnd();
}

/** Whether a person or a room may be called so. */
export function isName(text: string): boolean {
  return NAME.test(text) && cleanText(text) === text;
}

/** The same for all names that read the same: "Ann", "ann", and "ａｎｎ". */
export function nameKey(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
