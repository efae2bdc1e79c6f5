/**
 * Shares the event loop: clients with much to do take turns, a few in each round, so that
 * one with little to do never waits for all of them.
 *
 * @module
 */

/** Clients that go on in one round of the event loop. */
const PER_ROUND = 8;

/** The clients that wait for their turn, in order. */
export class Turns {
  #waiting: (() => void)[] = [];
  #scheduled = false;

  /** Resolves when it is the caller's turn, after the others' reads and writes. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const resolve of this.#waiting.splice(0, PER_ROUND)) resolve();
      this.#schedule();
    });
  }
}
