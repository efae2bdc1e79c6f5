/**
 * The life of a connection: its states, how it ends, and how it goes on over TLS.
 *
 * A connection owns its transport and two halves. It decides when the transport is closed,
 * and what each half is told then. Everything else a half does by itself: the end of the
 * peer's stream, the end of this side's, and a failed write are states of a half, and the
 * other half goes on.
 *
 * An upgrade to TLS changes the transport below the halves and nothing else: the socket,
 * its limits, its counters, a framing on top of it and its owner stay.
 *
 * @module
 */

import { isA, messageOf } from "../_check.ts";
import {
  BrokenError,
  BusyError,
  LimitError,
  SocketError,
  TimeoutError,
  TlsError,
} from "../errors.ts";
import {
  type CallOptions,
  checkCall,
  checkCallNames,
  waitWithin,
  watchCall,
} from "../time/call_limits.ts";
import {
  Alarm,
  type AlarmListener,
  type AlarmOptions,
} from "../time/coarse_timer.ts";
import { checkEnds } from "../time/deadline.ts";
import {
  type Flow,
  type ThrottledFlow,
  throttleFlow,
} from "../traffic/throttled_flow.ts";
import { closeQuietly, quietly } from "../transport/close_quietly.ts";
import type {
  AcceptedTransport,
  TlsTransport,
  Transport,
} from "../transport/options.ts";
import { translateError, whereOf } from "../transport/translate_error.ts";
import {
  acceptTls,
  checkAcceptTls,
  checkStartTls,
  startTls,
} from "../transport/upgrade_tls.ts";
import type {
  Addresses,
  ConnectionContext,
  Tap,
} from "./_connection_context.ts";
import { ClosedReason, type EndReason } from "./_end_reason.ts";
import { MinimumRate } from "./_io_limits.ts";
import { observed } from "./observed.ts";
import type {
  AcceptTlsOptions,
  SocketOptions,
  SocketTimeouts,
  StartTlsOptions,
} from "./options.ts";
import type { ReadLoop } from "./_read_loop.ts";
import { Reader } from "./_reader.ts";
import { LiveStats } from "./_stats.ts";
import { Writer } from "./_writer.ts";

/**
 * ```text
 *                 close()               sent, peer ended, or time over
 *          open ----------> closing ----------------------------------> closed
 *           | ^                |                                           ^
 * startTls()| | handshake done +------- abort(), a limit ------------------+
 *           v |                |                                           |
 *       upgrading -------------|------- abort(), close(), a limit ---------+
 *           |                  |
 *           +------------------+-- a read or a handshake fails --> broken
 *
 *          open -- detach() --> detached
 * ```
 *
 * `open` also leads to `closed` by `abort` and by limits, and to `broken` by a failed read.
 * The last three are never left.
 */
type State =
  | "open"
  | "upgrading"
  | "closing"
  | "closed"
  | "broken"
  | "detached";

/** What most connections never need: made on first use. */
interface ColdState {
  /** What `close` gives. */
  closing?: Promise<void>;
  /** Why the connection ended. */
  end?: EndReason;
  /** What the caller of `abort` gave as the reason of `signal`, if that is not the error. */
  aborted?: { reason: unknown };
  /** Why bytes that were accepted never left; `close` throws it. */
  lost?: { reason: unknown };
  closed?: PromiseWithResolvers<void>;
  controller?: AbortController;
  /** Ends the TLS handshake that is under way. */
  handshake?: AbortController;
  /** Whether `unref` was called. */
  unreferenced?: boolean;
  /** Whether the server that owns the connection shuts down. */
  draining?: boolean;
  /** Whether all is sent, and `close` only waits for the peer to end its side. */
  lingering?: boolean;
  /** Ends a wait for the peer while the server drains. */
  drainAlarm?: Alarm;
  /** Whether that has ended a TLS handshake. */
  handshakeCut?: boolean;
  /** Sees the bytes that pass: a capture, say. */
  tap?: Tap;
}

/** A process whose work is done does not wait until its connections have been idle. */
const IDLE_ALARM: AlarmOptions = { holdsProcess: false };

const NO_ADDRESSES = {} as Addresses;

/** A close takes no longer than it was given. */
const CLOSE_ALARM: AlarmOptions = { exact: true };
/** The same where the process may end meanwhile. */
const UNREFERENCED_CLOSE_ALARM: AlarmOptions = {
  exact: true,
  holdsProcess: false,
};

/** Deno's own connections. */
const SYSTEM_CONNS: ReadonlySet<string> = new Set([
  "TcpConn",
  "UnixConn",
  "TlsConn",
]);

/** How long a server that drains waits for a peer from which nothing is wanted any more. */
const DRAIN_WAIT_MS = 1_000;

/** Shakes hands over a transport, which is closed where it fails. */
type Handshake = (
  transport: Transport,
  signal: AbortSignal,
) => Promise<TlsTransport>;

/** The two halves of a socket, its limits and its end. */
export class Connection implements ConnectionContext, AlarmListener {
  #transport: Transport;
  #flow: Flow;
  readonly stats: LiveStats = new LiveStats();
  readonly inMemory: boolean;
  isSystem: boolean;
  readonly reader: Reader;
  readonly writer: Writer;
  readonly options: SocketOptions;
  #state: State = "open";
  #idle: Alarm | undefined;
  #cold: ColdState | undefined;

  constructor(transport: Transport, options: SocketOptions) {
    this.#transport = transport;
    this.#flow = throttleFlow(transport, options) ?? transport;
    this.inMemory = this.addresses().remoteAddr?.transport === "memory";
    this.isSystem = isSystemConn(this.#flow);
    this.options = options;
    this.writer = new Writer(this);
    this.reader = new Reader(this);
    this.limit(options);
    this.#setMinimumRates(options);
  }

  get transport(): Transport {
    return this.#transport;
  }

  get flow(): Flow {
    return this.#flow;
  }

  get tap(): Tap | undefined {
    return this.#cold?.tap;
  }

  set tap(tap: Tap | undefined) {
    (this.#cold ??= {}).tap = tap;
  }

  /** What a framing reads from. */
  get readLoop(): ReadLoop {
    return this.reader.loop;
  }

  get #hasEnded(): boolean {
    const state = this.#state;
    return state === "closed" || state === "broken" || state === "detached";
  }

  /** Whether it goes on: it has not ended, and no close has begun. */
  get isOpen(): boolean {
    return this.#state === "open" || this.#state === "upgrading";
  }

  /** Whether a close is under way. */
  get isClosing(): boolean {
    return this.#state === "closing";
  }

  get closed(): Promise<void> {
    const cold = this.#cold ??= {};
    if (cold.closed === undefined) {
      cold.closed = Promise.withResolvers();
      if (this.#hasEnded) cold.closed.resolve();
    }
    return cold.closed.promise;
  }

  get signal(): AbortSignal {
    const cold = this.#cold ??= {};
    if (cold.controller === undefined) {
      cold.controller = new AbortController();
      if (this.#hasEnded) cold.controller.abort(this.#signalReason);
    }
    return cold.controller.signal;
  }

  get #signalReason(): unknown {
    const { aborted, end } = this.#cold!;
    return aborted === undefined ? end!.error : aborted.reason;
  }

  // ---- what the halves ask ------------------------------------------------

  addresses(): Addresses {
    try {
      const { localAddr, remoteAddr } = this.#transport;
      return { localAddr, remoteAddr };
    } catch {
      // A transport of the user's: what ends the connection must not fail by it.
      return NO_ADDRESSES;
    }
  }

  get unreadBytes(): number {
    return this.readLoop.queue.length;
  }

  beforeWait(): void {
    this.writer.send();
  }

  onActivity(): void {
    if (this.#idle !== undefined && !this.#hasEnded) this.#idle.arm();
  }

  // A read that timed out would hold the process for as long as the peer is silent.
  onReadOrphaned(orphaned: boolean): void {
    if (this.#hasEnded || this.#cold?.unreferenced) return;
    holdProcess(this.#transport, !orphaned);
  }

  onReadFailure(cause: unknown): void {
    if (this.#hasEnded) return;
    this.#cut("broken", this.translate("read", cause));
  }

  onWriteFailure(error: SocketError): void {
    // A peer that has ended its stream, and then refuses ours, has ended it all the same.
    const ended = error instanceof BrokenError &&
      error.reason === "broken-pipe";
    if (!ended) this.readLoop.breakAtEnd(error);
  }

  translate(operation: string, error: unknown): SocketError {
    const addresses = this.addresses();
    // A transport that throws anything else is broken as well.
    let why = "";
    try {
      const translated = translateError(error, { operation, ...addresses });
      if (translated instanceof SocketError) return translated;
      if (error instanceof Error) why = `: ${messageOf(error)}`;
    } catch {
      // Whatever is thrown may throw when it is looked at.
    }
    return new BrokenError(
      "other",
      `Cannot ${operation}: the transport failed${why}`,
      { operation, cause: error, ...addresses },
    );
  }

  // ---- limits -------------------------------------------------------------

  limit({ readMs, writeMs, idleMs }: SocketTimeouts): void {
    if (this.#hasEnded) return;
    if (readMs !== undefined) this.readLoop.limitMs = readMs;
    if (writeMs !== undefined) this.writer.limitMs = writeMs;
    if (idleMs === undefined) return;
    if (idleMs === Infinity && this.#idle === undefined) return;
    this.#idle ??= new Alarm(this, IDLE_ALARM);
    this.#idle.limitMs = idleMs;
    // What moves in a handshake is not seen here.
    if (this.#state !== "upgrading") this.#idle.arm();
  }

  /** Nothing has moved for too long. */
  onAlarm({ limitMs }: Alarm): void {
    this.#cut(
      "closed",
      new TimeoutError("stay idle", limitMs, this.addresses()),
    );
  }

  #setMinimumRates(options: SocketOptions): void {
    const { minReadBytesPerSecond = 0, minReadWindowMs = 5_000 } = options;
    if (minReadBytesPerSecond > 0) {
      this.readLoop.minimumRate = new MinimumRate(
        () => this.stats.bytesRead,
        minReadBytesPerSecond,
        minReadWindowMs,
        () => this.#cutSlow("minReadBytesPerSecond", "sent"),
      );
    }
    const { minWriteBytesPerSecond = 0, minWriteWindowMs = 5_000 } = options;
    if (minWriteBytesPerSecond > 0) {
      this.writer.minimumRate = new MinimumRate(
        () => this.stats.bytesWritten,
        minWriteBytesPerSecond,
        minWriteWindowMs,
        () => this.#cutSlow("minWriteBytesPerSecond", "took"),
      );
    }
  }

  #cutSlow(
    option: "minReadBytesPerSecond" | "minWriteBytesPerSecond",
    did: string,
  ): void {
    const limit = this.options[option]!;
    const error = new LimitError(
      option,
      limit,
      `Cannot go on: the peer ${did} fewer than ${limit} bytes a second`,
      this.addresses(),
    );
    this.#cut("closed", error);
  }

  get isUnreferenced(): boolean {
    return this.#cold?.unreferenced === true;
  }

  ref(): void {
    if (this.#cold?.unreferenced) this.#cold.unreferenced = false;
    holdProcess(this.#transport, !this.readLoop.isOrphaned);
    this.readLoop.holdLimit(true);
  }

  unref(): void {
    (this.#cold ??= {}).unreferenced = true;
    holdProcess(this.#transport, false);
    this.readLoop.holdLimit(false);
  }

  /**
   * The server shuts down. Between two frames a framing now finds the end. A peer that was
   * sent everything has a second to end its side, and one that shakes hands to do that.
   */
  drain(): void {
    // The server may not know yet that it ended: a limit set now would never be forgotten.
    if (this.#hasEnded) return;
    this.readLoop.drain();
    const cold = this.#cold ??= {};
    cold.draining = true;
    if (cold.lingering || cold.handshake !== undefined) this.#limitDrain(cold);
  }

  /** Whether a drain has cut the peer in its TLS handshake. */
  get isHandshakeCut(): boolean {
    return this.#cold?.handshakeCut === true;
  }

  #limitDrain(cold: ColdState): void {
    const onAlarm = () => {
      const reason = this.#closedReason();
      if (cold.handshake === undefined) return this.#end("closed", reason);
      cold.handshakeCut = true;
      cold.handshake.abort(reason.error);
    };
    cold.drainAlarm ??= new Alarm({ onAlarm }, CLOSE_ALARM);
    cold.drainAlarm.limitMs = DRAIN_WAIT_MS;
    cold.drainAlarm.arm();
  }

  // ---- ending -------------------------------------------------------------

  closeWrite(options?: CallOptions): Promise<void> {
    try {
      checkCall("closeWrite", options);
      checkCallNames("closeWrite", options);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#state === "closed" || this.#state === "detached") {
      return Promise.resolve();
    }
    const ended = this.writer.end();
    return options === undefined
      ? ended
      : observed(waitWithin("closeWrite", ended, options));
  }

  close(options?: CallOptions): Promise<void> {
    if (options !== undefined) return observed(this.#closeWithin(options));
    const cold = this.#cold ??= {};
    return cold.closing ??= observed(this.#close());
  }

  /** A limit cuts the connection, also where `close` was called before without one. */
  async #closeWithin(options: CallOptions): Promise<void> {
    checkEnds("close", options);
    checkCallNames("close", options);
    const { signal, timeoutMs, deadline } = options;
    checkCall("close", { timeoutMs });
    const closing = this.close();
    let abort: { reason: unknown } | undefined;
    const unwatch = watchCall(
      "close",
      { signal, timeoutMs, deadline },
      (reason, byTime) => {
        // A time limit that passes is no error where all was sent; an abort of the signal
        // always is.
        if (!byTime) abort = { reason };
        this.#cutClosing(reason);
      },
    );
    try {
      await closing;
    } finally {
      unwatch();
    }
    if (abort !== undefined) throw abort.reason;
  }

  async #close(): Promise<void> {
    if (this.#hasEnded) {
      // `lost` may hold an error to throw.
    } else if (this.#state === "upgrading") {
      this.#cut("closed", this.#closedReason().error);
    } else if (this.#closeEndsBoth && this.writer.isIdle) {
      this.#end("closed", this.#closedReason());
    } else {
      await this.#closeGracefully();
    }
    const lost = this.#cold?.lost;
    if (lost !== undefined) throw lost.reason;
  }

  async #closeGracefully(): Promise<void> {
    const { readLoop, writer } = this;
    const closed = this.#closedReason();
    this.#state = "closing";
    readLoop.close(closed);
    const { closeTimeoutMs = 5_000 } = this.options;
    const alarm = new Alarm({
      onAlarm: () =>
        this.#cutClosing(
          new TimeoutError("close", closeTimeoutMs, this.addresses()),
        ),
    }, this.isUnreferenced ? UNREFERENCED_CLOSE_ALARM : CLOSE_ALARM);
    alarm.limitMs = closeTimeoutMs;
    alarm.arm();
    try {
      await writer.end(this.#closeEndsBoth);
      // It may have been aborted in the moment in which the last byte left.
      if (this.#hasEnded) return;
      this.#cold!.lingering = true;
      if (this.#cold!.draining) this.#limitDrain(this.#cold!);
      // A close with unread input resets the connection, and the peer could lose
      // what it has not yet read.
      await readLoop.discard();
    } catch (error) {
      if (writer.failure === error && this.#state === "closing") {
        this.#cold!.lost = { reason: error };
      }
    } finally {
      alarm.dispose();
      this.#end("closed", closed);
    }
  }

  #cutClosing(reason: unknown): void {
    if (this.#hasEnded) return;
    if (this.writer.pendingBytes > 0) this.#cold!.lost = { reason };
    this.#end("closed", this.#closedReason());
  }

  /**
   * Whether closing the transport will end this side as well as `closeWrite` would:
   * the peer has ended its own, so there is nothing to wait for. Over TLS its `close_notify` is due.
   */
  get #closeEndsBoth(): boolean {
    return this.readLoop.ended && this.tls === undefined;
  }

  abort(reason?: unknown): void {
    if (this.#hasEnded) return;
    if (reason !== undefined && reason !== null) {
      (this.#cold ??= {}).aborted = { reason };
    }
    this.#end("closed", this.#closedReason(reason));
  }

  /** A limit of what stands on the socket has passed. */
  expire(error: TimeoutError | LimitError): void {
    this.#cut("closed", error);
  }

  /** Ends it at once, for a limit or a failure: bytes that were written may be lost. */
  #cut(state: "closed" | "broken", error: SocketError): void {
    if (this.writer.pendingBytes > 0) {
      (this.#cold ??= {}).lost = { reason: error };
    }
    this.#end(state, { error });
  }

  #end(state: "closed" | "broken", reason: EndReason): void {
    if (this.#hasEnded) return;
    const cold = this.#enter(state, reason);
    if (state === "broken") this.readLoop.fail(reason.error);
    else this.readLoop.close(reason);
    this.writer.endWith(reason);
    if (cold.handshake !== undefined) cold.handshake.abort(reason.error);
    closeQuietly(this.#transport);
    if (this.#flow !== this.#transport) (this.#flow as ThrottledFlow).stop();
    this.#notifyEnded();
  }

  /** Goes into a state that is never left. */
  #enter(state: "closed" | "broken" | "detached", end: EndReason): ColdState {
    this.#state = state;
    const cold = this.#cold ??= {};
    cold.end = end;
    this.#idle?.dispose();
    cold.drainAlarm?.dispose();
    return cold;
  }

  #notifyEnded(): void {
    const { closed, controller } = this.#cold!;
    closed?.resolve();
    if (controller !== undefined) controller.abort(this.#signalReason);
  }

  #closedReason(cause?: unknown): ClosedReason {
    return new ClosedReason(this.addresses(), cause);
  }

  // ---- TLS ----------------------------------------------------------------

  /** The transport, where it speaks TLS. */
  get tls(): TlsTransport | undefined {
    const transport = this.#transport;
    return "alpnProtocol" in transport ? transport as TlsTransport : undefined;
  }

  async startTls(options: StartTlsOptions): Promise<void> {
    const tls = checkStartTls(options);
    await this.#upgrade(
      options,
      (transport, signal) => startTls(transport, { ...tls, signal }),
    );
  }

  async acceptTls(options: AcceptTlsOptions): Promise<void> {
    const tls = checkAcceptTls(options);
    await this.#upgrade(
      options,
      (transport, signal) => acceptTls(transport, { ...tls, signal }),
    );
  }

  /**
   * Goes on over TLS. One limit holds for all of it: sending what was written in the
   * clear, and the handshake.
   */
  async #upgrade(limits: CallOptions, handshakeOver: Handshake): Promise<void> {
    const { signal, timeoutMs = 10_000, deadline } = limits;
    const bounded = { signal, timeoutMs, deadline };
    checkCall("start TLS", bounded);
    this.#checkUpgrade();
    const handshake = new AbortController();
    const cold = this.#cold ??= {};
    cold.handshake = handshake;
    if (cold.draining) this.#limitDrain(cold);
    this.#state = "upgrading";
    this.readLoop.hold("start TLS");
    this.writer.hold();
    let waitedFor = "what was written before could not be sent";
    const unwatch = watchCall(
      "start TLS",
      bounded,
      (reason) => handshake.abort(reason),
      () => {
        const addresses = this.addresses();
        const where = whereOf({ operation: "start TLS", ...addresses });
        return { ...addresses, where, waitedFor };
      },
    );
    try {
      await this.writer.flush({ signal: handshake.signal });
      handshake.signal.throwIfAborted();
      waitedFor = "the handshake did not end";
      await this.#performHandshake(handshakeOver, handshake.signal);
    } finally {
      unwatch();
      cold.handshake = undefined;
      cold.drainAlarm?.disarm();
      if (this.#state === "upgrading") this.#state = "open";
      this.readLoop.release();
      this.writer.release();
      this.onActivity();
    }
  }

  /** Nothing is touched before all of this holds. */
  #checkUpgrade(): void {
    const { readLoop } = this;
    readLoop.check("start TLS");
    this.writer.check("start TLS");
    const options = { operation: "start TLS", ...this.addresses() };
    if (this.unreadBytes > 0) {
      throw new TlsError(
        "plaintext",
        `Cannot start TLS: ${this.unreadBytes} bytes received in the clear are unread (an attacker could have put them there)`,
        options,
      );
    }
    if (readLoop.inFlight) {
      throw new BusyError(
        "Cannot start TLS: a read that was cut off is still in flight",
        options,
      );
    }
  }

  async #performHandshake(
    handshakeOver: Handshake,
    signal: AbortSignal,
  ): Promise<void> {
    // What moves meanwhile is not seen here, and the handshake has its own limit.
    this.#idle?.disarm();
    let secure: TlsTransport;
    try {
      secure = await handshakeOver(this.#transport, signal);
    } catch (error) {
      // Half a handshake cannot be taken back.
      if (signal.aborted) {
        this.#end(
          "broken",
          isA(error, SocketError) ? { error } : this.#closedReason(error),
        );
        throw error;
      }
      const failure = this.translate("start TLS", error);
      this.#end("broken", { error: failure });
      throw failure;
    }
    if (this.#hasEnded) {
      closeQuietly(secure);
      throw this.#signalReason;
    }
    this.#adopt(secure);
  }

  #adopt(transport: TlsTransport): void {
    if (this.#flow === this.#transport) this.#flow = transport;
    else (this.#flow as ThrottledFlow).inner = transport;
    this.#transport = transport;
    this.isSystem = isSystemConn(this.#flow);
    if (this.#cold?.unreferenced) holdProcess(transport, false);
  }

  // ---- detaching ----------------------------------------------------------

  detach(): { transport: Transport; unread: Uint8Array<ArrayBuffer> } {
    const { readLoop: loop, writer } = this;
    loop.check("detach");
    writer.check("detach");
    if (writer.pendingBytes > 0) {
      throw new BusyError(
        `Cannot detach: ${writer.pendingBytes} written bytes are not yet sent (await flush() first)`,
        { operation: "detach", ...this.addresses() },
      );
    }
    const unread = loop.queue.takeAll();
    const transport = loop.inFlight
      ? detachedTransport(this.#transport, loop)
      : this.#transport;
    const reason = this.#closedReason();
    this.#enter("detached", reason);
    loop.detach(reason);
    writer.endWith(reason);
    this.#notifyEnded();
    return { transport, unread };
  }
}

/** Deno has no classes to ask for. */
function isSystemConn(flow: Flow): boolean {
  return SYSTEM_CONNS.has(flow.constructor?.name);
}

/** A transport may hold the process or not as it likes: no call fails by that. */
function holdProcess(transport: Transport, hold: boolean): void {
  quietly(() => hold ? transport.ref?.() : transport.unref?.());
}

/**
 * Serves first what the read in flight brings (a transport read cannot be taken
 * back), then goes straight to `transport`.
 */
function detachedTransport(transport: Transport, loop: ReadLoop): Transport {
  const { queue } = loop;
  let first: Promise<boolean> | undefined = loop.more();
  first.catch(() => {});
  const { alpnProtocol, peerCertificate } = transport as TlsTransport;
  const { proxy } = transport as AcceptedTransport;
  return {
    ...("alpnProtocol" in transport ? { alpnProtocol, peerCertificate } : {}),
    ...(proxy === undefined ? {} : { proxy }),
    get localAddr() {
      return transport.localAddr;
    },
    get remoteAddr() {
      return transport.remoteAddr;
    },
    async read(p) {
      if (p.length === 0) return 0;
      if (first !== undefined) {
        const more = await first;
        if (!more) return null;
        if (queue.length > 0) {
          const count = queue.takeInto(p);
          if (queue.length === 0) first = undefined;
          return count;
        }
      }
      return transport.read(p);
    },
    write: (p) => transport.write(p),
    closeWrite: () => transport.closeWrite(),
    close: () => transport.close(),
    ref: () => transport.ref?.(),
    unref: () => transport.unref?.(),
  };
}
