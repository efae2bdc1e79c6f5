/**
 * How a worker finds the supervisor that has started it.
 *
 * @module
 */

import { fromDuplex } from "../adapters/from_duplex.ts";
import { fromStreams, type StreamPair } from "../adapters/from_streams.ts";
import type { Transport } from "../transport/options.ts";
import { MARKER, PIPE_FD, THREAD_KEY } from "./_protocol.ts";

const NAME = { transport: "stream", name: "supervisor" } as const;

let taken = false;

/** The way to the supervisor. */
export interface SupervisorConnection {
  readonly transport: Transport;
  /** Whether this is a thread of the supervisor's own process. */
  readonly isThread: boolean;
}

/**
 * The connection to the supervisor; `undefined` where there is none, as the module was
 * imported by something else. Once only.
 */
export function connectToSupervisor(): SupervisorConnection | undefined {
  if (taken) return undefined;
  const streams = streamsOfThread();
  const isThread = streams !== undefined;
  if (!isThread && !isWorkerProcess()) return undefined;
  taken = true;
  const transport = isThread
    ? fromStreams(streams, { remoteAddr: NAME })
    : pipeOfProcess();
  return { transport, isThread };
}

function streamsOfThread(): StreamPair | undefined {
  const { process } = globalThis;
  const { isMainThread, workerData } = process.getBuiltinModule(
    "node:worker_threads",
  );
  if (isMainThread) return undefined;
  const data: unknown = workerData;
  if (typeof data !== "object" || data === null) return undefined;
  return (data as Record<string, StreamPair | undefined>)[THREAD_KEY];
}

/** The marker goes, so that the worker's arguments are its own. */
function isWorkerProcess(): boolean {
  if (Deno.args[0] !== MARKER) return false;
  try {
    Deno.args.shift();
  } catch {
    // A Deno that does not let its arguments be changed: they begin with the marker then.
  }
  return true;
}

function pipeOfProcess(): Transport {
  const net = globalThis.process.getBuiltinModule("node:net");
  const pipe = new net.Socket({ fd: PIPE_FD, readable: true, writable: true });
  return fromDuplex(pipe, { remoteAddr: NAME });
}
