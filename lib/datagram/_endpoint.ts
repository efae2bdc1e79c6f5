/**
 * One bound address: what sockets and peers have in common.
 *
 * ```text
 * open ── close() ──> closing: waits for sends that are under way ──> closed
 *   └─── onEnd(error) ─────────────> broken ── close() ─────────────────^
 * ```
 *
 * What arrives goes to the first that takes it: what the owner intercepts, the call that
 * waits, the queue. In `open` alone; afterwards it is dropped.
 *
 * @module
 */

import { checkBytes, TEXT_OR_BYTES } from "../_check.ts";
import {
  BrokenError,
  BusyError,
  ClosedError,
  LimitError,
  SocketError,
} from "../errors.ts";
import {
  type CallOptions,
  checkCall,
  checkCallNames,
  waitWithin,
  watchCall,
} from "../time/call_limits.ts";
import {
  addAbortListener,
  removeAbortListener,
} from "../time/abort_listeners.ts";
import { checkEnds } from "../time/deadline.ts";
import { translateError } from "../transport/translate_error.ts";
import { type CheckedQueueOptions, MAX_UDP_BYTES } from "./check_options.ts";
import { DatagramQueue } from "./_datagram_queue.ts";
import { resultOf } from "./_iterate.ts";
import { sendError } from "./_send_error.ts";
import type {
  Datagram,
  DatagramAddr,
  DatagramSink,
  DatagramStats,
  DatagramTarget,
  DatagramTransport,
} from "./options.ts";

/** Milliseconds that `close` waits for sends by default: the system takes one at once. */
const CLOSE_TIMEOUT_MS = 1_000;

/** What a send that waits takes beside its data: promises, closures, and the call. */
const SEND_BYTES = 1_024;

const ENCODER = new TextEncoder();

/** The call that waits for a datagram. */
interface Waiter<A extends DatagramAddr> {
  resolve(datagram: Datagram<A> | null): void;
  reject(error: unknown): void;
  /** Stops watching its limits. */
  stop: (() => void) | undefined;
}

/** A call of `send`, which may have to wait for those before it. */
interface SendCall<A extends DatagramAddr> {
  readonly bytes: Uint8Array;
  /** Of `bytes`, as long as the caller leaves them alone. */
  readonly length: number;
  readonly to: DatagramTarget<A>;
  /** It has settled: what was not sent until then is not sent any more. */
  isOver: boolean;
}

/** What an owner does beside receiving. */
export interface EndpointHooks<A extends DatagramAddr> {
  /** Sees each datagram first; `true` where it needs nothing more. */
  intercept?(datagram: Datagram<A>): boolean;
  /** The endpoint was closed, or broke. */
  onEnd?(error: SocketError): void;
}

/** A transport with a queue, limits and an end. */
export class Endpoint<A extends DatagramAddr> implements DatagramSink<A> {
  readonly #transport: DatagramTransport<A>;
  readonly #hooks: EndpointHooks<A>;
  readonly #queue: DatagramQueue<A>;
  readonly #signal: AbortSignal | undefined;
  readonly #closed = Promise.withResolvers<void>();
  /** Settles when all sends that are under way have. */
  #lastSend: Promise<unknown> | undefined;
  readonly #maxPendingBytes: number;
  /** What those take, also those of calls that were cut off. */
  #pendingBytes = 0;
  #waiter: Waiter<A> | undefined;
  /** Why nothing arrives any more. */
  #end: SocketError | undefined;
  #closing: Promise<void> | undefined;
  #holds = true;
  /** Calls for which the process waits. */
  #waiting = 0;
  #received = 0;
  #bytes = 0;
  #dropped = 0;
  #oversize = 0;
  #sent = 0;
  #sentBytes = 0;
  /** Datagrams that the owner wants counted as ignored. */
  ignored = 0;

  constructor(
    transport: DatagramTransport<A>,
    options: CheckedQueueOptions,
    hooks: EndpointHooks<A> = {},
  ) {
    this.#transport = transport;
    this.#hooks = hooks;
    this.#queue = new DatagramQueue(
      options.maxQueuedDatagrams,
      options.maxQueuedBytes,
      options.onFull === "drop-oldest",
    );
    this.#maxPendingBytes = options.maxPendingBytes;
    this.#signal = options.signal;
    if (this.#signal !== undefined) {
      addAbortListener(this.#signal, this.#onAbort);
    }
  }

  /** Begins to receive: when the owner is complete, as datagrams may come at once. */
  start(): void {
    try {
      this.#transport.start(this);
    } catch (error) {
      void this.cut();
      throw error;
    }
    // It may have aborted since the address was bound.
    if (this.#signal?.aborted) void this.cut();
  }

  get localAddr(): A {
    return this.#transport.localAddr;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get transport(): DatagramTransport<A> {
    return this.#transport;
  }

  get stats(): DatagramStats {
    return {
      received: this.#received,
      bytes: this.#bytes,
      dropped: this.#dropped,
      oversize: this.#oversize,
      ignored: this.ignored,
      queued: this.#queue.length,
      sent: this.#sent,
      sentBytes: this.#sentBytes,
    };
  }

  // No async function, as each awaits once more than it must: every datagram comes this way.
  receive(options?: CallOptions): Promise<Datagram<A> | null> {
    return this.#receive(asItIs, options);
  }

  /** The same for an iterator: a promise less than one that is made of the other's. */
  next(): Promise<IteratorResult<Datagram<A>>> {
    return this.#receive(resultOf);
  }

  #receive<R>(
    shape: (datagram: Datagram<A> | null) => R,
    options?: CallOptions,
  ): Promise<R> {
    try {
      checkCall("receive", options);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#waiter !== undefined) {
      const { localAddr } = this;
      const text = "Cannot receive: another task is receiving";
      const context = { operation: "receive", localAddr };
      return Promise.reject(new BusyError(text, context));
    }
    const queued = this.#queue.shift();
    if (queued !== undefined) return Promise.resolve(shape(queued));
    if (this.#end instanceof ClosedError) return Promise.resolve(shape(null));
    if (this.#end !== undefined) return Promise.reject(this.#end);
    try {
      checkCallNames("receive", options);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#wait(shape, options);
  }

  async send(
    data: Uint8Array | string,
    to: DatagramTarget<A>,
    options?: CallOptions,
  ): Promise<void> {
    checkCall("send", options);
    checkCallNames("send", options);
    const bytes = typeof data === "string" ? ENCODER.encode(data) : data;
    checkBytes("send", "data", bytes, TEXT_OR_BYTES);
    const { length } = bytes;
    const { maxSendBytes: maxBytes = MAX_UDP_BYTES } = this.#transport;
    if (length > maxBytes) {
      throw new RangeError(
        `Cannot send: data must be at most ${maxBytes} bytes long, the most that a datagram has room for, got ${length}`,
      );
    }
    this.checkOpen("send");
    this.#checkPending(length);
    const call = { bytes, length, to, isOver: false };
    let sending: Promise<unknown> | undefined;
    this.#pendingBytes += SEND_BYTES + length;
    try {
      sending = this.#sendInTurn(call);
      await (options === undefined
        ? sending
        : waitWithin("send", sending, options));
    } catch (error) {
      const isOurs = error instanceof SocketError ||
        error === options?.signal?.reason;
      // A send that closing has cut off fails as closed, whatever the system says.
      if (this.#closing !== undefined && !isOurs) this.checkOpen("send");
      throw sendError(error, this.localAddr, to as DatagramTarget);
    } finally {
      call.isOver = true;
      if (options === undefined) this.#forgetSend(sending, length);
      else this.#forgetLater(sending, length);
    }
    this.#sent++;
    this.#sentBytes += length;
  }

  /** Throws unless it is open. */
  checkOpen(operation: string): void {
    const end = this.#end;
    if (end === undefined) return;
    const { localAddr } = this;
    if (end instanceof ClosedError) {
      throw new ClosedError(`Cannot ${operation}: the socket is closed`, {
        operation,
        localAddr,
      });
    }
    throw end;
  }

  /** A call waits: the process does, too, until `release`. */
  hold(): void {
    if (++this.#waiting === 1 && this.#holds) this.#transport.ref?.();
  }

  /** See `hold`. */
  release(): void {
    if (--this.#waiting === 0 && this.#holds) this.#transport.unref?.();
  }

  ref(): void {
    if (!this.#holds && this.#waiting > 0) this.#transport.ref?.();
    this.#holds = true;
  }

  unref(): void {
    if (this.#holds && this.#waiting > 0) this.#transport.unref?.();
    this.#holds = false;
  }

  async close(options: CallOptions = {}): Promise<void> {
    checkEnds("close", options);
    checkCallNames("close", options);
    const { signal, timeoutMs = CLOSE_TIMEOUT_MS, deadline } = options;
    checkCall("close", { timeoutMs });
    this.#stop();
    const { promise, resolve } = Promise.withResolvers<void>();
    let abort: { reason: unknown } | undefined;
    // A limit cuts what is left.
    const limits = { signal, timeoutMs, deadline };
    const unwatch = watchCall("close", limits, (reason, byTime) => {
      // A time limit that passes is no error here; an abort of the signal is.
      if (!byTime) abort = { reason };
      resolve();
    });
    Promise.resolve(this.#lastSend).then(() => resolve(), () => resolve());
    await promise;
    unwatch();
    await this.cut();
    if (abort !== undefined) throw abort.reason;
  }

  /** Closes at once. */
  cut(): Promise<void> {
    this.#stop();
    return this.#closing ??= this.#close();
  }

  onDatagram(data: Uint8Array<ArrayBuffer>, from: A): void {
    if (this.#end !== undefined) return;
    this.#received++;
    this.#bytes += data.length;
    // Forged: no socket is bound to that port, and it cannot be answered.
    if ("port" in from && from.port === 0) {
      this.ignored++;
      return;
    }
    const datagram = { data, from };
    if (this.#hooks.intercept?.(datagram) === true) return;
    const waiter = this.#takeWaiter();
    if (waiter !== undefined) waiter.resolve(datagram);
    else this.#dropped += this.#queue.push(datagram);
  }

  onOversize(): void {
    this.#received++;
    this.#oversize++;
  }

  onEnd(error: unknown): void {
    const { localAddr } = this;
    const translated = translateError(error, {
      operation: "receive",
      localAddr,
    });
    this.#finish(
      translated instanceof SocketError
        ? translated
        : new BrokenError("other", "Cannot receive: the transport failed", {
          operation: "receive",
          localAddr,
          cause: error,
        }),
    );
    // Its address is of no more use.
    this.#closing ??= this.#close();
  }

  /** One at a time: side by side they would leave in any order, or be refused. */
  #sendInTurn(call: SendCall<A>): Promise<unknown> {
    const before = this.#lastSend;
    if (before === undefined) {
      return this.#lastSend = this.#transport.send(call.bytes, call.to);
    }
    const send = () => {
      // Its array is the caller's again, and may say something else by now.
      if (call.isOver) return;
      if (call.bytes.length !== call.length) {
        throw new TypeError(
          "Cannot send: data was transferred or resized before it was sent",
        );
      }
      return this.#transport.send(call.bytes, call.to);
    };
    return this.#lastSend = before.then(send, send);
  }

  /** One that waits alone is let through, however large. */
  #checkPending(length: number): void {
    const pending = this.#pendingBytes;
    const limit = this.#maxPendingBytes;
    if (pending === 0 || pending + SEND_BYTES + length <= limit) return;
    throw new LimitError(
      "maxPendingBytes",
      limit,
      `Cannot send: more than ${limit} bytes would be under way (await each send)`,
      { operation: "send", localAddr: this.localAddr },
    );
  }

  #forgetSend(sending: Promise<unknown> | undefined, length: number): void {
    this.#pendingBytes -= SEND_BYTES + length;
    if (this.#lastSend === sending) this.#lastSend = undefined;
  }

  /** Where the call was cut off, the send itself may go on. */
  #forgetLater(sending: Promise<unknown> | undefined, length: number): void {
    const forget = () => this.#forgetSend(sending, length);
    if (sending === undefined) forget();
    else sending.then(forget, forget);
  }

  #wait<R>(
    shape: (datagram: Datagram<A> | null) => R,
    options: CallOptions | undefined,
  ): Promise<R> {
    return new Promise((settle, reject) => {
      const resolve = (datagram: Datagram<A> | null) => settle(shape(datagram));
      this.#waiter = { resolve, reject, stop: undefined };
      this.hold();
      if (options === undefined) return;
      this.#waiter.stop = watchCall("receive", options, (reason) => {
        this.#takeWaiter();
        reject(reason);
      });
    });
  }

  /** The call that waits, which then does not any more. */
  #takeWaiter(): Waiter<A> | undefined {
    const waiter = this.#waiter;
    if (waiter === undefined) return undefined;
    this.#waiter = undefined;
    this.release();
    waiter.stop?.();
    return waiter;
  }

  /** Nothing arrives any more, as this side closes. */
  #stop(): void {
    if (this.#end instanceof ClosedError) return;
    const { localAddr } = this;
    this.#queue.clear();
    this.#finish(
      new ClosedError("Cannot go on: the socket is closed", { localAddr }),
    );
  }

  #finish(end: SocketError): void {
    this.#end = end;
    if (this.#signal !== undefined) {
      removeAbortListener(this.#signal, this.#onAbort);
    }
    const waiter = this.#takeWaiter();
    if (end instanceof ClosedError) waiter?.resolve(null);
    else waiter?.reject(end);
    this.#hooks.onEnd?.(end);
  }

  async #close(): Promise<void> {
    try {
      await this.#transport.close();
    } catch {
      // There is nothing more to be done about it.
    } finally {
      this.#closed.resolve();
    }
  }

  readonly #onAbort = (): void => {
    void this.cut();
  };
}

function asItIs<T>(value: T): T {
  return value;
}
