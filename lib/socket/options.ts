/**
 * What can be set on every socket, however it was made.
 *
 * @module
 */

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
