/**
 * Publish and subscribe.
 *
 * @module
 */

import type { ClientMemory, Holder } from "./client_memory.ts";
import { owned } from "./latin1.ts";
import { encodeReply, type Protocol, Push, Raw } from "./reply.ts";

/** Most channels of one client. */
export const MAX_CHANNELS = 10_000;
/** What a subscription costs beside its name: an estimate of the engine's own records. */
const SUBSCRIPTION_BYTES = 320;

/** A client has as many channels as it may have. */
export class TooManyChannelsError extends Error {}

/** A message, encoded once for all that subscribed to its channel in one protocol. */
export class Message extends Raw<Uint8Array> {
  /** Subscribers that have not read it yet. */
  readers = 0;
}

/** A client that can subscribe to channels. */
export interface Subscriber extends Holder {
  /** Its channels. */
  readonly channels: Set<string>;
  /** In what it is spoken to. */
  protocol: Protocol;
  /** Hands over a message. Must not wait. */
  push(message: Message): void;
}

/** All channels, and their subscribers. */
export class Channels {
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  readonly #memory: ClientMemory;

  /** @param memory Where subscriptions count. */
  constructor(memory: ClientMemory) {
    this.#memory = memory;
  }

  /**
   * Subscribes a client to a channel.
   *
   * @throws {TooManyChannelsError} It has {@linkcode MAX_CHANNELS} already.
   */
  subscribe(subscriber: Subscriber, channel: string): void {
    if (subscriber.channels.has(channel)) return;
    if (subscriber.channels.size >= MAX_CHANNELS) {
      throw new TooManyChannelsError();
    }
    const name = owned(channel);
    subscriber.channels.add(name);
    const others = this.#subscribers.get(name);
    if (others === undefined) {
      this.#subscribers.set(name, new Set([subscriber]));
    } else others.add(subscriber);
    this.#memory.hold(subscriber, costOf(name));
  }

  /** Ends a subscription. */
  unsubscribe(subscriber: Subscriber, channel: string): void {
    if (!subscriber.channels.delete(channel)) return;
    const subscribers = this.#subscribers.get(channel);
    if (subscribers?.delete(subscriber) && subscribers.size === 0) {
      this.#subscribers.delete(channel);
    }
    this.#memory.release(subscriber, costOf(channel));
  }

  /** Ends all subscriptions of a client that leaves. */
  leave(subscriber: Subscriber): void {
    for (const channel of subscriber.channels) {
      this.unsubscribe(subscriber, channel);
    }
  }

  /** Gives a message to all subscribers of a channel: how many. */
  publish(channel: string, text: string): number {
    const subscribers = this.#subscribers.get(channel);
    if (subscribers === undefined) return 0;
    const push = new Push(["message", channel, text]);
    const messages: Partial<Record<Protocol, Message>> = {};
    const count = subscribers.size;
    for (const subscriber of subscribers) {
      const { protocol } = subscriber;
      subscriber.push(
        messages[protocol] ??= new Message(encodeReply(push, protocol)),
      );
    }
    return count;
  }
}

function costOf(channel: string): number {
  return channel.length + SUBSCRIPTION_BYTES;
}
