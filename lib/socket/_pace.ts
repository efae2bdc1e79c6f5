/**
 * The fewest bytes a second that a peer must send while somebody waits for them.
 *
 * @module
 */

import { Alarm, type AlarmListener } from "../time/coarse_timer.ts";
import type { Traffic } from "./_traffic.ts";

/**
 * Catches the peer that drips: each byte comes in time for a read limit, and the
 * whole never ends.
 *
 * Only time that a read spends waiting counts, so a slow handler is never held
 * against its peer. It is added up over as many reads as it takes to fill a window.
 */
export class Pace implements AlarmListener {
  readonly #traffic: Traffic;
  readonly #bytesPerSecond: number;
  readonly #windowMs: number;
  readonly #onSlow: () => void;
  readonly #alarm: Alarm;
  #waitedMs = 0;
  #waitingSince: number | undefined;
  #bytesBefore: number;

  constructor(
    traffic: Traffic,
    bytesPerSecond: number,
    windowMs: number,
    onSlow: () => void,
  ) {
    this.#traffic = traffic;
    this.#bytesPerSecond = bytesPerSecond;
    this.#windowMs = windowMs;
    this.#onSlow = onSlow;
    this.#bytesBefore = traffic.bytesRead;
    this.#alarm = new Alarm(this);
    this.#alarm.limitMs = windowMs;
  }

  /** A read begins to wait. */
  start(): void {
    this.#waitingSince = performance.now();
    if (!this.#alarm.armed) this.#alarm.arm();
  }

  /** The wait is over. */
  stop(): void {
    if (this.#waitingSince === undefined) return;
    this.#waitedMs += performance.now() - this.#waitingSince;
    this.#waitingSince = undefined;
  }

  /** Time to look whether enough has come. */
  onAlarm(): void {
    const waiting = this.#waitingSince !== undefined;
    this.stop();
    if (this.#waitedMs >= this.#windowMs) {
      const bytes = this.#traffic.bytesRead - this.#bytesBefore;
      const due = this.#bytesPerSecond * this.#waitedMs / 1000;
      if (bytes < due) return this.#onSlow();
      this.#waitedMs = 0;
      this.#bytesBefore = this.#traffic.bytesRead;
    }
    if (waiting) this.start();
  }

  /** Stops watching. */
  dispose(): void {
    this.#alarm.dispose();
    this.#waitingSince = undefined;
  }
}
