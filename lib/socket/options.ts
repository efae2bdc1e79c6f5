/**
 * What can be set on every socket, whoever makes it.
 *
 * @module
 */

import type { CallOptions } from "../time/call_limits.ts";

/** How long a socket may take. All are `Infinity` by default: no limit. */
export interface SocketTimeouts {
  /**
   * Longest that one read may wait, in milliseconds. The read rejects with
   * `TimeoutError` and consumes nothing; the socket goes on.
   */
  readMs?: number;
  /**
   * Longest that a write may stall, in milliseconds, because the peer does not
   * read. The writing side is broken afterwards.
   */
  writeMs?: number;
  /**
   * Longest that nothing may move in either direction, in milliseconds. The socket
   * is aborted with `TimeoutError`.
   */
  idleMs?: number;
}

/** Limits and sizes of a socket. */
export interface SocketOptions extends SocketTimeouts {
  /**
   * Fewest bytes a second that the peer must send while a read waits for them; less
   * aborts the socket with `LimitError`. It ends peers that drip a byte at a time,
   * and also those that are silent between requests: set it where the peer is known
   * to have something to say. 0, the default, asks for nothing.
   */
  minReadBytesPerSecond?: number;
  /**
   * Waiting time over which `minReadBytesPerSecond` is averaged, in milliseconds.
   * 5,000 by default.
   */
  minReadWindowMs?: number;
  /**
   * Most bytes a second to take from the peer, at least 1; what it sends faster
   * waits with it. `Infinity` by default.
   */
  maxReadBytesPerSecond?: number;
  /** Most bytes a second to send, at least 1. `Infinity` by default. */
  maxWriteBytesPerSecond?: number;
  /**
   * Most bytes that a throttled direction may move at once after a pause. What its
   * rate allows in 25 milliseconds by default.
   */
  burstBytes?: number;
  /**
   * Most bytes that may wait behind those on their way when further ones are
   * written; more breaks the writing side with `LimitError`. Only writes that nobody
   * awaits come that far. 16 MiB by default.
   */
  maxPendingBytes?: number;
  /**
   * Bytes that may wait to be sent before `write` makes its caller wait. 64 KiB by
   * default.
   */
  highWaterMarkBytes?: number;
  /** Most bytes that one `readExactly` or `peek` may ask for. 16 MiB by default. */
  maxBufferBytes?: number;
  /**
   * Longest that `close` may take, in milliseconds, to send what is left and to
   * wait for the peer's end. 5,000 by default.
   */
  closeTimeoutMs?: number;
}

/** Cap of one delimiter search. */
export interface ReadUntilOptions extends CallOptions {
  /**
   * Most bytes up to and including the delimiter. 64 KiB by default; more is a
   * `FrameTooLargeError`, which consumes nothing.
   */
  maxBytes?: number;
}

/** Throws unless `value` is a number from `least` to `Infinity`. */
export function checkNumber(
  action: string,
  name: string,
  value: unknown,
  least: number,
): void {
  if (typeof value !== "number") {
    throw new TypeError(
      `Cannot ${action} as ${name} must be a number: current value is ${
        String(value)
      }`,
    );
  }
  if (!(value >= least)) {
    throw new RangeError(
      `Cannot ${action} as ${name} must be at least ${least}: current value is ${value}`,
    );
  }
}

/** Throws unless `value` is bytes: anything else would spoil what is counted in bytes. */
export function checkBytes(action: string, name: string, value: unknown): void {
  if (value instanceof Uint8Array) return;
  // Its kind, not its content: that may be secret, or long.
  const kind = Object.prototype.toString.call(value);
  throw new TypeError(
    `Cannot ${action} as ${name} must be a Uint8Array: current value is ${kind}`,
  );
}

/** Throws if a time limit is not one. */
export function checkTimeouts(action: string, timeouts: SocketTimeouts): void {
  const { readMs, writeMs, idleMs } = timeouts;
  for (const [name, value] of Object.entries({ readMs, writeMs, idleMs })) {
    if (value !== undefined) checkNumber(action, name, value, 1);
  }
}

/** A server makes all its sockets with one object, which is checked once. */
const checked = new WeakSet<SocketOptions>();

/** Throws if a socket's option is out of range, naming it. */
export function checkSocketOptions(
  action: string,
  options: SocketOptions,
): void {
  if (checked.has(options)) return;
  checkTimeouts(action, options);
  const { highWaterMarkBytes, maxBufferBytes, closeTimeoutMs } = options;
  const { minReadWindowMs, maxPendingBytes, burstBytes } = options;
  const { maxReadBytesPerSecond, maxWriteBytesPerSecond } = options;
  const numbers = {
    highWaterMarkBytes,
    maxBufferBytes,
    closeTimeoutMs,
    minReadWindowMs,
    maxPendingBytes,
    maxReadBytesPerSecond,
    maxWriteBytesPerSecond,
    burstBytes,
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined) checkNumber(action, name, value, 1);
  }
  const { minReadBytesPerSecond } = options;
  if (minReadBytesPerSecond !== undefined) {
    checkNumber(action, "minReadBytesPerSecond", minReadBytesPerSecond, 0);
    // Else the peer would be cut off for what this side does to it.
    if (maxReadBytesPerSecond !== undefined) {
      checkNumber(
        action,
        "maxReadBytesPerSecond",
        maxReadBytesPerSecond,
        2 * minReadBytesPerSecond,
      );
    }
  }
  checked.add(options);
}
