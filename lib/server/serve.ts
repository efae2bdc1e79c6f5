/**
 * A server: a handler for every client, limits, and a graceful shutdown.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { sleep } from "../time/sleep.ts";
import { closeQuietly } from "../transport/close_quietly.ts";
import { bind, bindPlain } from "../transport/bind.ts";
import type {
  AcceptedTransport,
  Acceptor,
  AcceptorOptions,
  DescriptorBindOptions,
  NewCertificate,
  TcpBindOptions,
  UnixBindOptions,
} from "../transport/options.ts";
import { AcceptLoop } from "./_accept_loop.ts";
import type { AdmissionOptions } from "./_admission.ts";
import { Clients } from "./_clients.ts";
import { EventSink } from "./_events.ts";
import { ProxyGate } from "./_proxy_gate.ts";
import { onTermination, shutdownWithin } from "./termination.ts";
import type { ServerStats } from "./events.ts";
import { checkServeOptions, checkShutdownOptions } from "./check_options.ts";
import type {
  Handler,
  ServeOptions,
  ServerConnection,
  ServerOptions,
  ShutdownOptions,
  ShutdownReport,
} from "./serve_options.ts";

/** Longest that a server waits for clients that have just come, before it drains. */
const HANDOVER_MS = 1_000;
const LOOK_EVERY_MS = 10;

/**
 * Serves clients: each gets a socket and a run of `handler`.
 *
 * When the handler returns, the socket is closed gracefully. When it throws, the
 * socket is aborted, `onError` is called, and the server goes on. How the peer sees that
 * is up to the system: a reset where input is left unread, otherwise an end of the
 * stream like any other, so say in your protocol when an answer is complete. Neither a
 * client nor a shortage of descriptors ends the server.
 *
 * The connection belongs to the server, also when the handler starts TLS on it. What
 * the handler takes out of its socket by `detach` is its own from then on.
 *
 * `hostname` is `127.0.0.1` by default; with `"0.0.0.0"` or `"::"` other machines can
 * connect.
 *
 * @param options Where, and within which limits.
 * @param handler Handles one client.
 * @throws {TypeError} An option is of the wrong type, or unknown.
 * @throws {RangeError} An option is out of range.
 * @throws {BrokenError} The address is in use or not this machine's, or there is no such
 * descriptor.
 * @throws {PermissionError} Deno denies it; the message says which flag is missing.
 * @category Servers
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
 * await using client = await connect({ port: server.addr.port });
 * await client.write("hello\n");
 * assertEquals(await client.readLine(), "you said hello");
 * ```
 */
export function serve<A extends Addr>(
  options: AcceptorOptions<A> & ServerOptions,
  handler: Handler,
): Server<A>;
/**
 * Serves on a port.
 *
 * @category Servers
 */
export function serve(
  options: TcpBindOptions & ServerOptions,
  handler: Handler,
): Server<Deno.NetAddr>;
/**
 * Serves on a Unix socket.
 *
 * @category Servers
 */
export function serve(
  options: UnixBindOptions & ServerOptions,
  handler: Handler,
): Server<Deno.UnixAddr>;
/**
 * Serves on one of these, or on a socket that another process has opened.
 *
 * @category Servers
 */
export function serve(
  options:
    & (TcpBindOptions | UnixBindOptions | DescriptorBindOptions)
    & ServerOptions,
  handler: Handler,
): Server<Deno.NetAddr | Deno.UnixAddr>;
/**
 * Serves on what is known at run time only.
 *
 * @category Servers
 */
export function serve(options: ServeOptions, handler: Handler): Server;
export function serve(options: ServeOptions, handler: Handler): Server {
  options = checkServeOptions(options, handler);
  options.signal?.throwIfAborted();
  const { proxyProtocol } = options;
  if (proxyProtocol === undefined) {
    return new Server(bind(options), options, handler);
  }
  const { acceptor, secure, setCertificate } = bindPlain(options);
  const proxies = new ProxyGate(proxyProtocol, secure);
  return new Server(acceptor, options, handler, proxies, setCertificate);
}

/**
 * A running server. Made by {@linkcode serve}; `await using` shuts it down gracefully.
 *
 * ```text
 *           serve()            shutdown(), signal         handlers done, or cut
 * (nothing) ------> serving ---------------------> draining ------------------> closed
 *                   |     ^
 *         suspend() v     | resume()
 *                  suspended
 * ```
 *
 * @category Servers
 */
export class Server<A extends Addr = Addr> implements AsyncDisposable {
  readonly #options: ServerOptions;
  readonly #events: EventSink;
  readonly #clients: Clients;
  readonly #loop: AcceptLoop<A>;
  readonly #closed = Promise.withResolvers<void>();
  readonly #setCertificate: Acceptor["setCertificate"];
  /** Aborts when what is left of the clients is cut. */
  readonly #cut = new AbortController();
  #acceptErrors = 0;
  #shutdown: PromiseWithResolvers<ShutdownReport> | undefined;
  #ignoreSignals: (() => void) | undefined;
  readonly #onAbort = () => void this.shutdown();

  /** Use {@linkcode serve}. */
  constructor(
    acceptor: Acceptor<A>,
    options: ServerOptions,
    handler: Handler,
    proxies?: ProxyGate,
    setCertificate: Acceptor["setCertificate"] = acceptor.setCertificate?.bind(
      acceptor,
    ),
  ) {
    this.#setCertificate = setCertificate;
    this.#options = options;
    this.#events = new EventSink(this, options.onEvent);
    const clients = this.#clients = new Clients(
      options,
      handler,
      this.#events,
      proxies,
    );
    this.#loop = new AcceptLoop(acceptor, {
      onAcceptError: (error, retryMs) => this.#onAcceptError(error, retryMs),
      onCloseError: (error) => clients.emit({ type: "close-error", error }),
    });
    if (options.drainOnSignals) this.#drainOnSignals();
    options.signal?.addEventListener("abort", this.#onAbort);
    this.#accept();
  }

  /** Where clients connect to; the port is the real one, also after port 0. */
  get addr(): A {
    return this.#loop.addr;
  }

  /**
   * Resolves when clients can connect, which is at once but for a Unix socket whose
   * file is there already: then it takes asking whether the file is stale. When it
   * rejects and that is not handled, the process ends, as with any server that cannot
   * start.
   *
   * @throws {BrokenError} The address is in use.
   */
  get ready(): Promise<void> {
    return this.#loop.ready;
  }

  /** Counters since the server began, and what is open now. */
  get stats(): ServerStats {
    return { ...this.#clients.stats, acceptErrors: this.#acceptErrors };
  }

  /**
   * The connections that are open now, oldest first: to count them, to send something to
   * each, or to cut some with `socket.abort`.
   */
  get connections(): ServerConnection[] {
    return [...this.#clients.connections()];
  }

  /**
   * Other limits for clients that come from now on; those that are left out stay. So an
   * address can be banned without a restart. Connections that are open stay open, until
   * they are aborted: see {@linkcode Server.connections}.
   *
   * @param options The limits that change. A list replaces the one before.
   * @throws {TypeError} One is of the wrong type, or unknown; nothing has changed then.
   * @throws {RangeError} One is out of range.
   *
   * @example Ban an address
   * ```ts
   * import { serve } from "@sluice/net";
   *
   * await using server = serve({ port: 0 }, () => {});
   * server.update({ deny: ["192.0.2.7"] });
   * for (const { socket } of server.connections) {
   *   const addr = socket.remoteAddr;
   *   if ("hostname" in addr && addr.hostname === "192.0.2.7") socket.abort();
   * }
   * ```
   */
  update(options: AdmissionOptions): void {
    this.#clients.update(options);
  }

  /**
   * Another certificate for handshakes that begin from now on: one lives for weeks, and
   * renewing it takes no restart. Connections that are open keep theirs. The server must
   * have `tls` with `renewable: true`, or with anything else that runs on `node:tls`.
   *
   * @param certificate Certificate and key; `clientCaCerts` stay where they are left out.
   * @throws {TypeError} Something of it is of the wrong kind, or the server cannot change
   * its certificate. The old one stays.
   * @throws {TlsError} Certificate and key cannot be used. The old ones stay.
   *
   * @example Read them again at SIGHUP
   * ```ts ignore
   * Deno.addSignalListener("SIGHUP", async () => {
   *   const [cert, key] = await Promise.all(paths.map((path) => Deno.readTextFile(path)));
   *   server.setCertificate({ cert, key });
   * });
   * ```
   */
  setCertificate(certificate: NewCertificate): void {
    if (this.#setCertificate === undefined) {
      throw new TypeError(
        "Cannot set a certificate: the server must speak TLS with renewable: true, got one that keeps its own",
      );
    }
    this.#setCertificate(certificate);
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

  /** Lets the server keep the process alive, as it does from the start. */
  ref(): void {
    this.#loop.ref();
  }

  /**
   * Lets the process end while the server only waits for clients. Connections are not
   * touched: while one is open the process goes on, unless its socket is unref'd too.
   * On a TLS listener it has no effect (Deno 2.9).
   */
  unref(): void {
    this.#loop.unref();
  }

  async #accept(): Promise<void> {
    const [loop, clients] = [this.#loop, this.#clients];
    if (this.#options.telemetry) await this.#startTelemetry();
    while (!loop.closed) {
      const room = clients.room();
      if (room !== undefined) {
        await room;
        continue;
      }
      let transport: AcceptedTransport | undefined;
      try {
        transport = await loop.next();
      } catch {
        // An address that cannot be had, and `ready` tells of it.
      }
      if (transport === undefined) break;
      // It came in the moment in which the drain began, which counts without it.
      if (loop.closed) closeQuietly(transport);
      else this.#admit(transport);
    }
    // The loop may have ended by itself: the acceptor was closed from outside.
    if (this.#shutdown === undefined) this.shutdown();
  }

  #admit(transport: AcceptedTransport): void {
    try {
      this.#clients.admit(transport);
    } catch (error) {
      // A transport of the user's that does not say where it comes from.
      closeQuietly(transport);
      this.#onAcceptError(error, 0);
    }
  }

  #onAcceptError(error: unknown, retryMs: number): void {
    this.#acceptErrors++;
    this.#clients.emit({ type: "accept-error", error, retryMs });
  }

  /** Before the first client comes: there is no event that it does not follow. */
  async #startTelemetry(): Promise<void> {
    // Other servers do without the code.
    const { ServerTelemetry } = await import("./_server_telemetry.ts");
    const telemetry = new ServerTelemetry(this.addr, () => this.stats);
    const [events, clients] = [this.#events, this.#clients];
    events.telemetry = telemetry;
    clients.handler = telemetry.wrap(clients.handler);
    this.closed.then(() => telemetry.end());
  }

  /**
   * Shuts down gracefully: stops accepting, cuts TLS handshakes, ends what waits for a
   * next frame, lets handlers finish, and cuts what is left when the time is over. It
   * resolves when the last connection has ended, and at the limit at the latest (a
   * quarter of a second later where an acceptor that was given does not stop); then the
   * address can be bound again. With `listenFd` clients that came within the last second
   * and have not said anything are given a second before that, as another process goes on
   * with the socket.
   *
   * A further call gets the same report; limits that it gives count too.
   *
   * Cancellation: a limit, `signal` included, cuts the connections that are left. The
   * call then resolves, and the report says how many those were. Handlers that hang on
   * something else than their socket are not waited for.
   *
   * @param options When to cut; by default `shutdownTimeoutMs` after the first call.
   * @throws {TypeError} A limit is of the wrong type.
   * @throws {RangeError} `timeoutMs` is out of range.
   *
   * @example
   * ```ts
   * import { serve } from "@sluice/net";
   * import { assertEquals } from "@std/assert";
   *
   * const server = serve({ port: 0 }, (socket) => socket.write("welcome\n"));
   * const report = await server.shutdown({ timeoutMs: 5_000 });
   * assertEquals(report, { completed: 0, aborted: 0, handshakes: 0 });
   * ```
   */
  async shutdown(options: ShutdownOptions = {}): Promise<ShutdownReport> {
    checkShutdownOptions(options);
    const { deadline, signal } = options;
    let { timeoutMs } = options;
    if (this.#shutdown === undefined) {
      // First, as hooks and handlers may call this again.
      this.#shutdown = Promise.withResolvers();
      if (deadline === undefined) {
        timeoutMs ??= this.#options.shutdownTimeoutMs ?? 15_000;
      }
      this.#drain(timeoutMs).then(this.#shutdown.resolve);
    }
    const limits = { timeoutMs, deadline, signal };
    return await shutdownWithin(this.#shutdown.promise, limits, () => {
      this.#cut.abort();
      this.#clients.cut();
    });
  }

  async #drain(timeoutMs = Infinity): Promise<ShutdownReport> {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    const clients = this.#clients;
    clients.beginReport();
    // Half of the time is left for what the drain itself takes.
    if (this.#loop.canStop) {
      await this.#handOver(Math.min(HANDOVER_MS, timeoutMs / 2));
    }
    const drained = Promise.all([this.#loop.close(), clients.drain()]);
    // Those that came after the cut, while the socket was handed over.
    if (this.#cut.signal.aborted) clients.cut();
    await drained;
    this.#ignoreSignals?.();
    this.#closed.resolve();
    return clients.report;
  }

  /**
   * Another process goes on with the listening socket, and gets the clients that come from
   * now on. Those that this one has accepted already, or heard nothing of so far, are served
   * before the drain begins, which would end them: they could not know that it takes another
   * attempt.
   */
  async #handOver(limitMs: number): Promise<void> {
    const { signal } = this.#cut;
    const deadline = performance.now() + limitMs;
    this.#loop.stop();
    while (!signal.aborted && performance.now() < deadline) {
      if (this.#loop.closed && !this.#clients.hasNewerThan(HANDOVER_MS)) return;
      await sleep(LOOK_EVERY_MS, { signal }).catch(() => {});
    }
  }

  #drainOnSignals(): void {
    try {
      this.#ignoreSignals = onTermination(
        () => this.shutdown(),
        () => this.shutdown({ timeoutMs: 0 }),
      );
    } catch (error) {
      this.#loop.close();
      throw error;
    }
  }

  /** Shuts down, as {@linkcode Server.shutdown}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}
