/**
 * How a check ends: with a value, or with a reason in a few words.
 *
 * @module
 */

import {
  BrokenError,
  type BrokenReason,
  FrameTooLargeError,
  SocketError,
  TimeoutError,
  TlsError,
  UnexpectedEofError,
} from "@sluice/net";

/** What a check found. */
export interface Outcome {
  /** Whether all is well. */
  ok: boolean;
  /** What was measured; `null` if it came to nothing. */
  value: number | null;
  /** What is wrong, or what else is worth knowing; may be empty. */
  detail: string;
}

/** Something answers, but not as it must; the message is the reason. */
export class CheckFailed extends Error {
  static {
    this.prototype.name = "CheckFailed";
  }
}

const BROKEN: Partial<Record<BrokenReason, string>> = {
  "reset": "reset the connection",
  "broken-pipe": "hung up",
  "refused": "refused: nothing listens there",
  "unreachable": "unreachable",
  "dns": "the name has no address",
  "not-found": "the path does not exist",
  "exhausted": "its backlog is full",
};

/**
 * The reason in a few words, for a table.
 *
 * @returns Undefined if the error is not the target's but ours.
 */
export function reasonOf(error: unknown): string | undefined {
  if (error instanceof CheckFailed) return error.message;
  if (error instanceof TimeoutError) {
    return `not within ${Math.round(error.timeoutMs)} ms`;
  }
  if (error instanceof BrokenError) {
    return BROKEN[error.reason] ?? error.message;
  }
  if (error instanceof TlsError) {
    return `TLS: ${error.reason.replaceAll("-", " ")}`;
  }
  if (error instanceof UnexpectedEofError) {
    return `ended after ${error.received} bytes`;
  }
  if (error instanceof FrameTooLargeError) {
    return `not within ${error.limit} bytes`;
  }
  return error instanceof SocketError ? error.message : undefined;
}
