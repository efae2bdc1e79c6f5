/**
 * The one option that everything with a time in it takes.
 *
 * @module
 */

/**
 * What ends a wait early.
 *
 * @example
 * ```ts
 * import { type SignalOptions, sleep } from "@sluice/net/timeout";
 * import { assertRejects } from "@std/assert";
 *
 * const options: SignalOptions = { signal: AbortSignal.abort(new Error("no")) };
 * await assertRejects(() => sleep(1_000, options), Error, "no");
 * ```
 */
export interface SignalOptions {
  /** Ends it early with its own reason, untouched. None by default. */
  signal?: AbortSignal;
}
