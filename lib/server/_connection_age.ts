/**
 * How old a connection may become.
 *
 * A connection that never ends holds on to what has changed since: a certificate, an
 * address, a machine behind a balancer. So at a certain age it is asked to end, as a
 * shutdown asks, and a while later it is cut.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import {
  Alarm,
  type AlarmListener,
  type AlarmOptions,
} from "../time/coarse_timer.ts";

/** The limits, in milliseconds. */
export interface AgeLimits {
  readonly ageMs: number;
  readonly graceMs: number;
}

/** Of a tenth of the age so many parts: connections of one moment do not all end in one. */
const STEPS = 8;
/** A process whose work is done does not wait until its connections are old. */
const OPTIONS: AlarmOptions = { holdsProcess: false };

/** The age of one connection. */
export class ConnectionAge implements AlarmListener {
  readonly #limits: AgeLimits;
  readonly #onAge: () => void;
  readonly #onEnd: (reason: ClosedError) => void;
  readonly #controller = new AbortController();
  readonly #alarm = new Alarm(this, OPTIONS);
  #reason: ClosedError | undefined;

  /**
   * @param onAge Asks the connection to end; {@linkcode signal} has aborted.
   * @param onEnd Cuts it.
   */
  constructor(
    limits: AgeLimits,
    onAge: () => void,
    onEnd: (reason: ClosedError) => void,
  ) {
    this.#limits = limits;
    this.#onAge = onAge;
    this.#onEnd = onEnd;
    // In steps, as alarms of one limit share a timer.
    const step = Math.floor(Math.random() * STEPS);
    this.#alarm.limitMs = limits.ageMs * (1 - step / (10 * STEPS));
    this.#alarm.arm();
  }

  /** Aborts when the connection is to end: by its age, or by {@linkcode abort}. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The server shuts down, which has limits of its own. */
  abort(reason: unknown): void {
    this.#alarm.dispose();
    this.#controller.abort(reason);
  }

  dispose(): void {
    this.#alarm.dispose();
  }

  /** First the age has passed, then the grace. */
  onAlarm(): void {
    if (this.#reason !== undefined) return this.#onEnd(this.#reason);
    this.#reason = new ClosedError(
      "Cannot go on: the connection has reached its age (maxConnectionAgeMs)",
    );
    this.#alarm.limitMs = this.#limits.graceMs;
    this.#alarm.arm();
    this.#controller.abort(this.#reason);
    this.#onAge();
  }
}
