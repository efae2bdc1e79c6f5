/**
 * Two connections made one, as proxies, tunnels and load balancers do.
 *
 * It guarantees that the bytes of each side reach the other one unchanged and in order;
 * the end of one side's stream is passed on behind its last byte, while the other
 * direction goes on; a side that reads slowly slows the other one down, as at most two
 * chunks of each direction are in memory; and both sockets are closed when it is over,
 * however it ended. It does not look into the bytes, retry or reconnect.
 * `server/` and what is above it may import it.
 *
 * Each direction has two buffers: the next read goes into one while the other is sent.
 * Chunks of 64 KiB, as reads of a busy connection are, are sent from there without a copy;
 * smaller ones are copied once, by `write`.
 *
 * ```text
 * relaying -- both directions are done -------------------> both are closed
 *    |  \                                                        ^
 *    |   -- one direction is done --> half-open -- the other --- +
 *    |                                   |
 *    +-- a limit passes -----------------+-- a limit passes --> both are aborted
 * ```
 *
 * A direction is done when its end was passed on, when it cannot be read any more and what
 * came before was sent, or when it cannot be written any more. So what a peer said before
 * its connection broke still arrives, before the other connection is aborted.
 *
 * @module
 */

import {
  checkAboveZero,
  checkFunction,
  checkNames,
  wrongKind,
} from "../_check.ts";
import { BusyError, TimeoutError } from "../errors.ts";
import { type CallOptions, checkCall, watchCall } from "../time/call_limits.ts";
import { checkEnds } from "../time/deadline.ts";
import {
  Alarm,
  type AlarmListener,
  type AlarmOptions,
} from "../time/coarse_timer.ts";
import { checkSocket, halvesOf, type Socket } from "./socket.ts";

/**
 * One side of a {@linkcode relay}: its first or its second socket.
 *
 * @category Sockets
 */
export type RelaySide = "a" | "b";

/**
 * Limits of a {@linkcode relay}: `signal`, `timeoutMs` and `deadline` hold for all of it.
 *
 * @category Sockets
 *
 * @example
 * ```ts
 * import { relay, type RelayOptions } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 *
 * const limits: RelayOptions = { idleMs: 300_000, halfCloseIdleMs: 10_000 };
 * const [client, a] = memoryPair();
 * const [b, server] = memoryPair();
 * const relaying = relay(a, b, limits);
 * await Promise.all([client.closeWrite(), server.closeWrite()]);
 * await relaying;
 * ```
 */
export interface RelayOptions extends CallOptions {
  /**
   * Longest that nothing may move in either direction, in milliseconds, above 0. It does
   * not keep the process alive.
   *
   * @default {Infinity}
   */
  idleMs?: number | undefined;
  /**
   * The same once one direction is done, where that is less than `idleMs`: many peers
   * that have read the end of the stream are gone without closing.
   *
   * @default {60_000}
   */
  halfCloseIdleMs?: number | undefined;
  /**
   * Called with the size of each chunk before it is written, and the side that sent it. A
   * promise holds that direction back until it resolves, for instance to keep to a rate.
   * What it throws ends the relay.
   */
  beforeWrite?:
    | ((bytes: number, from: RelaySide) => void | Promise<void>)
    | undefined;
}

/**
 * The outcome of a {@linkcode relay}.
 *
 * @category Sockets
 *
 * @example
 * ```ts
 * import type { RelayResult } from "@sluice/net";
 *
 * const line = ({ bytesAToB, bytesBToA, endedBy }: RelayResult) =>
 *   `${bytesAToB} bytes out, ${bytesBToA} in, ended by ${endedBy}`;
 * console.assert(line({ bytesAToB: 1, bytesBToA: 2, endedBy: "a" }) !== "");
 * ```
 */
export interface RelayResult {
  /** Bytes of `a` that the connection of `b` has taken. */
  bytesAToB: number;
  /** Bytes of `b` that the connection of `a` has taken. */
  bytesBToA: number;
  /**
   * What ended it:
   *
   * - `"a"`, `"b"`: this side did. It ended its stream first, and the other side ended its
   *   own later; or it broke or was closed, and `error` says how.
   * - `"idle"`: nothing moved for `idleMs`.
   * - `"half-close-idle"`: one direction was done, and nothing moved for
   *   `halfCloseIdleMs`.
   */
  endedBy: RelaySide | "idle" | "half-close-idle";
  /** What the side failed with, or the limit that passed; absent after a graceful end. */
  error?: unknown;
}

/**
 * Passes the bytes of each socket on to the other, until both have ended their streams.
 *
 * The end of each stream is passed on as `closeWrite`. Where a connection breaks, what it
 * sent before is passed on, and the other one is aborted. Both sockets belong to the relay
 * and are closed when it is over. What peers do is no error: see
 * {@linkcode RelayResult.endedBy}.
 *
 * Cancellation: a limit of this call aborts both sockets, and the call rejects; so it is
 * where `signal` has aborted before, or the deadline has passed.
 *
 * @param a One socket.
 * @param b The other one.
 * @param options Limits, and what to do before each chunk.
 * @returns How much was passed on, and what ended it.
 * @throws {TypeError} An option is of the wrong type or not known, or `a` is `b`.
 * @throws {RangeError} An option is out of its range.
 * @throws {BusyError} A read of one of the sockets is under way. Nothing was touched.
 * @throws {TimeoutError} `timeoutMs` or the deadline passed.
 * @throws {unknown} `signal.reason`, or what `beforeWrite` throws, untouched.
 * @category Sockets
 *
 * @example A proxy
 * ```ts
 * import { connect, relay, serve } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using target = serve({ port: 0 }, async (socket) => {
 *   await socket.write(`hello ${await socket.readLine()}\n`);
 * });
 * await using proxy = serve({ port: 0 }, async (client, { signal }) => {
 *   const upstream = await connect({ port: target.addr.port, signal });
 *   await relay(client, upstream, { idleMs: 300_000 });
 * });
 *
 * await using client = await connect({ port: proxy.addr.port });
 * await client.write("world\n");
 * assertEquals(await client.readLine(), "hello world");
 * ```
 */
export async function relay(
  a: Socket,
  b: Socket,
  options: RelayOptions = {},
): Promise<RelayResult> {
  checkNames("relay", "options", options, OPTION_NAMES);
  const { idleMs = Infinity, halfCloseIdleMs = 60_000, beforeWrite } = options;
  for (const [name, socket] of Object.entries({ a, b })) {
    checkSocket("relay", name, socket);
  }
  if (a === b) throw wrongKind("relay", "b", "another socket than a", b);
  checkAboveZero("relay", "idleMs", idleMs);
  checkAboveZero("relay", "halfCloseIdleMs", halfCloseIdleMs);
  if (beforeWrite !== undefined) {
    checkFunction("relay", "beforeWrite", beforeWrite);
  }
  const { signal, timeoutMs, deadline } = options;
  checkEnds("relay", options);
  checkCall("relay", { timeoutMs });
  checkBusy(a);
  checkBusy(b);
  const limits = { idleMs, halfCloseIdleMs };
  const relaying = new Relay(a, b, limits, beforeWrite);
  return await relaying.run({ signal, timeoutMs, deadline });
}

/** Throws where another call reads: that one must not be disturbed. */
function checkBusy(socket: Socket): void {
  try {
    halvesOf(socket).readLoop.check("relay");
  } catch (error) {
    // One that has ended ends the relay as soon as it begins.
    if (error instanceof BusyError) throw error;
  }
}

/** A process whose work is done does not wait until its connections have been idle. */
const IDLE_ALARM: AlarmOptions = { holdsProcess: false };

const DONE = Promise.resolve();

/** Two directions, and what ends both. */
class Relay implements AlarmListener {
  readonly #ahead: Direction;
  readonly #back: Direction;
  readonly #idleMs: number;
  readonly #halfCloseIdleMs: number;
  readonly #beforeWrite: RelayOptions["beforeWrite"];
  readonly #alarm = new Alarm(this, IDLE_ALARM);
  /** The side that ended its stream first. */
  #firstEnd: RelaySide | undefined;
  /** The first failure. */
  #failure: Pick<RelayResult, "endedBy" | "error"> | undefined;
  readonly #over = Promise.withResolvers<void>();
  #isOver = false;

  constructor(
    a: Socket,
    b: Socket,
    limits: { idleMs: number; halfCloseIdleMs: number },
    beforeWrite: RelayOptions["beforeWrite"],
  ) {
    this.#ahead = new Direction("a", a, "b", b);
    this.#back = new Direction("b", b, "a", a);
    this.#idleMs = limits.idleMs;
    this.#halfCloseIdleMs = limits.halfCloseIdleMs;
    this.#beforeWrite = beforeWrite;
  }

  async run(limits: CallOptions): Promise<RelayResult> {
    const unwatch = watchCall("relay", limits, this.#cut);
    this.#alarm.limitMs = this.#idleMs;
    this.#alarm.arm();
    for (const direction of [this.#ahead, this.#back]) {
      const { side, from } = direction;
      void this.#carry(direction);
      from.closed.then(() => {
        if (!this.#isOver) this.#onBroken(side, from.signal.reason);
      });
    }
    try {
      await this.#over.promise;
    } finally {
      unwatch();
    }
    if (this.#failure === undefined) {
      // Both streams have ended: there is nothing left that could fail.
      const sockets = [this.#ahead.from, this.#back.from];
      await Promise.allSettled(sockets.map((socket) => socket.close()));
    }
    return {
      bytesAToB: this.#ahead.bytes,
      bytesBToA: this.#back.bytes,
      ...this.#failure ?? { endedBy: this.#firstEnd! },
    };
  }

  async #carry(direction: Direction): Promise<void> {
    const { side, from, toSide, to } = direction;
    for (;;) {
      const target = direction.nextTarget;
      let count: number | null;
      try {
        count = await from.readInto(target);
      } catch (error) {
        this.#onBroken(side, error);
        break;
      }
      if (count === null) {
        this.#firstEnd ??= side;
        break;
      }
      this.#alarm.arm();
      if (this.#beforeWrite !== undefined) {
        try {
          await this.#beforeWrite(count, side);
        } catch (error) {
          return this.#cut(error);
        }
      }
      // The other buffer must be free for the next read.
      await direction.sending;
      if (direction.isDone) return;
      direction.sending = this.#send(direction, target.subarray(0, count));
      direction.resize(count);
    }
    await direction.sending;
    if (this.#failure === undefined) {
      this.#limitHalfOpen();
      try {
        await to.closeWrite();
      } catch (error) {
        this.#onBroken(toSide, error);
      }
    }
    this.#onDone(direction);
  }

  /** Resolves when the transport has taken the chunk, or takes none any more. */
  async #send(direction: Direction, chunk: Uint8Array): Promise<void> {
    const { toSide, to } = direction;
    direction.isSending = true;
    direction.seenBytes = to.stats.bytesWritten;
    try {
      await to.write(chunk);
      // A small one was only accepted: how it ends would be known with the next one.
      await to.flush();
      direction.bytes += chunk.length;
      this.#alarm.arm();
    } catch (error) {
      this.#onBroken(toSide, error);
    }
    direction.isSending = false;
  }

  /** This side takes nothing any more. What it sent before may still have to be read. */
  #onBroken(side: RelaySide, error: unknown): void {
    if (this.#isOver) return;
    this.#failure ??= { endedBy: side, error };
    this.#limitHalfOpen();
    this.#onDone(side === "a" ? this.#back : this.#ahead);
  }

  #onDone(direction: Direction): void {
    direction.isDone = true;
    if (!(this.#ahead.isDone && this.#back.isDone)) return;
    if (this.#failure === undefined) this.#end();
    else this.#abort(this.#failure.error);
  }

  /** A limit of the call has passed, or a hook has failed. */
  readonly #cut = (reason: unknown): void => {
    if (this.#isOver) return;
    this.#over.reject(reason);
    this.#abort(reason);
  };

  #abort(reason: unknown): void {
    // Before the sockets tell that they have ended.
    this.#end();
    this.#ahead.from.abort(reason);
    this.#back.from.abort(reason);
  }

  #end(): void {
    this.#isOver = this.#ahead.isDone = this.#back.isDone = true;
    this.#alarm.dispose();
    this.#over.resolve();
  }

  // ---- idle limits --------------------------------------------------------

  #limitHalfOpen(): void {
    this.#alarm.limitMs = Math.min(this.#idleMs, this.#halfCloseIdleMs);
    this.#alarm.arm();
  }

  /** For so long nothing was read and no chunk was sent to its end. */
  onAlarm({ limitMs }: Alarm): void {
    // Both are asked, as each remembers what it has seen.
    const moves = [this.#ahead.hasMoved(), this.#back.hasMoved()];
    if (moves.includes(true)) return this.#alarm.arm();
    this.#failure ??= {
      endedBy: limitMs === this.#idleMs ? "idle" : "half-close-idle",
      error: new TimeoutError("stay idle", limitMs),
    };
    this.#abort(this.#failure.error);
  }
}

/** The buffer in which a read of a quiet peer waits. */
const MIN_BUFFER_BYTES = 1024;
/** From this size on `write` makes no copy. */
const MAX_BUFFER_BYTES = 64 * 1024;

/** From one side to the other. */
class Direction {
  readonly side: RelaySide;
  readonly from: Socket;
  readonly toSide: RelaySide;
  readonly to: Socket;
  /** Those of chunks that were sent. */
  bytes = 0;
  /** Nothing is passed on any more. */
  isDone = false;
  /** When the last chunk was sent. Never rejects. */
  sending: Promise<void> = DONE;
  isSending = false;
  /** What the transport had taken when this was last looked at. */
  seenBytes = 0;
  #bufferBytes = MIN_BUFFER_BYTES;
  /** Read into now, while the other one may be sent. */
  #current: Uint8Array | undefined;
  #other: Uint8Array | undefined;

  constructor(side: RelaySide, from: Socket, toSide: RelaySide, to: Socket) {
    this.side = side;
    this.from = from;
    this.toSide = toSide;
    this.to = to;
  }

  /** Where the next read goes: not where the last one went. */
  get nextTarget(): Uint8Array {
    const next = this.#other;
    this.#other = this.#current;
    return this.#current = next?.length === this.#bufferBytes
      ? next
      : new Uint8Array(this.#bufferBytes);
  }

  /** The last read brought so many bytes: buffers follow the traffic. */
  resize(count: number): void {
    const size = this.#bufferBytes;
    if (count === this.#current!.length) {
      this.#bufferBytes = Math.min(MAX_BUFFER_BYTES, 4 * size);
    } else if (16 * count < size) {
      this.#bufferBytes = Math.max(MIN_BUFFER_BYTES, size / 4);
    }
  }

  /** Whether a part of a chunk was sent since this was last asked: a slow peer is not silent. */
  hasMoved(): boolean {
    const { bytesWritten } = this.to.stats;
    const moved = this.isSending && bytesWritten !== this.seenBytes;
    this.seenBytes = bytesWritten;
    return moved;
  }
}

const OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    "signal",
    "timeoutMs",
    "deadline",
    "idleMs",
    "halfCloseIdleMs",
    "beforeWrite",
  ] satisfies (keyof RelayOptions)[],
);
