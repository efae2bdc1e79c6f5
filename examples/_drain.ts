/**
 * What a server tells at its graceful shutdown: a program that is to end and says nothing
 * looks as if it hung.
 *
 * @module
 */

import type { Server, ServerEvent } from "@sluice/net";
import type { GroupEvent } from "@sluice/net/workers";
import { log } from "./_log.ts";

/** Logs what a shutdown waits for: to be called with each event of a server. */
export function logDrain(event: ServerEvent | GroupEvent): void {
  if (event.type !== "drain") return;
  const [count, what] = "workers" in event
    ? [event.workers, "worker"]
    : [event.active, "connection"];
  if (count === 0) return;
  const s = count === 1 ? "" : "s";
  log(
    `waiting for ${count} ${what}${s} to end; Ctrl-C again cuts off the rest`,
  );
}

/** Waits until a server, or a group of workers, has ended, and logs how. */
export async function logEnd(
  server: Pick<Server, "closed" | "shutdown">,
): Promise<void> {
  await server.closed;
  const { completed, aborted } = await server.shutdown();
  log(`drained: ${completed} finished, ${aborted} cut off`);
}
