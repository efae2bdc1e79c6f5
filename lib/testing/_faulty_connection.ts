/**
 * One connection that passes a fault proxy: two sockets of `node:net`, as Deno's own cannot
 * be reset, and a wire each way between them.
 *
 * @module
 */

import type { Random } from "../_random.ts";
import { fromDuplex } from "../adapters/from_duplex.ts";
import type { Transport } from "../transport/options.ts";
import { sleep } from "../time/sleep.ts";
import { type AllFaults, NO_FAULTS } from "./fault_proxy_options.ts";
import { MAX_DELAY_MS } from "./_fake_timers.ts";
import type { NodeSocket } from "./_node_net.ts";
import { NOT_SLOW } from "./_topology.ts";
import { Wire } from "./_wire.ts";

/** To whom bytes are sent. */
export type Receiver = "server" | "client";

/** Bytes that are held for a receiver. */
const WINDOW_BYTES = 256 * 1024;

/** A rate is kept in pieces of so much time. */
const PIECE_MS = 50;

/** What a connection is part of. */
export interface FaultyContext {
  readonly client: NodeSocket;
  readonly server: NodeSocket;
  readonly random: Random;
  /** The faults of a direction, as they are now. */
  readonly faultsTo: (receiver: Receiver) => AllFaults;
  /** Settles when they have changed. */
  readonly changed: () => Promise<void>;
  readonly onBytes: (receiver: Receiver, count: number) => void;
}

/** A connection, until both of its sockets are closed. */
export class FaultyConnection {
  readonly #context: FaultyContext;
  readonly #sockets: readonly NodeSocket[];
  readonly #startMs = performance.now();
  /** What each direction draws, once: faults happen to it where that is small enough. */
  readonly #drawn: Record<Receiver, number>;
  readonly #passed: Record<Receiver, number> = { server: 0, client: 0 };
  readonly #wires: readonly Wire[];
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #ending = new AbortController();
  /** Resolves when both sockets are closed. */
  readonly closed: Promise<void>;

  constructor(context: FaultyContext) {
    this.#context = context;
    const { client, server, random } = context;
    this.#sockets = [client, server];
    this.#drawn = { server: random(), client: random() };
    const [near, far] = [fromDuplex(client), fromDuplex(server)];
    this.#wires = [
      this.#wire(near, far, "server"),
      this.#wire(far, near, "client"),
    ];
    this.closed = this.#run();
  }

  /** Resets both sides. */
  reset(): void {
    this.#end();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Looks at faults that are of a connection as a whole. */
  look(): void {
    clearTimeout(this.#timer);
    if (this.#ended) return;
    let resetMs = Infinity;
    for (const receiver of ["server", "client"] as const) {
      const { resetAfterBytes, resetAfterMs, closeAfterBytes } = this.#faultsTo(
        receiver,
      );
      const passed = this.#passed[receiver];
      if (passed >= resetAfterBytes) return this.reset();
      if (passed >= closeAfterBytes) return this.#close();
      resetMs = Math.min(resetMs, resetAfterMs);
    }
    if (resetMs === Infinity) return;
    const leftMs = this.#startMs + resetMs - performance.now();
    // A timer would let what is there already pass.
    if (leftMs <= 0) return this.reset();
    const delayMs = Math.min(leftMs, MAX_DELAY_MS);
    this.#timer = setTimeout(
      () => delayMs === MAX_DELAY_MS ? this.look() : this.reset(),
      delayMs,
    );
  }

  async #run(): Promise<void> {
    const gone = this.#sockets.map((socket) =>
      new Promise<void>((resolve) => {
        if (socket.closed) resolve();
        else socket.on("close", () => resolve());
      })
    );
    // A side that breaks breaks the other one.
    Promise.all(this.#wires.map((wire) => wire.run())).then(
      () => this.#close(),
      () => this.#ended || this.reset(),
    );
    this.look();
    await Promise.all(gone);
  }

  /** Ends both sides, with what they were sent. */
  #close(): void {
    if (this.#ended) return;
    this.#end();
    for (const socket of this.#sockets) socket.destroySoon();
  }

  #end(): void {
    this.#ending.abort();
    clearTimeout(this.#timer);
    for (const wire of this.#wires) wire.stop();
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted;
  }

  #faultsTo(receiver: Receiver): AllFaults {
    const faults = this.#context.faultsTo(receiver);
    return this.#drawn[receiver] < faults.probability ? faults : NO_FAULTS;
  }

  #wire(from: Transport, to: Transport, receiver: Receiver): Wire {
    const faults = () => this.#faultsTo(receiver);
    const { changed, random } = this.#context;
    const source = {
      read: (target: Uint8Array) => {
        const bytes = Math.ceil(faults().bytesPerSecond * PIECE_MS / 1_000);
        return from.read(target.subarray(0, bytes));
      },
    };
    const target = {
      write: (bytes: Uint8Array) => this.#write(to, receiver, bytes),
      closeWrite: () => to.closeWrite(),
    };
    return new Wire(source, target, {
      get latencyMs() {
        return faults().latencyMs;
      },
      get jitterMs() {
        return faults().jitterMs;
      },
      get bytesPerSecond() {
        return faults().bytesPerSecond;
      },
      get endDelayMs() {
        return faults().slowCloseMs;
      },
      windowBytes: WINDOW_BYTES,
      random,
      route: {
        get waiting() {
          return faults().stall ? changed() : undefined;
        },
        slowness: NOT_SLOW,
      },
      onArrival: () => {},
    });
  }

  /** Writes one piece. */
  async #write(
    to: Transport,
    receiver: Receiver,
    bytes: Uint8Array,
  ): Promise<number> {
    // What is left of a chunk after the bytes that may pass.
    if (this.#ended) throw new Deno.errors.Interrupted("operation canceled");
    const { splitBytes, splitDelayMs, resetAfterBytes, closeAfterBytes } = this
      .#faultsTo(receiver);
    const left = Math.min(resetAfterBytes, closeAfterBytes) -
      this.#passed[receiver];
    const most = Math.min(splitBytes, left);
    const count = await to.write(bytes.subarray(0, most));
    this.#passed[receiver] += count;
    this.#context.onBytes(receiver, count);
    if (count === left) this.look();
    else if (count === splitBytes && splitDelayMs > 0) {
      const { signal } = this.#ending;
      await sleep(splitDelayMs, { signal });
    }
    return count;
  }
}
