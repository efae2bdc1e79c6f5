import { measure, type Measurement } from "../harness/measure.ts";
import type { Peer, Scenario } from "./catalogue.ts";
import type { PeersOptions } from "./options.ts";
import type { Runtimes } from "./runtimes.ts";

/** Measures a server in a scenario; a failure is a result too. */
export type MeasurePeer = (
  scenario: Scenario,
  peer: Peer,
) => Promise<Measurement | Error>;

/** Measures servers in processes of the runtimes that were found. */
export function peerMeasurer(
  { found }: Pick<Runtimes, "found">,
  { generators, warmupMs, measureMs }: PeersOptions,
): MeasurePeer {
  return async ({ service, load, unit, silenceMs }, peer) => {
    const program = peer[service];
    const runtime = found[peer.runtime];
    if (program === undefined || runtime === undefined) {
      return new Error(`${peer.id} cannot ${service} here`);
    }
    const command = runtime.command(program.file, ["0", ...program.args]);
    try {
      const outcome = await measure(command, {
        load,
        generators,
        warmupMs,
        measureMs,
        silenceMs,
      });
      return inUnits(outcome, unit.size);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
}

function inUnits(outcome: Measurement, size: number): Measurement {
  const { rate, cpuMicros } = outcome;
  return {
    ...outcome,
    rate: rate / size,
    cpuMicros: cpuMicros === undefined ? undefined : cpuMicros * size,
  };
}
