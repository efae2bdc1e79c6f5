/**
 * What a socket receives, as an async iterator.
 *
 * @module
 */

import type { FrameReader } from "./_frame_reader.ts";

/** Looks for what comes next: see `_frame_reader.ts`. */
type Poll<T, In> = (
  ended: boolean,
  frames: FrameReader<In>,
) => IteratorResult<T> | undefined;

/** One call after another, each with the same poll. It keeps no state of its own. */
export class FrameIterator<T, In> implements AsyncIterableIterator<T> {
  readonly #poll: Poll<T, In>;
  readonly #frames: FrameReader<In>;

  constructor(
    poll: Poll<T, In>,
    frames: FrameReader<In>,
  ) {
    this.#poll = poll;
    this.#frames = frames;
  }

  next(): Promise<IteratorResult<T>> {
    const frames = this.#frames;
    return frames.readLoop.run("receive", undefined, this.#poll, frames);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
