/**
 * For clients that run for long: connections that are used again, sessions that run again
 * on a new one, and requests that share one.
 *
 * @example A pool of connections
 * ```ts
 * import { connect, serve } from "@sluice/net";
 * import { Pool } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0 }, async (socket) => {
 *   await socket.write(`${await socket.readLine()}\n`);
 * });
 * await using pool = new Pool({
 *   open: (options) => connect({ port: server.addr.port, ...options }),
 * });
 * const echo = await pool.use(async (socket) => {
 *   await socket.write("hello\n");
 *   return await socket.readLine();
 * });
 * assertEquals(echo, "hello");
 * ```
 *
 * @module
 */

export { heartbeat } from "./heartbeat.ts";
export { Lease } from "./lease.ts";
export { Pool } from "./pool.ts";
export type {
  PoolOpenOptions,
  PoolOptions,
  PoolStats,
  PoolUseOptions,
} from "./pool_options.ts";
export { reconnect, ReconnectingSession } from "./reconnect.ts";
export type {
  ConnectedEvent,
  ConnectFailedEvent,
  ConnectingEvent,
  EndedEvent,
  LostEvent,
  ReconnectAnyOptions,
  ReconnectConnectOptions,
  ReconnectEvent,
  ReconnectOpenOptions,
  ReconnectOutcome,
  ReconnectRetryOptions,
  ReconnectRules,
  ReconnectState,
  Session,
  SessionContext,
  WaitingEvent,
} from "./reconnect_options.ts";

export type { HeartbeatOptions } from "../framed/heartbeat.ts";

export { Requests } from "./requests.ts";
export type {
  RequestIds,
  RequestsOptions,
  RequestsStats,
  RequestStreamOptions,
} from "./requests_options.ts";

export { viaProxy, type ViaProxyOptions } from "./via_proxy.ts";

// The limits of a call, and the errors.
export type { CallOptions } from "../time/call_limits.ts";
export { Deadline, type DeadlineOptions } from "../time/deadline.ts";
export type { Addr, MemoryAddr, StreamAddr } from "../addr.ts";
export {
  AbortError,
  BrokenError,
  BusyError,
  ClosedError,
  LimitError,
  MalformedFrameError,
  ProxyError,
  type ProxyReason,
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
  TimeoutError,
} from "../errors.ts";
