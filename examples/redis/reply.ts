/**
 * Replies: what a Redis server says, and how that goes over the wire in RESP 2 and 3.
 *
 * @module
 */

import { ByteWriter } from "@sluice/net";
import { writeLatin1 } from "./latin1.ts";

/** The two versions of the protocol; the second has types of its own for more things. */
export type Protocol = 2 | 3;

/** A simple string, such as `OK`. */
export class Status {
  constructor(readonly text: string) {}
}

/** An error, such as `ERR unknown command`. */
export class Failure {
  constructor(readonly text: string) {}
}

/** Several replies to one command, as `SUBSCRIBE` gives. Only a server says this. */
export class Several {
  constructor(readonly replies: Reply[]) {}
}

/** Encoded already: bytes, or text of a byte for each character. Only a server says this. */
export class Raw<Data extends string | Uint8Array = string | Uint8Array> {
  constructor(readonly data: Data) {}
}

/** Keys with their values, in order; in RESP 2 an array of both in turn. */
export class Pairs {
  constructor(readonly entries: (readonly [Reply, Reply])[]) {}
}

/** Items of which none is there twice; in RESP 2 an array. */
export class Distinct {
  constructor(readonly items: Reply[]) {}
}

/** What no command asked for, such as a message; in RESP 2 an array. */
export class Push {
  constructor(readonly items: Reply[]) {}
}

/** A number that need not be whole; in RESP 2 a bulk string. */
export class Double {
  constructor(readonly value: number) {}
}

/** Text with its format, `txt` or `mkd`; in RESP 2 a bulk string. */
export class Verbatim {
  constructor(readonly format: string, readonly text: string) {}
}

/** The type of {@linkcode NOTHING}. */
class Nothing {}

/**
 * That there is nothing. Of a server it is what `EXEC` says in RESP 2 where there is no
 * array; of a decoder it is a whole reply, as that cannot be `null`.
 */
export const NOTHING: Nothing = new Nothing();

/** What a command comes to. A string is a bulk string, a number an integer. */
export type Reply =
  | string
  | number
  | bigint
  | boolean
  | null
  | Status
  | Failure
  | Several
  | Raw
  | Pairs
  | Distinct
  | Push
  | Double
  | Verbatim
  | Nothing
  | Reply[];

/** About what a reply takes beside its text. */
const HEADER_BYTES = 16;

/** A reply in bytes. */
export function encodeReply(reply: Reply, protocol: Protocol = 2): Uint8Array {
  const out = new ByteWriter();
  writeReply(reply, protocol, out);
  return out.toBytes();
}

/** About how many bytes a reply takes. */
export function sizeOf(reply: Reply): number {
  if (typeof reply === "string") return reply.length + HEADER_BYTES;
  if (Array.isArray(reply)) return sizeOfAll(reply);
  if (reply instanceof Raw) return reply.data.length;
  if (reply instanceof Several) return sizeOfAll(reply.replies);
  if (reply instanceof Pairs) return sizeOfAll(reply.entries.flat());
  if (reply instanceof Push || reply instanceof Distinct) {
    return sizeOfAll(reply.items);
  }
  if (
    reply instanceof Failure || reply instanceof Status ||
    reply instanceof Verbatim
  ) return reply.text.length + HEADER_BYTES;
  return HEADER_BYTES;
}

function sizeOfAll(replies: readonly Reply[]): number {
  let size = HEADER_BYTES;
  for (const each of replies) size += sizeOf(each);
  return size;
}

/** How many replies there are in a reply, itself included. */
export function countOf(reply: Reply): number {
  if (!Array.isArray(reply)) return 1;
  let count = 1;
  for (const each of reply) count += countOf(each);
  return count;
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

/** Writes a reply; strings go out as they came in, a byte for each character. */
export function writeReply(
  reply: Reply,
  protocol: Protocol,
  out: ByteWriter,
): void {
  if (typeof reply === "string") {
    writeLatin1(`$${reply.length}\r\n`, out);
    writeLatin1(reply, out);
    writeLatin1("\r\n", out);
  } else if (typeof reply === "number") writeLatin1(`:${reply}\r\n`, out);
  else if (reply === null) {
    writeLatin1(protocol === 3 ? "_\r\n" : "$-1\r\n", out);
  } else if (reply instanceof Status) writeLatin1(`+${reply.text}\r\n`, out);
  else if (Array.isArray(reply)) writeAll("*", reply, protocol, out);
  else if (reply instanceof Raw) {
    if (typeof reply.data === "string") writeLatin1(reply.data, out);
    else out.write(reply.data);
  } else if (reply instanceof Failure) {
    // A line of plain ASCII: what a client sent and is quoted here must not end it, nor
    // move the cursor of its terminal.
    const text = reply.text.replaceAll(/[\r\n]/g, " ");
    writeLatin1(`-${text.replaceAll(/[^ -~]/g, "?")}\r\n`, out);
  } else if (reply instanceof Several) {
    for (const each of reply.replies) writeReply(each, protocol, out);
  } else if (protocol === 3) writeThird(reply, out);
  else writeReply(inSecond(reply), protocol, out);
}

/** What only RESP 3 has. */
type Third = bigint | boolean | Pairs | Distinct | Push | Double | Verbatim;

function writeThird(reply: Third | Nothing, out: ByteWriter): void {
  if (reply instanceof Push) writeAll(">", reply.items, 3, out);
  else if (reply instanceof Distinct) writeAll("~", reply.items, 3, out);
  else if (reply instanceof Pairs) {
    writeLatin1(`%${reply.entries.length}\r\n`, out);
    for (const each of reply.entries.flat()) writeReply(each, 3, out);
  } else if (reply instanceof Double) {
    writeLatin1(`,${doubleText(reply.value)}\r\n`, out);
  } else if (reply instanceof Verbatim) {
    const { format, text } = reply;
    writeLatin1(`=${text.length + 4}\r\n${format}:${text}\r\n`, out);
  } else if (typeof reply === "bigint") writeLatin1(`(${reply}\r\n`, out);
  else if (typeof reply === "boolean") {
    writeLatin1(reply ? "#t\r\n" : "#f\r\n", out);
  } else writeLatin1("_\r\n", out);
}

/** The same in words of RESP 2. */
function inSecond(reply: Third | Nothing): Reply {
  if (reply instanceof Push || reply instanceof Distinct) return reply.items;
  if (reply instanceof Pairs) return reply.entries.flat();
  if (reply instanceof Double) return doubleText(reply.value);
  if (reply instanceof Verbatim) return reply.text;
  if (typeof reply === "bigint") return String(reply);
  if (typeof reply === "boolean") return reply ? 1 : 0;
  return new Raw("*-1\r\n");
}

function doubleText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "inf" : "-inf";
}

function writeAll(
  sign: string,
  replies: readonly Reply[],
  protocol: Protocol,
  out: ByteWriter,
): void {
  writeLatin1(`${sign}${replies.length}\r\n`, out);
  for (const each of replies) writeReply(each, protocol, out);
}
