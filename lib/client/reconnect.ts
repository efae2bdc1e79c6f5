/**
 * A session that runs again on a new connection after each loss.
 *
 * It guarantees that one session runs at a time; that after a loss the next attempt waits,
 * longer each time until a session has lived for a while; that what another attempt cannot
 * fix ends it, with the error; and that what was opened is closed, whatever fails
 * meanwhile. It repeats no request: the session alone knows what it had sent, and what is
 * safe to send again. Memory is bounded, and no timer runs but that of a pause.
 *
 * ```text
 *                 +------ loss, or connecting failed: retryIf, attempts -----+
 *                 |                                                          |
 *                 v       backoff, budget                                    |
 *   reconnect -> connecting <---------------- waiting <----------------------+
 *                 |                              |                           |
 *                 +----> connected --------------|---------------------------+
 *                           |                    |
 *                           | returns, throws    | close, signal, deadline
 *                           v                    v
 *                         ended <------------ closing
 * ```
 *
 * @module
 */

import { checkFunction, thrownText, wrongKind } from "../_check.ts";
import { guard } from "../_guard.ts";
import { ClosedError, TimeoutError } from "../errors.ts";
import { connect } from "../socket/connect.ts";
import { halvesOf, isSocket, type Socket } from "../socket/socket.ts";
import {
  type CallOptions,
  checkCall,
  checkCallNames,
  waitWithin,
  watchCall,
} from "../time/call_limits.ts";
import { checkEnds } from "../time/deadline.ts";
import { backoffDelayMs, retryAnswer } from "../time/retry.ts";
import { sleep } from "../time/sleep.ts";
import { closedOf, closeOf, cutOf } from "./_endings.ts";
import { endedError, hasEnded, isLoss, lossOf } from "./_losses.ts";
import {
  checkReconnectOptions,
  type ReconnectAnyOptions,
  type ReconnectConnectOptions,
  type ReconnectEvent,
  type Reconnection,
  type ReconnectOutcome,
  type ReconnectState,
  type Session,
  type SessionContext,
  type WaitingEvent,
} from "./reconnect_options.ts";

/** How long `close` waits for the session where its caller does not say. */
const CLOSE_MS = 5_000;

/** The same for a session that has not looked at its signal, and so cannot know. */
const UNAWARE_CLOSE_MS = 1_000;

/** The least pause before a budget is asked again. */
const BUDGET_PAUSE_MS = 1_000;

/**
 * Connects, runs a session on the connection, and reconnects after each loss, until the
 * session returns.
 *
 * These are losses, after which it reconnects:
 *
 * - an attempt to connect fails: refused, unreachable, no such name, timed out;
 * - the session throws a {@linkcode SocketError} or a `TimeoutError`, a network error of the
 *   runtime or of a driver for Node (`ECONNRESET`), or an error whose `cause` is one of those;
 * - the session returns after it has read the end of the peer's stream (see `endOnReturn`).
 *
 * The next session starts from the beginning: it logs in and subscribes again.
 *
 * Reconnecting ends when the session returns while its connection is up; when the session
 * throws any other error; and after errors that another attempt cannot fix: `TlsError`
 * (unless the connection failed during TLS), `PermissionError` and `TypeError`.
 * {@linkcode ReconnectingSession.ended} resolves to the outcome, and never rejects.
 *
 * A peer that vanishes without closing is only noticed when it is asked: use the `heartbeat`
 * of `framed` in the session, or `idleMs` of the socket where the peer sends regularly.
 * There is no heartbeat option here, because a ping is a frame of the session's protocol.
 *
 * Cancellation: `signal` and `deadline` end reconnecting and the session, as
 * {@linkcode ReconnectingSession.close} does.
 *
 * @param options Where to connect to, as for `connect`, or `open`; and when to retry.
 * @param session What to run. It gets the connection, which is closed after the session. With
 * `open` it can be left out.
 * @returns A handle to wait for the connection, to observe it, and to close it. Connecting
 * has already begun.
 * @throws {TypeError} An option is of the wrong type, is not known, or cannot hold
 * together with another.
 * @throws {RangeError} An option is out of range.
 * @category Clients
 *
 * @example
 * ```ts
 * import { serve } from "@sluice/net";
 * import { reconnect } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * let clients = 0;
 * await using server = serve({ port: 0 }, async (socket) => {
 *   clients++;
 *   // The first client is disconnected.
 *   if (clients > 1) await socket.write("welcome back\n");
 * });
 *
 * const { port } = server.addr;
 * await using link = reconnect({ port, retry: { minDelayMs: 1 } }, async (socket) => {
 *   const line = await socket.readLine();
 *   // Returning would end it, had the server not ended the stream.
 *   return line;
 * });
 * assertEquals(await link.ended, { endedBy: "return", value: "welcome back" });
 * ```
 *
 * @example One connection for all callers, over something of your own
 * ```ts
 * import { connect, framed, lines, serve } from "@sluice/net";
 * import { reconnect, Requests } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0 }, async (socket) => {
 *   for await (const line of framed(socket, lines())) await socket.write(`${line}!\n`);
 * });
 * await using link = reconnect({
 *   open: async (options) => {
 *     const socket = await connect({ port: server.addr.port, ...options });
 *     return new Requests(framed(socket, lines()), { match: "order" });
 *   },
 * });
 *
 * const requests = await link.connected({ timeoutMs: 1_000 });
 * assertEquals(await requests.request("hello"), "hello!");
 * ```
 */
export function reconnect<R>(
  options: ReconnectConnectOptions,
  session: Session<Socket, R>,
): ReconnectingSession<Socket, R>;
/**
 * The same over what `open` makes.
 *
 * @category Clients
 */
export function reconnect<T, R>(
  options: ReconnectAnyOptions<T>,
  session: Session<T, R>,
): ReconnectingSession<T, R>;
/**
 * The same for callers of {@linkcode ReconnectingSession.connected} alone: it lasts until
 * the connection ends that `open` made, as its property `closed` says, a promise.
 *
 * @category Clients
 */
export function reconnect<T extends { readonly closed: Promise<unknown> }>(
  options: ReconnectAnyOptions<T>,
): ReconnectingSession<T, void>;
export function reconnect<T, R>(
  options: ReconnectConnectOptions | ReconnectAnyOptions<T>,
  session: Session<T, R> = untilClosed,
): ReconnectingSession<T, R> {
  checkFunction("reconnect", "session", session);
  const checked = checkReconnectOptions<T>(options, connect);
  return new ReconnectingSession(checked, session);
}

/** The session of a connection that is for others. */
function untilClosed(
  connection: unknown,
  { signal }: SessionContext,
): Promise<never> {
  if (closedOf(connection) === undefined) {
    const must = "given where what open makes has no promise `closed`";
    throw wrongKind("reconnect", "session", must, undefined);
  }
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** A call of `connected` that waits. */
interface Waiter<T> {
  readonly resolve: (connection: T) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A session that runs again after each loss: made by {@linkcode reconnect}.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { reconnect, type ReconnectingSession } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * const link: ReconnectingSession<{ name: string }, string> = reconnect(
 *   { open: () => ({ name: "connection" }) },
 *   ({ name }) => name,
 * );
 * assertEquals(link.state, "connecting");
 * assertEquals(await link.ended, { endedBy: "return", value: "connection" });
 * assertEquals(link.state, "ended");
 * ```
 */
export class ReconnectingSession<T, R> implements Disposable, AsyncDisposable {
  /**
   * Called with each event, with all of them if it is set at once. What it throws is
   * printed and ignored.
   */
  onEvent: ((event: ReconnectEvent) => void) | undefined;
  readonly #given: Reconnection<T>;
  readonly #session: Session<T, R>;
  /** Ends what is under way, but for the session. */
  readonly #ending = new AbortController();
  readonly #waiters = new Set<Waiter<T>>();
  readonly #over = Promise.withResolvers<ReconnectOutcome<R>>();
  readonly #unwatch: () => void;
  #state: ReconnectState = "connecting";
  /** How it is going to end, from then on where that is known. */
  #outcome: ReconnectOutcome<R> | undefined;
  #sessions = 0;
  #current: Current<T> | undefined;
  #unwatchGrace: (() => void) | undefined;
  /** What went wrong last. */
  #lastError: unknown;

  /** Use {@linkcode reconnect}. */
  constructor(given: Reconnection<T>, session: Session<T, R>) {
    this.#given = given;
    this.#session = session;
    this.onEvent = given.onEvent;
    given.rules.budget?.addRequest();
    this.#unwatch = watchCall(
      "reconnect",
      given.limits,
      (error) => this.#end({ endedBy: "signal", error }, CLOSE_MS),
    );
    void this.#run();
  }

  /** What is going on. */
  get state(): ReconnectState {
    return this.#state;
  }

  /** Resolves to the outcome once reconnecting has ended. Never rejects. */
  get ended(): Promise<ReconnectOutcome<R>> {
    return this.#over.promise;
  }

  /**
   * Waits until a session is running, and gives its connection.
   *
   * The connection is lost with its session: call this again before each use. One task
   * reads from a socket at a time, so that a socket which the session reads from cannot be
   * read by its callers.
   *
   * Cancellation: safe. Only the wait ends.
   *
   * @param options Limits of the wait.
   * @returns The connection of the session that runs now, or of the next one.
   * @throws {TimeoutError} There was none in time; `cause` is what failed last.
   * @throws {ClosedError} The session has returned, or it was closed.
   * @throws {unknown} The error that has ended it, or `signal.reason`; both untouched.
   *
   * @example
   * ```ts
   * import { TimeoutError } from "@sluice/net";
   * import { reconnect } from "@sluice/net/client";
   * import { assertRejects } from "@std/assert";
   *
   * await using link = reconnect({ open: () => new Promise(() => {}) }, () => {});
   * await assertRejects(() => link.connected({ timeoutMs: 10 }), TimeoutError);
   * ```
   */
  connected(options: CallOptions = {}): Promise<T> {
    try {
      checkCall("connect", options);
      checkCallNames("connect", options);
      if (this.#outcome !== undefined) throw reasonOf(this.#outcome);
    } catch (error) {
      return Promise.reject(error);
    }
    const current = this.#current;
    if (current?.isUsable && !hasEnded(current.connection)) {
      return Promise.resolve(current.connection);
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = {
        resolve: (connection) => {
          unwatch();
          resolve(connection);
        },
        reject: (reason) => {
          unwatch();
          reject(reason);
        },
      };
      this.#waiters.add(waiter);
      const unwatch = watchCall("connect", options, (reason, byTime) => {
        this.#waiters.delete(waiter);
        const cause = this.#lastError;
        if (!byTime || cause === undefined) return reject(reason);
        // "Not in time" alone would leave open what is wrong.
        const { timeoutMs } = reason as TimeoutError;
        reject(
          new TimeoutError("connect", timeoutMs, {
            cause,
            waitedFor: `the last attempt failed (${thrownText(cause)})`,
          }),
        );
      });
    });
  }

  /**
   * Stops reconnecting and ends the session. An attempt to connect is cancelled. A running
   * session is asked to end: its signal aborts, and frames that it receives from a socket
   * end as at the end of the stream. After `timeoutMs` its connection is cut, or after one
   * second if the session has never read its `signal`. Idempotent: all calls share one end,
   * and the shortest limit counts.
   *
   * Do not await it inside the session, which would wait for itself until the limit:
   * return instead.
   *
   * Cancellation: a limit of this call cuts the connection; it rejects only with
   * `signal.reason`.
   *
   * @param options Limits of this call; `timeoutMs` is 5,000 by default.
   * @throws {unknown} `signal.reason`, untouched, where the signal aborts.
   *
   * @example
   * ```ts
   * import { serve } from "@sluice/net";
   * import { reconnect } from "@sluice/net/client";
   * import { assertEquals } from "@std/assert";
   *
   * await using server = serve({ port: 0 }, async (socket) => {
   *   await socket.readLine();
   * });
   * const link = reconnect(
   *   { port: server.addr.port },
   *   (socket, { signal }) => socket.readLine({ signal }),
   * );
   * await link.connected();
   * await link.close({ timeoutMs: 1_000 });
   * assertEquals(await link.ended, { endedBy: "close" });
   * ```
   */
  async close(options: CallOptions = {}): Promise<void> {
    checkEnds("close", options);
    checkCallNames("close", options);
    const { signal, timeoutMs = CLOSE_MS, deadline } = options;
    checkCall("close", { timeoutMs });
    this.#end({ endedBy: "close" }, Infinity);
    let abort: { reason: unknown } | undefined;
    const limits = { signal, timeoutMs, deadline };
    const unwatch = watchCall("close", limits, (reason, byTime) => {
      // A time limit that passes is no error here; an abort of the signal is.
      if (!byTime) abort = { reason };
      this.#cut();
    });
    try {
      await this.#over.promise;
    } finally {
      unwatch();
    }
    if (abort !== undefined) throw abort.reason;
  }

  /** Stops at once: the connection is cut, and the session is not waited for. */
  [Symbol.dispose](): void {
    this.#end({ endedBy: "close" }, Infinity);
    this.#cut();
  }

  /** As {@linkcode ReconnectingSession.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- one attempt after the other ----------------------------------------

  async #run(): Promise<void> {
    // After `onEvent` could be set.
    await undefined;
    const { rules: { attempts, budget }, stableMs } = this.#given;
    for (let attempt = 1; this.#outcome === undefined;) {
      const failure = await this.#attempt(attempt);
      if (failure === undefined) break;
      const { error, livedMs } = failure;
      this.#lastError = error;
      const isStable = livedMs !== undefined && livedMs >= stableMs;
      if (isStable) budget?.addRequest();
      else if (attempt >= attempts) {
        this.#outcome ??= { endedBy: "error", error };
        break;
      }
      const failed = { attempt, error };
      attempt = isStable ? 1 : attempt + 1;
      // A hook has ended it.
      if (this.#outcome !== undefined) break;
      await this.#wait(attempt, failed);
    }
    this.#finish();
  }

  /**
   * Connects, and runs a session. Gives what was lost; undefined where it is over, as
   * `#outcome` says.
   */
  async #attempt(attempt: number): Promise<Loss | undefined> {
    this.#enter("connecting", { type: "connecting", attempt });
    if (this.#outcome !== undefined) return undefined;
    let connection: T;
    try {
      connection = await this.#open();
    } catch (error) {
      if (this.#outcome !== undefined) return undefined;
      this.#tell({ type: "connect-failed", attempt, error });
      const goesOn = await this.#isWorth(error, false, attempt);
      return goesOn ? { error } : undefined;
    }
    if (this.#outcome === undefined) {
      return await this.#runSession(connection, attempt);
    }
    await endWithin(connection, cutOf);
    return undefined;
  }

  async #open(): Promise<T> {
    const { open, rules: { attemptTimeoutMs: timeoutMs } } = this.#given;
    const controller = new AbortController();
    const { signal } = controller;
    const unwatch = watchCall(
      "connect",
      { signal: this.#ending.signal, timeoutMs },
      (reason) => controller.abort(reason),
      () => ({ waitedFor: "open did not end" }),
    );
    const opening = Promise.try(open, { signal });
    try {
      return await waitWithin("connect", opening, { signal });
    } catch (error) {
      // `open` may look at its signal or not.
      if (signal.aborted) {
        opening.then((late) => endWithin(late, cutOf), () => {});
      }
      throw error;
    } finally {
      unwatch();
    }
  }

  async #runSession(
    connection: T,
    attempt: number,
  ): Promise<Loss | undefined> {
    const session = ++this.#sessions;
    const context = new Context(attempt, session);
    const current: Current<T> = { connection, context, isUsable: true };
    this.#current = current;
    this.#enter("connected", { type: "connected", attempt, session });
    // The hook has ended it: there is nothing to begin with.
    if (this.#outcome !== undefined) {
      await endWithin(connection, cutOf);
      this.#current = undefined;
      return undefined;
    }
    for (const waiter of this.#waiters) waiter.resolve(connection);
    this.#waiters.clear();
    this.#watchConnection(current);
    const since = performance.now();
    const end = await this.#settle(connection, context);
    // It was not waited for, and its connection was cut.
    if (this.#state === "ended") return undefined;
    const livedMs = performance.now() - since;
    current.isUsable = false;
    this.#state = this.#outcome === undefined ? "waiting" : "closing";
    const isClosed = hasEnded(connection);
    context.abort(new ClosedError("Cannot go on: the session is over"));
    // What it has sent shall still arrive, but where something went wrong.
    const isGraceful = end === undefined || end.isReturn ||
      this.#outcome !== undefined;
    const ending = endWithin(connection, isGraceful ? closeOf : cutOf);
    let goesOn = false;
    if (end !== undefined && this.#outcome === undefined) {
      const { error } = end;
      goesOn = await this.#isWorth(error, isClosed, attempt);
      if (goesOn) this.#tell({ type: "lost", session, error, livedMs });
    }
    await ending;
    this.#current = undefined;
    return goesOn ? { error: end!.error, livedMs } : undefined;
  }

  /** Waits for the session. Gives why it has to be judged; undefined where it is done. */
  async #settle(
    connection: T,
    context: Context,
  ): Promise<{ error: unknown; isReturn: boolean } | undefined> {
    try {
      const value = await Promise.try(this.#session, connection, context);
      const error = lossOf(connection);
      if (error !== undefined && this.#given.endOnReturn === "unless-lost") {
        return { error, isReturn: true };
      }
      this.#outcome ??= { endedBy: "return", value };
      return undefined;
    } catch (error) {
      return { error, isReturn: false };
    }
  }

  /** Tells the session, and calls of `connected`, where its connection is lost. */
  #watchConnection(current: Current<T>): void {
    const { connection, context } = current;
    const onClosed = () => {
      current.isUsable = false;
      // Of a socket it is known whether this side has closed it.
      const loss = isSocket(connection)
        ? lossOf(connection)
        : endedError("its connection has ended");
      if (loss !== undefined) context.abort(loss);
    };
    guard(() => void closedOf(connection)?.then(onClosed, onClosed));
  }

  /** Whether an error is worth another attempt. If not, it is the outcome. */
  async #isWorth(
    error: unknown,
    isClosed: boolean,
    attempt: number,
  ): Promise<boolean> {
    const { retryIf } = this.#given.rules;
    try {
      const isWorth = retryIf === undefined
        ? isLoss(error, isClosed)
        : retryAnswer("reconnect", await retryIf(error, attempt), error);
      if (!isWorth) this.#outcome ??= { endedBy: "error", error };
    } catch (error) {
      this.#outcome ??= { endedBy: "error", error };
    }
    return this.#outcome === undefined;
  }

  /** Pauses before an attempt. */
  async #wait(
    attempt: number,
    failed: { attempt: number; error: unknown },
  ): Promise<void> {
    const { rules } = this.#given;
    const { budget, onRetry } = rules;
    const { signal } = this.#ending;
    let delayMs = backoffDelayMs(Math.max(1, attempt - 1), rules);
    guard(() => onRetry?.({ ...failed, delayMs }));
    if (this.#outcome !== undefined) return;
    let reason: WaitingEvent["reason"] = "backoff";
    try {
      do {
        this.#enter("waiting", { type: "waiting", attempt, delayMs, reason });
        await sleep(delayMs, { signal });
        reason = "budget";
        delayMs = Math.max(BUDGET_PAUSE_MS, delayMs);
      } while (budget?.tryRetry() === false);
    } catch {
      // It was closed meanwhile.
    }
  }

  // ---- ending -------------------------------------------------------------

  /** It shall end, within `graceMs`. */
  #end(outcome: ReconnectOutcome<R>, graceMs: number): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#state = "closing";
    this.#rejectWaiters(outcome);
    const reason = closedError();
    this.#ending.abort(reason);
    const current = this.#current;
    let timeoutMs = graceMs;
    if (current !== undefined) {
      const { connection, context } = current;
      context.abort(reason);
      if (isSocket(connection)) halvesOf(connection).drain();
      if (!context.isAware) timeoutMs = UNAWARE_CLOSE_MS;
    }
    // Also without a connection: a hook, such as `retryIf`, may never settle.
    this.#unwatchGrace = watchCall("close", { timeoutMs }, () => this.#cut());
  }

  /** Ends it now, whatever the session does. */
  #cut(): void {
    if (this.#state === "ended") return;
    const current = this.#current;
    if (current !== undefined) void endWithin(current.connection, cutOf);
    this.#finish();
  }

  #finish(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#unwatch();
    this.#unwatchGrace?.();
    const outcome = this.#outcome!;
    this.#rejectWaiters(outcome);
    this.#over.resolve(outcome);
    this.#tell({ type: "ended", outcome });
  }

  #rejectWaiters(outcome: ReconnectOutcome<R>): void {
    const reason = reasonOf(outcome);
    for (const waiter of this.#waiters) waiter.reject(reason);
    this.#waiters.clear();
  }

  #enter(state: ReconnectState, event: ReconnectEvent): void {
    this.#state = state;
    this.#tell(event);
  }

  #tell(event: ReconnectEvent): void {
    guard(() => this.onEvent?.(event));
  }
}

/** An attempt or a session that another one may do better than. */
interface Loss {
  readonly error: unknown;
  /** How long the session lived, where there was one. */
  readonly livedMs?: number;
}

/** The connection that there is now. */
interface Current<T> {
  readonly connection: T;
  readonly context: Context;
  /** Whether the session has not ended yet, and the connection neither, as far as is known. */
  isUsable: boolean;
}

/** What a session knows. */
class Context implements SessionContext {
  readonly attempt: number;
  readonly session: number;
  /** Made when it is asked for. */
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  constructor(attempt: number, session: number) {
    this.attempt = attempt;
    this.session = session;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) {
        this.#controller.abort(this.#aborted.reason);
      }
    }
    return this.#controller.signal;
  }

  /** Whether the session has asked for its signal. */
  get isAware(): boolean {
    return this.#controller !== undefined;
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}

function closedError(): ClosedError {
  const why = "Cannot go on with the session: it was closed";
  return new ClosedError(why, { operation: "connect" });
}

/** What `connected` rejects with once it has ended, or is going to. */
function reasonOf(outcome: ReconnectOutcome<unknown>): unknown {
  if (outcome.endedBy === "error") return outcome.error;
  const what = {
    return: "the session has returned",
    close: "it was closed",
    signal: "it was cancelled",
  }[outcome.endedBy];
  return new ClosedError(`Cannot connect: ${what}`, {
    operation: "connect",
    ...("error" in outcome ? { cause: outcome.error } : {}),
  });
}

/** Ends a connection, in one way or the other, in bounded time. Never rejects. */
async function endWithin(
  connection: unknown,
  end: (connection: unknown) => unknown,
): Promise<void> {
  const ending = Promise.try(end, connection);
  // It is not used any more: an error of its end is of no interest.
  await waitWithin("close", ending, { timeoutMs: CLOSE_MS }).catch(() => {});
}
