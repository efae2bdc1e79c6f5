/**
 * What a pool tells OpenTelemetry, in the names of its conventions for database pools.
 *
 * @module
 */

import {
  type Attributes,
  type Histogram,
  histogram,
  observe,
  type ObservedInstrument,
} from "../telemetry.ts";
import { secondsSince, WAIT_BOUNDS } from "../telemetry_conventions.ts";
import type { PoolLimits, PoolStats } from "./pool_options.ts";

const INSTRUMENTS = {
  "db.client.connection.count": {
    kind: "up-down",
    unit: "{connection}",
    description: "Connections in a state: idle or used",
  },
  "db.client.connection.max": {
    kind: "up-down",
    unit: "{connection}",
    description: "Most connections that may be open",
  },
  "db.client.connection.idle.min": {
    kind: "up-down",
    unit: "{connection}",
    description: "Connections that are kept",
  },
  "db.client.connection.pending_requests": {
    kind: "up-down",
    unit: "{request}",
    description: "Calls that wait for a connection",
  },
  "db.client.connection.timeouts": {
    kind: "counter",
    unit: "{timeout}",
    description: "Calls that ran out of time",
  },
} satisfies Record<string, ObservedInstrument>;

const IDLE: Attributes = { "db.client.connection.state": "idle" };
const USED: Attributes = { "db.client.connection.state": "used" };

/** Names for pools that have none. */
let pools = 0;

/** Follows one pool. */
export class PoolTelemetry {
  readonly #attributes: Attributes;
  readonly #waits: Histogram | undefined;
  readonly #uses: Histogram | undefined;
  readonly #creations: Histogram | undefined;
  /** When the leases began that are out. */
  readonly #leasedAt = new Map<unknown, number>();
  readonly #end: () => void;

  constructor(
    name: string | undefined,
    stats: PoolStats,
    { max, min }: PoolLimits,
  ) {
    const attributes = this.#attributes = {
      "db.client.connection.pool.name": name ?? `pool-${++pools}`,
    };
    this.#waits = waitHistogram("wait_time", "From acquire to a connection");
    this.#uses = waitHistogram("use_time", "From a connection to its return");
    this.#creations = waitHistogram("create_time", "Opening a connection");
    this.#end = observe(INSTRUMENTS, attributes, (tell) => {
      tell("db.client.connection.count", stats.idle + stats.checking, IDLE);
      tell("db.client.connection.count", stats.leased, USED);
      if (max !== Infinity) tell("db.client.connection.max", max);
      tell("db.client.connection.idle.min", min);
      tell("db.client.connection.pending_requests", stats.waiting);
      tell("db.client.connection.timeouts", stats.timeouts);
    });
  }

  /** A caller gets a connection. */
  onLease(entry: unknown): void {
    this.#leasedAt.set(entry, performance.now());
  }

  /** It is given back, or closed. */
  onLeaseEnd(entry: unknown): void {
    const startMs = this.#leasedAt.get(entry);
    if (startMs === undefined) return;
    this.#leasedAt.delete(entry);
    this.#uses?.record(secondsSince(startMs), this.#attributes);
  }

  /** A call of `acquire` at `startMs` has got what it wanted. */
  onAcquired(startMs: number): void {
    this.#waits?.record(secondsSince(startMs), this.#attributes);
  }

  /** A connection is open that was asked for at `startMs`. */
  onOpened(startMs: number): void {
    this.#creations?.record(secondsSince(startMs), this.#attributes);
  }

  /** The pool is closed. */
  end(): void {
    this.#end();
  }
}

function waitHistogram(
  name: string,
  description: string,
): Histogram | undefined {
  return histogram(`db.client.connection.${name}`, description, WAIT_BOUNDS);
}
