/**
 * What a simulated network is like, and what happens on it.
 *
 * @module
 */

import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkLimit,
  checkNames,
  checkNumber,
  readOptions,
} from "../_check.ts";
import type { ServerOptions } from "../server/serve_options.ts";
import type { ClientOptions } from "../socket/connect.ts";
import type { SocketOptions } from "../socket/options.ts";
import type { TlsBindOptions, TlsDialOptions } from "../transport/options.ts";

/**
 * What the network of {@linkcode memoryNetwork} is like.
 *
 * @category Simulations
 */
export interface MemoryNetworkOptions {
  /**
   * Chooses every random size, delay and fault: the same seed, the same run.
   *
   * @default {1}
   */
  seed?: number | undefined;
  /**
   * Milliseconds that bytes travel, one way.
   *
   * @default {0}
   */
  latencyMs?: number | undefined;
  /**
   * Most milliseconds that bytes travel longer at random. Order is kept.
   *
   * @default {0}
   */
  jitterMs?: number | undefined;
  /**
   * Bytes that each direction of each connection carries in a second.
   *
   * @default {Infinity}
   */
  bytesPerSecond?: number | undefined;
  /**
   * Bytes that each direction of a connection holds at each end, and in flight.
   *
   * @default {65_536}
   */
  highWaterMarkBytes?: number | undefined;
  /**
   * Whether reads and writes are cut at random sizes.
   *
   * @default {true}
   */
  split?: boolean | undefined;
  /**
   * How likely each arrival of bytes is to be followed by a reset, from 0 to 1.
   *
   * @default {0}
   */
  resetRate?: number | undefined;
  /**
   * How likely a datagram is lost, from 0 to 1. Streams lose nothing, as TCP sends again.
   *
   * @default {0}
   */
  lossRate?: number | undefined;
  /**
   * How likely a datagram arrives twice, from 0 to 1.
   *
   * @default {0}
   */
  duplicateRate?: number | undefined;
  /**
   * How likely a datagram is delayed so that later ones overtake it, from 0 to 1: by up to
   * 20 ms and two latencies. With `jitterMs` any may overtake any other as well.
   *
   * @default {0}
   */
  reorderRate?: number | undefined;
  /**
   * Most bytes of a datagram that the network carries; larger ones are lost.
   *
   * @default {65_507}
   */
  maxDatagramBytes?: number | undefined;
  /**
   * Events that {@linkcode MemoryNetwork.trace} keeps: the last ones. `Infinity` for all.
   *
   * @default {10_000}
   */
  maxTraceEvents?: number | undefined;
  /** Called with what happens on the network, in order. What it throws is printed. */
  onEvent?: ((event: NetworkEvent) => void) | undefined;
}

/**
 * Something that happened on the network.
 *
 * @category Simulations
 */
export type NetworkEvent = ConnectionEvent | DatagramEvent | HostEvent;

/**
 * Something that happened to a connection; bytes are counted, never shown.
 *
 * @category Simulations
 */
export interface ConnectionEvent {
  /** When, by `performance.now`. */
  readonly atMs: number;
  /** The client's host: `"client-1"` for the first one that has no name. */
  readonly client: string;
  /** The name that it connected to. */
  readonly server: string;
  /** What: bytes or the end of the stream reached one end, or all of the connection. */
  readonly type: "connected" | "refused" | "arrived" | "ended" | "reset";
  /** Which end `"arrived"` and `"ended"` are about. */
  readonly at?: "client" | "server" | undefined;
  /** How many bytes have `"arrived"`. */
  readonly bytes?: number | undefined;
}

/**
 * Something that happened to a datagram; bytes are counted, never shown.
 *
 * @category Simulations
 */
export interface DatagramEvent {
  /** When, by `performance.now`. */
  readonly atMs: number;
  /** What: one that is duplicated arrives, or is lost, twice. */
  readonly type: "datagram-arrived" | "datagram-lost" | "datagram-duplicated";
  /** The host and port that sent it: `"client-1:49152"`. */
  readonly from: string;
  /** The host and port that it was sent to. */
  readonly to: string;
  /** Its size. */
  readonly bytes: number;
  /**
   * Why it was lost: by `lossRate`, because it is above `maxDatagramBytes`, because of a
   * partition, because more than `highWaterMarkBytes` waited for the line, or because no
   * socket is bound there.
   */
  readonly why?:
    | "chance"
    | "size"
    | "partition"
    | "queue"
    | "no-socket"
    | undefined;
}

/**
 * Something that a test did to hosts.
 *
 * @category Simulations
 */
export interface HostEvent {
  /** When, by `performance.now`. */
  readonly atMs: number;
  /** What was done. */
  readonly type:
    | "partitioned"
    | "healed"
    | "held"
    | "released"
    | "slowed"
    | "sped-up"
    | "crashed"
    | "restarted";
  /** The hosts that were named: two, one for "it and all others", or none for all. */
  readonly hosts: readonly string[];
}

/**
 * How much slower than its network a host is: {@linkcode MemoryNetwork.slowDown}.
 *
 * @category Simulations
 */
export interface SlowHostOptions {
  /**
   * Milliseconds that bytes to it and from it travel longer.
   *
   * @default {0}
   */
  latencyMs?: number | undefined;
  /**
   * Most milliseconds that they travel longer at random.
   *
   * @default {0}
   */
  jitterMs?: number | undefined;
  /**
   * Most bytes a second in each direction of each of its connections.
   *
   * @default {Infinity}
   */
  bytesPerSecond?: number | undefined;
}

/**
 * A name to listen on, beside what every listener takes.
 *
 * @category Simulations
 */
export interface MemoryListenOptions extends SocketOptions {
  /**
   * What clients connect to.
   *
   * @default {"server-1"} for the first one without a name, and so on.
   */
  name?: string | undefined;
  /** Closes the listener when it aborts. */
  signal?: AbortSignal | undefined;
}

/**
 * A name to serve under, beside all that `serve` takes.
 *
 * @category Simulations
 */
export interface MemoryServeOptions extends ServerOptions {
  /** See {@linkcode MemoryListenOptions.name}. */
  name?: string | undefined;
  /** Speaks TLS, with this certificate. Not by default. */
  tls?: TlsBindOptions | undefined;
}

/**
 * A name to connect to, beside all that `connect` takes.
 *
 * @category Simulations
 */
export interface MemoryConnectOptions extends ClientOptions {
  /** The name that a server listens on. */
  name: string;
  /**
   * The host that connects, which several connections may have in common.
   *
   * @default {"client-1"} for the first one, and so on.
   */
  from?: string | undefined;
  /**
   * Speaks TLS: `true`, or how. The certificate must be for `"localhost"` where there is
   * no `serverName`.
   *
   * @default {false}
   */
  tls?: boolean | TlsDialOptions | undefined;
}

const ACTION = "make a memory network";

/** Names of {@linkcode MemoryNetworkOptions}. */
export const NETWORK_OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    "seed",
    "latencyMs",
    "jitterMs",
    "bytesPerSecond",
    "highWaterMarkBytes",
    "split",
    "resetRate",
    "lossRate",
    "duplicateRate",
    "reorderRate",
    "maxDatagramBytes",
    "maxTraceEvents",
    "onEvent",
  ] satisfies (keyof MemoryNetworkOptions)[],
);

/** All that there is to know of a network. */
export type CheckedOptions = Required<MemoryNetworkOptions>;

/** Throws if an option is wrong; gives all of them. */
export function checkMemoryNetworkOptions(
  given: MemoryNetworkOptions,
): CheckedOptions {
  checkNames(ACTION, "options", given, NETWORK_OPTION_NAMES);
  const options = {
    seed: given.seed ?? 1,
    latencyMs: given.latencyMs ?? 0,
    jitterMs: given.jitterMs ?? 0,
    bytesPerSecond: given.bytesPerSecond ?? Infinity,
    highWaterMarkBytes: given.highWaterMarkBytes ?? 65_536,
    split: given.split ?? true,
    resetRate: given.resetRate ?? 0,
    lossRate: given.lossRate ?? 0,
    duplicateRate: given.duplicateRate ?? 0,
    reorderRate: given.reorderRate ?? 0,
    maxDatagramBytes: given.maxDatagramBytes ?? 65_507,
    maxTraceEvents: given.maxTraceEvents ?? 10_000,
    onEvent: given.onEvent ?? (() => {}),
  };
  const { seed, latencyMs, jitterMs, bytesPerSecond } = options;
  const { resetRate, lossRate, duplicateRate, reorderRate } = options;
  checkInteger(ACTION, "seed", seed, Number.MIN_SAFE_INTEGER);
  checkNumber(ACTION, "latencyMs", latencyMs, 0);
  checkNumber(ACTION, "jitterMs", jitterMs, 0);
  checkNumber(ACTION, "bytesPerSecond", bytesPerSecond, 1);
  checkInteger(ACTION, "highWaterMarkBytes", options.highWaterMarkBytes, 1);
  checkBoolean(ACTION, "split", options.split);
  const rates = { resetRate, lossRate, duplicateRate, reorderRate };
  for (const [name, rate] of Object.entries(rates)) {
    checkNumber(ACTION, name, rate, 0, 1);
  }
  checkInteger(ACTION, "maxDatagramBytes", options.maxDatagramBytes, 0);
  checkLimit(ACTION, "maxTraceEvents", options.maxTraceEvents);
  checkFunction(ACTION, "onEvent", options.onEvent);
  return options;
}

const SLOW_OPTION_NAMES: ReadonlySet<string> = new Set(
  ["latencyMs", "jitterMs", "bytesPerSecond"] satisfies (
    keyof SlowHostOptions
  )[],
);

/** Throws if an option of a slow host is wrong. Gives them as they were checked. */
export function checkSlowHostOptions(given: SlowHostOptions): SlowHostOptions {
  const action = "slow a host down";
  checkNames(action, "options", given, SLOW_OPTION_NAMES);
  const options = readOptions(given, SLOW_OPTION_NAMES);
  const { latencyMs = 0, jitterMs = 0, bytesPerSecond = 1 } = options;
  checkNumber(action, "latencyMs", latencyMs, 0);
  checkNumber(action, "jitterMs", jitterMs, 0);
  checkNumber(action, "bytesPerSecond", bytesPerSecond, 1);
  return options;
}
