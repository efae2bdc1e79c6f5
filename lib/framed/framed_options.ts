/**
 * Options of `framed`.
 *
 * @module
 */

import { checkBoolean, checkNames, checkNumber } from "../_check.ts";
import { checkHeartbeatOptions, type HeartbeatOptions } from "./heartbeat.ts";

/**
 * Options of {@linkcode framed}, which receives `In` and sends `Out`.
 *
 * @category Frames and codecs
 */
export interface FramedOptions<In = unknown, Out = never> {
  /**
   * Longest from the first byte of a frame to its last, in milliseconds, at least 1,
   * while a call receives. It ends a peer that sends a byte at a time: `receive`
   * rejects with `TimeoutError`. A frame that the codec drops, as `oversize: "skip"`
   * has it, counts as any other. Silence between frames does not count.
   *
   * @default {that of the socket's options: 60_000 on a server's, else Infinity}
   */
  frameTimeoutMs?: number | undefined;
  /**
   * Whether a frame that is a view of what was read (`lengthPrefixed` and other codecs
   * of bytes) is good only until the next frame, or batch, is asked for; then its
   * memory is used again. Copy what you keep. For large frames this halves the cost.
   * Without it frames are yours. A decoder that keeps bytes must copy them, or say
   * `midFrame` or `holdsBytes`.
   *
   * @default {false}
   */
  lendFrames?: boolean | undefined;
  /**
   * Whether the frames end, as if the peer had ended its side, when a server begins to
   * shut down and no part of a frame has arrived. So a loop over frames ends between
   * two of them, and its handler returns, without any help. A frame that has begun to
   * arrive is still received.
   *
   * @default {true}
   */
  endOnDrain?: boolean | undefined;
  /**
   * Pings a peer that is silent, and ends the socket with a `TimeoutError` (operation
   * `"heartbeat"`) where it stays so. Its time counts while a call receives: a program
   * that is busy with other work cuts no peer. None by default.
   */
  heartbeat?: HeartbeatOptions<In, Out> | undefined;
}

const FRAMED_OPTION_NAMES: ReadonlySet<string> = new Set<keyof FramedOptions>([
  "frameTimeoutMs",
  "lendFrames",
  "endOnDrain",
  "heartbeat",
]);

/** Throws if an option is not one, naming it. */
export function checkFramedOptions<In, Out>(
  options: FramedOptions<In, Out>,
): void {
  const action = "frame a socket";
  checkNames(action, "options", options, FRAMED_OPTION_NAMES);
  const { frameTimeoutMs, lendFrames, endOnDrain, heartbeat } = options;
  if (frameTimeoutMs !== undefined) {
    checkNumber(action, "frameTimeoutMs", frameTimeoutMs, 1);
  }
  if (lendFrames !== undefined) checkBoolean(action, "lendFrames", lendFrames);
  if (endOnDrain !== undefined) checkBoolean(action, "endOnDrain", endOnDrain);
  if (heartbeat !== undefined) checkHeartbeatOptions(action, heartbeat);
}
