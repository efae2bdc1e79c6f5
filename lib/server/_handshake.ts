/**
 * The TLS handshake of a client that was just accepted, and a queue of them for a listener.
 *
 * @module
 */

import { BusyError } from "../errors.ts";
import {
  type CallOptions,
  checkCall,
  checkCallNames,
  waitWithin,
  watchCall,
} from "../time/call_limits.ts";
import { closeQuietly } from "../transport/close_quietly.ts";
import type { AcceptedTransport } from "../transport/options.ts";
import {
  type ErrorContext,
  translateError,
  whereOf,
} from "../transport/translate_error.ts";
import type { AcceptLoop } from "./_accept_loop.ts";

/**
 * How long clients may take for TLS.
 *
 * @category Servers
 */
export interface HandshakeOptions {
  /**
   * Longest that a TLS handshake may take, in milliseconds, at least 1. It ends clients
   * that connect and stay silent.
   *
   * @default {10_000}
   */
  handshakeTimeoutMs?: number | undefined;
}

/**
 * Shakes hands within `timeoutMs`, and until `signal` aborts.
 *
 * @returns The protocol that was agreed on.
 * @throws Why it failed, which may be anything; the transport is then closed.
 */
export async function performHandshake(
  transport: AcceptedTransport,
  timeoutMs: number | undefined,
  signal: AbortSignal,
): Promise<string | null> {
  const operation = "handshake";
  const context: ErrorContext = { operation };
  try {
    const { localAddr, remoteAddr } = transport;
    Object.assign(context, { localAddr, remoteAddr });
    const done = Promise.resolve(transport.handshake!());
    const limits = { timeoutMs: timeoutMs ?? 10_000, signal };
    await waitWithin(operation, done, limits, () => ({
      ...context,
      where: whereOf(context),
    }));
    const { alpnProtocol } = transport;
    // Anything else, of an acceptor of the user's, is no name.
    return typeof alpnProtocol === "string" ? alpnProtocol : null;
  } catch (error) {
    closeQuietly(transport);
    throw translateError(error, context);
  }
}

/** Most connections that are in their handshake or wait to be accepted; the rest is in the backlog. */
const MAX_IN_PROGRESS = 256;

/** What a queue reports to its owner. */
export interface HandshakeEvents {
  /** A handshake is done. */
  onHandshake(transport: AcceptedTransport, alpnProtocol: string | null): void;
  /** A handshake failed; the connection is closed. */
  onHandshakeError(error: unknown, transport: AcceptedTransport): void;
}

/** A call of `next` that waits. */
interface Waiting {
  resolve(transport: AcceptedTransport | undefined): void;
  reject(error: unknown): void;
}

/**
 * Runs handshakes concurrently, and hands out the connections whose handshake is done.
 *
 * It accepts while a call waits, and goes on to do so while all that came is still
 * shaking hands: a silent client delays no other. Without TLS there is nothing to
 * wait for, and a connection is handed out as it comes.
 */
export class HandshakeQueue {
  readonly #loop: AcceptLoop;
  readonly #timeoutMs: number | undefined;
  readonly #events: HandshakeEvents;
  #handshaking = 0;
  readonly #done: AcceptedTransport[] = [];
  #accepting = false;
  #waiting: Waiting | undefined;

  constructor(
    loop: AcceptLoop,
    timeoutMs: number | undefined,
    events: HandshakeEvents,
  ) {
    this.#loop = loop;
    this.#timeoutMs = timeoutMs;
    this.#events = events;
    loop.signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  /**
   * The next connection; `undefined` when the loop has ended. A call that a limit ends
   * loses nothing: the next one gets what came meanwhile.
   *
   * @throws {BusyError} Another call is under way.
   * @throws {BrokenError} The address cannot be had.
   */
  next(options?: CallOptions): Promise<AcceptedTransport | undefined> {
    return new Promise((resolve, reject) => {
      checkCall("accept", options);
      checkCallNames("accept", options);
      if (this.#waiting !== undefined) {
        throw new BusyError(
          "Cannot accept: another accept is under way, and one at a time is allowed",
          { operation: "accept" },
        );
      }
      let unwatch = () => {};
      const settle = () => {
        unwatch();
        this.#waiting = undefined;
        // What is accepted from now on is for a call that is yet to come.
        this.#loop.awaited = false;
      };
      const waiting: Waiting = {
        resolve: (transport) => resolve((settle(), transport)),
        reject: (error) => reject((settle(), error)),
      };
      this.#waiting = waiting;
      this.#loop.awaited = true;
      this.handOut();
      if (this.#waiting === undefined) return;
      if (options !== undefined) {
        unwatch = watchCall("accept", options, waiting.reject);
      }
      this.#accept();
    });
  }

  /** The call that waits, for {@linkcode HandshakeQueue.cancel}. */
  get waiting(): object | undefined {
    return this.#waiting;
  }

  /** Ends the call that waits, if it is still this one: it gets nothing. */
  cancel(waiting: object | undefined): void {
    if (this.#waiting === waiting) this.#waiting?.resolve(undefined);
  }

  /** Hands out what is done, unless the loop is suspended. */
  handOut(): void {
    if (this.#loop.suspended || this.#waiting === undefined) return;
    const transport = this.#done.shift();
    if (transport !== undefined) this.#waiting.resolve(transport);
  }

  get #hasRoom(): boolean {
    return this.#handshaking + this.#done.length < MAX_IN_PROGRESS;
  }

  async #accept(): Promise<void> {
    if (this.#accepting) return;
    this.#accepting = true;
    try {
      while (this.#waiting !== undefined && this.#hasRoom) {
        const transport = await this.#loop.next();
        if (transport === undefined) break;
        // The listener was closed in the moment in which it came.
        if (this.#loop.closed) closeQuietly(transport);
        else if (transport.handshake === undefined) this.#add(transport);
        else this.#performHandshake(transport);
      }
    } catch (error) {
      this.#waiting?.reject(error);
    }
    this.#accepting = false;
    if (this.#loop.closed) this.#waiting?.resolve(undefined);
  }

  async #performHandshake(transport: AcceptedTransport): Promise<void> {
    this.#handshaking++;
    const loop = this.#loop;
    let alpnProtocol: string | null;
    try {
      alpnProtocol = await performHandshake(
        transport,
        this.#timeoutMs,
        loop.signal,
      );
      if (!loop.closed) this.#events.onHandshake(transport, alpnProtocol);
      // Its hook may have closed the listener.
      if (loop.closed) closeQuietly(transport);
      else this.#add(transport);
    } catch (error) {
      this.#events.onHandshakeError(error, transport);
    }
    this.#handshaking--;
    // There may have been no room for the next one.
    this.#accept();
  }

  #add(transport: AcceptedTransport): void {
    this.#done.push(transport);
    this.handOut();
  }

  /** The loop has ended: what was not handed out ends with it. */
  #end(): void {
    for (const transport of this.#done.splice(0)) closeQuietly(transport);
    this.#accept();
  }
}
