export { seededRandom } from "../../lib/_random.ts";
import type { TimeSource } from "../../lib/time/system_time.ts";

interface Entry {
  id: number;
  dueAt: number;
  callback: () => void;
}

const realSetTimeout = globalThis.setTimeout;

/** Lets everything that is ready run: microtasks and one turn of the loop. */
export function settle(): Promise<void> {
  return new Promise((resolve) => realSetTimeout(resolve, 0));
}

/**
 * Time that moves only when told. `FakeTime.install()` puts it in the place of
 * the global functions until it is disposed.
 */
export class FakeTime implements TimeSource, Disposable {
  /** Current time; starts away from 0, so that no test relies on 0. */
  current = 1_000;
  #entries: Entry[] = [];
  #lastId = 0;
  #restore: (() => void) | undefined;

  now = () => this.current;

  setTimeout = (callback: () => void, ms: number): number => {
    const id = ++this.#lastId;
    // As the real one has it, which counts in 31 bits.
    const delayMs = ms > 2 ** 31 - 1 ? 1 : ms;
    this.#entries.push({ id, dueAt: this.current + delayMs, callback });
    return id;
  };

  clearTimeout = (id: unknown): void => {
    this.#entries = this.#entries.filter((entry) => entry.id !== id);
  };

  unref = (_id: unknown): void => {};
  ref = (_id: unknown): void => {};

  /** Timers that still run. */
  get pending(): number {
    return this.#entries.length;
  }

  /** Moves on, running each timer when it is due, in order. */
  advance(ms: number): void {
    const until = this.current + ms;
    let entry;
    while ((entry = this.#next(until)) !== undefined) this.#run(entry);
    this.current = until;
  }

  /** Like `advance`, but what a timer wakes up runs before the next timer. */
  async advanceAsync(ms: number): Promise<void> {
    const until = this.current + ms;
    await settle();
    let entry;
    while ((entry = this.#next(until)) !== undefined) {
      this.#run(entry);
      await settle();
    }
    this.current = until;
  }

  /** Stops the event loop for `ms`: overdue timers run late, at the end of it. */
  stall(ms: number): void {
    this.current += ms;
    this.advance(0);
  }

  #next(until: number): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.dueAt > until) continue;
      if (first === undefined || entry.dueAt < first.dueAt) first = entry;
    }
    return first;
  }

  #run(entry: Entry): void {
    this.clearTimeout(entry.id);
    this.current = Math.max(this.current, entry.dueAt);
    entry.callback();
  }

  static install(): FakeTime {
    const time = new FakeTime();
    const { setTimeout, clearTimeout } = globalThis;
    Object.assign(globalThis, {
      setTimeout: time.setTimeout,
      clearTimeout: time.clearTimeout,
    });
    // On the object itself, in front of the one that the prototype has.
    Object.defineProperty(performance, "now", {
      configurable: true,
      value: time.now,
    });
    time.#restore = () => {
      Object.assign(globalThis, { setTimeout, clearTimeout });
      delete (performance as { now?: unknown }).now;
    };
    return time;
  }

  [Symbol.dispose](): void {
    this.#restore?.();
  }
}
