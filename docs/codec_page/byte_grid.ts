/**
 * The bytes, coloured by the frame that they belong to.
 *
 * @module
 */

import { hexOf } from "./bytes_text.ts";
import type { FieldSpan, Piece } from "./decode_bytes.ts";
import { button, element } from "./elements.ts";

/** Bytes that are shown at once. */
const SHOWN = 1_024;
/** Colours that frames take in turn. */
export const COLOURS = 6;

/** A view of some of the bytes. */
export class ByteGrid {
  readonly element: HTMLElement;
  readonly #rows = element("div", {
    className: "cp-rows",
    tabIndex: 0,
    role: "group",
    ariaLabel: "The bytes; the list below says which are which frame",
  });
  readonly #range = element("span", { className: "cp-range" });
  readonly #previous = button("‹ previous", () => this.#move(-SHOWN));
  readonly #next = button("next ›", () => this.#move(SHOWN));
  readonly #pager: HTMLElement;
  /** A narrow window has half a row. */
  readonly #isNarrow = matchMedia("(max-width: 640px)");
  readonly #onChoose: (piece: number) => void;
  #bytes: Uint8Array = new Uint8Array();
  #pieces: readonly Piece[] = [];
  #from = 0;
  #chosen = -1;

  constructor(onChoose: (piece: number) => void) {
    this.#onChoose = onChoose;
    this.#pager = element(
      "div",
      { className: "cp-pager" },
      this.#previous,
      this.#range,
      this.#next,
    );
    this.element = element(
      "div",
      { className: "cp-grid" },
      this.#rows,
      this.#pager,
    );
    this.#rows.addEventListener("click", ({ target }) => {
      const piece = (target as HTMLElement).dataset?.piece;
      if (piece !== undefined) this.#onChoose(Number(piece));
    });
    this.#isNarrow.addEventListener("change", () => this.#draw());
  }

  show(bytes: Uint8Array, pieces: readonly Piece[]): void {
    this.#bytes = bytes;
    this.#pieces = pieces;
    this.#from = 0;
    this.#chosen = -1;
    this.#draw();
  }

  /** Marks a piece, and shows where it begins. */
  choose(index: number): void {
    this.#chosen = index;
    const { start } = this.#pieces[index];
    this.#from = start - start % SHOWN;
    this.#draw();
  }

  #move(by: number): void {
    this.#from += by;
    this.#draw();
  }

  #draw(): void {
    const bytes = this.#bytes;
    const end = Math.min(this.#from + SHOWN, bytes.length);
    const perRow = this.#isNarrow.matches ? 8 : 16;
    const rows: HTMLElement[] = [];
    for (let at = this.#from; at < end; at += perRow) {
      rows.push(this.#row(at, Math.min(at + perRow, end), perRow));
    }
    this.#rows.replaceChildren(...rows);
    this.#pager.hidden = bytes.length <= SHOWN;
    this.#previous.disabled = this.#from === 0;
    this.#next.disabled = end === bytes.length;
    this.#range.textContent = `bytes ${this.#from} to ${
      end - 1
    } of ${bytes.length}`;
  }

  #row(from: number, to: number, perRow: number): HTMLElement {
    const digits: HTMLElement[] = [];
    const characters: HTMLElement[] = [];
    for (let at = from; at < to; at++) {
      const byte = this.#bytes[at];
      const { className, title, index } = this.#look(at);
      const isText = byte >= 32 && byte < 127;
      for (
        const [cells, text] of [
          [digits, hexOf(byte)],
          [characters, isText ? String.fromCharCode(byte) : "·"],
        ] as const
      ) {
        const cell = element("span", { className, title }, text);
        cell.dataset.piece = String(index);
        cells.push(cell);
      }
    }
    return element(
      "div",
      { className: `cp-row cp-row-${perRow}` },
      element(
        "span",
        { className: "cp-offset" },
        from.toString(16).padStart(4, "0"),
      ),
      element("span", { className: "cp-digits" }, ...digits),
      element(
        "span",
        { className: "cp-text", ariaHidden: "true" },
        ...characters,
      ),
    );
  }

  /** How a byte looks, and what it is. */
  #look(at: number): { className: string; title: string; index: number } {
    const index = find(this.#pieces, at);
    const piece = this.#pieces[index];
    const { body, kind } = piece;
    const isAround = kind === "frame" && body !== undefined &&
      (at < body.start || at >= body.end);
    const fieldAt = find(piece.fields, at);
    const classes = ["cp-byte", `cp-${kind}`];
    if (kind === "frame") classes.push(`cp-colour-${index % COLOURS}`);
    if (isAround) classes.push("cp-around");
    if (fieldAt >= 0) {
      classes.push(fieldAt % 2 === 0 ? "cp-even" : "cp-odd");
      if (at === piece.fields[fieldAt].start) classes.push("cp-first");
    }
    if (at === piece.start) classes.push("cp-first");
    if (at === piece.noticedAt) classes.push("cp-noticed");
    if (index === this.#chosen) classes.push("cp-chosen");
    const what = isAround
      ? "around the frame"
      : piece.fields[fieldAt]?.path ?? "";
    return {
      className: classes.join(" "),
      title: `byte ${at}, ${labelOf(piece, index)}${what && `: ${what}`}`,
      index,
    };
  }
}

/** What a piece is called. */
export function labelOf({ kind }: Piece, index: number): string {
  return kind === "rest"
    ? "not read"
    : `${kind === "frame" ? "" : `${kind} `}frame ${index + 1}`;
}

/** Which of some spans, in order, a byte is in; -1 where it is in none. */
function find(spans: readonly (Piece | FieldSpan)[], at: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle].end <= at) low = middle + 1;
    else high = middle;
  }
  return low < spans.length && spans[low].start <= at ? low : -1;
}
