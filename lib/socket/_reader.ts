/**
 * The reading half of a socket.
 *
 * @module
 */

import { ByteQueue } from "../bytes/byte_queue.ts";
import {
  BusyError,
  FrameTooLargeError,
  type SocketError,
  TimeoutError,
  UnexpectedEofError,
} from "../errors.ts";
import { Alarm } from "../time/coarse_timer.ts";
import { type CallOptions, checkCall, watchCall } from "../time/call_limits.ts";
import type { Link } from "./_link.ts";
import type { Poll } from "./poll.ts";

const text = new TextDecoder("utf-8", { ignoreBOM: true });
const utf8 = new TextEncoder();
const LF = 10;
const CR = 13;

/**
 * Reads from a transport into a queue, and from the queue to one caller at a time.
 *
 * Every call is a {@linkcode Poll}, asked once at the start and again after each
 * transport read. At most one transport read is in flight, and only because a
 * caller asked for bytes. A caller that gives up (time limit, signal) leaves it
 * running: its bytes are there for the next caller, so nothing is ever lost.
 */
export class Reader {
  readonly queue: ByteQueue = new ByteQueue();
  readonly #link: Link;
  readonly #maxBufferBytes: number;
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
  #delimiter: { text: string; bytes: Uint8Array } | undefined;
  /** A read in flight goes straight into a caller's array, and brought so much. */
  #direct = false;
  #directCount = 0;

  constructor(link: Link, maxBufferBytes: number) {
    this.#link = link;
    this.#maxBufferBytes = maxBufferBytes;
  }

  /** Whether the peer has ended its side; the queue may still hold bytes. */
  get ended(): boolean {
    return this.#ended;
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
  }

  #onAlarm(): void {
    if (this.#operation === undefined) return;
    const { limitMs } = this.#alarm!;
    this.interrupt(
      new TimeoutError(this.#operation, limitMs, this.#link.ends()),
    );
  }

  /** Nobody may read any more. A call under way rejects with `error`. */
  close(error: SocketError): void {
    this.#closed ??= error;
    this.queue.clear();
    this.#alarm?.dispose();
    this.interrupt(error);
  }

  /** No more bytes will come; those in the queue can still be read. */
  fail(error: SocketError): void {
    this.#failure ??= error;
    this.#reported = this.#operation !== undefined;
    this.#alarm?.dispose();
    this.interrupt(error);
  }

  /** The socket gave its transport away: only `more` and the queue still work. */
  leave(error: SocketError): void {
    this.#left = error;
    this.#alarm?.dispose();
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
        { operation, ...this.#link.ends() },
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
    this.#alarm?.disarm();
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
    this.#link.beforeWait();
    if (this.#reading) return;
    this.#reading = true;
    this.#link.transport.read(target ?? this.queue.reserve())
      .then(this.#onRead, this.#onError);
  }

  readonly #onRead = (count: number | null): void => {
    this.#reading = false;
    if (count === null) {
      this.#ended = true;
    } else {
      if (this.#direct) this.#directCount = count;
      // While the socket closes, what still comes is not even looked at.
      else if (this.#closed === undefined) this.queue.commit(count);
      this.#link.traffic.onRead(count);
      this.#link.onActivity();
    }
    if (this.#poll !== undefined) this.#advance(this.#poll);
  };

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
    else this.#link.onReadFailure(error);
  };

  // ---- the calls ----------------------------------------------------------

  #pollChunk: Poll<Uint8Array | null> | undefined;

  read(options?: CallOptions): Promise<Uint8Array | null> {
    const { queue } = this;
    // Made once, for those who read a lot.
    this.#pollChunk ??= (ended) => {
      if (queue.length > 0) return queue.takeChunk();
      return ended ? null : undefined;
    };
    return this.run("read", options, this.#pollChunk);
  }

  readInto(
    target: Uint8Array,
    options?: CallOptions,
  ): Promise<number | null> {
    const { queue } = this;
    // Straight into the caller's array, where nothing can interrupt the wait and
    // leave the transport writing into an array that the caller has back.
    if (
      options === undefined && this.#alarm === undefined &&
      queue.length === 0 && target.length > 0 && !this.#ended &&
      !this.#reading && this.#operation === undefined &&
      this.#closed === undefined && this.#left === undefined
    ) {
      return this.#wait<number | null>("readInto", undefined, (ended) => {
        this.#direct = false;
        return ended ? null : this.#directCount;
      }, target);
    }
    return this.run("readInto", options, (ended) => {
      if (target.length === 0) return 0;
      if (queue.length > 0) return queue.takeInto(target);
      return ended ? null : undefined;
    });
  }

  readExactly(length: number, options?: CallOptions): Promise<Uint8Array> {
    const { queue } = this;
    return this.run("readExactly", options, (ended) => {
      this.#checkLength("readExactly", length);
      if (queue.length >= length) return queue.take(length);
      if (ended) this.#endedEarly("readExactly", length);
      return undefined;
    });
  }

  peek(length: number, options?: CallOptions): Promise<Uint8Array> {
    const { queue } = this;
    return this.run("peek", options, (ended) => {
      this.#checkLength("peek", length);
      if (queue.length < length && !ended) return undefined;
      // A copy: the bytes stay in the queue, and the caller may do as he likes.
      return queue.peek(Math.min(length, queue.length)).slice();
    });
  }

  readUntil(
    delimiter: Uint8Array | string,
    options?: CallOptions & { maxBytes?: number },
  ): Promise<Uint8Array> {
    const { queue } = this;
    return this.run("readUntil", options, (ended) => {
      const bytes = this.#delimiterBytes(delimiter);
      const end = this.#find("readUntil", bytes, bytes.length, options);
      if (end !== undefined) return queue.take(end);
      if (ended) this.#endedEarly("readUntil", undefined);
      return undefined;
    });
  }

  readLine(
    options?: CallOptions & { maxBytes?: number },
  ): Promise<string | null> {
    const { queue } = this;
    return this.run("readLine", options, (ended) => {
      const end = this.#find("readLine", LF, 1, options);
      if (end === undefined) {
        if (!ended) return undefined;
        // A last line without an ending counts.
        return queue.length === 0 ? null : text.decode(queue.takeAll());
      }
      let length = end - 1;
      if (length > 0 && queue.at(length - 1) === CR) length--;
      const line = text.decode(queue.peek(length));
      queue.skip(end);
      return line;
    });
  }

  /** Where the first delimiter ends, or `undefined` when it has not come. */
  #find(
    operation: string,
    delimiter: number | Uint8Array,
    delimiterLength: number,
    options: { maxBytes?: number } | undefined,
  ): number | undefined {
    const maxBytes = options?.maxBytes ?? 64 * 1024;
    if (!(maxBytes >= 1)) {
      throw new RangeError(
        `Cannot ${operation} as maxBytes must be at least 1: current value is ${maxBytes}`,
      );
    }
    const start = this.queue.indexOf(delimiter);
    const end = start + delimiterLength;
    if (start >= 0 && end <= maxBytes) return end;
    if (start >= 0 || this.queue.length >= maxBytes) {
      throw new FrameTooLargeError(maxBytes, start < 0 ? undefined : end, {
        operation,
        ...this.#link.ends(),
      });
    }
    return undefined;
  }

  #delimiterBytes(delimiter: Uint8Array | string): Uint8Array {
    if (delimiter.length === 0) {
      throw new RangeError(
        "Cannot readUntil as the delimiter must be at least 1 byte long: current value is empty",
      );
    }
    if (typeof delimiter !== "string") return delimiter;
    // One array for one text, so that a search that missed is resumed.
    if (this.#delimiter?.text !== delimiter) {
      this.#delimiter = { text: delimiter, bytes: utf8.encode(delimiter) };
    }
    return this.#delimiter.bytes;
  }

  #checkLength(operation: string, length: number): void {
    const most = this.#maxBufferBytes;
    if (!(Number.isInteger(length) && length >= 0 && length <= most)) {
      throw new RangeError(
        `Cannot ${operation} as the length must be an integer from 0 to ${most}: current value is ${length}`,
      );
    }
  }

  #endedEarly(operation: string, expected: number | undefined): never {
    const received = this.queue.length;
    throw new UnexpectedEofError(
      received,
      expected,
      `Cannot ${operation} as the peer ended the stream: ${received} bytes came` +
        (expected === undefined ? "" : `, ${expected} were due`),
      { operation, ...this.#link.ends() },
    );
  }

  /** Puts bytes back at the front. */
  unread(bytes: Uint8Array): void {
    this.check("unread");
    this.queue.prepend(bytes);
  }

  /** Discards everything until the stream ends. Used while closing. */
  discard(): Promise<boolean> {
    return this.#wait("close", undefined, (ended) => ended || undefined);
  }

  /** Waits until the queue is not empty; `false` at the end. Used after leaving. */
  more(): Promise<boolean> {
    if (this.#ended) return Promise.resolve(false);
    return this.#wait(
      "read",
      undefined,
      (ended) => this.queue.length > 0 || (ended ? false : undefined),
    );
  }
}
