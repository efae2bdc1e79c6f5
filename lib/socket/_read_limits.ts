/**
 * The time limits of a socket's reading half.
 *
 * @module
 */

import type { Alarm } from "../time/coarse_timer.ts";
import type { Pace } from "./_pace.ts";

/** Limits that are set; most sockets have none and never make this. */
export class ReadLimits {
  /** Of one call. */
  call: Alarm | undefined;
  /** From the first byte of a piece to its last; whoever cuts the pieces arms it. */
  piece: Alarm | undefined;
  /** Fewest bytes a second while a call waits. */
  pace: Pace | undefined;

  /** A call begins to wait. */
  start(): void {
    this.call?.arm();
    this.pace?.start();
  }

  /** The wait is over. */
  stop(): void {
    this.call?.disarm();
    this.pace?.stop();
  }

  /** No call will wait any more. */
  dispose(): void {
    this.call?.dispose();
    this.piece?.dispose();
    this.pace?.dispose();
  }
}
