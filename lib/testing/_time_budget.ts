/**
 * Checks that end in time.
 *
 * @module
 */

/** Thrown where the time of a check is over. */
const OUT_OF_TIME = new Error("The time of a check is over");

/** Shares a number of milliseconds among checks that look at it between two calls. */
export class TimeBudget {
  readonly #endsAt: number;
  #checkEndsAt: number;

  constructor(ms: number) {
    this.#checkEndsAt = this.#endsAt = performance.now() + ms;
  }

  /** Leaves the check under way where its time is over. */
  check(): void {
    if (performance.now() >= this.#checkEndsAt) throw OUT_OF_TIME;
  }

  /**
   * Runs each check for an equal share of what is left: what one does not need is there
   * for those behind it.
   */
  share(checks: readonly (() => void)[]): void {
    for (const [i, check] of checks.entries()) {
      const now = performance.now();
      this.#checkEndsAt = now + (this.#endsAt - now) / (checks.length - i);
      this.run(check);
    }
  }

  /** Runs a check: `false` if its time was over before it was. */
  run(check: () => void): boolean {
    try {
      check();
      return true;
    } catch (error) {
      if (error === OUT_OF_TIME) return false;
      throw error;
    }
  }
}
