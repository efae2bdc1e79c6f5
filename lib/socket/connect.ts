/**
 * Clients: one call from options to a connected socket.
 *
 * @module
 */

import {
  checkBoolean,
  checkNames,
  checkObject,
  checkSignal,
  isA,
  readOptions,
} from "../_check.ts";
import { BrokenError, ProxyError, TimeoutError } from "../errors.ts";
import type { Addr } from "../addr.ts";
import {
  type CallOptions,
  checkCall,
  type LimitDetails,
  watchCall,
} from "../time/call_limits.ts";
import {
  checkRetryRules,
  retry,
  RETRY_OPTION_NAMES,
  type RetryOptions,
} from "../time/retry.ts";
import { closeQuietly } from "../transport/close_quietly.ts";
import {
  checkDialOptions,
  describeDial,
  dial,
  type DialProgress,
} from "../transport/dial.ts";
import { DIAL_OPTION_NAMES, namesOf } from "../transport/option_names.ts";
import type {
  DialOptions,
  HostsDialOptions,
  Transport,
} from "../transport/options.ts";
import { checkSocketOptions, SOCKET_OPTION_NAMES } from "./check_options.ts";
import type { SocketOptions } from "./options.ts";
import { Socket } from "./socket.ts";

/**
 * Limits of `connect`, and how the socket is made.
 *
 * @category Sockets
 */
export type ClientOptions = SocketOptions & {
  /**
   * Longest that all of it may take, in milliseconds: DNS, the connection and the TLS
   * handshake, with `retry` all attempts and pauses.
   *
   * @default {10_000}, or Infinity where `retry` is given: see `attemptTimeoutMs`.
   */
  timeoutMs?: number | undefined;
  /** Cancels all of it. None by default. */
  signal?: AbortSignal | undefined;
  /** Bounds all of it together with other calls. None by default. */
  deadline?: CallOptions["deadline"] | undefined;
  /**
   * Tries again, with growing pauses, after errors that may pass: refused, reset,
   * unreachable, timed out. Never after a bad certificate or a denied permission.
   * Its `attemptTimeoutMs` is 10,000 by default here. One attempt by default.
   */
  retry?: RetryOptions | undefined;
  /**
   * Tells OpenTelemetry of the connection, through the global API that Deno registers with
   * `OTEL_DENO=true`, or an SDK before this call: how long connecting takes and the
   * connection lasts, bytes, and one span from this call to the end. Without that API
   * nothing is measured.
   *
   * @default {false}
   */
  telemetry?: boolean | undefined;
};

/**
 * The server's address, time limits, and options of the socket.
 *
 * @category Sockets
 */
export type ConnectOptions = (DialOptions | HostsDialOptions) & ClientOptions;

/** The names of {@linkcode ConnectOptions}. */
export const CONNECT_OPTION_NAMES: ReadonlySet<string> = namesOf(
  DIAL_OPTION_NAMES,
  SOCKET_OPTION_NAMES,
  [
    "timeoutMs",
    "signal",
    "deadline",
    "retry",
    "telemetry",
  ],
);

const TIMEOUT_MS = 10_000;

/**
 * Connects to a server.
 *
 * Cancellation: safe. When `signal` aborts or the time is over, nothing is left
 * behind, on every transport. One thing is beyond reach: in a TLS handshake Deno (2.9) keeps
 * the descriptor until the server says something or leaves. On `node:tls`, with `verify`
 * say, it does not.
 *
 * With `hosts` any one of several servers will do: they are tried in random order, the next
 * one as soon as one fails, and beside it where it takes longer than `hostDelayMs`, so that
 * one that hangs holds up no caller. The first connection wins. Where all fail, the error is
 * one of the below, and its `cause` an `AggregateError` with those of all hosts. With
 * `retry` each attempt tries all of them.
 *
 * @param options The server's address, and limits. `hostname` is `127.0.0.1` by default.
 * @returns A socket that is ready to read and write.
 * @throws {BrokenError} Refused, unreachable, no such name; see `reason`.
 * @throws {TimeoutError} `timeoutMs` passed, or the deadline.
 * @throws {TlsError} The handshake failed; see `reason`.
 * @throws {PermissionError} Deno denies it; the message says which flag is missing.
 * @throws {TypeError} An option is of the wrong type, is not known, or cannot hold
 * together with another.
 * @throws {RangeError} An option is out of range.
 * @category Sockets
 *
 * @example
 * ```ts
 * import { connect, serve } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0 }, (socket) => socket.write("welcome\n"));
 *
 * await using socket = await connect({ port: server.addr.port, timeoutMs: 1_000 });
 * assertEquals(await socket.readLine(), "welcome");
 * ```
 *
 * @example One of several servers
 * ```ts
 * import { connect, serve } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using gone = serve({ port: 0 }, () => {});
 * await gone.shutdown();
 * await using server = serve({ port: 0 }, (socket) => socket.write("welcome\n"));
 *
 * await using socket = await connect({ hosts: [gone.addr, server.addr] });
 * assertEquals(await socket.readLine(), "welcome");
 * ```
 */
export async function connect(options: ConnectOptions): Promise<Socket> {
  const checked = checkConnectOptions(options);
  return await connectChecked(checked.options, checked.socketOptions);
}

async function connectChecked(
  options: ConnectOptions,
  socketOptions: SocketOptions,
): Promise<Socket> {
  const { signal, deadline, retry: again } = options;
  const { timeoutMs = again === undefined ? TIMEOUT_MS : Infinity } = options;
  const limits = { signal, timeoutMs, deadline };
  const place = () => placeOf(options);
  checkLimits(limits, place);
  if (again !== undefined) checkObject("connect", "retry", again);
  const open = async () =>
    again === undefined
      ? new Socket(await dialWithin(options, limits), socketOptions)
      : await connectAgain(options, socketOptions, again, limits);
  if (!options.telemetry) return await open();
  const { connectTraced } = await import("./_client_telemetry.ts");
  return await connectTraced(options, open);
}

/**
 * Throws if an option of `connect` is wrong, but for its hosts, its limits and `retry`.
 * Gives them all, and those of the socket, as they were checked.
 */
export function checkConnectOptions(
  given: ConnectOptions,
): { options: ConnectOptions; socketOptions: SocketOptions } {
  checkNames("connect", "options", given, CONNECT_OPTION_NAMES);
  const options = readOptions(given, CONNECT_OPTION_NAMES);
  const socketOptions = checkSocketOptions("connect", options);
  if (options.telemetry !== undefined) {
    checkBoolean("connect", "telemetry", options.telemetry);
  }
  // Those of several hosts are checked where they are dialled.
  if (options.hosts === undefined) options.tls = checkDialOptions(options).tls;
  return { options, socketOptions };
}

/** How many hosts an error names. */
const MAX_NAMES = 4;

/** Where `connect` connects to, as a `TimeoutError` says it. */
function placeOf(
  options: ConnectOptions,
): { where?: string; remoteAddr?: Addr } {
  const { hosts } = options;
  if (hosts === undefined) return whereTo(options);
  if (hosts.length === 1) return whereTo(hosts[0]);
  // Without "to".
  const names = hosts.slice(0, MAX_NAMES).map((each) =>
    whereTo(each).where?.slice(3)
  );
  if (hosts.length > MAX_NAMES) names.push("...");
  return { where: `to any of ${hosts.length} hosts (${names.join(", ")})` };
}

function whereTo(options: DialOptions): { where?: string; remoteAddr?: Addr } {
  const { where, remoteAddr } = describeDial(options, {});
  return { where, remoteAddr };
}

function checkLimits(limits: CallOptions, place: LimitDetails): void {
  if (limits.signal !== undefined) {
    checkSignal("connect", "signal", limits.signal);
  }
  checkCall("connect", limits, place);
}

/** Connects with several attempts, all of which end with the first limit that does. */
async function connectAgain(
  options: ConnectOptions,
  socketOptions: SocketOptions,
  again: RetryOptions,
  limits: CallOptions,
): Promise<Socket> {
  checkNames("connect", "retry", again, RETRY_OPTION_NAMES);
  const { signal, timeoutMs, deadline, attemptTimeoutMs = TIMEOUT_MS, ...how } =
    readOptions(again, RETRY_OPTION_NAMES);
  const own = { signal, timeoutMs, deadline };
  /** Of the last attempt. */
  let failure: unknown;
  const place = () => ({
    ...placeOf(options),
    waitedFor: "no attempt succeeded",
    ...(failure === undefined ? undefined : { cause: failure }),
  });
  checkLimits(own, place);
  checkRetryRules("connect", { ...how, attemptTimeoutMs });

  const controller = new AbortController();
  const end = (reason: unknown): void => controller.abort(reason);
  const unwatch = watchCall("connect", limits, end, place);
  const unwatchOwn = watchCall("connect", own, end, place);
  let made: Socket | undefined;
  const attempt = async (): Promise<Socket> => {
    const within = { signal: controller.signal, timeoutMs: attemptTimeoutMs };
    try {
      return made = new Socket(
        await dialWithin(options, within),
        socketOptions,
      );
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  try {
    return await retry(attempt, {
      ...how,
      retryIf: how.retryIf ?? isWorthRetrying,
      signal: controller.signal,
    });
  } catch (error) {
    // Made in the turn in which a limit ended the wait for it.
    made?.abort();
    throw error;
  } finally {
    unwatch();
    unwatchOwn();
  }
}

/** One attempt; its own controller ends it, whatever it is waiting for. */
async function dialWithin(
  options: DialOptions | HostsDialOptions,
  limits: CallOptions,
): Promise<Transport> {
  if (options.hosts !== undefined) {
    const { dialHosts } = await import("./hosts.ts");
    return await dialHosts(options, limits);
  }
  const controller = new AbortController();
  const { signal } = controller;
  const progress: DialProgress = {};
  const unwatch = watchCall(
    "connect",
    limits,
    (reason) => controller.abort(reason),
    () => describeDial(options, progress),
  );
  try {
    const transport = await dial(options, { signal }, progress);
    if (!signal.aborted) return transport;
    // Made in the turn in which a limit ended it.
    closeQuietly(transport);
    throw signal.reason;
  } finally {
    unwatch();
  }
}

/** Errors that may pass: a server that is starting, a network that fails for a while. */
function isWorthRetrying(error: unknown): boolean {
  if (isA(error, TimeoutError)) return true;
  if (isA(error, ProxyError)) return error.reason === "closed";
  return isA(error, BrokenError) &&
    (error.reason === "refused" || error.reason === "reset" ||
      error.reason === "unreachable" || error.reason === "not-found" ||
      error.reason === "exhausted");
}
