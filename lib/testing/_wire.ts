/**
 * One direction of a simulated connection: bytes leave one end, travel, and arrive.
 *
 * @module
 */

import type { Random } from "../_random.ts";
import { ByteRing } from "../transport/byte_ring.ts";
import { MAX_DELAY_MS } from "./_fake_timers.ts";
import type { Route } from "./_topology.ts";
import type { Transport } from "../transport/options.ts";

/** Where bytes come from. */
export type WireSource = Pick<Transport, "read">;

/** Where they go. */
export type WireTarget = Pick<Transport, "write" | "closeWrite">;

/** How a wire carries bytes. Looked at for each chunk: getters may change it. */
export interface WireOptions {
  latencyMs: number;
  jitterMs: number;
  bytesPerSecond: number;
  /** How much later than bytes the end of the stream arrives. */
  endDelayMs: number;
  /** Most bytes that are on their way. */
  windowBytes: number;
  random: Random;
  /** Holds everything back while it is not free. */
  route: Route;
  /** Called with what arrives: a count of bytes, or the end. */
  onArrival: (what: number | "end") => void;
}

interface Segment {
  readonly dueMs: number;
  /** What arrives: so many bytes, `null` for the end of the stream, or what broke it. */
  readonly what: number | null | { error: unknown };
}

/** Carries what can be read at one end to the other. */
export class Wire {
  readonly #from: WireSource;
  readonly #to: WireTarget;
  readonly #options: WireOptions;
  /** In the order in which they left: one that is late holds up those behind it. */
  readonly #segments: Segment[] = [];
  /** The bytes of all segments. */
  readonly #inFlight = new ByteRing();
  /** When the line is free for the next byte. */
  #freeMs = 0;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wake: (() => void) | undefined;
  #room: (() => void) | undefined;

  constructor(from: WireSource, to: WireTarget, options: WireOptions) {
    this.#from = from;
    this.#to = to;
    this.#options = options;
  }

  /** Carries until the stream has ended, or rejects when either end broke. */
  async run(): Promise<void> {
    await Promise.all([this.#collect(), this.#deliver()]);
  }

  /** Drops what is under way. */
  stop(): void {
    this.#stopped = true;
    this.#segments.length = 0;
    this.#inFlight.clear();
    clearTimeout(this.#timer);
    this.#wake?.();
    this.#room?.();
  }

  async #collect(): Promise<void> {
    const { windowBytes } = this.#options;
    const buffer = new Uint8Array(Math.min(windowBytes, 16_384));
    for (;;) {
      while (this.#inFlight.length >= windowBytes && !this.#stopped) {
        await new Promise<void>((resolve) => this.#room = resolve);
      }
      if (this.#stopped) return;
      const room = windowBytes - this.#inFlight.length;
      let count: number | null;
      try {
        count = await this.#from.read(buffer.subarray(0, room));
      } catch (error) {
        this.#send({ error });
        return;
      }
      if (count === null) {
        this.#freeMs = Math.max(performance.now(), this.#freeMs) +
          this.#options.endDelayMs;
        this.#send(null);
        return;
      }
      if (this.#stopped) return;
      this.#inFlight.push(buffer, count);
      this.#send(count);
    }
  }

  #send(what: Segment["what"]): void {
    const { bytesPerSecond, latencyMs, jitterMs, random, route } =
      this.#options;
    const slow = route.slowness;
    const startMs = Math.max(performance.now(), this.#freeMs);
    const rate = Math.min(bytesPerSecond, slow.bytesPerSecond);
    const byteCount = typeof what === "number" ? what : 0;
    this.#freeMs = startMs + byteCount / rate * 1000;
    const dueMs = this.#freeMs + latencyMs + slow.latencyMs +
      random() * (jitterMs + slow.jitterMs);
    this.#segments.push({ dueMs, what });
    this.#wake?.();
  }

  async #deliver(): Promise<void> {
    for (;;) {
      if (this.#stopped) return;
      const segment = this.#segments[0];
      if (segment === undefined) {
        await new Promise<void>((resolve) => this.#wake = resolve);
        continue;
      }
      const leftMs = segment.dueMs - performance.now();
      if (leftMs > 0) {
        await this.#wait(leftMs);
        continue;
      }
      const { waiting } = this.#options.route;
      if (waiting !== undefined) {
        await waiting;
        continue;
      }
      this.#segments.shift();
      const { what } = segment;
      if (typeof what === "number") await this.#arrive(what);
      else return await this.#end(what);
    }
  }

  /** Hands over so many bytes, and those behind them whose time has come as well. */
  async #arrive(count: number): Promise<void> {
    const now = performance.now();
    for (
      let next;
      (next = this.#segments[0]) !== undefined && next.dueMs <= now &&
      typeof next.what === "number";
    ) {
      count += next.what;
      this.#segments.shift();
    }
    for (let left = count; left > 0;) {
      const sent = await this.#to.write(this.#inFlight.head(left));
      if (this.#stopped) return;
      this.#inFlight.drop(sent);
      left -= sent;
    }
    this.#options.onArrival(count);
    this.#room?.();
  }

  async #end(what: null | { error: unknown }): Promise<void> {
    if (what !== null) throw what.error;
    await this.#to.closeWrite();
    this.#options.onArrival("end");
  }

  async #wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      // Where that is not all of it, the rest is waited for.
      const delayMs = Math.min(Math.ceil(ms), MAX_DELAY_MS);
      this.#timer = setTimeout(resolve, delayMs);
    });
    clearTimeout(this.#timer);
  }
}
