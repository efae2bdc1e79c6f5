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
  ByteWriter,
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

/** Encoded already: bytes, or text of a byte for each character. */
export class Raw<Data extends string | Uint8Array = string | Uint8Array> {
  constructor(readonly data: Data) {}
}

/** What a command comes to. A string is a bulk string, a number an integer. */
export type Reply =
  | string
  | number
  | null
  | Status
  | Failure
  | Several
  | Raw
  | Reply[];

/** Options of {@linkcode resp}. */
export interface RespOptions {
  /**
   * Most bytes of one command.
   *
   * @default {1_048_576}
   */
  maxCommandBytes?: number;
  /** Called with the bytes of the command that has come in part, 0 once it is whole. */
  onPart?: (bytes: number) => void;
}

/** RESP 2 as a server speaks it. */
export function resp(
  { maxCommandBytes = 1024 * 1024, onPart = () => {} }: RespOptions = {},
): Codec<Command, Reply> {
  return {
    decoder: () => new CommandDecoder(maxCommandBytes, onPart),
    encoder: () => ({ encode }),
  };
}

/** A reply in bytes. */
export function encodeReply(reply: Reply): Uint8Array {
  const out = new ByteWriter();
  encode(reply, out);
  return out.toBytes();
}

/** About how many bytes a reply takes. */
export function sizeOf(reply: Reply): number {
  if (typeof reply === "string") return reply.length + HEADER_BYTES;
  if (reply instanceof Failure || reply instanceof Status) {
    return reply.text.length + HEADER_BYTES;
  }
  if (reply instanceof Several) return sizeOf(reply.replies);
  if (reply instanceof Raw) return reply.data.length;
  let size = HEADER_BYTES;
  if (Array.isArray(reply)) { for (const each of reply) size += sizeOf(each); }
  return size;
}

/**
 * A reply in pieces of about `size` bytes, so that a large one can be sent without ever
 * being whole in memory. Sent one after the other they are the reply.
 */
export function* piecesOf(reply: Reply, size: number): Generator<Reply[]> {
  let piece: Reply[] = [];
  let left = size;
  for (const part of partsOf(reply, size)) {
    piece.push(part);
    left -= sizeOf(part);
    if (left > 0) continue;
    yield piece;
    piece = [];
    left = size;
  }
  if (piece.length > 0) yield piece;
}

function* partsOf(reply: Reply, size: number): Generator<Reply> {
  if (reply instanceof Several) {
    for (const each of reply.replies) yield* partsOf(each, size);
  } else if (Array.isArray(reply)) {
    yield new Raw(`*${reply.length}\r\n`);
    for (const each of reply) yield* partsOf(each, size);
  } else if (typeof reply === "string" && reply.length > size) {
    yield new Raw(`$${reply.length}\r\n`);
    for (let at = 0; at < reply.length; at += size) {
      yield new Raw(reply.slice(at, at + size));
    }
    yield new Raw("\r\n");
  } else yield reply;
}

const CR = 13;
const LF = 10;
const ZERO = 48;
const ASTERISK = 42;
const DOLLAR = 36;
/** About what a reply takes beside its text. */
const HEADER_BYTES = 16;
/** Most bytes of a command that is typed, as in Redis. */
const MAX_LINE_BYTES = 64 * 1024;
/** Names of commands are words: `Host:`, JSON and a TLS hello are none. */
const WORD = /^[a-z]+$/i;
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
  readonly #onPart: (bytes: number) => void;
  #part = 0;

  constructor(most: number, onPart: (bytes: number) => void) {
    this.#most = most;
    this.#onPart = onPart;
  }

  decode(queue: ByteQueue): Command | undefined {
    const command = this.#decode(queue);
    // The queue itself is counted by the server.
    const part = command === undefined ? this.#bytes : 0;
    if (part !== this.#part) this.#onPart(this.#part = part);
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
    this.#refuseMoreThan(end - this.#skipped, MAX_LINE_BYTES);
    const line = text.slice(this.#at, end).trim();
    this.#at = end + 1;
    this.#command = line === "" ? [] : line.split(/\s+/);
    if (line !== "") refuseOtherProtocols(this.#command);
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
function refuseOtherProtocols(words: Command): void {
  if (/^HTTP\/\d/i.test(words.at(-1)!)) refuse("this is HTTP, not Redis");
  if (!WORD.test(words[0])) refuse("the name of a command must be a word");
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
  else if (reply instanceof Raw) {
    if (typeof reply.data === "string") writeText(reply.data, out);
    else out.write(reply.data);
  } else if (reply instanceof Failure) {
    // A line of plain ASCII: what a client sent and is quoted here must not end it, nor
    // move the cursor of its terminal.
    const text = reply.text.replaceAll(/[\r\n]/g, " ");
    writeText(`-${text.replaceAll(/[^ -~]/g, "?")}\r\n`, out);
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
