/**
 * Which transfers are under way: so many, so many of one address, and none that only
 * takes up room while another client waits.
 *
 * @module
 */

import { sleep, type Socket } from "@sluice/net";
import { addressOf } from "../_pending_connections.ts";
import { Refusal } from "./messages.ts";

/** How often the rate of each transfer is looked at. */
const SAMPLE_MS = 2_000;
/** How long a client waits for a place, and how often it looks for one. */
const PATIENCE_MS = 30_000;
const PAUSE_MS = 250;

/** Options of {@linkcode Transfers}. */
export interface TransfersOptions {
  /** Most transfers at once. */
  max: number;
  /** Most of one address. */
  maxPerAddress: number;
  /** Bytes a second below which a transfer gives way to another client's. */
  slowBytesPerSecond: number;
}

/** Why a slow transfer was cut; not worth a line in a log. */
export class SlowTransferError extends Error {
  static {
    this.prototype.name = "SlowTransferError";
  }
}

/** A transfer, and how much it had moved at the last two looks. */
interface Transfer {
  readonly socket: Socket;
  readonly address: string;
  looks: [before: Look, last: Look];
}

interface Look {
  readonly bytes: number;
  readonly atMs: number;
}

/** The transfers that are under way. */
export class Transfers {
  readonly #options: TransfersOptions;
  readonly #transfers = new Set<Transfer>();
  /** Of each address of which clients wait for a place: settles when the last has ended its wait. */
  readonly #waits = new Map<string, Promise<void>>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param options How many, and what is slow. */
  constructor(options: TransfersOptions) {
    this.#options = options;
  }

  /**
   * Counts a transfer until the result is disposed of. Where all places are taken the
   * slowest transfer gives its own up, if it is slow. The clients of one address get
   * places in the order in which they asked, so that many of them delay an honest one by
   * as many looks as there are ahead of it, and no longer.
   *
   * @throws {Refusal} No place became free in half a minute.
   */
  async begin(socket: Socket): Promise<Disposable> {
    const address = addressOf(socket);
    const began = performance.now();
    const before = this.#waits.get(address);
    const wait = Promise.withResolvers<void>();
    this.#waits.set(address, wait.promise);
    try {
      await before;
      while (!socket.signal.aborted && !this.#makeRoom(address)) {
        if (performance.now() - began > PATIENCE_MS) {
          throw new Refusal(
            "too many transfers are under way: try again later",
          );
        }
        await sleep(PAUSE_MS);
      }
      socket.signal.throwIfAborted();
      return this.#begin(socket, address);
    } finally {
      wait.resolve();
      if (this.#waits.get(address) === wait.promise) {
        this.#waits.delete(address);
      }
    }
  }

  #begin(socket: Socket, address: string): Disposable {
    const look = lookAt(socket);
    const transfer: Transfer = { socket, address, looks: [look, look] };
    this.#transfers.add(transfer);
    this.#timer ??= setInterval(() => this.#look(), SAMPLE_MS);
    return { [Symbol.dispose]: () => this.#end(transfer) };
  }

  #end(transfer: Transfer): void {
    this.#transfers.delete(transfer);
    if (this.#transfers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #makeRoom(address: string): boolean {
    const { max, maxPerAddress } = this.#options;
    const same = [...this.#transfers].filter((each) =>
      each.address === address
    );
    if (same.length >= maxPerAddress) return this.#cutSlowest(same);
    if (this.#transfers.size >= max) return this.#cutSlowest(this.#transfers);
    return true;
  }

  #cutSlowest(transfers: Iterable<Transfer>): boolean {
    const now = performance.now();
    let slowest: Transfer | undefined;
    let least = this.#options.slowBytesPerSecond;
    for (const transfer of transfers) {
      const [before] = transfer.looks;
      if (now - before.atMs < SAMPLE_MS) continue; // It has hardly begun.
      const rate = rateSince(transfer);
      if (rate >= least) continue;
      least = rate;
      slowest = transfer;
    }
    if (slowest === undefined) return false;
    this.#end(slowest);
    slowest.socket.abort(
      new SlowTransferError("it moves hardly anything, and others wait"),
    );
    return true;
  }

  #look(): void {
    for (const transfer of this.#transfers) {
      transfer.looks = [transfer.looks[1], lookAt(transfer.socket)];
    }
  }
}

function lookAt({ stats }: Socket): Look {
  return {
    bytes: stats.bytesRead + stats.bytesWritten,
    atMs: performance.now(),
  };
}

function rateSince({ socket, looks: [before] }: Transfer): number {
  const now = lookAt(socket);
  return (now.bytes - before.bytes) / (now.atMs - before.atMs) * 1_000;
}
