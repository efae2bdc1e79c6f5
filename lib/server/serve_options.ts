/**
 * What a server may be told, and what its handlers get.
 *
 * @module
 */

import {
  checkNumber,
  checkSocketOptions,
  type SocketOptions,
} from "../socket/options.ts";
import type { Socket } from "../socket/socket.ts";
import type { BindOptions } from "../transport/options.ts";
import type { AdmissionOptions } from "./_admission.ts";
import type { ServerEvent } from "./events.ts";

/** Where to serve, within which limits, and who hears of what. */
export type ServeOptions = BindOptions & SocketOptions & AdmissionOptions & {
  /**
   * Most bytes that all connections may buffer together, read and not consumed or
   * written and not sent; those that hold the most are aborted. Looked at twice a
   * second. 1 GiB by default.
   */
  maxBufferedBytes?: number;
  /**
   * Drains at SIGINT and SIGTERM (on Windows at Ctrl-C and Ctrl-Break); a second
   * signal cuts what is left. The process ends when nothing else keeps it. Not by
   * default.
   */
  drainOnSignals?: boolean;
  /** Longest that a TLS handshake may take, in milliseconds. 10,000 by default. */
  handshakeTimeoutMs?: number;
  /** Longest that a drain waits for handlers, in milliseconds. 15,000 by default. */
  shutdownTimeoutMs?: number;
  /** Drains the server when it aborts. None by default. */
  signal?: AbortSignal;
  /**
   * Hears what a handler threw. By default it is printed with `console.error`,
   * unless the client just went away.
   */
  onError?: (error: unknown, socket: Socket) => void;
  /** Hears what happens; see {@linkcode ServerEvent}. None by default. */
  onEvent?: (event: ServerEvent) => void;
};

/** What a handler gets beside the socket. */
export interface ServeContext {
  /** Aborts when the server starts to drain: finish what is under way. */
  readonly signal: AbortSignal;
}

/** What a drain came to. */
export interface ShutdownReport {
  /** Connections whose handlers finished by themselves. */
  readonly completed: number;
  /** Connections that were cut at the deadline. */
  readonly aborted: number;
}

/** Takes care of one client. */
export type Handler = (
  socket: Socket,
  context: ServeContext,
) => void | Promise<void>;

/** Throws if an option is of the wrong type or out of range, naming it. */
export function checkServeOptions(
  options: ServeOptions,
  handler: Handler,
): void {
  checkSocketOptions("serve", options);
  const { maxConnections, maxConnectionsPerAddress } = options;
  const { handshakeTimeoutMs, shutdownTimeoutMs, onLimit } = options;
  const { maxBufferedBytes } = options;
  const numbers = {
    maxConnections,
    maxConnectionsPerAddress,
    maxBufferedBytes,
    handshakeTimeoutMs,
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined) checkNumber("serve", name, value, 1);
  }
  if (shutdownTimeoutMs !== undefined) {
    checkNumber("serve", "shutdownTimeoutMs", shutdownTimeoutMs, 0);
  }
  if (onLimit !== undefined && onLimit !== "wait" && onLimit !== "reject") {
    throw new TypeError(
      `Cannot serve as onLimit must be "wait" or "reject": current value is ${onLimit}`,
    );
  }
  const { onError, onEvent } = options;
  for (const [name, value] of Object.entries({ onError, onEvent })) {
    if (value !== undefined) checkFunction(name, value);
  }
  checkFunction("the handler", handler);
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(
    `Cannot serve as ${name} must be a function: current value is ${value}`,
  );
}
