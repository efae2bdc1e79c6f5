/**
 * A token bucket: a rate, a burst, and one flow that waits for its turn.
 *
 * @module
 */

import type { ThrottleOptions } from "./throttle_options.ts";

/**
 * What passes in this time waits to pass together: a timer for each byte would cost
 * more than the byte. Also the default burst.
 */
const PIECE_MS = 25;

/**
 * A timer that fires late is made up for, up to this. What is beyond, after blocking
 * code or on a sleeping machine, is lost: it would leave as one flood.
 */
const MAX_LATE_MS = 100;

/** Above this `setTimeout` fires after one millisecond. A flow that woke early waits again. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Allows bytes at a rate. Serves one flow: it asks, waits if it has to, and spends
 * what it has really moved. The caller decides what counts as a byte.
 *
 * It begins full, fills at `bytesPerSecond` and holds `burstBytes`. Time in which
 * the flow waited always counts, so that the rate is met whatever the burst.
 */
export class TokenBucket {
  readonly #bytesPerMs: number;
  readonly #burstBytes: number;
  readonly #pieceBytes: number;
  #tokens: number;
  #filledAt: number = performance.now();
  #waited = false;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wake: (() => void) | undefined;

  /**
   * @param options Checked by the caller.
   * @param pieceBytes What is not allowed in parts, where that is up to the burst.
   */
  constructor(
    { bytesPerSecond, burstBytes }: ThrottleOptions,
    pieceBytes: number = Math.max(1, bytesPerSecond / 1000 * PIECE_MS),
  ) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#burstBytes = burstBytes ?? pieceBytes;
    this.#pieceBytes = Math.min(pieceBytes, this.#burstBytes);
    this.#tokens = this.#burstBytes;
  }

  /** Whether `stop` was called: from then on everything is allowed, for others to refuse. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** How many whole bytes there are. */
  get available(): number {
    this.#fill();
    return Math.max(0, Math.floor(this.#tokens));
  }

  /** How many of `wanted` bytes may pass now; 0 means that the flow has to wait. */
  allow(wanted: number): number {
    if (this.#stopped) return wanted;
    this.#fill();
    const whole = Math.floor(this.#tokens);
    return whole >= this.#piece(wanted) ? Math.min(wanted, whole) : 0;
  }

  /** So many bytes have passed. */
  spend(bytes: number): void {
    this.#tokens -= bytes;
  }

  /** Resolves when `allow(wanted)` is worth asking again, or after `stop`. */
  wait(wanted: number): Promise<void> {
    const missing = this.#piece(wanted) - this.#tokens;
    const waitMs = Math.ceil(missing / this.#bytesPerMs);
    const ms = Math.min(Math.max(1, waitMs), MAX_TIMEOUT_MS);
    return new Promise((resolve) => {
      this.#wake = resolve;
      const timer = setTimeout(this.#onTimer, ms);
      // The first setTimeout of a process loads a module, and may run microtasks
      // meanwhile: code in there may have ended this wait.
      if (this.#wake !== resolve) clearTimeout(timer);
      else this.#timer = timer;
    });
  }

  /** Ends a wait at once, so that what is asked for next is waited for. */
  interrupt(): void {
    clearTimeout(this.#timer);
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Ends a wait at once. For good. */
  stop(): void {
    this.#stopped = true;
    this.interrupt();
  }

  readonly #onTimer = () => {
    this.#waited = true;
    this.#wake!();
  };

  #piece(wanted: number): number {
    return Math.floor(Math.max(1, Math.min(wanted, this.#pieceBytes)));
  }

  #fill(): void {
    const now = performance.now();
    // A test may have replaced the clock meanwhile.
    const elapsedMs = Math.max(0, now - this.#filledAt);
    // 0 times Infinity is NaN.
    const more = elapsedMs === 0 ? 0 : elapsedMs * this.#bytesPerMs;
    const most = this.#waited
      ? this.#burstBytes + MAX_LATE_MS * this.#bytesPerMs
      // What a late timer added stays until it is spent.
      : Math.max(this.#burstBytes, this.#tokens);
    this.#tokens = Math.min(most, this.#tokens + more);
    this.#filledAt = now;
    this.#waited = false;
  }
}
