/**
 * From the options of a socket to its throttle.
 *
 * @module
 */

import { type Flow, ThrottledFlow } from "../traffic/throttled_flow.ts";
import type { ThrottleOptions } from "../traffic/throttle_options.ts";
import type { SocketOptions } from "./options.ts";

/** What throttles `flow`; `undefined` where nobody asked for it. */
export function throttleOf(
  flow: Flow,
  options: SocketOptions,
): ThrottledFlow | undefined {
  const { maxReadBytesPerSecond, maxWriteBytesPerSecond, burstBytes } = options;
  const reading = rateOf(maxReadBytesPerSecond, burstBytes);
  const writing = rateOf(maxWriteBytesPerSecond, burstBytes);
  return reading === undefined && writing === undefined
    ? undefined
    : new ThrottledFlow(flow, reading, writing);
}

function rateOf(
  bytesPerSecond: number | undefined,
  burstBytes: number | undefined,
): ThrottleOptions | undefined {
  return bytesPerSecond === undefined || bytesPerSecond === Infinity
    ? undefined
    : { bytesPerSecond, burstBytes };
}
