/**
 * Options of `supervise`, and what a group tells of itself.
 *
 * @module
 */

import {
  checkAboveZero,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkLimit,
  checkNames,
  checkNumber,
  checkObject,
  checkOneOf,
  checkSignal,
  checkText,
  outOfRange,
  wrongKind,
} from "../_check.ts";
import { withoutBrackets } from "../ip.ts";
import type { ServerStats } from "../server/events.ts";
import type { ShutdownReport } from "../server/serve_options.ts";
import { checkRetryRules } from "../time/retry.ts";
import { checkHostname, isHost } from "../transport/check_address.ts";
import type { GroupEvent } from "./events.ts";

/**
 * What keeps workers apart: a process each, or a thread each in this process.
 *
 * @category Workers
 */
export type Isolation = "process" | "thread";

/**
 * How workers share an address: one listening socket, or one each (`SO_REUSEPORT`).
 *
 * @category Workers
 */
export type ShareMode = "fd" | "reuse-port";

/**
 * How soon and how often workers that died are started again.
 *
 * @category Workers
 */
export interface RestartOptions {
  /**
   * Pause before the first restart, in milliseconds, before jitter; each further one
   * within `withinMs` is twice as long.
   *
   * @default {100}
   */
  minDelayMs?: number | undefined;
  /**
   * Longest pause, in milliseconds, at least `minDelayMs`.
   *
   * @default {10_000}
   */
  maxDelayMs?: number | undefined;
  /**
   * Restarts of all workers together within `withinMs`: with one more the group gives up,
   * shuts down, and `closed` rejects (restart intensity, as Erlang's supervisors have it). 0
   * for no restart, `Infinity` for no limit.
   *
   * @default {5}
   */
  maxRestarts?: number | undefined;
  /**
   * The time in which restarts count, in milliseconds, above 0.
   *
   * @default {60_000}
   */
  withinMs?: number | undefined;
}

/**
 * What {@linkcode supervise} is told.
 *
 * @category Workers
 */
export interface SuperviseOptions {
  /** The module of the workers, which exports what `worker` made: `import.meta.resolve("./worker.ts")`. */
  module: string | URL;
  /**
   * How many workers, from 1 to 1,024.
   *
   * @default {navigator.hardwareConcurrency}
   */
  workers?: number | undefined;
  /** The port that they share, from 0 to 65,535; 0 for any that is free. */
  port: number;
  /**
   * An address of this machine.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /**
   * Clients that may wait in the system until they are accepted, from 1 to 65,535.
   *
   * @default {511}
   */
  backlog?: number | undefined;
  /**
   * Processes keep a crash, a leak and an endless loop to themselves, and have permissions
   * of their own. Threads start faster, take less memory, and have those of this process;
   * Deno (2.9) does not always end one that is in an endless loop, and out of memory they end
   * the process.
   *
   * @default {"process"}
   */
  isolation?: Isolation | undefined;
  /**
   * With `"fd"` all workers accept from one socket, which outlives them: a reload loses no
   * connection. With `"reuse-port"` each has its own, and the system spreads connections
   * over them; those that wait in the backlog of a worker that ends are reset. Threads can
   * only have the latter, for which Deno has to be started with `--unstable-net`.
   *
   * @default {"fd"} for processes, `"reuse-port"` for threads.
   */
  share?: ShareMode | undefined;
  /**
   * The permissions of each worker, as flags of Deno, for instance
   * `["--allow-net=127.0.0.1:8888"]`; it gets these and no others. None by default. Refused
   * together with threads.
   */
  permissions?: readonly string[] | undefined;
  /**
   * Other flags of `deno run`, for processes: `--config=FILE`, `--v8-flags=LIST`. None by
   * default; none of this process's own are passed on.
   */
  denoFlags?: readonly string[] | undefined;
  /** Arguments of each worker, as `Deno.args` has them. None by default. */
  args?: readonly string[] | undefined;
  /** Variables of the environment beside those of this process, for processes. None by default. */
  env?: Readonly<Record<string, string>> | undefined;
  /** How soon and how often workers that died are started again. */
  restart?: RestartOptions | undefined;
  /**
   * Longest that a worker may take to accept, from its start, in milliseconds, above 0; it
   * is killed then.
   *
   * @default {30_000}
   */
  startTimeoutMs?: number | undefined;
  /**
   * Longest that a worker may take to answer, in milliseconds, above 0: it is asked every
   * quarter of that, and killed where it hangs. `Infinity` to ask none.
   *
   * @default {5_000}
   */
  healthMs?: number | undefined;
  /**
   * Shuts down at SIGINT and SIGTERM (on Windows at Ctrl-C and Ctrl-Break); a second
   * signal cuts what is left.
   *
   * @default {false}
   */
  drainOnSignals?: boolean | undefined;
  /**
   * Longest that a shutdown, or the worker that a reload replaces, waits for handlers, in
   * milliseconds; 0 for no time at all.
   *
   * @default {15_000}
   */
  shutdownTimeoutMs?: number | undefined;
  /**
   * Messages that may wait for a worker, at least 1; with more, messages to it are left
   * out, and it is told how many.
   *
   * @default {1_000}
   */
  maxQueuedMessages?: number | undefined;
  /**
   * Bytes of messages that may wait for a worker, at least 1. A message larger than that
   * goes out where nothing else waits.
   *
   * @default {1_048_576}
   */
  maxQueuedBytes?: number | undefined;
  /**
   * Shuts the group down when it aborts; while it starts, `supervise` rejects with the
   * signal's reason. None by default.
   */
  signal?: AbortSignal | undefined;
  /**
   * Is called with what happens; see {@linkcode GroupEvent}. What it throws is printed. None
   * by default.
   */
  onEvent?: ((event: GroupEvent) => unknown) | undefined;
  /**
   * Tells OpenTelemetry of the workers, through the global API that Deno registers with
   * `OTEL_DENO=true`, or an SDK before this call: how many there are, restarts, and how long
   * a start takes. Their connections are told by the `telemetry` of their own servers.
   * Without that API nothing is measured.
   *
   * @default {false}
   */
  telemetry?: boolean | undefined;
}

/**
 * What a worker is doing.
 *
 * @category Workers
 */
export type WorkerState = "starting" | "ready" | "draining";

/**
 * A worker that runs.
 *
 * @category Workers
 */
export interface GroupWorker {
  /** The place that it fills, from 0. */
  readonly index: number;
  /** Its number, which no other worker of the group has. */
  readonly id: number;
  /** Its process; `undefined` for a thread. */
  readonly pid: number | undefined;
  /** What it is doing. */
  readonly state: WorkerState;
  /** When it was started, in milliseconds since 1970. */
  readonly since: number;
}

/**
 * A worker and its counters.
 *
 * @category Workers
 */
export interface WorkerStats extends GroupWorker {
  /** Of its server, as it was last heard of. */
  readonly server: ServerStats;
  /** Messages of other workers that it has missed, as it was too slow. */
  readonly messagesDropped: number;
  /** Events that it has not passed on, as there were too many. */
  readonly eventsDropped: number;
}

/**
 * What all workers have counted together, those that have ended included: of one that was
 * killed, what it had said last.
 *
 * @category Workers
 */
export interface GroupStats extends ServerStats {
  /** Workers that run now, by place and age. */
  readonly workers: readonly WorkerStats[];
  /** Workers that were started again after they had died. */
  readonly restarts: number;
  /** Messages from worker to worker. */
  readonly messages: number;
  /** Messages that a worker has missed, as it was too slow. */
  readonly messagesDropped: number;
}

/**
 * What became of the connections that were open when the group began to shut down.
 *
 * @category Workers
 */
export interface GroupReport extends ShutdownReport {
  /** Workers that had to be killed: of their connections nothing is known. */
  readonly killed: number;
}

const RESTART_NAMES: ReadonlySet<string> = new Set(
  ["minDelayMs", "maxDelayMs", "maxRestarts", "withinMs"] satisfies (
    keyof RestartOptions
  )[],
);

/** One name for each option: the compiler finds one that is missing. */
const names: Record<keyof SuperviseOptions, true> = {
  module: true,
  workers: true,
  port: true,
  hostname: true,
  backlog: true,
  isolation: true,
  share: true,
  permissions: true,
  denoFlags: true,
  args: true,
  env: true,
  restart: true,
  startTimeoutMs: true,
  healthMs: true,
  drainOnSignals: true,
  shutdownTimeoutMs: true,
  maxQueuedMessages: true,
  maxQueuedBytes: true,
  signal: true,
  onEvent: true,
  telemetry: true,
};

const OPTION_NAMES: ReadonlySet<string> = new Set(Object.keys(names));

/**
 * The flags of Deno that are about permissions. `--allow-scripts` is not: given alone, it
 * would leave a worker with all of them.
 */
const PERMISSION_FLAG =
  /^(--(allow|deny|ignore)-(all|read|write|net|env|sys|run|ffi|import)(=|$)|--permission-set(=|$)|--no-prompt$|-[ARWNESIP](=|$))/;
/** Letters that are permissions, also behind others. */
const PERMISSION_LETTERS = /^-[a-z]*[ARWNESIP]/;

/**
 * All options, with their defaults.
 */
export interface SuperviseRules {
  readonly module: string;
  readonly workers: number;
  readonly port: number;
  readonly hostname: string;
  readonly backlog: number | undefined;
  readonly isolation: Isolation;
  readonly share: ShareMode;
  readonly permissions: readonly string[];
  readonly denoFlags: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly restart: Required<RestartOptions>;
  readonly startTimeoutMs: number;
  readonly healthMs: number;
  readonly drainOnSignals: boolean;
  readonly shutdownTimeoutMs: number;
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: SuperviseOptions["onEvent"];
  readonly telemetry: boolean;
}

const ACTION = "supervise";

/**
 * Throws if an option is unknown, of the wrong type or out of range, naming it.
 */
export function checkSuperviseOptions(
  options: SuperviseOptions,
): SuperviseRules {
  checkNames(ACTION, "options", options, OPTION_NAMES);
  const { port, hostname = "127.0.0.1", backlog, signal, onEvent } = options;
  const { workers = navigator.hardwareConcurrency, telemetry = false } =
    options;
  const { startTimeoutMs = 30_000, healthMs = 5_000 } = options;
  const { drainOnSignals = false, shutdownTimeoutMs = 15_000 } = options;
  const { maxQueuedMessages = 1_000, maxQueuedBytes = 1_048_576 } = options;
  checkInteger(ACTION, "workers", workers, 1, 1_024);
  checkInteger(ACTION, "port", port, 0, 65_535);
  checkHostname(ACTION, "hostname", hostname);
  if (!isHost(hostname)) {
    throw wrongKind(ACTION, "hostname", "a name or an address", hostname);
  }
  if (backlog !== undefined) {
    checkInteger(ACTION, "backlog", backlog, 1, 65_535);
  }
  checkAboveZero(ACTION, "startTimeoutMs", startTimeoutMs);
  checkAboveZero(ACTION, "healthMs", healthMs);
  checkBoolean(ACTION, "drainOnSignals", drainOnSignals);
  checkBoolean(ACTION, "telemetry", telemetry);
  checkNumber(ACTION, "shutdownTimeoutMs", shutdownTimeoutMs, 0);
  checkLimit(ACTION, "maxQueuedMessages", maxQueuedMessages, 1);
  checkLimit(ACTION, "maxQueuedBytes", maxQueuedBytes, 1);
  if (signal !== undefined) checkSignal(ACTION, "signal", signal);
  if (onEvent !== undefined) checkFunction(ACTION, "onEvent", onEvent);
  return {
    module: checkModule(options.module),
    workers,
    port,
    hostname: withoutBrackets(hostname),
    backlog,
    ...checkIsolation(options),
    args: checkTexts("args", options.args),
    restart: checkRestart(options.restart),
    startTimeoutMs,
    healthMs,
    drainOnSignals,
    shutdownTimeoutMs,
    maxQueuedMessages,
    maxQueuedBytes,
    signal,
    onEvent,
    telemetry,
  };
}

function checkModule(module: unknown): string {
  if (module instanceof URL) return module.href;
  checkText(ACTION, "module", module);
  if (!URL.canParse(module)) {
    throw wrongKind(
      ACTION,
      "module",
      'a URL, as import.meta.resolve("./worker.ts") gives it',
      module,
    );
  }
  return module;
}

type IsolationRules = Pick<
  SuperviseRules,
  "isolation" | "share" | "permissions" | "denoFlags" | "env"
>;

function checkIsolation(options: SuperviseOptions): IsolationRules {
  const { isolation = "process", env = {} } = options;
  checkOneOf(ACTION, "isolation", isolation, ["process", "thread"]);
  const { share = isolation === "process" ? "fd" : "reuse-port" } = options;
  checkOneOf(ACTION, "share", share, ["fd", "reuse-port"]);
  const permissions = checkTexts("permissions", options.permissions);
  for (const [index, flag] of permissions.entries()) {
    if (PERMISSION_FLAG.test(flag)) continue;
    const must = "a flag such as --allow-net=127.0.0.1:8888";
    throw wrongKind(ACTION, `permissions[${index}]`, must, flag);
  }
  const denoFlags = checkTexts("denoFlags", options.denoFlags);
  for (const [index, flag] of denoFlags.entries()) {
    const isPermission = PERMISSION_FLAG.test(flag) ||
      PERMISSION_LETTERS.test(flag);
    if (/^-/.test(flag) && flag !== "--" && !isPermission) continue;
    const must = "a flag that is no permission (those go into permissions)";
    throw wrongKind(ACTION, `denoFlags[${index}]`, must, flag);
  }
  checkObject(ACTION, "env", env);
  for (const [name, value] of Object.entries(env)) {
    if (!/^[^=\0]+$/.test(name)) {
      const must = "a name without = or NUL, of one character at least";
      throw outOfRange(ACTION, "each name in env", must, name);
    }
    if (typeof value !== "string") {
      throw wrongKind(ACTION, `env.${name}`, "a string", value);
    }
    refuseNul(`env.${name}`, value);
  }
  if (isolation === "process") {
    refuseProcessesOnWindows();
  } else {
    refuseForThreads(options, share);
  }
  return { isolation, share, permissions, denoFlags, env };
}

/** What a thread cannot have: it would be ignored, and believed to hold. */
function refuseForThreads(options: SuperviseOptions, share: ShareMode): void {
  for (const name of ["permissions", "denoFlags", "env"] as const) {
    if (options[name] === undefined) continue;
    throw new TypeError(
      `Cannot supervise: ${name} and isolation: "thread" cannot hold together, as threads ` +
        'have those of this process (isolation: "process" keeps them apart)',
    );
  }
  if (share === "fd") {
    throw new TypeError(
      'Cannot supervise: share: "fd" and isolation: "thread" cannot hold together, as one ' +
        'thread that ends would close the socket of all (share: "reuse-port" works)',
    );
  }
}

function refuseProcessesOnWindows(): void {
  if (Deno.build.os !== "windows") return;
  throw new TypeError(
    'Cannot supervise: isolation must be "thread" on Windows, got "process"',
  );
}

/** The system cannot pass such a text to a process. */
function refuseNul(name: string, text: string): void {
  if (text.includes("\0")) {
    throw outOfRange(ACTION, name, "text without a NUL", text);
  }
}

function checkTexts(name: string, texts: unknown = []): readonly string[] {
  if (!Array.isArray(texts)) {
    throw wrongKind(ACTION, name, "an array of strings", texts);
  }
  for (const [index, text] of texts.entries()) {
    if (typeof text !== "string") {
      throw wrongKind(ACTION, `${name}[${index}]`, "a string", text);
    }
    refuseNul(`${name}[${index}]`, text);
  }
  return [...texts];
}

function checkRestart(restart: RestartOptions = {}): Required<RestartOptions> {
  checkNames(ACTION, "restart", restart, RESTART_NAMES);
  const { minDelayMs = 100, maxRestarts = 5, withinMs = 60_000 } = restart;
  checkNumber(ACTION, "minDelayMs", minDelayMs, 0);
  const { maxDelayMs = Math.max(10_000, minDelayMs) } = restart;
  checkRetryRules(ACTION, { minDelayMs, maxDelayMs });
  checkLimit(ACTION, "maxRestarts", maxRestarts);
  checkAboveZero(ACTION, "withinMs", withinMs);
  return { minDelayMs, maxDelayMs, maxRestarts, withinMs };
}
