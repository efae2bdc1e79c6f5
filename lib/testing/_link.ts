/**
 * One simulated connection: two memory pairs, and a wire each way between them.
 *
 * @module
 */

import { seededRandom } from "../_random.ts";
import {
  type MemoryTransport,
  memoryTransportPair,
} from "../transport/memory.ts";
import type { Route } from "./_topology.ts";
import { Wire } from "./_wire.ts";

/** How a link carries bytes. */
export interface LinkOptions {
  latencyMs: number;
  jitterMs: number;
  bytesPerSecond: number;
  highWaterMarkBytes: number;
  resetRate: number;
  /** Cuts reads and writes of both ends at random sizes. */
  split: boolean;
  seed: number;
  names: readonly [client: string, server: string];
  route: Route;
  /** Called with what arrives at which end. */
  onArrival: (at: "client" | "server", what: number | "end") => void;
  /** Called once, when the link breaks. */
  onReset: () => void;
  /** Called when the link has ended. */
  onDone: () => void;
}

/** A connection whose network can be slow, or break. */
export class Link {
  readonly client: MemoryTransport;
  readonly server: MemoryTransport;
  readonly #nearClient: MemoryTransport;
  readonly #nearServer: MemoryTransport;
  readonly #wires: Wire[];
  readonly #options: LinkOptions;
  #done = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { names, highWaterMarkBytes, split, seed } = options;
    const [client, server] = names;
    // The wires' own ends are not cut: pieces of pieces would cost much and show nothing.
    const pair = (names: [string, string], seedOfPair: number) =>
      memoryTransportPair({
        names,
        highWaterMarkBytes,
        seed: split ? seedOfPair : undefined,
        cut: "left",
      });
    [this.client, this.#nearClient] = pair([client, server], seed);
    [this.server, this.#nearServer] = pair([server, client], seed + 1);
    this.#wires = [
      this.#wire(this.#nearClient, this.#nearServer, "server", seed + 2),
      this.#wire(this.#nearServer, this.#nearClient, "client", seed + 3),
    ];
    Promise.all(this.#wires.map((wire) => wire.run())).then(
      () => this.#finish(),
      () => this.reset(),
    );
  }

  /** Breaks the connection: both ends see a reset. */
  reset(): void {
    if (this.#done) return;
    this.#nearClient.reset();
    this.#nearServer.reset();
    this.#options.onReset();
    this.#finish();
  }

  /**
   * Ends one end, as when its process is killed: the peer sees a reset when that has
   * travelled to it.
   */
  crash(at: "client" | "server"): void {
    if (this.#done) return;
    (at === "client" ? this.#nearClient : this.#nearServer).reset();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    for (const wire of this.#wires) wire.stop();
    this.#nearClient[Symbol.dispose]();
    this.#nearServer[Symbol.dispose]();
    this.#options.onDone();
  }

  #wire(
    from: MemoryTransport,
    to: MemoryTransport,
    at: "client" | "server",
    seed: number,
  ): Wire {
    const random = seededRandom(seed);
    const { onArrival, resetRate } = this.#options;
    return new Wire(from, to, {
      ...this.#options,
      endDelayMs: 0,
      windowBytes: this.#options.highWaterMarkBytes,
      random,
      onArrival: (what) => {
        onArrival(at, what);
        if (resetRate > 0 && random() < resetRate) this.reset();
      },
    });
  }
}
