/**
 * The writing half of a socket.
 *
 * @module
 */

import { ByteWriter } from "../bytes/byte_writer.ts";
import {
  BrokenError,
  ClosedError,
  type SocketError,
  TimeoutError,
} from "../errors.ts";
import { Alarm } from "../time/coarse_timer.ts";
import {
  type CallOptions,
  checkCall,
  waitWithin,
} from "../time/call_limits.ts";
import type { Transport } from "../transport/transport.ts";
import type { Traffic } from "./_traffic.ts";

/** What the writer asks of the socket it belongs to. */
export interface WriterOwner {
  /** Addresses, for errors. */
  readonly where: () => {
    localAddr: Transport["localAddr"];
    remoteAddr: Transport["remoteAddr"];
  };
  /** Whether input is waiting: then its handler is likely to write more this turn. */
  readonly hasInput: () => boolean;
  /** Something moved: the connection is not idle. */
  readonly onActivity: () => void;
  /** Turns what the transport threw into an error of this library. */
  readonly translate: (error: unknown) => SocketError;
}

/** Somebody who waits until so many bytes have been sent. */
interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Microtasks without a new byte after which a turn is taken to be over. A writer
 * that awaits each write, through a function or two of its own, comes back sooner.
 */
const QUIET_MICROTASKS = 4;

const DONE = Promise.resolve();

/**
 * A write that nobody awaits must not end the process when it fails: the failure
 * is sticky, so `flush`, `close` and the next write report it.
 */
function observed<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/**
 * Gathers what is written and sends it in one transport write after another.
 *
 * While one message is on its way the next one fills. A message leaves when the
 * turn ends, when the reader is about to wait, when it passes the high-water mark,
 * or on `flush`; there is no timer.
 */
export class Writer {
  readonly #transport: Transport;
  readonly #owner: WriterOwner;
  readonly #traffic: Traffic;
  readonly #highWaterMarkBytes: number;
  /** What is being filled, and what is on its way. */
  #filling = new ByteWriter();
  #sending = new ByteWriter();
  #segments: readonly Uint8Array[] = [];
  #segment = 0;
  #offset = 0;
  #busy = false;
  /** Bytes before `#filling`, and bytes sent, since the beginning. */
  #committed = 0;
  #sent = 0;
  #waiters: Waiter[] = [];
  #scheduled = false;
  #seen = 0;
  #quiet = 0;
  #failure: SocketError | undefined;
  #reported = false;
  #ending: Promise<void> | undefined;
  #alarm: Alarm | undefined;

  constructor(
    transport: Transport,
    owner: WriterOwner,
    traffic: Traffic,
    highWaterMarkBytes: number,
  ) {
    this.#transport = transport;
    this.#owner = owner;
    this.#traffic = traffic;
    this.#highWaterMarkBytes = highWaterMarkBytes;
  }

  /** Why nothing can be written any more. */
  get failure(): SocketError | undefined {
    return this.#failure;
  }

  /** Whether whoever wants to append more should wait for `appended` first. */
  get isFull(): boolean {
    return this.#filling.hasReferences ||
      this.pendingBytes >= this.#highWaterMarkBytes;
  }

  /** Whether a caller has been told of the failure. */
  get reported(): boolean {
    return this.#reported;
  }

  /** Bytes accepted and not yet taken by the transport. */
  get pendingBytes(): number {
    return this.#position - this.#sent;
  }

  /** Longest that a write may stall, in milliseconds. */
  set limitMs(limitMs: number) {
    if (limitMs === Infinity && this.#alarm === undefined) return;
    this.#alarm ??= new Alarm(() => {
      this.fail(
        new TimeoutError("write", this.#alarm!.limitMs, this.#owner.where()),
      );
    });
    this.#alarm.limitMs = limitMs;
    if (this.#busy) this.#alarm.arm();
  }

  /** Where the next byte goes, counted since the beginning. */
  get #position(): number {
    return this.#committed + this.#filling.length;
  }

  /** Throws if nothing may be written. */
  check(operation: string, options?: CallOptions): void {
    if (options !== undefined) checkCall(operation, options);
    this.#checkFailure();
    if (this.#ending !== undefined) {
      throw new ClosedError(
        `Cannot ${operation} as the writing side must be open: this side ended it`,
        { operation, ...this.#owner.where() },
      );
    }
  }

  #checkFailure(): void {
    if (this.#failure === undefined) return;
    this.#reported = true;
    throw this.#failure;
  }

  /** What the next bytes are appended to; follow with {@linkcode appended}. */
  get message(): ByteWriter {
    return this.#filling;
  }

  /** Bytes were appended. Resolves when they are accepted under the high-water mark. */
  appended(operation: string, options?: CallOptions): Promise<void> {
    const held = this.#filling.hasReferences;
    const excess = this.#position - this.#sent - this.#highWaterMarkBytes;
    if (excess <= 0 && !held) {
      if (!this.#busy && !this.#scheduled) this.#schedule();
      return DONE;
    }
    this.#send();
    // A borrowed array may change once its write resolves: not before it is sent.
    const position = this.#position - (held ? 0 : this.#highWaterMarkBytes);
    const sent = this.#untilSent(position);
    if (options === undefined) return sent;
    const bounded = waitWithin(operation, sent, options).catch((error) => {
      // How much of it is on the wire, nobody knows.
      if (this.#failure === undefined && position > this.#sent) {
        this.fail(
          new BrokenError(
            "write-cancelled",
            `Cannot write as an earlier ${operation} was cut off: an unknown part of it was sent`,
            { operation, cause: error, ...this.#owner.where() },
          ),
        );
      }
      throw error;
    });
    return observed(bounded);
  }

  write(data: Uint8Array | string, options?: CallOptions): Promise<void> {
    try {
      this.check("write", options);
      if (typeof data === "string") this.#filling.writeText(data);
      else this.#filling.write(data);
      return this.appended("write", options);
    } catch (error) {
      return observed(Promise.reject(error));
    }
  }

  /** Resolves when everything appended so far was sent. */
  async flush(options?: CallOptions): Promise<void> {
    if (options !== undefined) checkCall("flush", options);
    this.#checkFailure();
    this.send();
    if (this.#sent === this.#position) return;
    const sent = this.#untilSent(this.#position);
    await (options === undefined ? sent : waitWithin("flush", sent, options));
  }

  /** Sends everything, then ends this side. */
  end(): Promise<void> {
    return this.#ending ??= observed(this.#end());
  }

  async #end(): Promise<void> {
    await this.flush();
    try {
      await this.#transport.closeWrite();
    } catch (error) {
      const failure = this.#failure ?? this.#owner.translate(error);
      this.fail(failure);
      throw failure;
    }
  }

  /** Nothing can be written any more: everybody who waits, and who comes, hears why. */
  fail(error: SocketError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#alarm?.dispose();
    this.#filling.clear();
    // The transport may still be reading what is on its way.
    this.#sending.abandon();
    const waiters = this.#waiters;
    this.#waiters = [];
    if (waiters.length > 0) this.#reported = true;
    for (const { reject } of waiters) reject(error);
  }

  /** Forgets the alarm: nothing will be written any more. */
  dispose(): void {
    this.#alarm?.dispose();
  }

  #untilSent(position: number): Promise<void> {
    return observed(
      new Promise((resolve, reject) => {
        const waiters = this.#waiters;
        // Sorted by position. Nearly always the new one comes last.
        let i = waiters.length;
        while (i > 0 && waiters[i - 1].position > position) i--;
        const waiter = { position, resolve, reject };
        if (i === waiters.length) waiters.push(waiter);
        else waiters.splice(i, 0, waiter);
      }),
    );
  }

  // ---- when a message leaves ----------------------------------------------

  #schedule(): void {
    this.#scheduled = true;
    if (this.#owner.hasInput()) {
      // More answers are on their way: the whole turn's worth leaves together, at
      // the latest when the event loop comes round.
      setImmediate(this.#onTurnEnd);
    } else {
      this.#seen = this.#position;
      this.#quiet = 0;
      queueMicrotask(this.#onMicrotask);
    }
  }

  readonly #onTurnEnd = (): void => {
    this.#scheduled = false;
    this.send();
  };

  readonly #onMicrotask = (): void => {
    if (this.#filling.length === 0) {
      this.#scheduled = false;
      return;
    }
    const position = this.#position;
    if (position !== this.#seen) {
      this.#seen = position;
      this.#quiet = 0;
    }
    if (this.#busy || ++this.#quiet > QUIET_MICROTASKS) this.#onTurnEnd();
    else queueMicrotask(this.#onMicrotask);
  };

  /** Sends what there is, unless a message is on its way already. */
  send(): void {
    if (!this.#busy && this.#filling.length > 0) this.#send();
  }

  // ---- one message after another ------------------------------------------

  #send(): void {
    if (this.#busy || this.#failure !== undefined) return;
    const message = this.#filling;
    this.#filling = this.#sending;
    this.#sending = message;
    this.#committed += message.length;
    this.#segments = message.segments();
    this.#segment = this.#offset = 0;
    this.#busy = true;
    this.#alarm?.arm();
    this.#transport.write(this.#segments[0]).then(this.#onSent, this.#onError);
  }

  readonly #onSent = (count: number): void => {
    this.#sent += count;
    this.#traffic.onWrite(count);
    this.#owner.onActivity();
    if (this.#failure !== undefined) {
      this.#busy = false;
      return;
    }
    this.#offset += count;
    let segment = this.#segments[this.#segment];
    if (this.#offset === segment.length) {
      this.#segment++;
      this.#offset = 0;
      segment = this.#segments[this.#segment];
    }
    if (segment !== undefined) {
      this.#alarm?.arm();
      const rest = this.#offset === 0
        ? segment
        : segment.subarray(this.#offset);
      this.#transport.write(rest).then(this.#onSent, this.#onError);
    } else {
      this.#busy = false;
      this.#alarm?.disarm();
      this.#sending.clear();
      // What was gathered meanwhile has waited long enough.
      this.send();
    }
    if (this.#waiters.length > 0) this.#wake();
  };

  #wake(): void {
    const waiters = this.#waiters;
    let done = 0;
    while (done < waiters.length && waiters[done].position <= this.#sent) {
      waiters[done++].resolve();
    }
    if (done > 0) waiters.splice(0, done);
  }

  readonly #onError = (error: unknown): void => {
    this.#busy = false;
    if (this.#failure === undefined) this.fail(this.#owner.translate(error));
  };
}
