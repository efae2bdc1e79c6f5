/**
 * Every error that Sluice throws, told apart by class or by the literal `code`.
 *
 * This side closed it, the connection broke, two tasks used it at once: each is a class
 * of its own. Bad arguments are plain `TypeError` or `RangeError`, thrown at once; an aborted
 * signal rejects with `signal.reason`, untouched.
 *
 * @module
 */

import type { Addr } from "./addr.ts";
import type {
  BrokenReason,
  ProxyReason,
  SocketErrorCode,
  TlsReason,
  WorkerFailure,
} from "./error_codes.ts";

export type {
  BrokenReason,
  ProxyReason,
  SocketErrorCode,
  TlsReason,
  WorkerFailure,
};

/**
 * Where an error happened.
 *
 * @category Errors
 */
export interface SocketErrorOptions extends ErrorOptions {
  /** The call that failed, for instance `"readExactly"`. */
  operation?: string | undefined;
  /** This side's address, where known. */
  localAddr?: Addr | undefined;
  /** The peer's address, where known. */
  remoteAddr?: Addr | undefined;
  /** See {@linkcode SocketError.sent}. */
  sent?: boolean | undefined;
}

/**
 * The family of all errors that a socket, a server or a codec reports.
 *
 * @category Errors
 *
 * @example Branch on the code, never on the text
 * ```ts
 * import { ClosedError, SocketError } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 * const error: unknown = new ClosedError("Cannot write: the socket is closed");
 * if (error instanceof SocketError) assertEquals(error.code, "closed");
 * ```
 */
export abstract class SocketError extends Error {
  /** Which kind of error this is. */
  abstract readonly code: SocketErrorCode;
  /** The call that failed. */
  declare readonly operation?: string;
  /** This side's address. */
  declare readonly localAddr?: Addr;
  /** The peer's address. */
  declare readonly remoteAddr?: Addr;
  /**
   * Of an error that ended a request of `Requests`: whether its bytes may have reached the
   * peer. Where it is `false` they have not, and will not, so the request can be repeated.
   */
  declare readonly sent?: boolean;

  /**
   * The name of its class: `"FrameTooLargeError"` where `code` is `"frame-too-large"`.
   *
   * It is an accessor of the prototype and not set there, because a bundler has to keep
   * every class that does something when it is loaded.
   */
  override get name(): string {
    return nameOf(this.code);
  }
  override set name(value: string) {
    Object.defineProperty(this, "name", {
      value,
      writable: true,
      configurable: true,
    });
  }

  /** Called by the subclasses. */
  constructor(message: string, options: SocketErrorOptions = {}) {
    super(message, options);
    // Options are not checked, as in the platform's errors: an error about them would hide
    // this one.
    const { operation, localAddr, remoteAddr, sent } = options ?? {};
    // Only what is known becomes a property: inspected errors stay short.
    if (operation !== undefined) this.operation = operation;
    if (localAddr !== undefined) this.localAddr = localAddr;
    if (remoteAddr !== undefined) this.remoteAddr = remoteAddr;
    if (sent !== undefined) this.sent = sent;
  }
}

function nameOf(code: SocketErrorCode): string {
  // As the platform has it.
  if (code === "aborted") return "AbortError";
  const upper = (start: string) => start.slice(-1).toUpperCase();
  return `${code.replace(/(^|-)./g, upper)}Error`;
}

/**
 * This side closed or aborted the socket, or ended the half that was used.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { ClosedError } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertRejects } from "@std/assert";
 * const [left] = memoryPair();
 * left.abort();
 * await assertRejects(() => left.read(), ClosedError);
 * ```
 */
export class ClosedError extends SocketError {
  /** Always `"closed"`. */
  readonly code: "closed" = "closed";
}

/**
 * The connection was reset, refused or unreachable, or could not be made for another
 * reason outside of this program. {@linkcode BrokenError.reason} says which.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { BrokenError } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 * const error = new BrokenError("refused", "Cannot connect to 127.0.0.1:1");
 * assertEquals(error.reason, "refused");
 * ```
 */
export class BrokenError extends SocketError {
  /** Always `"broken"`. */
  readonly code: "broken" = "broken";
  /** What happened. */
  readonly reason: BrokenReason;

  /** Says what broke and why. */
  constructor(
    reason: BrokenReason,
    message: string,
    options?: SocketErrorOptions,
  ) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * Two tasks read the same socket at once. The first one goes on undisturbed.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { BusyError } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 * const [left, right] = memoryPair();
 * const first = left.read();
 * await assertRejects(() => left.read(), BusyError);
 * await right.write("hi");
 * assertEquals((await first)?.length, 2);
 * ```
 */
export class BusyError extends SocketError {
  /** Always `"busy"`. */
  readonly code: "busy" = "busy";
}

/**
 * A time limit of this library passed. Its `name` is what the platform uses too, so
 * `error.name === "TimeoutError"` catches both.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { TimeoutError } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertRejects } from "@std/assert";
 * const [left] = memoryPair();
 * await assertRejects(() => left.read({ timeoutMs: 10 }), TimeoutError);
 * ```
 */
export class TimeoutError extends SocketError {
  /** Always `"timeout"`. */
  readonly code: "timeout" = "timeout";
  /** The limit that passed, in milliseconds. */
  readonly timeoutMs: number;

  /**
   * Names the operation and its limit; with `where`, such as `"to 127.0.0.1:80"`, the place,
   * and with `waitedFor`, such as `"the TLS handshake did not end"`, what was going on.
   */
  constructor(
    operation: string,
    timeoutMs: number,
    options?: SocketErrorOptions & { where?: string; waitedFor?: string },
  ) {
    const { where, waitedFor = "the time limit passed" } = options ?? {};
    const what = where === undefined ? operation : `${operation} ${where}`;
    super(
      // What is left of a longer limit is hardly ever a whole number.
      `Cannot ${what} within ${Math.ceil(timeoutMs)} ms: ${waitedFor}`,
      { ...options, operation },
    );
    this.timeoutMs = timeoutMs;
  }
}

/**
 * A request was given up, as a signal said: its `cause` is the signal's reason, untouched,
 * and `sent` says whether the request can be repeated. (Calls that are no requests reject
 * with the reason itself.) Its `name` is what the platform uses too.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { AbortError, framed, lines } from "@sluice/net";
 * import { Requests } from "@sluice/net/client";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 * const [client] = memoryPair();
 * using requests = new Requests(framed(client, lines()), { match: "order" });
 * const signal = AbortSignal.abort("not now");
 * const error = await assertRejects(() => requests.request("GET", { signal }), AbortError);
 * assertEquals([error.cause, error.sent], ["not now", false]);
 * ```
 */
export class AbortError extends SocketError {
  /** Always `"aborted"`. */
  readonly code: "aborted" = "aborted";
}

/**
 * The peer ended its side in the middle of what was being read. The bytes that
 * did arrive stay buffered.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { UnexpectedEofError } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 * const [left, right] = memoryPair();
 * await right.write("abc");
 * await right.closeWrite();
 * const error = await assertRejects(() => left.readExactly(4), UnexpectedEofError);
 * assertEquals([error.received, error.expected], [3, 4]);
 * ```
 */
export class UnexpectedEofError extends SocketError {
  /** Always `"unexpected-eof"`. */
  readonly code: "unexpected-eof" = "unexpected-eof";
  /** Bytes of the unfinished piece that did arrive. */
  readonly received: number;
  /** Bytes that were expected, where known. */
  readonly expected: number | undefined;

  /** Says how much came and how much was due. */
  constructor(
    received: number,
    expected: number | undefined,
    message: string,
    options?: SocketErrorOptions,
  ) {
    super(message, options);
    this.received = received;
    this.expected = expected;
  }
}

/**
 * A frame, a line or a buffer is larger than its limit. Nothing was allocated
 * for it.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { FrameTooLargeError } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 * const [left, right] = memoryPair();
 * await right.write("a line that is too long\n");
 * const error = await assertRejects(
 *   () => left.readUntil("\n", { maxBytes: 8 }),
 *   FrameTooLargeError,
 * );
 * assertEquals(error.limit, 8);
 * ```
 */
export class FrameTooLargeError extends SocketError {
  /** Always `"frame-too-large"`. */
  readonly code: "frame-too-large" = "frame-too-large";
  /** The most that is allowed, in bytes. */
  readonly limit: number;
  /** The size that was claimed, in bytes; `undefined` where only "more" is known. */
  readonly claimed: number | bigint | undefined;
  /** Whether the frame is being dropped so that the next one can still be read. */
  readonly skipped: boolean;

  /** Says what was claimed and what is allowed. */
  constructor(
    limit: number,
    claimed: number | bigint | undefined,
    options: SocketErrorOptions & {
      /**
       * See {@linkcode FrameTooLargeError.skipped}.
       *
       * @default {false}
       */
      skipped?: boolean;
    } = {},
  ) {
    super(
      `Cannot accept a frame: its size must be at most ${limit} bytes, got ` +
        `${claimed ?? "more"}` +
        (beginsTls(claimed) ? " (is it TLS that the peer speaks?)" : ""),
      options,
    );
    this.limit = limit;
    this.claimed = claimed;
    this.skipped = options?.skipped ?? false;
  }
}

/** The first 2, 3, 4 or 8 bytes of a TLS record: its type, 3 and 0 to 4, and its length. */
const TLS_RECORD = /^1[4-7]03(0[0-4]([\da-f]{2}|[\da-f]{10})?)?$/;

/** Whether the bytes that were read as a size begin a record of TLS. */
function beginsTls(claimed: number | bigint | undefined): boolean {
  return TLS_RECORD.test(claimed?.toString(16) ?? "");
}

/**
 * The bytes are not valid for the codec.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { MalformedFrameError } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 * const frame = new TextEncoder().encode("{oops");
 * const error = new MalformedFrameError("Cannot parse the frame as JSON", { frame });
 * assertEquals(error.frame, frame);
 * ```
 */
export class MalformedFrameError extends SocketError {
  /** Always `"malformed-frame"`. */
  readonly code: "malformed-frame" = "malformed-frame";
  /** The offending frame, where the codec could still cut it out. */
  readonly frame: unknown;
  /** Whether the stream is still in step, so that the next frame can be read. */
  readonly recoverable: boolean;

  /** Says what is wrong with the bytes. */
  constructor(
    message: string,
    options: SocketErrorOptions & {
      /** See {@linkcode MalformedFrameError.frame}. */
      frame?: unknown;
      /**
       * See {@linkcode MalformedFrameError.recoverable}.
       *
       * @default {false}
       */
      recoverable?: boolean;
    } = {},
  ) {
    super(message, options);
    this.frame = options?.frame;
    this.recoverable = options?.recoverable ?? false;
  }
}

/**
 * A codec broke its contract: a decoder returned frames without taking bytes, or
 * `null` where it needs more of them. It is a fault of this side's program and never
 * of the peer.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { type Codec, CodecError, framed, lines } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertRejects } from "@std/assert";
 * const looking: Codec<number, string> = {
 *   // It never takes the byte that it looks at.
 *   decoder: () => ({
 *     decode: (bytes) => bytes.length > 0 ? bytes.at(0) : undefined,
 *   }),
 *   encoder: () => lines().encoder(),
 * };
 * const [left, right] = memoryPair();
 * await left.write("hello");
 * await assertRejects(() => framed(right, looking).receive(), CodecError);
 * ```
 */
export class CodecError extends SocketError {
  /** Always `"codec"`. */
  readonly code: "codec" = "codec";
}

/**
 * TLS failed: {@linkcode TlsError.reason} says how. Never worth a retry.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { TlsError } from "@sluice/net";
 * const retry = (error: unknown) => !(error instanceof TlsError);
 * console.assert(!retry(new TlsError("expired", "Cannot trust 127.0.0.1:443")));
 * ```
 */
export class TlsError extends SocketError {
  /** Always `"tls"`. */
  readonly code: "tls" = "tls";
  /** What is wrong. */
  readonly reason: TlsReason;

  /** Says what is wrong with the session. */
  constructor(
    reason: TlsReason,
    message: string,
    options?: SocketErrorOptions,
  ) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * A proxy did not let a connection through: {@linkcode ProxyError.reason} says why. Where it
 * could not reach the server the error is a `BrokenError`, as without a proxy.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { ProxyError } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 * const text = "Cannot connect to example.com:443 through the proxy 127.0.0.1:3128";
 * const error = new ProxyError("authentication", text, { reply: 407 });
 * assertEquals([error.reason, error.reply], ["authentication", 407]);
 * ```
 */
export class ProxyError extends SocketError {
  /** Always `"proxy"`. */
  readonly code: "proxy" = "proxy";
  /** What is wrong. */
  readonly reason: ProxyReason;
  /** What the proxy answered, where it did: a reply of SOCKS 5, or a status of HTTP. */
  readonly reply: number | undefined;

  /** Says what is wrong with the proxy, or with what was asked of it. */
  constructor(
    reason: ProxyReason,
    message: string,
    options: SocketErrorOptions & {
      /** See {@linkcode ProxyError.reply}. */
      reply?: number;
    } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.reply = options.reply;
  }
}

/**
 * A limit of the server or of the socket was reached; the message names it.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { LimitError } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 * const error = new LimitError("maxConnections", 100, "Cannot accept a connection");
 * assertEquals([error.option, error.limit], ["maxConnections", 100]);
 * ```
 */
export class LimitError extends SocketError {
  /** Always `"limit"`. */
  readonly code: "limit" = "limit";
  /** The option that set the limit, for instance `"maxConnections"`. */
  readonly option: string;
  /** Its value. */
  readonly limit: number;

  /** Says which option's limit was reached. */
  constructor(
    option: string,
    limit: number,
    message: string,
    options?: SocketErrorOptions,
  ) {
    super(message, options);
    this.option = option;
    this.limit = limit;
  }
}

/**
 * Deno denies the permission; {@linkcode PermissionError.flags} would grant it.
 *
 * @category Errors
 *
 * @example
 * ```ts
 * import { PermissionError } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 * const error = new PermissionError(["--allow-net=127.0.0.1:80"], "Cannot listen");
 * assertEquals(error.flags, ["--allow-net=127.0.0.1:80"]);
 * ```
 */
export class PermissionError extends SocketError {
  /** Always `"permission"`. */
  readonly code: "permission" = "permission";
  /** The command-line flags that are missing. */
  readonly flags: readonly string[];

  /** Says which flags are missing. */
  constructor(
    flags: readonly string[],
    message: string,
    options?: SocketErrorOptions,
  ) {
    super(message, options);
    this.flags = flags;
  }
}

/**
 * A worker could not start, or workers of the group died too often. Its `cause` is what the
 * worker threw, as far as that can be passed on: its name, its message and its stack.
 *
 * @example
 * ```ts
 * import { WorkerError } from "@sluice/net/workers";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new WorkerError("hung", 2, "Cannot start worker 2: it does not answer");
 * assertEquals([error.code, error.failure, error.index], ["worker", "hung", 2]);
 * ```
 *
 * @category Errors
 */
export class WorkerError extends SocketError {
  /** Always `"worker"`. */
  readonly code: "worker" = "worker";
  /** What went wrong. */
  readonly failure: WorkerFailure;
  /** Which worker it was, from 0. */
  readonly index: number;

  /** Says which worker, and what went wrong. */
  constructor(
    failure: WorkerFailure,
    index: number,
    message: string,
    options?: SocketErrorOptions,
  ) {
    super(message, options);
    this.failure = failure;
    this.index = index;
  }
}
