/**
 * Who may come in, and when.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import type { RejectionReason } from "./events.ts";

/** What to do with clients above `maxConnections`. */
export type OnLimit =
  /** They wait in the system's backlog until somebody leaves. */
  | "wait"
  /** They are accepted and closed at once. */
  | "reject";

/** Counts the connections of a server against its limits. */
export class Admission {
  readonly #most: number;
  readonly #mostPerAddress: number;
  readonly #onLimit: OnLimit;
  #active = 0;
  readonly #byAddress = new Map<string, number>();
  #room: PromiseWithResolvers<void> | undefined;

  constructor(most: number, mostPerAddress: number, onLimit: OnLimit) {
    this.#most = most;
    this.#mostPerAddress = mostPerAddress;
    this.#onLimit = onLimit;
  }

  get active(): number {
    return this.#active;
  }

  /** Resolves when the next client may be accepted; at once unless clients wait. */
  room(): Promise<void> | undefined {
    if (this.#onLimit === "reject" || this.#active < this.#most) return;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Wakes whoever waits for room, room or not. */
  wake(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Lets a client in, or says why not. */
  enter(addr: Addr): RejectionReason | undefined {
    if (this.#active >= this.#most) return "max-connections";
    if (this.#mostPerAddress !== Infinity) {
      const key = addressKey(addr);
      const count = this.#byAddress.get(key) ?? 0;
      if (count >= this.#mostPerAddress) return "max-connections-per-address";
      this.#byAddress.set(key, count + 1);
    }
    this.#active++;
    return undefined;
  }

  /** A client that was let in has left. */
  leave(addr: Addr): void {
    this.#active--;
    if (this.#mostPerAddress !== Infinity) {
      const key = addressKey(addr);
      const count = this.#byAddress.get(key)! - 1;
      if (count === 0) this.#byAddress.delete(key);
      else this.#byAddress.set(key, count);
    }
    this.wake();
  }
}

/** What counts as one address: the host, whatever the port. */
function addressKey(addr: Addr): string {
  if ("hostname" in addr) return addr.hostname;
  return addr.transport === "memory" ? addr.name : addr.transport;
}
