/**
 * Publish and subscribe: frames by topic, to the connections of this process and of
 * others.
 *
 * This folder guarantees that publishing never waits for a reader, that a frame is encoded
 * once and reaches the members of its topic whole and in the order of its publisher, that
 * what waits for a slow member is bounded, and that frames which are dropped or lost are
 * counted and reported where that can be known. It refuses to promise more than that: no
 * frame is kept for a member that comes later, or sent twice. It depends on no broker: its
 * engines take what they need structurally. It may import `framed/`, `socket/`, `codec/`,
 * `time/` and `bytes/`; nothing in `lib/` but `testing/` imports it.
 *
 * @example Prices, to all who watch
 * ```ts
 * import { framed, json } from "@sluice/net";
 * import { Hub } from "@sluice/net/hub";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const prices = new Hub(json<{ price: number }>(), { maxQueuedFrames: 10 });
 * const [client, server] = memoryPair();
 * using watcher = prices.join("oil", framed(server, json<{ price: number }>()));
 * await prices.publish("oil", { price: 71 });
 * assertEquals(await client.readLine(), '{"price":71}');
 * assertEquals(watcher.dropped, 0);
 * ```
 *
 * @module
 */

export { Hub, Membership } from "./hub.ts";
export type {
  HubGap,
  HubOptions,
  HubStats,
  JoinOptions,
  PublishOptions,
} from "./hub_options.ts";
export type {
  Engine,
  EngineGap,
  EngineSubscribeOptions,
  EngineSubscription,
} from "./engine.ts";
export { memoryEngine } from "./memory_engine.ts";
export {
  type NatsConnection,
  natsEngine,
  type NatsEngineOptions,
} from "./nats_engine.ts";
export { type WorkersChannel, workersEngine } from "./workers_engine.ts";

// The limits of a call, and the errors.
export type { CallOptions } from "../time/call_limits.ts";
export { Deadline, type DeadlineOptions } from "../time/deadline.ts";
export {
  BrokenError,
  BusyError,
  ClosedError,
  CodecError,
  FrameTooLargeError,
  LimitError,
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
  TimeoutError,
} from "../errors.ts";
