/**
 * How fast bytes may go.
 *
 * This folder guarantees that what it throttles never passes faster than was asked
 * and, while there is enough to pass, hardly slower; that waiting is backpressure,
 * so nothing piles up in here; and that measuring takes bounded memory. It does not
 * drop, reorder or schedule between connections: each stream and each
 * direction of a socket has a rate of its own, and where calls share a limiter they are
 * served in their order. No timer runs while nothing waits.
 *
 * It may import `transport/`, for the shape of a transport alone, and `time/`, for the
 * limits of a call; `socket/` may import it.
 *
 * @module
 */

/**
 * A rate, and how much may pass at once after a pause.
 *
 * @category Traffic
 *
 * @example
 * ```ts
 * import { throttle, type ThrottleOptions } from "@sluice/net";
 *
 * const slowLink: ThrottleOptions = { bytesPerSecond: 56_000 / 8 };
 * throttle(slowLink);
 * ```
 */
export interface ThrottleOptions {
  /** Most bytes a second, at least 1. `Infinity` does not throttle. */
  bytesPerSecond: number;
  /**
   * Most bytes that may pass at once after a pause, at least 1.
   *
   * @default {what passes in 25 milliseconds, but at least 1 byte}
   */
  burstBytes?: number | undefined;
}
