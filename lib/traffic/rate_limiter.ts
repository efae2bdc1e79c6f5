/**
 * How often something may happen.
 *
 * It guarantees that in any span of time no more is granted than the burst and what the
 * rate allows in that span (and in the 100 milliseconds before it, where a timer of the
 * process was late); calls that wait are served first come, first served, and a call that
 * is cut off has taken nothing. It never grants a part of a request. No timer
 * runs while nothing waits. `socket/` and what is above it may import it.
 *
 * @module
 */

import {
  checkAboveZero,
  checkInteger,
  checkLimit,
  checkNames,
} from "../_check.ts";
import { LimitError } from "../errors.ts";
import { type CallOptions, checkCall, watchCall } from "../time/call_limits.ts";
import { TokenBucket } from "./_token_bucket.ts";

/**
 * How often, and how many at once.
 *
 * @category Traffic
 *
 * @example
 * ```ts
 * import { RateLimiter, type RateLimiterOptions } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * const oncePerMinute: RateLimiterOptions = { perSecond: 1 / 60 };
 * assertEquals(new RateLimiter(oncePerMinute).burst, 1);
 * ```
 */
export interface RateLimiterOptions {
  /** How many a second in the long run, above 0. `Infinity` does not limit. */
  perSecond: number;
  /**
   * Most that may be taken at once after a pause, an integer of at least 1, or `Infinity`.
   *
   * @default {what comes in a second, rounded down, but at least 1}
   */
  burst?: number | undefined;
  /**
   * Most calls of `take` that may wait; one more is a `LimitError`.
   *
   * @default {10_000}
   */
  maxWaiting?: number | undefined;
}

/**
 * How many to take, and for how long to wait.
 *
 * @category Traffic
 *
 * @example
 * ```ts
 * import { RateLimiter, type TakeOptions } from "@sluice/net";
 *
 * const three: TakeOptions = { count: 3, timeoutMs: 1_000 };
 * await new RateLimiter({ perSecond: 5 }).take(three);
 * ```
 */
export interface TakeOptions extends CallOptions {
  /**
   * How many, an integer from 1 to the burst.
   *
   * @default {1}
   */
  count?: number | undefined;
}

/** A call that waits. */
interface Waiter {
  readonly count: number;
  readonly grant: () => void;
}

/**
 * Limits how often something happens: messages of a client, attempts to log in, requests to
 * a service. It is full at first, fills at `perSecond` and holds `burst`.
 *
 * One object is one limit: calls that share it are limited together, a limit for each
 * client takes an object for each.
 *
 * @category Traffic
 *
 * @example Refuse what comes too fast
 * ```ts
 * import { RateLimiter } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * const limiter = new RateLimiter({ perSecond: 5, burst: 2 });
 * const answers = [1, 2, 3].map(() => limiter.tryTake());
 * assertEquals(answers, [true, true, false]);
 * ```
 *
 * @example Wait for one's turn
 * ```ts
 * import { RateLimiter } from "@sluice/net";
 * import { assert } from "@std/assert";
 *
 * const limiter = new RateLimiter({ perSecond: 100, burst: 1 });
 * const start = performance.now();
 * for (let i = 0; i < 3; i++) await limiter.take();
 * assert(performance.now() - start >= 19);
 * ```
 */
export class RateLimiter {
  /** How many a second in the long run. */
  readonly perSecond: number;
  /** Most that may be taken at once. */
  readonly burst: number;
  readonly #maxWaiting: number;
  readonly #bucket: TokenBucket;
  /** In the order in which they came. */
  readonly #waiters = new Set<Waiter>();
  #serving = false;

  /**
   * Makes a limiter, which is full.
   *
   * @param options The rate, and what may come at once.
   * @throws {TypeError} An option is of the wrong type, or its name is not known.
   * @throws {RangeError} An option is out of its range.
   */
  constructor(options: RateLimiterOptions) {
    const action = "limit a rate";
    checkNames(action, "options", options, OPTION_NAMES);
    const { perSecond, maxWaiting = 10_000 } = options;
    checkAboveZero(action, "perSecond", perSecond);
    const { burst = burstOf(perSecond) } = options;
    checkLimit(action, "burst", burst, 1);
    checkLimit(action, "maxWaiting", maxWaiting);
    this.perSecond = perSecond;
    // Without a rate there is nothing that a burst could be above.
    this.burst = perSecond === Infinity ? Infinity : burst;
    this.#maxWaiting = maxWaiting;
    this.#bucket = new TokenBucket(
      { bytesPerSecond: perSecond, burstBytes: this.burst },
      this.burst,
    );
  }

  /** How many could be taken now; 0 while calls wait. */
  get available(): number {
    return this.#waiters.size > 0 ? 0 : this.#bucket.available;
  }

  /** Calls of {@linkcode RateLimiter.take} that wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Takes `count` now, or nothing. While calls of {@linkcode RateLimiter.take} wait it
   * takes nothing, as they came first.
   *
   * @param count How many, an integer from 1 to the burst; 1 by default.
   * @returns Whether they were taken.
   * @throws {TypeError} `count` is not a number.
   * @throws {RangeError} `count` is out of its range: it could never be taken.
   *
   * @example
   * ```ts
   * import { RateLimiter } from "@sluice/net";
   * import { assertEquals } from "@std/assert";
   *
   * const limiter = new RateLimiter({ perSecond: 1, burst: 10 });
   * assertEquals([limiter.tryTake(8), limiter.tryTake(3)], [true, false]);
   * assertEquals(limiter.available, 2);
   * ```
   */
  tryTake(count = 1): boolean {
    checkInteger("tryTake", "count", count, 1, this.burst);
    return this.#waiters.size === 0 && this.#take(count);
  }

  /**
   * Takes `count`, and waits until they are there. Calls are served in their order: a
   * small one does not overtake a large one.
   *
   * Cancellation: safe. A call that is cut off takes nothing. A call that waits keeps the
   * process alive.
   *
   * @param options How many, and limits of this call.
   * @throws {TimeoutError} A time limit passed.
   * @throws {LimitError} More than `maxWaiting` calls would wait.
   * @throws {TypeError} An option is of the wrong type, or its name is not known.
   * @throws {RangeError} `count` is out of its range: it could never be taken.
   * @throws {unknown} `signal.reason`, untouched, where the signal aborts.
   *
   * @example
   * ```ts
   * import { RateLimiter, TimeoutError } from "@sluice/net";
   * import { assertRejects } from "@std/assert";
   *
   * const limiter = new RateLimiter({ perSecond: 0.1, burst: 1 });
   * await limiter.take();
   * await assertRejects(() => limiter.take({ timeoutMs: 10 }), TimeoutError);
   * ```
   */
  async take(options: TakeOptions = {}): Promise<void> {
    checkNames("take", "options", options, TAKE_OPTION_NAMES);
    const { count = 1 } = options;
    checkInteger("take", "count", count, 1, this.burst);
    checkCall("take", options);
    if (this.#waiters.size === 0 && this.#take(count)) return;
    if (this.#waiters.size >= this.#maxWaiting) {
      throw new LimitError(
        "maxWaiting",
        this.#maxWaiting,
        `Cannot take: ${this.#maxWaiting} calls wait already`,
        { operation: "take" },
      );
    }
    await this.#wait(count, options);
  }

  #wait(count: number, options: CallOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        count,
        grant: () => {
          unwatch();
          resolve();
        },
      };
      this.#waiters.add(waiter);
      const unwatch = watchCall("take", options, (reason) => {
        this.#waiters.delete(waiter);
        // The next one may need less, and no timer may outlive the last one.
        this.#bucket.interrupt();
        reject(reason);
      });
      if (!this.#serving) void this.#serve();
    });
  }

  /** Serves the calls that wait, one after the other. */
  async #serve(): Promise<void> {
    this.#serving = true;
    for (const waiter of this.#waiters) {
      while (this.#waiters.has(waiter)) {
        if (this.#take(waiter.count)) {
          this.#waiters.delete(waiter);
          waiter.grant();
        } else {
          await this.#bucket.wait(waiter.count);
        }
      }
    }
    this.#serving = false;
  }

  #take(count: number): boolean {
    if (this.#bucket.allow(count) === 0) return false;
    this.#bucket.spend(count);
    return true;
  }
}

/** What comes in a second; more than can be counted is no limit. */
function burstOf(perSecond: number): number {
  const burst = Math.max(1, Math.floor(perSecond));
  return Number.isSafeInteger(burst) ? burst : Infinity;
}

const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["perSecond", "burst", "maxWaiting"] satisfies (keyof RateLimiterOptions)[],
);

const TAKE_OPTION_NAMES: ReadonlySet<string> = new Set(
  ["count", "signal", "timeoutMs", "deadline"] satisfies (keyof TakeOptions)[],
);
