/**
 * Pings for a connection that is framed already.
 *
 * @module
 */

import { wrongKind } from "../_check.ts";
import { type Framed, isFramed, partsOf } from "../framed/framed.ts";
import {
  checkHeartbeatOptions,
  type HeartbeatOptions,
} from "../framed/heartbeat.ts";

/**
 * Pings the peer of `framed` when nothing came from it for a while, and ends the socket
 * with a `TimeoutError` (operation `"heartbeat"`) where it stays silent: the option
 * `heartbeat` of `framed`, for a part of a connection's life. Anything that comes counts as
 * life, and the time counts while a call receives.
 *
 * Cancellation: dispose of what it returns, and there are no more pings; a pong that is
 * still to come is then received as any other frame.
 *
 * @param framed The connection. A heartbeat starts no read: pongs come where its owner reads.
 * @param options The ping, and the times.
 * @returns Ends the heartbeat when it is disposed of; the socket goes on.
 * @throws {BusyError} The connection has a heartbeat already.
 * @throws {TypeError} `framed` is none, or an option is of the wrong kind or not known.
 * @throws {RangeError} An option is out of its range.
 * @category Clients
 *
 * @example
 * ```ts
 * import { framed, lines, TimeoutError } from "@sluice/net";
 * import { heartbeat } from "@sluice/net/client";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const [client, silent] = memoryPair();
 * const connection = framed(client, lines());
 * using _beat = heartbeat(connection, {
 *   ping: () => "PING",
 *   isPong: (line) => line === "PONG",
 *   intervalMs: 10,
 *   timeoutMs: 10,
 *   maxMissed: 1,
 * });
 * const received = connection.receive({ timeoutMs: 5_000 });
 * const error = await assertRejects(() => received, TimeoutError);
 * assertEquals(error.operation, "heartbeat");
 * assertEquals(await silent.readLine(), "PING");
 * silent.abort();
 * ```
 */
export function heartbeat<In, Out>(
  framed: Framed<In, Out>,
  options: NoInfer<HeartbeatOptions<In, Out>>,
): Disposable {
  const action = "start a heartbeat";
  if (!isFramed(framed)) throw wrongKind(action, "framed", "a Framed", framed);
  checkHeartbeatOptions(action, options);
  return partsOf(framed).startHeartbeat(options);
}
