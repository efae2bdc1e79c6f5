/**
 * Options of `reconnect`, what a session gets, and what is told of it.
 *
 * @module
 */

import {
  checkFunction,
  checkNames,
  checkNumber,
  checkOneOf,
  readOptions,
  wrongKind,
} from "../_check.ts";
import {
  checkConnectOptions,
  CONNECT_OPTION_NAMES,
  type ConnectOptions,
} from "../socket/connect.ts";
import type { SocketOptions } from "../socket/options.ts";
import type { Socket } from "../socket/socket.ts";
import type { CallOptions } from "../time/call_limits.ts";
import { checkEnds } from "../time/deadline.ts";
import {
  checkRetryRules,
  RETRY_OPTION_NAMES,
  type RetryOptions,
  type RetryRules,
} from "../time/retry.ts";
import { checkHosts } from "../transport/check_hosts.ts";
import type { DialOptions, HostsDialOptions } from "../transport/options.ts";

/**
 * How soon, how often and after what another attempt is made. `attempts` counts those
 * since the last session that has lived for `stableMs`, and is `Infinity` by default;
 * `attemptTimeoutMs` is 10,000 by default. `retryIf` is asked about errors of connecting
 * and of the session alike, and decides alone where it is given. Where `budget` has no
 * retry left, the next attempt waits until it has one: at least a second.
 *
 * @category Clients
 */
export type ReconnectRetryOptions = Omit<RetryOptions, keyof CallOptions>;

/**
 * What `open` gets; it fits `connect`.
 *
 * @category Clients
 */
export interface ReconnectOpenOptions {
  /** Aborts after `attemptTimeoutMs`, and when reconnecting is closed. */
  signal: AbortSignal;
}

/**
 * How a session comes back, whatever it runs over.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { reconnect, type ReconnectRules } from "@sluice/net/client";
 *
 * const events: string[] = [];
 * const rules: ReconnectRules = {
 *   retry: { minDelayMs: 100, maxDelayMs: 10_000 },
 *   stableMs: 30_000,
 *   onEvent: (event) => events.push(event.type),
 * };
 * await using link = reconnect({ port: 6379, ...rules }, () => {});
 * console.assert(link.state === "connecting");
 * ```
 */
export interface ReconnectRules {
  /** How soon, how often and after what another attempt is made. */
  retry?: ReconnectRetryOptions | undefined;
  /**
   * How long a session must live to count as stable, in milliseconds, at least 0. After a
   * stable session the pauses are short again and `attempts` counts from 1, so that a
   * server which accepts clients and drops them at once is not asked in a tight loop.
   *
   * @default {10_000}
   */
  stableMs?: number | undefined;
  /**
   * Whether a session that returns ends reconnecting: `"always"`, or `"unless-lost"`. With
   * the latter a session that returns after it has read the end of the peer's stream, or
   * after its socket broke, was lost, and runs again: a server that shuts down gracefully
   * ends its streams cleanly, and a loop over its messages then ends without an error. This
   * is known of a `Socket` alone. A session over anything else that `open` makes has to
   * throw after a loss, for instance `signal.reason`.
   *
   * @default {"unless-lost"}
   */
  endOnReturn?: "always" | "unless-lost" | undefined;
  /** Called with each event; can be set later, too, as `onEvent` of the result. */
  onEvent?: ((event: ReconnectEvent) => void) | undefined;
  /** Ends reconnecting and the session, as `close` does. None by default. */
  signal?: AbortSignal | undefined;
  /** Does the same when it passes. None by default. */
  deadline?: CallOptions["deadline"] | undefined;
  /** Absent: `retry.attemptTimeoutMs` limits an attempt, `connected()` a wait. */
  timeoutMs?: undefined;
}

/**
 * Options of `reconnect` for a session over a socket: those of `connect`, and when to retry.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { reconnect, type ReconnectConnectOptions } from "@sluice/net/client";
 *
 * const options: ReconnectConnectOptions = {
 *   hosts: [{ hostname: "localhost", port: 6379 }, { port: 6380 }],
 *   idleMs: 60_000,
 *   retry: { attemptTimeoutMs: 3_000 },
 * };
 * await using link = reconnect(options, (socket) => socket.readLine());
 * console.assert(link.state === "connecting");
 * ```
 */
export type ReconnectConnectOptions =
  & (DialOptions | HostsDialOptions)
  & SocketOptions
  & ReconnectRules
  & {
    /** Absent: see `ReconnectAnyOptions`. */
    open?: undefined;
  };

/**
 * Options of `reconnect` for a session over anything else that can be opened.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { connect, framed, type Framed, lines } from "@sluice/net";
 * import { reconnect, type ReconnectAnyOptions } from "@sluice/net/client";
 *
 * const options: ReconnectAnyOptions<Framed<string>> = {
 *   open: async (options) => framed(await connect({ port: 6379, ...options }), lines()),
 * };
 * await using link = reconnect(options, (connection) => connection.receive());
 * console.assert(link.state === "connecting");
 * ```
 */
export interface ReconnectAnyOptions<T> extends ReconnectRules {
  /**
   * Opens the connection: a socket of `connect`, one that is framed or logged in, or a
   * client of another library. It should reject when its signal aborts; a connection that
   * comes later is closed. After the session the connection is closed by its
   * `Symbol.asyncDispose`, and after a loss or an error by its `Symbol.dispose`, where it has
   * them.
   */
  open: (options: ReconnectOpenOptions) => T | Promise<T>;
}

/**
 * What a session gets beside its connection.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { reconnect, type SessionContext } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * const session = (_connection: unknown, { attempt, session, signal }: SessionContext) => [
 *   attempt,
 *   session,
 *   signal.aborted,
 * ];
 * await using link = reconnect({ open: () => ({}) }, session);
 * assertEquals(await link.ended, { endedBy: "return", value: [1, 1, false] });
 * ```
 */
export interface SessionContext {
  /** Attempts to connect since the last session that was stable, this one included; from 1. */
  readonly attempt: number;
  /** How many sessions there were, this one included; from 1. */
  readonly session: number;
  /**
   * Aborts when the session should end: reconnecting was closed, or the connection was
   * lost. It also aborts after the session, so that what the session has started ends.
   */
  readonly signal: AbortSignal;
}

/**
 * What runs over a connection.
 *
 * @category Clients
 */
export type Session<T, R> = (
  connection: T,
  context: SessionContext,
) => R | Promise<R>;

/**
 * What is going on:
 *
 * - `"connecting"`: an attempt to connect is under way;
 * - `"connected"`: a session runs;
 * - `"waiting"`: between two attempts;
 * - `"closing"`: it was closed, and the session has yet to end;
 * - `"ended"`: it is over, `ended` says how.
 *
 * @category Clients
 */
export type ReconnectState =
  | "connecting"
  | "connected"
  | "waiting"
  | "closing"
  | "ended";

/**
 * How reconnecting ended.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { reconnect, type ReconnectOutcome } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * function describe(outcome: ReconnectOutcome<string>): string {
 *   switch (outcome.endedBy) {
 *     case "return":
 *       return outcome.value;
 *     case "close":
 *       return "closed";
 *     default:
 *       return `${outcome.error}`;
 *   }
 * }
 * await using link = reconnect({ open: () => ({}) }, () => "all done");
 * assertEquals(describe(await link.ended), "all done");
 * ```
 */
export type ReconnectOutcome<R> =
  /** The session returned. */
  | {
    /** The session did. */
    endedBy: "return";
    /** What it returned. */
    value: R;
  }
  /** An error that is not worth another attempt, or after which none was left. */
  | {
    /** An error did. */
    endedBy: "error";
    /** What connecting failed with or the session threw, untouched. */
    error: unknown;
  }
  /** `close` was called. */
  | {
    /** The caller of `close` did. */
    endedBy: "close";
  }
  /** `signal` has aborted, or the deadline passed. */
  | {
    /** A limit did. */
    endedBy: "signal";
    /** The reason of the signal, untouched, or a `TimeoutError`. */
    error: unknown;
  };

/**
 * An attempt to connect begins.
 *
 * @category Clients
 */
export interface ConnectingEvent {
  /** The kind of the event. */
  type: "connecting";
  /** See {@linkcode SessionContext.attempt}. */
  attempt: number;
}

/**
 * An attempt to connect has failed.
 *
 * @category Clients
 */
export interface ConnectFailedEvent {
  /** The kind of the event. */
  type: "connect-failed";
  /** See {@linkcode SessionContext.attempt}. */
  attempt: number;
  /** What it failed with. */
  error: unknown;
}

/**
 * A session begins.
 *
 * @category Clients
 */
export interface ConnectedEvent {
  /** The kind of the event. */
  type: "connected";
  /** See {@linkcode SessionContext.attempt}. */
  attempt: number;
  /** See {@linkcode SessionContext.session}. */
  session: number;
}

/**
 * A session was lost.
 *
 * @category Clients
 */
export interface LostEvent {
  /** The kind of the event. */
  type: "lost";
  /** See {@linkcode SessionContext.session}. */
  session: number;
  /** What the session threw, or why its connection has ended. */
  error: unknown;
  /** How long it lived, in milliseconds. */
  livedMs: number;
}

/**
 * A pause before the next attempt begins.
 *
 * @category Clients
 */
export interface WaitingEvent {
  /** The kind of the event. */
  type: "waiting";
  /** The next attempt. */
  attempt: number;
  /** Length of the pause, in milliseconds. */
  delayMs: number;
  /** Why there is one: the backoff, or a `budget` with no retry left. */
  reason: "backoff" | "budget";
}

/**
 * Reconnecting has ended.
 *
 * @category Clients
 */
export interface EndedEvent {
  /** The kind of the event. */
  type: "ended";
  /** How, as `ended` says it. */
  outcome: ReconnectOutcome<unknown>;
}

/**
 * What `onEvent` is told.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { reconnect, type ReconnectEvent } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * const events: ReconnectEvent["type"][] = [];
 * await using link = reconnect({
 *   open: () => ({}),
 *   onEvent: (event) => events.push(event.type),
 * }, () => {});
 * await link.ended;
 * assertEquals(events, ["connecting", "connected", "ended"]);
 * ```
 */
export type ReconnectEvent =
  | ConnectingEvent
  | ConnectFailedEvent
  | ConnectedEvent
  | LostEvent
  | WaitingEvent
  | EndedEvent;

/** What was given, checked, with all defaults. */
export interface Reconnection<T> {
  open: (options: ReconnectOpenOptions) => T | Promise<T>;
  rules: RetryRules;
  stableMs: number;
  endOnReturn: "always" | "unless-lost";
  onEvent: ((event: ReconnectEvent) => void) | undefined;
  limits: CallOptions;
}

const ACTION = "reconnect";

const RULE_NAMES = [
  "retry",
  "stableMs",
  "endOnReturn",
  "onEvent",
  "signal",
  "deadline",
] satisfies (keyof ReconnectRules)[];

const ANY_NAMES: ReadonlySet<string> = new Set([
  ...RULE_NAMES,
  "open",
  "timeoutMs",
]);

const CONNECT_NAMES: ReadonlySet<string> = new Set([
  ...RULE_NAMES,
  ...CONNECT_OPTION_NAMES,
  "open",
]);

const RETRY_NAMES: ReadonlySet<string> = RETRY_OPTION_NAMES.difference(
  new Set(["signal", "timeoutMs", "deadline"]),
);

/** Throws if an option is wrong. */
export function checkReconnectOptions<T>(
  options: ReconnectConnectOptions | ReconnectAnyOptions<T>,
  connectWith: (options: ConnectOptions) => Promise<Socket>,
): Reconnection<T> {
  const isAny = Object(options).open !== undefined;
  const names = isAny ? ANY_NAMES : CONNECT_NAMES;
  checkNames(ACTION, "options", options, names);
  const {
    retry = {},
    stableMs = 10_000,
    endOnReturn = "unless-lost",
    onEvent,
    signal,
    deadline,
    timeoutMs,
    open,
    ...connectOptions
  } = readOptions(options, names) as
    & ReconnectAnyOptions<T>
    & Omit<ConnectOptions, "retry" | "timeoutMs">;
  if (timeoutMs !== undefined) {
    const must =
      "absent (retry.attemptTimeoutMs limits an attempt, connected() a wait)";
    throw wrongKind(ACTION, "timeoutMs", must, timeoutMs);
  }
  checkNames(ACTION, "retry", retry, RETRY_NAMES);
  const { attempts = Infinity, attemptTimeoutMs = 10_000 } = retry;
  const rules = checkRetryRules(ACTION, {
    ...readOptions(retry, RETRY_NAMES),
    attempts,
    attemptTimeoutMs,
  });
  checkNumber(ACTION, "stableMs", stableMs, 0);
  checkOneOf(ACTION, "endOnReturn", endOnReturn, ["always", "unless-lost"]);
  if (onEvent !== undefined) checkFunction(ACTION, "onEvent", onEvent);
  checkEnds(ACTION, { signal, deadline });
  const own = { rules, stableMs, endOnReturn, onEvent };
  const limits = { signal, deadline };
  if (open !== undefined) {
    checkFunction(ACTION, "open", open);
    return { ...own, limits, open };
  }
  const given = connectOptions as ConnectOptions;
  checkConnectOptions(given);
  if (given.hosts !== undefined) checkHosts(given);
  const connectAgain = ({ signal }: ReconnectOpenOptions) =>
    // `attemptTimeoutMs` limits it.
    connectWith({ ...given, signal, timeoutMs: Infinity });
  return { ...own, limits, open: connectAgain as Reconnection<T>["open"] };
}
