/**
 * Where the first delimiter of a stream is: of one that is looked for, and of several.
 *
 * Of several, first is the one that begins first, and of those that begin at the same place the
 * longest. That is not known before the bytes are there that could make another one
 * longer, or complete one that began earlier: a scan says so by not being settled. Then
 * the answer is the same however the bytes were cut.
 *
 * The automaton is that of Aho and Corasick: one step a byte, whatever the number of
 * delimiters.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";

/**
 * Each byte of a delimiter makes a state; beginnings that delimiters share make theirs
 * once.
 */
const ROOT = 0;

/** The automaton of some delimiters; immutable. */
export class DelimiterSet {
  readonly shortest: number;
  readonly longest: number;
  readonly delimiters: readonly Uint8Array[];
  /** For each byte whether a delimiter begins with it. */
  readonly begins: Uint8Array = new Uint8Array(256);
  /** For each byte its column in `next`: 0 for all that are in no delimiter. */
  readonly columnOf: Uint8Array = new Uint8Array(256);
  readonly columns: number;
  /** The state behind each state and byte. */
  readonly next: Uint16Array;
  /** How many of the last bytes may be of a delimiter that is not whole, for each state. */
  readonly begun: Uint16Array;
  /** The size of the longest delimiter that ends in a state; 0 for none. */
  readonly size: Uint16Array;

  /** @param delimiters At least one, and none is empty. */
  constructor(delimiters: readonly Uint8Array[]) {
    this.delimiters = delimiters;
    const sizes = delimiters.map(({ length }) => length);
    this.shortest = Math.min(...sizes);
    this.longest = Math.max(...sizes);
    const bytes = new Set(delimiters.flatMap((each) => [...each]));
    // With all 256 bytes in use there is none that needs the first column.
    let columns = bytes.size === 256 ? 0 : 1;
    for (const byte of bytes) this.columnOf[byte] = columns++;
    this.columns = columns;
    const most = 1 + sizes.reduce((sum, size) => sum + size, 0);
    this.next = new Uint16Array(most * columns);
    this.begun = new Uint16Array(most);
    this.size = new Uint16Array(most);
    const states = this.#addAll();
    this.#link(states);
  }

  /** A tree of all beginnings. Returns the number of states. */
  #addAll(): number {
    const { next, size, columns, columnOf } = this;
    let states = 1;
    for (const delimiter of this.delimiters) {
      this.begins[delimiter[0]] = 1;
      let state = ROOT;
      for (const byte of delimiter) {
        const place = state * columns + columnOf[byte];
        if (next[place] === ROOT) next[place] = states++;
        state = next[place];
      }
      size[state] = delimiter.length;
    }
    return states;
  }

  /** Where no longer beginning matches, the next state is that of the longest shorter one. */
  #link(states: number): void {
    const { next, size, begun, columns } = this;
    const shorter = new Uint16Array(states);
    const depth = new Uint16Array(states);
    const queue = [ROOT];
    for (let i = 0; i < queue.length; i++) {
      const state = queue[i];
      const other = shorter[state];
      // The longest that ends here begins first.
      if (size[state] === 0) size[state] = size[other];
      begun[state] = begun[other];
      for (let column = 0; column < columns; column++) {
        const place = state * columns + column;
        const follows = state === ROOT ? ROOT : next[other * columns + column];
        if (next[place] === ROOT) {
          next[place] = follows;
        } else {
          begun[state] = depth[state];
          shorter[next[place]] = follows;
          depth[next[place]] = depth[state] + 1;
          queue.push(next[place]);
        }
      }
    }
  }

  /** Whether bytes behind `delimiter` could make it a part of another one. */
  canGoOn(delimiter: Uint8Array): boolean {
    return this.delimiters.some((other) => {
      for (let at = 0; at + delimiter.length < other.length; at++) {
        if (delimiter.every((byte, i) => other[at + i] === byte)) return true;
      }
      return false;
    });
  }
}

/** The search for the first delimiter in a stream. Positions count from its beginning. */
export class DelimiterScan {
  readonly #set: DelimiterSet;
  #state = ROOT;
  /** Bytes scanned so far. */
  position = 0;
  /** Where the first delimiter begins, as far as it is known; -1 for none. */
  start = -1;
  /** Its size. */
  size = 0;
  /** Whether no byte that is still to come can change that. */
  settled = false;

  constructor(set: DelimiterSet) {
    this.#set = set;
  }

  /** Before this place no delimiter begins. */
  get free(): number {
    const begun = this.position - this.#set.begun[this.#state];
    return this.start < 0 || begun < this.start ? begun : this.start;
  }

  /** Begins a new search. */
  reset(): void {
    this.#state = ROOT;
    this.position = 0;
    this.start = -1;
    this.size = 0;
    this.settled = false;
  }

  /** Positions count from `count` bytes later on, before which no delimiter begins. */
  forget(count: number): void {
    this.position -= count;
    if (this.start >= 0) this.start -= count;
  }

  /** Goes on with `chunk`, until it is settled. */
  scan(chunk: Uint8Array): void {
    const { begins, columnOf, columns, next, begun, size } = this.#set;
    const base = this.position;
    const { length } = chunk;
    let { start } = this;
    let state = this.#state;
    let i = 0;
    while (i < length && !this.settled) {
      if (state === ROOT && start < 0) {
        // Most bytes begin nothing.
        while (i < length && begins[chunk[i]] === 0) i++;
        if (i === length) break;
      }
      state = next[state * columns + columnOf[chunk[i++]]];
      const end = base + i;
      // A later one of the same beginning is longer.
      if (size[state] > 0 && (start < 0 || end - size[state] <= start)) {
        start = end - size[state];
        this.size = size[state];
      }
      if (start >= 0 && end - begun[state] > start) this.settled = true;
    }
    this.start = start;
    this.#state = state;
    this.position = base + i;
  }
}

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
