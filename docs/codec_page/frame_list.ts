/**
 * The frames in words: the same as the colours say, for all who do not see them.
 *
 * @module
 */

import { COLOURS, labelOf } from "./byte_grid.ts";
import { formatHex } from "./bytes_text.ts";
import type { FieldSpan, Piece } from "./decode_bytes.ts";
import { element } from "./elements.ts";
import { reportError, showValue } from "./show_value.ts";

/** Most frames, and most fields of one, that are listed. */
const MAX_LISTED = 200;
const MAX_FIELDS = 100;

/** The list of what the bytes were decoded to. */
export class FrameList {
  readonly element: HTMLElement = element("ol", { className: "cp-list" });
  readonly #onChoose: (piece: number) => void;
  #bytes: Uint8Array = new Uint8Array();
  #pieces: readonly Piece[] = [];
  #items: HTMLElement[] = [];

  constructor(onChoose: (piece: number) => void) {
    this.#onChoose = onChoose;
  }

  show(bytes: Uint8Array, pieces: readonly Piece[]): void {
    this.#bytes = bytes;
    this.#pieces = pieces;
    this.#items = pieces.slice(0, MAX_LISTED)
      .map((piece, index) => this.#item(piece, index));
    const more = pieces.length - this.#items.length;
    this.element.replaceChildren(
      ...this.#items,
      ...more > 0
        ? [element("li", { className: "cp-more" }, `and ${more} more`)]
        : [],
    );
  }

  /** Shows the fields of a piece, and marks its bytes. */
  choose(index: number): void {
    for (const [i, item] of this.#items.entries()) {
      const isChosen = i === index;
      item.classList.toggle("cp-chosen", isChosen);
      item.querySelector("button")?.setAttribute(
        "aria-expanded",
        String(isChosen),
      );
      item.querySelector(".cp-fields")?.remove();
      if (isChosen) item.append(this.#details(this.#pieces[index]));
    }
    this.#onChoose(index);
  }

  #item(piece: Piece, index: number): HTMLElement {
    const { kind, start, end, value, error } = piece;
    const size = end - start;
    const where = `bytes ${start} to ${end - 1}`;
    const head = element(
      "button",
      { type: "button", onclick: () => this.choose(index) },
      element("span", {
        className: kind === "frame"
          ? `cp-badge cp-colour-${index % COLOURS}`
          : `cp-badge cp-${kind}`,
      }, labelOf(piece, index)),
      ` ${size === 0 ? `at ${start}` : size === 1 ? `byte ${start}` : where}`,
    );
    head.setAttribute("aria-expanded", "false");
    const item = element("li", { className: `cp-item cp-item-${kind}` }, head);
    if (value !== undefined) {
      item.append(element("pre", { className: "cp-value" }, showValue(value)));
    }
    if (error !== undefined) item.append(problem(error, piece));
    return item;
  }

  #details({ start, end, body, fields }: Piece): HTMLElement {
    const rows: FieldSpan[] = [];
    if (body !== undefined && body.start > start) {
      rows.push({ path: "before the frame", start, end: body.start });
    }
    rows.push(
      ...fields.length > 0
        ? fields.slice(0, MAX_FIELDS)
        : [{ path: "bytes", ...body ?? { start, end } }],
    );
    if (body !== undefined && body.end < end) {
      rows.push({ path: "behind the frame", start: body.end, end });
    }
    return element(
      "table",
      { className: "cp-fields" },
      ...rows.map((row) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, row.path),
          element("td", {}, String(row.start)),
          element("td", { className: "cp-hex" }, this.#hex(row)),
        )
      ),
    );
  }

  #hex({ start, end }: FieldSpan): string {
    const shown = this.#bytes.subarray(start, Math.min(end, start + 32));
    return formatHex(shown).replaceAll("\n", " ") +
      (end - start > 32 ? " …" : "");
  }
}

function problem(error: Error, { noticedAt, end }: Piece): HTMLElement {
  const { name, message, facts, remedy } = reportError(error);
  const where = noticedAt === undefined
    ? []
    : [["noticed", noticedAt === end ? "at the end" : `at byte ${noticedAt}`]];
  return element(
    "div",
    { className: "cp-error" },
    element("strong", {}, name),
    element(
      "p",
      {},
      message.length > 600 ? `${message.slice(0, 600)}…` : message,
    ),
    element(
      "ul",
      {},
      ...[...where, ...facts].map(([fact, value]) =>
        element("li", {}, `${fact} `, element("code", {}, value))
      ),
    ),
    element("p", { className: "cp-remedy" }, remedy),
  );
}
