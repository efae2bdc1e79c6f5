/**
 * How often one address may be wrong about a password.
 *
 * @module
 */

/** Wrong answers that one address has to begin with. */
const BURST = 10;
/** Until one more is allowed. */
const REFILL_MS = 60_000;
/** Addresses that are remembered; of more, the one that guessed longest ago goes. */
const MAX_ADDRESSES = 10_000;

/** Counts wrong passwords by address; memory is bounded. */
export class Guesses {
  /** When an address will have all of its guesses again, in milliseconds. */
  readonly #fullAt = new Map<string, number>();
  readonly #now: () => number;

  /** @param now The clock, in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether an address may try a password. */
  allows(address: string): boolean {
    const fullAt = this.#fullAt.get(address) ?? 0;
    return fullAt - this.#now() <= (BURST - 1) * REFILL_MS;
  }

  /** An address was wrong. */
  fail(address: string): void {
    const fullAt = Math.max(this.#fullAt.get(address) ?? 0, this.#now());
    // The newest is behind the others.
    this.#fullAt.delete(address);
    this.#fullAt.set(address, fullAt + REFILL_MS);
    if (this.#fullAt.size <= MAX_ADDRESSES) return;
    const [oldest] = this.#fullAt.keys();
    this.#fullAt.delete(oldest);
  }
}
