/**
 * The limits of a call that waits.
 *
 * @module
 */

import { type CallOptions, TimeoutError, withTimeout } from "@sluice/net";

/**
 * Waits for a promise within the limits of a call, whose name the error has where one of
 * them passes. The promise is ignored afterwards.
 */
export async function within<T>(
  operation: string,
  promise: Promise<T>,
  { timeoutMs = Infinity, signal, deadline }: CallOptions,
): Promise<T> {
  let failure: unknown;
  const task = () => promise.catch((error) => Promise.reject(failure = error));
  try {
    return await withTimeout(timeoutMs, task, { signal, deadline });
  } catch (error) {
    const isLimit = error instanceof TimeoutError && error !== failure;
    throw isLimit ? new TimeoutError(operation, error.timeoutMs) : error;
  }
}
