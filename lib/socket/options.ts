/**
 * What can be set on every socket, however it was made.
 *
 * @module
 */

import { checkLimit, checkNames, checkNumber, readOptions } from "../_check.ts";
import type { CallOptions } from "../time/call_limits.ts";
import type { TlsBindOptions, TlsDialOptions } from "../transport/options.ts";

/**
 * How long a socket may take.
 *
 * @category Sockets
 *
 * @example
 * ```ts
 * import type { SocketTimeouts } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 *
 * const patient: SocketTimeouts = { readMs: 60_000, idleMs: Infinity };
 * const [left] = memoryPair();
 * left.setTimeouts(patient);
 * ```
 */
export interface SocketTimeouts {
  /**
   * Longest that one read may wait, in milliseconds. The read rejects with
   * `TimeoutError` and consumes nothing; the socket goes on.
   *
   * @default {Infinity}
   */
  readMs?: number | undefined;
  /**
   * Longest that a write may stall, in milliseconds, because the peer does not
   * read: any progress starts it anew. The writing side is broken afterwards.
   *
   * @default {60_000 on a server's sockets, else Infinity}
   */
  writeMs?: number | undefined;
  /**
   * Longest that nothing may move in either direction, in milliseconds. The socket
   * is aborted with `TimeoutError`. It does not keep the process alive.
   *
   * @default {Infinity}
   */
  idleMs?: number | undefined;
}

/**
 * Limits and sizes of a socket.
 *
 * @category Sockets
 *
 * @example For peers that may be hostile
 * ```ts
 * import type { SocketOptions } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 *
 * const socket: SocketOptions = {
 *   idleMs: 120_000,
 *   writeMs: 30_000,
 *   minReadBytesPerSecond: 100,
 *   minWriteBytesPerSecond: 100,
 * };
 * for (const each of memoryPair({ socket })) each.abort();
 * ```
 */
export interface SocketOptions extends SocketTimeouts {
  /**
   * Fewest bytes a second that the peer must send while a read waits for them; less aborts
   * the socket with `LimitError`. It ends peers that send a byte at a time, and also those
   * that are silent between requests: set it where the peer is known to have something to
   * say. 0 asks for nothing.
   *
   * @default {0}
   */
  minReadBytesPerSecond?: number | undefined;
  /**
   * Waiting time over which `minReadBytesPerSecond` is averaged, in milliseconds.
   *
   * @default {5_000}
   */
  minReadWindowMs?: number | undefined;
  /**
   * Fewest bytes a second that the peer must take while written bytes are on their way;
   * less aborts the socket with `LimitError`. It ends peers that read a byte at a time,
   * which start `writeMs` anew with each. 0 asks for nothing.
   *
   * @default {0}
   */
  minWriteBytesPerSecond?: number | undefined;
  /**
   * Waiting time over which `minWriteBytesPerSecond` is averaged, in milliseconds.
   *
   * @default {5_000}
   */
  minWriteWindowMs?: number | undefined;
  /**
   * Most bytes a second to take from the peer, at least 1; what it sends faster
   * waits with it.
   *
   * @default {Infinity}
   */
  maxReadBytesPerSecond?: number | undefined;
  /**
   * Most bytes a second to send, at least 1.
   *
   * @default {Infinity}
   */
  maxWriteBytesPerSecond?: number | undefined;
  /**
   * Most bytes that a throttled direction may move at once after a pause.
   *
   * @default {what its rate allows in 25 milliseconds}
   */
  burstBytes?: number | undefined;
  /**
   * Most bytes that may wait behind those on their way when further ones are
   * written; more breaks the writing side with `LimitError`. Each call that waits with
   * limits of its own counts as 512 bytes. Only writes that are not awaited come that far.
   *
   * @default {16_777_216}
   */
  maxPendingBytes?: number | undefined;
  /**
   * The `frameTimeoutMs` of every `framed` on the socket that has none of its own, in
   * milliseconds, at least 1: from the first byte of a frame to its last.
   *
   * @default {60_000 on a server's sockets, else Infinity}
   */
  frameTimeoutMs?: number | undefined;
  /**
   * Bytes that may wait to be sent before `write` makes its caller wait.
   *
   * @default {65_536}
   */
  highWaterMarkBytes?: number | undefined;
  /**
   * Most bytes that one `readExactly` or `peek` may ask for.
   *
   * @default {16_777_216}
   */
  maxBufferBytes?: number | undefined;
  /**
   * Longest that `close` may take, in milliseconds, to send what is left and to
   * wait for the peer's end.
   *
   * @default {5_000}
   */
  closeTimeoutMs?: number | undefined;
}

/** The names of {@linkcode SocketTimeouts}. */
const TIMEOUT_NAMES: ReadonlySet<string> = new Set(
  ["readMs", "writeMs", "idleMs"] satisfies (keyof SocketTimeouts)[],
);

/** The names of {@linkcode SocketOptions}: all others are refused. */
export const SOCKET_OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    "readMs",
    "writeMs",
    "idleMs",
    "minReadBytesPerSecond",
    "minReadWindowMs",
    "minWriteBytesPerSecond",
    "minWriteWindowMs",
    "maxReadBytesPerSecond",
    "maxWriteBytesPerSecond",
    "burstBytes",
    "frameTimeoutMs",
    "maxPendingBytes",
    "highWaterMarkBytes",
    "maxBufferBytes",
    "closeTimeoutMs",
  ] satisfies (keyof SocketOptions)[],
);

/**
 * Limits and cap of one delimiter search.
 *
 * @category Sockets
 *
 * @example
 * ```ts
 * import { FrameTooLargeError, type ReadUntilOptions } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertRejects } from "@std/assert";
 *
 * const short: ReadUntilOptions = { maxBytes: 4, timeoutMs: 1_000 };
 * const [left, right] = memoryPair();
 * await right.write("too long\n");
 * await assertRejects(() => left.readLine(short), FrameTooLargeError);
 * ```
 */
export interface ReadUntilOptions extends CallOptions {
  /**
   * Most bytes up to and including the delimiter; more is a `FrameTooLargeError`, which
   * consumes nothing.
   *
   * @default {65_536}
   */
  maxBytes?: number | undefined;
}

/** The names of {@linkcode ReadUntilOptions}. */
export const READ_UNTIL_OPTION_NAMES: ReadonlySet<string> = new Set(
  ["signal", "timeoutMs", "deadline", "maxBytes"] satisfies (
    keyof ReadUntilOptions
  )[],
);

/**
 * How to speak TLS as a client, and for how long to try.
 *
 * @category TLS
 *
 * @example
 * ```ts
 * import type { StartTlsOptions } from "@sluice/net";
 *
 * const options: StartTlsOptions = { serverName: "mail.example", timeoutMs: 5_000 };
 * ```
 */
export type StartTlsOptions = TlsDialOptions & CallOptions;

/**
 * With which certificate to speak TLS as a server, and for how long to try.
 *
 * @category TLS
 *
 * @example
 * ```ts
 * import type { AcceptTlsOptions } from "@sluice/net";
 *
 * const options = (cert: string, key: string): AcceptTlsOptions => ({ cert, key });
 * ```
 */
export type AcceptTlsOptions = TlsBindOptions & CallOptions;

/** Throws if a time limit is not one, or has another name. */
export function checkTimeouts(action: string, timeouts: SocketTimeouts): void {
  checkNames(action, "timeouts", timeouts, TIMEOUT_NAMES);
  checkTimes(action, timeouts);
}

function checkTimes(
  action: string,
  { readMs, writeMs, idleMs }: SocketTimeouts,
): void {
  for (const [name, value] of Object.entries({ readMs, writeMs, idleMs })) {
    if (value !== undefined) checkNumber(action, name, value, 1);
  }
}

/**
 * What {@linkcode checkSocketOptions} has given. A server makes all its sockets with one
 * object.
 */
const checked = new WeakSet<SocketOptions>();

/** Most clients set none of them. */
const NONE: SocketOptions = Object.freeze({});
checked.add(NONE);

/** Throws unless these options are for a socket alone, and good. Gives what was checked. */
export function checkOnlySocketOptions(
  action: string,
  options: SocketOptions,
): SocketOptions {
  if (checked.has(options)) return options;
  checkNames(action, "options", options, SOCKET_OPTION_NAMES);
  return checkSocketOptions(action, options);
}

/**
 * Throws if a socket's option is out of range, naming it; other names are not looked at.
 * Gives what was checked, which stays as it is, and is to be used: a caller may go on to
 * change the object that it gave.
 */
export function checkSocketOptions(
  action: string,
  given: SocketOptions,
): SocketOptions {
  if (checked.has(given)) return given;
  const options = readOptions(given, SOCKET_OPTION_NAMES);
  if (Object.keys(options).length === 0) return NONE;
  checkTimes(action, options);
  const { highWaterMarkBytes, maxBufferBytes, maxPendingBytes } = options;
  const limits = { highWaterMarkBytes, maxBufferBytes, maxPendingBytes };
  for (const [name, value] of Object.entries(limits)) {
    if (value !== undefined) checkLimit(action, name, value, 1);
  }
  const { closeTimeoutMs, minReadWindowMs, minWriteWindowMs } = options;
  const { frameTimeoutMs } = options;
  const { maxReadBytesPerSecond, maxWriteBytesPerSecond, burstBytes } = options;
  const numbers = {
    closeTimeoutMs,
    frameTimeoutMs,
    minReadWindowMs,
    minWriteWindowMs,
    maxReadBytesPerSecond,
    maxWriteBytesPerSecond,
    burstBytes,
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined) checkNumber(action, name, value, 1);
  }
  for (const way of ["Read", "Write"] as const) {
    checkRates(action, way, options);
  }
  checked.add(options);
  return options;
}

function checkRates(
  action: string,
  way: "Read" | "Write",
  options: SocketOptions,
): void {
  const least = options[`min${way}BytesPerSecond`];
  if (least === undefined) return;
  checkNumber(action, `min${way}BytesPerSecond`, least, 0);
  const most = options[`max${way}BytesPerSecond`];
  if (most === undefined) return;
  // Otherwise this side's own throttle would make the peer too slow, and cut it off.
  checkNumber(action, `max${way}BytesPerSecond`, most, 2 * least);
}
