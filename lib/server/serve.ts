/**
 * A server: a handler for every client, limits, and a drain.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { ClosedError, TimeoutError } from "../errors.ts";
import { checkNumber } from "../socket/options.ts";
import { Socket } from "../socket/socket.ts";
import { waitWithin } from "../time/call_limits.ts";
import { bind } from "../transport/bind.ts";
import type { AcceptedTransport } from "../transport/options.ts";
import { translateError } from "../transport/translate_error.ts";
import { AcceptLoop } from "./_accept_loop.ts";
import { Admission } from "./_admission.ts";
import { EventSink, guard, isDeparture } from "./_events.ts";
import { MemoryGuard } from "./_memory_guard.ts";
import { onTermination } from "./_signals.ts";
import type { RejectionReason, ServerEvent, ServerStats } from "./events.ts";
import {
  checkServeOptions,
  type Handler,
  type ServeContext,
  type ServeOptions,
  type ShutdownReport,
} from "./serve_options.ts";

/**
 * Serves clients: each gets a socket and a run of `handler`.
 *
 * When the handler returns, the socket is closed gracefully. When it throws, the
 * socket is aborted, `onError` hears of it, and the server goes on. Neither a
 * client nor a shortage of descriptors ends the server.
 *
 * `hostname` is `127.0.0.1` by default, not every interface: reaching the world is
 * something one writes down.
 *
 * @param options Where, and within which limits.
 * @param handler Takes care of one client.
 * @throws {TypeError} An option is of the wrong type.
 * @throws {RangeError} An option is out of range.
 * @throws {BrokenError} The address is in use or not this machine's.
 * @throws {PermissionError} Deno denies it; the message says which flag is missing.
 *
 * @example
 * ```ts
 * import { connect, framed, lines, serve } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0 }, async (socket) => {
 *   const connection = framed(socket, lines());
 *   for await (const line of connection) await connection.send(`you said ${line}`);
 * });
 *
 * const { port } = server.addr as Deno.NetAddr;
 * await using client = await connect({ port });
 * await client.write("hello\n");
 * assertEquals(await client.readLine(), "you said hello");
 * ```
 */
export function serve(options: ServeOptions, handler: Handler): Server {
  checkServeOptions(options, handler);
  options.signal?.throwIfAborted();
  return new Server(options, handler);
}

/**
 * A running server. Made by {@linkcode serve}; `await using` drains it.
 *
 * ```text
 *           serve()            shutdown(), signal         handlers done, or deadline
 * (nothing) ------> serving ---------------------> draining ------------------> closed
 *                   |     ^
 *         suspend() v     | resume()
 *                  suspended
 * ```
 */
export class Server implements AsyncDisposable {
  readonly #options: ServeOptions;
  readonly #handler: Handler;
  readonly #loop: AcceptLoop;
  readonly #admission: Admission;
  readonly #memory: MemoryGuard;
  readonly #events: EventSink;
  readonly #draining = new AbortController();
  readonly #context: ServeContext = { signal: this.#draining.signal };
  readonly #sockets = new Set<Socket>();
  /** Clients in their TLS handshake: no handler knows them yet. */
  readonly #handshakes = new Set<AcceptedTransport>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #counts = { accepted: 0, rejected: 0, failed: 0, acceptErrors: 0 };
  #bytesRead = 0;
  #bytesWritten = 0;
  #empty: PromiseWithResolvers<void> | undefined;
  #shutdown: Promise<ShutdownReport> | undefined;
  #aborted = 0;
  #isCut = false;
  #unlisten: (() => void) | undefined;
  readonly #onAbort = () => {
    this.shutdown();
  };

  /** Use {@linkcode serve}. */
  constructor(options: ServeOptions, handler: Handler) {
    this.#options = options;
    this.#handler = handler;
    this.#events = new EventSink(this, options.onEvent);
    this.#admission = new Admission(options);
    this.#loop = new AcceptLoop(bind(options), (error, retryMs) => {
      this.#counts.acceptErrors++;
      this.#emit({ type: "accept-error", error, retryMs });
    });
    // Behind what may throw, as it has to be disposed.
    this.#memory = new MemoryGuard(
      this.#sockets,
      options.maxBufferedBytes ?? 1024 ** 3,
    );
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.drainOnSignals) {
      this.#unlisten = onTermination(
        () => this.shutdown(),
        () => this.shutdown({ timeoutMs: 0 }),
      );
    }
    this.#accept();
  }

  /** Where clients connect to; the port is the real one, also after port 0. */
  get addr(): Addr {
    return this.#loop.addr;
  }

  /**
   * Resolves when clients can connect, which is at once but for a Unix socket whose
   * file is there already: then somebody has to ask whether it is stale. When it
   * rejects and nobody listens to it, the process ends, as with any server that
   * cannot start.
   *
   * @throws {BrokenError} The address is in use.
   */
  get ready(): Promise<void> {
    return this.#loop.ready;
  }

  /** Counters since the server began. */
  get stats(): ServerStats {
    let bytesRead = this.#bytesRead;
    let bytesWritten = this.#bytesWritten;
    for (const { stats } of this.#sockets) {
      bytesRead += stats.bytesRead;
      bytesWritten += stats.bytesWritten;
    }
    return {
      active: this.#sockets.size,
      ...this.#counts,
      bytesRead,
      bytesWritten,
    };
  }

  /** Resolves when the server has ended. Never rejects. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Stops accepting; clients wait in the system's backlog. Handlers go on. */
  suspend(): void {
    this.#loop.suspend();
  }

  /** Accepts again. */
  resume(): void {
    this.#loop.resume();
  }

  async #accept(): Promise<void> {
    while (true) {
      const room = this.#admission.room();
      if (room !== undefined) {
        await room;
        if (this.#loop.closed) break;
        continue;
      }
      // Only an address that cannot be had rejects, and `ready` tells of it.
      let transport: AcceptedTransport | undefined;
      try {
        transport = await this.#loop.next();
      } catch {
        break;
      }
      if (transport === undefined) break;
      if (this.#loop.closed) {
        // It came in the moment in which the drain began, which counts without it.
        transport.close();
        break;
      }
      const reason = this.#admission.enter(transport.remoteAddr);
      if (reason === undefined) this.#serve(transport);
      else this.#reject(transport, reason);
    }
    // The listener ended: by `shutdown`, or because it was closed from outside.
    this.shutdown();
  }

  #reject(transport: AcceptedTransport, reason: RejectionReason): void {
    const { remoteAddr } = transport;
    transport.close();
    this.#counts.rejected++;
    this.#emit({ type: "rejected", reason, remoteAddr });
  }

  #serve(transport: AcceptedTransport): void {
    if (transport.handshake !== undefined) this.#serveTls(transport);
    else this.#handle(new Socket(transport, this.#options));
  }

  async #serveTls(transport: AcceptedTransport): Promise<void> {
    const done = await this.#handshake(transport);
    if (done) this.#handle(new Socket(transport, this.#options));
    else this.#leave(transport.remoteAddr);
  }

  #leave(remoteAddr: Addr): void {
    this.#admission.leave(remoteAddr);
    if (this.#admission.active === 0) this.#empty?.resolve();
  }

  async #handshake(transport: AcceptedTransport): Promise<boolean> {
    const { handshakeTimeoutMs = 10_000 } = this.#options;
    this.#handshakes.add(transport);
    try {
      await waitWithin("handshake", transport.handshake!(), {
        timeoutMs: handshakeTimeoutMs,
      });
      const { remoteAddr, alpnProtocol = null } = transport;
      this.#emit({ type: "tls", remoteAddr, alpnProtocol });
      return true;
    } catch (error) {
      const { remoteAddr, localAddr } = transport;
      try {
        transport.close();
      } catch {
        // The failed handshake has closed it already.
      }
      this.#counts.rejected++;
      this.#emit({
        type: "tls-failed",
        error: translateError(error, {
          operation: "handshake",
          localAddr,
          remoteAddr,
        }),
        remoteAddr,
      });
      return false;
    } finally {
      this.#handshakes.delete(transport);
    }
  }

  #handle(socket: Socket): void {
    this.#sockets.add(socket);
    this.#memory.watch();
    this.#counts.accepted++;
    this.#emit({ type: "accepted", socket });
    try {
      const handled = Promise.resolve(this.#handler(socket, this.#context));
      // What waits for each idle client should be little: one function for any outcome.
      const settle = this.#settle.bind(this, socket, handled);
      handled.then(settle, settle);
    } catch (error) {
      this.#fail(socket, error);
    }
  }

  #settle(socket: Socket, handled: Promise<void>): void {
    handled.then(
      () => this.#close(socket),
      (error) => this.#fail(socket, error),
    );
  }

  async #close(socket: Socket): Promise<void> {
    try {
      await socket[Symbol.asyncDispose]();
    } catch (error) {
      return this.#fail(socket, error);
    }
    this.#end(socket);
  }

  #fail(socket: Socket, error: unknown): void {
    socket.abort(error);
    this.#counts.failed++;
    this.#report(error, socket);
    this.#end(socket);
  }

  #end(socket: Socket): void {
    this.#sockets.delete(socket);
    const { bytesRead, bytesWritten, openedAt } = socket.stats;
    this.#bytesRead += bytesRead;
    this.#bytesWritten += bytesWritten;
    this.#leave(socket.remoteAddr);
    if (!this.#events.heard) return;
    this.#emit({
      type: "closed",
      remoteAddr: socket.remoteAddr,
      bytesRead,
      bytesWritten,
      durationMs: Date.now() - openedAt,
    });
  }

  #report(error: unknown, socket: Socket): void {
    const { onError } = this.#options;
    this.#emit(
      error instanceof TimeoutError
        ? { type: "timeout", error, socket }
        : { type: "error", error, socket },
    );
    if (onError !== undefined) {
      guard(() => onError(error, socket));
    } else if (
      error !== this.#draining.signal.reason && !isDeparture(error, socket)
    ) {
      // deno-lint-ignore no-console -- the default of `onError`, as in Deno.serve
      console.error(error);
    }
  }

  #emit(event: ServerEvent): void {
    if (this.#events.heard) this.#events.tell(event);
  }

  /**
   * Stops accepting, lets handlers finish, and cuts at the deadline what is left.
   * When it resolves, the address can be bound again. A second call gets the same
   * report; its shorter time limit counts.
   *
   * @param options `timeoutMs` replaces `shutdownTimeoutMs`; 0 cuts at once.
   * @throws {RangeError} `timeoutMs` is out of range.
   */
  async shutdown(
    options: { timeoutMs?: number } = {},
  ): Promise<ShutdownReport> {
    const timeoutMs = options.timeoutMs ?? this.#options.shutdownTimeoutMs ??
      15_000;
    checkNumber("shut down", "timeoutMs", timeoutMs, 0);
    this.#shutdown ??= this.#drain();
    const done = await waitWithin("shut down", this.#shutdown, {
      timeoutMs: Math.max(timeoutMs, 1),
    }).catch(() => undefined);
    if (done === undefined) this.#cut();
    return this.#shutdown;
  }

  async #drain(): Promise<ShutdownReport> {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    const free = this.#loop.close();
    this.#admission.wake();
    const active = this.#admission.active;
    this.#emit({ type: "drain", active });
    this.#draining.abort(
      new ClosedError(
        "Cannot go on as the server must be serving: it is draining",
      ),
    );
    await free;
    if (this.#admission.active > 0 && !this.#isCut) {
      this.#empty = Promise.withResolvers();
      await this.#empty.promise;
    }
    this.#memory.dispose();
    this.#unlisten?.();
    this.#closed.resolve();
    return { completed: active - this.#aborted, aborted: this.#aborted };
  }

  /** The deadline passed: whoever is left is cut, and nobody is waited for. */
  #cut(): void {
    // Several calls of `shutdown` may see their time over in the same tick.
    if (this.#isCut) return;
    this.#isCut = true;
    const left = [...this.#sockets];
    this.#aborted += left.length + this.#handshakes.size;
    for (const transport of this.#handshakes) transport.close();
    const reason = new ClosedError(
      "Cannot go on as the server must be serving: its time to drain is over",
    );
    for (const socket of left) socket.abort(reason);
    // A handler that hangs on something else would hold the server for ever.
    this.#empty?.resolve();
  }

  /** Drains, as {@linkcode Server.shutdown}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}
