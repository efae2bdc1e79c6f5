/**
 * The messages of some filters, on their way from the broker to a loop.
 *
 * @module
 */

import { BusyError, type CallOptions, withTimeout } from "@sluice/net";
import { type Message, sizeOf } from "./message.ts";
import { TopicFilter } from "./topic.ts";

/** What a subscription wants, and how much of it may wait for its reader. */
export interface SubscribeOptions {
  /**
   * The highest QoS with which messages are delivered: a message has that of its
   * publisher, or this one where that is lower. QoS 2 is not offered.
   *
   * @default {0}
   */
  qos?: 0 | 1;
  /**
   * Most messages of each QoS that wait to be read, an integer of at least 1.
   *
   * @default {1_000}
   */
  maxQueuedMessages?: number;
  /**
   * Most memory of the messages of each QoS that wait to be read, in bytes.
   *
   * @default {16_777_216}
   */
  maxQueuedBytes?: number;
}

/** Told when a message with QoS 1 needs this subscription no more. */
export type OnTaken = () => void;

/** What a subscription needs of its client. */
export interface Subscriber {
  /** Resolves when the broker has granted the filters. */
  granted(of: Subscription, options: CallOptions): Promise<number[]>;
  /** Ends the subscription. */
  unsubscribe(from: Subscription, options: CallOptions): Promise<void>;
}

interface Queued {
  readonly message: Message;
  /** Its place among those of both QoS. */
  readonly place: number;
  readonly onTaken: OnTaken | undefined;
}

/**
 * The messages of some filters, in the order in which they came. One loop, or one call of
 * `receive`, reads them at a time.
 *
 * What waits for its reader is bounded, and the two kinds of messages differ:
 *
 * - **QoS 0**: where there is no room the oldest one is dropped, and `dropped` counts.
 * - **QoS 1**: a message is acknowledged when the reader asks for the next one, or calls
 *   `acknowledge`. A broker sends only some that are not acknowledged, so a slow reader
 *   makes it wait. All subscriptions of a client share that, as MQTT wants
 *   acknowledgements in the order of the messages: one that is not read at all holds the
 *   messages with QoS 1 of the others up. Should a broker send more than there is room for:
 *   where the session is kept, the client has it send them again when the reader has caught
 *   up; where it is not, the oldest is dropped.
 *
 * A loop that ends, by `break` or by an error, leaves its last message unacknowledged: a
 * session that is kept gets it again.
 */
export class Subscription implements AsyncIterable<Message>, AsyncDisposable {
  /** What the broker matches topics with. */
  readonly filters: readonly string[];
  /** The highest QoS that is asked for. */
  readonly qos: 0 | 1;
  readonly #filters: readonly TopicFilter[];
  readonly #subscriber: Subscriber;
  /** Most messages of each QoS that wait to be read. */
  readonly maxQueuedMessages: number;
  readonly #maxBytes: number;
  /** Those that may be dropped, and those that may not. */
  readonly #queues: [Queued[], Queued[]] = [[], []];
  readonly #bytes: [number, number] = [0, 0];
  #place = 0;
  #dropped = 0;
  /** Of the message that was handed out last. */
  #onTaken: OnTaken | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;
  #ended: { error: unknown } | undefined;

  /** Made by a client. */
  constructor(
    filters: readonly string[],
    { qos = 0, maxQueuedMessages = 1_000, maxQueuedBytes = 16 * 1024 * 1024 }:
      SubscribeOptions,
    subscriber: Subscriber,
  ) {
    this.filters = filters;
    this.qos = qos;
    this.#filters = filters.map((filter) => new TopicFilter(filter));
    this.#subscriber = subscriber;
    this.maxQueuedMessages = maxQueuedMessages;
    this.#maxBytes = maxQueuedBytes;
  }

  /** Messages that were dropped, as the reader was too slow. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Messages that wait to be read. */
  get queued(): number {
    return this.#queues[0].length + this.#queues[1].length;
  }

  /**
   * Resolves to the QoS that the broker grants for each filter, which may be lower than
   * what was asked.
   *
   * @throws {RefusedError} The broker refuses a filter, or the client.
   * @throws As `Client.connected`.
   */
  granted(options: CallOptions = {}): Promise<number[]> {
    return this.#subscriber.granted(this, options);
  }

  /**
   * The next message, or `null` after `unsubscribe` or when the client was closed.
   * Acknowledges the one before.
   *
   * Cancellation: safe. A call that is cut off takes no message.
   *
   * @throws {BusyError} Another call, or a loop, waits for a message.
   * @throws What ended the client.
   */
  async receive(options: CallOptions = {}): Promise<Message | null> {
    if (this.#waiting !== undefined) {
      throw new BusyError(
        "Cannot receive a message: another call waits for one of this subscription",
      );
    }
    options.signal?.throwIfAborted();
    this.acknowledge();
    let next = this.#take();
    while (next === undefined && this.#ended === undefined) {
      const waiting = this.#waiting = Promise.withResolvers<void>();
      try {
        const { timeoutMs = Infinity, signal, deadline } = options;
        const limits = { signal, deadline };
        await withTimeout(timeoutMs, () => waiting.promise, limits);
      } finally {
        this.#waiting = undefined;
      }
      next = this.#take();
    }
    if (next !== undefined) return next;
    if (this.#ended?.error !== undefined) throw this.#ended.error;
    return null;
  }

  /** Acknowledges the message that was received last, where its QoS is 1. */
  acknowledge(): void {
    const onTaken = this.#onTaken;
    this.#onTaken = undefined;
    onTaken?.();
  }

  /** Messages as they come, until `unsubscribe` or the end of the client. */
  async *[Symbol.asyncIterator](): AsyncIterator<Message> {
    for (let next; (next = await this.receive()) !== null;) yield next;
  }

  /**
   * Ends the subscription. Messages that wait to be read are dropped.
   *
   * Cancellation: this side has unsubscribed at once; the broker may not have yet.
   */
  unsubscribe(options: CallOptions = {}): Promise<void> {
    return this.#subscriber.unsubscribe(this, options);
  }

  /** Unsubscribes, and does not wait longer than five seconds for the broker. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.unsubscribe({ timeoutMs: 5_000 }).catch(() => {});
  }

  /** For the client: whether one of its filters chooses this topic. */
  matches(topic: string): boolean {
    return this.#filters.some((filter) => filter.matches(topic));
  }

  /** For the client: whether nothing has to be dropped for a message. */
  hasRoomFor(message: Message): boolean {
    const { qos } = message;
    const { length } = this.#queues[qos];
    const bytes = this.#bytes[qos] + sizeOf(message);
    return length === 0 ||
      length < this.maxQueuedMessages && bytes <= this.#maxBytes;
  }

  /**
   * For the client: a message has come.
   *
   * @param onTaken Called when it is needed no more, where its QoS is 1.
   */
  push(message: Message, onTaken?: OnTaken): void {
    const { qos } = message;
    const queue = this.#queues[qos];
    while (!this.hasRoomFor(message)) {
      const oldest = queue.shift()!;
      this.#bytes[qos] -= sizeOf(oldest.message);
      this.#dropped++;
      oldest.onTaken?.();
    }
    this.#bytes[qos] += sizeOf(message);
    queue.push({ message, place: this.#place++, onTaken });
    this.#waiting?.resolve();
  }

  #take(): Message | undefined {
    const [first, second] = this.#queues;
    if (first.length === 0 && second.length === 0) return undefined;
    const isSecond = first.length === 0 ||
      second.length > 0 && second[0].place < first[0].place;
    const { message, onTaken } = (isSecond ? second : first).shift()!;
    this.#bytes[message.qos] -= sizeOf(message);
    this.#onTaken = onTaken;
    return message;
  }

  /**
   * For the client: no more messages will come.
   *
   * @param error What to throw once those that have come were read.
   */
  end(error?: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#waiting?.resolve();
  }

  /** For the client: nothing that waits is wanted any more. */
  drop(): void {
    for (const queue of this.#queues) {
      for (const { onTaken } of queue.splice(0)) onTaken?.();
    }
    this.#bytes.fill(0);
    this.acknowledge();
  }
}
