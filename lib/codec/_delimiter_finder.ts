/**
 * Where the first delimiter is in a queue: of one, and of several.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import { DelimiterScan, type DelimiterSet } from "./_delimiter_set.ts";

/** Finds the first delimiter in a queue, and goes on where it stopped. */
export interface DelimiterFinder {
  /** The size of the one that was found. */
  readonly size: number;
  /** Where it begins, or -1 where none has come, or it may still be another one. */
  find(bytes: ByteQueue, ended: boolean): number;
  /** Where none was found: before this place none begins. */
  free(bytes: ByteQueue): number;
  /** Skips bytes before that place. */
  skip(bytes: ByteQueue, count: number): void;
}

/** For one delimiter: the queue finds it, and remembers where it stopped. */
export class OneFinder implements DelimiterFinder {
  readonly size: number;
  readonly #delimiter: Uint8Array;

  constructor(delimiter: Uint8Array) {
    this.#delimiter = delimiter;
    this.size = delimiter.length;
  }

  find(bytes: ByteQueue): number {
    return bytes.indexOf(this.#delimiter);
  }

  free(bytes: ByteQueue): number {
    return bytes.length - this.size + 1;
  }

  skip(bytes: ByteQueue, count: number): void {
    bytes.skip(count);
  }
}

/** Bytes that are looked at first, as the first delimiter is often among them. */
const FIRST_BYTES = 64;
const MOST_BYTES = 65_536;

/** For several. */
export class AnyFinder implements DelimiterFinder {
  readonly #scan: DelimiterScan;
  /** The queue's revision at the scan's first byte. */
  #revision = -1;

  constructor(set: DelimiterSet) {
    this.#scan = new DelimiterScan(set);
  }

  get size(): number {
    return this.#scan.size;
  }

  find(bytes: ByteQueue, ended: boolean): number {
    const scan = this.#scan;
    // A frame was taken, or bytes were put back.
    if (bytes.revision !== this.#revision) {
      scan.reset();
      this.#revision = bytes.revision;
    }
    const { length } = bytes;
    while (!scan.settled && scan.position < length) {
      const most = Math.max(FIRST_BYTES, Math.min(scan.position, MOST_BYTES));
      scan.scan(bytes.peekChunk(most, scan.position));
    }
    return scan.settled || ended ? scan.start : -1;
  }

  free(): number {
    return this.#scan.free;
  }

  skip(bytes: ByteQueue, count: number): void {
    bytes.skip(count);
    this.#scan.forget(count);
    this.#revision = bytes.revision;
  }
}
