/**
 * What a PROXY header may be. Apart from what reads headers, which servers without proxies
 * do not load.
 *
 * @module
 */

import { checkInteger, checkOneOf, wrongKind } from "../_check.ts";

/** Bytes of version 2 before the addresses, and with all that a header can hold. */
const LEAST_BYTES = 16;
const MOST_BYTES = 65_551;

/**
 * What a PROXY header may be.
 *
 * @category PROXY protocol
 */
export interface ProxyLimits {
  /**
   * Versions to accept.
   *
   * @default {[1, 2]}
   */
  versions?: readonly (1 | 2)[] | undefined;
  /**
   * Largest header, in bytes, from 16 to 65,551.
   *
   * @default {4_096}
   */
  maxHeaderBytes?: number | undefined;
}

/** Names of {@linkcode ProxyLimits}. */
export const PROXY_LIMIT_NAMES: ReadonlySet<string> = new Set(
  ["versions", "maxHeaderBytes"] satisfies (keyof ProxyLimits)[],
);

/** Throws unless these limits can hold. */
export function checkProxyLimits(
  action: string,
  { versions, maxHeaderBytes }: ProxyLimits,
): void {
  if (versions !== undefined) {
    if (!Array.isArray(versions) || versions.length === 0) {
      throw wrongKind(action, "versions", "an array of 1 and 2", versions);
    }
    for (const version of versions) {
      checkOneOf(action, "versions", version, [1, 2]);
    }
  }
  if (maxHeaderBytes !== undefined) {
    const name = "maxHeaderBytes";
    checkInteger(action, name, maxHeaderBytes, LEAST_BYTES, MOST_BYTES);
  }
}
