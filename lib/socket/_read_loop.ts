/**
 * The read loop: from the transport into the queue, for one call at a time.
 *
 * A read of a transport cannot be taken back. So the loop never reads without a call that
 * asked for bytes, has at most one transport read in flight, and lets it run on where the
 * call is cut off (time limit, signal): what it brings is there for the next call, and
 * nothing is lost. A call is a function that looks at the queue, {@linkcode Take}: it is
 * asked once at the start and again after each transport read, so every way to read, and
 * every codec, is the same loop.
 *
 * @module
 */

import { ByteQueue } from "../bytes/byte_queue.ts";
import { isA, show } from "../_check.ts";
import { BusyError, type SocketError, TimeoutError } from "../errors.ts";
import {
  type CallOptions,
  checkCall,
  checkCallNames,
  watchCall,
} from "../time/call_limits.ts";
import {
  Alarm,
  type AlarmListener,
  type AlarmOptions,
} from "../time/coarse_timer.ts";
import type { ConnectionContext } from "./_connection_context.ts";
import type { EndReason } from "./_end_reason.ts";
import {
  type BudgetWaiter,
  noteReadEnd,
  noteReadStart,
  spendUnit,
  waitForBudget,
} from "./io_budget.ts";
import { type MinimumRate, ReadLimits } from "./_io_limits.ts";
import { observed } from "./observed.ts";

/**
 * Takes what a call asked for from the queue, and returns it, or `undefined` while it
 * needs more bytes. `ended` says that no more will come: then it returns something, or
 * throws.
 *
 * `subject` is what the call was started with. So what is called for each frame can be
 * one function for all, and need not be a closure for each.
 */
export type Take<T, S = undefined> = (
  ended: boolean,
  subject: S,
) => T | undefined;

/** Of a call that waits on a socket that does not hold the process. */
const UNREFERENCED_ALARM: AlarmOptions = { holdsProcess: false };

type Resolve = (value: unknown) => void;

let lastResolve: Resolve | undefined;
/**
 * For `new Promise`, which calls it before it returns: no closure for each call. Of the
 * two functions that the engine makes, an idle connection keeps one: see `interrupt`.
 */
const keepResolve = (resolve: Resolve): void => {
  lastResolve = resolve;
};

/** A call whose read goes straight into the caller's array, past the queue. */
interface DirectRead {
  readonly target: Uint8Array;
  /** Whether the transport may go on to fill the array where the call is cut off. */
  readonly abandonable: boolean;
  /** How much came; 0 while nothing has. */
  count: number;
}

const takeDirect: Take<number | null, DirectRead> = (ended, direct) =>
  direct.count > 0 ? direct.count : ended ? null : undefined;

const takeEnd: Take<boolean> = (ended) => ended || undefined;

const takeMore: Take<boolean, ByteQueue> = (ended, queue) =>
  queue.length > 0 || (ended ? false : undefined);

/** It is armed between two calls as well: the read of a call holds the process. */
const FRAME_ALARM: AlarmOptions = { holdsProcess: false };

/** What is discarded is read into this, by every socket that closes. */
let scratch = new Uint8Array(0);
const SCRATCH_BYTES = 64 * 1024;

/** What is not said of a socket that goes on: made when reading is about to end. */
interface ReadEnd {
  /** The server drains: calls end where they would wait for another frame. */
  draining?: boolean;
  /** What a write met; once the transport has no more bytes, this is why. */
  broken?: SocketError;
  /** No more bytes will come; thrown when the queue cannot serve a call. */
  failure?: SocketError;
  /** Whether a caller has been told so. */
  reported?: boolean;
  /** The same, where bytes were lost that had been read: a decoder may have failed of it. */
  lost?: SocketError;
  /** Nothing at all may be read any more, whatever the queue holds. */
  closed?: EndReason;
  /** Whether the peer's end had been read by then. */
  endedBefore?: boolean;
  /** The same, but what was read belongs to the next owner of the transport. */
  detached?: EndReason;
}

/**
 * Reads from a transport into a queue, and from the queue to one caller at a time.
 *
 * ```text
 *                      run(), the queue does not suffice
 *            idle ----------------------------------------> waiting, in flight <---+
 *             ^ ^                                            |   |     |           |
 *             | |        a read brings what was wanted       |   |     +-----------+
 *             | +--------------------------------------------+   |   not yet: next read
 *             |                                                  |
 *             |                                       interrupt()|  ^ run()
 *             |              the read settles                    v  |
 *             +------------------------------------------ in flight alone
 * ```
 *
 * | | `run` | a read settles | `interrupt` |
 * | --- | --- | --- | --- |
 * | idle | answers from the queue, or reads and waits | | nothing |
 * | waiting, in flight | `BusyError` | asks the call again; reads again, or idle | the call rejects; in flight alone |
 * | in flight alone | answers from the queue, or waits | its bytes stay in the queue; idle | nothing |
 * | held (TLS handshake) | `BusyError` | | nothing |
 *
 * A call that finds the budget of `io_budget.ts` spent waits without a read in flight
 * until other sockets have had their turn, and is asked then.
 *
 * The end of the peer's side, a failure, `close` and `detach` are {@linkcode ReadEnd}:
 * they say what a call gets that the queue cannot serve.
 */
export class ReadLoop implements AlarmListener, BudgetWaiter {
  readonly queue: ByteQueue = new ByteQueue();
  readonly #context: ConnectionContext;
  #ended = false;
  #end: ReadEnd | undefined;
  // The call that waits. In fields of its own, not an object: it is made per read.
  #operation: string | undefined;
  #take: Take<unknown, unknown> | undefined;
  #subject: unknown;
  #resolve: Resolve | undefined;
  #unwatch: (() => void) | undefined;
  /** Whether that call is being asked. */
  #isAsked = false;
  /** What it gets if that finds nothing, as a hook of a decoder has ended it meanwhile. */
  #givenUp: { readonly result: unknown } | undefined;
  #limits: ReadLimits | undefined;
  /** The array that the read in flight fills; `undefined` where none is in flight. */
  #target: Uint8Array | undefined;
  /** Whose array that is, unless it is the queue's. */
  #direct: DirectRead | undefined;
  // Bound functions are smaller than closures, and each idle socket has both.
  readonly #onRead = this.#endRead.bind(this);
  readonly #onError = this.#failRead.bind(this);

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  /** Whether a caller has been told why no more bytes will come. */
  get reported(): boolean {
    return this.#end?.reported === true;
  }

  /** Whether the peer has ended its side. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether a transport read is in flight. */
  get inFlight(): boolean {
    return this.#target !== undefined;
  }

  /** Whether that is one for which no call waits any more. */
  get isOrphaned(): boolean {
    return this.#target !== undefined && this.#resolve === undefined;
  }

  /** Whether the peer's end was read, and not only after this side was closed. */
  get endedFirst(): boolean {
    return this.#end?.closed === undefined
      ? this.#ended
      : this.#end.endedBefore === true;
  }

  /** Whether {@linkcode ReadLoop.drain} was called. */
  get draining(): boolean {
    return this.#end?.draining === true;
  }

  // ---- limits -------------------------------------------------------------

  /** The limit of one call, in milliseconds. */
  set limitMs(limitMs: number) {
    if (limitMs === Infinity && this.#limits?.call === undefined) return;
    const limits = this.#limits ??= new ReadLimits();
    const { isUnreferenced } = this.#context;
    const alarm = limits.call ??= new Alarm(
      this,
      isUnreferenced ? UNREFERENCED_ALARM : undefined,
    );
    alarm.limitMs = limitMs;
    if (this.#resolve !== undefined && this.#interruptible) alarm.arm();
  }

  /** `ref` or `unref` was called: the limit of a call holds the process as its read does. */
  holdLimit(holdsProcess: boolean): void {
    const alarm = this.#limits?.call;
    if (alarm !== undefined) alarm.holdsProcess = holdsProcess;
  }

  /**
   * A limit from the first byte of a frame to its last, which the framing arms and
   * disarms.
   */
  limitFrame(operation: string, limitMs: number): Alarm {
    const alarm = new Alarm({
      onAlarm: () =>
        this.interrupt(
          new TimeoutError(operation, limitMs, this.#context.addresses()),
        ),
    }, FRAME_ALARM);
    if (this.#isOver) {
      alarm.dispose();
      return alarm;
    }
    const limits = this.#limits ??= new ReadLimits();
    limits.frame?.dispose();
    limits.frame = alarm;
    alarm.limitMs = limitMs;
    return alarm;
  }

  /** Fewest bytes a second while a call waits. */
  set minimumRate(minimumRate: MinimumRate) {
    (this.#limits ??= new ReadLimits()).minimumRate = minimumRate;
  }

  /** The limit of the call that waits has passed. */
  onAlarm({ limitMs }: Alarm): void {
    if (this.#operation === undefined) return;
    this.interrupt(
      new TimeoutError(this.#operation, limitMs, this.#context.addresses()),
    );
  }

  // ---- ending -------------------------------------------------------------

  get #isOver(): boolean {
    const end = this.#end;
    return end !== undefined &&
      (end.closed ?? end.failure ?? end.detached) !== undefined;
  }

  /** Nothing may be read any more. A call that waits rejects with the error. */
  close(reason: EndReason): void {
    const end = this.#end ??= {};
    end.endedBefore ??= this.#ended;
    end.closed ??= reason;
    this.queue.clear();
    this.#limits?.dispose();
    if (this.#resolve !== undefined) this.interrupt(reason.error);
  }

  /** No more bytes will come; those in the queue can still be read. */
  fail(error: SocketError): void {
    const end = this.#end ??= {};
    end.failure ??= error;
    end.reported = this.#resolve !== undefined;
    this.#limits?.dispose();
    this.interrupt(error);
  }

  /**
   * A write has found the connection broken. What the transport still has can be read,
   * and then there is `error`: never a clean end.
   */
  breakAtEnd(error: SocketError): void {
    if (!this.#ended) (this.#end ??= {}).broken ??= error;
  }

  /** The socket gives its transport away: only `more` and the queue still work. */
  detach(reason: EndReason): void {
    (this.#end ??= {}).detached = reason;
    this.#limits?.dispose();
  }

  /**
   * The server shuts down: the call that waits is asked once more, and ends if no part of
   * a frame has arrived.
   */
  drain(): void {
    (this.#end ??= {}).draining = true;
    if (this.#take === undefined) return;
    this.#answer(this.#take);
    if (this.#take === undefined && this.inFlight) {
      this.#context.onReadOrphaned(true);
    }
  }

  /** No call may read until {@linkcode ReadLoop.release}. */
  hold(operation: string): void {
    this.#operation = operation;
  }

  /** Ends what {@linkcode ReadLoop.hold} began. */
  release(): void {
    this.#operation = undefined;
  }

  // ---- one call at a time -------------------------------------------------

  /** What every call checks first: limits, state, overlap. */
  check(operation: string, options?: CallOptions): void {
    if (options !== undefined) checkCall(operation, options);
    if (
      this.#end !== undefined || this.#operation !== undefined ||
      !this.queue.isIntact
    ) this.#checkState(operation);
  }

  #checkState(operation: string): void {
    // Before overlap: while a socket closes, it is the socket itself that reads.
    if (this.#end !== undefined) {
      const closed = this.#end.closed ?? this.#end.detached;
      if (closed !== undefined) throw closed.error;
    }
    if (this.#operation !== undefined) {
      throw new BusyError(
        `Cannot ${operation}: ${this.#operation} is under way (one read at a time)`,
        { operation, ...this.#context.addresses() },
      );
    }
    if (!this.queue.isIntact) throw this.#failLost();
  }

  /**
   * Runs a call: at once if the queue can serve it, else as soon as it can.
   *
   * @param subject What `take` is given each time.
   * @param names Of the options, where the call takes more than limits.
   */
  run<T, S>(
    operation: string,
    options: CallOptions | undefined,
    take: Take<T, S>,
    subject: S,
    names?: ReadonlySet<string>,
  ): Promise<T> {
    let mayTake: boolean;
    try {
      mayTake = this.begin(operation, options);
      if (mayTake) {
        const found = take(this.#ended, subject);
        if (found !== undefined) return Promise.resolve(found);
      }
    } catch (error) {
      return Promise.reject(this.errorOf(error));
    }
    return this.wait(operation, options, take, subject, mayTake, names);
  }

  /**
   * The first step of {@linkcode ReadLoop.run}, for a caller that takes what there is by
   * itself. Returns whether it may: `false` where the budget is spent.
   */
  begin(operation: string, options?: CallOptions): boolean {
    this.check(operation, options);
    return this.#spendUnit();
  }

  /**
   * What a call rejects with whose `take` has thrown `error`: where bytes were lost, that they
   * were, and not what a decoder says of an array without memory.
   */
  errorOf(error: unknown): unknown {
    if (!isA(error, TypeError)) return error;
    if (!this.queue.isIntact) return this.#failLost();
    return this.#end?.lost === undefined ? error : this.#end.lost;
  }

  /**
   * The last step: waits for what was not there.
   *
   * @param hasTaken Whether the caller has looked, as {@linkcode ReadLoop.begin} let it.
   */
  wait<T, S>(
    operation: string,
    options: CallOptions | undefined,
    take: Take<T, S>,
    subject: S,
    hasTaken: boolean,
    names?: ReadonlySet<string>,
  ): Promise<T> {
    try {
      // A hook of a decoder may have closed the socket, or begun to read itself.
      if (hasTaken) this.check(operation);
      checkCallNames(operation, options, names);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#wait(operation, options, take, subject, undefined, !hasTaken);
  }

  /**
   * Waits for a read straight into `target`; `undefined` if it has to go through the
   * queue.
   *
   * @param abandonable Whether the transport may go on to fill `target` where the wait is
   * cut off.
   */
  runDirect(
    operation: string,
    target: Uint8Array,
    abandonable: boolean,
  ): Promise<number | null> | undefined {
    // Nothing may interrupt the wait and leave the transport writing into an array
    // that the caller has back.
    if (
      this.queue.length > 0 ||
      (!abandonable && this.#limits?.call !== undefined) || this.#ended ||
      this.#target !== undefined || this.#operation !== undefined ||
      this.#isOver
    ) return undefined;
    const direct = { target, abandonable, count: 0 };
    const spent = !this.#spendUnit();
    return this.#wait(operation, undefined, takeDirect, direct, direct, spent);
  }

  /** Discards everything until the stream ends. Used while closing. */
  discard(): Promise<boolean> {
    return this.#wait("close", undefined, takeEnd, undefined, undefined, false);
  }

  /** Waits until the queue is not empty; `false` at the end. Used after detaching. */
  more(): Promise<boolean> {
    const { queue } = this;
    return this.#wait("read", undefined, takeMore, queue, undefined, false);
  }

  #wait<T, S>(
    operation: string,
    options: CallOptions | undefined,
    take: Take<T, S>,
    subject: S,
    direct: DirectRead | undefined,
    spent: boolean,
  ): Promise<T> {
    // Where the budget is spent, the queue may still have what is asked for.
    if (!spent && this.#end?.failure !== undefined) {
      this.#end.reported = true;
      return Promise.reject(this.#end.failure);
    }
    const call = new Promise<unknown>(keepResolve);
    this.#resolve = lastResolve;
    lastResolve = undefined;
    this.#operation = operation;
    this.#take = take as Take<unknown, unknown>;
    this.#subject = subject;
    if (this.#limits !== undefined) this.#limits.start();
    if (options !== undefined) {
      this.#unwatch = watchCall(
        operation,
        options,
        (reason) => this.#giveUp(observed(Promise.reject(reason))),
      );
      // Its time limit has passed by then, or a hook of a decoder has aborted it.
      if (this.#resolve === undefined) return call as Promise<T>;
    }
    if (spent) waitForBudget(this);
    else this.#read(direct);
    return call as Promise<T>;
  }

  #leaveCall(): void {
    this.#operation =
      this.#take =
      this.#subject =
      this.#resolve =
        undefined;
    if (this.#limits !== undefined) this.#limits.stop();
    if (this.#unwatch !== undefined) {
      this.#unwatch();
      this.#unwatch = undefined;
    }
  }

  /** Whether the call that waits may be cut off. */
  get #interruptible(): boolean {
    const direct = this.#direct;
    return direct === undefined || direct.abandonable ||
      direct !== this.#subject;
  }

  /** Ends the wait of the call under way; the transport read goes on. */
  interrupt(reason: unknown): void {
    if (this.#resolve === undefined) return;
    // A promise takes over what becomes of another one. That one is observed: the runtime
    // keeps a list of those that are not, and thousands at once would make it quadratic.
    this.#finish(observed(Promise.reject(reason)));
  }

  /** Ends the wait of the call that was made with `subject`, if it is under way. */
  finish<T>(subject: object, result: T): void {
    if (this.#subject === subject) this.#giveUp(result);
  }

  /** Its caller ends the wait. A frame that is being decoded is not lost by that. */
  #giveUp(result: unknown): void {
    if (this.#isAsked) this.#givenUp ??= { result };
    else if (this.#resolve !== undefined) this.#finish(result);
  }

  #finish(result: unknown): void {
    const resolve = this.#resolve!;
    this.#leaveCall();
    if (this.#target !== undefined) this.#context.onReadOrphaned(true);
    resolve(result);
  }

  /** Spends a unit of the budget; `false` where there is none. */
  #spendUnit(): boolean {
    return this.#context.inMemory || spendUnit();
  }

  /** Other sockets have had their turn: the call that waits is asked. */
  onNewBudget(): void {
    if (this.#take === undefined) return;
    this.#answer(this.#take);
    // It may be the same call, or one that was made meanwhile.
    if (this.#take === undefined) return;
    const failure = this.#end?.failure;
    if (failure !== undefined) {
      this.#end!.reported = true;
      this.interrupt(failure);
    } else {
      const isDirect = this.#take === takeDirect;
      this.#read(isDirect ? this.#subject as DirectRead : undefined);
    }
  }

  // ---- the transport read in flight ---------------------------------------

  #read(direct?: DirectRead): void {
    this.#context.beforeWait();
    if (this.#target !== undefined) {
      this.#context.onReadOrphaned(false);
      return;
    }
    this.#direct = direct;
    try {
      const target = this.#target = this.#targetOf(direct);
      this.#context.flow.read(target).then(this.#onRead, this.#onError);
      noteReadStart(this, this.#context.isSystem);
    } catch (error) {
      // A transport should reject; this one throws.
      this.#onError(error);
    }
  }

  #targetOf(direct: DirectRead | undefined): Uint8Array {
    if (direct !== undefined) return direct.target;
    // While the socket closes, what still comes is not even looked at.
    if (this.#end?.closed === undefined) return this.queue.reserve();
    // A transport may have transferred it.
    if (scratch.length === 0) scratch = new Uint8Array(SCRATCH_BYTES);
    return scratch;
  }

  #noteReadEnd(bytes: number): void {
    const { inMemory, isSystem } = this.#context;
    if (!inMemory) noteReadEnd(this, bytes, isSystem);
  }

  #endRead(count: number | null): void {
    const target = this.#target!;
    this.#target = undefined;
    // Looked at before anything is done with it: a transport may give whatever it likes.
    const isCount = Number.isInteger(count) && count! > 0 &&
      count! <= target.length;
    this.#noteReadEnd(isCount ? count! : 0);
    // Bytes that came before are lost: none may be read as if it followed them.
    if (this.#end?.failure !== undefined) return;
    if (count === null) {
      const broken = this.#end?.broken;
      if (broken !== undefined) return this.#failRead(broken);
      this.#context.tap?.onRead(null);
      this.#ended = true;
    } else {
      if (!isCount) return this.#failRead(wrongCount(count, target.length));
      this.#context.tap?.onRead(target.subarray(0, count));
      if (this.#end?.closed === undefined) this.#keep(count, target);
      this.#context.stats.onRead(count);
      this.#context.onActivity();
    }
    if (this.#take === undefined) {
      this.#context.onReadOrphaned(false);
    } else {
      this.#answer(this.#take);
      if (this.#take === undefined) return;
      if (this.#spendUnit()) this.#read();
      else waitForBudget(this);
    }
  }

  #keep(count: number, target: Uint8Array): void {
    const direct = this.#direct;
    if (direct === undefined) {
      this.queue.commit(count);
    } else {
      if (direct === this.#subject) direct.count = count;
      // The call was cut off: the next one gets the bytes.
      else this.queue.append(target.slice(0, count));
      this.#direct = undefined;
    }
  }

  /** Asks the call that waits, which ends if it found what it wanted, or threw. */
  #answer(take: Take<unknown, unknown>): void {
    if (!this.queue.isIntact) return void this.#failLost();
    let found: unknown;
    this.#isAsked = true;
    try {
      found = take(this.#ended, this.#subject);
    } catch (error) {
      found = observed(Promise.reject(error));
    }
    this.#isAsked = false;
    // By a hook of a decoder, or behind the first array of several.
    if (!this.queue.isIntact) return void this.#failLost();
    if (this.#givenUp !== undefined) {
      if (found === undefined) found = this.#givenUp.result;
      this.#givenUp = undefined;
    }
    const resolve = this.#resolve;
    // Without one, a hook of a decoder has closed the socket.
    if (found === undefined || resolve === undefined) return;
    this.#leaveCall();
    resolve(found);
  }

  /** Bytes that wait to be read have gone with memory that a caller has transferred. */
  #failLost(): unknown {
    const error = new TypeError(
      "an array was transferred, and with its memory bytes that were not read yet (transfer a copy)",
    );
    if (this.#end?.detached !== undefined) {
      this.interrupt(error);
      return error;
    }
    this.queue.clear();
    // The end behind lost bytes is no clean end.
    this.#ended = false;
    this.#context.onReadFailure(error);
    const end = this.#end!;
    end.reported = true;
    return end.lost = end.failure;
  }

  #failRead(error: unknown): void {
    this.#target = undefined;
    this.#noteReadEnd(0);
    if (this.#end?.detached !== undefined) this.interrupt(error);
    else this.#context.onReadFailure(this.#end?.broken ?? error);
  }
}

function wrongCount(count: unknown, most: number): TypeError {
  return new TypeError(
    most === 0
      ? "the array was transferred while a read was filling it"
      : `it must give 1 to ${most} bytes or null, got ${show(count)}`,
  );
}
