/**
 * What a framing may be told beside its codec.
 *
 * @module
 */

import { checkNumber } from "../socket/options.ts";

/** Limits of frames. */
export interface FramedOptions {
  /**
   * Longest from the first byte of a frame to its last, in milliseconds, while
   * somebody receives. It ends a peer that drips: `receive` rejects with
   * `TimeoutError`. Silence between frames does not count. `Infinity` by default.
   */
  frameTimeoutMs?: number;
  /**
   * Lends frames instead of giving them away: one that is a view of what was read
   * (`lengthPrefixed` and other codecs of bytes) is good until the next frame, or
   * batch, is asked for; then its memory is used again. Copy what you keep. For
   * large frames this halves the cost. `false` by default: frames are yours.
   */
  lendFrames?: boolean;
}

/** Throws if an option is not one, naming it. */
export function checkFramedOptions({ frameTimeoutMs }: FramedOptions): void {
  if (frameTimeoutMs === undefined) return;
  checkNumber("frame a socket", "frameTimeoutMs", frameTimeoutMs, 1);
}
