/**
 * Messages from worker to worker, on their way through the supervisor.
 *
 * @module
 */

import type { Outbox } from "./_outbox.ts";
import { toWorker } from "./_protocol.ts";

/** Which workers listen to which topic. */
export class Relay {
  readonly #topics = new Map<string, Set<Outbox>>();
  /** Messages that came. */
  messages = 0;

  /** What is published to `topic` from now on goes into `outbox`. */
  subscribe(outbox: Outbox, topic: string): void {
    const outboxes = this.#topics.get(topic);
    if (outboxes === undefined) this.#topics.set(topic, new Set([outbox]));
    else outboxes.add(outbox);
  }

  /** Undoes {@linkcode Relay.subscribe}. */
  unsubscribe(outbox: Outbox, topic: string): void {
    const outboxes = this.#topics.get(topic);
    if (outboxes === undefined) return;
    outboxes.delete(outbox);
    if (outboxes.size === 0) this.#topics.delete(topic);
    outbox.forget(topic);
  }

  /** To all who listen but the one it comes from. Waits for none of them. */
  publish(from: Outbox, topic: string, data: Uint8Array): void {
    this.messages++;
    let frame: Uint8Array | undefined;
    for (const outbox of this.#topics.get(topic) ?? []) {
      if (outbox === from) continue;
      // Encoded once for all, into memory of its own.
      frame ??= toWorker.encode({ type: "message", topic, data });
      outbox.push(topic, frame);
    }
  }
}
