/**
 * A worker in a process of its own.
 *
 * It is started by `node:child_process`, as `Deno.Command` passes no further descriptors.
 *
 * @module
 */

import { fromDuplex } from "../adapters/from_duplex.ts";
import { fromStreams } from "../adapters/from_streams.ts";
import { quietly } from "../transport/close_quietly.ts";
import type { HostExit, WorkerHost } from "./_host.ts";
import { MARKER } from "./_protocol.ts";

/** What a process is started with. */
export interface ProcessOptions {
  readonly module: string;
  readonly permissions: readonly string[];
  readonly denoFlags: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The descriptor of a socket that listens, for the worker to have as number 4. */
  readonly listenFd: number | undefined;
}

/** Starts a process. Where it cannot be started, its `exit` says so. */
export function startProcess(options: ProcessOptions): WorkerHost {
  const { module, permissions, denoFlags, args, env, listenFd } = options;
  const { spawn } = globalThis.process.getBuiltinModule("node:child_process");
  const flags = ["run", ...exactly(permissions), ...denoFlags];
  // Deno has `SO_REUSEPORT` behind it.
  if (listenFd === undefined) flags.push("--unstable-net");
  const child = spawn(Deno.execPath(), [...flags, module, ...args, MARKER], {
    stdio: [
      "ignore",
      "inherit",
      "inherit",
      "pipe",
      ...(listenFd === undefined ? [] : [listenFd]),
    ],
    env: { ...Deno.env.toObject(), ...env },
  });
  const exit = new Promise<HostExit>((resolve) => {
    child.on("error", (error) => {
      // One that could not be killed has ended already.
      if (child.pid === undefined) {
        resolve({ exitCode: null, signal: null, error });
      }
    });
    child.on("exit", (exitCode, signal) => resolve({ exitCode, signal }));
  });
  const pipe = child.stdio[3] as
    | Parameters<typeof fromDuplex>[0]
    | null
    | undefined;
  const name = `worker process ${child.pid ?? "that could not be started"}`;
  return {
    pid: child.pid,
    transport: pipe
      ? fromDuplex(pipe, { remoteAddr: { transport: "stream", name } })
      : noTransport(),
    exit,
    kill: () => void quietly(() => child.kill("SIGKILL")),
  };
}

/**
 * Deno (2.9) adds `--allow-all` to the flags of a Deno that is started so with no flag of
 * permissions: then one that denies what would be denied anyway keeps it from that.
 */
function exactly(permissions: readonly string[]): readonly string[] {
  return permissions.some((flag) => /^--allow-|^-[A-Z]/.test(flag))
    ? permissions
    : [
      "--deny-ffi",
      ...permissions.filter((flag) => !/^--deny-ffi/.test(flag)),
    ];
}

/** A process that could not be started has no pipe. */
function noTransport(): WorkerHost["transport"] {
  const readable = new Blob().stream();
  return fromStreams({ readable, writable: new WritableStream() });
}
