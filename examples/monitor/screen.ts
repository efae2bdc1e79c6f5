/**
 * The terminal: a table that is drawn over and over, or lines where there is none.
 *
 * @module
 */

import { terminalSize } from "../_command_line.ts";
import { log } from "../_log.ts";
import { writeOutput } from "../_output.ts";
import type { Alert, Monitor } from "./monitor.ts";
import { formatAlert, formatTable } from "./table.ts";

/** Lines under the table. */
const MAX_LINES = 8;
/** The table is drawn at most this often. */
const REDRAW_MS = 200;

/** Shows what the monitor knows. */
export class Screen {
  readonly #monitor: Monitor;
  readonly #isTerminal = Deno.stdout.isTerminal();
  readonly #lines: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(monitor: Monitor) {
    this.#monitor = monitor;
  }

  /** Says something in a line. */
  say(line: string): void {
    if (!this.#isTerminal) return log(line);
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
    this.draw();
  }

  /** Says that something went down or came back. */
  alert(alert: Alert): void {
    this.say(formatAlert(alert));
  }

  /** Draws the table soon; where there is no terminal, alerts say enough. */
  draw(): void {
    if (!this.#isTerminal || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const lines = `${this.#table()}\n${this.#lines.join("\n")}`.split("\n")
        .slice(0, terminalSize().rows - 1);
      // Home, the new picture, and nothing of the old one beside or below it.
      write(`\x1b[H${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
    }, REDRAW_MS);
  }

  /** Leaves the last table behind. */
  finish(): void {
    clearTimeout(this.#timer);
    if (this.#isTerminal) write("\x1b[H\x1b[J");
    write(this.#table());
    if (this.#isTerminal && this.#lines.length > 0) {
      write(`\n${this.#lines.join("\n")}\n`);
    }
  }

  #table(): string {
    return formatTable(this.#monitor.statuses, {
      color: this.#isTerminal && !Deno.noColor,
      width: this.#isTerminal ? terminalSize().columns : Infinity,
    });
  }
}

function write(text: string): void {
  writeOutput(new TextEncoder().encode(text));
}
