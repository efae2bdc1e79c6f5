import { ChildProcess, type CommandLine } from "./child_process.ts";
import type { Usage } from "./usage.ts";

const START_TIMEOUT_MS = 15_000;

/** A server of `bench/servers` in a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  /** Where it listens, on 127.0.0.1. */
  port: number;
  /** What it last said on standard error. */
  readonly errorOutput: string;
  /** What it has used so far. */
  usage(): Promise<Usage | undefined>;
}

/**
 * Starts a server and waits until it listens.
 *
 * @param command Its command line, which asks for port 0.
 * @throws {Error} It ended, or did not listen within 15 seconds.
 */
export async function startServer(
  command: CommandLine,
): Promise<ServerProcess> {
  const child = new ChildProcess(command);
  try {
    const line = await child.readLine(START_TIMEOUT_MS);
    const port = /^listening on (\d+)$/.exec(line)?.[1];
    if (port === undefined) throw new Error(`it said: ${line}`);
    return {
      port: Number(port),
      get errorOutput() {
        return child.errorOutput;
      },
      usage: () => child.usage(),
      [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
    };
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}
