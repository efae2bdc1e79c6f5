/**
 * What a group of workers tells OpenTelemetry.
 *
 * It tells of workers alone: their connections are told by the `telemetry` of their own
 * servers, each from its process, as OpenTelemetry expects it.
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
import { serverAttributes, WAIT_BOUNDS } from "../telemetry_conventions.ts";
import type { GroupEvent } from "./events.ts";
import type { GroupStats } from "./supervise_options.ts";

const INSTRUMENTS = {
  "sluice.workers.count": {
    kind: "up-down",
    unit: "{worker}",
    description: "Workers in a state: starting, ready or draining",
  },
  "sluice.workers.ended": {
    kind: "counter",
    unit: "{worker}",
    description: "Workers that have ended, by reason",
  },
  "sluice.workers.restarts": {
    kind: "counter",
    unit: "{restart}",
    description: "Workers that were started again after they had died",
  },
  "sluice.workers.messages": {
    kind: "counter",
    unit: "{message}",
    description: "Messages from worker to worker",
  },
  "sluice.workers.messages_dropped": {
    kind: "counter",
    unit: "{message}",
    description: "Messages that a worker has missed, as it was too slow",
  },
} satisfies Record<string, ObservedInstrument>;

/** Follows one group by its events and counters. */
export class GroupTelemetry {
  readonly #attributes: Attributes;
  readonly #starts: Histogram | undefined;
  readonly #endings = new Map<string, number>();
  readonly #end: () => void;

  /**
   * @param addr Where the group listens.
   * @param stats Its counters as they are now.
   */
  constructor(addr: Deno.NetAddr, stats: () => GroupStats) {
    // Where the system is to choose the port, the first worker finds out.
    const attributes = this.#attributes = serverAttributes(addr);
    this.#starts = histogram(
      "sluice.workers.start.duration",
      "From the start of a worker until it accepts",
      WAIT_BOUNDS,
    );
    this.#end = observe(INSTRUMENTS, attributes, (tell) => {
      const { workers, restarts, messages, messagesDropped } = stats();
      for (const state of ["starting", "ready", "draining"]) {
        const count = workers.filter((worker) => worker.state === state).length;
        tell("sluice.workers.count", count, { state });
      }
      for (const [reason, count] of this.#endings) {
        tell("sluice.workers.ended", count, { reason });
      }
      tell("sluice.workers.restarts", restarts);
      tell("sluice.workers.messages", messages);
      tell("sluice.workers.messages_dropped", messagesDropped);
    });
  }

  onEvent(event: GroupEvent): void {
    if (event.type === "worker-ready") {
      this.#starts?.record(event.startMs / 1000, this.#attributes);
    } else if (event.type === "worker-ended") {
      const { reason } = event;
      this.#endings.set(reason, (this.#endings.get(reason) ?? 0) + 1);
    }
  }

  /** The group has ended. */
  end(): void {
    this.#end();
  }
}
