/**
 * The terminal while the game has it.
 *
 * @module
 */

import { terminalSize } from "../_command_line.ts";
import { writeOutput } from "../_output.ts";
import type { Session } from "./session.ts";
import { ansi, COLUMNS, plain, ROWS, view } from "./view.ts";

const encoder = new TextEncoder();

/** A whole terminal of our own; disposing of it gives it back as it was. */
export class Terminal implements Disposable {
  /** Takes the terminal: keys come at once and are not shown. */
  constructor() {
    Deno.stdin.setRaw(true);
    // The second screen, without a cursor.
    write("\x1b[?1049h\x1b[?25l");
  }

  /** Draws over what was there, so that nothing flickers. */
  draw(session: Session): void {
    const { columns, rows } = terminalSize();
    const lines = columns < COLUMNS || rows < ROWS
      ? [`the terminal must have ${COLUMNS} columns and ${ROWS} rows`]
      : view(session, Deno.noColor ? plain : ansi);
    write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
  }

  /** Gives the terminal back. */
  [Symbol.dispose](): void {
    write("\x1b[?25h\x1b[?1049l");
    Deno.stdin.setRaw(false);
  }
}

function write(text: string): void {
  writeOutput(encoder.encode(text));
}
