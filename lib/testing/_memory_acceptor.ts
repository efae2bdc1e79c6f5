/**
 * The listening end of a simulated network.
 *
 * @module
 */

import type { MemoryAddr } from "../addr.ts";
import type { Acceptor } from "../transport/options.ts";
import type { MemoryTransport } from "../transport/memory.ts";

/** Most connections that wait to be accepted, as in Deno. */
const BACKLOG = 511;

/** Connections wait here until they are accepted. */
export class MemoryAcceptor implements Acceptor {
  readonly addr: MemoryAddr;
  readonly #onClose: () => void;
  readonly #waiting: MemoryTransport[] = [];
  #accepting: PromiseWithResolvers<MemoryTransport> | undefined;
  #closed = false;

  constructor(name: string, onClose: () => void) {
    this.addr = { transport: "memory", name };
    this.#onClose = onClose;
  }

  accept(): Promise<MemoryTransport> {
    if (this.#closed) {
      return Promise.reject(
        new Deno.errors.BadResource("Listener has been closed"),
      );
    }
    if (this.#accepting !== undefined) {
      return Promise.reject(
        new Deno.errors.Busy("Another accept task is ongoing"),
      );
    }
    const next = this.#waiting.shift();
    if (next !== undefined) return Promise.resolve(next);
    this.#accepting = Promise.withResolvers();
    return this.#accepting.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    this.#accepting?.reject(
      new Deno.errors.BadResource("Listener has been closed"),
    );
    for (const transport of this.#waiting) {
      transport.reset();
      transport.close();
    }
  }

  /** Takes a connection in; says whether there was room. */
  offer(transport: MemoryTransport): boolean {
    if (this.#accepting !== undefined) {
      this.#accepting.resolve(transport);
      this.#accepting = undefined;
      return true;
    }
    if (this.#waiting.length >= BACKLOG) return false;
    this.#waiting.push(transport);
    return true;
  }
}
