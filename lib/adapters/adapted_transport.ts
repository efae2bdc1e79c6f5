/**
 * What all adapters have in common for their users.
 *
 * @module
 */

import { checkBoolean, checkObject } from "../_check.ts";
import type { Addr } from "../addr.ts";
import type { Transport } from "../transport/options.ts";

/**
 * A transport over something that is no socket.
 *
 * @category Adapters
 *
 * @example
 * ```ts
 * import { fromStreams } from "@sluice/net/adapters";
 * import { assertEquals } from "@std/assert";
 *
 * const { halfClose } = fromStreams(new TransformStream(), { halfClose: false });
 * assertEquals(halfClose, false);
 * ```
 */
export interface AdaptedTransport extends Transport {
  /**
   * Whether `closeWrite` leaves the peer's direction open. Where it is `false`, ending this
   * side ends the connection: what the peer sends afterwards is lost, and reads give what
   * came before, then `null`.
   */
  readonly halfClose: boolean;
}

/**
 * What is said of the two ends.
 *
 * @category Adapters
 */
export interface AddressOptions {
  /** This side's address, for errors and events; a stream's by default. */
  localAddr?: Addr | undefined;
  /** The peer's address, for errors, events and limits per address; a stream's by default. */
  remoteAddr?: Addr | undefined;
}

/** The names of {@linkcode AddressOptions}. */
export const ADDRESS_OPTION_NAMES = ["localAddr", "remoteAddr"] as const;

/** What adapters say when they refuse an argument. */
export const ACTION = "make a transport";

/** Throws unless addresses, where they are given, are objects. */
export function checkAddresses(
  { localAddr, remoteAddr }: AddressOptions,
): void {
  for (const [name, addr] of Object.entries({ localAddr, remoteAddr })) {
    if (addr !== undefined) checkObject(ACTION, name, addr);
  }
}

/** Throws unless `halfClose`, where it is given, is a boolean. */
export function checkHalfClose(halfClose: boolean | undefined): void {
  if (halfClose !== undefined) checkBoolean(ACTION, "halfClose", halfClose);
}
