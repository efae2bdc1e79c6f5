/**
 * Replies as the values that a program works with, and values as the words of a command.
 *
 * @module
 */

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

/** An error that the server replied with. */
export class RedisError extends Error {
  static {
    this.prototype.name = "RedisError";
  }
  /** Its first word, such as `ERR`, `WRONGTYPE` or `NOAUTH`. */
  readonly code: string;

  /** @param text What the server said: it may be anything. */
  constructor(text: string) {
    super(text);
    this.code = /^[A-Z]+(?= |$)/.exec(text)?.[0] ?? "ERR";
  }
}

/** What a reply comes to. An error within an array, as `EXEC` gives, is a value there. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | RedisError
  | Value[]
  | Map<Value, Value>
  | Set<Value>;

/** What a word of a command may be; a string goes out as UTF-8. */
export type Argument = string | number | bigint | Uint8Array;

/**
 * The value of a reply.
 *
 * @throws {RedisError} The reply is an error.
 */
export function valueOf(reply: Reply): Value {
  // Nearly always.
  if (typeof reply === "string") return reply;
  if (reply instanceof Failure) throw new RedisError(reply.text);
  return innerValueOf(reply);
}

function innerValueOf(reply: Reply): Value {
  if (
    reply === null || typeof reply === "string" || typeof reply === "number" ||
    typeof reply === "bigint" || typeof reply === "boolean"
  ) return reply;
  if (reply === NOTHING) return null;
  if (Array.isArray(reply)) return reply.map(innerValueOf);
  if (reply instanceof Status || reply instanceof Verbatim) return reply.text;
  if (reply instanceof Failure) return new RedisError(reply.text);
  if (reply instanceof Double) return reply.value;
  if (reply instanceof Push) return reply.items.map(innerValueOf);
  if (reply instanceof Distinct) return new Set(reply.items.map(innerValueOf));
  if (reply instanceof Pairs) {
    return new Map(
      reply.entries.map((
        [key, value],
      ) => [innerValueOf(key), innerValueOf(value)]),
    );
  }
  throw new TypeError("Cannot read a reply: only a server makes this kind");
}

/** The text of a short word is looked at by a loop: a regular expression takes longer. */
const SHORT_WORD = 32;
// deno-lint-ignore no-control-regex -- What is not ASCII.
const BEYOND_ASCII = /[^\x00-\x7f]/;

/**
 * A word of a command, a character for each byte.
 *
 * @throws {TypeError} It is none.
 */
export function wordOf(argument: Argument): string {
  if (typeof argument === "string") {
    return isAscii(argument)
      ? argument
      : Buffer.from(argument, "utf8").toString("latin1");
  }
  if (typeof argument === "number" || typeof argument === "bigint") {
    return String(argument);
  }
  if (argument instanceof Uint8Array) {
    const { buffer, byteOffset, length } = argument;
    return Buffer.from(buffer, byteOffset, length).toString("latin1");
  }
  throw new TypeError(
    `Cannot send a command: each argument must be a string, a number or bytes, got ${typeof argument}`,
  );
}

function isAscii(text: string): boolean {
  if (text.length > SHORT_WORD) return !BEYOND_ASCII.test(text);
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return false;
  }
  return true;
}
