/**
 * Whether a silent peer is still there: pings, and what becomes of a peer that answers none.
 *
 * It guarantees that a ping is sent only when nothing has come for `intervalMs` (but where
 * the peer is asked `always`), that whatever comes counts as life, and that a peer is never
 * cut because this side does not look: the time counts only while a read is in flight, as
 * pongs come where frames are read. It knows no socket: what it watches is a {@linkcode HeartbeatSubject}.
 *
 * ```text
 *                intervalMs of silence: ping
 *     watching ------------------------------> awaiting -----+
 *        ^ ^                                    |  |  ^      | timeoutMs: ping again
 *        | |             anything comes         |  |  +------+
 *        | +------------------------------------+  |
 *        |         nothing is received,            | timeoutMs, maxMissed times
 *        +---- or nothing can be sent              v
 *                                               TimeoutError
 * ```
 *
 * @module
 */

import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkNames,
  checkNumber,
} from "../_check.ts";
import {
  Alarm,
  type AlarmListener,
  type AlarmOptions,
} from "../time/coarse_timer.ts";

/**
 * When pings are sent, and how many may go unanswered. The peer is cut after
 * `intervalMs + maxMissed * timeoutMs` of silence, 50 seconds where nothing is said.
 *
 * @category Frames and codecs
 *
 * @example
 * ```ts
 * import { framed, type HeartbeatOptions, lines } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const heartbeat: HeartbeatOptions<string, string> = {
 *   ping: () => "PING",
 *   isPong: (line) => line === "PONG",
 *   intervalMs: 20,
 * };
 * const [client, server] = memoryPair();
 * const connection = framed(client, lines(), { heartbeat });
 * const received = connection.receive({ timeoutMs: 5_000 });
 * assertEquals(await server.readLine(), "PING");
 * await server.write("PONG\nhello\n");
 * assertEquals(await received, "hello");
 * client.abort();
 * ```
 */
export interface HeartbeatOptions<In = unknown, Out = never> {
  /** Makes the frame that asks the peer for a sign of life. */
  ping: () => Out;
  /**
   * Whether a frame is the answer to a ping: it is not handed out. Without it such frames
   * are received as any other.
   */
  isPong?: ((frame: In) => boolean) | undefined;
  /**
   * Silence after which the peer is asked, in milliseconds, at least 1.
   *
   * @default {30_000}
   */
  intervalMs?: number | undefined;
  /**
   * Whether the peer is asked whatever comes, `intervalMs` after its last answer: for one
   * that counts on signs of life of this side, as a broker of MQTT does.
   *
   * @default {false}
   */
  always?: boolean | undefined;
  /**
   * Longest that the peer may be silent after a ping, in milliseconds, at least 1.
   *
   * @default {10_000}
   */
  timeoutMs?: number | undefined;
  /**
   * Pings in a row that go unanswered until the socket ends, an integer of at least 1.
   *
   * @default {2}
   */
  maxMissed?: number | undefined;
}

const OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    "ping",
    "isPong",
    "intervalMs",
    "always",
    "timeoutMs",
    "maxMissed",
  ] satisfies (keyof HeartbeatOptions)[],
);

/** Throws if an option is wrong. */
export function checkHeartbeatOptions<In, Out>(
  action: string,
  options: HeartbeatOptions<In, Out>,
): void {
  checkNames(action, "heartbeat", options, OPTION_NAMES);
  const { ping, isPong, intervalMs, always, timeoutMs, maxMissed } = options;
  checkFunction(action, "heartbeat.ping", ping);
  if (isPong !== undefined) checkFunction(action, "heartbeat.isPong", isPong);
  if (intervalMs !== undefined) {
    checkNumber(action, "heartbeat.intervalMs", intervalMs, 1);
  }
  if (always !== undefined) checkBoolean(action, "heartbeat.always", always);
  if (timeoutMs !== undefined) {
    checkNumber(action, "heartbeat.timeoutMs", timeoutMs, 1);
  }
  if (maxMissed !== undefined) {
    checkInteger(action, "heartbeat.maxMissed", maxMissed, 1);
  }
}

/** What a heartbeat watches. */
export interface HeartbeatSubject {
  /** Bytes that have come so far. */
  readonly bytesRead: number;
  /** Whether a read is in flight, so that an answer would be seen. */
  readonly receiving: boolean;
  /** Sends a ping; `false` where nothing can be sent now. */
  sendPing(): boolean;
  /** The peer has not answered for `timeoutMs`. */
  onSilence(timeoutMs: number): void;
}

/** The pending read keeps the process alive, not this timer. */
const ALARM: AlarmOptions = { holdsProcess: false };

/** Pings a silent peer until it is disposed of. */
export class Heartbeat implements AlarmListener, Disposable {
  readonly #subject: HeartbeatSubject;
  readonly #alarm = new Alarm(this, ALARM);
  readonly #intervalMs: number;
  readonly #always: boolean;
  readonly #timeoutMs: number;
  readonly #maxMissed: number;
  #bytesSeen: number;
  /** Pings since anything came. */
  #unanswered = 0;

  /** Starts it. */
  constructor(
    subject: HeartbeatSubject,
    { intervalMs = 30_000, always = false, timeoutMs = 10_000, maxMissed = 2 }:
      Omit<HeartbeatOptions, "ping" | "isPong">,
  ) {
    this.#subject = subject;
    this.#intervalMs = intervalMs;
    this.#always = always;
    this.#timeoutMs = timeoutMs;
    this.#maxMissed = maxMissed;
    this.#bytesSeen = subject.bytesRead;
    this.#alarm.limitMs = intervalMs;
    this.#alarm.arm();
  }

  /** Something may have come. */
  look(): void {
    const { bytesRead } = this.#subject;
    if (bytesRead === this.#bytesSeen) return;
    this.#bytesSeen = bytesRead;
    if (!this.#always || this.#unanswered > 0) this.#watch();
  }

  #watch(): void {
    if (this.#unanswered > 0) {
      this.#unanswered = 0;
      this.#alarm.limitMs = this.#intervalMs;
    }
    this.#alarm.arm();
  }

  /** Nothing that was looked at came in time. */
  onAlarm(): void {
    const subject = this.#subject;
    const isDue = this.#always && this.#unanswered === 0;
    if (subject.bytesRead !== this.#bytesSeen) {
      this.look();
      if (!isDue) return;
    }
    if (!subject.receiving) {
      if (isDue) subject.sendPing();
      return this.#watch();
    }
    if (this.#unanswered >= this.#maxMissed) {
      this.dispose();
      subject.onSilence(this.#timeoutMs);
      return;
    }
    if (!subject.sendPing()) return this.#watch();
    this.#unanswered++;
    this.#alarm.limitMs = this.#timeoutMs;
    this.#alarm.arm();
  }

  /** No more pings. Idempotent. */
  dispose(): void {
    this.#alarm.dispose();
  }

  /** No more pings. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
