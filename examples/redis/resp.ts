/**
 * RESP 2, the language of Redis: commands in, replies out.
 *
 * Redis strings are bytes. Here they are JavaScript strings whose characters are 0 to
 * 255: one byte of memory for each, exact for any data, and good keys of a `Map`.
 *
 * @module
 */

import {
  type ByteQueue,
  type ByteWriter,
  type Codec,
  type Decoder,
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "@sluice/net";
import { Buffer } from "node:buffer";

/** The name of a command, then its arguments. */
export type Command = string[];

/** A simple string, such as `OK`. */
export class Status {
  constructor(readonly text: string) {}
}

/** An error, such as `ERR unknown command`. */
export class Failure {
  constructor(readonly text: string) {}
}

/** Several replies to one command, as `SUBSCRIBE` gives. */
export class Several {
  constructor(readonly replies: Reply[]) {}
}

/** What a command comes to. A string is a bulk string, a number an integer. */
export type Reply =
  | string
  | number
  | null
  | Status
  | Failure
  | Several
  | Reply[];

/** Options of {@linkcode resp}. */
export interface RespOptions {
  /** Most bytes of one command. 1 MiB by default. */
  maxCommandBytes?: number;
}

/** RESP 2 as a server speaks it. */
export function resp(
  { maxCommandBytes = 1024 * 1024 }: RespOptions = {},
): Codec<Command, Reply> {
  return {
    decoder: () => new CommandDecoder(maxCommandBytes),
    encoder: () => ({ encode }),
  };
}

const CR = 13;
const LF = 10;
const ZERO = 48;
const ASTERISK = 42;
const DOLLAR = 36;
/** Bytes that are turned into text in one go: a call costs more than its bytes. */
const WINDOW_BYTES = 16 * 1024;
/** Up to this many characters a loop beats the call into the engine. */
const SHORT_TEXT = 48;
const MAX_DIGITS = 10;

/**
 * Cuts commands out of the bytes. What has arrived is turned into text by the page
 * and cut there; `revision` tells whether the queue's front is still that text.
 */
class CommandDecoder implements Decoder<Command> {
  readonly #most: number;
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

  constructor(most: number) {
    this.#most = most;
  }

  decode(queue: ByteQueue): Command | undefined {
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
      `Cannot decode a command as its client left inside it: ${received} bytes came`,
      { operation: "decode" },
    );
  }

  /** Where the next line ends, or 0 if that has not arrived. */
  #lineEnd(queue: ByteQueue): number {
    const end = queue.indexOf(LF);
    if (end < 0) this.#refuseMoreThan(queue.length);
    return end + 1;
  }

  #open(queue: ByteQueue, page: Uint8Array): void {
    this.#text = toText(page);
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
          const count = this.#number(text);
          if (count < 0) return false;
          this.#command = [];
          this.#missing = count;
        }
        // No command yet: an empty one costs its sender nothing.
        if (this.#missing === 0) this.#bytes = this.#skipped - this.#at;
      } else if (this.#size < 0) {
        if (text.charCodeAt(this.#at) !== DOLLAR) {
          refuse(`expected '$', got '${text[this.#at]}'`);
        }
        const size = this.#number(text);
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
    this.#refuseMoreThan(end - this.#skipped);
    const line = text.slice(this.#at, end).trim();
    this.#at = end + 1;
    this.#command = line === "" ? [] : line.split(/\s+/);
    return true;
  }

  /** The number in a header such as `*3` or `$16`; -1 if it has not arrived. */
  #number(text: string): number {
    const start = this.#at + 1;
    let value = 0;
    let i = start;
    for (; i < text.length; i++) {
      const digit = text.charCodeAt(i) - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      if (i - start === MAX_DIGITS) refuse("a number is too long");
    }
    if (i + 1 >= text.length && (i >= text.length || text[i] === "\r")) {
      return -1;
    }
    if (i === start || text[i] !== "\r" || text[i + 1] !== "\n") {
      refuse("invalid length");
    }
    this.#at = i + 2;
    return value;
  }

  #refuseMoreThan(more: number): void {
    const size = this.#bytes + more;
    if (size > this.#most) {
      throw new FrameTooLargeError(this.#most, size, { operation: "decode" });
    }
  }
}

function refuse(why: string): never {
  throw new MalformedFrameError(`Protocol error: ${why}`, {
    operation: "decode",
  });
}

/** One character for each byte. */
function toText(bytes: Uint8Array): string {
  const { buffer, byteOffset, length } = bytes;
  return Buffer.from(buffer, byteOffset, length).toString("latin1");
}

/** Writes a reply; strings go out as they came in, a byte for each character. */
function encode(reply: Reply, out: ByteWriter): void {
  if (reply === null) writeText("$-1\r\n", out);
  else if (typeof reply === "string") {
    writeText(`$${reply.length}\r\n`, out);
    writeText(reply, out);
    writeText("\r\n", out);
  } else if (typeof reply === "number") writeText(`:${reply}\r\n`, out);
  else if (reply instanceof Status) writeText(`+${reply.text}\r\n`, out);
  else if (reply instanceof Failure) {
    // A line: what a client sent and is quoted here must not end it.
    writeText(`-${reply.text.replaceAll(/[\r\n]/g, " ")}\r\n`, out);
  } else if (reply instanceof Several) {
    for (const each of reply.replies) encode(each, out);
  } else {
    writeText(`*${reply.length}\r\n`, out);
    for (const each of reply) encode(each, out);
  }
}

function writeText(text: string, out: ByteWriter): void {
  const start = out.allocate(text.length);
  const { block } = out;
  if (text.length > SHORT_TEXT) {
    const { buffer, byteOffset } = block;
    Buffer.from(buffer, byteOffset + start).write(text, "latin1");
    return;
  }
  for (let i = 0; i < text.length; i++) block[start + i] = text.charCodeAt(i);
}
