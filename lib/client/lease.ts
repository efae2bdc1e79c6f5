/**
 * The use of a connection of a pool, until it is given back.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";

/** What a lease gives its connection back to. Internal. */
export interface LeaseOwner<E> {
  onRelease(entry: E): void;
  onDiscard(entry: E, reason: unknown): void;
}

/**
 * The use of a connection, by one caller, until it is given back: made by
 * {@linkcode Pool.acquire}.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { Pool } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * await using pool = new Pool({ open: () => ({ name: "connection" }) });
 * {
 *   await using lease = await pool.acquire();
 *   assertEquals(lease.value.name, "connection");
 * }
 * assertEquals(pool.stats.idle, 1);
 * ```
 */
export class Lease<T> implements Disposable, AsyncDisposable {
  readonly #owner: LeaseOwner<{ readonly value: T }>;
  #entry: { readonly value: T } | undefined;

  /** Use {@linkcode Pool.acquire}. */
  constructor(
    owner: LeaseOwner<{ readonly value: T }>,
    entry: { readonly value: T },
  ) {
    this.#owner = owner;
    this.#entry = entry;
  }

  /**
   * The connection.
   *
   * @throws {ClosedError} It was given back, and may be with another caller.
   */
  get value(): T {
    if (this.#entry === undefined) {
      throw new ClosedError("Cannot use the connection: it was given back");
    }
    return this.#entry.value;
  }

  /**
   * Gives the connection back, for the next caller: only where the protocol is between two
   * exchanges. Idempotent.
   */
  release(): void {
    const entry = this.#entry;
    if (entry === undefined) return;
    this.#entry = undefined;
    this.#owner.onRelease(entry);
  }

  /**
   * Gives the connection back to be closed, as its state is not known: after an error, or
   * where an answer was not waited for. Idempotent, also after `release`.
   *
   * @param reason Is passed on to the pool's `close`.
   */
  discard(reason?: unknown): void {
    const entry = this.#entry;
    if (entry === undefined) return;
    this.#entry = undefined;
    this.#owner.onDiscard(entry, reason);
  }

  /** Gives it back, as {@linkcode Lease.release}. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** Gives it back, as {@linkcode Lease.release}. */
  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}
