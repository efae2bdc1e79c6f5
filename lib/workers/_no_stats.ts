/**
 * The counters of a server that has done nothing yet.
 *
 * @module
 */

import type { ServerStats } from "../server/events.ts";

/** All at 0. */
export const NO_STATS: ServerStats = {
  active: 0,
  closing: 0,
  handshakes: 0,
  accepted: 0,
  rejected: 0,
  failed: 0,
  failedByPeer: 0,
  acceptErrors: 0,
  bytesRead: 0,
  bytesWritten: 0,
};
