/**
 * How a server, or a group of workers, is ended: by an operator's signals, and by calls of
 * `shutdown`, of which any number may be made.
 *
 * @module
 */

import { watchCall } from "../time/call_limits.ts";
import type { ShutdownOptions } from "./serve_options.ts";

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

/**
 * Waits for the report of a shutdown that has begun.
 *
 * @param report Resolves when nothing is left.
 * @param options The limits of this call, which end nothing but what is left.
 * @param cut Cuts what is left. It may be called again.
 */
export async function shutdownWithin<T>(
  report: Promise<T>,
  { timeoutMs, deadline, signal }: ShutdownOptions,
  cut: () => void,
): Promise<T> {
  if (timeoutMs === 0) {
    cut();
    timeoutMs = undefined;
  }
  const limits = { deadline, signal, timeoutMs };
  const unwatch = watchCall("shut down", limits, cut);
  try {
    return await report;
  } finally {
    unwatch();
  }
}
