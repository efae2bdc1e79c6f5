/**
 * A request that waits for its answer.
 *
 * ```text
 * start ── send 1 ──wait──> send 2 ──2 × wait──> … send N ── until the limits end it
 *            └────────── the answer, at any time ──────────> settled
 * ```
 *
 * @module
 */

import { answerOf } from "../_check.ts";
import { systemTime, type TimeSource } from "../time/system_time.ts";

/** How a request is sent again. */
export interface Retransmission {
  /** How often to send. */
  attempts: number;
  /** Milliseconds until the second time. */
  firstMs: number;
}

/** However many times it is sent: the waits of so many would begin with no time at all. */
const MIN_FIRST_MS = 1;

/** Which share of each wait is left out, at most. */
const JITTER = 0.25;

/**
 * Milliseconds until the second of `attempts`, so that the last wait, which is twice as long
 * as the one before as all are, ends after `timeoutMs`: a millisecond at least, which leaves
 * no time for the last ones where there are many.
 */
export function firstWaitMs(attempts: number, timeoutMs: number): number {
  if (timeoutMs === Infinity) return 1_000;
  return Math.max(MIN_FIRST_MS, timeoutMs / (2 ** attempts - 1));
}

/** Sends until it is settled. */
export class PendingRequest<Answer> {
  readonly answer: Promise<Answer>;
  readonly #accept: (answer: Answer) => boolean;
  readonly #send: () => Promise<void>;
  readonly #plan: Retransmission;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: unknown) => void;
  readonly #time: TimeSource = systemTime();
  #timer: unknown;
  #settled = false;
  #sends = 0;

  /**
   * @param send Sends it once; what that rejects with ends the request.
   */
  constructor(
    accept: (answer: Answer) => boolean,
    send: () => Promise<void>,
    plan: Retransmission,
  ) {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#accept = accept;
    this.#send = send;
    this.#plan = plan;
  }

  /** Whether it may have left at least once. */
  get sent(): boolean {
    return this.#sends > 0;
  }

  /** Sends for the first time, and goes on by itself. */
  start(): void {
    if (this.#settled) return;
    const number = ++this.#sends;
    this.#send().catch((error) => this.fail(error));
    const { attempts, firstMs } = this.#plan;
    if (number >= attempts) return;
    const waitMs = firstMs * 2 ** (number - 1) * (1 - JITTER * Math.random());
    // A timer cannot wait for longer.
    if (waitMs > 2 ** 31 - 1) return;
    this.#timer = this.#time.setTimeout(() => this.start(), waitMs);
  }

  /** Takes what has arrived, if it is the answer. */
  offer(answer: Answer): boolean {
    // The caller has not run yet: the same answer again is for other requests alone.
    if (this.#settled) return false;
    try {
      if (!answerOf("request", "accept", this.#accept(answer))) return false;
    } catch (error) {
      this.fail(error);
      return false;
    }
    this.#settle();
    this.#resolve(answer);
    return true;
  }

  /** Gives it up. */
  fail(error: unknown): void {
    if (this.#settled) return;
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.#settled = true;
    this.#time.clearTimeout(this.#timer);
  }
}
