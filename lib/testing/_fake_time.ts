/**
 * The time of the process, while a test has replaced it.
 *
 * All that tells the time or waits for it follows one {@linkcode FakeTimers}: timers,
 * `AbortSignal.timeout`, `performance.now`, `Date` and `Temporal.Now`. What began on the
 * real clock stays on it. There is one of them at a time, and whatever happens the
 * platform's own functions come back.
 *
 * What it cannot replace: functions that a module has kept for itself, those of
 * `node:timers`, and `process.hrtime`.
 *
 * @module
 */

import { wrongKind } from "../_check.ts";
import { sharedClock } from "../time/coarse_timer.ts";
import { type FakeTimer, FakeTimers } from "./_fake_timers.ts";
import { Replacements } from "./_replacements.ts";

let present: FakeTime | undefined;

/** Whether the time of the process is replaced at the moment. */
export function isTimeReplaced(): boolean {
  return present !== undefined;
}

/** Replaces the time of the process until it is disposed of. */
export class FakeTime implements Disposable {
  readonly timers: FakeTimers = new FakeTimers();
  readonly #replacements = new Replacements();

  /**
   * @param epochMs What `Date.now` says at first. The caller has made sure that no other
   * one is in place.
   */
  constructor(epochMs: number) {
    const { timers } = this;
    present = this;
    this.#replaceTimers();
    // On the object itself, in front of the one that its prototype has.
    this.#replacements.set(performance, "now", () => timers.nowMs);
    this.#replaceDate(() => Math.floor(epochMs + timers.nowMs));
    this.#replacements.set(AbortSignal, "timeout", abortAfter);
    // Limits that are set from now on are this clock's.
    sharedClock();
  }

  /** Whether it is still in place. */
  get isPresent(): boolean {
    return present === this;
  }

  /** Gives the real time back. Timers that still run never go off. Safe to call twice. */
  [Symbol.dispose](): void {
    if (present !== this) return;
    present = undefined;
    sharedClock().end();
    this.#replacements[Symbol.dispose]();
    this.timers.clear();
    sharedClock();
  }

  #replaceTimers(): void {
    const { timers } = this;
    const { clearTimeout, clearInterval } = globalThis;
    const { refTimer, unrefTimer } = Deno;
    // One that was set before is still the real clock's.
    const or =
      (act: (timer: FakeTimer) => void, real: (id: number) => void) =>
      (id: unknown) => {
        const timer = timers.find(id);
        if (timer === undefined) real(id as number);
        else act(timer);
      };
    const remove = (timer: FakeTimer) => timers.remove(timer);
    const { setTimeout, setInterval } = timers;
    const globals = {
      setTimeout,
      setInterval,
      clearTimeout: or(remove, clearTimeout),
      clearInterval: or(remove, clearInterval),
    };
    for (const [name, value] of Object.entries(globals)) {
      this.#replacements.set(globalThis, name, value);
    }
    this.#replacements.set(
      Deno,
      "refTimer",
      or((timer) => timer.ref(), refTimer),
    );
    this.#replacements.set(
      Deno,
      "unrefTimer",
      or((timer) => timer.unref(), unrefTimer),
    );
  }

  #replaceDate(now: () => number): void {
    const { Date } = globalThis;
    const replacements = this.#replacements;
    // Of the real one, too, for code that has kept it.
    replacements.set(Date, "now", now);
    const replaced = new Proxy(Date, {
      apply: () => new Date(now()).toString(),
      construct: (target, args, newTarget) =>
        Reflect.construct(
          target,
          args.length === 0 ? [now()] : args,
          newTarget,
        ),
    });
    replacements.set(globalThis, "Date", replaced);
    // For code that asks whether a value is a date and no more than that.
    replacements.set(Date.prototype, "constructor", replaced);
    const { Now, Instant } = Temporal;
    const instant = () => Instant.fromEpochMilliseconds(now());
    const zoned = (zone = Now.timeZoneId()) =>
      instant().toZonedDateTimeISO(zone);
    const temporal = {
      instant,
      zonedDateTimeISO: zoned,
      plainDateTimeISO: (zone?: string) => zoned(zone).toPlainDateTime(),
      plainDateISO: (zone?: string) => zoned(zone).toPlainDate(),
      plainTimeISO: (zone?: string) => zoned(zone).toPlainTime(),
    };
    for (const [name, value] of Object.entries(temporal)) {
      replacements.set(Now, name, value);
    }
  }
}

/** In the place of `AbortSignal.timeout`, which refuses what is no number of milliseconds. */
function abortAfter(ms: number): AbortSignal {
  const wholeMs = Math.trunc(Number(ms));
  if (!(wholeMs >= 0 && wholeMs <= Number.MAX_SAFE_INTEGER)) {
    const must = "a number of milliseconds, at least 0";
    throw wrongKind("make a signal that times out", "ms", must, ms);
  }
  const controller = new AbortController();
  const timer = setTimeout(() => {
    const reason = new DOMException("Signal timed out.", "TimeoutError");
    controller.abort(reason);
  }, ms);
  Deno.unrefTimer(timer);
  return controller.signal;
}
