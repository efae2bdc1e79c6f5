/**
 * Looks at the options of sockets, before anything is made of them.
 *
 * @module
 */

import { checkLimit, checkNames, checkNumber, readOptions } from "../_check.ts";
import type {
  ReadUntilOptions,
  SocketOptions,
  SocketTimeouts,
} from "./options.ts";

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

/** The names of {@linkcode ReadUntilOptions}. */
export const READ_UNTIL_OPTION_NAMES: ReadonlySet<string> = new Set(
  ["signal", "timeoutMs", "deadline", "maxBytes"] satisfies (
    keyof ReadUntilOptions
  )[],
);

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
