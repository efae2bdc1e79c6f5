/**
 * The transport of a socket that was left while a read was in flight.
 *
 * @module
 */

import type { Transport } from "../transport/options.ts";
import type { Reader } from "./_reader.ts";

/**
 * Serves first what the read in flight brings (a transport read cannot be taken
 * back), then goes straight to `transport`.
 */
export function detachedTransport(
  transport: Transport,
  reader: Reader,
): Transport {
  const { queue } = reader;
  let first: Promise<boolean> | undefined = reader.more();
  first.catch(() => {});
  return {
    get localAddr() {
      return transport.localAddr;
    },
    get remoteAddr() {
      return transport.remoteAddr;
    },
    async read(p) {
      if (p.length === 0) return 0;
      if (first !== undefined) {
        const more = await first;
        if (!more) return null;
        if (queue.length > 0) {
          const count = queue.takeInto(p);
          if (queue.length === 0) first = undefined;
          return count;
        }
      }
      return transport.read(p);
    },
    write: (p) => transport.write(p),
    closeWrite: () => transport.closeWrite(),
    close: () => transport.close(),
  };
}
