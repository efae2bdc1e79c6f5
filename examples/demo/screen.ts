/**
 * What the demo shows while it runs: one live line of progress, and a table.
 *
 * @module
 */

import { print, writeOutput } from "../_output.ts";

const BAR_WIDTH = 24;
/** A terminal is redrawn this often; a log gets a line at each quarter. */
const REDRAW_MS = 50;
const LOG_STEPS = 4;

/** Bytes moved out of a total, shown live until it is disposed of. */
export class Progress implements Disposable {
  readonly #total: number;
  readonly #started: number = performance.now();
  readonly #terminal: boolean = Deno.stdout.isTerminal();
  #done = 0;
  #drawn = -Infinity;
  #step = 0;

  /** @param total Bytes at the end. */
  constructor(total: number) {
    this.#total = total;
  }

  /** Counts bytes that have made the whole way. */
  add(bytes: number): void {
    this.#done += bytes;
    const now = performance.now();
    if (this.#terminal) {
      if (now - this.#drawn >= REDRAW_MS) this.#draw(now);
      return;
    }
    const step = Math.floor(LOG_STEPS * this.#share);
    if (step > this.#step) print(`  ${this.#line(now)}`);
    this.#step = step;
  }

  /** Leaves the last state on the screen. */
  [Symbol.dispose](): void {
    if (!this.#terminal) return;
    this.#draw(performance.now());
    write("\n");
  }

  #draw(now: number): void {
    this.#drawn = now;
    write(`\r\x1b[K  ${this.#bar()} ${this.#line(now)}`);
  }

  /** From 0 to 1, also if a file has grown since it was listed. */
  get #share(): number {
    return Math.min(1, this.#done / this.#total);
  }

  #bar(): string {
    const full = Math.floor(BAR_WIDTH * this.#share);
    return `[${"#".repeat(full)}${"-".repeat(BAR_WIDTH - full)}]`;
  }

  #line(now: number): string {
    const percent = Math.floor(100 * this.#share);
    const rate = 1000 * this.#done / (now - this.#started);
    return `${String(percent).padStart(3)}%  ${megabytes(this.#done)} of ${
      megabytes(this.#total)
    }  ${megabytes(rate)}/s`;
  }
}

/** A number of bytes in words. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Rows of text in columns, under a line of titles. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) =>
    Math.max(...rows.map((row) => row[column].length))
  );
  const lines = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd()
  );
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

function write(text: string): void {
  writeOutput(new TextEncoder().encode(text));
}
