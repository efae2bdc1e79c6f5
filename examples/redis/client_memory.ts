/**
 * A bound on what all clients hold beside the data: commands that have come in part,
 * replies and messages on their way, subscriptions.
 *
 * @module
 */

/** A client that holds memory. */
export interface Holder {
  /** What it holds, in bytes; only {@linkcode ClientMemory} changes it. */
  heldBytes: number;
  /** Ends its connection. What it holds counts no longer. */
  evict(): void;
}

/**
 * Counts what clients hold. Above the limit the client that holds the most is cut
 * off, as Redis does with `maxmemory-clients`: refusing the next one instead would let
 * one slow reader shut out all others.
 */
export class ClientMemory {
  /** Most that all clients may hold together. */
  readonly maxBytes: number;
  readonly #holders = new Set<Holder>();
  #bytes = 0;

  /** @param maxBytes Most memory that all clients may hold together. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** What all clients hold now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * A client holds more.
   *
   * @param bytes What counts for the client.
   * @param inAll What counts for all together: less where clients share it.
   */
  hold(client: Holder, bytes: number, inAll = bytes): void {
    client.heldBytes += bytes;
    this.#bytes += inAll;
    if (client.heldBytes > 0) this.#holders.add(client);
    while (this.#bytes > this.maxBytes && this.#holders.size > 0) {
      this.#largest().evict();
    }
  }

  /** A client holds less; the numbers are those of {@linkcode ClientMemory.hold}. */
  release(client: Holder, bytes: number, inAll = bytes): void {
    client.heldBytes -= bytes;
    this.#bytes -= inAll;
    if (client.heldBytes === 0) this.#holders.delete(client);
  }

  #largest(): Holder {
    let [largest] = this.#holders;
    for (const client of this.#holders) {
      if (client.heldBytes > largest.heldBytes) largest = client;
    }
    return largest;
  }
}
