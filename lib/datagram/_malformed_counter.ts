/**
 * Datagrams that are not what they should be.
 *
 * @module
 */

import { show } from "../_check.ts";
import { guard } from "../_guard.ts";
import { CodecError } from "../errors.ts";
import type { Datagram, DatagramAddr } from "./options.ts";

/** Counts them, and calls the user's hook with each. */
export class MalformedCounter<A extends DatagramAddr> {
  readonly #onMalformed:
    | ((error: Error, datagram: Datagram<A>) => unknown)
    | undefined;
  #count = 0;

  constructor(
    onMalformed:
      | ((error: Error, datagram: Datagram<A>) => unknown)
      | undefined,
  ) {
    this.#onMalformed = onMalformed;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Counts one, for this reason. A codec that breaks its contract is no fault of the
   * sender.
   */
  add(thrown: unknown, datagram: Datagram<A>): void {
    if (thrown instanceof CodecError) throw thrown;
    this.#count++;
    const onMalformed = this.#onMalformed;
    if (onMalformed === undefined) return;
    const error = thrown instanceof Error ? thrown : new Error(show(thrown));
    guard(() => onMalformed(error, datagram));
  }
}
