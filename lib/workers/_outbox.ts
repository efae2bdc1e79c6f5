/**
 * The messages that wait for one worker: a bounded number, whatever the worker does.
 *
 * @module
 */

import { toWorker } from "./_protocol.ts";

/** How much may wait. */
export interface OutboxLimits {
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
}

/**
 * A queue of messages. What does not fit is left out and counted for each topic; the count
 * goes out behind what came before, and in front of what comes after.
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #send: (frame: Uint8Array) => Promise<void>;
  #frames: Uint8Array[] = [];
  /** How many messages of each topic were left out since the worker was told. */
  readonly #missed = new Map<string, number>();
  /** How many wait, and how large they are together. */
  #count = 0;
  #bytes = 0;
  #sending = false;
  #ended = false;
  /** All that were left out. */
  dropped = 0;

  /** @param send Resolves when there is room for more; rejects where the worker has gone. */
  constructor(
    limits: OutboxLimits,
    send: (frame: Uint8Array) => Promise<void>,
  ) {
    this.#limits = limits;
    this.#send = send;
  }

  /** Takes a message, or leaves it out. */
  push(topic: string, frame: Uint8Array): void {
    if (this.#ended) return;
    const { maxQueuedMessages, maxQueuedBytes } = this.#limits;
    const fits = this.#count === 0 ||
      (this.#count < maxQueuedMessages &&
        this.#bytes + frame.length <= maxQueuedBytes);
    if (!fits) {
      this.dropped++;
      const missed = this.#missed.get(topic) ?? 0;
      // The packet has 32 bits for it.
      this.#missed.set(topic, Math.min(missed + 1, 0xffff_ffff));
      return;
    }
    // A large one may have been left out, where this one fits: that comes first.
    const missed = this.#missed.get(topic);
    if (missed !== undefined) {
      this.#missed.delete(topic);
      this.#addGap(topic, missed);
    }
    this.#add(frame);
    if (!this.#sending) this.#pump();
  }

  #add(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#count++;
    this.#bytes += frame.length;
  }

  async #pump(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#frames.length > 0) {
        const batch = this.#frames;
        this.#frames = [];
        for (const frame of batch) {
          if (this.#ended) return;
          this.#count--;
          this.#bytes -= frame.length;
          this.#tellMissed();
          await this.#send(frame);
        }
      }
    } catch {
      // The worker has gone, and its end is told elsewhere.
      this.end();
    } finally {
      this.#sending = false;
    }
  }

  /** There is room again: behind what waits now, the worker is told what is missing. */
  #tellMissed(): void {
    if (this.#missed.size === 0) return;
    for (const [topic, count] of this.#missed) this.#addGap(topic, count);
    this.#missed.clear();
  }

  #addGap(topic: string, count: number): void {
    this.#add(toWorker.encode({ type: "gap", topic, count }));
  }

  /** The worker does not listen to a topic any more. */
  forget(topic: string): void {
    this.#missed.delete(topic);
  }

  /** Nothing goes out any more. */
  end(): void {
    this.#ended = true;
    this.#frames = [];
    this.#missed.clear();
  }
}
