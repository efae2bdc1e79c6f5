/**
 * The limits of a socket's reads and writes: of time, and the fewest bytes a second that
 * have to move while one side waits for the other.
 *
 * A peer that sends a byte now and then keeps every limit that each byte arms anew: each
 * byte comes in time, and the whole never ends. So a rate is asked for as well. Only time
 * that is spent waiting for the peer counts, added up over as many waits as it takes to
 * fill a window: a slow handler never counts against its peer.
 *
 * @module
 */

import {
  Alarm,
  type AlarmListener,
  type AlarmOptions,
} from "../time/coarse_timer.ts";

/** The wait itself keeps the process alive, where it should. */
const ALARM: AlarmOptions = { holdsProcess: false };

/** Watches one direction of a socket. */
export class MinimumRate implements AlarmListener {
  readonly #totalBytes: () => number;
  readonly #bytesPerSecond: number;
  readonly #windowMs: number;
  readonly #onSlow: () => void;
  readonly #alarm: Alarm;
  #waitedMs = 0;
  #waitingSince: number | undefined;
  #bytesBefore: number;

  /**
   * @param totalBytes How many bytes have moved so far.
   * @param onSlow Called when fewer moved in a window than had to.
   */
  constructor(
    totalBytes: () => number,
    bytesPerSecond: number,
    windowMs: number,
    onSlow: () => void,
  ) {
    this.#totalBytes = totalBytes;
    this.#bytesPerSecond = bytesPerSecond;
    this.#windowMs = windowMs;
    this.#onSlow = onSlow;
    this.#bytesBefore = totalBytes();
    this.#alarm = new Alarm(this, ALARM);
    this.#alarm.limitMs = windowMs;
  }

  /** A wait for the peer begins. */
  start(): void {
    if (this.#waitingSince !== undefined) return;
    this.#waitingSince = performance.now();
    if (!this.#alarm.armed) this.#alarm.arm();
  }

  /** The wait is over. */
  stop(): void {
    if (this.#waitingSince === undefined) return;
    this.#waitedMs += performance.now() - this.#waitingSince;
    this.#waitingSince = undefined;
  }

  /** Time to look whether enough has moved. */
  onAlarm(): void {
    const waiting = this.#waitingSince !== undefined;
    this.stop();
    if (this.#waitedMs >= this.#windowMs) {
      const totalBytes = this.#totalBytes();
      const due = this.#bytesPerSecond * this.#waitedMs / 1000;
      if (totalBytes - this.#bytesBefore < due) return this.#onSlow();
      this.#waitedMs = 0;
      this.#bytesBefore = totalBytes;
    }
    if (waiting) this.start();
  }

  /** Stops watching, for good. */
  dispose(): void {
    this.#alarm.dispose();
    this.#waitingSince = undefined;
  }
}

/** Limits of reads that are set; most sockets have none and never make this. */
export class ReadLimits {
  /** Of one call. */
  call: Alarm | undefined;
  /** From the first byte of a frame to its last; the framing arms it. */
  frame: Alarm | undefined;
  /** Fewest bytes a second while a call waits. */
  minimumRate: MinimumRate | undefined;

  /** A call begins to wait. */
  start(): void {
    this.call?.arm();
    this.minimumRate?.start();
  }

  /** The wait is over. */
  stop(): void {
    this.call?.disarm();
    this.minimumRate?.stop();
  }

  /** No call will wait any more. */
  dispose(): void {
    this.call?.dispose();
    this.frame?.dispose();
    this.minimumRate?.dispose();
  }
}
