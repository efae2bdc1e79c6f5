/**
 * Closing a transport, without ever throwing.
 *
 * @module
 */

import type { Transport } from "../transport/options.ts";

/**
 * Closes a transport. It may have been closed from outside already, and one of the user's
 * may throw, or return a promise that rejects: that is ignored.
 */
export function closeTransport(transport: Transport): void {
  try {
    const closed: unknown = transport.close();
    if (closed instanceof Promise) closed.catch(() => {});
  } catch {
    // Nothing is left to do.
  }
}
