/**
 * A worker's side of the messages between workers.
 *
 * @module
 */

import { checkFunction, checkNames } from "../_check.ts";
import { guard } from "../_guard.ts";
import { ClosedError, LimitError } from "../errors.ts";
import { checkData, checkTopic } from "./_check_message.ts";
import { fromWorker, MAX_TOPICS } from "./_protocol.ts";
import type {
  ChannelGap,
  ChannelSubscribeOptions,
  ChannelSubscription,
  WorkerChannel,
} from "./worker_context.ts";

const OPTION_NAMES: ReadonlySet<string> = new Set(
  ["onGap"] satisfies (keyof ChannelSubscribeOptions)[],
);

interface Subscriber {
  readonly onMessage: (data: Uint8Array) => unknown;
  readonly onGap: ((gap: ChannelGap) => unknown) | undefined;
}

/** A topic, from its first subscriber to its last. */
class Topic {
  readonly serial: number;
  readonly subscribers = new Set<Subscriber>();
  readonly ready = Promise.withResolvers<void>();

  constructor(serial: number) {
    this.serial = serial;
    // Not every subscriber waits for it.
    this.ready.promise.catch(() => {});
  }
}

/** The way to the supervisor. */
export interface ChannelCarrier {
  /** Sends a message; resolves when it is on its way, rejects where too many wait. */
  publish(frame: Uint8Array): Promise<void>;
  /** Sends what must arrive. Where it fails the supervisor has gone, which ends everything. */
  tell(frame: Uint8Array): void;
}

/** Messages to and from the other workers. */
export class Channel implements WorkerChannel {
  readonly #carrier: ChannelCarrier;
  readonly #topics = new Map<string, Topic>();
  /** Those of which the supervisor has yet to know. */
  readonly #asked = new Map<number, Topic>();
  #lastSerial = 0;
  #ended: ClosedError | undefined;

  constructor(carrier: ChannelCarrier) {
    this.#carrier = carrier;
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    const action = "publish";
    checkTopic(action, topic);
    checkData(action, data);
    if (this.#ended !== undefined) throw this.#ended;
    const frame = fromWorker.encode({ type: "publish", topic, data });
    await this.#carrier.publish(frame);
  }

  subscribe(
    topic: string,
    onMessage: (data: Uint8Array) => unknown,
    options: ChannelSubscribeOptions = {},
  ): ChannelSubscription {
    const action = "subscribe";
    checkTopic(action, topic);
    checkFunction(action, "onMessage", onMessage);
    checkNames(action, "options", options, OPTION_NAMES);
    const { onGap } = options;
    if (onGap !== undefined) checkFunction(action, "onGap", onGap);
    const known = this.#topics.get(topic) ?? this.#open(topic);
    const subscriber = { onMessage, onGap };
    known.subscribers.add(subscriber);
    return {
      ready: known.ready.promise,
      close: () => this.#leave(topic, known, subscriber),
    };
  }

  #open(topic: string): Topic {
    if (this.#topics.size >= MAX_TOPICS) {
      throw new LimitError(
        "topics",
        MAX_TOPICS,
        `Cannot subscribe: a worker has at most ${MAX_TOPICS} topics at a time`,
        { operation: "subscribe" },
      );
    }
    const serial = this.#lastSerial = (this.#lastSerial + 1) >>> 0;
    const opened = new Topic(serial);
    if (this.#ended !== undefined) {
      opened.ready.reject(this.#ended);
      return opened;
    }
    this.#topics.set(topic, opened);
    this.#asked.set(serial, opened);
    this.#carrier.tell(fromWorker.encode({ type: "subscribe", serial, topic }));
    return opened;
  }

  #leave(topic: string, known: Topic, subscriber: Subscriber): void {
    if (!known.subscribers.delete(subscriber)) return;
    if (known.subscribers.size > 0) return;
    // Another one may have its name by now.
    if (this.#topics.get(topic) !== known) return;
    this.#topics.delete(topic);
    known.ready.resolve();
    this.#carrier.tell(fromWorker.encode({ type: "unsubscribe", topic }));
  }

  // ---- what the supervisor says -------------------------------------------

  onMessage(topic: string, data: Uint8Array): void {
    const { subscribers } = this.#topics.get(topic) ?? {};
    if (subscribers === undefined) return;
    // Those who subscribe meanwhile get the next one.
    for (const subscriber of [...subscribers]) {
      if (!subscribers.has(subscriber)) continue;
      const { onMessage } = subscriber;
      // Each has its own, as one may keep it and another one change it.
      const own = subscribers.size === 1 ? data : data.slice();
      guard(() => onMessage(own));
    }
  }

  onGap(topic: string, count: number): void {
    this.#tellGap(this.#topics.get(topic), { reason: "slow", count });
  }

  onSubscribed(serial: number, missed: boolean): void {
    const topic = this.#asked.get(serial);
    if (topic === undefined) return;
    this.#asked.delete(serial);
    topic.ready.resolve();
    if (missed) this.#tellGap(topic, { reason: "restarted" });
  }

  #tellGap(topic: Topic | undefined, gap: ChannelGap): void {
    // A subscription made by a hook meanwhile has missed nothing; one that a hook closed is
    // told nothing.
    for (const subscriber of [...topic?.subscribers ?? []]) {
      const { onGap } = subscriber;
      if (onGap === undefined || !topic!.subscribers.has(subscriber)) continue;
      guard(() => onGap(gap));
    }
  }

  /** Nothing comes or goes any more. */
  end(): void {
    this.#ended ??= new ClosedError(
      "Cannot publish: this worker has ended",
      { operation: "publish" },
    );
    for (const topic of this.#asked.values()) topic.ready.reject(this.#ended);
    this.#asked.clear();
    this.#topics.clear();
  }
}
