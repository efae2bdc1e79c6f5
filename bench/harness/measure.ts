/**
 * One measurement: a server in a fresh process, under a load from others.
 *
 * @module
 */

import { Histogram } from "../load/histogram.ts";
import type { LoadResult, LoadSpec, LoadWindow } from "../load/spec.ts";
import { ChildProcess, type CommandLine } from "./child_process.ts";
import { type ServerProcess, startServer } from "./server_process.ts";

/** What to measure, and for how long. */
export interface MeasureOptions {
  /** What the generators do; the port is the server's. */
  load: Omit<LoadSpec, "port">;
  /** Generator processes; fewer if there are fewer connections, and one for a fan-out. */
  generators: number;
  /** Time before the measured time. */
  warmupMs: number;
  /** Time that is measured. */
  measureMs: number;
  /** `hold` alone, instead of both times: silence before a look at the memory (2,000). */
  silenceMs?: number;
}

/** What came out. */
export interface Measurement {
  /** Frames, connections or bytes a second, or in all where time does not count. */
  rate: number;
  /** The server's CPU time per frame, connection or byte, in microseconds. */
  cpuMicros?: number;
  /** Median time of a batch, in milliseconds. */
  p50Ms?: number;
  /** Time that 99 of 100 batches do not exceed, in milliseconds. */
  p99Ms?: number;
  /** What the server's memory grew by for each connection, in KiB. */
  residentKiB?: number;
}

/** Slowest machine's time to open the connections. */
const OPEN_TIMEOUT_MS = 60_000;
/** Until a batch that is under way at the end must be done. */
const END_TIMEOUT_MS = 20_000;
/** Between telling the generators and their start. */
const LEAD_MS = 20;
/** A collector that runs soon has run by then. */
const SETTLE_MS = 1_000;
/** The same, and long enough after the last of many connections. */
const SILENCE_MS = 2_000;

/**
 * Starts a server, loads it, and looks at what it used.
 *
 * @throws {Error} The server or a generator failed; an echo that differs is one reason.
 */
export async function measure(
  server: CommandLine,
  options: MeasureOptions,
): Promise<Measurement> {
  await using process = await startServer(server);
  try {
    return await runLoad(process, options);
  } catch (error) {
    if (process.errorOutput === "" || !(error instanceof Error)) throw error;
    // Why it closed a connection, say.
    error.message += `; the server said: ${process.errorOutput}`;
    throw error;
  }
}

async function runLoad(
  process: ServerProcess,
  options: MeasureOptions,
): Promise<Measurement> {
  await using stack = new AsyncDisposableStack();
  const over = new AbortController();
  const tasks: Promise<unknown>[] = [];
  // Where one of them fails, the others end with the processes.
  stack.defer(async () => {
    await Promise.allSettled(tasks);
  });
  stack.defer(() => over.abort());
  const spec = options.load;
  const atRest = await process.usage();
  // Of a fan-out one process sends, and waits for all connections.
  const processes = spec.kind === "fan-out" ? 1 : options.generators;
  const generators = splitConnections(spec.connections, processes)
    .map((connections) =>
      stack.use(
        new ChildProcess(
          generatorCommand({ ...spec, connections, port: process.port }),
        ),
      )
    );
  await Promise.all(
    generators.map((generator) => generator.readLine(OPEN_TIMEOUT_MS)),
  );

  const runAll = (window: LoadWindow): Promise<LoadResult[]> => {
    const loads = generators.map(async (generator): Promise<LoadResult> => {
      await generator.writeLine(JSON.stringify(window));
      const timeoutMs = window.untilMs - Date.now() + END_TIMEOUT_MS;
      return JSON.parse(await generator.readLine(timeoutMs));
    });
    tasks.push(...loads);
    return Promise.all(loads);
  };
  const growth = async (): Promise<number | undefined> => {
    const now = await process.usage();
    return atRest && now &&
      (now.residentKiB - atRest.residentKiB) / spec.connections;
  };

  if (spec.kind === "hold") {
    await sleepUntil(Date.now() + (options.silenceMs ?? SILENCE_MS));
    const residentKiB = await growth();
    const now = Date.now();
    const results = await runAll({ fromMs: now, untilMs: now });
    return { rate: sumUnits(results) / spec.connections, residentKiB };
  }
  const fromMs = Date.now() + LEAD_MS + options.warmupMs;
  const window = { fromMs, untilMs: fromMs + options.measureMs };
  const cpu = watchCpu(process, window, over.signal);
  tasks.push(cpu);
  const [cpuShare, results] = await Promise.all([cpu, runAll(window)]);
  const units = sumUnits(results);
  if (spec.kind === "stall") {
    await sleepUntil(Date.now() + SETTLE_MS);
    return { rate: units / spec.connections, residentKiB: await growth() };
  }
  const seconds = options.measureMs / 1000;
  const latency = new Histogram();
  for (const result of results) latency.merge(result.latency);
  return {
    rate: units / seconds,
    cpuMicros: cpuShare && cpuShare * 1e6 * seconds / units,
    p50Ms: latency.quantile(0.5),
    p99Ms: latency.quantile(0.99),
  };
}

/** As even a split as there can be, without empty parts. */
export function splitConnections(connections: number, parts: number): number[] {
  const count = Math.min(connections, parts);
  return Array.from(
    { length: count },
    (_, index) => Math.floor((connections + index) / count),
  );
}

/** How much of one processor a process used within the window. */
export async function watchCpu(
  process: Pick<ServerProcess, "usage">,
  { fromMs, untilMs }: LoadWindow,
  signal: AbortSignal,
): Promise<number | undefined> {
  await sleepUntil(fromMs, signal);
  if (signal.aborted) return undefined;
  const startMs = performance.now();
  const start = await process.usage();
  await sleepUntil(untilMs, signal);
  if (signal.aborted) return undefined;
  const end = await process.usage();
  // By what passed: a timer on a busy machine may be late.
  const passedMs = performance.now() - startMs;
  return start && end && (end.cpuMs - start.cpuMs) / passedMs;
}

function sumUnits(results: readonly LoadResult[]): number {
  return results.reduce((sum, { units }) => sum + units, 0);
}

/** Sleeps until a time, or until a signal aborts. */
function sleepUntil(timeMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, timeMs - Date.now());
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done);
  });
}

function generatorCommand(spec: LoadSpec): CommandLine {
  const file = new URL("../load/generator.ts", import.meta.url);
  return denoCommand(file, [JSON.stringify(spec)]);
}

/** The command line of a program for this very Deno, which may talk to 127.0.0.1. */
export function denoCommand(file: URL, args: readonly string[]): CommandLine {
  return {
    program: Deno.execPath(),
    args: ["run", "--quiet", "--allow-net=127.0.0.1", file.href, ...args],
  };
}
