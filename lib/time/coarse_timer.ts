/**
 * Time limits which cost nothing to arm.
 *
 * A `setTimeout` for every operation costs more than the operation. So alarms of
 * similar length share a lane, and each lane has one timer, which ticks only
 * while an alarm is in it. Arming stores a mark; the next tick turns
 * the mark into a time, and a later tick finds that the limit has passed.
 *
 * A lane ticks 16 to 32 times per limit, so an alarm goes off between `limit` and
 * `limit * 1.125`, never early. Lanes end at a tick of 1 ms (limits below 32 ms
 * are up to 2 ms late, and what the event loop adds) and of 512 ms.
 *
 * @module
 */

import { checkAboveZero } from "../_check.ts";
import { systemTime, type TimeSource } from "./system_time.ts";

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
/** Instead of a place in a lane: it is in none, or never will be again. */
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

/** What {@linkcode Alarm} may be told. Give several alarms the same object: it is kept. */
export interface AlarmOptions {
  /**
   * Whether the process waits for it, as it waits for the call that it limits. A limit
   * of what is left idle, or of an age, lets the process end.
   *
   * @default {true}
   */
  readonly holdsProcess?: boolean;
  /** Whose time counts. The process's by default. */
  readonly clock?: CoarseClock;
}

const DEFAULTS: AlarmOptions = {};

/** The alarms that are armed and share one tick; one that was disarmed stays until then. */
class Lane {
  /** Whether an alarm in here may stay when it is armed: it ticks, on the clock of today. */
  settled = false;
  /** The time of this lane: real time without its stalls. */
  nowMs = 0;
  readonly alarms: Alarm[] = [];
  readonly #tickMs: number;
  readonly #source: TimeSource;
  readonly #holdsProcess: boolean;
  #retired = false;
  #tickedAt = 0;
  #ticking = false;
  #timer: unknown;

  constructor(tickMs: number, source: TimeSource, holdsProcess: boolean) {
    this.#tickMs = tickMs;
    this.#source = source;
    this.#holdsProcess = holdsProcess;
  }

  /** Ticks from now on, if it does not yet. */
  start(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.settled = !this.#retired;
    this.#tickedAt = this.#source.now();
    this.#schedule();
  }

  stop(): void {
    this.#ticking = this.settled = false;
    this.#source.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The alarms that are in here go off, but no new one will. */
  retire(): void {
    this.#retired = true;
    this.settled = false;
  }

  #schedule(): void {
    const timer = this.#source.setTimeout(this.#tick, this.#tickMs);
    // The first setTimeout of a process loads a module, and may run microtasks
    // meanwhile: code in there may have stopped this lane, or started it again.
    if (!this.#ticking || this.#timer !== undefined) {
      this.#source.clearTimeout(timer);
      return;
    }
    this.#timer = timer;
    if (!this.#holdsProcess) this.#source.unref(timer);
  }

  readonly #tick = () => {
    const now = this.#source.now();
    const elapsedMs = now - this.#tickedAt;
    this.#tickedAt = now;
    this.#timer = undefined;
    this.nowMs += Math.min(elapsedMs, this.#tickMs + MAX_STALL_MS);
    // Not ticking meanwhile, so that an alarm armed in there starts the lane.
    this.#ticking = this.settled = false;
    Alarm.scan(this);
    if (this.alarms.length === 0 || this.#ticking) return;
    this.#ticking = true;
    this.settled = !this.#retired;
    this.#schedule();
  };
}

/** The lanes of one time source. Everyday code shares {@linkcode sharedClock}. */
export class CoarseClock {
  readonly source: TimeSource;
  /** By their tick; negative for those that do not hold the process. */
  readonly #lanes = new Map<number, Lane>();

  /** @param source Where the time comes from. */
  constructor(source: TimeSource) {
    this.source = source;
  }

  /** The lane for a limit: its tick is the power of two at or below limit / 16. */
  lane(limitMs: number, holdsProcess: boolean): Lane {
    const idealMs = Math.min(limitMs / TICKS_PER_LIMIT, MAX_TICK_MS);
    const tickMs = 2 ** Math.max(0, Math.floor(Math.log2(idealMs)));
    const key = holdsProcess ? tickMs : -tickMs;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(tickMs, this.source, holdsProcess);
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** Another clock has taken its place: no alarm is armed on this one any more. */
  retire(): void {
    for (const lane of this.#lanes.values()) lane.retire();
  }

  /** Its time has ended: disarms every alarm. */
  end(): void {
    for (const { alarms } of this.#lanes.values()) {
      for (const alarm of [...alarms]) alarm.stop();
    }
  }
}

let shared = new CoarseClock(systemTime());

/** The clock of this process: another one while a test has replaced its time. */
export function sharedClock(): CoarseClock {
  const source = systemTime();
  if (shared.source !== source) {
    shared.retire();
    shared = new CoarseClock(source);
  }
  return shared;
}

/**
 * A limit which is armed again and again: one for each limit of each socket.
 *
 * Nothing but a lane in which it is armed knows it: one that goes off or is disarmed is
 * forgotten with the next tick, one that is disposed of at once and for good. Where its
 * limit is for ever, it is never in a lane.
 */
export class Alarm {
  readonly #listener: AlarmListener;
  readonly #options: AlarmOptions;
  #limitMs = NONE;
  #armedAt = DISARMED;
  #lane: Lane | undefined;
  #index = NOWHERE;

  /**
   * @param listener Called each time the limit passes.
   * @param options Whether the process waits for it, and whose time counts.
   */
  constructor(listener: AlarmListener, options: AlarmOptions = DEFAULTS) {
    this.#listener = listener;
    this.#options = options;
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
    checkAboveZero("set a time limit", "limitMs", limitMs);
    this.#limitMs = limitMs === Infinity ? NONE : limitMs;
    this.#leave();
    if (this.armed) this.arm();
  }

  /** Counts from now on. Does nothing once it is disposed of. */
  arm(): void {
    if (this.#index === DISPOSED) return;
    this.#armedAt = FRESH;
    const lane = this.#lane;
    if (lane === undefined ? this.#limitMs !== NONE : !lane.settled) {
      this.#join();
    }
  }

  /** Stops counting. */
  disarm(): void {
    this.#armedAt = DISARMED;
  }

  /** Stops counting, and its lane at once forgets it. */
  stop(): void {
    this.#armedAt = DISARMED;
    this.#leave();
  }

  /** Stops for good. Safe to call twice. */
  dispose(): void {
    this.stop();
    this.#index = DISPOSED;
  }

  #join(): void {
    this.#leave();
    const { clock = sharedClock(), holdsProcess = true } = this.#options;
    const lane = clock.lane(this.#limitMs, holdsProcess);
    this.#lane = lane;
    this.#index = lane.alarms.push(this) - 1;
    lane.start();
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
    this.#index = NOWHERE;
    // At once and not at the next tick: nothing may outlive the last socket.
    if (lane.alarms.length === 0) lane.stop();
  }

  /**
   * Looks at every alarm of a lane, and lets those go that are not armed any more.
   *
   * From the last one down, as an alarm that leaves is replaced by the last one:
   * whatever `onAlarm` does, no alarm is left out.
   */
  static scan(lane: Lane): void {
    const { alarms, nowMs } = lane;
    for (let i = alarms.length - 1; i >= 0; i--) {
      if (i >= alarms.length) continue;
      const alarm = alarms[i];
      if (alarm.#armedAt === FRESH) {
        // Rounded up: late by a part of a millisecond, and never early.
        alarm.#armedAt = Math.ceil(nowMs);
      } else if (alarm.#armedAt === DISARMED) {
        alarm.#leave();
      } else if (nowMs - alarm.#armedAt >= alarm.#limitMs) {
        alarm.stop();
        try {
          alarm.#listener.onAlarm(alarm);
        } catch (error) {
          // One socket's trouble must not keep the others from their limits.
          reportError(error);
        }
      }
    }
  }
}
