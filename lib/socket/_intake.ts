/**
 * From the transport into the queue, for one call at a time.
 *
 * @module
 */

import { ByteQueue } from "../bytes/byte_queue.ts";
import { BusyError, type SocketError, TimeoutError } from "../errors.ts";
import { Alarm } from "../time/coarse_timer.ts";
import { type CallOptions, checkCall, watchCall } from "../time/call_limits.ts";
import type { Link } from "./_link.ts";
import type { Pace } from "./_pace.ts";
import type { Poll } from "./poll.ts";

/**
 * Reads from a transport into a queue, and from the queue to one caller at a time.
 *
 * Every call is a {@linkcode Poll}, asked once at the start and again after each
 * transport read. At most one transport read is in flight, and only because a
 * caller asked for bytes. A caller that gives up (time limit, signal) leaves it
 * running: its bytes are there for the next caller, so nothing is ever lost.
 */
export class Intake {
  readonly queue: ByteQueue = new ByteQueue();
  protected readonly link: Link;
  #reading = false;
  #ended = false;
  /** Why no more bytes will come; thrown when the queue cannot serve a call. */
  #failure: SocketError | undefined;
  #reported = false;
  /** Why nothing at all may be read any more, whatever the queue holds. */
  #closed: SocketError | undefined;
  /** The same, but what was read belongs to the next owner of the transport. */
  #left: SocketError | undefined;
  // The call that waits. In fields of its own, not an object: it is made per read.
  #operation: string | undefined;
  #poll: Poll<unknown> | undefined;
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((reason: unknown) => void) | undefined;
  readonly #setCall = (
    resolve: (value: unknown) => void,
    reject: (reason: unknown) => void,
  ): void => {
    this.#resolve = resolve;
    this.#reject = reject;
  };
  #unwatch: (() => void) | undefined;
  #alarm: Alarm | undefined;
  #pace: Pace | undefined;
  #piece: Alarm | undefined;
  /** The array of a caller that the read in flight goes straight into. */
  #target: Uint8Array | undefined;
  /** Whether the call that waits has lent it, and how much then came. */
  #direct = false;
  #directCount = 0;

  constructor(link: Link) {
    this.link = link;
  }

  /** Whether a caller has been told why no more bytes will come. */
  get reported(): boolean {
    return this.#reported;
  }

  /** Whether a transport read is in flight. */
  get reading(): boolean {
    return this.#reading;
  }

  /** The limit of one call, in milliseconds. */
  set limitMs(limitMs: number) {
    if (limitMs === Infinity && this.#alarm === undefined) return;
    this.#alarm ??= new Alarm(() => this.#onAlarm());
    this.#alarm.limitMs = limitMs;
    // A read straight into its caller's array cannot be cut off.
    if (this.#operation !== undefined && !this.#direct) this.#alarm.arm();
  }

  /**
   * A limit from the first byte of a piece to its last, for whoever cuts the pieces
   * to arm and to disarm.
   */
  limitPiece(operation: string, limitMs: number): Alarm {
    this.#piece?.dispose();
    this.#piece = new Alarm(() =>
      this.interrupt(new TimeoutError(operation, limitMs, this.link.ends()))
    );
    this.#piece.limitMs = limitMs;
    return this.#piece;
  }

  /** Fewest bytes a second while a call waits; `onSlow` hears of less. */
  setPace(pace: Pace | undefined): void {
    this.#pace?.dispose();
    this.#pace = pace;
    if (this.#operation !== undefined) pace?.start();
  }

  #onAlarm(): void {
    if (this.#operation === undefined) return;
    const { limitMs } = this.#alarm!;
    this.interrupt(
      new TimeoutError(this.#operation, limitMs, this.link.ends()),
    );
  }

  #disposeLimits(): void {
    this.#alarm?.dispose();
    this.#pace?.dispose();
    this.#piece?.dispose();
  }

  /** Nobody may read any more. A call under way rejects with `error`. */
  close(error: SocketError): void {
    this.#closed ??= error;
    this.queue.clear();
    this.#disposeLimits();
    this.interrupt(error);
  }

  /** No more bytes will come; those in the queue can still be read. */
  fail(error: SocketError): void {
    this.#failure ??= error;
    this.#reported = this.#operation !== undefined;
    this.#disposeLimits();
    this.interrupt(error);
  }

  /** The socket gave its transport away: only `more` and the queue still work. */
  leave(error: SocketError): void {
    this.#left = error;
    this.#disposeLimits();
  }

  // ---- one call at a time -------------------------------------------------

  /** What every call checks first: limits, state, overlap. */
  check(operation: string, options?: CallOptions): void {
    if (options !== undefined) checkCall(operation, options);
    // Before overlap: while a socket closes, it is the socket itself that reads.
    const closed = this.#closed ?? this.#left;
    if (closed !== undefined) throw closed;
    if (this.#operation !== undefined) {
      throw new BusyError(
        `Cannot ${operation} as one read at a time is allowed: ${this.#operation} is under way`,
        { operation, ...this.link.ends() },
      );
    }
  }

  /** Runs a call: at once if the queue can serve it, else as soon as it can. */
  run<T>(
    operation: string,
    options: CallOptions | undefined,
    poll: Poll<T>,
  ): Promise<T> {
    try {
      this.check(operation, options);
      const found = poll(this.#ended);
      if (found !== undefined) return Promise.resolve(found);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#wait(operation, options, poll);
  }

  #wait<T>(
    operation: string,
    options: CallOptions | undefined,
    poll: Poll<T>,
    target?: Uint8Array,
  ): Promise<T> {
    if (this.#failure !== undefined) {
      this.#reported = true;
      return Promise.reject(this.#failure);
    }
    const call = new Promise<unknown>(this.#setCall);
    this.#operation = operation;
    this.#poll = poll;
    this.#alarm?.arm();
    this.#pace?.start();
    if (options !== undefined) {
      this.#unwatch = watchCall(
        operation,
        options,
        (reason) => this.interrupt(reason),
      );
    }
    this.#direct = target !== undefined;
    this.#read(target);
    return call as Promise<T>;
  }

  #leaveCall(): void {
    this.#operation =
      this.#poll =
      this.#resolve =
      this.#reject =
        undefined;
    this.#direct = false;
    this.#alarm?.disarm();
    this.#pace?.stop();
    if (this.#unwatch !== undefined) {
      this.#unwatch();
      this.#unwatch = undefined;
    }
  }

  /** Ends the wait of the call under way; the transport read goes on. */
  interrupt(reason: unknown): void {
    const reject = this.#reject;
    if (reject === undefined) return;
    this.#leaveCall();
    reject(reason);
  }

  #read(target?: Uint8Array): void {
    this.link.beforeWait();
    if (this.#reading) return;
    this.#reading = true;
    this.#target = target;
    try {
      this.link.flow.read(target ?? this.queue.reserve())
        .then(this.#onRead, this.#onError);
    } catch (error) {
      // A transport should reject; whoever wrote this one did not know.
      this.#onError(error);
    }
  }

  readonly #onRead = (count: number | null): void => {
    this.#reading = false;
    if (count === null) {
      this.#ended = true;
    } else {
      // While the socket closes, what still comes is not even looked at.
      if (this.#closed === undefined) this.#keep(count);
      this.link.traffic.onRead(count);
      this.link.onActivity();
    }
    if (this.#poll !== undefined) this.#advance(this.#poll);
  };

  #keep(count: number): void {
    if (this.#target === undefined) this.queue.commit(count);
    else if (this.#direct) this.#directCount = count;
    // Whoever lent the array was cut off: the next call gets the bytes.
    else this.queue.append(this.#target.slice(0, count));
  }

  #advance(poll: Poll<unknown>): void {
    let found: unknown;
    try {
      found = poll(this.#ended);
    } catch (error) {
      this.interrupt(error);
      return;
    }
    if (found === undefined) {
      this.#read();
    } else {
      const resolve = this.#resolve!;
      this.#leaveCall();
      resolve(found);
    }
  }

  readonly #onError = (error: unknown): void => {
    this.#reading = false;
    if (this.#left !== undefined) this.interrupt(error);
    else this.link.onReadFailure(error);
  };

  /** Waits for a read straight into `target`; `undefined` if it has to go through the queue. */
  protected runDirect(
    operation: string,
    target: Uint8Array,
  ): Promise<number | null> | undefined {
    // Nothing may interrupt the wait and leave the transport writing into an array
    // that the caller has back.
    if (
      this.#alarm !== undefined || this.queue.length > 0 || this.#ended ||
      this.#reading || this.#operation !== undefined ||
      this.#closed !== undefined || this.#left !== undefined
    ) return undefined;
    return this.#wait<number | null>(
      operation,
      undefined,
      (ended) => ended ? null : this.#directCount,
      target,
    );
  }

  /** Discards everything until the stream ends. Used while closing. */
  discard(): Promise<boolean> {
    return this.#wait("close", undefined, (ended) => ended || undefined);
  }

  /** Waits until the queue is not empty; `false` at the end. Used after leaving. */
  more(): Promise<boolean> {
    return this.#wait(
      "read",
      undefined,
      (ended) => this.queue.length > 0 || (ended ? false : undefined),
    );
  }
}
