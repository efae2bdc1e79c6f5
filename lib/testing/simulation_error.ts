/**
 * The one error of a simulation that went wrong.
 *
 * @module
 */

import type { NetworkEvent } from "./memory_network_options.ts";

/**
 * How a simulation went wrong.
 *
 * @category Simulations
 */
export type SimulationFailure =
  /** The scenario, a program of a host or what either started threw; see `cause`. */
  | "failed"
  /** The scenario waits, and there is nothing left to run that could wake it. */
  | "deadlock"
  /** The scenario has not ended within `timeLimitMs`. */
  | "time-limit"
  /** Immediates follow each other, and time cannot move. */
  | "stuck"
  /** The scenario has left timers or sockets behind. */
  | "leak"
  /** The same seed gave another run. */
  | "not-deterministic";

/**
 * What there is to know of a simulation that went wrong.
 *
 * @category Simulations
 */
export interface SimulationErrorOptions {
  /** See {@linkcode SimulationError.reason}. */
  reason: SimulationFailure;
  /** See {@linkcode SimulationError.seed}. */
  seed: number;
  /** See {@linkcode SimulationError.atMs}. */
  atMs: number;
  /** See {@linkcode SimulationError.trace}. */
  trace: readonly NetworkEvent[];
  /** What was thrown, where something was. */
  cause?: unknown;
}

/**
 * A seed with which a simulation went wrong. The message names it, and `cause` is what was
 * thrown, untouched.
 *
 * It is no `SocketError`: no connection causes it.
 *
 * @category Simulations
 *
 * @example
 * ```ts
 * import { simulate, SimulationError } from "@sluice/net/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(
 *   () => simulate({ seeds: 100 }, ({ seed }) => {
 *     if (seed === 17) throw new Error("not this one");
 *   }),
 *   SimulationError,
 *   "seed 17",
 * );
 * assertEquals([error.reason, error.seed], ["failed", 17]);
 * ```
 */
export class SimulationError extends Error {
  static {
    this.prototype.name = "SimulationError";
  }
  /** How it went wrong. */
  readonly reason: SimulationFailure;
  /** Run it again with `{ seed }`. */
  readonly seed: number;
  /** When, in simulated milliseconds. */
  readonly atMs: number;
  /** The last of what happened on the network until then. */
  declare readonly trace: readonly NetworkEvent[];

  /** Made by {@linkcode simulate}. */
  constructor(what: string, options: SimulationErrorOptions) {
    const { reason, seed, atMs, trace } = options;
    super(
      `Cannot complete the simulation with seed ${seed}: ${what}, run it alone with { seed: ${seed} }`,
      "cause" in options ? { cause: options.cause } : undefined,
    );
    this.reason = reason;
    this.seed = seed;
    this.atMs = atMs;
    // Not enumerable: thousands of events make no error easier to read.
    Object.defineProperty(this, "trace", { value: trace });
  }
}
