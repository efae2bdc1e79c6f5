/**
 * What a proxy does to the connections that pass it.
 *
 * @module
 */

import {
  checkBoolean,
  checkInteger,
  checkLimit,
  checkNames,
  checkNumber,
  checkObject,
  checkText,
  readOptions,
} from "../_check.ts";
import { parseAddress } from "../addr.ts";

/**
 * What happens to the bytes of a connection, or to the connection.
 *
 * @category Faults
 */
export interface Faults {
  /**
   * Milliseconds by which bytes, and the end of the stream, are late.
   *
   * @default {0}
   */
  latencyMs?: number | undefined;
  /**
   * Most milliseconds by which they are later still, at random. Order is kept.
   *
   * @default {0}
   */
  jitterMs?: number | undefined;
  /**
   * Bytes that pass in a second.
   *
   * @default {Infinity}
   */
  bytesPerSecond?: number | undefined;
  /**
   * Most bytes that are sent at once.
   *
   * @default {Infinity}
   */
  splitBytes?: number | undefined;
  /**
   * Milliseconds between two pieces that were split: with 0 the system may join them again.
   *
   * @default {0}
   */
  splitDelayMs?: number | undefined;
  /**
   * Whether nothing passes, while the connection stays: nothing is lost, and what was held
   * back passes when this is `false` again.
   *
   * @default {false}
   */
  stall?: boolean | undefined;
  /**
   * Milliseconds by which the end of the stream is late, beside `latencyMs`.
   *
   * @default {0}
   */
  slowCloseMs?: number | undefined;
  /**
   * Bytes that pass before the connection is reset, on both sides; 0 resets it at once.
   *
   * @default {Infinity}
   */
  resetAfterBytes?: number | undefined;
  /**
   * Milliseconds after which the connection is reset.
   *
   * @default {Infinity}
   */
  resetAfterMs?: number | undefined;
  /**
   * Bytes that pass before the connection is closed, on both sides.
   *
   * @default {Infinity}
   */
  closeAfterBytes?: number | undefined;
  /**
   * To how many of the connections all this happens, from 0 to 1: each one draws once, when
   * it comes.
   *
   * @default {1}
   */
  probability?: number | undefined;
}

/**
 * Faults of both directions, and of one alone, where its own count more.
 *
 * @category Faults
 */
export interface DirectedFaults extends Faults {
  /** What happens to what the client sends. */
  toServer?: Faults | undefined;
  /** What happens to what the server sends. */
  toClient?: Faults | undefined;
}

/**
 * Where a proxy connects to: `"127.0.0.1:6379"`, `"unix:/run/x.sock"`, or options.
 *
 * @category Faults
 */
export type FaultProxyTarget =
  | string
  | {
    /**
     * Name or address of the host.
     *
     * @default {"127.0.0.1"}
     */
    hostname?: string | undefined;
    /** Its port. */
    port: number;
  }
  | {
    /** A Unix socket. */
    path: string;
  };

/**
 * Options of {@linkcode faultProxy}.
 *
 * @category Faults
 */
export interface FaultProxyOptions extends DirectedFaults {
  /** Where the server listens. */
  target: FaultProxyTarget;
  /**
   * Where the proxy listens.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /**
   * On which port; 0 for one that is free.
   *
   * @default {0}
   */
  port?: number | undefined;
  /**
   * Chooses what is random: the delays, and the connections that faults happen to.
   *
   * @default {1}
   */
  seed?: number | undefined;
  /**
   * Most connections at a time; others are turned away. `Infinity` for no limit.
   *
   * @default {1_000}
   */
  maxConnections?: number | undefined;
}

/**
 * What a proxy has passed on.
 *
 * @category Faults
 */
export interface FaultProxyStats {
  /** Connections that are open. */
  readonly active: number;
  /** Connections that were accepted so far. */
  readonly accepted: number;
  /** Connections for which the server could not be reached. */
  readonly refused: number;
  /** Bytes that the server was sent. */
  readonly bytesToServer: number;
  /** Bytes that clients were sent. */
  readonly bytesToClient: number;
}

/** All faults of one direction. */
export type AllFaults = Required<Faults>;

/** Nothing happens. */
export const NO_FAULTS: AllFaults = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: Infinity,
  splitBytes: Infinity,
  splitDelayMs: 0,
  stall: false,
  slowCloseMs: 0,
  resetAfterBytes: Infinity,
  resetAfterMs: Infinity,
  closeAfterBytes: Infinity,
  probability: 1,
};

const FAULT_NAMES: readonly string[] = Object.keys(NO_FAULTS);

const DIRECTION_NAMES: ReadonlySet<string> = new Set(FAULT_NAMES);

const DIRECTED_NAMES: ReadonlySet<string> = new Set([
  ...FAULT_NAMES,
  "toServer",
  "toClient",
]);

const OPTION_NAMES: ReadonlySet<string> = new Set([
  ...DIRECTED_NAMES,
  ...["target", "hostname", "port", "seed", "maxConnections"],
]);

/** Where the server and the proxy are. */
export interface CheckedFaultProxyOptions {
  readonly target: { host: string; port: number } | { path: string };
  readonly hostname: string;
  readonly port: number;
  readonly seed: number;
  readonly maxConnections: number;
  readonly faults: DirectedFaults;
}

/** Throws if an option is wrong; tells the faults from the rest. */
export function checkFaultProxyOptions(
  given: FaultProxyOptions,
): CheckedFaultProxyOptions {
  const action = "make a fault proxy";
  checkNames(action, "options", given, OPTION_NAMES);
  const options = readOptions(given, OPTION_NAMES);
  const { target, hostname = "127.0.0.1", port = 0, ...rest } = options;
  const { seed = 1, maxConnections = 1_000, ...faults } = rest;
  checkText(action, "hostname", hostname);
  checkInteger(action, "port", port, 0, 65_535);
  checkInteger(action, "seed", seed, Number.MIN_SAFE_INTEGER);
  checkLimit(action, "maxConnections", maxConnections, 1);
  return {
    faults: checkFaults(action, faults),
    target: checkTarget(action, target),
    hostname,
    port,
    seed,
    maxConnections,
  };
}

function checkTarget(
  action: string,
  target: unknown,
): CheckedFaultProxyOptions["target"] {
  const given: object = typeof target === "string"
    ? parseAddress(target)
    : target as object;
  checkObject(action, "target", given);
  if ("path" in given) {
    checkText(action, "path of target", given.path);
    return { path: given.path };
  }
  const { hostname = "127.0.0.1", port } = given as {
    hostname?: unknown;
    port?: unknown;
  };
  checkText(action, "hostname of target", hostname);
  checkInteger(action, "port of target", port, 1, 65_535);
  return { host: hostname, port };
}

/**
 * Throws if a fault is unknown, of the wrong kind or out of range. Gives them as they were
 * checked.
 */
export function checkFaults(
  action: string,
  given: DirectedFaults,
): DirectedFaults {
  checkNames(action, "options", given, DIRECTED_NAMES);
  const faults = readOptions(given, DIRECTED_NAMES);
  checkDirection(action, faults);
  for (const name of ["toServer", "toClient"] as const) {
    const each = faults[name];
    if (each === undefined) continue;
    checkNames(action, name, each, DIRECTION_NAMES);
    const read = readOptions(each, DIRECTION_NAMES);
    checkDirection(action, read);
    faults[name] = read;
  }
  return faults;
}

function checkDirection(action: string, given: Faults): void {
  const faults = withDefaults(given);
  checkNumber(action, "latencyMs", faults.latencyMs, 0);
  checkNumber(action, "jitterMs", faults.jitterMs, 0);
  checkNumber(action, "bytesPerSecond", faults.bytesPerSecond, 1);
  checkLimit(action, "splitBytes", faults.splitBytes, 1);
  checkNumber(action, "splitDelayMs", faults.splitDelayMs, 0);
  checkBoolean(action, "stall", faults.stall);
  checkNumber(action, "slowCloseMs", faults.slowCloseMs, 0);
  checkLimit(action, "resetAfterBytes", faults.resetAfterBytes);
  checkNumber(action, "resetAfterMs", faults.resetAfterMs, 0);
  checkLimit(action, "closeAfterBytes", faults.closeAfterBytes);
  checkNumber(action, "probability", faults.probability, 0, 1);
}

/** The first of `given` that has a fault, or none. */
export function withDefaults(...given: (Faults | undefined)[]): AllFaults {
  const all = { ...NO_FAULTS };
  for (const faults of given.reverse()) {
    for (const [name, value] of Object.entries(faults ?? {})) {
      if (value !== undefined) Object.assign(all, { [name]: value });
    }
  }
  return all;
}
