/**
 * The signals with which an operator ends a server.
 *
 * @module
 */

/** Windows knows no SIGTERM; Ctrl-Break stands in for it there. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/**
 * Calls `onFirst` at the first of these signals and `onSecond` at each later one.
 * Call what is returned to hand the signals back to their defaults.
 */
export function onTermination(
  onFirst: () => void,
  onSecond: () => void,
): () => void {
  let received = false;
  const listener = () => {
    if (received) return onSecond();
    received = true;
    onFirst();
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, listener);
  return () => {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, listener);
  };
}
