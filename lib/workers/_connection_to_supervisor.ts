/**
 * How a worker finds the supervisor that has started it.
 *
 * @module
 */

import { fromDuplex } from "../adapters/from_duplex.ts";
import { fromStreams, type StreamPair } from "../adapters/from_streams.ts";
import type { Transport } from "../transport/options.ts";
import { MARKER, PIPE_FD, SOCKET_MESSAGE, THREAD_KEY } from "./_protocol.ts";

const NAME = { transport: "stream", name: "supervisor" } as const;

/** The way to the supervisor. */
export interface SupervisorConnection {
  readonly transport: Transport;
  /** Whether this is a thread of the supervisor's own process. */
  readonly isThread: boolean;
  /** The descriptor of the listening socket, where the supervisor passes one on. */
  readonly listenFd: Promise<number>;
}

/** What a thread finds in its `workerData`. */
export interface ThreadData {
  readonly streams: StreamPair;
  readonly args: readonly string[];
}

// When the module is loaded, so that a worker finds its own arguments in `Deno.args`.
const thread = threadData();
const isProcess = thread === undefined && takeMarker();
if (thread !== undefined) replaceArgs(thread.args);
let isConnected = false;

/** Whether `supervise` has started this process or thread. */
export const isWorker: boolean = thread !== undefined || isProcess;

/**
 * The connection to the supervisor; `undefined` where there is none, as the module was
 * imported by something else.
 *
 * @throws {TypeError} There is one, and this is not the first call.
 */
export function connectToSupervisor(): SupervisorConnection | undefined {
  if (!isWorker) return undefined;
  if (isConnected) {
    const what = isProcess ? "process" : "thread";
    throw new TypeError(
      `Cannot make a worker: this ${what} is one already (call worker() once)`,
    );
  }
  isConnected = true;
  if (thread !== undefined) {
    const { streams } = thread;
    const transport = fromStreams(streams, { remoteAddr: NAME });
    return {
      transport,
      isThread: true,
      listenFd: new Promise(() => {}),
    };
  }
  // From now on, as a message that nothing listens to is lost.
  const listenFd = receiveSocket();
  return { transport: pipeOfProcess(), isThread: false, listenFd };
}

/** A handle of a socket, as it comes over the channel of Node. */
interface SocketHandle {
  /** A further descriptor of the socket. */
  fdForIpc(): number;
  close(): void;
}

function receiveSocket(): Promise<number> {
  const { process } = globalThis;
  return new Promise((resolve) => {
    const onMessage = (message: unknown, handle: unknown) => {
      if (message !== SOCKET_MESSAGE) return;
      process.off("message", onMessage);
      const socket = handle as SocketHandle;
      resolve(socket.fdForIpc());
      socket.close();
    };
    process.on("message", onMessage);
  });
}

function threadData(): ThreadData | undefined {
  // A page of a browser that only wants the types of events.
  const modules = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  const data: unknown = modules?.workerData;
  if (typeof data !== "object" || data === null) return undefined;
  return (data as Record<string, ThreadData | undefined>)[THREAD_KEY];
}

/** The supervisor's mark is behind the worker's own arguments. */
function takeMarker(): boolean {
  const { args } = Deno;
  if (args.at(-1) !== MARKER) return false;
  replaceArgs(args.slice(0, -1));
  // A thread of the worker's own has the same arguments, and must leave its pipe alone.
  const { isMainThread } = globalThis.process.getBuiltinModule(
    "node:worker_threads",
  );
  return isMainThread && !("WorkerGlobalScope" in globalThis);
}

function replaceArgs(args: readonly string[]): void {
  try {
    Deno.args.splice(0, Infinity, ...args);
  } catch {
    // A Deno that does not let its arguments be changed.
  }
}

function pipeOfProcess(): Transport {
  const net = globalThis.process.getBuiltinModule("node:net");
  const pipe = new net.Socket({ fd: PIPE_FD, readable: true, writable: true });
  return fromDuplex(pipe, { remoteAddr: NAME });
}
