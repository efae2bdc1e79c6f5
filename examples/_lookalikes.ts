/**
 * Names that people would take for each other.
 *
 * @module
 */

import unhomoglyph from "npm:unhomoglyph@1.0.6";

/** The Khitan filler is not among what may be ignored, but is not seen either. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\u{16fe4}]/gu;

/** A dot above that is drawn where the letter has its own: i, j, and Cyrillic and Greek ones. */
const UNSEEN_DOT = /(\p{Soft_Dotted}[\u0323-\u0333]*)\u0307+/gu;

/**
 * What a text looks like: the same for texts that can be taken for each other, by
 * Unicode's table of confusables (UTS #39, "skeleton"). Not a text to show.
 */
export function skeleton(text: string): string {
  const seen = text.normalize("NFD")
    .replace(UNSEEN, "");
  return unhomoglyph(seen).normalize("NFD").replace(UNSEEN_DOT, "$1");
}

/** Letters look different in the other case ("I" like "l", "i" not): all are kept. */
function looksOf(name: string): string[] {
  const plain = name.normalize("NFKC");
  return [plain, plain.toLowerCase(), plain.toUpperCase()]
    .map((each) => skeleton(each).toLowerCase());
}

/**
 * Something for each name, where names that look the same are the same: `ann`, `Ann`,
 * `аnn` with a Cyrillic а, and `ａｎｎ`.
 */
export class Lookalikes<Value> {
  readonly #values = new Map<string, Value>();

  /** What the name, and those that look like it, stand for. */
  get(name: string): Set<Value> {
    const looks = looksOf(name).filter((each) => this.#values.has(each));
    return new Set(looks.map((each) => this.#values.get(each)!));
  }

  /** Gives a name; no other one may look like it, see `get`. */
  set(name: string, value: Value): void {
    for (const look of looksOf(name)) this.#values.set(look, value);
  }

  /** Takes a name back. */
  delete(name: string): void {
    for (const look of looksOf(name)) this.#values.delete(look);
  }
}
