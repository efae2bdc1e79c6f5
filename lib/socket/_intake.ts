/**
 * From the transport into the queue, for one call at a time.
 *
 * @module
 */

import { ByteQueue } from "../bytes/byte_queue.ts";
import { BusyError, type SocketError, TimeoutError } from "../errors.ts";
import { Alarm, type AlarmListener } from "../time/coarse_timer.ts";
import { type CallOptions, checkCall, watchCall } from "../time/call_limits.ts";
import type { Link } from "./_link.ts";
import type { Pace } from "./_pace.ts";
import { ReadLimits } from "./_read_limits.ts";
import type { Poll } from "./poll.ts";

type Resolve = (value: unknown) => void;

let resolveLast: Resolve;
/**
 * For `new Promise`, which calls it before it returns: no closure for each call. Of the
 * two functions that the engine makes, an idle connection keeps one: see `interrupt`.
 */
const keepResolve = (resolve: Resolve): void => {
  resolveLast = resolve;
};

/** The array that a read goes straight into, and how much came. */
interface Loan {
  readonly target: Uint8Array;
  /** Whether nobody misses the array where the call is cut off. */
  readonly given: boolean;
  count: number;
}

const pollLoan: Poll<number | null, Loan> = (ended, loan) =>
  ended ? null : loan.count;

const pollEnd: Poll<boolean> = (ended) => ended || undefined;

const pollMore: Poll<boolean, ByteQueue> = (ended, queue) =>
  queue.length > 0 || (ended ? false : undefined);

/** Why reading is over. One field of a socket that goes on: made when it does not. */
interface Over {
  /** No more bytes will come; thrown when the queue cannot serve a call. */
  failure?: SocketError;
  /** Whether a caller has been told so. */
  reported?: boolean;
  /** Nothing at all may be read any more, whatever the queue holds. */
  closed?: SocketError;
  /** The same, but what was read belongs to the next owner of the transport. */
  left?: SocketError;
}

/**
 * Reads from a transport into a queue, and from the queue to one caller at a time.
 *
 * Every call is a {@linkcode Poll}, asked once at the start and again after each
 * transport read. At most one transport read is in flight, and only because a
 * caller asked for bytes. A caller that gives up (time limit, signal) leaves it
 * running: its bytes are there for the next caller, so nothing is ever lost.
 */
export class Intake implements AlarmListener {
  readonly queue: ByteQueue = new ByteQueue();
  protected readonly link: Link;
  #reading = false;
  #ended = false;
  #over: Over | undefined;
  // The call that waits. In fields of its own, not an object: it is made per read.
  #operation: string | undefined;
  #poll: Poll<unknown, unknown> | undefined;
  #subject: unknown;
  #resolve: Resolve | undefined;
  #unwatch: (() => void) | undefined;
  #limits: ReadLimits | undefined;
  /** Where the read in flight goes, unless it is the queue. */
  #loan: Loan | undefined;
  // Bound functions are smaller than closures, and each idle socket has both.
  readonly #onRead = this.#endRead.bind(this);
  readonly #onError = this.#failRead.bind(this);

  constructor(link: Link) {
    this.link = link;
  }

  /** Whether a caller has been told why no more bytes will come. */
  get reported(): boolean {
    return this.#over?.reported === true;
  }

  /** Whether the peer has ended its side. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether a transport read is in flight. */
  get reading(): boolean {
    return this.#reading;
  }

  /** The limit of one call, in milliseconds. */
  set limitMs(limitMs: number) {
    if (limitMs === Infinity && this.#limits?.call === undefined) return;
    const limits = this.#limits ??= new ReadLimits();
    const alarm = limits.call ??= new Alarm(this);
    alarm.limitMs = limitMs;
    // A read straight into its caller's array cannot be cut off.
    if (this.#operation !== undefined && (!this.#lent || this.#loan!.given)) {
      alarm.arm();
    }
  }

  /**
   * A limit from the first byte of a piece to its last, for whoever cuts the pieces
   * to arm and to disarm.
   */
  limitPiece(operation: string, limitMs: number): Alarm {
    const limits = this.#limits ??= new ReadLimits();
    limits.piece?.dispose();
    limits.piece = new Alarm({
      onAlarm: () =>
        this.interrupt(new TimeoutError(operation, limitMs, this.link.ends())),
    });
    limits.piece.limitMs = limitMs;
    return limits.piece;
  }

  /** Fewest bytes a second while a call waits; `onSlow` hears of less. */
  setPace(pace: Pace): void {
    const limits = this.#limits ??= new ReadLimits();
    limits.pace = pace;
  }

  /** The limit of the call under way has passed. */
  onAlarm(alarm: Alarm): void {
    if (this.#operation === undefined) return;
    this.interrupt(
      new TimeoutError(this.#operation, alarm.limitMs, this.link.ends()),
    );
  }

  /** Nobody may read any more. A call under way rejects with `error`. */
  close(error: SocketError): void {
    (this.#over ??= {}).closed ??= error;
    this.queue.clear();
    this.#limits?.dispose();
    this.interrupt(error);
  }

  /** No more bytes will come; those in the queue can still be read. */
  fail(error: SocketError): void {
    const over = this.#over ??= {};
    over.failure ??= error;
    over.reported = this.#operation !== undefined;
    this.#limits?.dispose();
    this.interrupt(error);
  }

  /** The socket gave its transport away: only `more` and the queue still work. */
  leave(error: SocketError): void {
    (this.#over ??= {}).left = error;
    this.#limits?.dispose();
  }

  // ---- one call at a time -------------------------------------------------

  /** What every call checks first: limits, state, overlap. */
  check(operation: string, options?: CallOptions): void {
    if (options !== undefined) checkCall(operation, options);
    // Before overlap: while a socket closes, it is the socket itself that reads.
    if (this.#over !== undefined) {
      const closed = this.#over.closed ?? this.#over.left;
      if (closed !== undefined) throw closed;
    }
    if (this.#operation !== undefined) {
      throw new BusyError(
        `Cannot ${operation} as one read at a time is allowed: ${this.#operation} is under way`,
        { operation, ...this.link.ends() },
      );
    }
  }

  /**
   * Runs a call: at once if the queue can serve it, else as soon as it can.
   *
   * @param subject What `poll` is given each time.
   */
  run<T, S>(
    operation: string,
    options: CallOptions | undefined,
    poll: Poll<T, S>,
    subject: S,
  ): Promise<T> {
    try {
      this.check(operation, options);
      const found = poll(this.#ended, subject);
      if (found !== undefined) return Promise.resolve(found);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#wait(operation, options, poll, subject);
  }

  #wait<T, S>(
    operation: string,
    options: CallOptions | undefined,
    poll: Poll<T, S>,
    subject: S,
    loan?: Loan,
  ): Promise<T> {
    if (this.#over?.failure !== undefined) {
      this.#over.reported = true;
      return Promise.reject(this.#over.failure);
    }
    const call = new Promise<unknown>(keepResolve);
    this.#resolve = resolveLast;
    this.#operation = operation;
    this.#poll = poll as Poll<unknown, unknown>;
    this.#subject = subject;
    if (this.#limits !== undefined) this.#limits.start();
    if (options !== undefined) {
      this.#unwatch = watchCall(
        operation,
        options,
        (reason) => this.interrupt(reason),
      );
    }
    this.#read(loan);
    return call as Promise<T>;
  }

  #leaveCall(): void {
    this.#operation =
      this.#poll =
      this.#subject =
      this.#resolve =
        undefined;
    if (this.#limits !== undefined) this.#limits.stop();
    if (this.#unwatch !== undefined) {
      this.#unwatch();
      this.#unwatch = undefined;
    }
  }

  /** Whether the call that waits has lent the array that the read in flight fills. */
  get #lent(): boolean {
    return this.#loan !== undefined && this.#loan === this.#subject;
  }

  /** Ends the wait of the call under way; the transport read goes on. */
  interrupt(reason: unknown): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#leaveCall();
    // A promise takes over what becomes of another one.
    resolve(Promise.reject(reason));
  }

  #read(loan?: Loan): void {
    this.link.beforeWait();
    if (this.#reading) return;
    this.#reading = true;
    this.#loan = loan;
    const target = loan === undefined ? this.queue.reserve() : loan.target;
    try {
      this.link.flow.read(target).then(this.#onRead, this.#onError);
    } catch (error) {
      // A transport should reject; whoever wrote this one did not know.
      this.#onError(error);
    }
  }

  #endRead(count: number | null): void {
    this.#reading = false;
    if (count === null) {
      this.#ended = true;
    } else {
      // While the socket closes, what still comes is not even looked at.
      if (this.#over?.closed === undefined) this.#keep(count);
      this.link.traffic.onRead(count);
      this.link.onActivity();
    }
    if (this.#poll !== undefined) this.#advance(this.#poll);
  }

  #keep(count: number): void {
    const loan = this.#loan;
    if (loan === undefined) {
      this.queue.commit(count);
    } else {
      if (this.#lent) loan.count = count;
      // Whoever lent the array was cut off: the next call gets the bytes.
      else this.queue.append(loan.target.slice(0, count));
      this.#loan = undefined;
    }
  }

  #advance(poll: Poll<unknown, unknown>): void {
    let found: unknown;
    try {
      found = poll(this.#ended, this.#subject);
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

  #failRead(error: unknown): void {
    this.#reading = false;
    if (this.#over?.left !== undefined) this.interrupt(error);
    else this.link.onReadFailure(error);
  }

  /**
   * Waits for a read straight into `target`; `undefined` if it has to go through the queue.
   *
   * @param given Whether `target` is the caller's no more where the wait is cut off.
   */
  protected runDirect(
    operation: string,
    target: Uint8Array,
    given: boolean,
  ): Promise<number | null> | undefined {
    // Nothing may interrupt the wait and leave the transport writing into an array
    // that the caller has back.
    if (
      this.queue.length > 0 || (!given && this.#limits?.call !== undefined) ||
      this.#ended || this.#reading || this.#operation !== undefined ||
      this.#over?.closed !== undefined || this.#over?.left !== undefined
    ) return undefined;
    const loan = { target, given, count: 0 };
    return this.#wait(operation, undefined, pollLoan, loan, loan);
  }

  /** Discards everything until the stream ends. Used while closing. */
  discard(): Promise<boolean> {
    return this.#wait("close", undefined, pollEnd, undefined);
  }

  /** Waits until the queue is not empty; `false` at the end. Used after leaving. */
  more(): Promise<boolean> {
    return this.#wait("read", undefined, pollMore, this.queue);
  }
}
