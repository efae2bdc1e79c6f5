/**
 * Limits of a server's sockets where it is not told otherwise.
 *
 * They end no peer that behaves: one that takes nothing of what it is sent for a minute, or
 * does not finish a frame within a minute, holds on to memory. A peer that is silent
 * between frames has no limit.
 *
 * @module
 */

import { checkSocketOptions } from "../socket/check_options.ts";
import type { SocketOptions } from "../socket/options.ts";

const WRITE_MS = 60_000;
const FRAME_TIMEOUT_MS = 60_000;

/** The options of all sockets of a server: one object, which is checked once. */
export function socketOptionsOf(
  action: string,
  options: SocketOptions,
): SocketOptions {
  const { writeMs = WRITE_MS, frameTimeoutMs = FRAME_TIMEOUT_MS } = options;
  return checkSocketOptions(action, { ...options, writeMs, frameTimeoutMs });
}
