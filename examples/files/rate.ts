/**
 * A rate that several connections share, whichever of them has something to move.
 *
 * @module
 */

import { sleep } from "@sluice/net";

/** How often a connection may move something at least, so that it never looks lost. */
const PORTIONS_PER_SECOND = 20;

/** Bytes a second, for all that ask. */
export class SharedRate {
  readonly #bytesPerMs: number;
  /** When what was granted so far will have passed. */
  #passedMs = 0;

  /** @param bytesPerSecond `Infinity` for no limit. */
  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1_000;
  }

  /** Most bytes to ask for at once. */
  get portionBytes(): number {
    return Math.max(
      1,
      Math.ceil(this.#bytesPerMs * 1_000 / PORTIONS_PER_SECOND),
    );
  }

  /** Waits until so many bytes may pass; first come, first served. */
  async take(bytes: number): Promise<void> {
    if (this.#bytesPerMs === Infinity) return;
    const now = performance.now();
    const start = Math.max(now, this.#passedMs);
    this.#passedMs = start + bytes / this.#bytesPerMs;
    if (start > now) await sleep(start - now);
  }
}
