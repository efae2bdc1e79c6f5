/**
 * Several answers to one request, as an async iterator.
 *
 * It holds no more than `maxUnread` answers that were not read: then it says that it is
 * full, and the connection reads no more until half of them were taken. Nothing is sent
 * before the first answer is asked for.
 *
 * ```text
 *          next()             the last one came
 *   fresh --------> open ----------------------------+
 *     |              | |  failed, or given up        v
 *     | return()     | +------------> failed ---> [unread]
 *     |              |                               | all taken, the error thrown
 *     v              v return()                      v
 *    over <---------------------------------------- over
 * ```
 *
 * @module
 */

import { BusyError } from "../errors.ts";
import { observed } from "../socket/observed.ts";
import type { AnswerSink } from "./_pending_request.ts";

/** What a stream asks of the connection. */
export interface StreamHost {
  /** Sends the request. */
  start(): void;
  /** No more answers are wanted: those to come are dropped. */
  leave(): void;
  /** Answers were taken from a stream that was full. */
  onRoom(): void;
}

type Resolve<In> = (result: IteratorResult<In> | Promise<never>) => void;

const OVER = { done: true, value: undefined } as const;

/** The answers to one request, until its last. One caller at a time. */
export class AnswerStream<In>
  implements AsyncIterableIterator<In>, AnswerSink<In> {
  readonly #host: StreamHost;
  readonly #maxUnread: number;
  #state: "fresh" | "open" | "failed" | "over" = "fresh";
  #error: unknown;
  #unread: In[] = [];
  /** Of those, how many were taken. */
  #taken = 0;
  #full = false;
  /** Of the call that waits. */
  #resolve: Resolve<In> | undefined;

  constructor(maxUnread: number, host: StreamHost) {
    this.#maxUnread = maxUnread;
    this.#host = host;
  }

  next(): Promise<IteratorResult<In>> {
    if (this.#resolve !== undefined) {
      const why = "Cannot stream: next is under way (one caller at a time)";
      return Promise.reject(new BusyError(why, { operation: "stream" }));
    }
    if (this.#state === "fresh") {
      this.#state = "open";
      this.#host.start();
    }
    if (this.#taken < this.#unread.length) {
      return Promise.resolve({ done: false, value: this.#take() });
    }
    if (this.#state === "failed") {
      this.#state = "over";
      return Promise.reject(this.#error);
    }
    if (this.#state === "over") return Promise.resolve(OVER);
    return new Promise((resolve) => {
      this.#resolve = resolve as Resolve<In>;
    });
  }

  #take(): In {
    const frame = this.#unread[this.#taken];
    this.#unread[this.#taken++] = undefined!;
    const left = this.#unread.length - this.#taken;
    // As many as are left were taken: moving those costs each of them one move.
    if (this.#taken >= left) {
      this.#unread.splice(0, this.#taken);
      this.#taken = 0;
    }
    if (this.#full && left <= this.#maxUnread / 2) {
      this.#full = false;
      this.#host.onRoom();
    }
    return frame;
  }

  return(): Promise<IteratorResult<In>> {
    const wasOpen = this.#state === "open";
    this.#state = "over";
    this.#forget();
    this.#settle(OVER);
    if (wasOpen) this.#host.leave();
    return Promise.resolve(OVER);
  }

  /** The same, of a generator that delegates to it and is given an error: it gets that. */
  throw(error: unknown): Promise<IteratorResult<In>> {
    this.return();
    return Promise.reject(error);
  }

  onPart(frame: In): boolean {
    if (this.#settle({ done: false, value: frame })) return true;
    this.#unread.push(frame);
    this.#full = this.#unread.length - this.#taken >= this.#maxUnread;
    return !this.#full;
  }

  onLast(frame: In): void {
    this.#state = "over";
    if (!this.#settle({ done: false, value: frame })) this.#unread.push(frame);
  }

  onError(error: unknown, atOnce: boolean): void {
    if (atOnce) this.#forget();
    if (this.#resolve === undefined) {
      // For the call that comes when all is read.
      this.#state = "failed";
      this.#error = error;
    } else {
      this.#state = "over";
      this.#settle(observed(Promise.reject(error)));
    }
  }

  #forget(): void {
    this.#unread = [];
    this.#taken = 0;
  }

  /** Ends the call that waits; `false` where none does. */
  #settle(result: IteratorResult<In> | Promise<never>): boolean {
    const resolve = this.#resolve;
    if (resolve === undefined) return false;
    this.#resolve = undefined;
    resolve(result);
    return true;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
