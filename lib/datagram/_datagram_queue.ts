/**
 * Datagrams that wait to be received.
 *
 * @module
 */

import type { Datagram, DatagramAddr } from "./options.ts";

/** Taken items stay in the array until there are so many. */
const COMPACT_AT = 1_024;

/** A queue with two bounds, which drops from one of its ends. */
export class DatagramQueue<A extends DatagramAddr> {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  readonly #dropsOldest: boolean;
  #items: (Datagram<A> | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxCount: number, maxBytes: number, dropsOldest: boolean) {
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
    this.#dropsOldest = dropsOldest;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** Adds one, and returns how many were dropped for it: it may be that one itself. */
  push(datagram: Datagram<A>): number {
    const size = datagram.data.length;
    if (size > this.#maxBytes || this.#maxCount === 0) return 1;
    let dropped = 0;
    while (
      this.length >= this.#maxCount || this.#bytes + size > this.#maxBytes
    ) {
      if (!this.#dropsOldest) return 1;
      this.shift();
      dropped++;
    }
    this.#items.push(datagram);
    this.#bytes += size;
    return dropped;
  }

  /** Takes the oldest one. */
  shift(): Datagram<A> | undefined {
    const datagram = this.#items[this.#head];
    if (datagram === undefined) return undefined;
    this.#items[this.#head++] = undefined;
    this.#bytes -= datagram.data.length;
    if (this.#head === this.#items.length) {
      this.#items.length = this.#head = 0;
    } else if (
      this.#head >= COMPACT_AT && this.#head * 2 > this.#items.length
    ) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return datagram;
  }

  /** Forgets all of them. */
  clear(): void {
    this.#items = [];
    this.#head = this.#bytes = 0;
  }
}
