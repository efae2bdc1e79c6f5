/**
 * What arrives on a socket, as an async iterator.
 *
 * @module
 */

import type { ReadLoop, Take } from "./_read_loop.ts";

type Chunk = IteratorResult<Uint8Array>;

const takeNext: Take<Chunk, ChunkIterator> = (ended, { loop: { queue } }) => {
  if (queue.length > 0) return { done: false, value: queue.takeChunk() };
  return ended ? { done: true, value: undefined } : undefined;
};

/** One read after another. It keeps no state of its own. */
export class ChunkIterator implements AsyncIterator<Uint8Array> {
  /** Where they come from. */
  readonly loop: ReadLoop;

  constructor(loop: ReadLoop) {
    this.loop = loop;
  }

  next(): Promise<Chunk> {
    return this.loop.run("read", undefined, takeNext, this);
  }

  /** Ends a `next` that waits: what it waits for is there for the next read. */
  return(): Promise<Chunk> {
    const done: Chunk = { done: true, value: undefined };
    this.loop.finish(this, done);
    return Promise.resolve(done);
  }
}
