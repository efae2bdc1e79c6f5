/**
 * Where the user of the client types and reads.
 *
 * @module
 */

import process from "node:process";
import { createInterface, type Interface } from "node:readline";
import { lines } from "@sluice/net";
import { decodeStream } from "@sluice/net/codec";
import { complain } from "../_log.ts";
import { print } from "../_output.ts";

/** What is typed, and where to show what comes. */
export interface Screen {
  /** Lines that are typed, until the user has had enough. */
  readonly typed: AsyncIterable<string>;
  /** Shows a line. */
  show(line: string): void;
  /** Shows what the client itself has to say. */
  note(line: string): void;
  /** Ends `typed`, and gives the terminal back. */
  close(): void;
}

/** A prompt on a terminal; plain lines where the input is a file or a pipe. */
export function openScreen(): Screen {
  return Deno.stdin.isTerminal() && Deno.stdout.isTerminal()
    ? new Prompt()
    : new Pipe();
}

/**
 * A prompt that stays below all lines, with whatever is half typed in it. Ctrl-C and
 * Ctrl-D end it.
 */
class Prompt implements Screen {
  readonly #readline: Interface = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: "> ",
  });
  readonly typed: AsyncIterable<string> = this.#readline;
  #closed = false;

  constructor() {
    this.#readline.on("SIGINT", () => this.close());
    this.#readline.on("line", () => this.#readline.prompt());
    this.#readline.prompt();
  }

  show(line: string): void {
    this.#wipe();
    process.stdout.write(`${decorate(line)}\n`);
    // The prompt begins where the cursor is, not as many rows above it.
    Object.assign(this.#readline, { prevRows: 0 });
    this.#readline.prompt(true);
  }

  note(line: string): void {
    this.show(line);
  }

  /** Takes the prompt away, all rows of it. */
  #wipe(): void {
    const { rows } = this.#readline.getCursorPos();
    process.stdout.write(`${rows > 0 ? `\x1b[${rows}A` : ""}\r\x1b[J`);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wipe();
    this.#readline.close();
  }
}

/** Notices are dim, so that people stand out. */
function decorate(line: string): string {
  return line.startsWith("* ") && !Deno.noColor
    ? `\x1b[2m${line}\x1b[0m`
    : line;
}

/** Lines in, lines out: for scripts and tests. */
class Pipe implements Screen {
  readonly #end = new AbortController();
  readonly typed: AsyncIterable<string>;
  readonly #onInterrupt = () => this.close();

  constructor() {
    Deno.addSignalListener("SIGINT", this.#onInterrupt);
    this.typed = this.#lines();
  }

  async *#lines(): AsyncGenerator<string> {
    const input = decodeStream(lines());
    Deno.stdin.readable.pipeTo(input.writable, { signal: this.#end.signal })
      .catch(() => {}); // The lines end as well, and say why.
    try {
      yield* input.readable;
    } catch (error) {
      if (!this.#end.signal.aborted) throw error;
    }
  }

  show(line: string): void {
    print(line);
  }

  note(line: string): void {
    complain(line);
  }

  close(): void {
    this.#end.abort();
    Deno.removeSignalListener("SIGINT", this.#onInterrupt);
  }
}
