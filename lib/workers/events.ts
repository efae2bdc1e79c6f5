/**
 * What happens in a group of workers.
 *
 * @module
 */

import type { WorkerError } from "../errors.ts";
import type { PlainServerEvent } from "./plain_event.ts";

/**
 * How a worker ended.
 *
 * @category Workers
 */
export type WorkerEndReason =
  /** It was asked to, and let its handlers finish. */
  | "drained"
  /** It was asked to, and was killed as it took too long. */
  | "killed"
  /** Its function threw, or its module cannot be run. */
  | "failed"
  /** It ended by itself, by a signal, or for want of memory. */
  | "exited"
  /** It did not answer for `healthMs`, and was killed. */
  | "hung"
  /** It did not accept within `startTimeoutMs`, and was killed. */
  | "start-timeout"
  /** What it sent is not the protocol, and it was killed. */
  | "protocol";

/**
 * A worker was started; it does not accept yet.
 *
 * @category Workers
 */
export interface WorkerStartedEvent {
  /** The kind of the event. */
  type: "worker-started";
  /** The place that it fills, from 0. */
  index: number;
  /** Its number, which no other worker of the group has. */
  id: number;
  /** Its process; `undefined` for a thread. */
  pid: number | undefined;
}

/**
 * A worker accepts connections.
 *
 * @category Workers
 */
export interface WorkerReadyEvent {
  /** The kind of the event. */
  type: "worker-ready";
  /** The place that it fills, from 0. */
  index: number;
  /** Its number. */
  id: number;
  /** How long that took, in milliseconds. */
  startMs: number;
}

/**
 * A worker has ended.
 *
 * @category Workers
 */
export interface WorkerEndedEvent {
  /** The kind of the event. */
  type: "worker-ended";
  /** The place that it filled, from 0. */
  index: number;
  /** Its number. */
  id: number;
  /** How. */
  reason: WorkerEndReason;
  /** The exit code of its process or thread; `null` for a signal. */
  exitCode: number | null;
  /** The signal that ended its process; `null` for none. */
  signal: string | null;
  /** What it threw, where that is known. */
  error: unknown;
}

/**
 * A worker has died, and another one will take its place.
 *
 * @category Workers
 */
export interface RestartEvent {
  /** The kind of the event. */
  type: "restart";
  /** The place that is to be filled, from 0. */
  index: number;
  /** Pause before the start, in milliseconds. */
  delayMs: number;
  /** Restarts within `withinMs`, this one included. */
  restarts: number;
}

/**
 * Workers died too often: the group shuts down, and `closed` rejects with the error.
 *
 * @category Workers
 */
export interface GaveUpEvent {
  /** The kind of the event. */
  type: "gave-up";
  /** Why. */
  error: WorkerError;
}

/**
 * The group has begun to shut down.
 *
 * @category Workers
 */
export interface GroupDrainEvent {
  /** The kind of the event. */
  type: "drain";
  /** Workers that are to end. */
  workers: number;
}

/**
 * Something happened in the server of a worker that passes its events on.
 *
 * @category Workers
 */
export interface WorkerServerEvent {
  /** The kind of the event. */
  type: "server";
  /** Whose server: the place that the worker fills, from 0. */
  index: number;
  /** The worker's number. A connection is known by this and by the `id` of the event. */
  id: number;
  /** What happened. */
  event: PlainServerEvent;
}

/**
 * What the `onEvent` of `supervise` is called with.
 *
 * @category Workers
 */
export type GroupEvent =
  | WorkerStartedEvent
  | WorkerReadyEvent
  | WorkerEndedEvent
  | RestartEvent
  | GaveUpEvent
  | GroupDrainEvent
  | WorkerServerEvent;
