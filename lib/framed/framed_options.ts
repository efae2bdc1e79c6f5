/**
 * What a framing may be told beside its codec.
 *
 * @module
 */

/** Limits of frames. */
export interface FramedOptions {
  /**
   * Longest from the first byte of a frame to its last, in milliseconds, while
   * somebody receives. It ends a peer that drips: `receive` rejects with
   * `TimeoutError`. Silence between frames does not count. `Infinity` by default.
   */
  frameTimeoutMs?: number;
}
