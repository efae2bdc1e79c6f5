/**
 * What a socket has moved so far.
 *
 * @module
 */

import { type Rate, RateMeter } from "../traffic/rate_meter.ts";

/** Counters of one socket. Times are milliseconds since the epoch. */
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

let now = 0;
const forgetTime = () => {
  now = 0;
};

/**
 * The time, asked once for all that happens together: when the event loop brings
 * fifty reads at a time, forty-nine questions to the system are saved.
 */
function currentTime(): number {
  if (now === 0) {
    now = Date.now();
    queueMicrotask(forgetTime);
  }
  return now;
}

/** The counters while they count. */
export class Traffic implements SocketStats {
  bytesRead = 0;
  bytesWritten = 0;
  readonly openedAt: number = Date.now();
  lastReadAt: number | undefined;
  lastWriteAt: number | undefined;

  // Made on first use: who never asks does not pay.
  #readMeter: RateMeter | undefined;
  #writeMeter: RateMeter | undefined;

  get readRate(): Rate {
    return this.#readMeter ??= this.#meter(this.bytesRead);
  }

  get writeRate(): Rate {
    return this.#writeMeter ??= this.#meter(this.bytesWritten);
  }

  #meter(startBytes: number): RateMeter {
    const startedAtMs = performance.now() - (Date.now() - this.openedAt);
    return new RateMeter({ startBytes, startedAtMs });
  }

  onRead(count: number): void {
    this.bytesRead += count;
    if (this.#readMeter !== undefined) this.#readMeter.add(count);
    this.lastReadAt = currentTime();
  }

  onWrite(count: number): void {
    this.bytesWritten += count;
    if (this.#writeMeter !== undefined) this.#writeMeter.add(count);
    this.lastWriteAt = currentTime();
  }
}
