/**
 * The engine over the supervisor of the workers of one machine.
 *
 * @module
 */

import { checkMethods } from "../_check.ts";
import type { Engine, EngineGap } from "./engine.ts";

/**
 * What {@linkcode workersEngine} needs: `context.channel` of a `worker` is one.
 *
 * @category Hub
 */
export interface WorkersChannel {
  /** Sends data to the other workers that have subscribed. */
  publish(topic: string, data: Uint8Array): Promise<void>;
  /** Calls `onMessage` for what other workers publish. */
  subscribe(
    topic: string,
    onMessage: (data: Uint8Array) => void,
    options: { onGap: (gap: EngineGap) => void },
  ): { readonly ready?: Promise<void> | undefined; close(): void };
}

/**
 * Carries frames between the workers of one machine, through the supervisor that started
 * them (`@sluice/net/workers`). What a slow worker misses is counted and told as a gap for
 * the reason `"slow"`; a worker that takes the place of another is told `"restarted"`.
 *
 * @param channel The `channel` of the worker's context.
 * @throws {TypeError} `channel` is none.
 *
 * @category Hub
 *
 * @example In the module of a worker
 * ```ts
 * import { framed, lines, serve } from "@sluice/net";
 * import { Hub, workersEngine } from "@sluice/net/hub";
 * import { worker } from "@sluice/net/workers";
 *
 * export default worker(({ acceptor, channel }) => {
 *   const hub = new Hub(lines(), { engine: workersEngine(channel) });
 *   return serve({ acceptor }, async (socket) => {
 *     const connection = framed(socket, lines());
 *     using _membership = hub.join("lobby", connection);
 *     for await (const line of connection) await hub.publish("lobby", line);
 *   });
 * });
 * ```
 */
export function workersEngine(channel: WorkersChannel): Engine {
  checkMethods("make an engine", "channel", channel, ["publish", "subscribe"]);
  return {
    publish: (topic, data) => channel.publish(topic, data),
    subscribe: (topic, onMessage, { onGap }) =>
      channel.subscribe(topic, onMessage, { onGap }),
  };
}
