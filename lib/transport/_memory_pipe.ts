/**
 * One direction of an in-memory connection: bytes in order, in bounded room.
 *
 * @module
 */

import { ByteRing } from "./byte_ring.ts";

/** How many of the `length` bytes that could move in one call do move. */
export type Cut = (length: number) => number;

interface PendingRead extends PromiseWithResolvers<number | null> {
  target: Uint8Array;
}

interface PendingWrite extends PromiseWithResolvers<number> {
  /** What to write; `null` ends the direction, once the writes before it are done. */
  source: Uint8Array | null;
}

/**
 * Reads and writes wait in line, first in, first out. An array that was handed in is
 * touched only before its promise settles: it is copied from, or into, in the very
 * step that settles it, and forgotten then.
 */
export class MemoryPipe {
  readonly #capacity: number;
  readonly #cutWrite: Cut;
  readonly #cutRead: Cut;
  readonly #bytes = new ByteRing();
  #ended = false;
  #reads: PendingRead[] = [];
  #writes: PendingWrite[] = [];

  constructor(capacity: number, cutWrite: Cut, cutRead: Cut) {
    this.#capacity = capacity;
    this.#cutWrite = cutWrite;
    this.#cutRead = cutRead;
  }

  /** Bytes written and not yet read. */
  get size(): number {
    return this.#bytes.length;
  }

  /** Whether nothing can be written any more. */
  get ended(): boolean {
    return this.#ended;
  }

  read(target: Uint8Array): Promise<number | null> {
    const pending = { ...Promise.withResolvers<number | null>(), target };
    this.#reads.push(pending);
    this.#move();
    return pending.promise;
  }

  write(source: Uint8Array): Promise<number> {
    const pending = { ...Promise.withResolvers<number>(), source };
    this.#writes.push(pending);
    this.#move();
    return pending.promise;
  }

  /** Ends the direction behind the pending writes. */
  async end(): Promise<void> {
    if (this.#ended) return;
    const pending = { ...Promise.withResolvers<number>(), source: null };
    this.#writes.push(pending);
    this.#move();
    await pending.promise;
  }

  /** Ends the direction ahead of the pending writes, which reject. */
  cut(makeError: () => Error): void {
    this.#ended = true;
    this.rejectWrites(makeError);
    this.#move();
  }

  /** Forgets what is buffered. */
  discard(): void {
    this.#bytes.clear();
  }

  /** Rejects the pending reads; says whether there were any. */
  rejectReads(makeError: () => Error): boolean {
    const reads = this.#reads;
    this.#reads = [];
    for (const { reject } of reads) reject(makeError());
    return reads.length > 0;
  }

  /** Rejects the pending writes; says whether there were any. */
  rejectWrites(makeError: () => Error): boolean {
    const writes = this.#writes;
    this.#writes = [];
    for (const { reject } of writes) reject(makeError());
    return writes.length > 0;
  }

  #move(): void {
    for (;;) {
      if (this.#writes.length > 0 && this.#accept()) continue;
      if (this.#reads.length > 0 && this.#deliver()) continue;
      return;
    }
  }

  /** Lets the first write in, as far as there is room. */
  #accept(): boolean {
    const { source, resolve } = this.#writes[0];
    const room = this.#capacity - this.#bytes.length;
    if (source === null) {
      this.#ended = true;
      resolve(0);
    } else if (source.length === 0) {
      resolve(0);
    } else if (room > 0) {
      const count = this.#cutWrite(Math.min(room, source.length));
      this.#bytes.push(source, count);
      resolve(count);
    } else return false;
    this.#writes.shift();
    return true;
  }

  /** Serves the first read with what is there. */
  #deliver(): boolean {
    const { target, resolve } = this.#reads[0];
    if (this.#bytes.length > 0) resolve(this.#take(target));
    else if (this.#ended) resolve(null);
    else return false;
    this.#reads.shift();
    return true;
  }

  #take(target: Uint8Array): number {
    const most = Math.min(this.#bytes.length, target.length);
    const count = this.#cutRead(most);
    this.#bytes.take(target, count);
    return count;
  }
}
