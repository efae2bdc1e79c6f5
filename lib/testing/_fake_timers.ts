/**
 * Timers on a clock of their own: `setTimeout` and `setInterval` as Deno has them, with
 * time that moves only when its owner moves it.
 *
 * It replaces nothing: `_fake_time.ts` puts these functions in the place of the
 * platform's. A timer is found, set and cleared in logarithmic time; of timers that are
 * due at the same time, the one that was set first comes first.
 *
 * @module
 */

import { checkFunction } from "../_check.ts";

/** Those of the platform count up from 1: no number means a timer of each. */
const FIRST_ID = 2 ** 30;

/** Above this the platform takes a delay for 1. */
export const MAX_DELAY_MS = 2 ** 31 - 1;

type Callback = (...args: unknown[]) => unknown;

/** Tells who sets a timer, and from where. */
export interface TimerOrigin {
  /** Whatever the timers are to be told apart by. */
  readonly owner: unknown;
  /** Where it is set, for the error of one that is never cleared. */
  readonly setAt: Error | undefined;
}

/** The timers of one clock, and what that clock shows. */
export class FakeTimers {
  #nowMs = 0;
  #lastId = FIRST_ID;
  /** How many timers were set, which orders those that are due at the same time. */
  #set = 0;
  #holding = 0;
  readonly #byId = new Map<number, FakeTimer>();
  /** A binary heap: the children of the timer at `i` are at `2 * i + 1` and after it. */
  readonly #heap: FakeTimer[] = [];
  /** Asked for each timer that is set. */
  getOrigin: (() => TimerOrigin) | undefined;

  /** What the clock shows, in milliseconds: at first 0. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Timers that are running. */
  get size(): number {
    return this.#heap.length;
  }

  /** Timers that are running and hold the process. */
  get holding(): number {
    return this.#holding;
  }

  /** Those that run, in the order in which they are due. */
  get running(): readonly FakeTimer[] {
    return [...this.#heap].sort(compare);
  }

  /** Moves the clock on; never back. */
  moveTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms);
  }

  /**
   * Moves the clock to the next timer that is due by `untilMs`, and takes it: an interval
   * is set again, a timeout is over.
   */
  takeNext(untilMs: number): FakeTimer | undefined {
    const timer = this.#heap[0];
    if (timer === undefined || timer.dueMs > untilMs) return undefined;
    this.moveTo(timer.dueMs);
    if (timer.repeats) this.restart(timer);
    else this.remove(timer);
    return timer;
  }

  /** In the place of the global one. */
  readonly setTimeout = (
    callback: Callback,
    ms?: number,
    ...args: unknown[]
  ): FakeTimer => this.#add(callback, ms, args, false);

  /** In the place of the global one. */
  readonly setInterval = (
    callback: Callback,
    ms?: number,
    ...args: unknown[]
  ): FakeTimer => this.#add(callback, ms, args, true);

  /** The timer that `id` means: itself, or its number. */
  find(id: unknown): FakeTimer | undefined {
    return id instanceof FakeTimer && id.owner === this
      ? id
      : this.#byId.get(Number(id));
  }

  /** Forgets a timer. Safe to call twice. */
  remove(timer: FakeTimer): void {
    if (!this.#byId.delete(timer.id)) return;
    if (timer.holdsProcess) this.#holding--;
    const last = this.#heap.pop()!;
    if (last === timer) return;
    this.#heap[last.index = timer.index] = last;
    this.#moveUp(last);
    this.#moveDown(last);
  }

  /** Forgets all of them. */
  clear(): void {
    for (const timer of this.#heap) this.#byId.delete(timer.id);
    this.#heap.length = this.#holding = 0;
  }

  /** Lets a timer count from now on; one that is over stays so. */
  restart(timer: FakeTimer): void {
    if (!this.#byId.has(timer.id)) return;
    timer.dueMs = this.#nowMs + timer.delayMs;
    timer.order = ++this.#set;
    this.#moveDown(timer);
  }

  /** Whether the process waits for a timer. */
  hold(timer: FakeTimer, holds: boolean): void {
    if (this.#byId.has(timer.id) && holds !== timer.holdsProcess) {
      this.#holding += holds ? 1 : -1;
    }
    timer.holdsProcess = holds;
  }

  #add(
    callback: Callback,
    ms: unknown,
    args: unknown[],
    repeats: boolean,
  ): FakeTimer {
    checkFunction("set a timer", "callback", callback);
    const askedMs = Number(ms);
    // As the platform has it, NaN included.
    const delayMs = askedMs >= 1 && askedMs <= MAX_DELAY_MS ? askedMs : 1;
    const timer = new FakeTimer(
      this,
      ++this.#lastId,
      delayMs,
      repeats,
      () => callback(...args),
    );
    timer.dueMs = this.#nowMs + delayMs;
    timer.order = ++this.#set;
    timer.setAtMs = this.#nowMs;
    timer.origin = this.getOrigin?.();
    this.#byId.set(timer.id, timer);
    this.#holding++;
    timer.index = this.#heap.push(timer) - 1;
    this.#moveUp(timer);
    return timer;
  }

  #moveUp(timer: FakeTimer): void {
    const heap = this.#heap;
    while (timer.index > 0) {
      const parent = heap[(timer.index - 1) >> 1];
      if (compare(parent, timer) < 0) return;
      this.#swap(parent, timer);
    }
  }

  #moveDown(timer: FakeTimer): void {
    const heap = this.#heap;
    for (;;) {
      const left = 2 * timer.index + 1;
      if (left >= heap.length) return;
      const right = heap[left + 1];
      const child = right !== undefined && compare(right, heap[left]) < 0
        ? right
        : heap[left];
      if (compare(timer, child) < 0) return;
      this.#swap(timer, child);
    }
  }

  #swap(upper: FakeTimer, lower: FakeTimer): void {
    const heap = this.#heap;
    [upper.index, lower.index] = [lower.index, upper.index];
    heap[upper.index] = upper;
    heap[lower.index] = lower;
  }
}

function compare(a: FakeTimer, b: FakeTimer): number {
  return a.dueMs - b.dueMs || a.order - b.order;
}

/** What `setTimeout` gives: as in Deno and Node an object, which can pass for a number. */
export class FakeTimer implements Disposable {
  readonly owner: FakeTimers;
  readonly id: number;
  readonly delayMs: number;
  readonly repeats: boolean;
  readonly callback: () => unknown;
  /** When it is due. */
  dueMs = 0;
  /** Its place among those that are due at the same time. */
  order = 0;
  /** Its place in the heap. */
  index = 0;
  /** Whether the process waits for it. */
  holdsProcess = true;
  setAtMs = 0;
  origin: TimerOrigin | undefined;

  constructor(
    owner: FakeTimers,
    id: number,
    delayMs: number,
    repeats: boolean,
    callback: () => unknown,
  ) {
    this.owner = owner;
    this.id = id;
    this.delayMs = delayMs;
    this.repeats = repeats;
    this.callback = callback;
  }

  ref(): this {
    this.owner.hold(this, true);
    return this;
  }

  unref(): this {
    this.owner.hold(this, false);
    return this;
  }

  hasRef(): boolean {
    return this.holdsProcess;
  }

  refresh(): this {
    this.owner.restart(this);
    return this;
  }

  close(): this {
    this.owner.remove(this);
    return this;
  }

  [Symbol.toPrimitive](): number {
    return this.id;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
