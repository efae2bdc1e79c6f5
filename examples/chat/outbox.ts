/**
 * What a member has yet to hear: the place where one slow reader is kept from slowing
 * the others.
 *
 * @module
 */

/** What happens to a member that does not read as fast as the others talk. */
export type SlowPolicy =
  /** It misses the oldest lines, and is told how many. */
  | "drop"
  /** It has to leave. */
  | "disconnect";

/** How much may wait, and what happens to more. */
export interface OutboxOptions {
  /** Most lines that may wait. */
  mostLines: number;
  /** What happens when one more comes. */
  slow: SlowPolicy;
  /** Ends the member's connection. */
  disconnect: () => void;
}

/**
 * A bounded queue of lines for one member. Adding never waits; one task sends, as
 * fast as this member reads.
 */
export class Outbox {
  readonly #send: (line: string) => Promise<void>;
  readonly #options: OutboxOptions;
  #lines: string[] = [];
  #missed = 0;
  #over = false;
  #sending: Promise<void> | undefined;

  /**
   * @param send Sends one line; resolves when the next may follow.
   * @param options Its bound, and what happens there.
   */
  constructor(send: (line: string) => Promise<void>, options: OutboxOptions) {
    this.#send = send;
    this.#options = options;
  }

  /** Puts a line behind the others. */
  add(line: string): void {
    if (this.#over) return;
    const { mostLines, slow, disconnect } = this.#options;
    if (this.#lines.length >= mostLines) {
      if (slow === "disconnect") {
        this.#end();
        disconnect();
        return;
      }
      this.#lines.shift();
      this.#missed++;
    }
    this.#lines.push(line);
    this.#sending ??= this.#sendAll();
  }

  /** Resolves when nothing waits any more. */
  async empty(): Promise<void> {
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    try {
      while (this.#lines.length > 0) await this.#send(this.#next());
    } catch {
      // The connection is over: its receiving end reports why.
      this.#end();
    }
    this.#sending = undefined;
  }

  #next(): string {
    if (this.#missed === 0) return this.#lines.shift()!;
    const missed = this.#missed;
    this.#missed = 0;
    return `* ${missed} lines are missing here: you read too slowly`;
  }

  #end(): void {
    this.#over = true;
    this.#lines = [];
  }
}
