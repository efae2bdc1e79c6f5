/**
 * One listener for each signal, however many calls listen to it.
 *
 * Ten thousand connections may wait under the one signal of their server. An
 * `EventTarget` looks through all of its listeners for each that comes or goes, which
 * makes calls expensive and an abort quadratic. A set costs the same for any number.
 *
 * @module
 */

type Callback = () => void;

/** Kept while the signal lives, even where it is empty: most signals serve call after call. */
const listeners = new WeakMap<AbortSignal, Set<Callback>>();

/** Called by the platform when a signal aborts. */
function callAll(event: Event): void {
  const signal = event.target as AbortSignal;
  // An event of this name can be dispatched by anyone.
  if (!signal.aborted) return;
  // One that is removed meanwhile is not called, as with any event.
  for (const callback of listeners.get(signal) ?? []) {
    try {
      callback();
    } catch (error) {
      // A callback that throws must not keep the other calls from ending.
      reportError(error);
    }
  }
}

/**
 * Calls `callback` when `signal` aborts, in the order in which they were added. Not
 * where it has aborted already: look at `signal.aborted` first.
 *
 * Remove it when there is nothing left to abort. The same function is called once,
 * however often it was added.
 */
export function addAbortListener(
  signal: AbortSignal,
  callback: Callback,
): void {
  if (signal.aborted) return;
  let callbacks = listeners.get(signal);
  if (callbacks === undefined) listeners.set(signal, callbacks = new Set());
  if (callbacks.size === 0) signal.addEventListener("abort", callAll);
  callbacks.add(callback);
}

/** Undoes {@linkcode addAbortListener}. Safe to call at any time. */
export function removeAbortListener(
  signal: AbortSignal,
  callback: Callback,
): void {
  const callbacks = listeners.get(signal);
  if (callbacks === undefined || !callbacks.delete(callback)) return;
  if (callbacks.size === 0) signal.removeEventListener("abort", callAll);
}
