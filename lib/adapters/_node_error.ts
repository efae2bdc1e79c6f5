/**
 * Errors of this library as drivers of Node know them.
 *
 * @module
 */

import {
  BrokenError,
  type BrokenReason,
  SocketError,
  TimeoutError,
  TlsError,
} from "../errors.ts";

/** What Node calls each way to break. */
const CODES: Record<Exclude<BrokenReason, "other">, string> = {
  "reset": "ECONNRESET",
  "broken-pipe": "EPIPE",
  "refused": "ECONNREFUSED",
  "unreachable": "EHOSTUNREACH",
  "dns": "ENOTFOUND",
  "in-use": "EADDRINUSE",
  "not-available": "EADDRNOTAVAIL",
  "not-found": "ENOENT",
  "exhausted": "ENOBUFS",
  "ended": "ECONNRESET",
  "write-cancelled": "ECONNABORTED",
};

/**
 * An error as a `net.Socket` would emit it: with one of Node's codes, and the error of this
 * library as its cause. What is of neither stays as it is.
 *
 * @param syscall What Node says was being done.
 */
export function nodeErrorOf(error: unknown, syscall: string): Error {
  if (!(error instanceof SocketError)) {
    return error instanceof Error
      ? error
      : new Error("The socket was aborted", { cause: error });
  }
  return Object.assign(new Error(error.message, { cause: error }), {
    code: codeOf(error),
    syscall,
  });
}

function codeOf(error: SocketError): string {
  if (error instanceof TimeoutError) return "ETIMEDOUT";
  if (error instanceof BrokenError && error.reason !== "other") {
    return CODES[error.reason];
  }
  const { cause } = error;
  if (cause instanceof Error && "code" in cause) {
    const { code } = cause;
    if (typeof code === "string") return code;
  }
  // This side ended it, by a limit for instance.
  return error instanceof TlsError ? "EPROTO" : "ECONNABORTED";
}
