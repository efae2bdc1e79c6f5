/**
 * Events and errors as they pass from one process to another: without sockets, and short.
 *
 * @module
 */

import { checkInteger, checkObject, checkText, messageOf } from "../_check.ts";
import type { Addr } from "../addr.ts";

/** Most characters of a text that is passed on. */
const MAX_TEXT = 8_192;

/**
 * What is known of an error of another process.
 *
 * @category Workers
 */
export interface PlainError {
  /** Its name. */
  readonly name: string;
  /** Its message. */
  readonly message: string;
  /** Where it was thrown, in that process. */
  readonly stack?: string | undefined;
  /** Its code, if it has one. */
  readonly code?: string | undefined;
}

/**
 * An event of a server, without its socket and with what is left of its error.
 *
 * @category Workers
 */
export interface PlainServerEvent {
  /** The kind of the event: see `ServerEvent`. */
  readonly type: string;
  /** The number of the connection, where it is about one. */
  readonly id?: number | undefined;
  /** The client's address, where it is about one. */
  readonly remoteAddr?: Addr | undefined;
  /** What went wrong. */
  readonly error?: PlainError | undefined;
  /** The other fields of the event: counts and reasons. */
  readonly [field: string]: unknown;
}

function short(text: unknown): string {
  return String(text).slice(0, MAX_TEXT);
}

/** What can be passed on of what was thrown. */
export function plainError(error: unknown): PlainError {
  try {
    if (error instanceof Error) return describe(error);
  } catch {
    // One that throws when it is looked at.
  }
  return { name: "Error", message: short(messageOf(error)) };
}

function describe(error: Error): PlainError {
  const { name, message, stack } = error;
  const code = "code" in error && typeof error.code === "string"
    ? short(error.code)
    : undefined;
  return {
    name: short(name),
    message: short(message),
    stack: stack === undefined ? undefined : short(stack),
    code,
  };
}

/** JSON of another process, which may be anything. */
function parseObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  checkObject(ACTION, "what it sent", value);
  return value as Record<string, unknown>;
}

const ACTION = "read from a worker";

/** An error like the one that was thrown in another process. */
export function parseError(text: string): Error {
  const { name, message, stack, code } = parseObject(text);
  const error = new Error(String(message));
  Object.defineProperty(error, "name", {
    value: String(name),
    writable: true,
    configurable: true,
  });
  if (typeof stack === "string") error.stack = stack;
  if (typeof code === "string") Object.assign(error, { code });
  return error;
}

/** An event of another process. */
export function parseEvent(text: string): PlainServerEvent {
  const event = parseObject(text);
  checkText(ACTION, "type", event.type);
  return event as PlainServerEvent;
}

/** The address of a port that another process has opened; `undefined` for another kind. */
export function parseAddr(text: string): Deno.NetAddr | undefined {
  const { transport, hostname, port } = parseObject(text);
  if (transport !== "tcp") return undefined;
  checkText(ACTION, "hostname", hostname);
  checkInteger(ACTION, "port", port, 1, 65_535);
  return { transport, hostname, port };
}

/** What can be passed on of an event. */
export function plainEvent(event: { readonly type: string }): PlainServerEvent {
  const { socket, error, ...plain } = event as {
    readonly type: string;
    socket?: { remoteAddr: Addr };
    error?: unknown;
  };
  return {
    ...plain,
    ...(socket === undefined ? {} : { remoteAddr: socket.remoteAddr }),
    ...("error" in event ? { error: plainError(error) } : {}),
    // It could make anything of the event, which the supervisor would not take for one.
    toJSON: undefined,
  };
}
