/**
 * How many retries all callers together may make.
 *
 * What it guarantees: over its window, which is counted in tenths, there are no more
 * retries than the ratio of the requests and what is always allowed. It refuses to delay
 * and to queue: a retry is allowed now, or the error that was to be retried stands. Memory
 * is a few numbers, no timer runs. All that may import `time/` may import it.
 *
 * @module
 */

import { checkNames, checkNumber } from "../_check.ts";

/**
 * How many retries there may be.
 *
 * @category Time
 *
 * @example
 * ```ts
 * import { retryBudget, type RetryBudgetOptions } from "@sluice/net/timeout";
 *
 * const careful: RetryBudgetOptions = { ratio: 0.05, minPerSecond: 0 };
 * retryBudget(careful);
 * ```
 */
export interface RetryBudgetOptions {
  /**
   * Retries for each request, at least 0: with 0.1 one for every ten.
   *
   * @default {0.1}
   */
  ratio?: number | undefined;
  /**
   * Retries a second that are allowed beside those, however few requests there are; at
   * least 0. With neither there are none.
   *
   * @default {1}
   */
  minPerSecond?: number | undefined;
  /**
   * Time over which requests and retries are counted, in milliseconds, from 1 to
   * a day. Retries that were not made in it are lost.
   *
   * @default {10_000}
   */
  windowMs?: number | undefined;
}

/** Parts of a window that are forgotten one by one. */
const SLOTS = 10;

/**
 * Counts requests and retries, and says whether one more retry may be made. Made by
 * {@linkcode retryBudget}.
 *
 * @category Time
 */
export class RetryBudget {
  /** Retries for each request. */
  readonly ratio: number;
  /** Retries a second that are allowed beside those. */
  readonly minPerSecond: number;
  /** Time over which is counted, in milliseconds. */
  readonly windowMs: number;
  readonly #requests = new Array<number>(SLOTS).fill(0);
  readonly #retries = new Array<number>(SLOTS).fill(0);
  /** Number of the slot that is counted in now. */
  #slot = 0;

  /** Use {@linkcode retryBudget}. */
  constructor(options: RetryBudgetOptions) {
    const action = "make a retry budget";
    checkNames(action, "options", options, OPTION_NAMES);
    const { ratio = 0.1, minPerSecond = 1, windowMs = 10_000 } = options;
    checkNumber(action, "ratio", ratio, 0);
    checkNumber(action, "minPerSecond", minPerSecond, 0);
    checkNumber(action, "windowMs", windowMs, 1, MAX_WINDOW_MS);
    this.ratio = ratio;
    this.minPerSecond = minPerSecond;
    this.windowMs = windowMs;
  }

  /** Counts a request, or the first attempt of a task: `retry` does so by itself. */
  addRequest(): void {
    this.#look();
    this.#requests[this.#slot % SLOTS]++;
  }

  /**
   * Takes one retry, if there is one left: `retry` does so by itself.
   *
   * @returns Whether it may be made.
   *
   * @example
   * ```ts
   * import { retryBudget } from "@sluice/net/timeout";
   * import { assertEquals } from "@std/assert";
   *
   * const budget = retryBudget({ ratio: 0.5, minPerSecond: 0 });
   * for (let i = 0; i < 4; i++) budget.addRequest();
   * const answers = [1, 2, 3].map(() => budget.tryRetry());
   * assertEquals(answers, [true, true, false]);
   * ```
   */
  tryRetry(): boolean {
    if (this.available < 1) return false;
    this.#retries[this.#slot % SLOTS]++;
    return true;
  }

  /** Retries that may be made now. */
  get available(): number {
    this.#look();
    const requests = sum(this.#requests);
    // A ratio may be Infinity, of which nothing has no share.
    const allowed = (requests === 0 ? 0 : this.ratio * requests) +
      this.minPerSecond * this.windowMs / 1_000;
    // A tenth of ten is a little less than one, in floating-point numbers.
    return Math.max(0, Math.floor(allowed - sum(this.#retries) + 1e-9));
  }

  /** Forgets the slots that are over. */
  #look(): void {
    const slot = Math.floor(performance.now() * SLOTS / this.windowMs);
    if (slot < this.#slot) {
      // Another clock: that of a test, or the real one after it.
      this.#requests.fill(0);
      this.#retries.fill(0);
    }
    const over = Math.min(SLOTS, slot - this.#slot);
    for (let i = 0; i < over; i++) {
      this.#requests[(slot - i) % SLOTS] = 0;
      this.#retries[(slot - i) % SLOTS] = 0;
    }
    this.#slot = slot;
  }
}

/**
 * Makes a budget of retries, for all callers that share it.
 *
 * When a server is overloaded, every client that tries three times makes it three times as
 * busy, and keeps it down: a retry storm. With a budget, retries are at most a share of
 * the requests. Single failures are retried as before; where everything fails, most
 * callers get the error of their first attempt at once.
 *
 * Give one budget to all that talks to one service: `retry({ budget })`, `connect` and
 * `reconnect` by their `retry`, and `Pool({ budget })`.
 *
 * @param options How many retries there may be.
 * @returns The budget.
 * @throws {TypeError} An option is not a number, or its name is not known.
 * @throws {RangeError} An option is out of its range.
 * @category Time
 *
 * @example
 * ```ts
 * import { retry, retryBudget } from "@sluice/net/timeout";
 * import { assertEquals } from "@std/assert";
 *
 * const budget = retryBudget({ ratio: 0.1, minPerSecond: 1 });
 * let attempts = 0;
 * const requests = Array.from({ length: 100 }, () =>
 *   retry(() => {
 *     attempts++;
 *     throw new Error("overloaded");
 *   }, { budget, minDelayMs: 1 }));
 * await Promise.allSettled(requests);
 * // A tenth of the requests, and one for each of ten seconds; without it 500.
 * assertEquals(attempts, 100 + 10 + 10);
 * ```
 */
export function retryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  return new RetryBudget(options);
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

/** A day: over more there is no budget, and the numbers stay exact. */
const MAX_WINDOW_MS = 86_400_000;

const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["ratio", "minPerSecond", "windowMs"] satisfies (keyof RetryBudgetOptions)[],
);
