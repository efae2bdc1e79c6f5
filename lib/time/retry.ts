/**
 * Retries, and how long to wait before the next one.
 *
 * @module
 */

import {
  checkAboveZero,
  checkFunction,
  checkLimit,
  checkNames,
  checkNumber,
  wrongKind,
  wrongResult,
} from "../_check.ts";
import { guard } from "../_guard.ts";
import type { Random } from "../_random.ts";
import {
  type CallOptions,
  checkCall,
  startLimits,
  waitWithin,
} from "./call_limits.ts";
import { Deadline } from "./deadline.ts";
import { RetryBudget } from "./retry_budget.ts";
import { pause } from "./sleep.ts";

/**
 * What the task of {@linkcode retry} gets beside the number of the attempt.
 *
 * @category Time
 */
export interface RetryContext {
  /** Aborts when this attempt has to end: one of its limits or of the whole has passed. */
  readonly signal: AbortSignal;
}

/**
 * What {@linkcode RetryOptions.onRetry} is called with before each pause.
 *
 * @category Time
 */
export interface RetryEvent {
  /** Number of the attempt that failed, from 1. */
  attempt: number;
  /** What it failed with. */
  error: unknown;
  /** Length of the pause that begins, in milliseconds. */
  delayMs: number;
}

/**
 * How often, how soon and after what {@linkcode retry} tries again, and what ends it:
 * `signal`, `timeoutMs` and `deadline` hold for all attempts and pauses together.
 *
 * @category Time
 *
 * @example
 * ```ts
 * import { retry, type RetryOptions } from "@sluice/net/timeout";
 * import { assertRejects } from "@std/assert";
 *
 * const notAType: RetryOptions = {
 *   attempts: Infinity,
 *   retryIf: (error) => !(error instanceof TypeError),
 * };
 * await assertRejects(() => retry(() => decodeURI("%"), { attempts: 1 }), URIError);
 * await assertRejects(() => retry(() => new URL(""), notAType), TypeError);
 * ```
 */
export interface RetryOptions extends CallOptions {
  /**
   * Attempts in all, at least 1; `Infinity` for no end.
   *
   * @default {5}
   */
  attempts?: number | undefined;
  /**
   * Most milliseconds that one attempt may take, above 0. What it fails with then is a
   * `TimeoutError`, which may be worth another attempt.
   *
   * @default {Infinity}
   */
  attemptTimeoutMs?: number | undefined;
  /**
   * Delay after the first attempt, before jitter, in milliseconds.
   *
   * @default {100}
   */
  minDelayMs?: number | undefined;
  /**
   * Longest delay, in milliseconds; at least `minDelayMs`.
   *
   * @default {30_000}, or `minDelayMs` where that is more.
   */
  maxDelayMs?: number | undefined;
  /**
   * By how much each delay is longer than the one before, at least 1.
   *
   * @default {2}
   */
  factor?: number | undefined;
  /**
   * Which share of each delay is left to chance, from 0 to 1, so that clients do not come
   * back all at once. With one half a delay is half to all of its full length.
   *
   * @default {0.5}
   */
  jitter?: number | undefined;
  /**
   * Whether this error is worth another attempt. What is neither `true` nor `false` ends it
   * with a `TypeError`. All are by default.
   */
  retryIf?:
    | ((error: unknown, attempt: number) => boolean | Promise<boolean>)
    | undefined;
  /**
   * Bounds the retries of all that share it: where none is left, the error stands. See
   * {@linkcode retryBudget}. None by default.
   */
  budget?: RetryBudget | undefined;
  /** Called after each failure, before the pause. What it throws is printed and ignored. */
  onRetry?: ((event: RetryEvent) => void) | undefined;
}

/** The options that {@linkcode retry} knows. */
export const RETRY_OPTION_NAMES: ReadonlySet<string> = new Set([
  "signal",
  "timeoutMs",
  "deadline",
  "attempts",
  "attemptTimeoutMs",
  "minDelayMs",
  "maxDelayMs",
  "factor",
  "jitter",
  "retryIf",
  "budget",
  "onRetry",
]);

/**
 * Runs a task until it succeeds, with growing pauses between the attempts.
 *
 * Cancellation: an aborted signal or a limit ends the pause or the wait for the attempt
 * at once. The signal that the attempt got aborts; the attempt should end then, and
 * release what it would have given: what it gives later is ignored. Once a signal
 * has aborted or the time is over nothing is tried again, whatever the attempt fails with.
 *
 * @param task What to try; it gets the number of the attempt, from 1, and a signal.
 * @param options How often, how soon, and after what to try again.
 * @returns What the first attempt that succeeds gives.
 * @throws {TypeError} An option is of the wrong type, or is not known.
 * @throws {RangeError} An option is out of its range.
 * @throws {TimeoutError} `timeoutMs` or the deadline passed.
 * @throws {unknown} The error of the last attempt, or the reason of the signal;
 * both untouched.
 * @category Time
 *
 * @example Succeed the third time
 * ```ts
 * import { retry } from "@sluice/net/timeout";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = await retry((attempt) => {
 *   if (attempt < 3) throw new Error("not yet");
 *   return Promise.resolve(attempt);
 * }, { minDelayMs: 1 });
 * assertEquals(answer, 3);
 * ```
 *
 * @example Limit each attempt, and the whole
 * ```ts
 * import { retry, sleep, TimeoutError } from "@sluice/net/timeout";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(
 *   () =>
 *     retry((_attempt, { signal }) => sleep(60_000, { signal }), {
 *       attemptTimeoutMs: 5,
 *       minDelayMs: 1,
 *       timeoutMs: 50,
 *       attempts: Infinity,
 *     }),
 *   TimeoutError,
 * );
 * ```
 */
export async function retry<T>(
  task: (attempt: number, context: RetryContext) => T | Promise<T>,
  options: RetryOptions = {},
): Promise<T> {
  checkNames("retry", "options", options, RETRY_OPTION_NAMES);
  checkFunction("retry", "task", task);
  const rules = checkRetryRules("retry", options);
  const { attempts, attemptTimeoutMs, retryIf, budget, onRetry } = rules;
  const { signal, timeoutMs, deadline: outer } = options;
  const given = { signal, timeoutMs, deadline: outer };
  const limits = startLimits("retry", given)!;

  budget?.addRequest();
  for (let attempt = 1;; attempt++) {
    using deadline = Deadline.after(attemptTimeoutMs, limits);
    const { signal } = deadline;
    try {
      const result = Promise.try(task, attempt, { signal });
      return await waitWithin("retry", result, { signal });
    } catch (error) {
      // A limit of the whole call is not a failure of the attempt.
      checkCall("retry", limits);
      if (attempt >= attempts) throw error;
      const again = Promise.try(retryIf ?? always, error, attempt);
      const isWorth = await waitWithin("retry", again, limits);
      if (!retryAnswer("retry", isWorth, error)) throw error;
      if (budget?.tryRetry() === false) throw error;
      const delayMs = backoffDelayMs(attempt, rules);
      guard(() => onRetry?.({ attempt, error, delayMs }));
      await pause("retry", delayMs, limits);
    }
  }
}

const always = (): boolean => true;

/**
 * What `retryIf` has said of an error. Throws where that is neither `true` nor `false`:
 * nothing is tried again, perhaps without end, as a function has forgotten to return.
 */
export function retryAnswer(
  action: string,
  answer: unknown,
  error: unknown,
): boolean {
  if (typeof answer === "boolean") return answer;
  const wrong = wrongResult(action, "retryIf", "true or false", answer);
  wrong.cause = error;
  throw wrong;
}

/** How often, how soon and after what is tried again, with all defaults. */
export interface RetryRules extends Backoff {
  attempts: number;
  attemptTimeoutMs: number;
  retryIf: RetryOptions["retryIf"];
  budget: RetryBudget | undefined;
  onRetry: RetryOptions["onRetry"];
}

/**
 * Throws if an option is wrong, but for the limits of the whole. Gives all with their
 * defaults.
 */
export function checkRetryRules(
  action: string,
  options: RetryOptions,
): RetryRules {
  const { attempts = 5, attemptTimeoutMs = Infinity } = options;
  const { minDelayMs = 100, factor = 2, jitter = 0.5 } = options;
  const { retryIf, budget, onRetry } = options;
  checkLimit(action, "attempts", attempts, 1);
  checkAboveZero(action, "attemptTimeoutMs", attemptTimeoutMs);
  checkNumber(action, "minDelayMs", minDelayMs, 0);
  const { maxDelayMs = Math.max(30_000, minDelayMs) } = options;
  checkNumber(action, "maxDelayMs", maxDelayMs, minDelayMs);
  checkNumber(action, "factor", factor, 1);
  checkNumber(action, "jitter", jitter, 0, 1);
  if (retryIf !== undefined) checkFunction(action, "retryIf", retryIf);
  if (budget !== undefined && !(budget instanceof RetryBudget)) {
    throw wrongKind(action, "budget", "a RetryBudget", budget);
  }
  if (onRetry !== undefined) checkFunction(action, "onRetry", onRetry);
  const backoff = { minDelayMs, maxDelayMs, factor, jitter };
  return { attempts, attemptTimeoutMs, ...backoff, retryIf, budget, onRetry };
}

/** The numbers that a backoff is made of. */
interface Backoff {
  /** Delay after the first attempt, before jitter. */
  minDelayMs: number;
  /** Delay that is never exceeded. */
  maxDelayMs: number;
  /** By how much each delay is longer than the one before. */
  factor: number;
  /** Which share of a delay is left to chance. */
  jitter: number;
}

/**
 * The delay after attempt number `attempt`, in milliseconds.
 *
 * Chance only shortens a delay, so that `maxDelayMs` holds; and it takes part in
 * the very first one, as a thousand clients of a server that went away all start
 * at the same moment.
 */
export function backoffDelayMs(
  attempt: number,
  backoff: Backoff,
  random: Random = Math.random,
): number {
  const { minDelayMs, maxDelayMs, factor, jitter } = backoff;
  if (minDelayMs === 0) return 0;
  const fullMs = Math.min(maxDelayMs, minDelayMs * factor ** (attempt - 1));
  return fullMs * (1 - jitter * random());
}
