/**
 * Accepting that outlives every client and every shortage.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { BrokenError, BusyError, ClosedError } from "../errors.ts";
import { sleep } from "../time/sleep.ts";
import type { AcceptedTransport, Acceptor } from "../transport/options.ts";
import { translateError } from "../transport/translate_error.ts";

/** Out of descriptors or memory: the first pause, and the longest. */
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 1_000;

/** One transport after another from an acceptor, until it is closed. */
export class AcceptLoop {
  readonly #acceptor: Acceptor;
  readonly #onError: (error: unknown, retryMs: number) => void;
  readonly #stop = new AbortController();
  /** Resolves when clients can connect; rejects when the address cannot be had. */
  readonly ready: Promise<void>;
  #busy = false;
  #pauseMs = 0;
  #pending: Promise<AcceptedTransport | undefined> | undefined;
  #resumed: PromiseWithResolvers<void> | undefined;

  /**
   * @param acceptor Belongs to the loop from now on.
   * @param onError Hears of each accept that failed, and of the pause before the
   * next one.
   */
  constructor(
    acceptor: Acceptor,
    onError: (error: unknown, retryMs: number) => void,
  ) {
    this.#acceptor = acceptor;
    this.#onError = onError;
    this.ready = this.#open();
  }

  async #open(): Promise<void> {
    try {
      await this.#acceptor.ready;
    } catch (error) {
      this.#stop.abort();
      throw translateError(error, {
        operation: "listen",
        localAddr: this.addr,
      });
    }
  }

  get addr(): Addr {
    return this.#acceptor.addr;
  }

  get closed(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Stops handing out connections; those that come wait in the backlog. */
  suspend(): void {
    if (!this.closed) this.#resumed ??= Promise.withResolvers();
  }

  /** Hands out connections again. */
  resume(): void {
    this.#resumed?.resolve();
    this.#resumed = undefined;
  }

  /** Ends the loop. Resolves when the address is free again. */
  async close(): Promise<void> {
    if (!this.closed) {
      this.#stop.abort();
      this.resume();
      this.#acceptor.close();
    }
    // Deno frees the port when the pending accept has ended.
    await this.#pending?.catch(() => {});
  }

  /**
   * The next transport; `undefined` when the loop was closed.
   *
   * @throws {BusyError} Another call is under way.
   * @throws {BrokenError} The address cannot be had; see `ready`.
   */
  next(): Promise<AcceptedTransport | undefined> {
    if (this.#busy) {
      return Promise.reject(
        new BusyError(
          "Cannot accept as one accept at a time is allowed: another is under way",
          { operation: "accept", localAddr: this.addr },
        ),
      );
    }
    return this.#pending = this.#next();
  }

  // One async function for each client, no more: this is what a connection costs.
  async #next(): Promise<AcceptedTransport | undefined> {
    this.#busy = true;
    try {
      if (this.#acceptor.ready !== undefined) await this.ready;
      while (!this.closed) {
        try {
          if (this.#resumed !== undefined) await this.#untilResumed();
          if (this.closed) break;
          const transport = await this.#acceptor.accept();
          this.#pauseMs = 0;
          // Came while nobody wanted it: it waits here instead of in the backlog.
          if (this.#resumed !== undefined) await this.#untilResumed();
          if (!this.closed) return transport;
          transport.close();
        } catch (error) {
          if (!this.closed) await this.#onFailure(error);
        }
      }
      return undefined;
    } finally {
      this.#busy = false;
    }
  }

  async #onFailure(error: unknown): Promise<void> {
    const failure = translateError(error, {
      operation: "accept",
      localAddr: this.addr,
    });
    // Somebody closed the acceptor behind our back.
    if (failure instanceof ClosedError) this.#stop.abort();
    else await this.#pause(failure);
  }

  async #untilResumed(): Promise<void> {
    while (this.#resumed !== undefined) await this.#resumed.promise;
  }

  /**
   * A client that left while it was in the backlog concerns nobody: on with the
   * next one. Anything else is a shortage, and asking again at once would spin
   * thousands of times a second.
   */
  async #pause(failure: unknown): Promise<void> {
    if (failure instanceof BrokenError && failure.reason === "reset") {
      this.#onError(failure, 0);
      return;
    }
    this.#pauseMs = Math.min(
      LONGEST_PAUSE_MS,
      Math.max(FIRST_PAUSE_MS, 2 * this.#pauseMs),
    );
    this.#onError(failure, this.#pauseMs);
    await sleep(this.#pauseMs, { signal: this.#stop.signal }).catch(() => {});
  }
}
