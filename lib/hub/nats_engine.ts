/**
 * The engine over NATS.
 *
 * @module
 */

import {
  checkLimit,
  checkMethods,
  checkNames,
  outOfRange,
  wrongKind,
} from "../_check.ts";
import { guard } from "../_guard.ts";
import { BrokenError, LimitError } from "../errors.ts";
import { observed } from "../socket/observed.ts";
import type {
  Engine,
  EngineGap,
  EngineSubscribeOptions,
  EngineSubscription,
} from "./engine.ts";

/**
 * What {@linkcode natsEngine} needs of a connection: `connect` of `@nats-io/transport-node`
 * (version 3), and of the other transports of NATS, gives one.
 *
 * @category Hub
 */
export interface NatsConnection {
  /** Sends a message. */
  publish(subject: string, payload: Uint8Array): void;
  /** Asks for the messages of a subject. */
  subscribe(
    subject: string,
    options: {
      callback: (error: Error | null, message: { data: Uint8Array }) => void;
    },
  ): { unsubscribe(): void };
  /** Settles when the server has had all that was sent before. */
  flush(): Promise<void>;
  /** Events of the connection, such as a disconnection. */
  status(): AsyncIterable<
    { readonly type: string; readonly error?: Error | undefined }
  >;
  /** Whether it was closed, or has given up. */
  isClosed(): boolean;
}

/**
 * Options of {@linkcode natsEngine}.
 *
 * @category Hub
 */
export interface NatsEngineOptions {
  /**
   * What subjects begin with: tokens of letters, digits, `-` and `_`, separated by dots, of
   * 255 characters at most.
   *
   * @default {"sluice"}
   */
  prefix?: string | undefined;
  /**
   * Most bytes that the NATS server was sent and has not confirmed, at least 1. Where more
   * are published, `publish` rejects with a `LimitError`.
   *
   * @default {16_777_216}
   */
  maxPendingBytes?: number | undefined;
}

const OPTION_NAMES: ReadonlySet<string> = new Set<keyof NatsEngineOptions>([
  "prefix",
  "maxPendingBytes",
]);

/** A server takes lines of 4,096 bytes, and a topic may need 765 of them. */
const MAX_PREFIX_CHARACTERS = 255;

/** Above it, or half of the bound, `publish` waits for the server. */
const HIGH_WATER_MARK_BYTES = 256 * 1024;

/**
 * Carries frames over a NATS server, or a cluster of them, on a connection of the user's
 * own. Nothing is imported: the connection only has to look like one of
 * `@nats-io/transport-node`. The engine never closes it.
 *
 * - **Subjects**: a topic `room.1` is the subject `sluice.room.1`. Characters that mean
 *   something to NATS are written in hexadecimal (`=2A` for `*`), so no topic is a pattern,
 *   and no two topics share a subject. Permissions of NATS apply.
 * - **Publishing** resolves when no more than 256 KiB are unconfirmed by the server, and
 *   rejects with a `BrokenError` while the connection is down: NATS would drop such messages
 *   silently, after it had kept them in memory.
 * - **Gaps**: after each reconnection every subscription is told (`"reconnected"`, or
 *   `"slow"` where the server says that it cut a slow consumer), as the server kept nothing
 *   meanwhile. A subscription that is refused, or whose connection is closed for good, is
 *   told `"ended"`.
 * - **A process that is too slow** is cut by the NATS server (`max_pending`,
 *   `write_deadline`) and connects again: its memory stays flat, as messages are handed to
 *   the hub as they are read and are not gathered in an iterator.
 *
 * Frames of other processes are passed on as they come: all who may publish to these
 * subjects are trusted like this program itself.
 *
 * @param connection From `connect` of `@nats-io/transport-node`. Let it reconnect for ever:
 * `maxReconnectAttempts: -1`.
 * @param options Subjects and bounds.
 * @throws {TypeError} `connection` is none, or an option is of the wrong kind or not known.
 * @throws {RangeError} An option is out of range.
 *
 * @category Hub
 *
 * @example
 * ```ts ignore
 * import { connect } from "npm:@nats-io/transport-node@3.4.0";
 * import { lines } from "@sluice/net";
 * import { Hub, natsEngine } from "@sluice/net/hub";
 *
 * const connection = await connect({ servers: "127.0.0.1:4222", maxReconnectAttempts: -1 });
 * const hub = new Hub(lines(), {
 *   engine: natsEngine(connection),
 *   onGap: ({ topic, reason, count }) => console.warn("missed", topic, reason, count),
 * });
 * ```
 */
export function natsEngine(
  connection: NatsConnection,
  options: NatsEngineOptions = {},
): Engine {
  const action = "make an engine";
  checkMethods(action, "connection", connection, [
    "publish",
    "subscribe",
    "flush",
    "status",
    "isClosed",
  ]);
  checkNames(action, "options", options, OPTION_NAMES);
  const { prefix = "sluice", maxPendingBytes = 16 * 1024 * 1024 } = options;
  if (typeof prefix !== "string") {
    throw wrongKind(action, "prefix", "a string", prefix);
  }
  const isShort = prefix.length <= MAX_PREFIX_CHARACTERS;
  if (!(isShort && /^[\w-]+(\.[\w-]+)*$/.test(prefix))) {
    const must = "tokens of letters, digits, - and _, separated by dots, " +
      `of at most ${MAX_PREFIX_CHARACTERS} characters`;
    throw outOfRange(action, "prefix", must, prefix);
  }
  checkLimit(action, "maxPendingBytes", maxPendingBytes, 1);
  return new NatsEngine(connection, prefix, maxPendingBytes);
}

/**
 * A topic as a part of a subject, which no other topic has: what is no letter or digit is
 * written in hexadecimal. Dots separate tokens, unless NATS would refuse an empty one.
 */
export function subjectOf(prefix: string, topic: string): string {
  const separates = /^[^.]+(\.[^.]+)*$/.test(topic);
  const safe = separates ? /[^A-Za-z0-9_.-]/gu : /[^A-Za-z0-9_-]/gu;
  return `${prefix}.${topic.replace(safe, hexadecimal)}`;
}

const utf8 = new TextEncoder();

function hexadecimal(character: string): string {
  return Array.from(
    utf8.encode(character),
    (byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  ).join("");
}

interface Subscriber {
  readonly onGap: (gap: EngineGap) => void;
}

/**
 * ```text
 *               "disconnect"              "reconnect": all are told of the gap
 *   connected ---------------> disconnected ---------------> connected
 *       |                            |
 *       +---------- "close" ---------+----> closed: all are told that it has ended
 * ```
 */
class NatsEngine implements Engine {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #maxPendingBytes: number;
  readonly #highWaterMark: number;
  readonly #subscribers = new Set<Subscriber>();
  /** While it is there, the connection is down; resolves when it is back, or closed. */
  #outage: PromiseWithResolvers<void> | undefined;
  /** Why the next gap came about. */
  #reason: EngineGap["reason"] = "reconnected";
  #cause: Error | undefined;
  /** Bytes that the server has not confirmed, and those that a flush is under way for. */
  #pendingBytes = 0;
  #flushing: Promise<void> | undefined;

  constructor(
    connection: NatsConnection,
    prefix: string,
    maxPendingBytes: number,
  ) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#maxPendingBytes = maxPendingBytes;
    this.#highWaterMark = Math.min(HIGH_WATER_MARK_BYTES, maxPendingBytes / 2);
    // From now on, as the connection may be down when it is first used. The loop ends with
    // it.
    observed(this.#follow());
  }

  // ---- publishing ---------------------------------------------------------

  async publish(topic: string, data: Uint8Array): Promise<void> {
    const action = "publish a frame";
    if (this.#connection.isClosed() || this.#outage !== undefined) {
      const what = this.#outage === undefined ? "is closed" : "is down";
      throw new BrokenError(
        "other",
        `Cannot ${action}: the connection to NATS ${what}`,
        { operation: "publish" },
      );
    }
    const limit = this.#maxPendingBytes;
    // A caller that awaits each publish stays below the mark.
    const mark = this.#highWaterMark;
    if (
      this.#pendingBytes + data.length > limit && this.#pendingBytes > mark
    ) {
      throw new LimitError(
        "maxPendingBytes",
        limit,
        `Cannot ${action}: more than ${limit} bytes are unconfirmed by NATS (await each publish)`,
        { operation: "publish" },
      );
    }
    this.#connection.publish(subjectOf(this.#prefix, topic), data);
    this.#pendingBytes += data.length;
    // Another flush begins with what came during the one before.
    while (this.#pendingBytes > mark) await this.#confirm();
  }

  /** Settles when what was sent is confirmed; rejects where the link breaks before. */
  #confirm(): Promise<void> {
    return this.#flushing ??= this.#flush().finally(() =>
      this.#flushing = undefined
    );
  }

  async #flush(): Promise<void> {
    const bytes = this.#pendingBytes;
    try {
      await this.#connection.flush();
    } finally {
      // Confirmed, or lost with the link.
      this.#pendingBytes -= bytes;
    }
  }

  // ---- subscribing --------------------------------------------------------

  subscribe(
    topic: string,
    onMessage: (data: Uint8Array) => void,
    { onGap }: EngineSubscribeOptions,
  ): EngineSubscription {
    const subscriber: Subscriber = { onGap };
    let isOpen = true;
    // Before `subscribe`, which may call back at once that the subject is refused.
    this.#subscribers.add(subscriber);
    const callback: Parameters<NatsConnection["subscribe"]>[1]["callback"] = (
      error,
      message,
    ) => {
      if (!isOpen) return;
      if (error === null) return onMessage(message.data);
      isOpen = false;
      this.#subscribers.delete(subscriber);
      onGap({ reason: "ended", cause: error });
    };
    let subscription: { unsubscribe(): void };
    try {
      const subject = subjectOf(this.#prefix, topic);
      subscription = this.#connection.subscribe(subject, { callback });
    } catch (error) {
      this.#subscribers.delete(subscriber);
      throw error;
    }
    return {
      ready: observed(this.#untilSubscribed()),
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#subscribers.delete(subscriber);
        subscription.unsubscribe();
      },
    };
  }

  /** What was sent before was seen by the server, also where the link breaks meanwhile. */
  async #untilSubscribed(): Promise<void> {
    for (;;) {
      await this.#outage?.promise;
      try {
        return await this.#connection.flush();
      } catch (error) {
        if (this.#connection.isClosed()) throw error;
        // The status that says so may come after this.
        this.#outage ??= Promise.withResolvers();
      }
    }
  }

  // ---- the connection -----------------------------------------------------

  async #follow(): Promise<void> {
    for await (const { type, error } of this.#connection.status()) {
      if (type === "disconnect") {
        this.#outage ??= Promise.withResolvers();
        if (this.#flushing === undefined) this.#pendingBytes = 0;
      } else if (type === "reconnect") {
        this.#endOutage();
        this.#tellGap({ reason: this.#reason, cause: this.#cause });
        this.#reason = "reconnected";
        this.#cause = undefined;
      } else if (type === "error" && error !== undefined) {
        // It is about one subject, and ends no connection.
        if (error.name === "PermissionViolationError") continue;
        this.#cause = error;
        if (/slow consumer/i.test(error.message)) this.#reason = "slow";
      }
    }
    this.#endOutage();
    this.#tellGap({ reason: "ended", cause: this.#cause });
    this.#subscribers.clear();
  }

  #endOutage(): void {
    this.#outage?.resolve();
    this.#outage = undefined;
  }

  #tellGap({ reason, cause }: EngineGap): void {
    const gap = cause === undefined ? { reason } : { reason, cause };
    // A hook may subscribe again, which is not told of what was before, or close others.
    for (const subscriber of [...this.#subscribers]) {
      if (!this.#subscribers.has(subscriber)) continue;
      // A hook that throws keeps the gap from no other subscriber.
      guard(() => subscriber.onGap(gap));
    }
  }
}
