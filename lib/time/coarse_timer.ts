/**
 * Time limits which cost nothing to arm.
 *
 * A `setTimeout` for every operation costs more than the operation. So alarms of
 * similar length share a lane, and each lane has one timer, which ticks only
 * while an alarm of the lane is armed. Arming stores a mark; the next tick turns
 * the mark into a time, and a later tick finds that the limit has passed.
 *
 * A lane ticks 16 to 32 times per limit, so an alarm goes off between `limit` and
 * `limit * 1.125`, never early. Lanes end at a tick of 1 ms (limits below 32 ms
 * are up to 2 ms late, and what the event loop adds) and of 512 ms.
 *
 * @module
 */

import { checkDurationMs } from "./_timer.ts";

/** Where a clock gets its time from; tests put their own here. */
export interface TimeSource {
  /** Milliseconds since some point, never going back. */
  now(): number;
  /** Calls `callback` once, not before `ms` milliseconds have passed. */
  setTimeout(callback: () => void, ms: number): unknown;
  /** Forgets a call that `setTimeout` promised. */
  clearTimeout(id: unknown): void;
}

// Looked up at each call, so that a test may replace the global functions.
const SYSTEM_TIME: TimeSource = {
  now: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (id) => clearTimeout(id as number),
};

const TICKS_PER_LIMIT = 16;
const MAX_TICK_MS = 512;

/**
 * The most that a late tick may be late, in milliseconds. What is beyond does not
 * count: after blocking code, a debugger or a sleeping machine, the data of
 * every peer is there but unread, and none of them is to blame.
 */
const MAX_STALL_MS = 50;

// Small integers all: a field with a fraction, or Infinity, costs an object of its own.
/** No limit. */
const NONE = 0;
/** Not armed. */
const DISARMED = -2;
/** Armed since the last tick. */
const FRESH = -1;
/** Instead of a place in a lane: it has no lane, or will not have one any more. */
const NOWHERE = -1;
const DISPOSED = -2;

/** Who sets alarms, and hears of those that go off. */
export interface AlarmListener {
  /**
   * The limit has passed. The alarm is disarmed already, so it may be armed anew in
   * here.
   */
  onAlarm(alarm: Alarm): void;
}

/** The alarms which share one tick. */
class Lane {
  /** Whether the timer runs. */
  ticking = false;
  /** The time of this lane: real time without its stalls. */
  nowMs = 0;
  readonly alarms: Alarm[] = [];
  readonly #tickMs: number;
  readonly #source: TimeSource;
  #tickedAt = 0;
  #timer: unknown;

  constructor(tickMs: number, source: TimeSource) {
    this.#tickMs = tickMs;
    this.#source = source;
  }

  start(): void {
    this.ticking = true;
    this.#tickedAt = this.#source.now();
    this.#schedule();
  }

  stop(): void {
    this.ticking = false;
    this.#source.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    const timer = this.#source.setTimeout(this.#tick, this.#tickMs);
    // The first setTimeout of a process loads a module, and may run microtasks
    // meanwhile: code in there may have stopped this lane, or started it again.
    if (this.ticking && this.#timer === undefined) this.#timer = timer;
    else this.#source.clearTimeout(timer);
  }

  readonly #tick = () => {
    const now = this.#source.now();
    const elapsedMs = now - this.#tickedAt;
    this.#tickedAt = now;
    this.#timer = undefined;
    this.nowMs += Math.min(elapsedMs, this.#tickMs + MAX_STALL_MS);
    // Not ticking meanwhile, so that an alarm armed in there starts the lane.
    this.ticking = false;
    const armed = Alarm.scan(this);
    if (armed && !this.ticking && this.alarms.length > 0) {
      this.ticking = true;
      this.#schedule();
    }
  };
}

/** The lanes of one time source. Everyday code shares {@linkcode sharedClock}. */
export class CoarseClock {
  readonly #source: TimeSource;
  readonly #lanes = new Map<number, Lane>();

  /** @param source Where the time comes from; the system by default. */
  constructor(source: TimeSource = SYSTEM_TIME) {
    this.#source = source;
  }

  /** The lane for a limit: its tick is the power of two at or below limit / 16. */
  lane(limitMs: number): Lane {
    const idealMs = Math.min(limitMs / TICKS_PER_LIMIT, MAX_TICK_MS);
    const tickMs = 2 ** Math.max(0, Math.floor(Math.log2(idealMs)));
    let lane = this.#lanes.get(tickMs);
    if (lane === undefined) {
      lane = new Lane(tickMs, this.#source);
      this.#lanes.set(tickMs, lane);
    }
    return lane;
  }
}

/** The clock of this process. */
export const sharedClock: CoarseClock = new CoarseClock();

/**
 * A limit which is armed again and again: one for each limit of each socket.
 *
 * While it is armed it keeps the process alive, as the call it guards does.
 * Dispose it, or its lane never forgets it.
 */
export class Alarm {
  readonly #listener: AlarmListener;
  readonly #clock: CoarseClock;
  #limitMs = NONE;
  #armedAt = DISARMED;
  #lane: Lane | undefined;
  #index = NOWHERE;

  /**
   * @param listener Called each time the limit passes.
   * @param clock Whose time counts; this process's by default.
   */
  constructor(listener: AlarmListener, clock: CoarseClock = sharedClock) {
    this.#listener = listener;
    this.#clock = clock;
  }

  /** Whether it counts. */
  get armed(): boolean {
    return this.#armedAt !== DISARMED;
  }

  /**
   * The limit in milliseconds, above 0; `Infinity`, the default, never expires.
   * Setting it makes an armed alarm count from now on.
   */
  get limitMs(): number {
    return this.#limitMs === NONE ? Infinity : this.#limitMs;
  }

  set limitMs(limitMs: number) {
    checkDurationMs("set a time limit", "limitMs", limitMs, "above 0");
    this.#limitMs = limitMs === Infinity ? NONE : limitMs;
    if (this.#index === DISPOSED) return;
    const lane = limitMs === Infinity ? undefined : this.#clock.lane(limitMs);
    if (lane !== this.#lane) {
      this.#leave();
      this.#lane = lane;
      if (lane !== undefined) this.#index = lane.alarms.push(this) - 1;
    }
    if (this.armed) this.arm();
  }

  /** Counts from now on. */
  arm(): void {
    this.#armedAt = FRESH;
    const lane = this.#lane;
    if (lane !== undefined && !lane.ticking) lane.start();
  }

  /** Stops counting. */
  disarm(): void {
    this.#armedAt = DISARMED;
  }

  /** Disarms for good. Safe to call twice. */
  dispose(): void {
    this.#armedAt = DISARMED;
    this.#leave();
    this.#index = DISPOSED;
  }

  #leave(): void {
    const lane = this.#lane;
    if (lane === undefined) return;
    this.#lane = undefined;
    const last = lane.alarms.pop()!;
    if (last !== this) {
      lane.alarms[this.#index] = last;
      last.#index = this.#index;
    }
    // At once and not at the next tick: nothing may outlive the last socket.
    if (lane.alarms.length === 0 && lane.ticking) lane.stop();
  }

  /**
   * Looks at every alarm of a lane. Returns whether any is armed still.
   *
   * From the last one down, as an alarm that leaves is replaced by the last one:
   * whatever `onAlarm` does, no alarm is left out.
   */
  static scan(lane: Lane): boolean {
    const { alarms, nowMs } = lane;
    let anyArmed = false;
    for (let i = alarms.length - 1; i >= 0; i--) {
      if (i >= alarms.length) continue;
      const alarm = alarms[i];
      if (alarm.#armedAt === FRESH) {
        // Rounded up: late by a part of a millisecond, and never early.
        alarm.#armedAt = Math.ceil(nowMs);
      } else if (
        alarm.#armedAt !== DISARMED &&
        nowMs - alarm.#armedAt >= alarm.#limitMs
      ) {
        alarm.#armedAt = DISARMED;
        try {
          alarm.#listener.onAlarm(alarm);
        } catch (error) {
          // One socket's trouble must not keep the others from their limits.
          reportError(error);
        }
      }
      if (alarm.#armedAt !== DISARMED) anyArmed = true;
    }
    return anyArmed;
  }
}
