/**
 * When to raise an alert: not at the first failure, and not at every change.
 *
 * @module
 */

/** What is thought of a target. */
export type Health = "unknown" | "up" | "down";

/** How many results in a row change an opinion. */
export interface Thresholds {
  /** Failures in a row after which a target is down. */
  failuresToDown: number;
  /** Successes in a row after which it is up again. */
  successesToUp: number;
}

/**
 * Turns results into alerts, with hysteresis: a single lost packet raises none,
 * and a target that comes and goes is reported once, not a hundred times.
 *
 * | health | result | then |
 * | --- | --- | --- |
 * | unknown | success | up, silently |
 * | unknown, up | `failuresToDown` failures in a row | down, an alert |
 * | down | `successesToUp` successes in a row | up, an alert |
 * | any | a result that fits the health | the count starts again |
 */
export class Hysteresis {
  readonly #thresholds: Thresholds;
  #health: Health = "unknown";
  #streak = 0;

  constructor(thresholds: Thresholds) {
    this.#thresholds = thresholds;
  }

  /** What is thought now. */
  get health(): Health {
    return this.#health;
  }

  /** The health in words, with how far it is from changing. */
  get words(): string {
    const { failuresToDown, successesToUp } = this.#thresholds;
    if (this.#health === "down") {
      return this.#streak === 0
        ? "down"
        : `recovering ${this.#streak}/${successesToUp}`;
    }
    return this.#streak === 0
      ? this.#health
      : `failing ${this.#streak}/${failuresToDown}`;
  }

  /**
   * Takes the next result.
   *
   * @returns The new health if it is an alert.
   */
  step(ok: boolean): "up" | "down" | undefined {
    if (ok !== (this.#health === "down")) {
      this.#streak = 0;
      if (ok) this.#health = "up";
      return undefined;
    }
    this.#streak++;
    const { failuresToDown, successesToUp } = this.#thresholds;
    if (this.#streak < (ok ? successesToUp : failuresToDown)) return undefined;
    this.#streak = 0;
    this.#health = ok ? "up" : "down";
    return this.#health;
  }
}
