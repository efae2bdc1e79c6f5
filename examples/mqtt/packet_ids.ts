/**
 * The ids that name packets until they are answered.
 *
 * @module
 */

import { LimitError } from "@sluice/net";

const MAX_ID = 65_535;

/** Ids from 1 to 65,535; none is given out again before it was released. */
export class PacketIds {
  readonly #used = new Set<number>();
  #last = 0;

  /**
   * An id that no packet has.
   *
   * @throws {LimitError} All of them are in use.
   */
  take(): number {
    if (this.#used.size === MAX_ID) {
      throw new LimitError(
        "maxPending",
        MAX_ID,
        `Cannot send a packet: all of its ${MAX_ID} ids are in use`,
      );
    }
    do this.#last = this.#last % MAX_ID + 1; while (this.#used.has(this.#last));
    this.#used.add(this.#last);
    return this.#last;
  }

  /** The packet of this id was answered, or was never sent. */
  release(id: number): void {
    this.#used.delete(id);
  }
}
