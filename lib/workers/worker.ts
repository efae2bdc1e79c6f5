/**
 * What a worker's module exports.
 *
 * @module
 */

import { checkFunction } from "../_check.ts";
import { connectToSupervisor } from "./_connection_to_supervisor.ts";
import { WorkerSide } from "./_worker_side.ts";
import type { WorkerDefinition, WorkerStart } from "./worker_context.ts";

/**
 * Makes a module a worker of `supervise`: export what it gives as the default.
 *
 * In a process or a thread that `supervise` has started, `start` is called once the
 * supervisor has said where to listen. The worker counts as started when `start` has
 * returned its server and, where that has a promise `ready`, when it accepts. What `start`
 * throws ends the worker and reaches the supervisor. Elsewhere nothing happens, so that
 * the module can be imported in a test.
 *
 * The worker drains when its supervisor says so, and when its supervisor has gone: it
 * aborts `context.signal`, calls `shutdown` of the server, and ends; what else still holds
 * the process then has one second. It ignores SIGINT, SIGTERM and SIGHUP, which a terminal
 * or a service manager sends to all processes of a group.
 *
 * @param start Starts the server.
 * @returns What to export.
 * @throws {TypeError} `start` is not a function, or the process or thread is a worker
 * already, by another call.
 *
 * @example
 * ```ts
 * import { serve } from "@sluice/net";
 * import { worker } from "@sluice/net/workers";
 *
 * export default worker(({ acceptor, index }) =>
 *   serve({ acceptor }, (socket) => socket.write(`worker ${index} at your service\n`))
 * );
 * ```
 *
 * @category Workers
 */
export function worker(start: WorkerStart): WorkerDefinition {
  checkFunction("make a worker", "start", start);
  const connection = connectToSupervisor();
  if (connection !== undefined) new WorkerSide(connection, start).run();
  return { start };
}
