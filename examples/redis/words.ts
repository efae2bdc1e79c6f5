/**
 * The words of a command that was typed: with quotes and escapes, as in `redis-cli`.
 *
 * @module
 */

const ESCAPES: Record<string, string> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  a: "\x07",
};

/** Only these: a character such as U+00A0 stands for a byte of the command. */
const BLANKS = /[ \t\n\v\f\r]+/y;
/** A run of characters that mean themselves, outside of quotes and in them. */
const PLAIN = /[^ \t\n\v\f\r"']+/y;
const IN_DOUBLE = /[^"\\]+/y;
const IN_SINGLE = /[^'\\]+/y;

/**
 * The words of a line. Words in double quotes may have `\n`, `\r`, `\t`, `\b`, `\a`, `\"`,
 * `\\` and `\x41`, those in single quotes `\'`; a quote must be followed by a blank.
 *
 * @returns The words, or undefined where a quote is not closed, or something follows it.
 */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let at = runEnd(BLANKS, line, 0);
  while (at < line.length) {
    let word = "";
    while (at < line.length) {
      const quote = line[at];
      if (quote !== '"' && quote !== "'") {
        const end = runEnd(PLAIN, line, at);
        if (end === at) break; // A blank.
        word += line.slice(at, end);
        at = end;
        continue;
      }
      const quoted = readQuoted(line, at + 1, quote);
      if (quoted === undefined) return undefined;
      word += quoted.text;
      at = quoted.end;
      if (at < line.length && runEnd(BLANKS, line, at) === at) return undefined;
    }
    words.push(word);
    at = runEnd(BLANKS, line, at);
  }
  return words;
}

/** What stands in quotes from `at` on, and where that ends, the quote included. */
function readQuoted(
  line: string,
  at: number,
  quote: string,
): { text: string; end: number } | undefined {
  const parts: string[] = [];
  while (at < line.length) {
    const end = runEnd(quote === '"' ? IN_DOUBLE : IN_SINGLE, line, at);
    if (end > at) parts.push(line.slice(at, end));
    at = end;
    if (line[at] === quote) return { text: parts.join(""), end: at + 1 };
    if (at + 1 >= line.length) return undefined;
    const { text, length } = escapeAt(line, at, quote);
    parts.push(text);
    at += length;
  }
  return undefined;
}

/** What a backslash and what follows it stand for. */
function escapeAt(
  line: string,
  at: number,
  quote: string,
): { text: string; length: number } {
  const next = line[at + 1];
  if (quote === "'") {
    return next === "'" ? { text: "'", length: 2 } : { text: "\\", length: 1 };
  }
  const hex = /^x([0-9a-f]{2})$/i.exec(line.slice(at + 1, at + 4));
  if (hex !== null) {
    return { text: String.fromCharCode(parseInt(hex[1], 16)), length: 4 };
  }
  const text = Object.hasOwn(ESCAPES, next) ? ESCAPES[next] : next;
  return { text, length: 2 };
}

/** Where a run that begins at `at` ends; `at` itself where there is none. */
function runEnd(pattern: RegExp, line: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(line) ? pattern.lastIndex : at;
}
