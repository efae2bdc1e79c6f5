/**
 * The engine of one process.
 *
 * @module
 */

import { guard } from "../_guard.ts";
import type { Engine, EngineSubscription } from "./engine.ts";

interface Subscriber {
  readonly onMessage: (data: Uint8Array) => void;
  /** Whether it was closed. */
  closed: boolean;
}

/**
 * Carries frames between the hubs of this process that share it. Nothing is lost, copied
 * or delayed: `publish` has called every subscriber when it returns, but for what is
 * published by one of them meanwhile, which comes next.
 *
 * A hub without an engine has one of its own. Share one where several hubs with different
 * limits, or the parts of a test, have the same topics.
 *
 * @returns An engine for any number of hubs.
 * @category Hub
 *
 * @example Two hubs, as if they were two machines
 * ```ts
 * import { framed, lines } from "@sluice/net";
 * import { Hub, memoryEngine } from "@sluice/net/hub";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const engine = memoryEngine();
 * const here = new Hub(lines(), { engine });
 * const there = new Hub(lines(), { engine });
 * const [client, server] = memoryPair();
 * there.join("news", framed(server, lines()));
 * await here.publish("news", "hello");
 * assertEquals(await client.readLine(), "hello");
 * ```
 */
export function memoryEngine(): Engine {
  return new MemoryEngine();
}

class MemoryEngine implements Engine {
  readonly #topics = new Map<string, Set<Subscriber>>();
  /** Messages that a subscriber published while one was handed out. */
  #queue: (() => void)[] = [];
  #isDelivering = false;

  publish(topic: string, data: Uint8Array): Promise<void> {
    const subscribers = this.#topics.get(topic);
    if (subscribers === undefined) return DONE;
    if (this.#isDelivering) {
      return new Promise((resolve) =>
        this.#queue.push(() => {
          this.#deliver(topic, data);
          resolve();
        })
      );
    }
    this.#isDelivering = true;
    this.#deliver(topic, data);
    // It grows while it is walked along.
    for (const next of this.#queue) next();
    this.#queue = [];
    this.#isDelivering = false;
    return DONE;
  }

  #deliver(topic: string, data: Uint8Array): void {
    for (const subscriber of [...this.#topics.get(topic) ?? []]) {
      if (subscriber.closed) continue;
      // One that throws takes it from no other.
      guard(() => subscriber.onMessage(data));
    }
  }

  subscribe(
    topic: string,
    onMessage: (data: Uint8Array) => void,
  ): EngineSubscription {
    const subscriber: Subscriber = { onMessage, closed: false };
    const subscribers = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, subscribers.add(subscriber));
    return {
      close: () => {
        if (subscriber.closed) return;
        subscriber.closed = true;
        subscribers.delete(subscriber);
        if (subscribers.size === 0) this.#topics.delete(topic);
      },
    };
  }
}

const DONE = Promise.resolve();
