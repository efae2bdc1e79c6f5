/**
 * The writing half of a socket.
 *
 * @module
 */

import type { ByteWriter } from "../bytes/byte_writer.ts";
import {
  BrokenError,
  ClosedError,
  LimitError,
  type SocketError,
  TimeoutError,
} from "../errors.ts";
import { Alarm, type AlarmListener } from "../time/coarse_timer.ts";
import {
  type CallOptions,
  checkCall,
  waitWithin,
} from "../time/call_limits.ts";
import { Delivery, type Sender } from "./_delivery.ts";
import { observed } from "./observed.ts";
import type { Link } from "./_link.ts";
import {
  noteProgress,
  notWaiting,
  type TurnListener,
  whenQuiet,
  whenTurnEnds,
} from "./_turn.ts";
import { checkBytes } from "./options.ts";

/** Somebody who waits until so many bytes have been sent. */
interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

const DONE = Promise.resolve();

/** What makes the message that is being filled leave. */
type Departure =
  /** Whoever sends next: the reader that waits, `flush`, the high-water mark. */
  | "none"
  /** The same, or the moment when the code that runs now has come to rest. */
  | "quiet"
  /** The same, or the end of the turn. */
  | "turn";

/**
 * A message as large as this gains nothing by waiting for more, and loses: by the time
 * all other sockets had their turn, the processor's cache has forgotten it.
 */
const LARGE_MESSAGE_BYTES = 8 * 1024;

/**
 * Gathers what is written and sends it in one transport write after another.
 *
 * While one message is on its way the next one fills. A message leaves when the
 * turn ends, when it is large, when the reader is about to wait, when it passes the
 * high-water mark, or on `flush`; there is no timer.
 */
export class Writer implements Sender, TurnListener, AlarmListener {
  readonly #link: Link;
  /** What is being filled, and what is on its way. */
  #filling: Delivery | undefined;
  #sending: Delivery | undefined;
  /** Bytes before `#filling`, and bytes sent, since the beginning. */
  #committed = 0;
  #sent = 0;
  #waiters: Waiter[] | undefined;
  #departure: Departure = "none";
  #failure: SocketError | undefined;
  #reported = false;
  #ending: Promise<void> | undefined;
  #alarm: Alarm | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  get #highWaterMarkBytes(): number {
    return this.#link.options.highWaterMarkBytes ?? 64 * 1024;
  }

  get #maxPendingBytes(): number {
    return this.#link.options.maxPendingBytes ?? 16 * 1024 * 1024;
  }

  /** Why nothing can be written any more. */
  get failure(): SocketError | undefined {
    return this.#failure;
  }

  /** Whether a caller has been told of the failure. */
  get reported(): boolean {
    return this.#reported;
  }

  /** Bytes accepted and not yet taken by the transport. */
  get pendingBytes(): number {
    return this.#position - this.#sent;
  }

  /** Whether all is sent, so that nothing has failed, and this side has not ended. */
  get isIdle(): boolean {
    return this.pendingBytes === 0 && this.#ending === undefined;
  }

  /** Bytes that fit before whoever appends more should wait for `appended` first. */
  get room(): number {
    return this.#highWaterMarkBytes - this.pendingBytes;
  }

  /** Where the next byte goes, counted since the beginning. */
  get #position(): number {
    const filling = this.#filling;
    return this.#committed +
      (filling === undefined ? 0 : filling.message.length);
  }

  /** Longest that a write may stall, in milliseconds. */
  set limitMs(limitMs: number) {
    if (limitMs === Infinity && this.#alarm === undefined) return;
    this.#alarm ??= new Alarm(this);
    this.#alarm.limitMs = limitMs;
    if (this.#sending !== undefined) this.#alarm.arm();
  }

  /** A write has stalled for too long. */
  onAlarm({ limitMs }: Alarm): void {
    this.fail(new TimeoutError("write", limitMs, this.#link.ends()));
  }

  /** Throws if nothing may be written. */
  check(operation: string, options?: CallOptions): void {
    if (options !== undefined) checkCall(operation, options);
    // What is on its way does not count: it may be one large array, which is awaited.
    const filling = this.#filling;
    if (
      filling !== undefined && filling.message.length > this.#maxPendingBytes
    ) this.#failPending(operation);
    this.#checkFailure();
    if (this.#ending !== undefined) {
      throw new ClosedError(
        `Cannot ${operation} as the writing side must be open: this side ended it`,
        { operation, ...this.#link.ends() },
      );
    }
  }

  /** A peer that does not read and a caller that does not wait fill the memory. */
  #failPending(operation: string): void {
    const limit = this.#maxPendingBytes;
    this.fail(
      new LimitError(
        "maxPendingBytes",
        limit,
        `Cannot ${operation} as at most ${limit} bytes may wait to be sent: await what is written`,
        { operation, ...this.#link.ends() },
      ),
    );
  }

  #checkFailure(): void {
    if (this.#failure === undefined) return;
    this.#reported = true;
    throw this.#failure;
  }

  /** What the next bytes are appended to; follow with {@linkcode appended}. */
  get message(): ByteWriter {
    return (this.#filling ??= Delivery.acquire()).message;
  }

  /** Bytes were appended. Resolves when they are accepted under the high-water mark. */
  appended(operation: string, options?: CallOptions): Promise<void> {
    noteProgress();
    const message = this.#filling?.message;
    const end = this.#committed + (message === undefined ? 0 : message.length);
    const held = message !== undefined && message.hasReferences;
    if (!held && end - this.#sent <= this.#highWaterMarkBytes) {
      if (
        message !== undefined && this.#sending === undefined &&
        this.#departure === "none"
      ) this.#schedule(message);
      return DONE;
    }
    this.send();
    // A borrowed array may change once its write resolves: not before it is sent.
    const position = end - (held ? 0 : this.#highWaterMarkBytes);
    const sent = this.#untilSent(position);
    if (options === undefined) return sent;
    const bounded = waitWithin(operation, sent, options).catch((error) => {
      // How much of it is on the wire, nobody knows.
      if (this.#failure === undefined && position > this.#sent) {
        this.fail(
          new BrokenError(
            "write-cancelled",
            `Cannot write as an earlier ${operation} was cut off: an unknown part of it was sent`,
            { operation, cause: error, ...this.#link.ends() },
          ),
        );
      }
      throw error;
    });
    return observed(bounded);
  }

  write(data: Uint8Array | string, options?: CallOptions): Promise<void> {
    try {
      if (typeof data !== "string") checkBytes("write", "data", data);
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
    return observed(this.#flush(options));
  }

  async #flush(options: CallOptions | undefined): Promise<void> {
    if (options !== undefined) checkCall("flush", options);
    this.#checkFailure();
    this.send();
    const position = this.#position;
    if (this.#sent === position) return;
    const sent = this.#untilSent(position);
    await (options === undefined ? sent : waitWithin("flush", sent, options));
  }

  /**
   * Sends everything, then ends this side.
   *
   * @param byClosing The transport is about to be closed, and that will end it.
   */
  end(byClosing = false): Promise<void> {
    return this.#ending ??= observed(this.#end(byClosing));
  }

  async #end(byClosing: boolean): Promise<void> {
    await this.#flush(undefined);
    if (byClosing) return;
    try {
      await this.#link.transport.closeWrite();
    } catch (error) {
      const failure = this.#failure ??
        this.#link.translate("closeWrite", error);
      this.fail(failure);
      throw failure;
    }
  }

  /** Nothing can be written any more: everybody who waits, and who comes, hears why. */
  fail(error: SocketError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#alarm?.dispose();
    // Not given back: the transport may still be reading what is on its way.
    this.#committed = this.#position;
    this.#filling = undefined;
    const waiters = this.#waiters;
    if (waiters === undefined) return;
    this.#waiters = undefined;
    if (waiters.length > 0) this.#reported = true;
    for (const { reject } of waiters) reject(error);
  }

  #untilSent(position: number): Promise<void> {
    // A transport that throws has failed while it was given the message.
    if (this.#failure !== undefined) {
      this.#reported = true;
      return observed(Promise.reject(this.#failure));
    }
    return observed(
      new Promise((resolve, reject) => {
        const waiters = this.#waiters ??= [];
        // Sorted by position. Nearly always the new one comes last.
        let i = waiters.length;
        while (i > 0 && waiters[i - 1].position > position) i--;
        const waiter = { position, resolve, reject };
        if (i === waiters.length) waiters.push(waiter);
        else waiters.splice(i, 0, waiter);
      }),
    );
  }

  #schedule(message: ByteWriter): void {
    // With input waiting, more answers are on their way: the whole turn's worth
    // leaves together.
    if (this.#link.unreadBytes > 0) {
      this.#departure = "turn";
      whenTurnEnds(this);
    } else if (message.length >= LARGE_MESSAGE_BYTES) {
      this.send();
    } else {
      this.#departure = "quiet";
      whenQuiet(this);
    }
  }

  onTurnEnd(): void {
    this.#departure = "none";
    this.send();
  }

  /** Sends what there is, unless a message is on its way already. */
  send(): void {
    const delivery = this.#filling;
    if (
      delivery === undefined || this.#sending !== undefined ||
      this.#failure !== undefined
    ) return;
    if (this.#departure === "quiet") {
      this.#departure = "none";
      notWaiting();
    }
    this.#filling = undefined;
    this.#sending = delivery;
    this.#committed += delivery.message.length;
    delivery.start(this);
  }

  transmit(bytes: Uint8Array): Promise<number> {
    if (this.#alarm !== undefined) this.#alarm.arm();
    return this.#link.flow.write(bytes);
  }

  onSent(count: number): boolean {
    this.#sent += count;
    this.#link.traffic.onWrite(count);
    this.#link.onActivity();
    if (this.#waiters !== undefined) this.#wake(this.#waiters);
    return this.#failure === undefined;
  }

  onDelivered(delivery: Delivery): void {
    this.#sending = undefined;
    if (this.#alarm !== undefined) this.#alarm.disarm();
    delivery.release();
    // What was gathered meanwhile has waited long enough.
    this.send();
  }

  #wake(waiters: Waiter[]): void {
    let done = 0;
    while (done < waiters.length && waiters[done].position <= this.#sent) {
      waiters[done++].resolve();
    }
    if (done === waiters.length) this.#waiters = undefined;
    else if (done > 0) waiters.splice(0, done);
  }

  onSendFailure(error: unknown): void {
    if (this.#failure === undefined) {
      this.fail(this.#link.translate("write", error));
    }
  }
}
