/**
 * Connections that are opened once and used many times.
 *
 * It guarantees that there are never more than `max` connections, those that are being
 * opened and closed included; callers are served first come, first served; a connection is
 * with one caller at a time; and what was opened is closed, whatever fails meanwhile. It
 * never repeats a request: only the caller knows whether that is safe. This folder may
 * import `socket/` and `framed/` and what they stand on; no part but `testing/` imports it.
 *
 * ```text
 *           open()
 *   opening ------> idle -----------------------------> leased
 *      |             | \ \                             ^ |  |
 *      |             |  \ checkAfterMs                 | |  |
 *      | fails       |   --------------> checking -----+ |  |
 *      |             |                      | check: true |  |
 *      |             | idleMs, maxAgeMs,    | false    |  | given back:
 *      |             | broken               |          |  | to the next caller, or idle
 *      v             v                      v          |  |
 *    gone <------ closing <----------------------------+--+
 *                            discarded, broken or too old
 * ```
 *
 * After each event `#supply` runs: where more callers wait than connections are on their
 * way, it takes an idle one, and where there is none it opens one. Where a check has failed,
 * it checks several for a caller, side by side, and opens one beside them.
 *
 * @module
 */

import { answerOf, checkFunction, checkNames, isThenable } from "../_check.ts";
import { guard } from "../_guard.ts";
import { ClosedError, LimitError } from "../errors.ts";
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
import { checkEnds, Deadline } from "../time/deadline.ts";
import type { RetryBudget } from "../time/retry_budget.ts";
import { closedOf, closeOf, cutOf } from "./_endings.ts";
import { PoolTelemetry } from "./_pool_telemetry.ts";
import { watchEnd } from "./_watch_end.ts";
import { Lease, type LeaseOwner } from "./lease.ts";
import {
  checkPoolOptions,
  type PoolLimits,
  type PoolOptions,
  type PoolStats,
  type PoolUseOptions,
} from "./pool_options.ts";

/** A connection of the pool. */
interface Entry<T> {
  readonly value: T;
  /** When it is too old. */
  readonly expiresAt: number;
  /** Since when it is idle. */
  idleSince: number;
  /** `"gone"` from when it is closed on: a lease or `closed` may still tell of it. */
  state: "idle" | "checking" | "leased" | "gone";
  /** It has ended by itself. */
  spent: boolean;
  /** Ends the watch for that while it is idle. */
  unwatch: (() => void) | undefined;
}

/** A call that waits. */
interface Waiter<T> {
  readonly grant: (lease: Lease<T>) => void;
  readonly fail: (reason: unknown) => void;
}

/** Idle connections do not keep the process alive. */
const IDLE_ALARM: AlarmOptions = { holdsProcess: false };

/** Least and most between two attempts to open what `min` asks for. */
const REFILL_MIN_MS = 100;
const REFILL_MAX_MS = 10_000;

/** How long `close` waits for leases where its caller does not say. */
const CLOSE_MS = 15_000;

/** After this an idle connection is watched: it may be used again before that. */
const WATCH_MS = 50;

/**
 * Most idle connections that are checked for one caller at a time. After each that fails it
 * is twice as many, as what was idle for longer is likely to be dead as well: one after the
 * other, each of which takes its time, would keep the caller waiting.
 */
const MAX_CHECKS = 64;

/** Which part of an age is left to chance. */
const AGE_JITTER = 0.2;

/**
 * A pool of connections, or of anything that is expensive to open.
 *
 * Callers are served in the order in which they came; they get the connection that was
 * used last, so that those which are not needed become idle and end. A call of `acquire`
 * that is cut off leaves its connection to the next one, also where that is only being
 * opened. Where opening fails one caller gets the error, the one that has waited longest;
 * for the others it is tried again, within the `budget` where there is one.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { connect, serve } from "@sluice/net";
 * import { Pool } from "@sluice/net/client";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0 }, async (socket) => {
 *   for (let line; (line = await socket.readLine()) !== null;) {
 *     await socket.write(`${line.toUpperCase()}\n`);
 *   }
 * });
 * await using pool = new Pool({
 *   open: (options) => connect({ port: server.addr.port, ...options }),
 *   max: 4,
 * });
 *
 * const ask = (text: string) =>
 *   pool.use(async (socket) => {
 *     await socket.write(`${text}\n`);
 *     return await socket.readLine({ timeoutMs: 1_000 });
 *   });
 * assertEquals(await Promise.all([ask("one"), ask("two")]), ["ONE", "TWO"]);
 * assertEquals(await ask("three"), "THREE");
 * assertEquals(pool.stats.opened, 2);
 * ```
 */
export class Pool<T> implements AsyncDisposable {
  readonly #options: PoolOptions<T>;
  readonly #limits: PoolLimits;
  /** The one that was used last is at the end. */
  readonly #idle: Entry<T>[] = [];
  readonly #leased = new Set<Entry<T>>();
  /** In the order in which they came. */
  readonly #waiters = new Set<Waiter<T>>();
  readonly #owner: LeaseOwner<{ readonly value: T }>;
  readonly #stats: LiveStats;
  /** Ends what is being opened and checked. */
  readonly #ending = new AbortController();
  readonly #alarm: Alarm;
  readonly #refillAlarm: Alarm;
  readonly #watchAlarm: Alarm;
  readonly #budget: RetryBudget | undefined;
  readonly #telemetry: PoolTelemetry | undefined;
  #refillMs = REFILL_MIN_MS;
  /** The last attempt to open a connection has failed: another one is a retry. */
  #isFailing = false;
  /** Idle connections that are checked for each caller: one, where the last check was good. */
  #checksEach = 1;
  #closing: Promise<void> | undefined;
  /** Resolves when no connection is left. */
  #emptied: PromiseWithResolvers<void> | undefined;

  /**
   * Makes a pool. It opens connections when they are asked for, and `min` of them at once.
   *
   * @param options What to open, and how many.
   * @throws {TypeError} An option is of the wrong type, or its name is not known.
   * @throws {RangeError} An option is out of its range.
   */
  constructor(options: PoolOptions<T>) {
    const checked = checkPoolOptions(options);
    this.#options = options = checked.options;
    this.#limits = checked.limits;
    this.#budget = options.budget;
    this.#stats = new LiveStats(this.#idle, this.#leased, this.#waiters);
    const { telemetry } = options;
    if (telemetry !== undefined && telemetry !== false) {
      const name = telemetry === true ? undefined : telemetry;
      this.#telemetry = new PoolTelemetry(name, this.#stats, this.#limits);
    }
    this.#owner = {
      onRelease: (entry) => this.#onRelease(entry as Entry<T>),
      onDiscard: (entry, reason) => this.#retire(entry as Entry<T>, reason),
    };
    const sweep: AlarmListener = { onAlarm: () => this.#sweep() };
    this.#alarm = new Alarm(sweep, IDLE_ALARM);
    const refill: AlarmListener = { onAlarm: () => this.#supply() };
    this.#refillAlarm = new Alarm(refill, IDLE_ALARM);
    const watch: AlarmListener = { onAlarm: () => this.#watchIdle() };
    this.#watchAlarm = new Alarm(watch, IDLE_ALARM);
    this.#watchAlarm.limitMs = WATCH_MS;
    this.#supply();
  }

  /** What the pool has, and has done. Live. */
  get stats(): PoolStats {
    return this.#stats;
  }

  /**
   * Gives a connection, and waits for one where all are in use.
   *
   * Cancellation: safe. A connection that was to be for a call that is cut off is for the
   * next one.
   *
   * @param options Limits of this call; `timeoutMs` is `acquireTimeoutMs` by default.
   * @returns The use of a connection: give it back, at best by `await using`.
   * @throws {TimeoutError} There was none in time.
   * @throws {LimitError} More than `maxWaiting` calls would wait.
   * @throws {ClosedError} The pool was closed.
   * @throws {unknown} What `open` throws, or `signal.reason`; both untouched.
   *
   * @example
   * ```ts
   * import { TimeoutError } from "@sluice/net";
   * import { Pool } from "@sluice/net/client";
   * import { assertRejects } from "@std/assert";
   *
   * await using pool = new Pool({ open: () => ({}), max: 1 });
   * await using lease = await pool.acquire();
   * await assertRejects(() => pool.acquire({ timeoutMs: 10 }), TimeoutError);
   * console.assert(lease.value !== undefined);
   * ```
   */
  acquire(options?: CallOptions): Promise<Lease<T>> {
    try {
      checkCall("acquire", options);
      checkCallNames("acquire", options);
      this.#checkOpen("acquire");
      this.#budget?.addRequest();
      if (this.#waiters.size === 0) {
        const lease = this.#takeIdle();
        if (lease !== undefined) {
          this.#telemetry?.onAcquired(performance.now());
          return Promise.resolve(lease);
        }
      }
      this.#checkWaiting();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#wait(options);
  }

  /**
   * Gives a connection to a task, and takes it back when the task ends. Where the task
   * throws, the connection is closed, as the exchange may not be complete, unless
   * `keepOnError` says that it can be used.
   *
   * Cancellation: the limits are those of {@linkcode Pool.acquire}; give them to the calls
   * of the task as well.
   *
   * @param task What to do with the connection.
   * @param options Limits of the wait, and which errors leave the connection intact.
   * @returns What the task gives.
   * @throws {unknown} As {@linkcode Pool.acquire}, and what the task throws, untouched.
   *
   * @example
   * ```ts
   * import { Pool } from "@sluice/net/client";
   * import { assertEquals, assertRejects } from "@std/assert";
   *
   * await using pool = new Pool({ open: () => ({ name: "connection" }) });
   * assertEquals(await pool.use(({ name }) => name), "connection");
   * await assertRejects(() => pool.use(() => Promise.reject(new Error("lost"))));
   * assertEquals([pool.stats.opened, pool.stats.idle], [1, 0]);
   * ```
   */
  async use<R>(
    task: (value: T) => R | Promise<R>,
    options: PoolUseOptions = {},
  ): Promise<R> {
    checkNames("use", "options", options, USE_OPTION_NAMES);
    checkFunction("use", "task", task);
    const { keepOnError: keep = this.#options.keepOnError } = options;
    if (keep !== undefined) checkFunction("use", "keepOnError", keep);
    const { signal, timeoutMs, deadline } = options;
    const lease = await this.acquire({ signal, timeoutMs, deadline });
    try {
      const result = await task(lease.value);
      lease.release();
      return result;
    } catch (error) {
      let kept = false;
      if (keep !== undefined) {
        guard(() => {
          kept = answerOf("use", "keepOnError", keep(error));
        });
      }
      if (kept) lease.release();
      else lease.discard(error);
      throw error;
    }
  }

  /**
   * Closes the pool: calls that wait reject with {@linkcode ClosedError}, idle connections
   * are closed, and those that callers have when they are given back. After `timeoutMs`
   * they are closed all the same. Idempotent: all calls share one end, and the shortest
   * limit counts.
   *
   * Cancellation: a limit of this call closes what callers still have; it rejects only with
   * `signal.reason`.
   *
   * @param options Limits of this call; `timeoutMs` is 15,000 by default.
   * @throws {unknown} `signal.reason`, untouched, where the signal aborts.
   *
   * @example
   * ```ts
   * import { ClosedError } from "@sluice/net";
   * import { Pool } from "@sluice/net/client";
   * import { assertEquals, assertRejects } from "@std/assert";
   *
   * const pool = new Pool({ open: () => ({}) });
   * const lease = await pool.acquire();
   * const closing = pool.close({ timeoutMs: 5_000 });
   * await assertRejects(() => pool.acquire(), ClosedError);
   * lease.release();
   * await closing;
   * assertEquals(pool.stats.total, 0);
   * ```
   */
  async close(options: CallOptions = {}): Promise<void> {
    checkEnds("close the pool", options);
    checkCallNames("close the pool", options);
    const { signal, timeoutMs = CLOSE_MS, deadline } = options;
    checkCall("close the pool", { timeoutMs });
    const closing = this.#closing ??= this.#close();
    let abort: { reason: unknown } | undefined;
    const limits = { signal, timeoutMs, deadline };
    const unwatch = watchCall("close the pool", limits, (reason, byTime) => {
      // A time limit that passes is no error here; an abort of the signal is.
      if (!byTime) abort = { reason };
      const cut = this.#options.close ?? cutOf;
      for (const entry of this.#leased) this.#retire(entry, reason, cut);
    });
    try {
      await closing;
    } finally {
      unwatch();
    }
    if (abort !== undefined) throw abort.reason;
  }

  /** Closes it, as {@linkcode Pool.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- callers ------------------------------------------------------------

  #checkOpen(operation: string): void {
    if (this.#closing !== undefined) throw closedError(operation);
  }

  #checkWaiting(): void {
    const { maxWaiting } = this.#limits;
    // Calls for which a connection is being opened do not count.
    if (this.#waiters.size - this.#coming < maxWaiting) return;
    if (this.#idle.length > 0 || this.#mayOpen) return;
    throw new LimitError(
      "maxWaiting",
      maxWaiting,
      `Cannot acquire: more than ${maxWaiting} calls would wait`,
      { operation: "acquire" },
    );
  }

  #wait(options: CallOptions = {}): Promise<Lease<T>> {
    const startMs = performance.now();
    return new Promise((resolve, reject) => {
      // In here, as a getter may throw: it rejects then.
      const { timeoutMs = this.#limits.acquireTimeoutMs } = options;
      const { signal, deadline } = options;
      const waiter: Waiter<T> = {
        grant: (lease) => {
          unwatch();
          this.#telemetry?.onAcquired(startMs);
          resolve(lease);
        },
        fail: (reason) => {
          unwatch();
          reject(reason);
        },
      };
      this.#waiters.add(waiter);
      const limits = { signal, timeoutMs, deadline };
      const unwatch = watchCall("acquire", limits, (reason, byTime) => {
        this.#waiters.delete(waiter);
        if (byTime) this.#stats.timeouts++;
        reject(reason);
      });
      this.#supply();
    });
  }

  #lease(entry: Entry<T>): Lease<T> {
    entry.state = "leased";
    entry.unwatch?.();
    entry.unwatch = undefined;
    this.#leased.add(entry);
    this.#stats.acquired++;
    this.#telemetry?.onLease(entry);
    return new Lease(this.#owner, entry);
  }

  /** The caller that has waited longest, who waits no more. */
  #nextWaiter(): Waiter<T> | undefined {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      return waiter;
    }
    return undefined;
  }

  // ---- connections --------------------------------------------------------

  /** How many connections will be there for callers that wait, as far as can be expected. */
  get #coming(): number {
    const { opening, checking } = this.#stats;
    return opening + Math.floor(checking / this.#checksEach);
  }

  /** How many there can be at most without opening another one. */
  get #possible(): number {
    const { opening, checking } = this.#stats;
    return opening + checking + this.#idle.length;
  }

  /** Sees that for each caller that waits a connection is on its way, if there may be one. */
  #supply(): void {
    if (this.#closing !== undefined) return;
    while (this.#waiters.size > this.#coming) {
      const entry = this.#idle.pop();
      if (entry === undefined) {
        if (!this.#mayOpen) break;
        // Opening has just failed, and would again and again until all checks have ended.
        if (this.#isFailing && this.#waiters.size <= this.#possible) break;
        void this.#open();
      } else if (isOver(entry)) {
        this.#retire(entry);
      } else if (this.#needsCheck(entry)) {
        void this.#check(entry);
      } else {
        this.#nextWaiter()!.grant(this.#lease(entry));
      }
    }
    // What is checked now may be dead, too, and takes its time to say so.
    if (
      this.#checksEach > 1 && this.#stats.checking > 0 && !this.#isFailing
    ) {
      while (this.#stats.opening < this.#waiters.size && this.#mayOpen) {
        void this.#open();
      }
    }
    // After a failure only from time to time.
    if (this.#refillAlarm.armed) return;
    const { min } = this.#limits;
    while (this.#stats.total - this.#stats.closing < min && this.#mayOpen) {
      if (this.#isFailing && this.#budget?.tryRetry() === false) {
        return this.#refillLater();
      }
      void this.#open();
    }
  }

  get #mayOpen(): boolean {
    const { max, maxOpening } = this.#limits;
    return this.#stats.total < max && this.#stats.opening < maxOpening;
  }

  /** An idle one that can be used as it is. */
  #takeIdle(): Lease<T> | undefined {
    const { length } = this.#idle;
    if (length === 0) return undefined;
    const entry = this.#idle[length - 1];
    if (isOver(entry) || this.#needsCheck(entry)) return undefined;
    this.#idle.pop();
    return this.#lease(entry);
  }

  #needsCheck(entry: Entry<T>): boolean {
    return this.#options.check !== undefined &&
      performance.now() - entry.idleSince > this.#limits.checkAfterMs;
  }

  async #open(): Promise<void> {
    const { acquireTimeoutMs, maxAgeMs } = this.#limits;
    this.#stats.opening++;
    const controller = new AbortController();
    const { signal } = controller;
    const limits = { signal: this.#ending.signal, timeoutMs: acquireTimeoutMs };
    const unwatch = watchCall(
      "open",
      limits,
      (reason) => controller.abort(reason),
    );
    const startMs = performance.now();
    const opening = Promise.try(this.#options.open, { signal });
    try {
      const value = await waitWithin("open", opening, { signal });
      this.#stats.opening--;
      this.#stats.opened++;
      this.#telemetry?.onOpened(startMs);
      this.#refillMs = REFILL_MIN_MS;
      this.#isFailing = false;
      const ageMs = maxAgeMs * (1 - AGE_JITTER * Math.random());
      const expiresAt = performance.now() + ageMs;
      this.#onOpened({
        value,
        expiresAt,
        idleSince: 0,
        state: "checking",
        spent: false,
        unwatch: undefined,
      });
    } catch (error) {
      this.#stats.opening--;
      this.#stats.openErrors++;
      if (signal.aborted) this.#closeLate(opening);
      this.#onOpenError(error, signal.aborted);
    } finally {
      unwatch();
    }
  }

  #onOpened(entry: Entry<T>): void {
    const { closed = closedOf } = this.#options;
    const onClosed = () => this.#onClosed(entry);
    guard(() => {
      const end: unknown = closed(entry.value);
      // Told later, also of one that has ended: its caller will find out. Otherwise one
      // after the other would be opened and closed in a single turn.
      if (isThenable(end)) Promise.resolve(end).then(onClosed, onClosed);
    });
    this.#offer(entry);
    // More callers may wait than connections may be opened at a time.
    this.#supply();
  }

  #onOpenError(error: unknown, wasLate: boolean): void {
    if (this.#closing !== undefined) return this.#resolveEmptied();
    this.#isFailing = true;
    if (this.#waiters.size > this.#possible) {
      // The caller's own limit was set a moment earlier and is the same by default, so both
      // have passed.
      if (wasLate) this.#stats.timeouts++;
      this.#nextWaiter()!.fail(error);
      this.#failOthers(error);
    } else if (!this.#refillAlarm.armed) {
      this.#refillLater();
    }
    this.#supply();
  }

  /** It would be opened again for calls that wait: they fail where no retry is left. */
  #failOthers(error: unknown): void {
    if (this.#budget === undefined || this.#waiters.size <= this.#possible) {
      return;
    }
    if (this.#budget.tryRetry()) return;
    // The first ones get what is on its way.
    for (const waiter of [...this.#waiters].slice(this.#possible)) {
      this.#waiters.delete(waiter);
      waiter.fail(error);
    }
  }

  /** No caller waits for it: it is tried again in a while, and less and less often. */
  #refillLater(): void {
    this.#refillAlarm.limitMs = this.#refillMs * (1 - Math.random() / 2);
    this.#refillAlarm.arm();
    this.#refillMs = Math.min(REFILL_MAX_MS, 2 * this.#refillMs);
  }

  async #check(entry: Entry<T>): Promise<void> {
    entry.state = "checking";
    entry.unwatch?.();
    entry.unwatch = undefined;
    this.#stats.checking++;
    const deadline = Deadline.after(this.#limits.checkTimeoutMs, {
      signal: this.#ending.signal,
    });
    const { signal } = deadline;
    let good = false;
    try {
      const checking = Promise.try(this.#options.check!, entry.value, {
        signal,
      });
      good = await waitWithin("check", checking, { signal }) === true;
    } catch {
      // A check that throws says that the connection cannot be used.
    } finally {
      deadline.dispose();
    }
    this.#stats.checking--;
    this.#checksEach = good ? 1 : Math.min(MAX_CHECKS, 2 * this.#checksEach);
    if (good) this.#offer(entry);
    else this.#retire(entry);
    this.#supply();
  }

  /** A connection can be used: by the caller that has waited longest, or later. */
  #offer(entry: Entry<T>, now = performance.now()): void {
    if (this.#closing !== undefined || entry.spent) return this.#retire(entry);
    const waiter = this.#nextWaiter();
    if (waiter !== undefined) return waiter.grant(this.#lease(entry));
    entry.state = "idle";
    entry.idleSince = now;
    this.#idle.push(entry);
    if (!this.#alarm.armed) this.#armSweep();
    if (!this.#watchAlarm.armed) this.#watchAlarm.arm();
  }

  #onRelease(entry: Entry<T>): void {
    // The pool was closed, and did not wait for it.
    if (entry.state === "gone") return;
    this.#leased.delete(entry);
    this.#telemetry?.onLeaseEnd(entry);
    const now = performance.now();
    if (isOver(entry, now)) this.#retire(entry);
    else this.#offer(entry, now);
  }

  /** A connection has ended by itself. */
  #onClosed(entry: Entry<T>): void {
    entry.spent = true;
    // Where it is in use its caller will find out, and give it back.
    if (entry.state !== "idle") return;
    const index = this.#idle.lastIndexOf(entry);
    this.#idle.splice(index, 1);
    this.#retire(entry);
  }

  /** Closes a connection, which is not idle any more. */
  #retire(entry: Entry<T>, reason?: unknown, close?: Close<T>): void {
    if (entry.state === "gone") return;
    entry.state = "gone";
    entry.unwatch?.();
    this.#leased.delete(entry);
    this.#telemetry?.onLeaseEnd(entry);
    this.#countClosing(this.#closeValue(entry.value, reason, close));
  }

  /** Opening was given up: what it gives all the same is closed, and counts until then. */
  #closeLate(opening: Promise<T>): void {
    const { closeTimeoutMs: timeoutMs } = this.#limits;
    const closing = opening.then((value) => this.#closeValue(value), () => {});
    // `open` may look at its signal or not.
    this.#countClosing(
      waitWithin("close", closing, { timeoutMs }).catch(() => {}),
    );
  }

  #countClosing(closing: Promise<void>): void {
    this.#stats.closing++;
    closing.then(() => {
      this.#stats.closing--;
      this.#supply();
      this.#resolveEmptied();
    });
  }

  /** Resolves when it is closed, or has had its time. Never rejects. */
  async #closeValue(
    value: T,
    reason?: unknown,
    close: Close<T> = this.#options.close ?? closeOf,
  ): Promise<void> {
    const { closeTimeoutMs: timeoutMs } = this.#limits;
    const closing = Promise.try(close, value, reason);
    // No caller uses it any more: an error of its end is of no interest.
    await waitWithin("close", closing, { timeoutMs }).catch(() => {});
  }

  // ---- idle ones ----------------------------------------------------------

  /** Ends what has been idle for too long, or is too old. */
  #sweep(): void {
    const { idleMs, min } = this.#limits;
    const now = performance.now();
    let kept = 0;
    const surplus = this.#idle.length + this.#leased.size - min;
    const ended: Entry<T>[] = [];
    for (const entry of this.#idle) {
      const isIdle = now - entry.idleSince >= idleMs && ended.length < surplus;
      if (isIdle || now >= entry.expiresAt) ended.push(entry);
      else this.#idle[kept++] = entry;
    }
    this.#idle.length = kept;
    // Not before: `close` may ask for a connection.
    for (const entry of ended) this.#retire(entry);
    if (this.#idle.length > 0) this.#armSweep();
    if (ended.length > 0) this.#supply();
  }

  /** Watches those for their end that are not just between two uses. */
  #watchIdle(): void {
    const since = performance.now() - WATCH_MS / 2;
    for (const entry of this.#idle) {
      if (entry.unwatch !== undefined) continue;
      if (entry.idleSince > since) this.#watchAlarm.arm();
      else entry.unwatch = watchEnd(entry.value, () => this.#onClosed(entry));
    }
  }

  #armSweep(): void {
    const { idleMs } = this.#limits;
    const now = performance.now();
    let leftMs = Infinity;
    for (const entry of this.#idle) {
      leftMs = Math.min(leftMs, entry.expiresAt - now);
      const idleLeftMs = entry.idleSince + idleMs - now;
      // One that was idle for longer than `idleMs` is kept because of `min`.
      leftMs = Math.min(leftMs, idleLeftMs > 0 ? idleLeftMs : idleMs);
    }
    this.#alarm.limitMs = Math.max(1, leftMs);
    this.#alarm.arm();
  }

  // ---- closing ------------------------------------------------------------

  async #close(): Promise<void> {
    const { promise } = this.#emptied = Promise.withResolvers<void>();
    // After `#closing` is set, as what follows looks at it.
    await undefined;
    this.#alarm.dispose();
    this.#refillAlarm.dispose();
    this.#watchAlarm.dispose();
    for (const waiter of this.#waiters) waiter.fail(closedError("acquire"));
    this.#waiters.clear();
    this.#ending.abort(closedError("open"));
    for (const entry of this.#idle.splice(0)) this.#retire(entry);
    this.#resolveEmptied();
    await promise;
    this.#telemetry?.end();
  }

  #resolveEmptied(): void {
    if (this.#stats.total === 0) this.#emptied?.resolve();
  }
}

/** The counters while they count. */
class LiveStats implements PoolStats {
  opening = 0;
  checking = 0;
  closing = 0;
  opened = 0;
  openErrors = 0;
  acquired = 0;
  timeouts = 0;
  readonly #idle: { readonly length: number };
  readonly #leased: { readonly size: number };
  readonly #waiters: { readonly size: number };

  constructor(
    idle: { readonly length: number },
    leased: { readonly size: number },
    waiters: { readonly size: number },
  ) {
    this.#idle = idle;
    this.#leased = leased;
    this.#waiters = waiters;
  }

  get idle(): number {
    return this.#idle.length;
  }

  get leased(): number {
    return this.#leased.size;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  get total(): number {
    return this.idle + this.leased + this.opening + this.checking +
      this.closing;
  }
}

/** Closes a connection. */
type Close<T> = (value: T, reason: unknown) => unknown;

function isOver(
  { expiresAt }: { readonly expiresAt: number },
  now = performance.now(),
): boolean {
  return now >= expiresAt;
}

function closedError(operation: string): ClosedError {
  const why = `Cannot ${operation}: the pool was closed`;
  return new ClosedError(why, { operation });
}

const USE_OPTION_NAMES: ReadonlySet<string> = new Set(
  ["signal", "timeoutMs", "deadline", "keepOnError"] satisfies (
    keyof PoolUseOptions
  )[],
);
