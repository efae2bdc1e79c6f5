/**
 * What a socket receives, as an async iterator.
 *
 * @module
 */

import type { FrameReader } from "./_frame_reader.ts";

/**
 * Takes the next value out of the frames that have arrived; `undefined` where there is none
 * yet.
 */
type Take<T, In> = (ended: boolean, frames: FrameReader<In>) => T | undefined;

function takeResult<T, In>(
  ended: boolean,
  { take, frames }: FrameIterator<T, In>,
): IteratorResult<T> | undefined {
  const value = take(ended, frames);
  if (value !== undefined) return { done: false, value };
  return frames.isOver(ended) ? { done: true, value: undefined } : undefined;
}

/** An iterator over what `take` gives, one value a call. It keeps no state of its own. */
export class FrameIterator<T, In> implements AsyncIterableIterator<T> {
  /** Where the values come from. */
  readonly frames: FrameReader<In>;
  readonly take: Take<T, In>;

  constructor(take: Take<T, In>, frames: FrameReader<In>) {
    this.take = take;
    this.frames = frames;
  }

  /**
   * As `readLoop.run` with {@linkcode takeResult}, except that the promise is made beside
   * the result: then the engine knows that the result has no `then`. Looking for one would
   * cost a tenth of a loop over short lines.
   */
  next(): Promise<IteratorResult<T>> {
    const { frames } = this;
    const { readLoop } = frames;
    let mayTake: boolean;
    try {
      mayTake = readLoop.begin("receive");
      if (mayTake) {
        const { ended } = readLoop;
        const value = this.take(ended, frames);
        if (value !== undefined) {
          return Promise.resolve({ done: false, value });
        }
        if (frames.isOver(ended)) {
          return Promise.resolve({ done: true, value: undefined });
        }
      }
    } catch (error) {
      return Promise.reject(readLoop.errorOf(error));
    }
    return readLoop.wait(
      "receive",
      undefined,
      takeResult<T, In>,
      this,
      mayTake,
    );
  }

  /** Ends a `next` that waits: what it waits for is there for the next call. */
  return(): Promise<IteratorResult<T>> {
    const done: IteratorResult<T> = { done: true, value: undefined };
    this.frames.readLoop.finish(this, done);
    return Promise.resolve(done);
  }

  /** The same, of a generator that delegates to it and is given an error: it gets that. */
  throw(error: unknown): Promise<IteratorResult<T>> {
    this.return();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
