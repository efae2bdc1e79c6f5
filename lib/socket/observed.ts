/**
 * Promises that report a failure which is reported elsewhere, too.
 *
 * @module
 */

/**
 * A write that is not awaited must not end the process when it fails: the failure
 * is sticky, so `flush`, `close` and the next write report it.
 */
export function observed<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
