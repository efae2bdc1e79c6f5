/**
 * What a server says about itself while it runs.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import type { TimeoutError } from "../errors.ts";
import type { Socket } from "../socket/socket.ts";

/** Why a client was turned away. */
export type RejectionReason =
  /** It is in `deny`, or not in `allow`. */
  | "denied"
  /** `maxConnections` was reached, and `onLimit` is `"reject"`. */
  | "max-connections"
  /** `maxConnectionsPerAddress` was reached. */
  | "max-connections-per-address";

/** A client was accepted; its handler starts. */
export interface AcceptedEvent {
  /** Tells the events apart. */
  type: "accepted";
  /** The client's socket. */
  socket: Socket;
}

/** A client was turned away before any handler saw it. */
export interface RejectedEvent {
  /** Tells the events apart. */
  type: "rejected";
  /** Why. */
  reason: RejectionReason;
  /** The client's address. */
  remoteAddr: Addr;
}

/** A TLS handshake is done; the handler starts. */
export interface TlsEvent {
  /** Tells the events apart. */
  type: "tls";
  /** The client's address. */
  remoteAddr: Addr;
  /** The protocol agreed on (ALPN), or `null`. */
  alpnProtocol: string | null;
}

/** A TLS handshake failed, or took too long. */
export interface TlsFailedEvent {
  /** Tells the events apart. */
  type: "tls-failed";
  /** A `TlsError`, `TimeoutError` or `BrokenError`. */
  error: unknown;
  /** The client's address. */
  remoteAddr: Addr;
}

/** A handler threw; its socket was aborted. */
export interface HandlerErrorEvent {
  /** Tells the events apart. */
  type: "error";
  /** What it threw. */
  error: unknown;
  /** The client's socket. */
  socket: Socket;
}

/** A time limit ended a handler; its socket was aborted. */
export interface TimeoutEvent {
  /** Tells the events apart. */
  type: "timeout";
  /** Which limit: see its `operation` and `timeoutMs`. */
  error: TimeoutError;
  /** The client's socket. */
  socket: Socket;
}

/** A connection is over. */
export interface ClosedEvent {
  /** Tells the events apart. */
  type: "closed";
  /** The client's address. */
  remoteAddr: Addr;
  /** Bytes that came. */
  bytesRead: number;
  /** Bytes that went. */
  bytesWritten: number;
  /** From accept to end, in milliseconds. */
  durationMs: number;
}

/** An accept failed; the server goes on. */
export interface AcceptErrorEvent {
  /** Tells the events apart. */
  type: "accept-error";
  /** What failed: the client left early, or descriptors or memory ran out. */
  error: unknown;
  /** Pause before the next accept, in milliseconds. */
  retryMs: number;
}

/** The server stopped accepting and waits for its handlers. */
export interface DrainEvent {
  /** Tells the events apart. */
  type: "drain";
  /** Connections still open. */
  active: number;
}

/** What `onEvent` hears: counts and addresses, never payloads. */
export type ServerEvent =
  | AcceptedEvent
  | RejectedEvent
  | TlsEvent
  | TlsFailedEvent
  | HandlerErrorEvent
  | TimeoutEvent
  | ClosedEvent
  | AcceptErrorEvent
  | DrainEvent;

/** Counters of a server since it began. */
export interface ServerStats {
  /** Connections open now. */
  readonly active: number;
  /** Connections whose handler was started. */
  readonly accepted: number;
  /** Clients turned away. */
  readonly rejected: number;
  /** Handlers that threw. */
  readonly failed: number;
  /** Accepts that failed. */
  readonly acceptErrors: number;
  /** Bytes received on connections that are over. */
  readonly bytesRead: number;
  /** Bytes sent on connections that are over. */
  readonly bytesWritten: number;
}
