/**
 * The life of a socket: what its states are, and how one leads to the next.
 *
 * @module
 */

import {
  BrokenError,
  BusyError,
  ClosedError,
  LimitError,
  SocketError,
  TimeoutError,
  TlsError,
} from "../errors.ts";
import { Alarm, type AlarmListener } from "../time/coarse_timer.ts";
import { type CallOptions, checkCall, watchCall } from "../time/call_limits.ts";
import { acceptTls } from "../transport/accept_tls.ts";
import { startTls } from "../transport/start_tls.ts";
import type { TlsTransport, Transport } from "../transport/options.ts";
import { translateError } from "../transport/translate_error.ts";
import type { Flow, ThrottledFlow } from "../traffic/throttled_flow.ts";
import { detachedTransport } from "./_detached_transport.ts";
import type { Ends, Link } from "./_link.ts";
import { Pace } from "./_pace.ts";
import { Reader } from "./_reader.ts";
import { throttleOf } from "./_throttle.ts";
import { Traffic } from "./_traffic.ts";
import { Writer } from "./_writer.ts";
import { observed } from "./observed.ts";
import type { SocketOptions, SocketTimeouts } from "./options.ts";
import type { AcceptTlsOptions, StartTlsOptions } from "./start_tls_options.ts";

/**
 * ```text
 *               close()               sent, peer ended, or time over
 *        open ----------> closing ----------------------------------> closed
 *         | |                |                                           ^
 *         | +----------------+--------- abort(), idle limit -------------+
 *         |                  |
 *         +------------------+-- a read fails --> broken
 *         |
 *         +-- detach() --> detached
 * ```
 *
 * The end of the peer's side, of this one, and a failed write are not states of
 * the connection but of its reader and its writer: each half goes on without the
 * other.
 */
type State = "open" | "closing" | "closed" | "broken" | "detached";

/** What has to do with the end. Made on first use: most of a life goes without. */
interface Ending {
  /** What `close` gives. */
  closing?: Promise<void>;
  /** Why the connection ended; the reason of `signal`. */
  reason?: unknown;
  /** Bytes were accepted and never left; `close` says so. */
  lost?: SocketError;
  closed?: PromiseWithResolvers<void>;
  controller?: AbortController;
}

/** The two halves of a socket, its limits and its end. */
export class Connection implements Link, AlarmListener {
  readonly transport: Transport;
  readonly flow: Flow;
  readonly traffic: Traffic = new Traffic();
  readonly reader: Reader;
  readonly writer: Writer;
  readonly options: SocketOptions;
  #state: State = "open";
  #idle: Alarm | undefined;
  #ending: Ending | undefined;

  constructor(transport: Transport, options: SocketOptions) {
    this.transport = transport;
    this.flow = throttleOf(transport, options) ?? transport;
    this.options = options;
    this.writer = new Writer(this);
    this.reader = new Reader(this);
    this.limit(options);
    const { minReadBytesPerSecond = 0, minReadWindowMs = 5_000 } = options;
    if (minReadBytesPerSecond > 0) {
      const onSlow = () => this.#cutSlow(minReadBytesPerSecond);
      this.reader.setPace(
        new Pace(this.traffic, minReadBytesPerSecond, minReadWindowMs, onSlow),
      );
    }
  }

  #cutSlow(limit: number): void {
    const error = new LimitError(
      "minReadBytesPerSecond",
      limit,
      `Cannot go on as the peer must send at least ${limit} bytes a second: it sends fewer`,
      this.ends(),
    );
    this.#cut("closed", error);
  }

  get #hasEnded(): boolean {
    return this.#state !== "open" && this.#state !== "closing";
  }

  get closed(): Promise<void> {
    const ending = this.#ending ??= {};
    if (ending.closed === undefined) {
      ending.closed = Promise.withResolvers();
      if (this.#hasEnded) ending.closed.resolve();
    }
    return ending.closed.promise;
  }

  get signal(): AbortSignal {
    const ending = this.#ending ??= {};
    if (ending.controller === undefined) {
      ending.controller = new AbortController();
      if (this.#hasEnded) ending.controller.abort(ending.reason);
    }
    return ending.controller.signal;
  }

  // ---- what the halves ask ------------------------------------------------

  ends(): Ends {
    const { localAddr, remoteAddr } = this.transport;
    return { localAddr, remoteAddr };
  }

  get unreadBytes(): number {
    return this.reader.queue.length;
  }

  beforeWait(): void {
    this.writer.send();
  }

  onActivity(): void {
    if (this.#idle !== undefined && !this.#hasEnded) this.#idle.arm();
  }

  onReadFailure(cause: unknown): void {
    if (this.#hasEnded) return;
    this.#cut("broken", this.translate("read", cause));
  }

  translate(operation: string, error: unknown): SocketError {
    const ends = this.ends();
    const translated = translateError(error, { operation, ...ends });
    if (translated instanceof SocketError) return translated;
    // A transport that throws anything else is broken as well.
    return new BrokenError(
      "other",
      `Cannot ${operation} as the transport failed`,
      { operation, cause: translated, ...ends },
    );
  }

  // ---- limits -------------------------------------------------------------

  limit({ readMs, writeMs, idleMs }: SocketTimeouts): void {
    if (this.#hasEnded) return;
    if (readMs !== undefined) this.reader.limitMs = readMs;
    if (writeMs !== undefined) this.writer.limitMs = writeMs;
    if (idleMs === undefined) return;
    if (idleMs === Infinity && this.#idle === undefined) return;
    this.#idle ??= new Alarm(this);
    this.#idle.limitMs = idleMs;
    this.#idle.arm();
  }

  /** Nothing has moved for too long. */
  onAlarm({ limitMs }: Alarm): void {
    this.#cut("closed", new TimeoutError("stay idle", limitMs, this.ends()));
  }

  // ---- ending -------------------------------------------------------------

  closeWrite(): Promise<void> {
    const over = this.#state === "closed" || this.#state === "detached";
    return over ? Promise.resolve() : this.writer.end();
  }

  close(): Promise<void> {
    const ending = this.#ending ??= {};
    return ending.closing ??= observed(this.#close());
  }

  async #close(): Promise<void> {
    let failure: unknown;
    if (this.#hasEnded) {
      // `lost` may have something to say.
    } else if (this.#closeEndsBoth && this.writer.isIdle) {
      this.#end("closed", this.#closedError());
    } else {
      const { reader, writer } = this;
      const closed = this.#closedError();
      this.#state = "closing";
      reader.close(closed);
      const { closeTimeoutMs = 5_000 } = this.options;
      const onAlarm = () => {
        if (writer.pendingBytes > 0) {
          failure = new TimeoutError("close", closeTimeoutMs, this.ends());
        }
        this.#end("closed", closed);
      };
      const alarm = new Alarm({ onAlarm });
      alarm.limitMs = closeTimeoutMs;
      alarm.arm();
      try {
        await writer.end(this.#closeEndsBoth);
        // A close with unread input resets the connection, and the peer could lose
        // what it has not yet read.
        await reader.discard();
      } catch (error) {
        if (writer.failure === error && this.#state === "closing") {
          failure = error;
        }
      } finally {
        alarm.dispose();
        this.#end("closed", closed);
      }
    }
    failure ??= this.#ending?.lost;
    if (failure !== undefined) throw failure;
  }

  /**
   * Whether closing the transport will end this side as well as `closeWrite` would:
   * the peer has ended its own, so there is nothing to wait for. TLS says goodbye.
   */
  get #closeEndsBoth(): boolean {
    return this.reader.ended && this.tls === undefined;
  }

  abort(reason?: unknown): void {
    if (this.#hasEnded) return;
    const error = this.#closedError(reason);
    this.#end("closed", error, reason ?? error);
  }

  /** Ends it against the will of its owner, who may lose what was written. */
  #cut(state: State, error: SocketError): void {
    if (this.writer.pendingBytes > 0) (this.#ending ??= {}).lost = error;
    this.#end(state, error);
  }

  #end(state: State, error: SocketError, reason: unknown = error): void {
    if (this.#hasEnded) return;
    this.#enter(state, reason);
    if (state === "broken") this.reader.fail(error);
    else this.reader.close(error);
    this.writer.fail(error);
    try {
      this.transport.close();
    } catch {
      // Closed already, by whoever made the transport: the aim is reached.
    }
    if (this.flow !== this.transport) (this.flow as ThrottledFlow).stop();
    this.#tell();
  }

  /** Goes into a state that is never left. */
  #enter(state: State, reason: unknown): void {
    this.#state = state;
    (this.#ending ??= {}).reason = reason;
    this.#idle?.dispose();
  }

  #tell(): void {
    const { closed, controller, reason } = this.#ending!;
    closed?.resolve();
    controller?.abort(reason);
  }

  #closedError(cause?: unknown): ClosedError {
    return new ClosedError(
      "Cannot use the socket as it must be open: this side closed it",
      { ...this.ends(), ...(cause === undefined ? {} : { cause }) },
    );
  }

  /** The transport, where it speaks TLS. */
  get tls(): TlsTransport | undefined {
    const { transport } = this;
    return "alpnProtocol" in transport ? transport as TlsTransport : undefined;
  }

  startTls(
    { signal, timeoutMs, deadline, ...tls }: StartTlsOptions,
  ): Promise<Transport> {
    const limits = { signal, timeoutMs, deadline };
    return this.#upgrade(
      limits,
      (transport, signal) => startTls(transport, { ...tls, signal }),
    );
  }

  acceptTls(
    { signal, timeoutMs, deadline, ...tls }: AcceptTlsOptions,
  ): Promise<Transport> {
    const limits = { signal, timeoutMs, deadline };
    return this.#upgrade(
      limits,
      (transport, signal) => acceptTls(transport, { ...tls, signal }),
    );
  }

  /** Hands the transport to TLS. Nothing of the plain text may be left over. */
  async #upgrade(
    limits: CallOptions,
    shake: (transport: Transport, signal: AbortSignal) => Promise<Transport>,
  ): Promise<Transport> {
    const { signal, timeoutMs = 10_000, deadline } = limits;
    const bounded = { signal, timeoutMs, deadline };
    checkCall("start TLS", bounded);
    this.reader.check("start TLS");
    if (this.unreadBytes > 0) {
      throw new TlsError(
        "plaintext",
        `Cannot start TLS as everything received in the clear must be read: ${this.unreadBytes} bytes are not`,
        { operation: "start TLS", ...this.ends() },
      );
    }
    if (this.reader.reading) {
      throw new BusyError(
        "Cannot start TLS as no read may be in flight: one that was cut off still is",
        { operation: "start TLS", ...this.ends() },
      );
    }
    await this.writer.flush(bounded);
    const controller = new AbortController();
    const unwatch = watchCall(
      "start TLS",
      bounded,
      (reason) => controller.abort(reason),
    );
    try {
      return await shake(this.detach().transport, controller.signal);
    } finally {
      unwatch();
    }
  }

  detach(): { transport: Transport; unread: Uint8Array } {
    const { reader, writer } = this;
    reader.check("detach");
    writer.check("detach");
    if (writer.pendingBytes > 0) {
      throw new BusyError(
        `Cannot detach as everything written must be sent: ${writer.pendingBytes} bytes are not`,
        { operation: "detach", ...this.ends() },
      );
    }
    const unread = reader.queue.takeAll();
    const transport = reader.reading
      ? detachedTransport(this.transport, reader)
      : this.transport;
    const error = this.#closedError();
    this.#enter("detached", error);
    reader.leave(error);
    writer.fail(error);
    this.#tell();
    return { transport, unread };
  }
}
