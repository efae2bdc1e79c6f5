/**
 * What a socket has moved so far.
 *
 * @module
 */

import { type Rate, RateMeter } from "../traffic/rate_meter.ts";

/**
 * Counters of one socket. Bytes are those of the protocol, in the clear where it speaks
 * TLS. Times are milliseconds since the epoch.
 *
 * @category Sockets
 *
 * @example
 * ```ts
 * import type { SocketStats } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [left] = memoryPair();
 * const stats: SocketStats = left.stats;
 * await left.write("hello");
 * await left.flush();
 * assertEquals(stats.bytesWritten, 5);
 * ```
 */
export interface SocketStats {
  /** Bytes that arrived from the transport. */
  readonly bytesRead: number;
  /** Bytes that the transport took. */
  readonly bytesWritten: number;
  /** When the socket was made. */
  readonly openedAt: number;
  /** When bytes last arrived; `undefined` before the first. */
  readonly lastReadAt: number | undefined;
  /** When the transport last took bytes; `undefined` before the first. */
  readonly lastWriteAt: number | undefined;
  /**
   * How fast bytes arrive. Measured from when it is first asked for; only the mean
   * and the total count from `openedAt`.
   */
  readonly readRate: Rate;
  /** How fast the transport takes bytes; measured as `readRate` is. */
  readonly writeRate: Rate;
}

// Times are kept as milliseconds since this, which are small integers for three weeks:
// larger numbers cost an object each.
const EPOCH = Date.now();

let now: number | undefined;
const forgetTime = () => {
  now = undefined;
};

/**
 * The time, asked once for all that happens together: when the event loop brings
 * fifty reads at a time, forty-nine questions to the system are saved.
 */
function currentTime(): number {
  if (now === undefined) {
    now = Date.now() - EPOCH;
    queueMicrotask(forgetTime);
  }
  return now;
}

function toDate(time: number | undefined): number | undefined {
  return time === undefined ? undefined : EPOCH + time;
}

/** The counters while they count. */
export class LiveStats implements SocketStats {
  bytesRead = 0;
  bytesWritten = 0;
  readonly #opened = currentTime();
  /** The same on a clock that is never set, for durations. */
  readonly #openedMs = Math.floor(performance.now());
  #lastRead: number | undefined;
  #lastWrite: number | undefined;

  get openedAt(): number {
    return EPOCH + this.#opened;
  }

  /** How long ago it was made, however the clock of `openedAt` was set meanwhile. */
  get ageMs(): number {
    return Math.floor(performance.now()) - this.#openedMs;
  }

  get lastReadAt(): number | undefined {
    return toDate(this.#lastRead);
  }

  get lastWriteAt(): number | undefined {
    return toDate(this.#lastWrite);
  }

  // Made on first use: most sockets are never asked.
  #meters: { read?: RateMeter; write?: RateMeter } | undefined;

  get readRate(): Rate {
    const meters = this.#meters ??= {};
    return meters.read ??= makeMeter(this.bytesRead, this.#openedMs);
  }

  get writeRate(): Rate {
    const meters = this.#meters ??= {};
    return meters.write ??= makeMeter(this.bytesWritten, this.#openedMs);
  }

  onRead(count: number): void {
    this.bytesRead += count;
    if (this.#meters !== undefined) this.#meters.read?.add(count);
    this.#lastRead = currentTime();
  }

  onWrite(count: number): void {
    this.bytesWritten += count;
    if (this.#meters !== undefined) this.#meters.write?.add(count);
    this.#lastWrite = currentTime();
  }
}

function makeMeter(startBytes: number, startedAtMs: number): RateMeter {
  return new RateMeter({ startBytes, startedAtMs });
}
