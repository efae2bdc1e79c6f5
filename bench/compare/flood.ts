/**
 * What one peer that floods does to another, and what the flood itself costs.
 *
 * @module
 */

import { ChildProcess } from "../harness/child_process.ts";
import { denoCommand } from "../harness/measure.ts";
import { startServer } from "../harness/server_process.ts";
import type { FloodResult, PingResult } from "../load/flood.ts";

/** What {@linkcode measureFlood} found. */
export interface FloodMeasurement extends FloodResult, PingResult {
  /** The server's CPU time per line, in microseconds; none where the system does not tell. */
  cpuMicros: number | undefined;
}

/** After the flood, until the last ping is answered, or given up. */
const END_TIMEOUT_MS = 20_000;

/** Floods the line server of the checkout at `root`, as fast as one process can. */
export async function measureFlood(
  root: URL,
  mode: string,
  lineBytes: number,
  measureMs: number,
): Promise<FloodMeasurement> {
  const file = new URL("bench/servers/lines_sink.ts", root);
  await using server = await startServer(denoCommand(file, ["0", mode]));
  const before = await server.usage();
  const start = (bytes: number) =>
    new ChildProcess(denoCommand(
      new URL("../load/flood.ts", import.meta.url),
      [server.port, bytes, measureMs].map(String),
    ));
  await using flood = start(lineBytes);
  await using pings = start(0);
  const result = await flood.readLine(measureMs + END_TIMEOUT_MS);
  const after = await server.usage();
  const { lines }: FloodResult = JSON.parse(result);
  const ping: PingResult = JSON.parse(
    await pings.readLine(measureMs + END_TIMEOUT_MS),
  );
  const cpuMs = before && after && after.cpuMs - before.cpuMs;
  return { lines, ...ping, cpuMicros: cpuMs && cpuMs * 1000 / lines };
}
