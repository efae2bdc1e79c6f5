/**
 * All workers of a group: they are started, watched, replaced and ended here.
 *
 * Each has a place, and a place has one worker that is meant to go on:
 *
 * | | the worker of the place | a worker that has yet to take it (a reload) | one that drains |
 * | --- | --- | --- | --- |
 * | dies at the first start | all are ended, and `supervise` rejects | | |
 * | dies later | after a pause another is started, or the group gives up | the reload rejects, and nothing has changed | nothing |
 * | the group shuts down | drained | killed | goes on |
 *
 * @module
 */

import { ClosedError, WorkerError } from "../errors.ts";
import type { ServerStats } from "../server/events.ts";
import { sleep } from "../time/sleep.ts";
import type { SharedAddress } from "./_address.ts";
import { hostOf, type WorkerHost } from "./_host.ts";
import { type Ending, WorkerInstance } from "./_instance.ts";
import { NO_STATS } from "./_no_stats.ts";
import { startProcess } from "./_process.ts";
import type { WorkerSettings } from "./_protocol.ts";
import { Relay } from "./_relay.ts";
import { Restarts } from "./_restarts.ts";
import { signalsHandled } from "./_signals_handled.ts";
import { startThread } from "./_thread.ts";
import type { GroupEvent } from "./events.ts";
import type {
  GroupReport,
  GroupStats,
  GroupWorker,
  SuperviseRules,
} from "./supervise_options.ts";

/** What the group is told. */
export interface WorkersOwner {
  emit(event: GroupEvent): void;
  /** Workers died too often. */
  giveUp(error: WorkerError): void;
}

/** Where one worker after the other does the same. */
interface Place {
  readonly index: number;
  /** The worker that is meant to go on. */
  current: WorkerInstance | undefined;
  /** Whether another one follows it after a pause. */
  restarting: boolean;
  /** Whether a reload starts one to take its place. */
  reloading: boolean;
}

/** The workers of a group. */
export class Workers {
  readonly #rules: SuperviseRules;
  readonly #address: SharedAddress;
  readonly #owner: WorkersOwner;
  readonly #group = crypto.randomUUID();
  readonly #relay = new Relay();
  readonly #restarts: Restarts;
  readonly #places: readonly Place[];
  readonly #all = new Set<WorkerInstance>();
  readonly #stopping = new AbortController();
  #started = false;
  #lastId = 0;
  /** The reload that runs, and the one that follows it. */
  #reloads: Promise<void>[] = [];
  /** Of workers that have ended. */
  #past: ServerStats = NO_STATS;
  #pastDropped = 0;
  #report: GroupReport = { completed: 0, aborted: 0, handshakes: 0, killed: 0 };

  constructor(
    rules: SuperviseRules,
    address: SharedAddress,
    owner: WorkersOwner,
  ) {
    this.#rules = rules;
    this.#address = address;
    this.#owner = owner;
    this.#restarts = new Restarts(rules.restart);
    this.#places = Array.from(
      { length: rules.workers },
      (_, index) => ({
        index,
        current: undefined,
        restarting: false,
        reloading: false,
      }),
    );
  }

  // ---- start, restart, reload ----------------------------------------------

  /** Starts all. Where one fails it ends the others, and throws why. */
  async start(): Promise<void> {
    try {
      const [first, ...others] = this.#places;
      // Of a port that the system is to choose, the first worker says which it is.
      if (this.#address.addr.port === 0) await this.#startFirst(first);
      const rest = this.#address.addr.port === 0 || first.current
        ? others
        : this.#places;
      await Promise.all(rest.map((place) => this.#startFirst(place)));
    } catch (error) {
      const endings = await this.#killAll();
      await this.#awaitOwnSignal(endings.find(isOfOperator));
      // Where the group was shut down meanwhile, that is why.
      const wasStopping = this.#stopping.signal.aborted;
      this.#stopping.abort();
      this.#address.close();
      if (wasStopping) this.#throwIfStopping();
      throw error;
    }
    this.#started = true;
    // One that has died since then.
    for (const place of this.#places) this.#fill(place);
  }

  async #startFirst(place: Place): Promise<void> {
    this.#throwIfStopping();
    const worker = place.current = this.#spawn(place, false);
    const addr = await worker.ready;
    this.#throwIfStopping();
    if (addr !== undefined) this.#address.addr = addr;
  }

  #throwIfStopping(): void {
    if (!this.#stopping.signal.aborted) return;
    throw new ClosedError("Cannot start a worker: the group is shutting down", {
      operation: "supervise",
    });
  }

  #spawn({ index }: Place, replaces: boolean): WorkerInstance {
    const { workers, shutdownTimeoutMs } = this.#rules;
    const { startTimeoutMs, healthMs } = this.#rules;
    const { maxQueuedMessages, maxQueuedBytes } = this.#rules;
    const id = ++this.#lastId;
    const settings: WorkerSettings = {
      index,
      id,
      group: this.#group,
      workers,
      listen: this.#address.settings(),
      shutdownTimeoutMs,
    };
    const worker = new WorkerInstance(this.#startHost(index), settings, {
      relay: this.#relay,
      replaces,
      startTimeoutMs,
      healthMs,
      outboxLimits: { maxQueuedMessages, maxQueuedBytes },
      onServerEvent: (event) =>
        this.#owner.emit({ type: "server", index, id, event }),
    });
    this.#all.add(worker);
    const { pid } = worker;
    this.#owner.emit({ type: "worker-started", index, id, pid });
    worker.ready.then(() => {
      const startMs = Math.round(performance.now() - worker.startedMs);
      this.#owner.emit({ type: "worker-ready", index, id, startMs });
    }, () => {});
    worker.ended.then((ending) => this.#onEnd(worker, ending));
    return worker;
  }

  #startHost(index: number): WorkerHost {
    const { socket } = this.#address;
    return hostOf(() =>
      this.#rules.isolation === "process"
        ? startProcess({ ...this.#rules, socket })
        : startThread({ ...this.#rules, name: `worker ${index}` })
    );
  }

  #onEnd(worker: WorkerInstance, ending: Ending): void {
    const { index, id, report, stats } = worker;
    this.#all.delete(worker);
    this.#past = sum(this.#past, {
      ...stats,
      active: 0,
      closing: 0,
      handshakes: 0,
    });
    this.#pastDropped += worker.outbox.dropped;
    if (this.#stopping.signal.aborted) {
      const killed = report === undefined ? 1 : 0;
      this.#report = sum(this.#report, {
        completed: 0,
        aborted: 0,
        handshakes: 0,
        ...report,
        killed,
      });
    }
    const { reason, exitCode, signal, error } = ending;
    this.#owner.emit({
      type: "worker-ended",
      index,
      id,
      reason,
      exitCode,
      signal,
      error,
    });
    const place = this.#places[index];
    if (place.current === worker) this.#fill(place, ending);
  }

  /** Sees to it that a place has a worker, if its own has ended. */
  async #fill(place: Place, ending?: Ending): Promise<void> {
    const { signal } = this.#stopping;
    const isFilled = place.current?.state !== "ended";
    if (isFilled || place.restarting || place.reloading) return;
    if (!this.#started || signal.aborted) return;
    if (ending !== undefined && isOfOperator(ending)) {
      place.restarting = true;
      await this.#awaitOwnSignal(ending);
      place.restarting = false;
      if (signal.aborted || place.reloading) return;
      if (place.current?.state !== "ended") return;
    }
    const delayMs = this.#restarts.next();
    if (delayMs === undefined) {
      return this.#owner.giveUp(this.#tooMany(place, ending));
    }
    const { index } = place;
    const restarts = this.#restarts.recent;
    place.restarting = true;
    this.#owner.emit({ type: "restart", index, delayMs, restarts });
    await sleep(delayMs, { signal }).catch(() => {});
    place.restarting = false;
    // A reload may have filled it.
    if (signal.aborted || place.current?.state !== "ended") return;
    place.current = this.#spawn(place, true);
  }

  /**
   * Ctrl-C goes to all processes of a terminal, as what systemd sends does: a worker that
   * has yet to load its module dies of it. That is no fault of the worker, and the
   * supervisor's own signal was sent before the worker's end could be seen.
   */
  async #awaitOwnSignal(ending: Ending | undefined): Promise<void> {
    if (ending === undefined || !this.#rules.drainOnSignals) return;
    if (isOfOperator(ending)) await signalsHandled(this.#stopping.signal);
  }

  #tooMany({ index }: Place, ending: Ending | undefined): WorkerError {
    const { maxRestarts, withinMs } = this.#rules.restart;
    const how = ending === undefined ? "" : ` (${ending.reason})`;
    const cause = ending?.error;
    return new WorkerError(
      "too-many-restarts",
      index,
      `Cannot go on: worker ${index} has ended${how} after ${maxRestarts} restarts within ` +
        `${withinMs} ms`,
      {
        operation: "supervise",
        ...(cause === undefined ? undefined : { cause }),
      },
    );
  }

  /**
   * Replaces all workers. While it runs, a second call is for what has changed since: one
   * more reload follows, for all such calls.
   */
  reload(): Promise<void> {
    const [running, next] = this.#reloads;
    if (next !== undefined) return next;
    const run = async () => {
      await running?.catch(() => {});
      try {
        await this.#reload();
      } finally {
        this.#reloads.shift();
      }
    };
    const reload = run();
    this.#reloads.push(reload);
    return reload;
  }

  async #reload(): Promise<void> {
    const old: WorkerInstance[] = [];
    for (const place of this.#places) {
      const replaced = await this.#replace(place);
      if (replaced !== undefined) old.push(replaced);
    }
    await Promise.all(old.map(({ ended }) => ended));
  }

  /** Gives a place a new worker, and returns the old one, which drains. */
  async #replace(place: Place): Promise<WorkerInstance | undefined> {
    this.#throwIfStopping();
    const next = this.#spawn(place, true);
    place.reloading = true;
    let old: WorkerInstance | undefined;
    try {
      await next.ready;
      old = place.current;
      place.current = next;
    } catch (error) {
      await this.#awaitOwnSignal(await next.ended);
      this.#throwIfStopping();
      throw error;
    } finally {
      place.reloading = false;
      // The one that has the place may have died meanwhile.
      this.#fill(place);
    }
    old?.drain(this.#rules.shutdownTimeoutMs);
    return old;
  }

  // ---- the end --------------------------------------------------------------

  /** Lets all finish within `timeoutMs`. Resolves when the last one has ended. */
  async drain(timeoutMs: number): Promise<GroupReport> {
    this.#stopping.abort();
    this.#owner.emit({ type: "drain", workers: this.#all.size });
    for (const worker of this.#all) worker.drain(timeoutMs);
    await Promise.all([...this.#all].map(({ ended }) => ended));
    this.#address.close();
    return this.#report;
  }

  /** Cuts what is left. */
  cut(): void {
    for (const worker of this.#all) worker.drain(0);
  }

  /** Ends all that are to begin, and says how each ended. */
  async #killAll(): Promise<Ending[]> {
    for (const worker of this.#all) worker.kill();
    const all = this.#places.flatMap(({ current }) => current ?? []);
    return await Promise.all(all.map(({ ended }) => ended));
  }

  // ---- what is told of them -------------------------------------------------

  get list(): GroupWorker[] {
    const all = [...this.#all].flatMap(({ index, id, pid, state, since }) =>
      state === "ended" ? [] : [{ index, id, pid, state, since }]
    );
    return all.sort((a, b) => a.index - b.index || a.id - b.id);
  }

  /** Asks all for their counters. */
  async refresh(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.refresh()));
  }

  get stats(): GroupStats {
    let total = this.#past;
    let messagesDropped = this.#pastDropped;
    const byId = new Map([...this.#all].map((worker) => [worker.id, worker]));
    const workers = this.list.map((each) => {
      const { stats: server, outbox, eventsDropped } = byId.get(each.id)!;
      total = sum(total, server);
      messagesDropped += outbox.dropped;
      const { dropped } = outbox;
      return { ...each, server, messagesDropped: dropped, eventsDropped };
    });
    const { total: restarts } = this.#restarts;
    const { messages } = this.#relay;
    return { ...total, workers, restarts, messages, messagesDropped };
  }
}

/** Whether a worker died of what an operator sends to all processes of the group. */
function isOfOperator({ reason, signal }: Ending): boolean {
  return reason === "exited" && (signal === "SIGINT" || signal === "SIGTERM");
}

/** Adds up counters of the same names. */
function sum<T extends { readonly [K in keyof T]: number }>(a: T, b: T): T {
  const names = Object.keys(a) as (keyof T)[];
  const added = names.map((name) => [name, a[name] + b[name]]);
  return Object.fromEntries(added) as T;
}
