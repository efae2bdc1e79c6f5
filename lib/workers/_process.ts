/**
 * A worker in a process of its own.
 *
 * It is started by `node:child_process`, as `Deno.Command` has neither a pipe that goes both
 * ways nor a way to pass a socket. The listening socket goes over the channel of Node, and
 * not as a descriptor that the process is started with: for that, Deno (2.9) makes it block,
 * in the workers that accept from it, too, and each would hang in its next accept.
 *
 * @module
 */

import { fromDuplex } from "../adapters/from_duplex.ts";
import { quietly } from "../transport/close_quietly.ts";
import { type HostExit, noTransport, type WorkerHost } from "./_host.ts";
import { MARKER, SOCKET_MESSAGE } from "./_protocol.ts";

/** What a process is started with. */
export interface ProcessOptions {
  readonly module: string;
  readonly permissions: readonly string[];
  readonly denoFlags: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A socket that listens, for the worker to have, too. */
  readonly socket: object | undefined;
}

/** Starts a process. Where it cannot be started, its `exit` says so, or this throws. */
export function startProcess(options: ProcessOptions): WorkerHost {
  const { module, permissions, denoFlags, args, env, socket } = options;
  const { spawn } = globalThis.process.getBuiltinModule("node:child_process");
  const flags = ["run", ...exactly(permissions), ...denoFlags];
  // Deno has `SO_REUSEPORT` behind it.
  if (socket === undefined) flags.push("--unstable-net");
  const child = spawn(denoCommand() ?? Deno.execPath(), [
    ...flags,
    module,
    ...args,
    MARKER,
  ], {
    stdio: [
      "ignore",
      "inherit",
      "inherit",
      "pipe",
      ...(socket === undefined ? [] : ["ipc" as const]),
    ],
    env: { ...Deno.env.toObject(), ...env },
  });
  const exit = new Promise<HostExit>((resolve) => {
    child.on("error", (error) => {
      // One that could not be killed, or passed a socket, has ended already.
      if (child.pid === undefined) {
        resolve({ exitCode: null, signal: null, error });
      }
    });
    child.on("exit", (exitCode, signal) => resolve({ exitCode, signal }));
  });
  const pipe = child.stdio[3] as Parameters<typeof fromDuplex>[0] | null;
  const name = `worker process ${child.pid}`;
  return {
    pid: child.pid,
    transport: pipe
      ? fromDuplex(pipe, { remoteAddr: { transport: "stream", name } })
      : noTransport(),
    passSocket() {
      if (socket === undefined || !child.connected) return;
      // Nothing else goes over this channel, whose messages have no limit.
      child.send(
        SOCKET_MESSAGE,
        socket as never,
        { keepOpen: true },
        () => quietly(() => child.disconnect()),
      );
    },
    exit,
    kill: () => void quietly(() => child.kill("SIGKILL")),
  };
}

/**
 * What this program may start Deno by; `undefined` for nothing. `--allow-run=deno` allows
 * what `PATH` has: where that is a link, as npm and Homebrew make one, it is not the path of
 * the program that runs.
 */
export function denoCommand(): string | undefined {
  return [Deno.execPath(), "deno"].find((command) =>
    Deno.permissions.querySync({ name: "run", command }).state === "granted"
  );
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
