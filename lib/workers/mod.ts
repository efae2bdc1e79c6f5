/**
 * One server on all cores: a group of workers that share an address, and the supervisor that
 * starts them, watches them and replaces them.
 *
 * This folder guarantees that the group stays up while workers crash, hang or run out of
 * memory; that a worker which cannot start is not started for ever; that replacing the code
 * costs no connection where the workers share a descriptor; and that no worker outlives
 * its supervisor. A worker gets the permissions that it is given and no others. What the
 * supervisor reads from a worker, and what it holds for one, is bounded.
 *
 * It refuses what would undermine that: permissions together with threads, which have those
 * of their process; messages without a limit; a restart without a pause.
 *
 * It may import `server/`, `adapters/`, `framed/` and what is below them. Nothing in `lib/`
 * imports it.
 *
 * @example Two programs: the supervisor, and what each worker does
 * ```ts ignore
 * // main.ts
 * import { supervise } from "@sluice/net/workers";
 *
 * await using group = await supervise({
 *   module: import.meta.resolve("./worker.ts"),
 *   port: 8888,
 *   permissions: ["--allow-net=127.0.0.1:8888"],
 *   drainOnSignals: true,
 * });
 * console.log(`listening on port ${group.addr.port}`);
 * await group.closed;
 *
 * // worker.ts
 * import { serve } from "@sluice/net";
 * import { worker } from "@sluice/net/workers";
 *
 * export default worker(({ acceptor }) =>
 *   serve({ acceptor }, async (socket) => {
 *     for await (const chunk of socket) await socket.write(chunk);
 *   })
 * );
 * ```
 *
 * @module
 */

export { supervise, WorkerGroup } from "./supervise.ts";
export type {
  GroupReport,
  GroupStats,
  GroupWorker,
  Isolation,
  RestartOptions,
  ShareMode,
  SuperviseOptions,
  WorkerState,
  WorkerStats,
} from "./supervise_options.ts";
export type {
  GaveUpEvent,
  GroupDrainEvent,
  GroupEvent,
  RestartEvent,
  WorkerEndedEvent,
  WorkerEndReason,
  WorkerReadyEvent,
  WorkerServerEvent,
  WorkerStartedEvent,
} from "./events.ts";
export type { PlainError, PlainServerEvent } from "./plain_event.ts";
export { worker } from "./worker.ts";
export type {
  ChannelGap,
  ChannelSubscribeOptions,
  ChannelSubscription,
  WorkerChannel,
  WorkerContext,
  WorkerDefinition,
  WorkerGroupInfo,
  WorkerServer,
  WorkerStart,
} from "./worker_context.ts";

// What the options and events of others are made of.
export type { Addr, MemoryAddr, StreamAddr } from "../addr.ts";
export type { ServerStats } from "../server/events.ts";
export type {
  ShutdownOptions,
  ShutdownReport,
} from "../server/serve_options.ts";
export type {
  ProxyFields,
  ProxyHeader,
  ProxyTls,
  ProxyTlv,
} from "../proxy_header/header.ts";
export type { CallOptions } from "../time/call_limits.ts";
export { Deadline, type DeadlineOptions } from "../time/deadline.ts";
export type {
  AcceptedTransport,
  Acceptor,
  NewCertificate,
  PeerCertificate,
  ProxyInfo,
  ServerCertificate,
  Transport,
} from "../transport/options.ts";
export {
  BrokenError,
  type BrokenReason,
  ClosedError,
  LimitError,
  PermissionError,
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
  TimeoutError,
  WorkerError,
  type WorkerFailure,
} from "../errors.ts";
