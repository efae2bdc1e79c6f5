/**
 * Patterns of keys: `*`, `?`, `[a-z]`, `[^a-z]` and `\` before what means itself.
 *
 * @module
 */

/** Most characters of a pattern. */
export const MAX_PATTERN = 1_024;

/** What a key costs, however short it is. */
const STEPS_A_KEY = 10;

/** Whether one character matches: one of each code. */
type Test = Uint8Array;

const CODES = 256;

const ANY = testOf([0, CODES - 1]);
/** A star: any characters, or none. */
const STAR = "*";

/**
 * A pattern that is matched a number of steps at a time: a long key takes as many for each
 * star as it has characters for each of the pattern, and others must not wait for that.
 */
export class Glob {
  /** Steps that may still be taken; the caller gives more. */
  left = 0;
  readonly #matchesAll: boolean;
  readonly #parts: (Test | typeof STAR)[];
  #key = "";
  #at = 0;
  #part = 0;
  /** Where the last star was, and what it has taken of the key; -1 for none. */
  #star = -1;
  #taken = 0;

  constructor(pattern: string) {
    this.#parts = parse(pattern);
    this.#matchesAll = this.#parts.length === 1 && this.#parts[0] === STAR;
  }

  /** Begins with a key. */
  begin(key: string): void {
    this.#key = key;
    this.#at = this.#part = this.#taken = 0;
    this.#star = -1;
    this.left -= STEPS_A_KEY;
  }

  /** Goes on with the key: whether it matches, or undefined where no steps are left. */
  go(): boolean | undefined {
    if (this.#matchesAll) return true;
    const key = this.#key;
    const parts = this.#parts;
    for (; this.left > 0; this.left--) {
      const part = parts[this.#part];
      if (part === STAR) {
        this.#star = this.#part++;
        this.#taken = this.#at;
        if (this.#part === parts.length) return true;
      } else if (this.#at === key.length) {
        return this.#part === parts.length;
      } else if (part !== undefined && part[key.charCodeAt(this.#at)] === 1) {
        this.#part++;
        this.#at++;
      } else if (this.#star < 0) {
        return false;
      } else {
        // The star takes one more. An earlier one need not: this one can do the same.
        this.#part = this.#star + 1;
        this.#at = ++this.#taken;
      }
    }
    return undefined;
  }
}

function parse(pattern: string): (Test | typeof STAR)[] {
  const parts: (Test | typeof STAR)[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i];
    if (character === "*") {
      if (parts.at(-1) !== STAR) parts.push(STAR);
    } else if (character === "?") parts.push(ANY);
    else if (character === "[") {
      const { test, end } = parseClass(pattern, i + 1);
      parts.push(test);
      i = end;
    } else {
      if (character === "\\" && i + 1 < pattern.length) i++;
      parts.push(testOf([pattern.charCodeAt(i), pattern.charCodeAt(i)]));
    }
  }
  return parts;
}

/** What stands in brackets from `at` on; one that is not closed ends with the pattern. */
function parseClass(pattern: string, at: number): { test: Test; end: number } {
  const negated = pattern[at] === "^";
  if (negated) at++;
  const ranges: [from: number, to: number][] = [];
  for (; at < pattern.length && pattern[at] !== "]"; at++) {
    if (pattern[at] === "\\" && at + 1 < pattern.length) at++;
    const from = pattern.charCodeAt(at);
    let to = from;
    if (pattern[at + 1] === "-" && at + 2 < pattern.length) {
      at += 2;
      to = pattern.charCodeAt(at);
    }
    ranges.push(from <= to ? [from, to] : [to, from]);
  }
  const test = testOf(...ranges);
  return { test: negated ? test.map((matches) => 1 - matches) : test, end: at };
}

function testOf(...ranges: [from: number, to: number][]): Test {
  const test = new Uint8Array(CODES);
  for (const [from, to] of ranges) test.fill(1, from, to + 1);
  return test;
}
