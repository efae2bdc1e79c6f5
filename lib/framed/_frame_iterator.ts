/**
 * What a socket receives, as an async iterator.
 *
 * @module
 */

import type { FrameReader } from "./_frame_reader.ts";

/** Looks for what comes next: see `_frame_reader.ts`. */
type Poll<T, In> = (
  ended: boolean,
  loop: FrameIterator<T, In>,
) => IteratorResult<T> | undefined;

/** One call after another, each with the same poll. It keeps no state of its own. */
export class FrameIterator<T, In> implements AsyncIterableIterator<T> {
  /** Where they come from. */
  readonly frames: FrameReader<In>;
  readonly #poll: Poll<T, In>;

  constructor(
    poll: Poll<T, In>,
    frames: FrameReader<In>,
  ) {
    this.#poll = poll;
    this.frames = frames;
  }

  next(): Promise<IteratorResult<T>> {
    const { readLoop } = this.frames;
    return readLoop.run("receive", undefined, this.#poll, this);
  }

  /** Ends a `next` that waits: what it waits for is there for the next call. */
  return(): Promise<IteratorResult<T>> {
    const done: IteratorResult<T> = { done: true, value: undefined };
    this.frames.readLoop.finish(this, done);
    return Promise.resolve(done);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
