/**
 * One worker, as its supervisor sees it.
 *
 * ```text
 *            ready                drain()             drained, or killed
 * starting --------> ready ----------------> draining -------------------> ended
 *    |                 |                                                     ^
 *    +-----------------+-----------------------------------------------------+
 *      it fails, exits, hangs, or breaks the protocol
 * ```
 *
 * @module
 */

import { type Framed, framed } from "../framed/framed.ts";
import type { ServerStats } from "../server/events.ts";
import type { ShutdownReport } from "../server/serve_options.ts";
import { Socket } from "../socket/socket.ts";
import { Alarm } from "../time/coarse_timer.ts";
import type { WorkerEndReason } from "./events.ts";
import type { HostExit, WorkerHost } from "./_host.ts";
import { countersOf, NO_REPORT, NO_STATS } from "./_no_stats.ts";
import { Outbox, type OutboxLimits } from "./_outbox.ts";
import {
  type FromWorker,
  MAX_TOPICS,
  supervisorCodec,
  toWorker,
  type WorkerSettings,
} from "./_protocol.ts";
import type { Relay } from "./_relay.ts";
import type { WorkerState } from "./supervise_options.ts";
import { WorkerError, type WorkerFailure } from "../errors.ts";
import {
  parseAddr,
  parseError,
  parseEvent,
  type PlainServerEvent,
} from "./plain_event.ts";

/** How long a worker that has reported its drain, or was cut, may take to end. */
const END_MS = 2_000;
/** How long it may take to read what a worker wrote before it ended. */
const LAST_FRAMES_MS = 1_000;

/** How a worker ended. */
export interface Ending extends HostExit {
  readonly reason: WorkerEndReason;
  readonly error: unknown;
}

/** What a worker needs from its group. */
export interface InstanceOwner {
  readonly relay: Relay;
  /** Whether the worker takes the place of another one. */
  readonly replaces: boolean;
  readonly startTimeoutMs: number;
  readonly healthMs: number;
  readonly outboxLimits: OutboxLimits;
  onServerEvent(event: PlainServerEvent): void;
}

const UNHELD = { holdsProcess: false };

/** A worker that runs, or ran. */
export class WorkerInstance {
  readonly index: number;
  readonly id: number;
  readonly since: number = Date.now();
  /** The same on a clock that is never set, for durations. */
  readonly startedMs: number = performance.now();
  /** Resolves when it accepts, with its address if it has one; rejects with a `WorkerError`. */
  readonly ready: Promise<Deno.NetAddr | undefined>;
  /** Resolves when it has ended. Never rejects. */
  readonly ended: Promise<Ending>;
  readonly outbox: Outbox;
  /** What became of its connections, once it has said so. */
  report: ShutdownReport | undefined;
  /** Of its server, as it was last heard of. */
  stats: ServerStats = NO_STATS;
  /** Events that it has left out. */
  eventsDropped = 0;
  #state: WorkerState | "ended" = "starting";
  readonly #host: WorkerHost;
  readonly #owner: InstanceOwner;
  readonly #settings: WorkerSettings;
  #hasStarted = false;
  readonly #socket: Socket;
  readonly #framed: Framed<FromWorker, Uint8Array>;
  readonly #ready = Promise.withResolvers<Deno.NetAddr | undefined>();
  readonly #topics = new Set<string>();
  /** Those who wait for each question that is yet to be answered; two at most. */
  readonly #asked: PromiseWithResolvers<void>[] = [];
  readonly #startAlarm: Alarm;
  readonly #askAlarm: Alarm;
  readonly #silenceAlarm: Alarm;
  readonly #endAlarm: Alarm;
  #reason: WorkerEndReason | undefined;
  #error: unknown;

  constructor(
    host: WorkerHost,
    settings: WorkerSettings,
    owner: InstanceOwner,
  ) {
    this.#host = host;
    this.#owner = owner;
    this.index = settings.index;
    this.id = settings.id;
    this.#socket = new Socket(host.transport);
    this.#framed = framed(this.#socket, supervisorCodec);
    this.outbox = new Outbox(
      owner.outboxLimits,
      (frame) => this.#framed.send(frame),
    );
    this.ready = this.#ready.promise;
    // Its end is told as well.
    this.ready.catch(() => {});
    const alarm = (limitMs: number, onAlarm: () => void): Alarm => {
      const made = new Alarm({ onAlarm }, UNHELD);
      made.limitMs = limitMs;
      return made;
    };
    this.#startAlarm = alarm(
      owner.startTimeoutMs,
      () => this.#killFor("start-timeout"),
    );
    this.#askAlarm = alarm(owner.healthMs / 4, () => this.#ask());
    this.#silenceAlarm = alarm(owner.healthMs, () => this.#killFor("hung"));
    this.#endAlarm = alarm(END_MS, () => this.kill());
    this.#startAlarm.arm();
    this.#settings = settings;
    this.ended = this.#run();
  }

  get pid(): number | undefined {
    return this.#host.pid;
  }

  get state(): WorkerState | "ended" {
    return this.#state;
  }

  /** The error for one that did not start. */
  get failure(): WorkerError {
    return this.#failureOf({ exitCode: null, signal: null });
  }

  // ---- what the group asks of it -------------------------------------------

  /** Asks it for its counters. Resolves when they have come, or when it has ended. */
  refresh(): Promise<void> {
    if (this.#state === "ended") return Promise.resolve();
    // One question may be answered with what it had before this call.
    if (this.#asked.length < 2) this.#ask();
    return this.#asked.at(-1)!.promise;
  }

  /** Lets its handlers finish within `timeoutMs`; 0 cuts, also later. */
  drain(timeoutMs: number): void {
    if (this.#state === "ended") return;
    // It has no connections yet.
    if (this.#state === "starting") return this.kill();
    this.#state = "draining";
    this.#tell(toWorker.encode({ type: "drain", timeoutMs }));
    this.#endAlarm.limitMs = timeoutMs + END_MS;
    this.#endAlarm.arm();
  }

  /** Ends it at once. */
  kill(): void {
    if (this.#state === "ended") return;
    this.#reason ??= "killed";
    this.#host.kill();
  }

  // ---- its life -------------------------------------------------------------

  async #run(): Promise<Ending> {
    const reading = this.#read();
    const exit = await this.#host.exit;
    // What it has written before its end is there; a process that it has started may hold
    // the pipe open for longer.
    const timer = Promise.withResolvers<void>();
    const giveUp = setTimeout(timer.resolve, LAST_FRAMES_MS);
    await Promise.race([reading, timer.promise]);
    clearTimeout(giveUp);
    this.#end();
    const failure = this.#failureOf(exit);
    this.#ready.reject(failure);
    const reason = this.#reason ??
      (this.#report !== undefined ? "drained" : "exited");
    return { ...exit, reason, error: this.#error ?? exit.error };
  }

  get #report(): ShutdownReport | undefined {
    return this.report;
  }

  async #read(): Promise<void> {
    try {
      for await (const frame of this.#framed) this.#onFrame(frame);
    } catch (error) {
      // A pipe that breaks means that the worker ends; any other error is its breach of the
      // protocol.
      if (this.#state === "ended" || isLoss(error)) return;
      this.#error ??= error;
      this.#killFor("protocol");
    }
  }

  #onFrame(frame: FromWorker): void {
    switch (frame.type) {
      case "hello":
        return this.#onHello();
      case "ready":
        return this.#onReady(frame.addr);
      case "failed":
        return this.#onFailed(parseError(frame.error));
      case "answer":
        return this.#onAnswer(frame.stats, frame.eventsDropped);
      case "subscribe":
        return this.#onSubscribe(frame.serial, frame.topic);
      case "unsubscribe":
        this.#topics.delete(frame.topic);
        return this.#owner.relay.unsubscribe(this.outbox, frame.topic);
      case "publish":
        return this.#owner.relay.publish(
          this.outbox,
          frame.topic,
          frame.data,
        );
      case "event":
        return this.#owner.onServerEvent(parseEvent(frame.event));
      case "drained":
        this.stats = countersOf(NO_STATS, frame.stats);
        this.report = countersOf(NO_REPORT, frame);
        this.#askAlarm.dispose();
        this.#silenceAlarm.dispose();
        this.#endAlarm.limitMs = END_MS;
        this.#endAlarm.arm();
        // It waits for this before it ends: what it has said has arrived.
        return void this.#socket.closeWrite().catch(() => {});
    }
  }

  #onHello(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#host.passSocket();
    const settings = JSON.stringify(this.#settings);
    this.#tell(toWorker.encode({ type: "start", settings }));
  }

  #onReady(addr: string): void {
    if (this.#state !== "starting") return;
    this.#state = "ready";
    this.#startAlarm.disarm();
    this.#askAlarm.arm();
    this.#ready.resolve(addr === "" ? undefined : parseAddr(addr));
  }

  #onFailed(error: Error): void {
    this.#reason ??= "failed";
    this.#error ??= error;
    this.#endAlarm.arm();
  }

  #ask(): void {
    const asked = Promise.withResolvers<void>();
    this.#asked.push(asked);
    // While it starts it has a limit of its own.
    if (this.#state !== "starting" && !this.#silenceAlarm.armed) {
      this.#silenceAlarm.arm();
    }
    this.#tell(toWorker.encode({ type: "ask" }));
  }

  #onAnswer(stats: ServerStats, eventsDropped: number): void {
    this.stats = countersOf(NO_STATS, stats);
    this.eventsDropped = eventsDropped;
    this.#asked.shift()?.resolve();
    this.#silenceAlarm.disarm();
    if (this.#asked.length > 0) this.#silenceAlarm.arm();
    else this.#askAlarm.arm();
  }

  #onSubscribe(serial: number, topic: string): void {
    if (this.#topics.size >= MAX_TOPICS) {
      throw new RangeError(`a worker has at most ${MAX_TOPICS} topics`);
    }
    this.#topics.add(topic);
    this.#owner.relay.subscribe(this.outbox, topic);
    const missed = this.#owner.replaces;
    this.#tell(toWorker.encode({ type: "subscribed", serial, missed }));
  }

  /** Where it fails the worker has gone, and its end tells of it. */
  #tell(frame: Uint8Array): void {
    this.#framed.send(frame).catch(() => {});
  }

  #killFor(reason: WorkerEndReason): void {
    this.#reason ??= reason;
    this.kill();
  }

  #end(): void {
    this.#state = "ended";
    for (
      const alarm of [
        this.#startAlarm,
        this.#askAlarm,
        this.#silenceAlarm,
        this.#endAlarm,
      ]
    ) alarm.dispose();
    for (const topic of this.#topics) {
      this.#owner.relay.unsubscribe(this.outbox, topic);
    }
    this.outbox.end();
    for (const asked of this.#asked.splice(0)) asked.resolve();
    this.#socket.abort();
  }

  #failureOf(exit: HostExit): WorkerError {
    const { index } = this;
    const reason = this.#reason;
    const error = this.#error ?? exit.error;
    const failure: WorkerFailure =
      reason === undefined || reason === "killed" || reason === "drained"
        ? "exited"
        : reason;
    return new WorkerError(
      failure,
      index,
      `Cannot start worker ${index}: ${this.#why(failure, exit, error)}`,
      { operation: "supervise", cause: error },
    );
  }

  #why(failure: WorkerFailure, exit: HostExit, error: unknown): string {
    const { startTimeoutMs, healthMs } = this.#owner;
    const said = error instanceof Error ? error.message : undefined;
    switch (failure) {
      case "failed":
        return `it threw ${said}`;
      case "start-timeout":
        return `it did not accept within ${startTimeoutMs} ms ` +
          "(its module must call worker())";
      case "hung":
        return `it did not answer within ${healthMs} ms`;
      case "protocol":
        return `what it sent is not the protocol: ${said}`;
    }
    if (said !== undefined) return said;
    const { exitCode, signal } = exit;
    const how = signal === null ? `with exit code ${exitCode}` : `by ${signal}`;
    return `it ended ${how} before it accepted (its module must call worker(), and what it ` +
      "printed may say more)";
  }
}

/** Whether the connection is lost, rather than its bytes wrong. */
function isLoss(error: unknown): boolean {
  const { name } = error as Error;
  return name === "BrokenError" || name === "ClosedError" ||
    name === "UnexpectedEofError";
}
