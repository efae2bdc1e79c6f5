/**
 * What a socket receives, as an async iterator.
 *
 * @module
 */

import type { Poll } from "../socket/poll.ts";
import type { Incoming } from "./_incoming.ts";

/** One call after another, each with the same poll. It keeps no state of its own. */
export class Results<T, In> implements AsyncIterableIterator<T> {
  readonly #poll: Poll<IteratorResult<T>, Incoming<In>>;
  readonly #incoming: Incoming<In>;

  constructor(
    poll: Poll<IteratorResult<T>, Incoming<In>>,
    incoming: Incoming<In>,
  ) {
    this.#poll = poll;
    this.#incoming = incoming;
  }

  next(): Promise<IteratorResult<T>> {
    const incoming = this.#incoming;
    return incoming.reader.run("receive", undefined, this.#poll, incoming);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
