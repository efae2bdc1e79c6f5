/**
 * Waiting that a signal can end, for calls of Deno that take no signal.
 *
 * @module
 */

/**
 * Waits for `task`, or rejects with `signal.reason` as soon as `signal` aborts.
 *
 * `task` itself goes on: `discard` gets what it still yields, and must release it, so
 * that nothing leaks. The listener is removed however the wait ends.
 */
export async function orAbort<T>(
  task: Promise<T>,
  signal: AbortSignal | undefined,
  discard: (late: T) => void,
): Promise<T> {
  if (signal === undefined) return await task;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    task.then(discard, () => {});
    aborted.reject(signal.reason);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([task, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
