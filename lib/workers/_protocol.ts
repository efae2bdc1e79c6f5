/**
 * What the supervisor and a worker say to each other, over the pipe of a process or the
 * port of a thread. In both directions a frame is a length and a packet, and larger ones
 * than these end the worker: a length that it claims is not believed.
 *
 * ```text
 * supervisor                    worker
 *     | <----------------- hello  |  its module was loaded
 *     | start ------------------> |  where to listen, who it is
 *     | <--- ready (or failed)    |  it accepts
 *     | ask --------------------> |  every now and then: is it alive?
 *     | <-------------- answer    |  its counters
 *     | <------------ subscribe   |  a topic; `subscribed` answers
 *     | <-------------- publish   |  to the others that have subscribed: `message`
 *     | drain ------------------> |  stop accepting, let handlers finish; 0 ms: cut
 *     | <------------- drained    |  what became of its connections; then it ends
 * ```
 *
 * @module
 */

import type { Codec } from "../codec/codec.ts";
import { enumOf } from "../codec/choice_fields.ts";
import { lengthPrefixed } from "../codec/length_prefixed.ts";
import { mapped } from "../codec/mapped.ts";
import { bool, f64, u32, u8 } from "../codec/number_fields.ts";
import { bytes, utf8 } from "../codec/sized_fields.ts";
import { struct } from "../codec/struct.ts";
import { union } from "../codec/union.ts";

/** Most bytes of a message from worker to worker. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Most bytes of the name of a topic, in UTF-8. */
export const MAX_TOPIC_BYTES = 255;
/** Most topics of one worker: the supervisor remembers them. */
export const MAX_TOPICS = 10_000;

/** A message, its topic, and what tells it from other packets. */
const MAX_FRAME_BYTES = MAX_MESSAGE_BYTES + MAX_TOPIC_BYTES + 64;

const topic = utf8(u8);

/** Of `ServerStats`, by the same names. */
const stats = struct({
  active: f64,
  closing: f64,
  handshakes: f64,
  accepted: f64,
  rejected: f64,
  failed: f64,
  failedByPeer: f64,
  acceptErrors: f64,
  bytesRead: f64,
  bytesWritten: f64,
});

const toWorkerKinds = {
  start: 1,
  ask: 2,
  drain: 3,
  message: 4,
  gap: 5,
  subscribed: 6,
};

/** What the supervisor says. */
export const toWorker = union({ type: enumOf(u8, toWorkerKinds) }, {
  /** JSON of `WorkerSettings`. */
  start: struct({ settings: utf8(u32) }),
  ask: struct({}),
  drain: struct({ timeoutMs: f64 }),
  message: struct({ topic, data: bytes() }),
  gap: struct({ topic, count: u32 }),
  /** `missed`: whether the worker replaces another one. */
  subscribed: struct({ serial: u32, missed: bool }),
});

const fromWorkerKinds = {
  hello: 1,
  ready: 2,
  failed: 3,
  answer: 4,
  subscribe: 5,
  unsubscribe: 6,
  publish: 7,
  event: 8,
  drained: 9,
};

/** What a worker says. */
export const fromWorker = union({ type: enumOf(u8, fromWorkerKinds) }, {
  hello: struct({}),
  /** JSON of an address; empty where the worker listens nowhere. */
  ready: struct({ addr: utf8(u32) }),
  /** JSON of a `PlainError`. */
  failed: struct({ error: utf8(u32) }),
  answer: struct({ stats, eventsDropped: u32 }),
  subscribe: struct({ serial: u32, topic }),
  unsubscribe: struct({ topic }),
  publish: struct({ topic, data: bytes() }),
  /** JSON of a `PlainServerEvent`. */
  event: struct({ event: utf8(u32) }),
  drained: struct({ stats, completed: f64, aborted: f64, handshakes: f64 }),
});

/** A packet that can be encoded and decoded. */
interface Packet<In> {
  decode(bytes: Uint8Array): In;
}

/** Packets come as objects and go as bytes: one that goes to many is encoded once. */
function framesOf<In>(packet: Packet<In>): Codec<In, Uint8Array> {
  return mapped(
    lengthPrefixed({ maxFrameBytes: MAX_FRAME_BYTES }),
    (frame) => packet.decode(frame),
    (frame: Uint8Array) => frame,
  );
}

/** The supervisor's side of a connection to a worker. */
export const supervisorCodec = framesOf(fromWorker);
/** The worker's side of it. */
export const workerCodec = framesOf(toWorker);

/** What the supervisor says, decoded. */
export type ToWorker = ReturnType<typeof toWorker.decode>;
/** What a worker says, decoded. */
export type FromWorker = ReturnType<typeof fromWorker.decode>;

/** Where a worker listens. */
export type ListenSettings =
  /** On a socket that comes beside the pipe. */
  | { passed: true }
  | { hostname: string; port: number; backlog?: number | undefined };

/** What a worker is told at its start. */
export interface WorkerSettings {
  readonly index: number;
  readonly id: number;
  readonly group: string;
  readonly workers: number;
  readonly listen: ListenSettings;
  /** How long its drain may take where the supervisor is gone; JSON has `null` for no limit. */
  readonly shutdownTimeoutMs: number | null;
}

/** The last argument of a process that is a worker. */
export const MARKER = "--sluice-worker";
/** The descriptor of its pipe. */
export const PIPE_FD = 3;
/** Where a thread finds what is meant for it, in its `workerData`. */
export const THREAD_KEY = "sluice-worker";
/** What the listening socket comes with, over the channel of Node. */
export const SOCKET_MESSAGE = "sluice-socket";
