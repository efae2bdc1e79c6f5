/**
 * What a worker runs in, as its supervisor sees it.
 *
 * @module
 */

import { fromStreams } from "../adapters/from_streams.ts";
import type { Transport } from "../transport/options.ts";

/** How a process or a thread ended. */
export interface HostExit {
  /** Its exit code; `null` where a signal ended it, or where it could not be started. */
  readonly exitCode: number | null;
  /** The signal that ended a process. */
  readonly signal: string | null;
  /** What it threw, of a thread, or why it could not be started. */
  readonly error?: unknown;
}

/** A process or a thread. */
export interface WorkerHost {
  /** The process; `undefined` for a thread. */
  readonly pid: number | undefined;
  /** Leads to the worker. */
  readonly transport: Transport;
  /** Passes the listening socket on, where all workers have one. It is there to take it. */
  passSocket(): void;
  /** Resolves when it has ended. Never rejects. */
  readonly exit: Promise<HostExit>;
  /** Ends it at once. Safe to call at any time. */
  kill(): void;
}

/** What `start` starts, or a host that has ended at once where that throws. */
export function hostOf(start: () => WorkerHost): WorkerHost {
  try {
    return start();
  } catch (error) {
    return {
      pid: undefined,
      transport: noTransport(),
      passSocket() {},
      exit: Promise.resolve({ exitCode: null, signal: null, error }),
      kill() {},
    };
  }
}

/** What could not be started has no pipe. */
export function noTransport(): Transport {
  const readable = new Blob().stream();
  return fromStreams({ readable, writable: new WritableStream() });
}
