/**
 * Events and counters of a server.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import type { TimeoutError } from "../errors.ts";
import type { Socket } from "../socket/socket.ts";

/**
 * Why a client was turned away.
 *
 * @category Servers
 */
export type RejectionReason =
  /** It is in `deny`, or not in `allow`. */
  | "denied"
  /** The server is behind proxies (`proxyProtocol`), and it is none of them. */
  | "untrusted"
  /** `maxConnections` was reached, and `onLimit` is `"reject"`. */
  | "max-connections"
  /** `maxConnectionsPerAddress` was reached. */
  | "max-connections-per-address";

/**
 * A client was accepted; its handler starts.
 *
 * @category Servers
 */
export interface AcceptedEvent {
  /** The kind of the event. */
  type: "accepted";
  /** The number of the connection: `context.id` of its handler. */
  id: number;
  /** The client's socket. */
  socket: Socket;
}

/**
 * A client was turned away; no handler started.
 *
 * @category Servers
 */
export interface RejectedEvent {
  /** The kind of the event. */
  type: "rejected";
  /** Why. */
  reason: RejectionReason;
  /** The client's address. */
  remoteAddr: Addr;
}

/**
 * A TLS handshake is done: the handler starts, or the socket can be accepted.
 *
 * @category Servers
 */
export interface TlsEvent {
  /** The kind of the event. */
  type: "tls";
  /** The client's address. */
  remoteAddr: Addr;
  /** The protocol agreed on (ALPN), or `null`. */
  alpnProtocol: string | null;
}

/**
 * A TLS handshake failed, took too long, or was cut by a shutdown.
 *
 * @category Servers
 */
export interface TlsFailedEvent {
  /** The kind of the event. */
  type: "tls-failed";
  /** A `TlsError`, `TimeoutError`, `BrokenError` or `ClosedError`. */
  error: unknown;
  /** The client's address. */
  remoteAddr: Addr;
}

/**
 * A trusted proxy sent no good PROXY header, or none in time.
 *
 * @category Servers
 */
export interface ProxyFailedEvent {
  /** The kind of the event. */
  type: "proxy-failed";
  /**
   * A `MalformedFrameError`, `FrameTooLargeError`, `UnexpectedEofError`, `TimeoutError`,
   * `BrokenError`, or `ClosedError` where a shutdown cut it.
   */
  error: unknown;
  /** The proxy's address. */
  remoteAddr: Addr;
}

/**
 * A handler threw; its socket was aborted.
 *
 * @category Servers
 */
export interface HandlerErrorEvent {
  /** The kind of the event. */
  type: "error";
  /** The number of the connection: `context.id` of its handler. */
  id: number;
  /** What it threw. */
  error: unknown;
  /**
   * Whether the peer made it throw: by leaving, being too slow, or sending what it
   * should not. If not, it is a bug, another connection of the handler's, or the server
   * that shuts down.
   */
  byPeer: boolean;
  /** The client's socket. */
  socket: Socket;
}

/**
 * A time limit ended a handler; its socket was aborted.
 *
 * @category Servers
 */
export interface TimeoutEvent {
  /** The kind of the event. */
  type: "timeout";
  /** The number of the connection: `context.id` of its handler. */
  id: number;
  /** Which limit: see its `operation` and `timeoutMs`. */
  error: TimeoutError;
  /** The client's socket. */
  socket: Socket;
}

/**
 * A connection is over.
 *
 * @category Servers
 */
export interface ClosedEvent {
  /** The kind of the event. */
  type: "closed";
  /** The number of the connection: `context.id` of its handler. */
  id: number;
  /** The client's address. */
  remoteAddr: Addr;
  /** Bytes received. */
  bytesRead: number;
  /** Bytes sent. */
  bytesWritten: number;
  /** From accept to end, in milliseconds. */
  durationMs: number;
}

/**
 * An accept failed; the server, or listener, goes on.
 *
 * @category Servers
 */
export interface AcceptErrorEvent {
  /** The kind of the event. */
  type: "accept-error";
  /** What failed: the client left early, descriptors or memory ran out, or an acceptor. */
  error: unknown;
  /** Pause before the next accept, in milliseconds. */
  retryMs: number;
}

/**
 * The listener could not be closed properly, for instance as the folder of its Unix
 * socket is gone: its address may still be taken.
 *
 * @category Servers
 */
export interface CloseErrorEvent {
  /** The kind of the event. */
  type: "close-error";
  /** What failed. */
  error: unknown;
}

/**
 * The server has begun to shut down; this is what it waits for.
 *
 * @category Servers
 */
export interface DrainEvent {
  /** The kind of the event. */
  type: "drain";
  /** Connections with a handler, or with a close under way. */
  active: number;
  /** Of these, those whose handler has returned. */
  closing: number;
  /** Connections in their PROXY header or TLS handshake, which are cut now. */
  handshakes: number;
}

/**
 * What the `onEvent` of `listen` is called with: addresses, never payloads.
 *
 * @category Servers
 */
export type ListenerEvent =
  | TlsEvent
  | TlsFailedEvent
  | AcceptErrorEvent
  | CloseErrorEvent;

/**
 * What the `onEvent` of `serve` is called with: counts and addresses, never payloads.
 *
 * @category Servers
 */
export type ServerEvent =
  | ListenerEvent
  | AcceptedEvent
  | RejectedEvent
  | ProxyFailedEvent
  | HandlerErrorEvent
  | TimeoutEvent
  | ClosedEvent
  | DrainEvent;

/**
 * Counters of a server since it began. While it drains they say what it waits for.
 *
 * @category Servers
 */
export interface ServerStats {
  /** Connections open now, with a handler or with a close under way. */
  readonly active: number;
  /** Of these, those whose handler has returned: what it wrote is being sent. */
  readonly closing: number;
  /** Connections in their PROXY header or TLS handshake now. */
  readonly handshakes: number;
  /** Connections whose PROXY header and handshake, if any, were done. */
  readonly accepted: number;
  /** Clients turned away, or whose PROXY header, handshake or transport failed. */
  readonly rejected: number;
  /** Handlers that threw. */
  readonly failed: number;
  /**
   * Of these, those whose peer was the cause: it left, was too slow, or sent what it
   * should not. The others are bugs, other connections of the handlers', or a shutdown.
   */
  readonly failedByPeer: number;
  /** Accepts that failed. */
  readonly acceptErrors: number;
  /** Bytes received on all connections, those that are open included. */
  readonly bytesRead: number;
  /** Bytes sent on all connections, those that are open included. */
  readonly bytesWritten: number;
}
