/**
 * A worker in a thread of its own.
 *
 * It is one of `node:worker_threads`: a `Worker` of the web does not tell when it ends, and
 * takes the process with it when it runs out of memory or throws.
 *
 * @module
 */

import { fromStreams } from "../adapters/from_streams.ts";
import type { HostExit, WorkerHost } from "./_host.ts";
import { THREAD_KEY } from "./_protocol.ts";

/** What a thread is started with. */
export interface ThreadOptions {
  readonly module: string;
  readonly name: string;
  readonly args: readonly string[];
}

/** Starts a thread. Where it cannot be started, its `exit` says so, or this throws. */
export function startThread({ module, name, args }: ThreadOptions): WorkerHost {
  const { Worker } = globalThis.process.getBuiltinModule("node:worker_threads");
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const up = new TransformStream<Uint8Array, Uint8Array>();
  // The types of Node know no streams that are transferred.
  const transferList = [down.readable, up.writable] as never[];
  const streams = { readable: down.readable, writable: up.writable };
  const thread = new Worker(new URL(module), {
    name,
    workerData: { [THREAD_KEY]: { streams, args } },
    transferList,
  });
  let error: unknown;
  thread.on("error", (thrown: unknown) => error ??= thrown);
  const exit = new Promise<HostExit>((resolve) => {
    thread.on(
      "exit",
      (exitCode: number) => resolve({ exitCode, signal: null, error }),
    );
  });
  return {
    pid: undefined,
    transport: fromStreams(
      { readable: up.readable, writable: down.writable },
      { remoteAddr: { transport: "stream", name } },
    ),
    passSocket() {},
    exit,
    kill: () => void thread.terminate(),
  };
}
