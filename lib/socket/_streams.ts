/**
 * What arrives on a socket as an async iterator, and its two sides as Web Streams.
 *
 * Deno's own streams close the whole connection when one side ends; these do not.
 *
 * Most of what a chunk of a bulk transfer costs is fresh memory, as a chunk is given away,
 * and then its handling. Few large chunks cost a third less than many of 64 KiB, and a
 * quiet connection must not hold a large one: {@linkcode ChunkMemory} follows the traffic.
 *
 * @module
 */

import type { Connection } from "./_connection.ts";
import type { ReadLoop, Take } from "./_read_loop.ts";
import type { Reader } from "./_reader.ts";

/** The reading side. It reads only when it is read from. */
export function readableOf(
  reader: Reader,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let pulling = false;
  const memory = new ChunkMemory();
  return new ReadableStream({
    type: "bytes",
    // No autoAllocateChunkSize: it would be the same for a byte and for a bulk transfer.
    pull(controller) {
      const request = controller.byobRequest;
      const view = request?.view;
      const target = view
        ? new Uint8Array(
          view.buffer as ArrayBuffer,
          view.byteOffset,
          view.byteLength,
        )
        : memory.target;
      pulling = true;
      // A stream that fails or is cancelled gives no array back.
      return reader.fill(target).then((count) => {
        pulling = false;
        if (count === null) {
          controller.close();
          request?.respond(0);
        } else if (request) {
          request.respond(count);
        } else {
          controller.enqueue(memory.take(count));
        }
      });
    },
    cancel(reason) {
      // What the read in flight brings is there for the next read.
      if (pulling) reader.loop.interrupt(reason);
    },
  }, { highWaterMark: 0 });
}

/** The writing side. */
export function writableOf(connection: Connection): WritableStream<Uint8Array> {
  return new WritableStream({
    start({ signal }) {
      // `abort` comes when the write under way is over: of a peer that does not read, never.
      signal.addEventListener("abort", () => connection.abort(signal.reason));
    },
    write: (chunk) => connection.writer.write(chunk),
    close: () => connection.closeWrite(),
    abort: (reason) => connection.abort(reason),
  });
}

/** The array in which a read of a quiet peer waits. */
const MIN_BYTES = 1024;
/** The largest one of a busy peer: thousands may fall silent at once. */
const MAX_WAITING_BYTES = 64 * 1024;
/** The largest one where its bytes have arrived already. */
const MAX_BYTES = 1024 * 1024;
/**
 * Full reads in a row after which the array grows; fewer may be messages of that very size.
 */
const FULL_READS = 4;
/** The most of them that it takes, after it has grown in vain. */
const MAX_FULL_READS = 64;

/** The array that the next read goes into; it follows the traffic. */
export class ChunkMemory {
  #bytes = MIN_BYTES;
  #array: Uint8Array<ArrayBuffer> | undefined;
  #fullReads = 0;
  #wantedFullReads = FULL_READS;

  /** Where the next read goes. */
  get target(): Uint8Array<ArrayBuffer> {
    return this.#array ??= new Uint8Array(this.#bytes);
  }

  /** The `count` bytes that a read put there, in an array of which this keeps nothing. */
  take(count: number): Uint8Array<ArrayBuffer> {
    const { target } = this;
    const size = target.length;
    if (count === size) this.#onFull(size);
    else this.#onRoomLeft(count, size);
    // A chunk that is kept keeps its array: none is given away that is mostly empty.
    const gives = 2 * count >= size;
    if (gives || this.#bytes !== size) this.#array = undefined;
    const chunk = target.subarray(0, count);
    return gives ? chunk : new Uint8Array(chunk);
  }

  #onFull(size: number): void {
    this.#fullReads++;
    if (size > MAX_WAITING_BYTES) this.#wantedFullReads = FULL_READS;
    if (size < MAX_WAITING_BYTES || this.#fullReads >= this.#wantedFullReads) {
      this.#bytes = Math.min(MAX_BYTES, 4 * size);
    }
  }

  #onRoomLeft(count: number, size: number): void {
    this.#fullReads = 0;
    if (size > MAX_WAITING_BYTES) {
      this.#bytes = MAX_WAITING_BYTES;
      if (count <= MAX_WAITING_BYTES) {
        const wanted = 2 * this.#wantedFullReads;
        this.#wantedFullReads = Math.min(MAX_FULL_READS, wanted);
      }
    } else if (16 * count < size) {
      this.#bytes = Math.max(MIN_BYTES, size / 4);
    }
  }
}

type Chunk = IteratorResult<Uint8Array<ArrayBuffer>>;

const takeNext: Take<Chunk, ChunkIterator> = (ended, { loop: { queue } }) => {
  if (queue.length > 0) return { done: false, value: queue.takeChunk() };
  return ended ? { done: true, value: undefined } : undefined;
};

/** One read after another. It keeps no state of its own. */
export class ChunkIterator implements AsyncIterator<Uint8Array<ArrayBuffer>> {
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

  /** The same, of a generator that delegates to it and is given an error: it gets that. */
  throw(error: unknown): Promise<Chunk> {
    this.return();
    return Promise.reject(error);
  }
}
