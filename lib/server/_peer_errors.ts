/**
 * Which errors of a handler were caused by its peer.
 *
 * A peer that leaves, stalls or sends garbage makes most handlers throw. Printing that
 * would let any peer fill the disk: it is an event and a count. What is left are the
 * handler's own bugs, and the failures of other connections that it made.
 *
 * @module
 */

import { formatAddress } from "../addr.ts";
import {
  BrokenError,
  ClosedError,
  SocketError,
  type SocketErrorCode,
  TlsError,
} from "../errors.ts";
import { halvesOf, type Socket } from "../socket/socket.ts";

/** What a peer can cause. `busy`, `closed` and `permission` are this side's. */
const BY_PEER: ReadonlySet<SocketErrorCode> = new Set<SocketErrorCode>([
  "broken",
  "frame-too-large",
  "limit",
  "malformed-frame",
  "timeout",
  "tls",
  "unexpected-eof",
]);

/** What a peer has no part in: a call of another connection, and a bad frame of ours. */
const OWN_OPERATIONS: ReadonlySet<string | undefined> = new Set([
  "connect",
  "encode",
]);

/** Whether what was thrown cannot be inspected: a Proxy that was revoked. */
export function isOpaque(error: unknown): boolean {
  try {
    Object.getPrototypeOf(Object(error));
    return false;
  } catch {
    return true;
  }
}

/** Whether the peer of `socket` made its handler throw `error`. */
export function isPeerError(error: unknown, socket: Socket): boolean {
  // What `using` makes of two errors, the second of which came while it cleaned up.
  if (error instanceof SuppressedError) {
    return isPeerError(error.error, socket) &&
      isPeerError(error.suppressed, socket);
  }
  // What the platform's own limit rejects with: AbortSignal.timeout().
  if (error instanceof DOMException) return error.name === "TimeoutError";
  if (!(error instanceof SocketError) || !BY_PEER.has(error.code)) return false;
  if (OWN_OPERATIONS.has(error.operation)) return false;
  // The cause is a transport, or what a caller did to an array that the transport needed,
  // and not the network.
  if (error instanceof BrokenError && isBug(error.cause)) return false;
  // This side's certificate, not the peer's.
  if (error instanceof TlsError && error.reason === "bad-configuration") {
    return false;
  }
  return isOf(error, socket);
}

/**
 * Whether it is an error about arguments. An error of the system about an invalid value has
 * a code.
 */
function isBug(cause: unknown): boolean {
  return !isOpaque(cause) &&
    (cause instanceof TypeError || cause instanceof RangeError) &&
    !Object.hasOwn(cause, "code");
}

/** Whether `error` says that this side, the server say, has closed `socket`. */
export function isClosedError(error: unknown, socket: Socket): boolean {
  return error instanceof ClosedError && isOf(error, socket);
}

/**
 * Decoders and limits of calls know no address. Another connection that the handler
 * made, to a database say, has an address of its own.
 */
function isOf({ remoteAddr }: SocketError, socket: Socket): boolean {
  if (remoteAddr === undefined) return true;
  const own = halvesOf(socket).addresses().remoteAddr;
  // A transport of the user's may not say it any more.
  if (own === undefined || own === remoteAddr) return true;
  try {
    return formatAddress(remoteAddr) === formatAddress(own);
  } catch {
    return false;
  }
}
