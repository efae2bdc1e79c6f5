/**
 * Which errors mean that a connection was lost, so that another one may do better.
 *
 * @module
 */

import { isA } from "../_check.ts";
import {
  AbortError,
  BrokenError,
  type BrokenReason,
  BusyError,
  ClosedError,
  CodecError,
  PermissionError,
  ProxyError,
  SocketError,
  type SocketErrorOptions,
  TlsError,
  type TlsReason,
} from "../errors.ts";
import { halvesOf, isSocket } from "../socket/socket.ts";
import { translateError } from "../transport/translate_error.ts";

/** TLS failed because the connection did, not because of a certificate. */
const LOST_TLS: ReadonlySet<TlsReason> = new Set<TlsReason>([
  "closed-in-handshake",
  "truncated",
  "other",
]);

/** Reasons that mean the network, in an error of the runtime or of a driver for Node. */
const OF_NETWORK: ReadonlySet<BrokenReason> = new Set<BrokenReason>([
  "reset",
  "broken-pipe",
  "refused",
  "unreachable",
  "dns",
]);

/** Wrappers within wrappers are looked through so far. */
const MAX_CAUSES = 8;

/**
 * Whether an error is one of a connection that failed: it broke, was too slow, or made no
 * sense. Of other errors, and of what a signal has ended, the cause is looked at. An error
 * that takes another program, another certificate or another permission is none.
 *
 * @param hasEnded Whether the connection has ended: else a `ClosedError` is about
 * something different.
 */
export function isLoss(error: unknown, hasEnded: boolean): boolean {
  try {
    return isLossOrCause(error, hasEnded);
  } catch {
    // What is thrown by code of the user's may throw when it is looked at.
    return false;
  }
}

function isLossOrCause(error: unknown, hasEnded: boolean): boolean {
  let each = error;
  for (let i = 0; i < MAX_CAUSES; i++) {
    if (isA(each, SocketError) && !isA(each, AbortError)) {
      return isLossOfSocket(each, hasEnded);
    }
    if (!isA(each, Error)) return false;
    // Also that of `AbortSignal.timeout()`.
    if (each.name === "TimeoutError") return true;
    const known = translateError(each, { operation: "connect" });
    if (known instanceof BrokenError) return OF_NETWORK.has(known.reason);
    each = each.cause;
  }
  return false;
}

function isLossOfSocket(error: SocketError, hasEnded: boolean): boolean {
  if (error instanceof TlsError) return LOST_TLS.has(error.reason);
  if (error instanceof ProxyError) return error.reason === "closed";
  if (error instanceof ClosedError) return hasEnded;
  return !(error instanceof PermissionError || error instanceof BusyError ||
    error instanceof CodecError);
}

/** Whether a connection has ended, where that can be known. */
export function hasEnded(connection: unknown): boolean {
  return isSocket(connection) && !halvesOf(connection).isOpen;
}

/**
 * Why a connection was lost, where its peer ended it or it broke; undefined where it goes
 * on, where this side closed it, and where nothing is known.
 */
export function lossOf(connection: unknown): unknown {
  if (!isSocket(connection)) return undefined;
  const halves = halvesOf(connection);
  if (halves.readLoop.endedFirst) {
    return endedError("the peer ended the stream", halves.addresses());
  }
  if (halves.isOpen) return undefined;
  const { signal } = connection;
  const isOwn = !signal.aborted || isA(signal.reason, ClosedError);
  return isOwn ? undefined : signal.reason;
}

/** An error for a connection that has ended without one. */
export function endedError(
  why: string,
  options?: SocketErrorOptions,
): BrokenError {
  const text = `Cannot go on with the session: ${why}`;
  return new BrokenError("ended", text, options);
}
