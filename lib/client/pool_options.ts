/**
 * Options of a pool, and its counters.
 *
 * @module
 */

import {
  checkAboveZero,
  checkFunction,
  checkInteger,
  checkLimit,
  checkNames,
  checkNumber,
  checkText,
  readOptions,
  wrongKind,
} from "../_check.ts";
import type { CallOptions } from "../time/call_limits.ts";
import { RetryBudget } from "../time/retry_budget.ts";

/**
 * What `open` gets; it fits `connect`.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { connect } from "@sluice/net";
 * import { Pool, type PoolOpenOptions } from "@sluice/net/client";
 *
 * const open = (options: PoolOpenOptions) => connect({ port: 6379, ...options });
 * await using pool = new Pool({ open });
 * ```
 */
export interface PoolOpenOptions {
  /** Aborts where opening takes longer than `acquireTimeoutMs`, or the pool is closed. */
  signal: AbortSignal;
}

/**
 * What a pool holds, and how much of it.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { connect, type Socket } from "@sluice/net";
 * import { Pool, type PoolOptions } from "@sluice/net/client";
 *
 * const options: PoolOptions<Socket> = {
 *   open: (options) => connect({ port: 6379, ...options }),
 *   max: 20,
 *   checkAfterMs: 10_000,
 *   check: async (socket) => {
 *     await socket.write("PING\r\n");
 *     return await socket.readLine() === "+PONG";
 *   },
 * };
 * await using pool = new Pool(options);
 * ```
 */
export interface PoolOptions<T> {
  /**
   * Opens a connection, or whatever else is expensive to make. It should end when its
   * signal aborts; what it gives after that is closed.
   */
  open: (options: PoolOpenOptions) => T | Promise<T>;
  /**
   * Closes one; it also gets the reason of `discard`, where there is one. Its errors are ignored: the connection is not used any more.
   *
   * @default {its `Symbol.asyncDispose`, else its `Symbol.dispose`, else nothing}
   */
  close?: ((value: T, reason?: unknown) => unknown) | undefined;
  /**
   * Whether one can still be used; asked before it is used again, where it was idle for
   * longer than `checkAfterMs`. One that fails, or takes longer than `checkTimeoutMs`, is
   * closed. After one that fails others are checked side by side, twice as many each time, and
   * another one is opened where there may be one. None by default.
   */
  check?:
    | ((value: T, options: PoolOpenOptions) => boolean | Promise<boolean>)
    | undefined;
  /**
   * How long one may be idle without being checked before it is used, in milliseconds, at
   * least 0.
   *
   * @default {1_000}
   */
  checkAfterMs?: number | undefined;
  /**
   * Longest that a check may take, in milliseconds, above 0.
   *
   * @default {5_000}
   */
  checkTimeoutMs?: number | undefined;
  /**
   * When one ends by itself: a promise that settles then. So one that breaks while it is
   * idle leaves the pool at once. Of a `Socket` the end of the peer's stream is noticed,
   * too.
   *
   * @default {its property `closed`, where that is a promise}
   */
  closed?: ((value: T) => PromiseLike<unknown> | undefined) | undefined;
  /**
   * Most connections, an integer of at least 1. Those that are being opened and closed
   * count.
   *
   * @default {10}
   */
  max?: number | undefined;
  /**
   * Connections that are kept open though they are idle, an integer from 0 to `max`. They
   * are opened in the background, from the beginning on.
   *
   * @default {0}
   */
  min?: number | undefined;
  /**
   * Most connections that are opened at the same time, an integer of at least 1.
   *
   * @default {5}
   */
  maxOpening?: number | undefined;
  /**
   * Most calls that may wait for a connection, besides those for which one is on its way;
   * one more is a `LimitError`.
   *
   * @default {1_000}
   */
  maxWaiting?: number | undefined;
  /**
   * Longest that `acquire` may take, the wait and the opening together, where the call has
   * no `timeoutMs` of its own; and the longest that opening may take. In milliseconds,
   * above 0.
   *
   * @default {30_000}
   */
  acquireTimeoutMs?: number | undefined;
  /**
   * Longest that a connection beyond `min` stays idle, in milliseconds, above 0. It does
   * not keep the process alive.
   *
   * @default {30_000}
   */
  idleMs?: number | undefined;
  /**
   * Age at which a connection is not used any more, in milliseconds, above 0; each is given
   * up to a fifth less at random, so that they do not all end together. An age without end
   * keeps addresses that are long stale.
   *
   * @default {1_800_000}
   */
  maxAgeMs?: number | undefined;
  /**
   * Longest that closing a connection may take, in milliseconds, above 0. After that it
   * does not count any more.
   *
   * @default {5_000}
   */
  closeTimeoutMs?: number | undefined;
  /**
   * Whether a connection can still be used after a task of `use` has thrown this error: an
   * answer such as "no such key", say. None by default.
   */
  keepOnError?: ((error: unknown) => boolean) | undefined;
  /**
   * Bounds what the pool opens again after opening has failed, together with all that share
   * it: `retry`, `reconnect` and other pools. Each call of `acquire` counts as a request.
   * Where no retry is left, all calls that wait for a connection to be opened get the error
   * at once, and what `min` asks for has to wait. See {@linkcode retryBudget}. None by
   * default: it is opened once for each call.
   */
  budget?: RetryBudget | undefined;
  /**
   * Tells OpenTelemetry of the pool, through the global API that Deno registers with
   * `OTEL_DENO=true`, or an SDK before the pool is made, in the names that OpenTelemetry has
   * for pools (`db.client.connection.count` and so on). A text is the pool's name there;
   * with `true` it is `pool-1`, `pool-2` and so on. Without that API nothing is measured.
   *
   * @default {false}
   */
  telemetry?: boolean | string | undefined;
}

/**
 * What a pool has, and has done. Live: look again and it has changed.
 *
 * @category Clients
 */
export interface PoolStats {
  /** Connections that wait to be used. */
  readonly idle: number;
  /** Connections that callers have. */
  readonly leased: number;
  /** Connections that are being opened. */
  readonly opening: number;
  /** Idle connections that are being checked. */
  readonly checking: number;
  /** Connections that are being closed. */
  readonly closing: number;
  /** Calls that wait for a connection. */
  readonly waiting: number;
  /** All connections, in whatever state. Never more than `max`. */
  readonly total: number;
  /** Connections that were opened so far. */
  readonly opened: number;
  /** Attempts to open one that failed so far. */
  readonly openErrors: number;
  /** Leases that were given out so far. */
  readonly acquired: number;
  /** Calls of `acquire` that ran out of time so far. */
  readonly timeouts: number;
}

/**
 * Limits of `use`, and after which errors its connection is kept.
 *
 * @category Clients
 */
export interface PoolUseOptions extends CallOptions {
  /** As {@linkcode PoolOptions.keepOnError}, which it replaces. */
  keepOnError?: ((error: unknown) => boolean) | undefined;
}

/** All that has a default. */
export type PoolLimits = Required<
  Pick<
    PoolOptions<unknown>,
    | "checkAfterMs"
    | "checkTimeoutMs"
    | "max"
    | "min"
    | "maxOpening"
    | "maxWaiting"
    | "acquireTimeoutMs"
    | "idleMs"
    | "maxAgeMs"
    | "closeTimeoutMs"
  >
>;

const OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    "open",
    "close",
    "check",
    "checkAfterMs",
    "checkTimeoutMs",
    "closed",
    "max",
    "min",
    "maxOpening",
    "maxWaiting",
    "acquireTimeoutMs",
    "idleMs",
    "maxAgeMs",
    "closeTimeoutMs",
    "keepOnError",
    "budget",
    "telemetry",
  ] satisfies (keyof PoolOptions<unknown>)[],
);

/**
 * Throws if an option is wrong. Gives the options as they were checked, and the limits with
 * their defaults.
 */
export function checkPoolOptions<T>(
  given: PoolOptions<T>,
): { options: PoolOptions<T>; limits: PoolLimits } {
  const action = "make a pool";
  checkNames(action, "options", given, OPTION_NAMES);
  const options = readOptions(given, OPTION_NAMES);
  checkFunction(action, "open", options.open);
  const { close, check, closed, keepOnError } = options;
  for (
    const [name, hook] of Object.entries({ close, check, closed, keepOnError })
  ) {
    if (hook !== undefined) checkFunction(action, name, hook);
  }
  const { budget } = options;
  if (budget !== undefined && !(budget instanceof RetryBudget)) {
    throw wrongKind(action, "budget", "a RetryBudget", budget);
  }
  const { telemetry } = options;
  if (telemetry !== undefined && typeof telemetry !== "boolean") {
    checkText(action, "telemetry", telemetry);
  }
  const { max = 10, min = 0, maxOpening = 5, maxWaiting = 1_000 } = options;
  checkLimit(action, "max", max, 1);
  checkInteger(action, "min", min, 0, Math.min(max, Number.MAX_SAFE_INTEGER));
  checkLimit(action, "maxOpening", maxOpening, 1);
  checkLimit(action, "maxWaiting", maxWaiting);
  const { checkAfterMs = 1_000, checkTimeoutMs = 5_000 } = options;
  const { acquireTimeoutMs = 30_000, closeTimeoutMs = 5_000 } = options;
  const { idleMs = 30_000, maxAgeMs = 1_800_000 } = options;
  checkNumber(action, "checkAfterMs", checkAfterMs, 0);
  const times = {
    checkTimeoutMs,
    acquireTimeoutMs,
    closeTimeoutMs,
    idleMs,
    maxAgeMs,
  };
  for (const [name, ms] of Object.entries(times)) {
    checkAboveZero(action, name, ms);
  }
  const counts = { max, min, maxOpening, maxWaiting };
  return { options, limits: { ...counts, checkAfterMs, ...times } };
}
