/**
 * A server in several processes, which accept from one socket.
 *
 * @module
 */

import { formatAddress } from "@sluice/net";
import { supervise, type WorkerEndedEvent } from "@sluice/net/workers";
import { stop } from "./_command_line.ts";
import { logDrain, logEnd } from "./_drain.ts";
import type { Front } from "./_front.ts";
import { complain, log } from "./_log.ts";
import { visibleText } from "./_safe_text.ts";

/** What `--help` says of the flag. */
export const WORKERS_HELP = `
  --workers N       how many processes serve, 1 to 64; 1 by default. More than one take
                    --allow-run and --allow-env as well, and a port to listen on. SIGHUP
                    replaces them one by one: those that are connected are
                    asked to end, and no other one is refused.
`.trimEnd().slice(1);

/** How many there may be. */
export const WORKERS_RANGE = { least: 1, most: 64 };

/** How a worker has ended, and what it threw: a certificate that cannot be read, say. */
export function whyEnded({ reason, error }: WorkerEndedEvent): string {
  return error instanceof Error
    ? visibleText(`${reason}: ${error.message}`)
    : reason;
}

/** Starts workers, and keeps them until the program is told to end. */
export async function superviseWorkers(
  address: { hostname?: string; port?: number; path?: string },
  { module, workers, front, settings = {}, permissions = [], env }: {
    /** What each runs. */
    module: string;
    workers: number;
    front: Front;
    /** What they are told beside what is in front of them. */
    settings?: object;
    /** What they may do beside reading the certificate. */
    permissions?: string[];
    env?: Record<string, string>;
  },
): Promise<void> {
  const { hostname, port } = address;
  if (port === undefined) {
    stop(`Cannot run: --workers must be 1 on a Unix socket, got ${workers}`, 2);
  }
  const reading = front.files.join();
  let isDraining = false;
  let why = "";
  const group = await supervise({
    module,
    workers,
    hostname,
    port,
    permissions: reading === ""
      ? permissions
      : [...permissions, `--allow-read=${reading}`],
    args: [JSON.stringify({ ...front.settings, ...settings })],
    env,
    drainOnSignals: true,
    shutdownTimeoutMs: 3_000,
    onEvent: (event) => {
      logDrain(event);
      if (event.type === "drain") isDraining = true;
      if (event.type === "worker-ended") why = whyEnded(event);
      if (event.type === "restart") {
        complain(`a worker died (${why}), another one starts`);
      }
    },
  });
  // Ctrl-C may have come while they started: then nothing listens.
  if (!isDraining) {
    log(`listening on ${formatAddress(group.addr)}, ${workers} workers`);
  }
  const onHangup = () =>
    group.reload().then(
      () => log("the workers were replaced"),
      (error) => complain(`${error.message} (the old workers stay)`),
    );
  Deno.addSignalListener("SIGHUP", onHangup);
  await logEnd(group);
  Deno.removeSignalListener("SIGHUP", onHangup);
}
