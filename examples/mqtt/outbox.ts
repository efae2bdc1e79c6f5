/**
 * Messages to the broker, until they are delivered.
 *
 * They leave in the order in which they were given. One with QoS 1 is in flight from when
 * it is sent until the broker has acknowledged it, across any number of connections: it
 * keeps its id, and is sent again on each new one before all that waits.
 *
 * ```txt
 *           connected, and fewer than maxInFlight          acknowledged (QoS 1), sent (QoS 0)
 *  waiting ---------------------------------------> sent -------------------------------------> done
 *     ^                                              |
 *     +----------------------------------------------+
 *          connection lost, QoS 1 (QoS 0: failed)
 * ```
 *
 * @module
 */

import { LimitError } from "@sluice/net";
import type { PublishPacket } from "./packet.ts";
import type { PacketIds } from "./packet_ids.ts";

/** A message on its way. */
export interface Outgoing {
  readonly packet: PublishPacket;
  /** Resolves when it is delivered, as its QoS has it. */
  readonly delivered: Promise<void>;
}

interface Entry extends Outgoing {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  isDone: boolean;
}

/** Sends a message: resolves when it is acknowledged, or sent where its QoS is 0. */
export type Transmit = (packet: PublishPacket) => Promise<unknown>;

/** All messages of a client that are not delivered yet. */
export class Outbox {
  readonly #ids: PacketIds;
  readonly #maxInFlight: number;
  readonly #maxPending: number;
  #waiting: Entry[] = [];
  /** With QoS 1, in the order in which they were sent. */
  readonly #inFlight = new Set<Entry>();
  /** All that are not done. */
  #pending = 0;
  #transmit: Transmit | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(
    ids: PacketIds,
    { maxInFlight, maxPending }: { maxInFlight: number; maxPending: number },
  ) {
    this.#ids = ids;
    this.#maxInFlight = maxInFlight;
    this.#maxPending = maxPending;
  }

  /** Messages that are not delivered. */
  get pending(): number {
    return this.#pending;
  }

  /** Messages with QoS 1 that were sent and are not acknowledged. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /**
   * Takes a message. Its id and whether it was sent before are seen to here.
   *
   * @throws {LimitError} `maxPending` messages are not delivered.
   */
  add(
    message: Pick<PublishPacket, "topic" | "payload" | "qos" | "retain">,
  ): Outgoing {
    if (this.#pending >= this.#maxPending) {
      throw new LimitError(
        "maxPending",
        this.#maxPending,
        `Cannot publish: maxPending (${this.#maxPending}) messages wait to be delivered`,
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {}); // Its caller may have given it up.
    const packet: PublishPacket = {
      type: "publish",
      ...message,
      dup: false,
      id: 0,
    };
    const entry = {
      packet,
      delivered: promise,
      resolve,
      reject,
      isDone: false,
    };
    this.#pending++;
    this.#waiting.push(entry);
    this.#pump();
    return entry;
  }

  /** Takes a message back, if no part of it was ever sent. */
  withdraw(outgoing: Outgoing): void {
    const entry = outgoing as Entry;
    if (entry.packet.dup || !this.#stopWaiting(entry)) return;
    this.#finish(entry);
  }

  /** A connection is there: first goes what was in flight on the one before. */
  open(transmit: Transmit): void {
    this.#transmit = transmit;
    this.#pump();
  }

  /** The connection is gone. */
  close(): void {
    this.#transmit = undefined;
    for (const { packet } of this.#inFlight) packet.dup = true;
    this.#waiting = [...this.#inFlight, ...this.#waiting];
    this.#inFlight.clear();
  }

  /** Nothing will be delivered any more. */
  fail(error: unknown): void {
    this.close();
    for (const entry of this.#waiting.splice(0)) {
      entry.reject(error);
      this.#finish(entry);
    }
  }

  /** Resolves when all is delivered. */
  async idle(): Promise<void> {
    if (this.#pending === 0) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  #pump(): void {
    while (this.#transmit !== undefined && this.#waiting.length > 0) {
      const [entry] = this.#waiting;
      const { packet } = entry;
      if (packet.qos > 0) {
        if (this.#inFlight.size >= this.#maxInFlight) return;
        if (packet.id === 0) packet.id = this.#ids.take();
        this.#inFlight.add(entry);
      }
      this.#waiting.shift();
      this.#send(entry, this.#transmit);
    }
  }

  async #send(entry: Entry, transmit: Transmit): Promise<void> {
    try {
      await transmit(entry.packet);
      entry.resolve();
    } catch (error) {
      // The connection is lost, and `close` keeps the message for the next one.
      if (entry.packet.qos > 0) return;
      entry.reject(error);
    }
    // Between its acknowledgement and here the connection may have been lost.
    if (entry.packet.qos > 0 && !this.#inFlight.delete(entry)) {
      this.#stopWaiting(entry);
    }
    this.#finish(entry);
    this.#pump();
  }

  #stopWaiting(entry: Entry): boolean {
    const index = this.#waiting.indexOf(entry);
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }

  #finish(entry: Entry): void {
    if (entry.isDone) return;
    entry.isDone = true;
    if (entry.packet.id > 0) this.#ids.release(entry.packet.id);
    this.#pending--;
    if (this.#pending > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}
