/**
 * What a client is subscribed to, and what its broker knows of that.
 *
 * A subscription begins with its client's call and ends with `unsubscribe`, whatever
 * becomes of connections. Each new one begins with what the broker does not know:
 *
 * | the broker has | is asked for | is unsubscribed from |
 * | --- | --- | --- |
 * | no session | all | nothing |
 * | a session of which this client has seen nothing | all | nothing |
 * | the session of the connection before | what it has not granted | what it has not heard of |
 *
 * @module
 */

import {
  type CallOptions,
  ClosedError,
  MalformedFrameError,
} from "@sluice/net";
import type { Connection } from "./connection.ts";
import { outOfRange, subscriptionRefused } from "./errors.ts";
import type { Inbox } from "./inbox.ts";
import { type Packet, REFUSED, type SubscribePacket } from "./packet.ts";
import type { PacketIds } from "./packet_ids.ts";
import { type SubscribeOptions, Subscription } from "./subscription.ts";
import { filterFault } from "./topic.ts";
import { within } from "./within.ts";

/** All subscriptions of a client. */
export class Subscriptions {
  readonly #ids: PacketIds;
  readonly #inbox: Inbox;
  readonly #tryOut: (packet: Packet) => void;
  /** What the broker says of each. */
  readonly #granted = new Map<Subscription, PromiseWithResolvers<number[]>>();
  /** Those that the broker has granted in this session. */
  readonly #known = new Set<Subscription>();
  /** Filters that a session which the broker keeps may still have. */
  readonly #unwanted = new Set<string>();
  #connection: Connection | undefined;
  #wasConnected = false;
  #failure: unknown;

  /**
   * @param inbox Where messages come from.
   * @param tryOut Throws where a packet can never be sent.
   */
  constructor(
    ids: PacketIds,
    inbox: Inbox,
    tryOut: (packet: Packet) => void,
  ) {
    this.#ids = ids;
    this.#inbox = inbox;
    this.#tryOut = tryOut;
  }

  /** A connection has begun. */
  open(connection: Connection): void {
    const { sessionPresent } = connection;
    this.#connection = connection;
    if (!sessionPresent || !this.#wasConnected) this.#known.clear();
    if (!sessionPresent) this.#unwanted.clear();
    this.#wasConnected = true;
    void this.#release([...this.#unwanted]);
    for (const each of this.#inbox.subscriptions) {
      if (!this.#known.has(each)) this.#ask(connection, each);
    }
  }

  /** The connection has ended. */
  close(): void {
    this.#connection = undefined;
  }

  /** There will be no other connection. */
  end(error: unknown): void {
    this.#failure = error;
    for (const [subscription, granted] of [...this.#granted]) {
      granted.reject(error ?? endedError());
      this.#forget(subscription, error);
    }
  }

  /**
   * Begins a subscription.
   *
   * @throws {RangeError} A filter is none, or is part of another one.
   * @throws {FrameTooLargeError} Together they are too long.
   */
  subscribe(
    filters: readonly string[],
    options: SubscribeOptions,
  ): Subscription {
    this.#checkFilters(filters, options.qos ?? 0);
    const subscription = new Subscription(filters, options, {
      granted: (of, limits) => this.#waitForGrant(of, limits),
      unsubscribe: (from, limits) => this.#unsubscribe(from, limits),
    });
    const granted = Promise.withResolvers<number[]>();
    granted.promise.catch(() => {}); // Its reader is told as well.
    this.#granted.set(subscription, granted);
    this.#inbox.subscriptions.add(subscription);
    for (const each of filters) this.#unwanted.delete(each);
    if (this.#connection !== undefined) {
      this.#ask(this.#connection, subscription);
    }
    return subscription;
  }

  #checkFilters(filters: readonly string[], qos: 0 | 1): void {
    if (filters.length === 0) {
      throw outOfRange("subscribe", "filter", "one filter at least", "none");
    }
    if (qos !== 0 && qos !== 1) {
      throw outOfRange("subscribe", "qos", "0 or 1", qos);
    }
    const used = new Set<string>();
    for (const { filters } of this.#inbox.subscriptions) {
      for (const each of filters) used.add(each);
    }
    for (const each of filters) {
      const fault = filterFault(each) ??
        (used.has(each) ? "without a subscription" : undefined);
      if (fault !== undefined) {
        throw outOfRange("subscribe", "filter", fault, each);
      }
      used.add(each);
    }
    this.#tryOut(subscribePacket(1, filters, qos));
  }

  async #waitForGrant(
    of: Subscription,
    limits: CallOptions,
  ): Promise<number[]> {
    const granted = this.#granted.get(of);
    if (granted === undefined) {
      throw this.#failure ?? endedError();
    }
    return await within("subscribe", granted.promise, limits);
  }

  /** Asks the broker for a subscription. A lost connection leaves that to the next one. */
  async #ask(
    connection: Connection,
    subscription: Subscription,
  ): Promise<void> {
    const { filters, qos } = subscription;
    let id = 0;
    let granted: number[];
    try {
      id = this.#ids.take();
      const packet = subscribePacket(id, filters, qos);
      ({ granted } = await connection.ask(packet));
    } catch {
      return;
    } finally {
      this.#ids.release(id);
    }
    if (
      granted.length !== filters.length ||
      granted.some((code) => code > qos && code !== REFUSED)
    ) {
      connection.fail(
        new MalformedFrameError(
          `Cannot accept a packet SUBACK: it must grant ${filters.length} filters a QoS of at most ${qos}, got ${
            granted.slice(0, 10).join()
          }`,
        ),
      );
      return;
    }
    const refused = granted.indexOf(REFUSED);
    if (refused >= 0) {
      const error = subscriptionRefused(filters[refused], REFUSED);
      this.#granted.get(subscription)?.reject(error);
      this.#forget(subscription, error);
      // What was granted beside it is not wanted alone.
      void this.#release(filters.filter((_, i) => i !== refused));
      return;
    }
    if (!this.#granted.has(subscription)) return; // Unsubscribed meanwhile.
    this.#known.add(subscription);
    this.#granted.get(subscription)?.resolve(granted);
  }

  async #unsubscribe(from: Subscription, limits: CallOptions): Promise<void> {
    if (!this.#inbox.subscriptions.has(from)) return;
    this.#granted.get(from)?.reject(endedError());
    this.#forget(from);
    from.drop();
    await within("unsubscribe", this.#release(from.filters), limits);
  }

  #forget(subscription: Subscription, error?: unknown): void {
    this.#inbox.subscriptions.delete(subscription);
    this.#granted.delete(subscription);
    this.#known.delete(subscription);
    subscription.end(error);
  }

  /** Tells the broker that filters are not wanted any more, now or on the next connection. */
  async #release(filters: readonly string[]): Promise<void> {
    if (filters.length === 0) return;
    for (const each of filters) this.#unwanted.add(each);
    const connection = this.#connection;
    if (connection === undefined) return;
    let id = 0;
    try {
      id = this.#ids.take();
      await connection.ask({ type: "unsubscribe", id, filters: [...filters] });
      for (const each of filters) this.#unwanted.delete(each);
    } catch {
      // The connection is lost: the next one begins with it.
    } finally {
      this.#ids.release(id);
    }
  }
}

function subscribePacket(
  id: number,
  filters: readonly string[],
  qos: 0 | 1,
): SubscribePacket {
  const wanted = filters.map((filter) => ({ filter, qos }));
  return { type: "subscribe", id, filters: wanted };
}

function endedError(): ClosedError {
  return new ClosedError("Cannot subscribe: the subscription was ended");
}
