/**
 * Text of others that is safe to show: on a terminal, in a log, on a page.
 *
 * What is unsafe comes from Unicode's own tables, which the engine has: control and
 * format characters (escape sequences, what turns text around), and everything that
 * is not seen at all (`Default_Ignorable_Code_Point`).
 *
 * @module
 */

import { formatAddress, type FormattableAddress } from "@sluice/net";

/**
 * Control, format, line-ending, unpaired, private and unassigned characters, what may be
 * ignored, and two that are not seen and still may not: the Khitan filler and a note
 * without a head.
 */
const UNSHOWABLE =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}\u{16fe4}\u{1d159}]/v;

/** The same without what emoji and some scripts are made with: joiners, and U+FE0F. */
const TAKEN_OUT = new RegExp(
  `[${UNSHOWABLE.source}--[\\u200c\\u200d\\ufe0f]]`,
  "gv",
);

/** The same with every blank that is no plain space: two names must not look alike. */
const WRITTEN_OUT = new RegExp(
  `[${UNSHOWABLE.source}[\\p{Zs}--[ ]]\\u2800]`,
  "gv",
);

/**
 * More marks than these on one letter would reach into the lines above; a joiner between
 * them does not part them. It begins with a mark: a run of joiners is looked at once.
 */
const PILED_MARKS =
  /(\p{M}(?:[\u200c\u200d]*\p{M}){3})(?:[\u200c\u200d]*\p{M})+/gu;

/**
 * Takes out what could do something to the terminal that shows a text, or is not
 * seen: for what people say to each other.
 */
export function cleanText(text: string): string {
  return text.replaceAll("\t", " ").replace(TAKEN_OUT, "")
    .replace(PILED_MARKS, "$1").trimEnd();
}

/**
 * Writes out what {@linkcode cleanText} takes out, as `\u{202e}`: for names in a log,
 * where two different ones must look different. At most `most` characters are shown.
 */
export function visibleText(text: string, most = 300): string {
  const short = text.length > most ? `${text.slice(0, most)}…` : text;
  return short.replace(
    WRITTEN_OUT,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
    .replace(PILED_MARKS, "$1…");
}

/** An address for a log: the path of a Unix socket is the peer's own choice. */
export function visibleAddress(address: FormattableAddress): string {
  return visibleText(formatAddress(address));
}
