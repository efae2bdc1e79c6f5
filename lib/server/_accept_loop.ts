/**
 * The accept loop, which no client, no shortage and no bad acceptor ends.
 *
 * @module
 */

import {
  checkFunction,
  checkObject,
  checkText,
  checkTransport,
  isA,
} from "../_check.ts";
import type { Addr } from "../addr.ts";
import { BrokenError, BusyError, ClosedError } from "../errors.ts";
import { waitWithin } from "../time/call_limits.ts";
import { sleep } from "../time/sleep.ts";
import { closeQuietly, quietly } from "../transport/close_quietly.ts";
import type { AcceptedTransport, Acceptor } from "../transport/options.ts";
import { translateError } from "../transport/translate_error.ts";

/** Out of descriptors or memory: the first pause, and the longest. */
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 1_000;

/** After so many clients in a row that had left, the event loop gets its turn. */
const RESETS_IN_A_ROW = 64;

/** Longest that closing waits for an acceptor, which should take no time at all. */
const CLOSE_TIMEOUT_MS = 250;

/** What an accept loop reports to its owner. */
export interface AcceptLoopEvents {
  /** An accept failed; the next one follows after a pause. */
  onAcceptError(error: unknown, retryMs: number): void;
  /** The acceptor could not be closed: its address may still be taken. */
  onCloseError(error: unknown): void;
}

/** One transport after another from an acceptor, until it is closed. */
export class AcceptLoop<A extends Addr = Addr> {
  readonly #acceptor: Acceptor<A>;
  readonly #events: AcceptLoopEvents;
  readonly #stop = new AbortController();
  /** Resolves when clients can connect; rejects when the address cannot be had. */
  readonly ready: Promise<void>;
  readonly #opening: Promise<void>;
  #isOpen = false;
  #busy = false;
  #referenced = true;
  #awaited = true;
  #pauseMs = 0;
  #resets = 0;
  #pending: Promise<AcceptedTransport | undefined> | undefined;
  #resumed: PromiseWithResolvers<void> | undefined;
  #closing: Promise<void> | undefined;

  /** @param acceptor Belongs to the loop from now on. */
  constructor(acceptor: Acceptor<A>, events: AcceptLoopEvents) {
    this.#acceptor = acceptor;
    this.#events = events;
    this.#opening = this.#open();
    // Of its own: that accepting waits for the opening is not to handle this one's rejection.
    this.ready = this.#opening.then();
  }

  async #open(): Promise<void> {
    try {
      // Nearly always undefined, and then there is nothing to wait for.
      const { ready } = this.#acceptor;
      if (ready !== undefined) await ready;
      this.#isOpen = true;
    } catch (error) {
      this.#end();
      throw this.#translate("listen", error);
    }
  }

  get addr(): A {
    return this.#acceptor.addr;
  }

  /** Aborts when the loop ends, by `close` or by itself. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get closed(): boolean {
    return this.#stop.signal.aborted;
  }

  get suspended(): boolean {
    return this.#resumed !== undefined;
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

  /** Lets an accept that waits keep the process alive. */
  ref(): void {
    this.#referenced = true;
    if (this.#awaited) quietly(() => this.#acceptor.ref?.());
  }

  /** Lets the process end while an accept waits. */
  unref(): void {
    this.#referenced = false;
    quietly(() => this.#acceptor.unref?.());
  }

  /**
   * Whether a caller waits for the accept that is under way: one that outlives its call
   * does not keep the process alive.
   */
  set awaited(awaited: boolean) {
    if (this.#awaited === awaited) return;
    this.#awaited = awaited;
    if (!this.#referenced) return;
    const acceptor = this.#acceptor;
    quietly(() => awaited ? acceptor.ref?.() : acceptor.unref?.());
  }

  /** Whether {@linkcode AcceptLoop.stop} hands out what was accepted already. */
  get canStop(): boolean {
    return this.#acceptor.stop !== undefined;
  }

  /**
   * Stops listening, and hands out what was accepted already; the loop ends by itself then.
   * For acceptors that share their address with others.
   */
  stop(): void {
    this.resume();
    quietly(() => this.#acceptor.stop?.());
  }

  /** Ends the loop. Resolves when the address is free again; never rejects. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#end();
    this.resume();
    try {
      const closed: unknown = this.#acceptor.close();
      // Deno frees the port when the pending accept has ended.
      const ended = Promise.all([closed, this.#pending?.catch(() => {})]);
      await waitWithin("close the listener", ended, {
        timeoutMs: CLOSE_TIMEOUT_MS,
      });
    } catch (error) {
      const failure = this.#translate("close the listener", error);
      // One that was closed already is what this call is for.
      if (!isA(failure, ClosedError)) this.#events.onCloseError(failure);
    }
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
          "Cannot accept: another accept is under way, and one at a time is allowed",
          { operation: "accept", localAddr: this.#localAddr },
        ),
      );
    }
    return this.#pending = this.#next();
  }

  // One async function for each client, no more: this is what a connection costs.
  async #next(): Promise<AcceptedTransport | undefined> {
    this.#busy = true;
    try {
      if (!this.#isOpen) await this.#opening;
      while (!this.closed) {
        try {
          if (this.#resumed !== undefined) await this.#untilResumed();
          if (this.closed) break;
          const transport = await this.#acceptor.accept();
          checkAccepted(transport);
          this.#pauseMs = 0;
          this.#resets = 0;
          // It came during the suspension: it waits here instead of in the backlog.
          if (this.#resumed !== undefined) await this.#untilResumed();
          if (!this.closed) return transport;
          closeQuietly(transport);
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
    const failure = this.#translate("accept", error);
    // The acceptor was closed from outside.
    if (isA(failure, ClosedError)) this.#end();
    else await this.#pause(failure);
  }

  #end(): void {
    this.#stop.abort(
      new ClosedError("Cannot go on: the listener was closed", {
        localAddr: this.#localAddr,
      }),
    );
  }

  async #untilResumed(): Promise<void> {
    while (this.#resumed !== undefined) await this.#resumed.promise;
  }

  /**
   * A client that left while it was in the backlog is passed over at once. Anything
   * else is a shortage, and asking again at once would spin thousands of times a
   * second.
   */
  async #pause(failure: unknown): Promise<void> {
    if (isA(failure, BrokenError) && failure.reason === "reset") {
      this.#events.onAcceptError(failure, 0);
      // An acceptor that fails so without end must not starve the process.
      if (++this.#resets % RESETS_IN_A_ROW === 0) await this.#sleep(0);
      return;
    }
    this.#pauseMs = Math.min(
      LONGEST_PAUSE_MS,
      Math.max(FIRST_PAUSE_MS, 2 * this.#pauseMs),
    );
    this.#events.onAcceptError(failure, this.#pauseMs);
    await this.#sleep(this.#pauseMs);
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, { signal: this.#stop.signal }).catch(() => {});
  }

  #translate(operation: string, error: unknown): unknown {
    return translateError(error, { operation, localAddr: this.#localAddr });
  }

  /** The address for errors; an acceptor of the user's may fail even at that. */
  get #localAddr(): Addr | undefined {
    try {
      return this.addr;
    } catch {
      return undefined;
    }
  }
}

/** Throws unless an acceptor gave what a socket can run on, and closes it then. */
function checkAccepted(transport: AcceptedTransport): void {
  try {
    checkTransport("accept", "the connection", transport);
    const { localAddr, remoteAddr, handshake } = transport;
    if (handshake !== undefined) {
      checkFunction("accept", "handshake of the connection", handshake);
    }
    checkObject("accept", "localAddr of the connection", localAddr);
    checkObject("accept", "remoteAddr of the connection", remoteAddr);
    // The server decides by this address which clients may come in.
    if ("hostname" in remoteAddr) {
      checkText("accept", "hostname of remoteAddr", remoteAddr.hostname);
    }
  } catch (error) {
    closeQuietly(transport);
    throw error;
  }
}
