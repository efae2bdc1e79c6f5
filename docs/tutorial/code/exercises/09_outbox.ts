/**
 * The lines that wait for one member of a chat.
 *
 * At most `limit` lines wait. One more drops the oldest, and the next call of `take` says
 * so first: `* 3 lines were dropped`.
 */
export class Outbox {
  readonly #limit: number;
  #lines: string[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds a line. Never waits, never fails. */
  add(line: string): void {
    // Your turn: this grows for ever.
    this.#lines.push(line);
  }

  /** All that waits, the oldest first; after that nothing waits. */
  take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return this.#limit > 0 ? lines : [];
  }
}
