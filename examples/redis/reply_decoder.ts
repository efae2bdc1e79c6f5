/**
 * Cuts replies out of what a Redis server sends, in RESP 2 and 3.
 *
 * It holds against a server that is hostile or broken: what it keeps grows with the bytes
 * that came and not with a length that was claimed, the depth and the number of items are
 * bounded, and whatever is no reply ends in one typed error. Each byte is looked at a
 * bounded number of times, however the bytes arrive.
 *
 * @module
 */

import {
  type ByteQueue,
  type Decoder,
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "@sluice/net";
import { Buffer } from "node:buffer";
import {
  Distinct,
  Double,
  Failure,
  NOTHING,
  Pairs,
  Push,
  type Reply,
  Status,
  Verbatim,
} from "./reply.ts";

/** What a client takes for a reply. */
export interface ReplyOptions {
  /**
   * Most bytes of one reply.
   *
   * @default {67_108_864}
   */
  maxReplyBytes?: number;
  /**
   * Most items of all arrays, sets and maps of one reply together; a key and its value
   * are two.
   *
   * @default {1_048_576}
   */
  maxItems?: number;
  /**
   * What strings are: text, or a character for each byte.
   *
   * @default {"utf8"}
   */
  encoding?: "utf8" | "latin1";
}

const CR = 13;
const LF = 10;
const ZERO = 48;
const MINUS = 45;
/** Arrays within arrays. */
const MAX_DEPTH = 32;
/** Most bytes of a line that is text: a status or an error. */
const MAX_LINE_BYTES = 64 * 1024;
/** Most bytes of a line that is a number, its sign and its end. */
const MAX_NUMBER_BYTES = 1_024;
/** A length has at most so many digits: it is below 2^53. */
const MAX_DIGITS = 15;

/** What the first byte of a reply says. */
const Sign = {
  status: "+".charCodeAt(0),
  error: "-".charCodeAt(0),
  integer: ":".charCodeAt(0),
  bulk: "$".charCodeAt(0),
  array: "*".charCodeAt(0),
  nothing: "_".charCodeAt(0),
  boolean: "#".charCodeAt(0),
  double: ",".charCodeAt(0),
  bigNumber: "(".charCodeAt(0),
  bulkError: "!".charCodeAt(0),
  verbatim: "=".charCodeAt(0),
  map: "%".charCodeAt(0),
  set: "~".charCodeAt(0),
  attribute: "|".charCodeAt(0),
  push: ">".charCodeAt(0),
} as const;

/** An array, a set or a map whose items are still coming. */
interface Open {
  readonly sign: number;
  readonly items: Reply[];
  /** Items to come. */
  missing: number;
}

const OK = new Status("OK");

/** See the module. */
export class ReplyDecoder implements Decoder<Reply> {
  readonly #maxReplyBytes: number;
  readonly #maxItems: number;
  readonly #encoding: "utf8" | "latin1";
  /** What is open, the innermost last. */
  readonly #open: Open[] = [];
  /** The string whose bytes come next: its sign and its size, or -1 if a sign comes. */
  #bulk = 0;
  #size = -1;
  /** Taken of the reply so far. */
  #bytes = 0;
  #items = 0;

  constructor(options: ReplyOptions) {
    this.#maxReplyBytes = options.maxReplyBytes ?? 64 * 1024 * 1024;
    this.#maxItems = options.maxItems ?? 1024 * 1024;
    this.#encoding = options.encoding ?? "utf8";
  }

  decode(queue: ByteQueue): Reply | undefined {
    while (true) {
      let reply = this.#size < 0 ? this.#head(queue) : this.#body(queue);
      if (reply === undefined) return undefined;
      // What is whole may be the last item of what it is in.
      while (reply !== OPENED) {
        const open = this.#open.at(-1);
        // What an attribute is about comes after it.
        if (reply === ATTRIBUTE) break;
        if (open === undefined) {
          this.#bytes = this.#items = 0;
          return reply ?? NOTHING;
        }
        open.items.push(reply);
        if (--open.missing > 0) break;
        this.#open.pop();
        reply = close(open);
      }
    }
  }

  finish(queue: ByteQueue): Reply | undefined {
    const received = this.#bytes + queue.length;
    if (received === 0) return undefined;
    throw new UnexpectedEofError(
      received,
      undefined,
      `Cannot decode a reply: the server ended inside it, after ${received} bytes`,
      { operation: "decode" },
    );
  }

  get midFrame(): boolean {
    return this.#bytes > 0;
  }

  /** The reply that begins, unless more of it must come first. */
  #head(queue: ByteQueue): Reply | undefined {
    if (queue.length === 0) return undefined;
    const sign = queue.at(0);
    switch (sign) {
      case Sign.bulk:
      case Sign.verbatim:
      case Sign.bulkError: {
        const size = this.#length(queue, sign === Sign.bulk);
        if (size === undefined || size === null) return size;
        this.#refuseMoreThan(size + 2);
        this.#bulk = sign;
        this.#size = size;
        return queue.length < size + 2 ? undefined : this.#body(queue);
      }
      case Sign.array:
      case Sign.set:
      case Sign.push:
      case Sign.map:
      case Sign.attribute: {
        const count = this.#length(queue, sign === Sign.array);
        if (count === undefined || count === null) return count;
        return this.#begin(sign, count);
      }
      default: {
        const line = this.#line(queue, sign);
        return line === undefined ? undefined : parseLine(sign, line);
      }
    }
  }

  #begin(sign: number, count: number): Reply {
    const missing = sign === Sign.map || sign === Sign.attribute
      ? 2 * count
      : count;
    this.#items += missing;
    if (this.#items > this.#maxItems) {
      refuse(
        `a reply may have at most ${this.#maxItems} items, got ${this.#items}`,
      );
    }
    if (this.#open.length === MAX_DEPTH) {
      refuse(`arrays may be nested at most ${MAX_DEPTH} deep`);
    }
    if (sign === Sign.push && this.#open.length > 0) {
      refuse("a push inside a reply");
    }
    const open = { sign, items: [], missing };
    if (missing > 0) {
      this.#open.push(open);
      return OPENED;
    }
    return close(open);
  }

  /** The string whose size is known, once it is there. */
  #body(queue: ByteQueue): Reply | undefined {
    const size = this.#size;
    if (queue.length < size + 2) return undefined;
    if (queue.at(size) !== CR || queue.at(size + 1) !== LF) {
      refuse("expected CRLF after a string");
    }
    const text = this.#text(queue.peek(size));
    this.#take(queue, size + 2);
    this.#size = -1;
    if (this.#bulk === Sign.bulk) return text;
    if (this.#bulk === Sign.bulkError) return new Failure(text);
    if (text[3] !== ":") refuse("a verbatim string has no format");
    return new Verbatim(text.slice(0, 3), text.slice(4));
  }

  /** A length or a count: null for -1, undefined where its line has not come. */
  #length(queue: ByteQueue, mayBeNull: boolean): number | null | undefined {
    const { length } = queue;
    let value = 0;
    let at = 1;
    for (; at < length; at++) {
      const digit = queue.at(at) - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      if (at > MAX_DIGITS) refuse("a length has too many digits");
      value = value * 10 + digit;
    }
    if (at === 1 && at < length && queue.at(at) === MINUS) {
      if (length < 5) return undefined;
      const isNull = queue.at(2) === ZERO + 1 && queue.at(3) === CR &&
        queue.at(4) === LF;
      if (!isNull || !mayBeNull) refuse("a length is below 0");
      this.#take(queue, 5);
      return null;
    }
    if (at < length && (at === 1 || queue.at(at) !== CR)) {
      refuse("a length is not a number");
    }
    if (at + 1 >= length) return undefined;
    if (queue.at(at + 1) !== LF) refuse("expected CRLF after a length");
    this.#take(queue, at + 2);
    return value;
  }

  /** A line without its sign and its end, once it is there. */
  #line(queue: ByteQueue, sign: number): string | undefined {
    const isText = sign === Sign.status || sign === Sign.error;
    // Before the line has come: garbage has no end.
    if (!isText && !LINE_SIGNS.has(sign)) {
      refuse(`no reply begins with byte ${sign}`);
    }
    const most = isText ? MAX_LINE_BYTES : MAX_NUMBER_BYTES;
    const end = queue.indexOf(LF);
    if (end < 0 ? queue.length > most : end > most) {
      throw new FrameTooLargeError(most, Math.max(end, queue.length), {
        operation: "decode",
      });
    }
    if (end < 0) return undefined;
    if (queue.at(end - 1) !== CR) refuse("expected CRLF after a line");
    const line = this.#text(queue.peek(end - 1).subarray(1));
    this.#refuseMoreThan(end + 1);
    this.#take(queue, end + 1);
    return line;
  }

  #text(bytes: Uint8Array): string {
    return Buffer.prototype.toString.call(bytes, this.#encoding);
  }

  #take(queue: ByteQueue, count: number): void {
    queue.skip(count);
    this.#bytes += count;
  }

  #refuseMoreThan(more: number): void {
    const size = this.#bytes + more;
    if (size > this.#maxReplyBytes) {
      throw new FrameTooLargeError(this.#maxReplyBytes, size, {
        operation: "decode",
      });
    }
  }
}

/** Stands for what is said about a reply and is no part of it. */
const ATTRIBUTE = new Status("attribute");
/** Stands for an array whose items come next. */
const OPENED = new Status("opened");

const LINE_SIGNS: ReadonlySet<number> = new Set([
  Sign.integer,
  Sign.nothing,
  Sign.boolean,
  Sign.double,
  Sign.bigNumber,
]);

/** What has all its items. */
function close({ sign, items }: Open): Reply {
  if (sign === Sign.array) return items;
  if (sign === Sign.push) return new Push(items);
  if (sign === Sign.set) return new Distinct(items);
  if (sign === Sign.attribute) return ATTRIBUTE;
  const entries: [Reply, Reply][] = [];
  for (let i = 0; i < items.length; i += 2) {
    entries.push([items[i], items[i + 1]]);
  }
  return new Pairs(entries);
}

/** A reply that is all on its line. */
function parseLine(sign: number, line: string): Reply {
  switch (sign) {
    case Sign.status:
      return line === "OK" ? OK : new Status(line);
    case Sign.error:
      return new Failure(line);
    case Sign.integer:
      return parseInteger(line);
    case Sign.bigNumber:
      return BigInt(checked(line, /^[+-]?\d+$/));
    case Sign.double:
      return new Double(parseDouble(line));
    case Sign.boolean:
      return checked(line, /^[tf]$/) === "t";
    default:
      checked(line, /^$/);
      return null;
  }
}

function parseInteger(line: string): number | bigint {
  const value = Number(checked(line, /^[+-]?\d{1,19}$/));
  return Number.isSafeInteger(value) ? value : BigInt(line);
}

function parseDouble(line: string): number {
  if (/^-?inf$/i.test(line)) return line[0] === "-" ? -Infinity : Infinity;
  if (/^-?nan$/i.test(line)) return NaN;
  return Number(checked(line, /^[+-]?\d+(\.\d*)?(e[+-]?\d+)?$/i));
}

function checked(line: string, pattern: RegExp): string {
  if (!pattern.test(line)) refuse("a line is not what its first byte says");
  return line;
}

function refuse(why: string): never {
  throw new MalformedFrameError(`Protocol error: ${why}`, {
    operation: "decode",
  });
}
