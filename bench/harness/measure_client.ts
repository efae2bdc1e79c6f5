/**
 * One measurement of a client: in a fresh process, against a server in another.
 *
 * @module
 */

import type { LoadResult, LoadWindow } from "../load/spec.ts";
import { ChildProcess, type CommandLine } from "./child_process.ts";
import { type Measurement, watchCpu } from "./measure.ts";

const START_TIMEOUT_MS = 15_000;
const END_TIMEOUT_MS = 20_000;
const LEAD_MS = 20;

/** For how long. */
export interface MeasureClientOptions {
  /** Time before the measured time. */
  warmupMs: number;
  /** Time that is measured. */
  measureMs: number;
}

/**
 * Starts a client, and looks at what it gets done and uses.
 *
 * @throws {Error} It failed; a wrong answer is one reason.
 */
export async function measureClient(
  command: CommandLine,
  { warmupMs, measureMs }: MeasureClientOptions,
): Promise<Measurement> {
  await using client = new ChildProcess(command);
  await client.readLine(START_TIMEOUT_MS);
  const fromMs = Date.now() + LEAD_MS + warmupMs;
  const window: LoadWindow = { fromMs, untilMs: fromMs + measureMs };
  const over = new AbortController();
  const cpu = watchCpu(client, window, over.signal);
  try {
    await client.writeLine(JSON.stringify(window));
    const timeoutMs = window.untilMs - Date.now() + END_TIMEOUT_MS;
    const { units }: LoadResult = JSON.parse(await client.readLine(timeoutMs));
    const cpuShare = await cpu;
    const seconds = measureMs / 1000;
    return {
      rate: units / seconds,
      cpuMicros: cpuShare && cpuShare * 1e6 * seconds / units,
    };
  } finally {
    over.abort();
    await cpu.catch(() => {});
  }
}
