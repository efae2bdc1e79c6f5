/**
 * The writing half of a socket.
 *
 * What is written is gathered in a batch, and one batch after another leaves, each in one
 * transport write where the system takes it whole: while one is on its way the next one
 * fills. `flush_scheduler.ts` decides when a batch leaves, and so does what cannot
 * wait: a reader that is about to wait for the answer, `flush`, the high-water mark, the
 * end of the batch before it. There is no timer.
 *
 * Positions are bytes since the beginning:
 *
 * ```text
 * 0 ......... sent ......... committed ......... position
 *    taken by      in `sending`       in `filling`
 *    the transport
 * ```
 *
 * A write is accepted when no more than the high-water mark lies between `sent` and its
 * end; until then its caller waits.
 *
 * @module
 */

import type { ByteWriter } from "../bytes/byte_writer.ts";
import { checkBytes, TEXT_OR_BYTES } from "../_check.ts";
import {
  BrokenError,
  BusyError,
  ClosedError,
  CodecError,
  LimitError,
  type SocketError,
  TimeoutError,
} from "../errors.ts";
import {
  type CallOptions,
  checkCall,
  checkCallNames,
} from "../time/call_limits.ts";
import { Alarm, type AlarmListener } from "../time/coarse_timer.ts";
import type { ConnectionContext } from "./_connection_context.ts";
import type { EndReason } from "./_end_reason.ts";
import {
  type Flushable,
  flushedAlready,
  flushLate,
  flushSoon,
  noteWrite,
} from "./flush_scheduler.ts";
import {
  type BudgetWaiter,
  spendBytes,
  spendUnit,
  waitForBudget,
} from "./io_budget.ts";
import type { MinimumRate } from "./_io_limits.ts";
import { observed } from "./observed.ts";
import { type BatchSender, OutgoingBatch } from "./_outgoing_batch.ts";
import { SentWaiters } from "./_sent_waiters.ts";

/**
 * Holds frames of its own for a writer, which asks for them, once it was told of them by
 * {@linkcode Writer.pullLater}, whenever nothing is on its way: a peer that does not read fills the source's bounded queue, and not the writer.
 */
export interface OutgoingSource {
  /**
   * Nothing is on its way, and no frame is being encoded. The source may append to
   * {@linkcode Writer.message}, within {@linkcode Writer.room}, or call
   * {@linkcode Writer.sendShared}.
   */
  onWritable(): void;
  /** Another codec is in use from here on. */
  onSwitch(): void;
  /** Nothing can be sent after what it appends now, if {@linkcode Writer.isOpen}. */
  onEnd(): void;
}

const DONE = Promise.resolve();

/**
 * Writes that end within so many bytes of each other, or a sixteenth of the high-water
 * mark where that is less, wait for one promise: hundreds of thousands of small ones that
 * are not awaited must not cost a promise each.
 */
const SHARED_BYTES = 4 * 1024;

/**
 * What a promise that waits costs, roughly. Where there are more than are shared in the
 * way above, each counts as so many bytes that wait.
 */
const WAITER_BYTES = 512;

/**
 * A batch as large as this gains nothing by waiting for more, and loses: by the time
 * all other sockets had their turn, the processor's cache has forgotten it.
 */
const LARGE_BATCH_BYTES = 8 * 1024;

/**
 * ```text
 *          hold()             release()
 *   open --------> upgrading ----------> open
 *    | \              |
 *    |  \ end()       | fail()
 *    |   v            v
 *    | ended -----> failed
 *    |   fail()       ^
 *    +----------------+
 * ```
 *
 * | state | `check` (write) | `flush` | `end` |
 * | --- | --- | --- | --- |
 * | open | passes | waits | ends this side |
 * | open, in a frame | `BusyError` | waits for what is before the frame | ends this side before the frame |
 * | upgrading | `BusyError` | nothing is pending | `BusyError` |
 * | ended | `ClosedError` | waits | the same promise |
 * | failed | the failure | the failure | the same promise, or the failure |
 */
type State = "open" | "upgrading" | "ended" | "failed";

/** Gathers what is written and sends it, batch by batch. */
export class Writer
  implements BatchSender, Flushable, BudgetWaiter, AlarmListener {
  readonly #context: ConnectionContext;
  #state: State = "open";
  #filling: OutgoingBatch | undefined;
  #sending: OutgoingBatch | undefined;
  #committed = 0;
  #sent = 0;
  /** Calls that wait until bytes are sent; none for most of the time. */
  #waiters: SentWaiters | undefined;
  /** What will make the batch that fills leave, if nothing does before. */
  #scheduled: "no" | "soon" | "late" | "budget" = "no";
  /** Where in the batch that fills the frame begins that is being encoded; -1 for none. */
  #frameStart = -1;
  #failure: EndReason | undefined;
  #reported = false;
  #ending: Promise<void> | undefined;
  #rejectEnd: ((reason: unknown) => void) | undefined;
  #alarm: Alarm | undefined;
  #minimumRate: MinimumRate | undefined;
  /** Those that have frames for it, mostly none. */
  #sources: OutgoingSource[] | undefined;
  /** Whether a source waits to be asked. */
  #isAwaited = false;
  /** Carries what is shared: one for all that they send. */
  #sharedBatch: OutgoingBatch | undefined;
  /** Appends what a framing has to send before this side ends. */
  trailer: ((out: ByteWriter) => void) | undefined;
  /**
   * Batches that the transport was given, at least in part. Of bytes that were appended
   * while it was lower the peer may have got some.
   */
  batchesBegun = 0;
  /** Called once, when nothing can be written any more. */
  onFail: ((error: SocketError) => void) | undefined;

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  get #highWaterMarkBytes(): number {
    return this.#context.options.highWaterMarkBytes ?? 64 * 1024;
  }

  get #maxPendingBytes(): number {
    return this.#context.options.maxPendingBytes ?? 16 * 1024 * 1024;
  }

  /** Why nothing can be written any more. */
  get failure(): SocketError | undefined {
    return this.#failure?.error;
  }

  /** Whether something may be written. */
  get isOpen(): boolean {
    return this.#state === "open" && this.#frameStart < 0;
  }

  /** Whether a caller has been told of the failure. */
  get reported(): boolean {
    return this.#reported;
  }

  /** Whether nothing will be accepted any more: this side has ended, or failed. */
  get isOver(): boolean {
    return this.#state === "ended" || this.#state === "failed";
  }

  /** Bytes accepted and not yet taken by the transport. */
  get pendingBytes(): number {
    return this.#position - this.#sent;
  }

  /** What it holds in memory, roughly: those bytes, and calls that wait for them. */
  get heldBytes(): number {
    return this.pendingBytes + this.#waiterBytes;
  }

  get #waiterBytes(): number {
    if (this.#waiters === undefined) return 0;
    const free = this.pendingBytes / SHARED_BYTES;
    return Math.max(0, this.#waiters.length - free) * WAITER_BYTES;
  }

  /** Whether all is sent, so that nothing has failed, and the end of this side is neither begun nor has a trailer. */
  get isIdle(): boolean {
    return this.pendingBytes === 0 && this.#ending === undefined &&
      this.trailer === undefined && this.#sources === undefined;
  }

  /**
   * Whether a source may append: nothing is on its way or waits for this socket's turn, and
   * no frame is being encoded.
   */
  get isWritable(): boolean {
    return this.isOpen && this.#sending === undefined &&
      this.#scheduled !== "budget";
  }

  /** Bytes that fit before what appends more should wait for `appended` first. */
  get room(): number {
    return this.#highWaterMarkBytes - this.pendingBytes;
  }

  /** Where the next byte goes. */
  get #position(): number {
    const filling = this.#filling;
    return this.#committed +
      (filling === undefined ? 0 : filling.message.length);
  }

  // ---- limits -------------------------------------------------------------

  /** Longest that a write may stall, in milliseconds. */
  set limitMs(limitMs: number) {
    if (this.#failure !== undefined) return;
    if (limitMs === Infinity && this.#alarm === undefined) return;
    this.#alarm ??= new Alarm(this);
    this.#alarm.limitMs = limitMs;
    if (this.#sending !== undefined) this.#alarm.arm();
  }

  /** Fewest bytes a second while a batch is on its way. */
  set minimumRate(minimumRate: MinimumRate) {
    this.#minimumRate = minimumRate;
  }

  /** A write has stalled for too long. */
  onAlarm({ limitMs }: Alarm): void {
    this.fail(new TimeoutError("write", limitMs, this.#context.addresses()));
  }

  // ---- writing ------------------------------------------------------------

  /** Throws if nothing may be written. */
  check(operation: string, options?: CallOptions): void {
    if (options !== undefined) {
      checkCall(operation, options);
      // Not only when the call waits: by then its bytes are on their way.
      checkCallNames(operation, options);
    }
    if (this.#filling !== undefined) this.#checkPending(operation);
    if (this.#state !== "open" || this.#frameStart >= 0) {
      this.#refuse(operation);
    }
  }

  #refuse(operation: string): never {
    this.#checkFailure();
    const options = { operation, ...this.#context.addresses() };
    if (this.#state === "upgrading") {
      const why = `Cannot ${operation}: a TLS handshake is under way`;
      throw new BusyError(why, options);
    }
    if (this.#state === "open") {
      const why =
        `Cannot ${operation}: another frame of this connection is being encoded`;
      throw new BusyError(why, options);
    }
    const why = `Cannot ${operation}: this side has ended its stream`;
    throw new ClosedError(why, options);
  }

  /** A peer that does not read and a caller that does not wait fill the memory. */
  #checkPending(operation: string): void {
    const limit = this.#maxPendingBytes;
    // What is on its way does not count: it may be one large array, which is awaited.
    const pending = (this.#filling?.message.length ?? 0) + this.#waiterBytes;
    if (pending > limit) this.#refusePending(operation, limit);
  }

  #refusePending(operation: string, limit: number): void {
    this.fail(
      new LimitError(
        "maxPendingBytes",
        limit,
        `Cannot ${operation}: more than ${limit} bytes wait to be sent (await each write)`,
        { operation, ...this.#context.addresses() },
      ),
    );
  }

  #checkFailure(): void {
    if (this.#failure === undefined) return;
    this.#reported = true;
    throw this.#failure.error;
  }

  /** What the next bytes are appended to; follow with {@linkcode appended}. */
  get message(): ByteWriter {
    return (this.#filling ??= OutgoingBatch.acquire()).message;
  }

  /**
   * What the next frame is to be appended to. Until {@linkcode Writer.endFrame} or
   * {@linkcode Writer.dropFrame} nothing else is appended and nothing leaves, whatever a
   * getter of the frame does: a part of it would be on the wire.
   */
  beginFrame(operation: string): ByteWriter {
    if (this.#state !== "open") this.#refuse(operation);
    const { message } = this;
    this.#frameStart = message.length;
    return message;
  }

  /** The frame is whole. Throws, and takes it back, where this side has ended meanwhile. */
  endFrame(operation: string): void {
    const filling = this.#filling;
    if (
      this.#state === "open" && filling !== undefined &&
      filling.message.length >= this.#frameStart
    ) {
      this.#frameStart = -1;
    } else {
      this.dropFrame();
      this.#refuse(operation);
    }
  }

  /**
   * The frame is whole, and what is appended next is another one. Returns `false`, and
   * leaves it to {@linkcode Writer.endFrame} to say why, where that would throw.
   */
  nextFrame(message: ByteWriter): boolean {
    const { length } = message;
    if (this.#state !== "open" || length < this.#frameStart) return false;
    this.#frameStart = length;
    return true;
  }

  /** There is no frame: what was appended of it is taken back. */
  dropFrame(): void {
    const message = this.#filling?.message;
    if (message !== undefined) {
      const mark = this.#frameStart;
      if (message.length > mark) message.truncate(mark);
      else if (message.length < mark) this.#failLost();
    }
    this.#frameStart = -1;
    // After a whole frame a batch will be sent, and then they are asked.
    this.pull();
  }

  /** What was accepted before will never be sent: the connection cannot go on. */
  #failLost(): void {
    this.fail(
      new CodecError(
        "Cannot encode a frame: encode must append only, got a message that is shorter",
        { operation: "encode", ...this.#context.addresses() },
      ),
    );
  }

  /** Bytes were appended. Resolves when they are accepted under the high-water mark. */
  appended(operation: string, options?: CallOptions): Promise<void> {
    noteWrite();
    const message = this.#filling?.message;
    const end = this.#committed + (message === undefined ? 0 : message.length);
    const held = message !== undefined && message.hasReferences;
    if (!held && end - this.#sent <= this.#highWaterMarkBytes) {
      if (
        message !== undefined && this.#sending === undefined &&
        this.#scheduled === "no"
      ) this.#schedule(message);
      return DONE;
    }
    return this.#accepted(operation, end, held, options);
  }

  /** Resolves when what was appended up to `end` is accepted. */
  #accepted(
    operation: string,
    end: number,
    held: boolean,
    options: CallOptions | undefined,
  ): Promise<void> {
    this.#sendInTurn();
    // A borrowed array may change once its write resolves: not before it is sent.
    const position = end - (held ? 0 : this.#highWaterMarkBytes);
    if (options === undefined) {
      const later = Math.min(SHARED_BYTES, this.#highWaterMarkBytes / 16);
      return this.#untilSent(position, later);
    }
    return this.#untilSentWithin(operation, position, options, (reason) => {
      // How much of it is on the wire is not known.
      this.fail(
        new BrokenError(
          "write-cancelled",
          `Cannot write: an earlier ${operation} was cut off, an unknown part of it was sent`,
          { operation, cause: reason, ...this.#context.addresses() },
        ),
      );
    });
  }

  write(data: Uint8Array | string, options?: CallOptions): Promise<void> {
    try {
      if (typeof data !== "string") {
        checkBytes("write", "data", data, TEXT_OR_BYTES);
      }
    } catch (error) {
      return Promise.reject(error);
    }
    try {
      this.check("write", options);
    } catch (error) {
      return observed(Promise.reject(error));
    }
    if (typeof data === "string") this.message.writeText(data);
    else this.message.write(data);
    return this.appended("write", options);
  }

  /** Resolves when everything appended so far was sent. */
  flush(options?: CallOptions): Promise<void> {
    try {
      if (options !== undefined) {
        checkCall("flush", options);
        checkCallNames("flush", options);
        this.#checkPending("flush");
      }
      this.#checkFailure();
    } catch (error) {
      return observed(Promise.reject(error));
    }
    this.#sendInTurn();
    const position = this.#frameStart < 0
      ? this.#position
      : this.#committed + this.#frameStart;
    if (this.#sent === position) return DONE;
    // A flush that is cut off leaves the bytes on their way.
    return options === undefined
      ? this.#untilSent(position, 0)
      : this.#untilSentWithin("flush", position, options, () => {});
  }

  /**
   * Sends everything, then ends this side.
   *
   * @param byClosing The transport is about to be closed, and that will end it.
   */
  end(byClosing = false): Promise<void> {
    if (this.#state === "upgrading") {
      try {
        this.#refuse("closeWrite");
      } catch (error) {
        return observed(Promise.reject(error));
      }
    }
    if (this.#state === "open") {
      this.endSources();
      this.#state = "ended";
    }
    return this.#ending ??= observed(this.#end(byClosing));
  }

  async #end(byClosing: boolean): Promise<void> {
    // A getter of a frame may end this side: what is there of the frame is taken back first.
    if (this.#frameStart >= 0) await DONE;
    const failure = this.#appendTrailer("closeWrite");
    await this.flush();
    if (failure !== undefined) this.#failTorn(failure);
    if (byClosing) return;
    // It may have ended in the moment in which the last byte left.
    this.#checkFailure();
    this.#context.tap?.onWriteEnd();
    try {
      await this.#untilFailure(this.#context.transport.closeWrite());
    } catch (error) {
      const failure = this.#failure?.error ??
        this.#context.translate("closeWrite", error);
      this.fail(failure);
      throw failure;
    }
  }

  /** A framing goes on with other frames: appends the trailer of those before. */
  endFrames(operation: string): void {
    const failure = this.#appendTrailer(operation);
    if (failure === undefined) {
      // Nothing waits for it: it leaves with what is sent next, or by itself.
      observed(this.appended(operation));
      return;
    }
    this.#checkFailure();
    this.#state = "ended";
    this.#ending ??= observed(
      this.flush().then(() => this.#failTorn(failure)),
    );
    throw failure;
  }

  /** Appends the trailer, if there is one. Returns why that failed. */
  #appendTrailer(operation: string): SocketError | undefined {
    const { trailer } = this;
    if (trailer === undefined) return undefined;
    this.trailer = undefined;
    this.#checkFailure();
    // As for a frame: nothing comes between, and nothing leaves before it is whole.
    const { message } = this;
    this.#frameStart = message.length;
    try {
      trailer(message);
      return undefined;
    } catch (error) {
      const failure = this.#context.translate(operation, error);
      // What was accepted before is sent, unless the trailer took it away.
      if (message.length < this.#frameStart) this.fail(failure);
      return failure;
    } finally {
      this.#frameStart = -1;
    }
  }

  /** The peer has all but the trailer, and must not take that for the whole. */
  #failTorn(failure: SocketError): never {
    this.fail(failure);
    this.#reported = true;
    throw failure;
  }

  /** A transport may be closed and leave its `closeWrite` pending all the same. */
  #untilFailure(ended: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#rejectEnd = reject;
      Promise.resolve(ended).then(resolve, reject);
      // It may have been closed by the very call.
      if (this.#failure !== undefined) reject(this.#failure.error);
    });
  }

  /** Nothing may be written until {@linkcode Writer.release}. */
  hold(): void {
    this.#state = "upgrading";
  }

  /** Ends what {@linkcode Writer.hold} began. */
  release(): void {
    if (this.#state !== "upgrading") return;
    this.#state = "open";
    this.pull();
  }

  /** Nothing can be written any more: calls that wait, and later ones, get the reason. */
  fail(error: SocketError): void {
    this.endWith({ error });
  }

  /** The same, with an error that may not exist yet. */
  endWith(reason: EndReason): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#state = "failed";
    this.#alarm?.dispose();
    this.#minimumRate?.dispose();
    if (this.#rejectEnd !== undefined) this.#rejectEnd(reason.error);
    // Not given back: the transport may still be reading what is on its way.
    this.#committed = this.#position;
    this.#filling = undefined;
    this.#rejectWaiters(reason);
    this.endSources();
    if (this.onFail !== undefined) this.onFail(reason.error);
  }

  #rejectWaiters(reason: EndReason): void {
    const waiters = this.#waiters;
    if (waiters === undefined) return;
    this.#waiters = undefined;
    if (waiters.length > 0) this.#reported = true;
    waiters.reject(reason.error);
  }

  // ---- sources ------------------------------------------------------------

  /** From now on the writer asks `source` for its frames, until it is removed. */
  addSource(source: OutgoingSource): void {
    this.#sharedBatch ??= new OutgoingBatch(true);
    (this.#sources ??= []).push(source);
  }

  removeSource(source: OutgoingSource): void {
    const left = this.#sources?.filter((each) => each !== source);
    this.#sources = left?.length === 0 ? undefined : left;
  }

  /** Some source has frames that cannot leave now: it is asked when they can. */
  pullLater(): void {
    this.#isAwaited = true;
  }

  /** Lets the sources append, if it is a moment for that. */
  #askSources(): void {
    this.#isAwaited = false;
    for (const source of this.#sources ?? []) {
      if (this.isWritable) source.onWritable();
      else this.#isAwaited = true;
    }
  }

  /** The same, and sends what they appended. */
  pull(): void {
    if (!this.#isAwaited) return;
    this.#askSources();
    this.send();
  }

  /** A framing goes on with another codec. */
  switchSources(): void {
    for (const source of this.#sources ?? []) source.onSwitch();
    this.pull();
  }

  /** This side ends, or a framing no longer stands on it: the sources append what is due. */
  endSources(): void {
    for (const source of this.#sources ?? []) source.onEnd();
  }

  /**
   * Sends bytes that many connections share, without a copy, for a source. Returns
   * `false`, and does nothing, where anything has to leave before them.
   *
   * @param segments In this order; they never change.
   * @param length Bytes of all of them.
   */
  sendShared(segments: readonly Uint8Array[], length: number): boolean {
    const filling = this.#filling;
    const isEmpty = filling === undefined || filling.message.length === 0;
    if (!isEmpty || !this.isWritable) return false;
    const batch = this.#sharedBatch!;
    this.#sending = batch;
    this.#committed += length;
    this.batchesBegun++;
    batch.startShared(this, segments);
    return true;
  }

  // ---- waiting until it is sent -------------------------------------------

  /** Resolves when `position` is sent, or `later` bytes after it at the latest. */
  #untilSent(position: number, later: number): Promise<void> {
    if (this.#failure !== undefined) return this.#rejectFailed();
    return (this.#waiters ??= new SentWaiters()).add(position, later);
  }

  /** The same within the limits of one call. */
  #untilSentWithin(
    operation: string,
    position: number,
    options: CallOptions,
    onLimit: (reason: unknown) => void,
  ): Promise<void> {
    if (this.#failure !== undefined) return this.#rejectFailed();
    const waiters = this.#waiters ??= new SentWaiters();
    return waiters.addWithin(operation, position, options, (reason) => {
      if (position > this.#sent) onLimit(reason);
    });
  }

  /** A transport that throws has failed while it was given the batch. */
  #rejectFailed(): Promise<void> {
    this.#reported = true;
    return observed(Promise.reject(this.#failure!.error));
  }

  #wake(waiters: SentWaiters): void {
    waiters.wake(this.#sent);
    if (waiters.length === 0) this.#waiters = undefined;
  }

  // ---- sending ------------------------------------------------------------

  #schedule(message: ByteWriter): void {
    if (this.#context.unreadBytes > 0) {
      this.#scheduled = "late";
      flushLate(this);
    } else if (message.length >= LARGE_BATCH_BYTES) {
      this.#sendInTurn();
    } else {
      this.#scheduled = "soon";
      flushSoon(this);
    }
  }

  onFlush(): void {
    this.#scheduled = "no";
    this.send();
  }

  /** Sends what there is, unless a batch is on its way already. */
  send(): void {
    const batch = this.#filling;
    if (
      batch === undefined || this.#sending !== undefined ||
      this.#failure !== undefined || this.#frameStart >= 0
    ) return;
    if (this.#scheduled === "soon") {
      this.#scheduled = "no";
      flushedAlready();
    }
    this.#filling = undefined;
    this.#sending = batch;
    this.#committed += batch.message.length;
    this.batchesBegun++;
    batch.start(this);
  }

  /** Sends, for a caller who waits for it, when it is this socket's turn. */
  #sendInTurn(): void {
    if (this.#sending !== undefined) return;
    if (this.#context.inMemory || spendUnit()) {
      this.send();
    } else if (this.#filling !== undefined && this.#scheduled !== "budget") {
      if (this.#scheduled === "soon") flushedAlready();
      this.#scheduled = "budget";
      waitForBudget(this);
    }
  }

  /** Other sockets have had their turn. */
  onNewBudget(): void {
    this.#scheduled = "no";
    // It may have been sent by a reader that was about to wait, and others came meanwhile.
    if (this.#isAwaited) this.#askSources();
    this.send();
  }

  transmit(bytes: Uint8Array): Promise<number> {
    if (this.#alarm !== undefined) this.#alarm.arm();
    if (this.#minimumRate !== undefined) this.#minimumRate.start();
    this.#context.tap?.onTransmit(bytes);
    return this.#context.flow.write(bytes);
  }

  onSent(count: number): boolean {
    this.#sent += count;
    if (!this.#context.inMemory) spendBytes(count);
    this.#context.stats.onWrite(count);
    this.#context.tap?.onSent(count);
    this.#context.onActivity();
    if (this.#waiters !== undefined) this.#wake(this.#waiters);
    return this.#failure === undefined;
  }

  onBatchSent(batch: OutgoingBatch): void {
    this.#sending = undefined;
    if (this.#alarm !== undefined) this.#alarm.disarm();
    if (this.#minimumRate !== undefined) this.#minimumRate.stop();
    batch.release();
    if (this.#isAwaited) this.#askSources();
    // What was gathered meanwhile has waited long enough.
    this.#sendInTurn();
  }

  onSendFailure(error: unknown): void {
    if (this.#failure !== undefined) return;
    const failure = this.#context.translate("write", error);
    this.fail(failure);
    this.#context.onWriteFailure(failure);
  }
}
