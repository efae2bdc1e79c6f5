/**
 * Messages from the broker: to which subscriptions they go, and when they are
 * acknowledged.
 *
 * A message with QoS 1 is acknowledged when each of its subscriptions has handed it to its
 * reader and is asked for the next one; and after all that came before it, as MQTT wants it
 * (4.6). After a lost connection a broker that has kept the session sends again what it
 * has no acknowledgement for, under the same id:
 *
 * | the message of this id | what is done with it when it comes again |
 * | --- | --- |
 * | waits to be read, or is with its reader | nothing: it will be acknowledged on the new connection |
 * | was read | acknowledged |
 * | was acknowledged, or is not known | delivered |
 *
 * A broker should not send more than some messages that are not acknowledged, but may
 * (Mosquitto 2.0.11 answers each acknowledgement with twenty messages). Where a
 * subscription has no room for one with QoS 1:
 *
 * - in a session that is kept, this message and all that come after it are ignored, so
 *   that answers to the client's own packets are still read. When all that waits was read
 *   the connection is made anew, and the broker sends again what was ignored: nothing is
 *   lost, and the order is kept;
 * - in a session that ends with its connection, which has no such remedy, the oldest is
 *   dropped.
 *
 * @module
 */

import { MalformedFrameError } from "@sluice/net";
import type { Message } from "./message.ts";
import type { PublishPacket } from "./packet.ts";
import type { Subscription } from "./subscription.ts";

/** A message with QoS 1, until it is acknowledged. */
interface Delivery {
  /** Subscriptions whose readers have not finished with it. */
  readers: number;
}

/** What an inbox needs of a connection. */
export interface InboxConnection {
  /** Acknowledges a message. */
  acknowledge(id: number): void;
  /** Ends the connection, so that the broker sends again what was ignored. */
  startOver(reader: Subscription): void;
}

/** All that comes to a client. */
export class Inbox {
  /** The subscriptions that may get a message. */
  readonly subscriptions: Set<Subscription> = new Set();
  /** What came on this connection, by id, in the order of its coming. */
  #deliveries = new Map<number, Delivery>();
  /** What came on those before it, in the same session. */
  #earlier = new Map<number, Delivery>();
  #connection: InboxConnection | undefined;
  readonly #isKept: boolean;
  /** Had no room for a message with QoS 1: it and all that come after it are ignored. */
  #overrun: Subscription | undefined;
  #unmatched = 0;

  /** @param isKept Whether the broker is to keep the session. */
  constructor(isKept: boolean) {
    this.#isKept = isKept;
  }

  /** Messages that no subscription was there for. */
  get unmatched(): number {
    return this.#unmatched;
  }

  /**
   * A connection has begun.
   *
   * @param isSameSession Whether the broker knows what it has sent before.
   */
  open(isSameSession: boolean, connection: InboxConnection): void {
    if (!isSameSession) this.#earlier.clear();
    else for (const each of this.#deliveries) this.#earlier.set(...each);
    this.#deliveries.clear();
    this.#connection = connection;
    this.#overrun = undefined;
  }

  /** The connection has ended: nothing can be acknowledged until the next one. */
  close(): void {
    this.#connection = undefined;
  }

  /**
   * A message has come.
   *
   * @throws {MalformedFrameError} The broker must not send it.
   */
  receive({ topic, payload, qos, retain, dup, id }: PublishPacket): void {
    if (qos === 2) {
      refuse(`its QoS must be at most 1, which was asked for, got 2`);
    }
    const isKnown = this.#deliveries.has(id);
    if (isKnown && dup) return;
    if (isKnown) refuse(`its id must not be in use, got ${id}`);
    const again = dup ? this.#earlier.get(id) : undefined;
    const readers = again === undefined ? this.#readersOf(topic) : [];
    // A copy: what it came in may hold more memory than the message.
    const message = { topic, payload: payload.slice(), qos, retain, dup };
    if (qos === 0) {
      for (const each of readers) each.push(message);
      return;
    }
    if (this.#isKept) {
      this.#overrun ??= readers.find((each) => !each.hasRoomFor(message));
    }
    if (again !== undefined) this.#register(id, again);
    else if (this.#overrun === undefined) this.#deliver(message, id, readers);
    this.#release();
  }

  #readersOf(topic: string): Subscription[] {
    const all = [...this.subscriptions];
    const readers = all.filter((each) => each.matches(topic));
    if (readers.length === 0) this.#unmatched++;
    return readers;
  }

  #deliver(
    message: Message,
    id: number,
    readers: readonly Subscription[],
  ): void {
    const delivery = { readers: readers.length };
    this.#register(id, delivery);
    for (const each of readers) {
      each.push(message, () => {
        delivery.readers--;
        this.#release();
      });
    }
  }

  #register(id: number, delivery: Delivery): void {
    this.#earlier.delete(id);
    this.#deliveries.set(id, delivery);
  }

  /** Acknowledges, in order, all whose turn it is. */
  #release(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    for (const [id, { readers }] of this.#deliveries) {
      if (readers > 0) return;
      this.#deliveries.delete(id);
      connection.acknowledge(id);
    }
    if (this.#overrun === undefined) return;
    for (const { queued } of this.subscriptions) if (queued > 0) return;
    this.#connection = undefined;
    connection.startOver(this.#overrun);
  }
}

function refuse(must: string): never {
  throw new MalformedFrameError(`Cannot receive a message: ${must}`, {
    operation: "receive",
  });
}
