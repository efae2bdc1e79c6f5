/**
 * Publish and subscribe.
 *
 * @module
 */

/** Who can be told of messages. */
export interface Subscriber {
  /** The channels it listens to. */
  readonly channels: Set<string>;
  /** Hands over a message. Must not wait. */
  push(message: string[]): void;
}

/** All channels, and who listens. */
export class Channels {
  readonly #subscribers = new Map<string, Set<Subscriber>>();

  /** Listens to a channel. */
  subscribe(subscriber: Subscriber, channel: string): void {
    subscriber.channels.add(channel);
    const others = this.#subscribers.get(channel);
    if (others === undefined) {
      this.#subscribers.set(channel, new Set([subscriber]));
    } else others.add(subscriber);
  }

  /** Listens no longer. */
  unsubscribe(subscriber: Subscriber, channel: string): void {
    subscriber.channels.delete(channel);
    const subscribers = this.#subscribers.get(channel);
    if (subscribers?.delete(subscriber) && subscribers.size === 0) {
      this.#subscribers.delete(channel);
    }
  }

  /** Ends all subscriptions of one that leaves. */
  leave(subscriber: Subscriber): void {
    for (const channel of subscriber.channels) {
      this.unsubscribe(subscriber, channel);
    }
  }

  /** Tells all that listen: how many. */
  publish(channel: string, message: string): number {
    const subscribers = this.#subscribers.get(channel);
    if (subscribers === undefined) return 0;
    const push = ["message", channel, message];
    for (const subscriber of subscribers) subscriber.push(push);
    return subscribers.size;
  }
}
