/**
 * What the benches and the load generator say to each other, as lines of JSON.
 *
 * ```text
 * bench                                    generator
 *   | ---- LoadSpec, as its argument ---------> |  connects
 *   | <--- "ready" ---------------------------- |
 *   | ---- LoadWindow ------------------------> |  loads until the window ends
 *   | <--- LoadResult ------------------------- |  keeps its connections
 *   | ---- end of its standard input ---------> |  exits
 * ```
 *
 * @module
 */

/** What a generator does to a server on 127.0.0.1. */
export interface LoadSpec {
  /**
   * - `echo`: sends `depth` frames on each connection, waits for their echo, again.
   * - `bulk`: sends zeros as fast as they are taken; a one at the end asks the sink for
   *   its count.
   * - `churn`: connects, sends one frame, waits for its echo, closes, again.
   * - `hold`: one echo on each connection, then silence. It ends with the window, whose
   *   times do not matter: one more echo on each, so that none was lost unseen.
   * - `fan-out`: one connection sends `depth` frames and waits until every one has got them,
   *   itself included; again.
   * - `stall`: sends frames and reads nothing, until nothing moves any more.
   */
  kind: "echo" | "bulk" | "churn" | "hold" | "fan-out" | "stall";
  /** The server's port. */
  port: number;
  /** Connections at once. */
  connections: number;
  /** Frames in a batch; of `echo` and `fan-out`. */
  depth: number;
  /** Of `fan-out`: so many of the connections read nothing, and no frame is waited for there (0). */
  silent?: number;
  /** Payload of a frame. */
  payloadBytes: number;
}

/** The time that counts, as milliseconds since 1970. */
export interface LoadWindow {
  /** What was done before is warming up. */
  fromMs: number;
  /** The load stops here. */
  untilMs: number;
}

/** What was done within the window. */
export interface LoadResult {
  /** Frames (of `fan-out` each time that one arrives), connections or, of `bulk` and `stall`, bytes. */
  units: number;
  /** How long batches took, as {@linkcode Histogram.toJSON}; empty if none were. */
  latency: [bucket: number, count: number][];
}
