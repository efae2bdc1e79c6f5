/**
 * The time limits of a socket's reading half.
 *
 * @module
 */

import type { Alarm } from "../time/coarse_timer.ts";
import type { MinimumRate } from "./_minimum_rate.ts";

/** Limits that are set; most sockets have none and never make this. */
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
