/**
 * The supervisor of a group of workers.
 *
 * @module
 */

import { guard } from "../_guard.ts";
import { PermissionError, type WorkerError } from "../errors.ts";
import { checkShutdownOptions } from "../server/check_options.ts";
import type { ShutdownOptions } from "../server/serve_options.ts";
import { onTermination, shutdownWithin } from "../server/termination.ts";
import {
  type CallOptions,
  checkCall,
  checkCallNames,
  waitWithin,
} from "../time/call_limits.ts";
import { openAddress, type SharedAddress } from "./_address.ts";
import { isWorker } from "./_connection_to_supervisor.ts";
import { GroupTelemetry } from "./_group_telemetry.ts";
import { denoCommand } from "./_process.ts";
import { Workers } from "./_workers.ts";
import type { GroupEvent } from "./events.ts";
import {
  checkSuperviseOptions,
  type GroupReport,
  type GroupStats,
  type GroupWorker,
  type SuperviseOptions,
  type SuperviseRules,
} from "./supervise_options.ts";

/**
 * Starts workers that share an address, and keeps them going.
 *
 * It resolves when all accept. A worker that dies is started again, after a pause that grows;
 * one that hangs is killed first. Where workers die more often than `restart` allows, the
 * group shuts down, and `closed` rejects. A worker whose supervisor dies drains and ends by
 * itself, so that nothing is left behind.
 *
 * Where Ctrl-C or SIGTERM ends the group while its workers start (`drainOnSignals`), it
 * resolves to a group that has shut down: `workers` is empty, and `closed` resolved.
 *
 * A supervisor of processes needs `--allow-run` for Deno itself, `--allow-env`, as workers
 * get its environment, and with `share: "fd"` `--allow-net` for the address. With threads it
 * needs `--unstable-net` and what the workers need.
 *
 * @param options What to start, where, and within which limits.
 * @returns The group, when all its workers accept.
 * @throws {TypeError} An option is of the wrong type, unknown, or cannot hold together with
 * another one; or this process or thread is a worker itself.
 * @throws {RangeError} An option is out of range.
 * @throws {WorkerError} A worker could not be started; its `cause` is what it threw. No
 * worker is left then, and none is tried again.
 * @throws {BrokenError} The address is in use or not this machine's.
 * @throws {PermissionError} Deno denies it; the message says which flag is missing.
 * @throws {unknown} The reason of `signal`, untouched, where it aborts before all accept. No
 * worker is left then.
 *
 * @example A server on all cores, which takes its code anew on SIGHUP
 * ```ts ignore
 * // main.ts
 * import { supervise } from "@sluice/net/workers";
 *
 * await using group = await supervise({
 *   module: import.meta.resolve("./worker.ts"),
 *   workers: 4,
 *   port: 8888,
 *   permissions: ["--allow-net=127.0.0.1:8888"],
 *   drainOnSignals: true,
 *   onEvent: (event) => console.log(event.type),
 * });
 * console.log(`listening on port ${group.addr.port}`);
 * Deno.addSignalListener("SIGHUP", () => group.reload().catch(console.error));
 * await group.closed;
 *
 * // worker.ts
 * import { serve } from "@sluice/net";
 * import { worker } from "@sluice/net/workers";
 *
 * export default worker(({ acceptor }) =>
 *   serve({ acceptor }, async (socket) => {
 *     for await (const chunk of socket) await socket.write(chunk);
 *   })
 * );
 * ```
 *
 * @category Workers
 */
export async function supervise(
  options: SuperviseOptions,
): Promise<WorkerGroup> {
  const rules = checkSuperviseOptions(options);
  if (isWorker) {
    // A module that does both would start itself for ever.
    throw new TypeError(
      "Cannot supervise: this program is a worker itself, started by supervise " +
        "(workers have no workers of their own)",
    );
  }
  rules.signal?.throwIfAborted();
  if (rules.isolation === "process") checkPermissions();
  // From here on: before, there is nothing that has to be ended.
  const signals = rules.drainOnSignals ? new OperatorSignals() : undefined;
  const { signal } = rules;
  const opening = openAddress(rules);
  let address: SharedAddress;
  try {
    // A name may be looked up for long.
    address = await waitWithin("listen", opening, { signal });
    signal?.throwIfAborted();
  } catch (error) {
    opening.then((late) => late.close(), () => {});
    signals?.ignore();
    throw error;
  }
  return await startGroup(rules, address, signals);
}

/** Ctrl-C and SIGTERM, which may come before there is a group. */
class OperatorSignals {
  /** Hands them back to their defaults. */
  readonly ignore: () => void;
  #count = 0;
  #group: WorkerGroup | undefined;

  constructor() {
    const onSignal = () => {
      this.#count++;
      this.#pass();
    };
    this.ignore = onTermination(onSignal, onSignal);
  }

  /** Shuts the group down at the first one, and cuts what is left at a second one. */
  watch(group: WorkerGroup): void {
    this.#group = group;
    if (this.#count > 0) this.#pass();
  }

  #pass(): void {
    void this.#group?.shutdown(this.#count === 1 ? {} : { timeoutMs: 0 });
  }
}

/** Asking first, as a denied call could stop and prompt the user. */
function checkPermissions(): void {
  const flags: string[] = [];
  if (denoCommand() === undefined) {
    flags.push(`--allow-run=${Deno.execPath()}`);
  }
  const env = Deno.permissions.querySync({ name: "env" });
  if (env.state !== "granted") flags.push("--allow-env");
  if (flags.length === 0) return;
  throw new PermissionError(
    flags,
    `Cannot supervise: run again with ${flags.join(" ")}`,
    { operation: "supervise" },
  );
}

/** Makes a group, and starts its workers. */
let startGroup: (
  rules: SuperviseRules,
  address: SharedAddress,
  signals: OperatorSignals | undefined,
) => Promise<WorkerGroup>;

/**
 * A group of workers. Made by {@linkcode supervise}; `await using` shuts it down gracefully.
 *
 * ```text
 *           supervise()          shutdown(), a signal,          all have ended
 * (nothing) ----------> running ---------------------> draining --------------> closed
 *                                too many restarts
 * ```
 *
 * @category Workers
 */
export class WorkerGroup implements AsyncDisposable {
  readonly #rules: SuperviseRules;
  readonly #address: SharedAddress;
  readonly #workers: Workers;
  readonly #closed = Promise.withResolvers<void>();
  #shutdown: PromiseWithResolvers<GroupReport> | undefined;
  #failure: WorkerError | undefined;
  readonly #signals: OperatorSignals | undefined;
  readonly #telemetry: GroupTelemetry | undefined;
  readonly #onAbort = () => void this.shutdown();

  private constructor(
    rules: SuperviseRules,
    address: SharedAddress,
    signals: OperatorSignals | undefined,
  ) {
    this.#rules = rules;
    this.#address = address;
    this.#signals = signals;
    if (rules.telemetry) {
      this.#telemetry = new GroupTelemetry(
        address.addr,
        () => this.#workers.stats,
      );
    }
    this.#workers = new Workers(rules, address, {
      emit: (event) => this.#emit(event),
      giveUp: (error) => this.#giveUp(error),
    });
    signals?.watch(this);
    rules.signal?.addEventListener("abort", this.#onAbort);
  }

  static {
    startGroup = async (rules, address, signals) => {
      const group = new WorkerGroup(rules, address, signals);
      await group.#start();
      return group;
    };
  }

  async #start(): Promise<void> {
    try {
      await this.#workers.start();
    } catch (error) {
      if (this.#shutdown === undefined) {
        this.#release();
        throw error;
      }
      await this.#shutdown.promise;
      // A signal of the operator is no error: the program ends as after any shutdown.
      this.#rules.signal?.throwIfAborted();
    }
  }

  /** Where clients connect to; the port is the real one, also after port 0. */
  get addr(): Deno.NetAddr {
    return { ...this.#address.addr };
  }

  /** The workers that run now, by place and age. */
  get workers(): GroupWorker[] {
    return this.#workers.list;
  }

  /**
   * Resolves when the group has shut down. It rejects where workers have died too often;
   * where that is not handled the process ends, as with any server that cannot go on.
   *
   * @throws {WorkerError} Workers died more often than `restart` allows.
   */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * Asks all workers for their counters and adds them up. A worker that hangs is waited for
   * until it is killed.
   *
   * @param options Limits of this call.
   * @throws {TimeoutError} A time limit passed.
   */
  async stats(options: CallOptions = {}): Promise<GroupStats> {
    checkCall("ask for stats", options);
    checkCallNames("ask for stats", options);
    await waitWithin("ask for stats", this.#workers.refresh(), options);
    return this.#workers.stats;
  }

  /**
   * Replaces all workers by new ones, which run the code as it is now: one after the other
   * is started, and when it accepts, the old one of its place drains within
   * `shutdownTimeoutMs`. It resolves when the last of the old ones has ended. Where a new
   * one cannot start, its place keeps the old one, and those after it do too.
   *
   * A call while a reload is under way leads to one more after it.
   *
   * Cancellation: a limit ends the wait, and the reload goes on; all that it waits for has
   * limits of its own.
   *
   * @param options Limits of this call.
   * @throws {WorkerError} A new worker could not be started.
   * @throws {ClosedError} The group shuts down.
   * @throws {TimeoutError} A time limit passed.
   */
  async reload(options: CallOptions = {}): Promise<void> {
    checkCall("reload", options);
    checkCallNames("reload", options);
    await waitWithin("reload", this.#workers.reload(), options);
  }

  /**
   * Shuts all workers down gracefully: they stop accepting, let their handlers finish, and
   * are cut when the time is over. It resolves when the last one has ended, two seconds
   * after the limit at the latest: one that does not end when it is cut is killed then.
   *
   * A further call gets the same report; limits that it gives count too.
   *
   * Cancellation: a limit, `signal` included, cuts what is left. The call then resolves.
   *
   * @param options When to cut; by default `shutdownTimeoutMs` after the first call.
   * @returns What became of the connections.
   * @throws {TypeError} A limit is of the wrong type.
   * @throws {RangeError} `timeoutMs` is out of range.
   */
  async shutdown(options: ShutdownOptions = {}): Promise<GroupReport> {
    checkShutdownOptions(options);
    const { deadline, signal } = options;
    let { timeoutMs } = options;
    if (this.#shutdown === undefined) {
      // First, as hooks may call this again.
      this.#shutdown = Promise.withResolvers();
      if (deadline === undefined) {
        timeoutMs ??= this.#rules.shutdownTimeoutMs;
      }
      const leftMs = timeoutMs ?? deadline?.remainingMs ?? Infinity;
      this.#drain(leftMs).then(this.#shutdown.resolve);
    }
    return await shutdownWithin(
      this.#shutdown.promise,
      { timeoutMs, deadline, signal },
      () => this.#workers.cut(),
    );
  }

  async #drain(timeoutMs: number): Promise<GroupReport> {
    const report = await this.#workers.drain(timeoutMs);
    this.#release();
    if (this.#failure === undefined) this.#closed.resolve();
    else this.#closed.reject(this.#failure);
    return report;
  }

  #release(): void {
    this.#telemetry?.end();
    this.#rules.signal?.removeEventListener("abort", this.#onAbort);
    this.#signals?.ignore();
  }

  #giveUp(error: WorkerError): void {
    if (this.#shutdown !== undefined) return;
    this.#failure = error;
    this.#emit({ type: "gave-up", error });
    this.shutdown();
  }

  #emit(event: GroupEvent): void {
    this.#telemetry?.onEvent(event);
    const { onEvent } = this.#rules;
    if (onEvent !== undefined) guard(() => onEvent(event));
  }

  /** Shuts down, as {@linkcode WorkerGroup.shutdown}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}
