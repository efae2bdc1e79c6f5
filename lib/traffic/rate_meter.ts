/**
 * How fast bytes go: now, on average, at most.
 *
 * @module
 */

import { checkFunction, checkNames, checkNumber } from "../_check.ts";

/** A window is counted in so many parts, and moves on by one of them at a time. */
const SLOTS = 20;

/**
 * Rates of one direction, live: look again and they have changed.
 *
 * @category Traffic
 *
 * @example
 * ```ts
 * import { type Rate, RateMeter } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * const rate: Rate = new RateMeter();
 * assertEquals(rate.bytesPerSecond, 0);
 * ```
 */
export interface Rate {
  /** Bytes counted so far. */
  readonly totalBytes: number;
  /** The rate now: over the last window, or over all the time if that is shorter. */
  readonly bytesPerSecond: number;
  /** The rate over all the time. */
  readonly meanBytesPerSecond: number;
  /** The highest rate over a whole window; until one is over, over all the time. */
  readonly peakBytesPerSecond: number;
  /** The rate smoothed: an exponential moving average over `averageMs`. */
  readonly averageBytesPerSecond: number;
}

/**
 * Options of a {@linkcode RateMeter}.
 *
 * @category Traffic
 *
 * @example
 * ```ts
 * import { RateMeter, type RateMeterOptions } from "@sluice/net";
 *
 * const lively: RateMeterOptions = { windowMs: 200, averageMs: 2_000 };
 * new RateMeter(lively);
 * ```
 */
export interface RateMeterOptions {
  /**
   * The time that counts as now, in milliseconds, at least 1, and finite.
   *
   * @default {1_000}
   */
  windowMs?: number | undefined;
  /**
   * Time constant of the moving average, in milliseconds, at least 1: what is so
   * old counts a third.
   *
   * @default {10_000}
   */
  averageMs?: number | undefined;
  /**
   * Bytes counted before the meter was made; they count for the mean.
   *
   * @default {0}
   */
  startBytes?: number | undefined;
  /**
   * When counting began, by the meter's clock.
   *
   * @default {when the meter is made}
   */
  startedAtMs?: number | undefined;
  /**
   * The clock, in milliseconds.
   *
   * @default {performance.now}
   */
  now?: (() => number) | undefined;
}

/**
 * Measures a transfer rate.
 *
 * {@linkcode RateMeter.add} asks the clock once and adds; memory is the same few
 * numbers for any number of bytes. There is no timer: the past is worked out when
 * it is added to or asked. The present is exact to a twentieth of the window.
 *
 * @category Traffic
 *
 * @example
 * ```ts
 * import { RateMeter } from "@sluice/net";
 * import { assertEquals } from "@std/assert";
 *
 * let timeMs = 0;
 * const meter = new RateMeter({ now: () => timeMs });
 * for (; timeMs < 2_000; timeMs += 10) meter.add(1_000);
 * assertEquals(meter.bytesPerSecond, 100_000);
 * assertEquals(meter.meanBytesPerSecond, 100_000);
 * timeMs += 2_000;
 * assertEquals(meter.bytesPerSecond, 0);
 * assertEquals(meter.meanBytesPerSecond, 50_000);
 * ```
 */
export class RateMeter implements Rate {
  readonly #now: () => number;
  readonly #startedAtMs: number;
  readonly #slotMs: number;
  /** What the average keeps of itself from one slot to the next. */
  readonly #kept: number;
  /** Bytes of the slots of the window; the current one is at `#current % SLOTS`. */
  readonly #slots = new Float64Array(SLOTS);
  /** When the first slot began, how many are over, and when the current one ends. */
  readonly #firstSlotMs: number;
  #current = 0;
  #endsAtMs: number;
  /** Bytes of all slots but the current one, and of that. */
  #windowBytes = 0;
  #slotBytes = 0;
  #totalBytes: number;
  #peakBytes = 0;
  /** Bytes a slot. */
  #average = 0;

  /**
   * Begins to measure.
   *
   * @param options Window, smoothing, clock.
   * @throws {TypeError} An option is not a number.
   * @throws {RangeError} A time is below 1, or the window has no end.
   */
  constructor(options: RateMeterOptions = {}) {
    checkNames("measure a rate", "options", options, OPTION_NAMES);
    const { windowMs = 1_000, averageMs = 10_000, startBytes = 0 } = options;
    checkOptions(options, { windowMs, averageMs, startBytes });
    this.#now = options.now ?? (() => performance.now());
    this.#slotMs = windowMs / SLOTS;
    this.#kept = Math.exp(-this.#slotMs / averageMs);
    this.#firstSlotMs = this.#now();
    this.#endsAtMs = this.#firstSlotMs + this.#slotMs;
    this.#startedAtMs = options.startedAtMs ?? this.#firstSlotMs;
    this.#totalBytes = startBytes;
  }

  /**
   * Counts bytes that have just moved.
   *
   * @param bytes How many, at least 0.
   * @throws {TypeError} It is not a number.
   * @throws {RangeError} It is negative, or not finite.
   */
  add(bytes: number): void {
    checkNumber("measure a rate", "bytes", bytes, 0, Number.MAX_VALUE);
    const now = this.#now();
    if (now >= this.#endsAtMs) this.#advance(now);
    this.#slotBytes += bytes;
    this.#totalBytes += bytes;
  }

  /** Bytes counted so far, with `startBytes`. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** The rate now: over the last window, or since it began if that is shorter. */
  get bytesPerSecond(): number {
    const now = this.#look();
    // One slot of the ring is under way: the others, and what there is of it.
    const windowMs = this.#slotMs * (SLOTS - 1) + now - this.#slotStartMs;
    const ageMs = Math.max(now - this.#firstSlotMs, this.#slotMs);
    const bytes = this.#windowBytes + this.#slotBytes;
    return bytes * 1000 / Math.min(windowMs, ageMs);
  }

  /** The rate over all the time. */
  get meanBytesPerSecond(): number {
    const ageMs = Math.max(this.#look() - this.#startedAtMs, this.#slotMs);
    return this.#totalBytes * 1000 / ageMs;
  }

  /** The highest rate over a whole window; until one is over, the rate so far. */
  get peakBytesPerSecond(): number {
    this.#look();
    if (this.#current < SLOTS) return this.bytesPerSecond;
    return this.#peakBytes * 1000 / (this.#slotMs * SLOTS);
  }

  /** The rate smoothed: an exponential moving average over `averageMs`. */
  get averageBytesPerSecond(): number {
    this.#look();
    // Begun at nothing, the average is too low by the part that it has not seen.
    const seen = 1 - this.#kept ** this.#current;
    return seen === 0
      ? this.bytesPerSecond
      : this.#average / seen * 1000 / this.#slotMs;
  }

  get #slotStartMs(): number {
    return this.#endsAtMs - this.#slotMs;
  }

  #look(): number {
    const now = this.#now();
    if (now >= this.#endsAtMs) this.#advance(now);
    // A clock that was set back stands still until it has caught up.
    return Math.max(now, this.#slotStartMs);
  }

  /** Ends the slots that are over; at most a window of them is gone through. */
  #advance(now: number): void {
    const next = Math.floor((now - this.#firstSlotMs) / this.#slotMs);
    const over = Math.max(1, next - this.#current);
    for (let i = 0; i < Math.min(over, SLOTS); i++) this.#endSlot();
    if (over > SLOTS) {
      // Nothing moved meanwhile.
      this.#average *= this.#kept ** (over - SLOTS);
      this.#current += over - SLOTS;
    }
    this.#endsAtMs = this.#firstSlotMs + (this.#current + 1) * this.#slotMs;
  }

  #endSlot(): void {
    const slots = this.#slots;
    this.#average = this.#average * this.#kept +
      this.#slotBytes * (1 - this.#kept);
    const bytes = this.#windowBytes + this.#slotBytes;
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
    slots[this.#current % SLOTS] = this.#slotBytes;
    this.#slotBytes = 0;
    this.#current++;
    // The slot that begins takes the place of the oldest one.
    const oldest = this.#current % SLOTS;
    this.#windowBytes = bytes - slots[oldest];
    slots[oldest] = 0;
  }
}

const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["windowMs", "averageMs", "startBytes", "startedAtMs", "now"] satisfies (
    keyof RateMeterOptions
  )[],
);

function checkOptions(
  options: RateMeterOptions,
  { windowMs, averageMs, startBytes }: Required<
    Pick<RateMeterOptions, "windowMs" | "averageMs" | "startBytes">
  >,
): void {
  const action = "measure a rate";
  checkNumber(action, "windowMs", windowMs, 1, Number.MAX_SAFE_INTEGER);
  checkNumber(action, "averageMs", averageMs, 1);
  checkNumber(action, "startBytes", startBytes, 0);
  const { startedAtMs, now } = options;
  if (startedAtMs !== undefined) {
    checkNumber(action, "startedAtMs", startedAtMs, -Infinity);
  }
  if (now !== undefined) checkFunction(action, "now", now);
}
