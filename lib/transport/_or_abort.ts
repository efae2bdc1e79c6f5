/**
 * Waiting that a signal can end, for calls of Deno that take no signal.
 *
 * @module
 */

/**
 * Waits for `task`, or rejects with `signal.reason` as soon as `signal` aborts.
 *
 * `task` itself goes on: what it still yields is handed to `discard`, which must release
 * it, so that nothing leaks. A result is either returned or discarded, never both, also
 * where both happen at once. The listener is removed however the wait ends.
 */
export function orAbort<T>(
  task: Promise<T>,
  signal: AbortSignal | undefined,
  discard: (late: T) => void,
): Promise<T> {
  if (signal === undefined) return task;
  return new Promise((resolve, reject) => {
    let given = false;
    const onAbort = (): void => {
      signal.removeEventListener("abort", onAbort);
      given = true;
      reject(signal.reason);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
    task.then((result) => {
      signal.removeEventListener("abort", onAbort);
      if (given) discard(result);
      else resolve(result);
    }, (error) => {
      signal.removeEventListener("abort", onAbort);
      reject(error);
    });
  });
}
