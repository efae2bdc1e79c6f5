/**
 * Waits for the signals that are on their way to this process.
 *
 * A supervisor whose worker has died of Ctrl-C has to know whether it was sent Ctrl-C
 * itself, and has not heard of it yet. It sends itself one more signal and waits for that:
 * what was sent before is handled before, as POSIX delivers the lowest number first and
 * Deno (2.9) tells its listeners in this order.
 *
 * @module
 */

import { sleep } from "../time/sleep.ts";
import { quietly } from "../transport/close_quietly.ts";

/**
 * It does nothing to a program that does not listen for it, and may come at any time to one
 * that does. Its number is above those of SIGINT and SIGTERM.
 */
const SIGNAL: Deno.Signal = "SIGURG";

/** Longest that each of the two waits takes, where a system does not send it. */
const LOST_MS = 500;

/**
 * Waits until this process has handled each signal that was sent to it before this call, or
 * until `signal` aborts. Not on Windows, where no process dies of a signal.
 */
export async function signalsHandled(signal: AbortSignal): Promise<void> {
  // Twice: Deno looks for one signal after the other, and may have looked for the low
  // numbers just before they came.
  for (let round = 0; round < 2; round++) {
    const controller = new AbortController();
    const listener = (): void => controller.abort();
    Deno.addSignalListener(SIGNAL, listener);
    quietly(() => Deno.kill(Deno.pid, SIGNAL));
    // The timer holds the process, which a listener does not.
    const either = AbortSignal.any([signal, controller.signal]);
    await sleep(LOST_MS, { signal: either }).catch(() => {});
    Deno.removeSignalListener(SIGNAL, listener);
  }
}
