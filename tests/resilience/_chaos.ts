/**
 * Faults at random in a simulated world.
 *
 * @module
 */

import type { World } from "@sluice/net/testing";
import { SEED } from "./_random.ts";

/** Where the seeds of simulations begin: another `SLUICE_SEED` tries others. */
export const FIRST_SEED = (SEED - 1) * 10_000 + 1;

/** A fault of one host that lasts for a while and is over then. */
type Fault = (world: World, host: string, ms: number) => Promise<void>;

const crash: Fault = async (world, host, ms) => {
  world.host(host).crash();
  await world.sleep(ms);
  world.host(host).restart();
};

const partition: Fault = async (world, host, ms) => {
  world.network.partition(host);
  await world.sleep(ms);
  world.network.heal(host);
};

const hold: Fault = async (world, host, ms) => {
  world.network.hold(host);
  await world.sleep(ms);
  world.network.release(host);
};

const slow: Fault = async (world, host, ms) => {
  world.network.slowDown(host, {
    latencyMs: world.integer(0, 500),
    jitterMs: world.integer(0, 500),
    bytesPerSecond: world.integer(100, 10_000),
  });
  await world.sleep(ms);
  world.network.speedUp(host);
};

const reset: Fault = (world) => {
  world.network.reset();
  return Promise.resolve();
};

/** Every fault; a power failure is a partition in which the host crashes. */
export const FAULTS: readonly Fault[] = [crash, partition, hold, slow, reset];

/** Faults after which no byte is lost: late, but there. */
export const DELAYS: readonly Fault[] = [partition, hold, slow];

/** Faults in which nothing moves for a while. */
export const PAUSES: readonly Fault[] = [partition, hold];

/** What faults there are, and how many. */
export interface ChaosOptions {
  /** For how long new ones begin. */
  forMs: number;
  /** The longest from one to the next. */
  everyMs?: number;
  faults?: readonly Fault[];
}

/** Lets faults happen to hosts. When it resolves all of them are over. */
export async function chaos(
  world: World,
  hosts: readonly string[],
  { forMs, everyMs = 1_000, faults = FAULTS }: ChaosOptions,
): Promise<void> {
  const running: Promise<void>[] = [];
  for (const endMs = world.clock.nowMs + forMs; world.clock.nowMs < endMs;) {
    await world.sleep(world.integer(1, everyMs));
    const fault = world.pick(faults);
    const lastsMs = world.integer(1, 2 * everyMs);
    running.push(fault(world, world.pick(hosts), lastsMs));
  }
  await Promise.all(running);
}
