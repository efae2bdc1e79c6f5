/**
 * Clients: one call from options to a connected socket.
 *
 * @module
 */

import { BrokenError, TimeoutError } from "../errors.ts";
import { checkCall, watchCall } from "../time/call_limits.ts";
import { retry, type RetryOptions } from "../time/retry.ts";
import { dial } from "../transport/dial.ts";
import type { DialOptions, Transport } from "../transport/options.ts";
import { checkSocketOptions, type SocketOptions } from "./options.ts";
import { Socket } from "./socket.ts";

/** Whom to connect to, within which time, and how the socket is made. */
export type ConnectOptions = DialOptions & SocketOptions & {
  /**
   * Longest that DNS, the connection and the TLS handshake may take together, in
   * milliseconds. 10,000 by default; each attempt of `retry` has as long.
   */
  timeoutMs?: number;
  /** Cancels the attempt, and those that `retry` would make. None by default. */
  signal?: AbortSignal;
  /**
   * Tries again, with growing pauses, while the error is worth it: refused, reset,
   * unreachable, timed out. Never after a bad certificate or a denied permission.
   * One attempt by default.
   */
  retry?: RetryOptions;
};

/**
 * Connects to a server.
 *
 * Cancellation: safe. When `signal` aborts or the time is over, nothing is left
 * behind, on every transport.
 *
 * @param options Whom to connect to. `hostname` is `127.0.0.1` by default.
 * @returns A socket that is ready to read and write.
 * @throws {BrokenError} Refused, unreachable, no such name; see `reason`.
 * @throws {TimeoutError} `timeoutMs` passed.
 * @throws {TlsError} The handshake failed; see `reason`.
 * @throws {PermissionError} Deno denies it; the message says which flag is missing.
 * @throws {TypeError} An option is of the wrong type.
 * @throws {RangeError} An option is out of range.
 *
 * @example
 * ```ts
 * import { connect, serve } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0 }, (socket) => socket.write("welcome\n"));
 * const { port } = server.addr as Deno.NetAddr;
 *
 * await using socket = await connect({ port, timeoutMs: 1_000 });
 * assertEquals(await socket.readLine(), "welcome");
 * ```
 */
export async function connect(options: ConnectOptions): Promise<Socket> {
  checkSocketOptions("connect", options);
  const { signal, timeoutMs = 10_000 } = options;
  checkCall("connect", { signal, timeoutMs });
  const attempt = async () =>
    new Socket(await dialWithin(options, signal, timeoutMs), options);
  if (options.retry === undefined) return await attempt();
  return await retry(attempt, {
    retryIf: isWorthRetrying,
    signal,
    ...options.retry,
  });
}

/** One attempt; its own controller ends it, whatever it is waiting for. */
async function dialWithin(
  options: DialOptions,
  signal: AbortSignal | undefined,
  timeoutMs: number,
): Promise<Transport> {
  const controller = new AbortController();
  const unwatch = watchCall(
    "connect",
    { signal, timeoutMs },
    (reason) => controller.abort(reason),
  );
  try {
    return await dial(options, { signal: controller.signal });
  } finally {
    unwatch();
  }
}

/** A server that is starting, or a network that hiccups; nothing else changes by itself. */
function isWorthRetrying(error: unknown): boolean {
  if (error instanceof TimeoutError) return true;
  return error instanceof BrokenError &&
    (error.reason === "refused" || error.reason === "reset" ||
      error.reason === "unreachable" || error.reason === "not-found" ||
      error.reason === "exhausted");
}
