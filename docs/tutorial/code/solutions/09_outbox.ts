/** The lines that wait for one member of a chat. */
export class Outbox {
  readonly #limit: number;
  #lines: string[] = [];
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds a line. Never waits, never fails. */
  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > this.#limit) {
      this.#lines.shift();
      this.#dropped++;
    }
  }

  /** All that waits, the oldest first; after that nothing waits. */
  take(): string[] {
    const lines = this.#lines;
    if (this.#dropped > 0) {
      lines.unshift(`* ${this.#dropped} lines were dropped`);
    }
    this.#lines = [];
    this.#dropped = 0;
    return lines;
  }
}
