/**
 * Commands: how they go over the wire, which is the same in RESP 2 and 3.
 *
 * @module
 */

import {
  type ByteQueue,
  type ByteWriter,
  type Decoder,
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "@sluice/net";
import { toLatin1, writeLatin1 } from "./latin1.ts";
import { splitWords } from "./words.ts";

/** The name of a command, then its arguments; a character of them is a byte. */
export type Command = string[];

/** Commands that go out together, with nothing between them; each has a reply. */
export class Batch {
  constructor(readonly commands: readonly Command[]) {}
}

/** What a server takes for a command. Looked at anew for each. */
export interface CommandOptions {
  /**
   * Most bytes of one command.
   *
   * @default {1_048_576}
   */
  maxCommandBytes?: number;
  /** Called with the bytes of the command that has come in part, 0 once it is whole. */
  onPart?: (bytes: number) => void;
}

/** Writes a command, or several. */
export function writeCommand(command: Command | Batch, out: ByteWriter): void {
  if (command instanceof Batch) {
    for (const each of command.commands) writeCommand(each, out);
    return;
  }
  let text = `*${command.length}\r\n`;
  for (const word of command) {
    if (word.length > LONG_WORD) {
      writeLatin1(`${text}$${word.length}\r\n`, out);
      writeLatin1(word, out);
      text = "\r\n";
    } else text += `$${word.length}\r\n${word}\r\n`;
  }
  writeLatin1(text, out);
}

/** A word above this is written by itself, instead of being copied twice. */
const LONG_WORD = 1_024;
const MAX_COMMAND_BYTES = 1024 * 1024;
const CR = 13;
const LF = 10;
const ZERO = 48;
const ASTERISK = 42;
const DOLLAR = 36;
/** Most bytes of a command that is typed, as in Redis. */
const MAX_LINE_BYTES = 64 * 1024;
/** Names of commands are words: `Host:`, JSON and a TLS hello are none. */
const WORD = /^[ \t\r]*([a-z]+([ \t\r]|$)|$)/i;
/** What a line of HTTP ends with. */
const HTTP = /[ \t]HTTP\/\d\S{0,8}[ \t\r]*$/i;
/** Bytes that are turned into text in one go: a call costs more than its bytes. */
const WINDOW_BYTES = 16 * 1024;
const MAX_DIGITS = 10;
/** Bytes of an argument that is empty: `$0`, CRLF, CRLF. */
const LEAST_ARGUMENT = 6;

/**
 * Cuts commands out of the bytes. What has arrived is turned into text by the page
 * and cut there; `revision` tells whether the queue's front is still that text.
 */
export class CommandDecoder implements Decoder<Command> {
  readonly #options: CommandOptions;
  #text = "";
  /** How far the text was read, and how far the queue has followed. */
  #at = 0;
  #skipped = 0;
  /** The queue's revision at which `#skipped` is its front. */
  #due = -1;
  /** The unfinished command, and how many arguments it lacks. */
  #command: Command = [];
  #missing = 0;
  /** Size of the argument whose bytes come next, or -1 if its header does. */
  #size = -1;
  #bytes = 0;
  #part = 0;
  #most = 0;

  constructor(options: CommandOptions) {
    this.#options = options;
  }

  decode(queue: ByteQueue): Command | undefined {
    this.#most = this.#options.maxCommandBytes ?? MAX_COMMAND_BYTES;
    const command = this.#decode(queue);
    // The queue itself is counted by the server.
    const part = command === undefined ? this.#bytes : 0;
    if (part !== this.#part) this.#options.onPart?.(this.#part = part);
    return command;
  }

  #decode(queue: ByteQueue): Command | undefined {
    if (queue.revision !== this.#due) {
      this.#open(queue, queue.peekChunk(WINDOW_BYTES));
    }
    while (!this.#parse()) {
      this.#follow(queue);
      if (this.#size > WINDOW_BYTES) {
        // Too large for a page: straight from the queue.
        if (queue.length < this.#size + 2) return undefined;
        this.#open(queue, queue.peek(this.#size + 2));
      } else {
        const need = this.#size < 0 ? this.#lineEnd(queue) : this.#size + 2;
        if (need === 0 || queue.length < need) return undefined;
        const page = Math.min(queue.length, Math.max(need, WINDOW_BYTES));
        this.#open(queue, queue.peek(page));
      }
    }
    this.#follow(queue);
    this.#bytes = 0;
    return this.#command;
  }

  finish(queue: ByteQueue): Command | undefined {
    const received = this.#bytes + queue.length;
    if (received === 0) return undefined;
    throw new UnexpectedEofError(
      received,
      undefined,
      `Cannot decode a command: the client left inside it, after ${received} bytes`,
      { operation: "decode" },
    );
  }

  /** Where the next line ends, or 0 if that has not arrived. */
  #lineEnd(queue: ByteQueue): number {
    const end = queue.indexOf(LF);
    if (end < 0) {
      const typed = this.#missing === 0;
      this.#refuseMoreThan(queue.length, typed ? MAX_LINE_BYTES : this.#most);
    }
    return end + 1;
  }

  #open(queue: ByteQueue, page: Uint8Array): void {
    this.#text = toLatin1(page);
    this.#at = this.#skipped = 0;
    this.#due = queue.revision;
  }

  /** Drops off the queue what was read in the text. */
  #follow(queue: ByteQueue): void {
    const count = this.#at - this.#skipped;
    queue.skip(count);
    this.#bytes += count;
    this.#skipped = this.#at;
    this.#due = queue.revision;
  }

  /** Reads on in the text: whether a command is whole. */
  #parse(): boolean {
    const text = this.#text;
    while (this.#at < text.length) {
      if (this.#missing === 0) {
        if (text.charCodeAt(this.#at) !== ASTERISK) {
          if (!this.#parseInline(text)) return false;
          if (this.#command.length > 0) return true;
        } else {
          const count = this.#number(text, "multibulk");
          if (count < 0) return false;
          this.#refuseMoreThan(
            this.#at - this.#skipped + count * LEAST_ARGUMENT,
          );
          this.#command = [];
          this.#missing = count;
        }
        // No command yet: an empty one costs its sender nothing.
        if (this.#missing === 0) this.#bytes = this.#skipped - this.#at;
      } else if (this.#size < 0) {
        if (text.charCodeAt(this.#at) !== DOLLAR) {
          refuse(`expected '$', got '${text[this.#at]}'`);
        }
        const size = this.#number(text, "bulk");
        if (size < 0) return false;
        this.#refuseMoreThan(this.#at - this.#skipped + size);
        this.#size = size;
      } else {
        const end = this.#at + this.#size;
        if (end + 2 > text.length) return false;
        if (text.charCodeAt(end) !== CR || text.charCodeAt(end + 1) !== LF) {
          refuse("expected CRLF after a bulk string");
        }
        this.#command.push(text.substring(this.#at, end));
        this.#at = end + 2;
        this.#size = -1;
        if (--this.#missing === 0) return true;
      }
    }
    return false;
  }

  /** A command as one types it into a terminal: words on a line. */
  #parseInline(text: string): boolean {
    const end = text.indexOf("\n", this.#at);
    if (end < 0) return false;
    this.#refuseMoreThan(end - this.#skipped, MAX_LINE_BYTES);
    const line = text.slice(this.#at, end);
    this.#at = end + 1;
    // Before its words are looked at: what else it may be has no balanced quotes.
    refuseOtherProtocols(line);
    const words = splitWords(line);
    if (words === undefined) refuse("unbalanced quotes in request");
    this.#command = words;
    return true;
  }

  /** The number in a header such as `*3` or `$16`; -1 if it has not arrived. */
  #number(text: string, what: "multibulk" | "bulk"): number {
    const start = this.#at + 1;
    let value = 0;
    let i = start;
    for (; i < text.length; i++) {
      const digit = text.charCodeAt(i) - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      if (i - start === MAX_DIGITS) refuse(`invalid ${what} length`);
    }
    if (i + 1 >= text.length && (i >= text.length || text[i] === "\r")) {
      return -1;
    }
    if (i === start || text[i] !== "\r" || text[i + 1] !== "\n") {
      refuse(`invalid ${what} length`);
    }
    this.#at = i + 2;
    return value;
  }

  #refuseMoreThan(more: number, limit = this.#most): void {
    const size = this.#bytes + more;
    const most = Math.min(limit, this.#most);
    if (size > most) {
      throw new FrameTooLargeError(most, size, { operation: "decode" });
    }
  }
}

/**
 * A browser is a peer, too: a page can make it send HTTP to any port of its machine, with
 * commands in the body. Refusing the first line ends the connection before them.
 */
function refuseOtherProtocols(line: string): void {
  if (HTTP.test(line)) refuse("this is HTTP, not Redis");
  if (!WORD.test(line)) refuse("the name of a command must be a word");
}

function refuse(why: string): never {
  throw new MalformedFrameError(`Protocol error: ${why}`, {
    operation: "decode",
  });
}
