/**
 * Options of a server, and what its handlers get.
 *
 * @module
 */

import type { SocketOptions } from "../socket/options.ts";
import type { Socket } from "../socket/socket.ts";
import type { Deadline } from "../time/deadline.ts";
import type { BindOptions } from "../transport/options.ts";
import type { AdmissionOptions } from "./_admission.ts";
import type { HandshakeOptions } from "./_handshake.ts";
import type { ProxyProtocolOptions } from "./_proxy_gate.ts";
import type { ServerEvent } from "./events.ts";

/**
 * Limits of a server, how it ends, and its hooks.
 *
 * @category Servers
 */
export type ServerOptions =
  & SocketOptions
  & AdmissionOptions
  & HandshakeOptions
  & {
    /**
     * Most bytes that all connections may buffer together, read and not consumed or
     * written and not sent; those that hold the most are aborted. Looked at twice a
     * second.
     *
     * @default {1_073_741_824}
     */
    maxBufferedBytes?: number | undefined;
    /**
     * Age at which a connection is asked to end, in milliseconds, above 0; up to a tenth
     * less, at random, so that those of one moment do not end together. `context.signal`
     * aborts and a framing ends between two frames, as when the server shuts down. For
     * connections that would otherwise outlive a certificate, or the place that a
     * balancer has given them.
     *
     * @default {Infinity}
     */
    maxConnectionAgeMs?: number | undefined;
    /**
     * How long after that a connection is cut that goes on all the same, in milliseconds,
     * above 0.
     *
     * @default {15_000}
     */
    maxConnectionAgeGraceMs?: number | undefined;
    /**
     * Puts the server behind proxies: each connection from one of them begins with a
     * header that says where the client is (PROXY protocol, versions 1 and 2). The socket's
     * `remoteAddr` is then the client's address, and so are those that `allow`, `deny` and
     * `maxConnectionsPerAddress` go by; `socket.proxy` has the rest. With `tls` the header
     * comes first, and TLS runs on `node:tls`. None by default.
     */
    proxyProtocol?: ProxyProtocolOptions | undefined;
    /**
     * Shuts down at SIGINT and SIGTERM (on Windows at Ctrl-C and Ctrl-Break); a second
     * signal cuts what is left. The process ends when nothing else keeps it.
     *
     * @default {false}
     */
    drainOnSignals?: boolean | undefined;
    /**
     * Longest that a shutdown waits for handlers, in milliseconds; 0 for no time at
     * all.
     *
     * @default {15_000}
     */
    shutdownTimeoutMs?: number | undefined;
    /**
     * Shuts the server down when it aborts. None by default.
     */
    signal?: AbortSignal | undefined;
    /**
     * Is called with what a handler threw. Without it, the handler's bugs, and the
     * failures of other connections that it made, are printed with `console.error`. What
     * a peer did is not: it is an event (`byPeer`) and a count (`failedByPeer`).
     */
    onError?: ((error: unknown, socket: Socket) => unknown) | undefined;
    /**
     * Is called with what happens; see {@linkcode ServerEvent}. What it throws is
     * printed. A hook that ends the socket of an `accepted` event turns the client away:
     * its handler does not run. None by default.
     */
    onEvent?: ((event: ServerEvent) => unknown) | undefined;
    /**
     * Tells OpenTelemetry of the server, through the global API that Deno registers with
     * `OTEL_DENO=true`, or an SDK before this call: counters, how long connections last, and
     * one span for each connection, which is the parent of those that its handler starts.
     * Without that API nothing is measured.
     *
     * @default {false}
     */
    telemetry?: boolean | undefined;
  };

/**
 * Where to serve, within which limits, and with which hooks.
 *
 * @category Servers
 */
export type ServeOptions = BindOptions & ServerOptions;

/**
 * What a handler gets beside the socket.
 *
 * @category Servers
 */
export interface ServeContext {
  /** The number of the connection, which its events have too. */
  readonly id: number;
  /**
   * Aborts when the server starts to shut down, or the connection has reached its age:
   * finish what is under way.
   */
  readonly signal: AbortSignal;
}

/**
 * A connection that is open.
 *
 * @category Servers
 */
export interface ServerConnection {
  /** Its number: no other of the server has it, or will. */
  readonly id: number;
  /** Its socket; `abort` ends it. */
  readonly socket: Socket;
  /** When its handler started, in milliseconds since 1970. */
  readonly since: number;
}

/**
 * How long a shutdown may take. Several may be given: the first to end cuts.
 *
 * @category Servers
 */
export interface ShutdownOptions {
  /**
   * Longest to wait for handlers, in milliseconds; 0 cuts at once. By default
   * `shutdownTimeoutMs` of the server, or none where there is a `deadline`.
   */
  timeoutMs?: number | undefined;
  /** Cuts when it expires. None by default. */
  deadline?: Deadline | undefined;
  /** Cuts when it aborts; at once where it has. None by default. */
  signal?: AbortSignal | undefined;
}

/**
 * The result of a shutdown: the connections that were open when it began.
 *
 * @category Servers
 */
export interface ShutdownReport {
  /** Connections that ended by themselves: the handler returned, or threw. */
  readonly completed: number;
  /** Connections that were cut while there was something left to do. */
  readonly aborted: number;
  /** Connections that were cut in a TLS handshake: the listener's, or a handler's own. */
  readonly handshakes: number;
}

/**
 * Handles one client. What it returns is awaited, and otherwise ignored.
 *
 * @category Servers
 */
export type Handler = (socket: Socket, context: ServeContext) => unknown;
