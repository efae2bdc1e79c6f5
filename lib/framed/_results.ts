/**
 * What a socket receives, as an async iterator.
 *
 * @module
 */

import type { Poll } from "../socket/poll.ts";
import type { SocketHalves } from "../socket/socket.ts";

/** One call after another, each with the same poll. It keeps no state of its own. */
export class Results<T, S> implements AsyncIterableIterator<T> {
  readonly #reader: SocketHalves["reader"];
  readonly #poll: Poll<IteratorResult<T>, S>;
  readonly #subject: S;

  constructor(
    reader: SocketHalves["reader"],
    poll: Poll<IteratorResult<T>, S>,
    subject: S,
  ) {
    this.#reader = reader;
    this.#poll = poll;
    this.#subject = subject;
  }

  next(): Promise<IteratorResult<T>> {
    return this.#reader.run("receive", undefined, this.#poll, this.#subject);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
