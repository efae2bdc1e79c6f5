import { measure, type Measurement } from "../harness/measure.ts";
import {
  measureClient,
  type MeasureClientOptions,
} from "../harness/measure_client.ts";
import type { Peer, Program, Scenario } from "./catalogue.ts";
import type { PeersOptions } from "./options.ts";
import { startRedis } from "./redis_server.ts";
import type { Runtime, Runtimes } from "./runtimes.ts";

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
  const times = { warmupMs, measureMs };
  return async ({ service, load, unit, silenceMs }, peer) => {
    const program = peer[service];
    const runtime = found[peer.runtime];
    if (program === undefined || runtime === undefined) {
      return new Error(`${peer.id} cannot ${service} here`);
    }
    try {
      if (load.kind === "requests") {
        return await measureRedisGet(runtime, program, load.depth, times);
      }
      const command = {
        ...runtime.command(program.file, ["0", ...program.args]),
        env: program.env,
      };
      const options = { load, generators, silenceMs, ...times };
      return inUnits(await measure(command, options), unit.size);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
}

async function measureRedisGet(
  runtime: Runtime,
  { file, args }: Program,
  callers: number,
  times: MeasureClientOptions,
): Promise<Measurement> {
  await using redis = await startRedis(callers);
  const about = [...args, String(redis.port), String(callers)];
  return await measureClient(runtime.command(file, about), times);
}

function inUnits(outcome: Measurement, size: number): Measurement {
  const { rate, cpuMicros } = outcome;
  return {
    ...outcome,
    rate: rate / size,
    cpuMicros: cpuMicros === undefined ? undefined : cpuMicros * size,
  };
}
