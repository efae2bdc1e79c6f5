/**
 * Words of text for the search. Chinese has no spaces between them: they are found by a
 * dictionary that browsers and Deno share.
 *
 * @module
 */

const segmenter = new Intl.Segmenter("zh", { granularity: "word" });

/** What stands between two words of Chinese in the index: a space that is hardly seen. */
const GAP = "\u200a";

/** The same text of HTML, with a space between words of Chinese. */
export function separateWords(html: string): string {
  return html.replaceAll(
    />[^<]+/g,
    (text) =>
      text.replaceAll(/\p{Script=Han}+/gu, (run) => wordsOf(run).join(GAP)),
  );
}

/** The words of what was typed, as the index has them. */
export function tokenize(text: string): string[] {
  return text
    .replaceAll(/\p{Script=Han}+/gu, (run) => ` ${wordsOf(run).join(" ")} `)
    .split(/[\n\r\p{Z}\p{P}]+/u);
}

function wordsOf(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}
