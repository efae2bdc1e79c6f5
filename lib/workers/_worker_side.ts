/**
 * A worker's own side, from the first message of its supervisor to its end.
 *
 * ```text
 *              start           start() returns          drain, or the supervisor
 *  (nothing) --------> starting ---------------> serving has gone
 *                         |                         |
 *                         | start() throws          v         shutdown() done
 *                         +----------> failed    draining ------------------> over
 * ```
 *
 * @module
 */

import { checkMethods, checkText } from "../_check.ts";
import { guard } from "../_guard.ts";
import { ClosedError, LimitError } from "../errors.ts";
import { type Framed, framed } from "../framed/framed.ts";
import type { ServerStats } from "../server/events.ts";
import type { ShutdownReport } from "../server/serve_options.ts";
import { halvesOf, Socket } from "../socket/socket.ts";
import { bind } from "../transport/bind.ts";
import type { BindOptions } from "../transport/options.ts";
import { Channel } from "./_channel.ts";
import type { SupervisorConnection } from "./_connection_to_supervisor.ts";
import {
  fromWorker,
  type ListenSettings,
  type ToWorker,
  workerCodec,
  type WorkerSettings,
} from "./_protocol.ts";
import { countersOf, NO_REPORT, NO_STATS } from "./_no_stats.ts";
import { plainError, plainEvent } from "./plain_event.ts";
import type {
  WorkerContext,
  WorkerServer,
  WorkerStart,
} from "./worker_context.ts";

/** How long the rest of the program may hold the process when the worker is over. */
const LEAVE_MS = 1_000;
/** Most bytes of events that wait for the supervisor. */
const MAX_EVENT_BYTES = 256 * 1024;
/**
 * Most bytes that wait for the supervisor when another message is published: there is room
 * for what the worker itself has to say, before its socket gives up.
 */
const MAX_PUBLISHED_BYTES = 8 * 1024 * 1024;

/** Sent to all processes of a group; a worker obeys its supervisor alone. */
const IGNORED: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

type SharedAcceptor = WorkerContext["acceptor"];

/** The worker of this process or thread. */
export class WorkerSide {
  readonly #connection: SupervisorConnection;
  readonly #socket: Socket;
  readonly #framed: Framed<ToWorker, Uint8Array>;
  readonly #start: WorkerStart;
  readonly #channel: Channel;
  readonly #draining = new AbortController();
  #shutdownTimeoutMs = 15_000;
  #server: WorkerServer | undefined;
  #acceptor: SharedAcceptor | undefined;
  #started = false;
  #cut = false;
  #eventsDropped = 0;
  #drained: Promise<void> | undefined;

  constructor(connection: SupervisorConnection, start: WorkerStart) {
    this.#connection = connection;
    this.#socket = new Socket(connection.transport);
    this.#framed = framed(this.#socket, workerCodec);
    this.#start = start;
    this.#channel = new Channel({
      publish: (frame) => this.#publish(frame),
      tell: (frame) => this.#tell(frame),
    });
  }

  /** Obeys the supervisor until the end. */
  async run(): Promise<void> {
    // The signals of a thread are those of its supervisor's process.
    if (!this.#connection.isThread) ignoreSignals();
    this.#tell(fromWorker.encode({ type: "hello" }));
    try {
      for await (const frame of this.#framed) this.#onFrame(frame);
    } catch {
      // The supervisor was killed in the middle of a message.
    }
    // The supervisor has gone: nothing more comes from it.
    this.#channel.end();
    await this.#drain(this.#shutdownTimeoutMs);
  }

  #onFrame(frame: ToWorker): void {
    switch (frame.type) {
      case "start":
        return void this.#begin(JSON.parse(frame.settings));
      case "ask":
        return this.#answer();
      case "drain":
        return void this.#drain(frame.timeoutMs);
      case "message":
        return this.#channel.onMessage(frame.topic, frame.data);
      case "gap":
        return this.#channel.onGap(frame.topic, frame.count);
      case "subscribed":
        return this.#channel.onSubscribed(frame.serial, frame.missed);
    }
  }

  /** Where it fails the supervisor has gone, and reading tells of it. */
  #tell(frame: Uint8Array): void {
    this.#framed.send(frame).catch(() => {});
  }

  async #publish(frame: Uint8Array): Promise<void> {
    const limit = MAX_PUBLISHED_BYTES;
    if (halvesOf(this.#socket).writer.pendingBytes > limit) {
      throw new LimitError(
        "published",
        limit,
        `Cannot publish: more than ${limit} bytes wait for the supervisor (await each publish)`,
        { operation: "publish" },
      );
    }
    await this.#framed.send(frame);
  }

  #answer(): void {
    const eventsDropped = Math.min(this.#eventsDropped, 0xffff_ffff);
    const stats = this.#stats;
    this.#tell(fromWorker.encode({ type: "answer", stats, eventsDropped }));
  }

  get #stats(): ServerStats {
    let stats: ServerStats = NO_STATS;
    guard(() => {
      stats = countersOf(NO_STATS, this.#server?.stats);
    });
    return stats;
  }

  // ---- the start ----------------------------------------------------------

  async #begin(settings: WorkerSettings): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    this.#shutdownTimeoutMs = settings.shutdownTimeoutMs ?? Infinity;
    try {
      const listen = await this.#whereToListen(settings.listen);
      const server = await this.#start(this.#contextOf(settings, listen));
      checkMethods("start a worker", "its server", server, ["shutdown"]);
      this.#server = server;
      if (server.ready !== undefined) await server.ready;
      const { signal } = this.#draining;
      // The drain began meanwhile, and waits for the server.
      if (signal.aborted) return;
      server.closed?.then(() => this.#onServerClosed(), () => {
        this.#onServerClosed();
      });
    } catch (error) {
      return this.#fail(error);
    }
    const addr = this.#acceptor?.addr;
    this.#tell(
      fromWorker.encode({
        type: "ready",
        addr: addr === undefined ? "" : JSON.stringify(addr),
      }),
    );
  }

  async #whereToListen(listen: ListenSettings): Promise<BindOptions> {
    return "passed" in listen
      ? { listenFd: await this.#connection.listenFd }
      : { ...listen, reusePort: true };
  }

  #contextOf(
    { index, id, group, workers }: WorkerSettings,
    listen: BindOptions,
  ): WorkerContext {
    const takeAcceptor = () =>
      this.#acceptor ??= bind(listen) as SharedAcceptor;
    return {
      index,
      id,
      group: { id: group, workers },
      signal: this.#draining.signal,
      channel: this.#channel,
      onEvent: (event: { readonly type: string }) => this.#pass(event),
      get acceptor() {
        return takeAcceptor();
      },
    };
  }

  #pass(event: { readonly type: string }): void {
    checkText("pass an event on", "type", event?.type);
    // Events never delay the server that they are about.
    if (halvesOf(this.#socket).writer.pendingBytes > MAX_EVENT_BYTES) {
      this.#eventsDropped++;
      return;
    }
    const text = JSON.stringify(plainEvent(event));
    const frame = fromWorker.encode({ type: "event", event: text });
    // One that is too large is not sent, either.
    this.#framed.send(frame).catch(() => this.#eventsDropped++);
  }

  async #fail(error: unknown): Promise<void> {
    const text = JSON.stringify(plainError(error));
    this.#tell(fromWorker.encode({ type: "failed", error: text }));
    await this.#leave(1);
  }

  /** The server has ended by itself: the supervisor starts another worker. */
  #onServerClosed(): void {
    if (!this.#draining.signal.aborted) this.#leave(0);
  }

  // ---- the end ------------------------------------------------------------

  /** Lets the server finish within `timeoutMs`; a second call may only shorten that. */
  #drain(timeoutMs: number): Promise<void> {
    if (this.#drained !== undefined) {
      if (timeoutMs === 0) this.#cutNow();
      return this.#drained;
    }
    this.#draining.abort(
      new ClosedError("Cannot go on: the worker is shutting down"),
    );
    return this.#drained = this.#shutDown(timeoutMs);
  }

  #cutNow(): void {
    if (this.#cut) return;
    this.#cut = true;
    guard(() => this.#server?.shutdown({ timeoutMs: 0 }));
  }

  async #shutDown(timeoutMs: number): Promise<void> {
    let outcome: ShutdownReport = NO_REPORT;
    try {
      const report = await this.#server?.shutdown({ timeoutMs });
      outcome = countersOf(NO_REPORT, report);
    } catch (error) {
      // It is printed, and the worker ends in its own time.
      guard(() => {
        throw error;
      });
    }
    this.#tell(
      fromWorker.encode({ type: "drained", stats: this.#stats, ...outcome }),
    );
    await this.#leave(0);
  }

  /**
   * Ends. What else holds the process, such as an interval that was forgotten, does so for
   * a second.
   */
  async #leave(code: number): Promise<void> {
    this.#channel.end();
    const timer = setTimeout(() => Deno.exit(code), LEAVE_MS);
    Deno.unrefTimer(timer);
    if (code !== 0) {
      await this.#framed.flush({ timeoutMs: LEAVE_MS }).catch(() => {});
      Deno.exit(code);
    }
    await this.#socket.close({ timeoutMs: LEAVE_MS }).catch(() => {});
    // The ports of its streams would hold a thread (Deno 2.9).
    if (this.#connection.isThread) Deno.exit(code);
  }
}

/** Listening for them is what makes a process go on. */
function ignoreSignals(): void {
  for (const signal of IGNORED) {
    try {
      Deno.addSignalListener(signal, () => {});
    } catch {
      // Other systems lack some.
    }
  }
}
