/**
 * The counters of a server that has done nothing yet, and those that any other one tells.
 *
 * @module
 */

import type { ServerStats } from "../server/events.ts";
import type { ShutdownReport } from "../server/serve_options.ts";

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

/** The same of a drain. */
export const NO_REPORT: ShutdownReport = {
  completed: 0,
  aborted: 0,
  handshakes: 0,
};

/**
 * The counters of `none` as `found` has them. A worker may run any server: what is missing,
 * or is no count, is 0.
 */
export function countersOf<T extends { readonly [K in keyof T]: number }>(
  none: T,
  found: unknown,
): T {
  const own = Object(found);
  const counters = Object.keys(none).map((name) => {
    const value: unknown = own[name];
    const isCount = typeof value === "number" && Number.isFinite(value) &&
      value >= 0;
    return [name, isCount ? value : 0];
  });
  return Object.fromEntries(counters) as T;
}
