/**
 * The monitor itself: checks every target in its own rhythm, remembers what came of
 * it, and says when something changed.
 *
 * @module
 */

import { formatAddress, interval, sleep } from "@sluice/net";
import { type Health, Hysteresis } from "./alerts.ts";
import { runCheck } from "./checks.ts";
import { type Target, UNITS } from "./config.ts";
import type { History } from "./history.ts";
import { type Sample, summarize, type Summary } from "./statistics.ts";

/** What people must be told. */
export interface Alert {
  /** When, in milliseconds since 1970. */
  at: number;
  /** The target's name. */
  name: string;
  /** The target's address. */
  address: string;
  /** What it is now. */
  health: "up" | "down";
  /** Why, when it is down. */
  detail: string;
  /** How long it was down, when it is up again and that is known. */
  downMs: number | undefined;
}

/** What is known about a target. */
export interface Status {
  name: string;
  address: string;
  check: Target["check"];
  unit: string;
  health: Health;
  /** The health in words, such as `failing 1/3`. */
  words: string;
  last: Sample | undefined;
  summary: Summary;
}

/** The callbacks, and what is replaced in tests. */
export interface MonitorOptions {
  /** After each check, with the target's place in the configuration. */
  onSample?: (index: number, sample: Sample) => void;
  /** When a target goes down or comes back. */
  onAlert?: (alert: Alert) => void;
  /** When the first result cannot be kept: why. */
  onLoss?: (why: string) => void;
  /** How a target is checked. */
  check?: typeof runCheck;
}

/** Results that the statistics and the charts look back on. */
export const WINDOW = 300;

/** First checks are this far apart, so that a hundred do not start at once. */
const STAGGER_MS = 20;

interface Watched {
  target: Target;
  address: string;
  opinion: Hysteresis;
  downSince: number | undefined;
  /** The newest results, the oldest of them first. */
  samples: Sample[];
}

/** Watches targets until it is told to stop. */
export class Monitor {
  readonly #watched: Watched[];
  readonly #history: History;
  readonly #options: MonitorOptions;
  #hasLost = false;

  /**
   * Forms an opinion of each target from its history, so that a restart neither
   * forgets an outage nor reports it twice.
   */
  constructor(
    targets: readonly Target[],
    history: History,
    options: MonitorOptions = {},
  ) {
    this.#history = history;
    this.#options = options;
    this.#watched = targets.map((target) => {
      const opinion = new Hysteresis(target);
      let downSince: number | undefined;
      const samples = history.recent(target.name, WINDOW);
      for (const { at, ok } of samples) {
        const change = opinion.step(ok);
        if (change !== undefined) {
          downSince = change === "down" ? at : undefined;
        }
      }
      return {
        target,
        address: formatAddress(target.address),
        opinion,
        downSince,
        samples,
      };
    });
  }

  /** What is known about each target, in the order of the configuration. */
  get statuses(): Status[] {
    return this.#watched.map((_, index) => this.status(index));
  }

  /** What is known about one target. */
  status(index: number): Status {
    const { target: { name, check }, address, opinion, samples } =
      this.#watched[index];
    return {
      ...{ name, address, check, unit: UNITS[check] },
      health: opinion.health,
      words: opinion.words,
      last: samples.at(-1),
      summary: summarize(samples),
    };
  }

  /** The newest results of a target, the oldest of them first. */
  samples(index: number): readonly Sample[] {
    return this.#watched[index].samples;
  }

  /**
   * Checks every target once, side by side.
   *
   * @returns Whether all of them are well.
   */
  async checkOnce(): Promise<boolean> {
    const samples = await Promise.all(
      this.#watched.map((_, index) => this.#check(index)),
    );
    return samples.every(({ ok }) => ok);
  }

  /** Checks every target in its rhythm, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    // One loop that fails ends the others.
    const failure = new AbortController();
    const either = AbortSignal.any([signal, failure.signal]);
    await Promise.all(
      this.#watched.map((_, index) =>
        this.#watch(index, either).catch((error) => failure.abort(error))
      ),
    );
    if (!signal.aborted) throw failure.signal.reason;
  }

  async #watch(index: number, signal: AbortSignal): Promise<never> {
    await sleep(index * STAGGER_MS, { signal });
    await this.#check(index, signal);
    // Ticks that come while a check still runs are left out.
    for await (
      const _ of interval(this.#watched[index].target.intervalMs, { signal })
    ) await this.#check(index, signal);
    throw new Error("an interval has no end");
  }

  async #check(index: number, signal?: AbortSignal): Promise<Sample> {
    const { check = runCheck, onSample, onAlert } = this.#options;
    const watched = this.#watched[index];
    const outcome = await check(watched.target, signal);
    const sample = { at: Date.now(), ...outcome };
    this.#keep(watched, sample);
    const health = watched.opinion.step(sample.ok);
    onSample?.(index, sample);
    if (health !== undefined) onAlert?.(alertOf(watched, health, sample));
    return sample;
  }

  /** A disk may be full: targets are watched all the same. */
  #keep({ target, samples }: Watched, sample: Sample): void {
    samples.push(sample);
    if (samples.length > WINDOW) samples.shift();
    try {
      this.#history.add(target.name, sample);
    } catch (error) {
      if (!this.#hasLost) this.#options.onLoss?.((error as Error).message);
      this.#hasLost = true;
    }
  }
}

function alertOf(
  watched: Watched,
  health: "up" | "down",
  { at, detail }: Sample,
): Alert {
  const { target: { name }, address, downSince } = watched;
  watched.downSince = health === "down" ? at : undefined;
  const downMs = health === "up" && downSince !== undefined
    ? at - downSince
    : undefined;
  return { at, name, address, health, detail, downMs };
}
