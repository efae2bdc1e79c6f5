/**
 * Time limits which cost nothing to arm.
 *
 * A `setTimeout` for every operation costs more than the operation. So alarms of
 * similar length share a bucket, and each bucket has one timer, which ticks only
 * while an alarm is in it. Arming stores a mark; the next tick turns
 * the mark into a time, and a later tick finds that the limit has passed.
 *
 * A bucket ticks 16 to 32 times per limit, and once more when the first of its alarms is
 * due. So an alarm goes off between `limit` and `limit * 1.0625`, never early: it is late
 * by the tick that it waits for its time. One that is exact reads the clock instead, and
 * goes off when it is due. Buckets end at a tick of 1 ms and of 512 ms.
 *
 * @module
 */

import { checkAboveZero } from "../_check.ts";
import { systemTime, type TimeSource } from "./system_time.ts";

const TICKS_PER_LIMIT = 16;
const MAX_TICK_MS = 512;

/**
 * A tick that is later than this, in milliseconds, comes after blocking code or a
 * debugger: the data of every peer is there but unread, and no peer was late.
 * What is beyond does not count; where it must, what has come is read first.
 */
const MAX_STALL_MS = 50;

/**
 * Alarms that a bucket may look at for each millisecond that it waits: with more, they go
 * off less exactly rather than delay other work.
 */
const ALARMS_PER_MS = 1_000;

// Small integers all: a field with a fraction, or Infinity, costs an object of its own.
/** No limit. */
const NONE = 0;
/** Not armed. */
const DISARMED = -2;
/** Armed since the last tick. */
const FRESH = -1;
/** Instead of a place in a bucket: it is in none, or never will be again. */
const NOWHERE = -1;
const DISPOSED = -2;

/** What is called when an alarm goes off. */
export interface AlarmListener {
  /**
   * The limit has passed. The alarm is disarmed already, so it may be armed anew in
   * here.
   */
  onAlarm(alarm: Alarm): void;
}

/** Options of {@linkcode Alarm}. Give several alarms the same object: it is kept. */
export interface AlarmOptions {
  /**
   * Whether the process waits for it, as it waits for the call that it limits. A limit
   * of what is left idle, or of an age, lets the process end.
   *
   * @default {true}
   */
  readonly holdsProcess?: boolean | undefined;
  /**
   * Whether it counts all time, and goes off to the millisecond. Otherwise it is up to a
   * sixteenth late, leaves out time in which the event loop was blocked, and costs
   * nothing to arm.
   *
   * @default {false}
   */
  readonly exact?: boolean | undefined;
  /** Whose time counts. The process's by default. */
  readonly clock?: CoarseClock | undefined;
}

const DEFAULTS: AlarmOptions = {};

/** The alarms that are armed and share one tick; one that was disarmed stays until then. */
class Bucket {
  /** Whether an alarm in here may stay when it is armed: it ticks, on the current clock. */
  settled = false;
  /** The time of this bucket: real time without its stalls. */
  nowMs = 0;
  /** Real time; after a stall as it was before, for one tick. */
  exactMs = 0;
  readonly alarms: Alarm[] = [];
  readonly #tickMs: number;
  readonly #source: TimeSource;
  #retired = false;
  #realMs = 0;
  #tickedAt = 0;
  /** How long the tick that comes was to wait. */
  #delayMs = 0;
  #ticking = false;
  #timer: unknown;
  /** Alarms in here that hold the process. */
  #holding = 0;

  constructor(tickMs: number, source: TimeSource) {
    this.#tickMs = tickMs;
    this.#source = source;
  }

  /** Real time at this moment. */
  readExactMs(): number {
    return this.#realMs + this.#source.now() - this.#tickedAt;
  }

  /** An alarm has come: ticks from now on, if it does not yet. */
  enter(holdsProcess: boolean): void {
    if (holdsProcess) this.hold();
    if (!this.#ticking) {
      this.#tickedAt = this.#source.now();
      this.#schedule(this.#tickMs);
    }
  }

  /** One more alarm in here holds the process. */
  hold(): void {
    if (++this.#holding === 1 && this.#ticking) this.#source.ref(this.#timer);
  }

  /** One alarm fewer does. */
  unhold(): void {
    if (--this.#holding === 0) this.#source.unref(this.#timer);
  }

  /** An alarm has left. */
  leave(holdsProcess: boolean): void {
    if (holdsProcess) this.unhold();
    // At once and not at the next tick: nothing may outlive the last socket.
    if (this.alarms.length > 0) return;
    // The next alarm has seen no stall, and what comes before it is over gets its tick.
    this.exactMs = this.#realMs;
    this.#ticking = this.settled = false;
    this.#source.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The alarms that are in here go off, but no new one will. */
  retire(): void {
    this.#retired = true;
    this.settled = false;
  }

  #schedule(delayMs: number): void {
    this.#ticking = true;
    this.settled = !this.#retired;
    this.#delayMs = delayMs;
    const timer = this.#source.setTimeout(this.#tick, Math.ceil(delayMs));
    // The first setTimeout of a process loads a module, and may run microtasks
    // meanwhile: code in there may have stopped this bucket, or started it again.
    if (!this.#ticking || this.#timer !== undefined) {
      this.#source.clearTimeout(timer);
      return;
    }
    this.#timer = timer;
    if (this.#holding === 0) this.#source.unref(timer);
  }

  readonly #tick = () => {
    const now = this.#source.now();
    const elapsedMs = now - this.#tickedAt;
    const longestMs = this.#delayMs + MAX_STALL_MS;
    // One tick after the other, however late they are.
    const stalled = elapsedMs > longestMs && this.exactMs === this.#realMs;
    this.nowMs += Math.min(elapsedMs, longestMs);
    this.#realMs += elapsedMs;
    if (!stalled) this.exactMs = this.#realMs;
    this.#tickedAt = now;
    this.#timer = undefined;
    // Not ticking meanwhile, so that an alarm armed in there starts the bucket.
    this.#ticking = this.settled = false;
    const leftMs = Alarm.scan(this);
    if (this.alarms.length === 0 || this.#ticking) return;
    const leastMs = Math.max(1, this.alarms.length / ALARMS_PER_MS);
    const delayMs = stalled ? 1 : Math.max(leftMs, leastMs);
    this.#schedule(Math.min(delayMs, this.#tickMs));
  };
}

/** The buckets of one time source. Everyday code shares {@linkcode sharedClock}. */
export class CoarseClock {
  readonly source: TimeSource;
  readonly #buckets = new Map<number, Bucket>();

  /** @param source Where the time comes from. */
  constructor(source: TimeSource) {
    this.source = source;
  }

  /** The bucket for a limit: its tick is the power of two at or below limit / 16. */
  bucket(limitMs: number): Bucket {
    const idealMs = Math.min(limitMs / TICKS_PER_LIMIT, MAX_TICK_MS);
    const tickMs = 2 ** Math.max(0, Math.floor(Math.log2(idealMs)));
    let bucket = this.#buckets.get(tickMs);
    if (bucket === undefined) {
      bucket = new Bucket(tickMs, this.source);
      this.#buckets.set(tickMs, bucket);
    }
    return bucket;
  }

  /** Another clock has taken its place: no alarm is armed on this one any more. */
  retire(): void {
    for (const bucket of this.#buckets.values()) bucket.retire();
  }

  /** Its time has ended: disarms every alarm. */
  end(): void {
    for (const { alarms } of this.#buckets.values()) {
      for (const alarm of [...alarms]) alarm.stop();
    }
  }
}

let shared: CoarseClock | undefined;

/** The clock of this process: another one while a test has replaced its time. */
export function sharedClock(): CoarseClock {
  const source = systemTime();
  if (shared === undefined || shared.source !== source) {
    shared?.retire();
    shared = new CoarseClock(source);
  }
  return shared;
}

/**
 * A limit which is armed again and again: one for each limit of each socket.
 *
 * Nothing but a bucket in which it is armed knows it: one that goes off or is disarmed is
 * forgotten with the next tick, one that is disposed of at once and for good. Where its
 * limit is for ever, it is never in a bucket.
 */
export class Alarm {
  readonly #listener: AlarmListener;
  #options: AlarmOptions;
  #limitMs = NONE;
  #armedAt = DISARMED;
  #bucket: Bucket | undefined;
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

  /** Whether the process waits for it. Setting it does not change when it goes off. */
  get holdsProcess(): boolean {
    return this.#options.holdsProcess ?? true;
  }

  set holdsProcess(holdsProcess: boolean) {
    if (holdsProcess === this.holdsProcess) return;
    this.#options = { ...this.#options, holdsProcess };
    if (holdsProcess) this.#bucket?.hold();
    else this.#bucket?.unhold();
  }

  /** Counts from now on. Does nothing once it is disposed of. */
  arm(): void {
    if (this.#index === DISPOSED) return;
    this.#armedAt = FRESH;
    const bucket = this.#bucket;
    if (bucket === undefined ? this.#limitMs !== NONE : !bucket.settled) {
      this.#join();
    } else if (bucket !== undefined && this.#options.exact === true) {
      this.#armedAt = Math.ceil(bucket.readExactMs());
    }
  }

  /** Stops counting. */
  disarm(): void {
    this.#armedAt = DISARMED;
  }

  /** Stops counting, and its bucket at once forgets it. */
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
    const { clock = sharedClock(), exact } = this.#options;
    const bucket = clock.bucket(this.#limitMs);
    this.#bucket = bucket;
    this.#index = bucket.alarms.push(this) - 1;
    bucket.enter(this.holdsProcess);
    if (exact === true) this.#armedAt = Math.ceil(bucket.readExactMs());
  }

  #leave(): void {
    const bucket = this.#bucket;
    if (bucket === undefined) return;
    this.#bucket = undefined;
    const last = bucket.alarms.pop()!;
    if (last !== this) {
      bucket.alarms[this.#index] = last;
      last.#index = this.#index;
    }
    this.#index = NOWHERE;
    bucket.leave(this.holdsProcess);
  }

  /**
   * Looks at every alarm of a bucket, and lets those go that are not armed any more.
   *
   * From the last one down, as an alarm that leaves is replaced by the last one:
   * whatever `onAlarm` does, no alarm is left out.
   *
   * Returns how long the first of those that stay has left.
   */
  static scan(bucket: Bucket): number {
    const { alarms, nowMs, exactMs } = bucket;
    let leftMs = Infinity;
    for (let i = alarms.length - 1; i >= 0; i--) {
      if (i >= alarms.length) continue;
      const alarm = alarms[i];
      const armedAt = alarm.#armedAt;
      if (armedAt === FRESH) {
        // Rounded up, as everywhere: late by a part of a millisecond, and never early.
        alarm.#armedAt = Math.ceil(nowMs);
        continue;
      } else if (armedAt === DISARMED) {
        alarm.#leave();
        continue;
      }
      const ageMs = (alarm.#options.exact === true ? exactMs : nowMs) - armedAt;
      if (ageMs < alarm.#limitMs) {
        leftMs = Math.min(leftMs, alarm.#limitMs - ageMs);
        continue;
      }
      alarm.stop();
      try {
        alarm.#listener.onAlarm(alarm);
      } catch (error) {
        // A listener that throws must not keep the other alarms from going off.
        reportError(error);
      }
    }
    return leftMs;
  }
}
