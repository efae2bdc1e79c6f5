/**
 * What a worker gets, and what it gives back.
 *
 * @module
 */

import type { ServerStats } from "../server/events.ts";
import type { ShutdownReport } from "../server/serve_options.ts";
import type { Acceptor } from "../transport/options.ts";

/**
 * Messages that did not reach this worker.
 *
 * @category Workers
 */
export interface ChannelGap {
  /**
   * Why: this worker was too slow, or it has taken the place of one that died or was
   * replaced, and what was published in between is lost.
   */
  readonly reason: "slow" | "restarted";
  /** How many messages, where it is known. */
  readonly count?: number | undefined;
}

/**
 * What is called for a subscription beside `onMessage`.
 *
 * @category Workers
 */
export interface ChannelSubscribeOptions {
  /**
   * Called where messages of the topic were lost, between those before and those after.
   * What it throws is printed. None by default.
   */
  onGap?: ((gap: ChannelGap) => unknown) | undefined;
}

/**
 * A topic that a worker listens to.
 *
 * @category Workers
 */
export interface ChannelSubscription {
  /**
   * Resolves when what others publish from now on arrives here; rejects with a
   * `ClosedError` where the supervisor has gone before.
   */
  readonly ready: Promise<void>;
  /** Ends it. Idempotent. */
  close(): void;
}

/**
 * How the workers of a group talk to each other: messages go through the supervisor to the
 * others that have subscribed to their topic.
 *
 * The order of each publisher is kept. A message arrives once at most: for each worker the
 * supervisor holds `maxQueuedMessages` and `maxQueuedBytes` and no more; what a slow worker
 * misses is counted, and it is told so by `onGap`.
 *
 * @category Workers
 */
export interface WorkerChannel {
  /**
   * Sends a message to the other workers that have subscribed; this worker does not get it
   * back.
   *
   * @param topic 1 to 255 bytes of UTF-8.
   * @param data At most 1 MiB; it may be changed when the promise has settled.
   * @returns Resolves when the message is on its way, which says nothing of those who
   *   receive it.
   * @throws {TypeError} An argument is of the wrong kind.
   * @throws {RangeError} The topic or the data are too long.
   * @throws {LimitError} More than 8 MiB wait for the supervisor: await each publish.
   * @throws {ClosedError} The supervisor has gone, or this worker has ended.
   */
  publish(topic: string, data: Uint8Array): Promise<void>;
  /**
   * Calls `onMessage` for each message that another worker publishes.
   *
   * @param topic 1 to 255 bytes of UTF-8; a worker has at most 10,000 at a time.
   * @param onMessage Gets the data, which is its own. What it throws is printed.
   * @throws {TypeError} An argument is of the wrong kind.
   * @throws {RangeError} The topic is too long.
   * @throws {LimitError} There are 10,000 topics already.
   */
  subscribe(
    topic: string,
    onMessage: (data: Uint8Array) => unknown,
    options?: ChannelSubscribeOptions,
  ): ChannelSubscription;
}

/**
 * The group that a worker belongs to.
 *
 * @category Workers
 */
export interface WorkerGroupInfo {
  /** A name that no other group has. */
  readonly id: string;
  /** How many workers it has. */
  readonly workers: number;
}

/**
 * What the function of a worker gets.
 *
 * @category Workers
 */
export interface WorkerContext {
  /** The number of this worker: no other of the group has it, or had it. */
  readonly id: number;
  /** The place that it fills, from 0: one that replaces it has the same. */
  readonly index: number;
  /**
   * Where connections come from: give it to `serve`. It listens from the moment in which it
   * is first looked at, and belongs to the server from then on.
   *
   * @throws {BrokenError} The address is in use.
   * @throws {PermissionError} The worker was not given the permission.
   */
  readonly acceptor: Acceptor<Deno.NetAddr | Deno.UnixAddr>;
  /** Aborts when the worker begins to drain. */
  readonly signal: AbortSignal;
  /** Messages between the workers of the group. */
  readonly channel: WorkerChannel;
  /** The group that it belongs to. */
  readonly group: WorkerGroupInfo;
  /**
   * Passes events of a server on to `onEvent` of the supervisor: give it to `serve`. Each
   * costs a message; where the supervisor does not keep up, events are left out, and
   * counted in `eventsDropped` of its statistics.
   */
  readonly onEvent: (event: { readonly type: string }) => void;
}

/**
 * What the function of a worker gives: a `Server`, or anything that can be shut down as
 * one.
 *
 * @category Workers
 */
export interface WorkerServer {
  /**
   * Ends it: stops accepting, lets what is under way finish, and cuts what is left after
   * `timeoutMs`. Called again with 0 to cut at once.
   */
  shutdown(options: { timeoutMs: number }): Promise<ShutdownReport | void>;
  /** Counters, which the supervisor adds up. */
  readonly stats?: ServerStats | undefined;
  /** Resolves when it has ended. Where it ends by itself, so does the worker. */
  readonly closed?: Promise<unknown> | undefined;
  /** Resolves when it accepts. */
  readonly ready?: Promise<unknown> | undefined;
}

/**
 * What a worker does: starts a server, and gives it back.
 *
 * @category Workers
 */
export type WorkerStart = (
  context: WorkerContext,
) => WorkerServer | Promise<WorkerServer>;

/**
 * What {@linkcode worker} makes: the default export of a worker's module.
 *
 * @category Workers
 */
export interface WorkerDefinition {
  /** What it was made of. */
  readonly start: WorkerStart;
}
