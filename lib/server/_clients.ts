/**
 * All clients of a server: admission, counters, and how they end together.
 *
 * @module
 */

import { guard } from "../_guard.ts";
import { ClosedError, TimeoutError } from "../errors.ts";
import type { SocketOptions } from "../socket/options.ts";
import { halvesOf, type Socket } from "../socket/socket.ts";
import { closeQuietly } from "../transport/close_quietly.ts";
import type { AcceptedTransport } from "../transport/options.ts";
import { Admission, type AdmissionOptions } from "./_admission.ts";
import { Client, type ClientOwner, type Outcome } from "./_client.ts";
import type { AgeLimits } from "./_connection_age.ts";
import type { EventSink } from "./_events.ts";
import { MemoryGuard } from "./_memory_guard.ts";
import { socketOptionsOf } from "./_socket_defaults.ts";
import { isClosedError, isOpaque, isPeerError } from "./_peer_errors.ts";
import type { ProxyGate } from "./_proxy_gate.ts";
import type { RejectionReason, ServerEvent, ServerStats } from "./events.ts";
import type {
  Handler,
  ServeContext,
  ServerConnection,
  ServerOptions,
  ShutdownReport,
} from "./serve_options.ts";

/** Counts the clients of a server, and ends them. */
export class Clients implements ClientOwner {
  handler: Handler;
  readonly context: Pick<ServeContext, "signal">;
  readonly ageLimits: AgeLimits | undefined;
  readonly socketOptions: SocketOptions;
  readonly handshakeTimeoutMs: number | undefined;
  readonly proxies: ProxyGate | undefined;
  readonly #onError: ServerOptions["onError"];
  readonly #events: EventSink;
  readonly #draining = new AbortController();
  readonly #all = new Set<Client>();
  #lastId = 0;
  readonly #admission: Admission;
  readonly #memory: MemoryGuard;
  readonly #counts = { accepted: 0, rejected: 0, failed: 0, failedByPeer: 0 };
  /** Of clients that are over. */
  #bytesRead = 0;
  #bytesWritten = 0;
  #isEnding = false;
  /** Of clients that were there when the shutdown began. */
  readonly #outcomes = { completed: 0, aborted: 0, handshakes: 0 };
  #left: PromiseWithResolvers<void> | undefined;

  constructor(
    options: ServerOptions,
    handler: Handler,
    events: EventSink,
    proxies: ProxyGate | undefined,
  ) {
    this.proxies = proxies;
    this.handler = handler;
    this.context = { signal: this.#draining.signal };
    this.socketOptions = socketOptionsOf("serve", options);
    const { maxConnectionAgeMs: ageMs = Infinity } = options;
    if (ageMs !== Infinity) {
      const { maxConnectionAgeGraceMs: graceMs = 15_000 } = options;
      this.ageLimits = { ageMs, graceMs };
    }
    this.handshakeTimeoutMs = options.handshakeTimeoutMs;
    this.#onError = options.onError;
    this.#events = events;
    this.#admission = new Admission(options);
    this.#memory = new MemoryGuard(
      this.#all,
      options.maxBufferedBytes ?? 1024 ** 3,
    );
  }

  /** Resolves when one more client may come; at once unless clients have to wait. */
  room(): Promise<void> | undefined {
    return this.#admission.room();
  }

  /** Lets a client in, or turns it away. */
  admit(transport: AcceptedTransport): void {
    const { remoteAddr } = transport;
    const isProxied = this.proxies?.trusts(remoteAddr) ?? false;
    const reason = !isProxied && this.proxies?.refusesOthers
      ? "untrusted"
      : this.#admission.enter(isProxied ? undefined : remoteAddr);
    if (reason !== undefined) {
      closeQuietly(transport);
      this.#counts.rejected++;
      return this.emit({ type: "rejected", reason, remoteAddr });
    }
    const client = new Client(
      ++this.#lastId,
      transport,
      remoteAddr,
      this,
      isProxied,
    );
    this.#all.add(client);
    client.start();
  }

  /** Those that have a handler, or had one and are being closed. */
  *connections(): Generator<ServerConnection> {
    for (const { id, socket } of this.#all) {
      if (socket !== undefined) {
        yield { id, socket, since: socket.stats.openedAt };
      }
    }
  }

  /** Other limits for clients that come from now on. */
  update(options: AdmissionOptions): void {
    const admitted = [...this.#all].flatMap(({ admittedAs }) =>
      admittedAs ?? []
    );
    this.#admission.update(options, admitted);
  }

  /** Whether there is a client of at most this age of which nothing has been heard. */
  hasNewerThan(ageMs: number): boolean {
    return [...this.#all].some(({ socket }) => {
      if (socket === undefined) return true;
      const { stats } = halvesOf(socket);
      return stats.bytesRead === 0 && stats.ageMs < ageMs;
    });
  }

  get stats(): Omit<ServerStats, "acceptErrors"> {
    let [active, handshakes, closing] = [0, 0, 0];
    let [bytesRead, bytesWritten] = [this.#bytesRead, this.#bytesWritten];
    for (const { stage, socket } of this.#all) {
      if (socket === undefined) {
        handshakes++;
        continue;
      }
      active++;
      if (stage === "closing") closing++;
      bytesRead += socket.stats.bytesRead;
      bytesWritten += socket.stats.bytesWritten;
    }
    const counts = this.#counts;
    return { active, closing, handshakes, ...counts, bytesRead, bytesWritten };
  }

  // ---- what clients report --------------------------------------------------

  emit(event: ServerEvent): void {
    if (this.#events.hasListeners) this.#events.emit(event);
  }

  identify(client: Client): RejectionReason | undefined {
    const { remoteAddr } = client;
    const reason = this.#admission.identify(remoteAddr);
    if (reason === undefined) client.admittedAs = remoteAddr;
    return reason;
  }

  onHandling(): void {
    this.#counts.accepted++;
    this.#memory.watch();
  }

  onFailure(error: unknown, { id, socket }: Client): void {
    if (socket === undefined) return;
    const known = isOpaque(error) ? undefined : error;
    const byPeer = isPeerError(known, socket);
    this.#counts.failed++;
    if (byPeer) this.#counts.failedByPeer++;
    this.emit(
      known instanceof TimeoutError
        ? { type: "timeout", id, error: known, socket }
        : { type: "error", id, error, byPeer, socket },
    );
    const onError = this.#onError;
    if (onError !== undefined) {
      guard(() => onError(error, socket));
    } else if (!byPeer && !isClosedError(known, socket)) {
      // deno-lint-ignore no-console -- the default of `onError`, as in Deno.serve
      guard(() => console.error(error));
    }
  }

  onEnd(client: Client, outcome: Outcome): void {
    this.#all.delete(client);
    this.#admission.leave(client.admittedAs);
    if (this.#isEnding) this.#outcomes[outcome]++;
    if (client.socket === undefined) this.#counts.rejected++;
    else this.#account(client, client.socket);
    if (this.#all.size === 0) this.#left?.resolve();
  }

  #account({ id, remoteAddr }: Client, socket: Socket): void {
    const { bytesRead, bytesWritten, ageMs } = halvesOf(socket).stats;
    this.#bytesRead += bytesRead;
    this.#bytesWritten += bytesWritten;
    if (!this.#events.hasListeners) return;
    this.emit({
      type: "closed",
      id,
      remoteAddr,
      bytesRead,
      bytesWritten,
      durationMs: ageMs,
    });
  }

  // ---- how they end together ----------------------------------------------

  /** The shutdown has begun: those that end from now on are in its report. */
  beginReport(): void {
    this.#isEnding = true;
  }

  /** Starts the graceful shutdown of all clients. Resolves when the last one has ended. */
  async drain(): Promise<void> {
    const { active, closing, handshakes } = this.stats;
    this.#draining.abort(
      new ClosedError("Cannot go on: the server is shutting down"),
    );
    this.emit({ type: "drain", active, closing, handshakes });
    this.#admission.wake();
    for (const client of [...this.#all]) client.drain();
    if (this.#all.size > 0) {
      this.#left = Promise.withResolvers();
      await this.#left.promise;
    }
    this.#memory.dispose();
  }

  /** Ends those that are left. A handler that hangs on something else goes on. */
  cut(): void {
    const reason = new ClosedError(
      "Cannot go on: the shutdown of the server timed out",
    );
    for (const client of [...this.#all]) client.cut(reason);
  }

  /** The counts of the drain so far. */
  get report(): ShutdownReport {
    return { ...this.#outcomes };
  }
}
