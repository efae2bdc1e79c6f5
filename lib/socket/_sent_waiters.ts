/**
 * The calls of a socket that wait until so many bytes have been sent.
 *
 * They are woken in the order of their positions, each once: when its bytes have been taken by
 * the transport, when a limit of the call passes, or when the writer fails. Calls without
 * limits that wait for about the same position share a promise, so that hundreds of thousands of
 * small writes which are not awaited do not cost a promise each.
 *
 * Only `_writer.ts` imports this file.
 *
 * @module
 */

import { type CallOptions, watchCall } from "../time/call_limits.ts";
import { observed } from "./observed.ts";

/** A promise that settles when so many bytes have been sent. */
interface Waiter {
  position: number;
  /** How far `position` may move for calls that join. */
  latest: number;
  /** A limit has ended the call, which is forgotten. */
  isOver: boolean;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
  /** What calls without limits get that wait for about this position. */
  readonly shared: Promise<void> | undefined;
}

/** The calls that wait for one writer. */
export class SentWaiters {
  /** Sorted by position. */
  #waiters: Waiter[] = [];
  /** How many of them are over. */
  #over = 0;

  /** How many promises wait. */
  get length(): number {
    return this.#waiters.length - this.#over;
  }

  /** Resolves when `position` is sent, or `later` bytes after it at the latest. */
  add(position: number, later: number): Promise<void> {
    const index = this.#indexOf(position);
    const before = this.#waiters[index - 1];
    if (before?.shared !== undefined && position <= before.latest) {
      before.position = position;
      before.latest = Math.min(before.latest, position + later);
      return before.shared;
    }
    const { promise, ...settle } = Promise.withResolvers<void>();
    const latest = position + later;
    this.#insert(index, {
      ...settle,
      position,
      latest,
      isOver: false,
      shared: promise,
    });
    return observed(promise);
  }

  /**
   * Resolves when `position` is sent, within the limits of one call.
   *
   * @param onLimit A limit has passed: the call has been rejected with `reason` and forgotten.
   */
  addWithin(
    operation: string,
    position: number,
    options: CallOptions,
    onLimit: (reason: unknown) => void,
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = {
      position,
      latest: position,
      isOver: false,
      shared: undefined,
      resolve: () => {
        unwatch();
        resolve();
      },
      reject: (reason) => {
        unwatch();
        reject(reason);
      },
    };
    this.#insert(this.#indexOf(position), waiter);
    const unwatch = watchCall(operation, options, (reason) => {
      this.#forget(waiter);
      reject(reason);
      onLimit(reason);
    });
    return observed(promise);
  }

  /** Most are taken out at once: thousands may end with one signal. */
  #forget(waiter: Waiter): void {
    waiter.isOver = true;
    if (++this.#over <= this.#waiters.length / 2) return;
    this.#waiters = this.#waiters.filter(({ isOver }) => !isOver);
    this.#over = 0;
  }

  /** Resolves those that wait for no more than `sent`. */
  wake(sent: number): void {
    const waiters = this.#waiters;
    let done = 0;
    while (done < waiters.length && waiters[done].position <= sent) {
      const waiter = waiters[done++];
      if (waiter.isOver) this.#over--;
      else waiter.resolve();
    }
    if (done > 0) waiters.splice(0, done);
  }

  /** Rejects all. */
  reject(reason: unknown): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#over = 0;
    for (const { isOver, reject } of waiters) if (!isOver) reject(reason);
  }

  /** Where a waiter for `position` belongs: nearly always at the end. */
  #indexOf(position: number): number {
    const waiters = this.#waiters;
    let index = waiters.length;
    while (index > 0 && waiters[index - 1].position > position) index--;
    return index;
  }

  #insert(index: number, waiter: Waiter): void {
    const waiters = this.#waiters;
    if (index === waiters.length) waiters.push(waiter);
    else waiters.splice(index, 0, waiter);
  }
}
