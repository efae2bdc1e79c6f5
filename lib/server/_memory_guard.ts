/**
 * A bound on what all connections of a server hold in memory together.
 *
 * @module
 */

import { LimitError } from "../errors.ts";
import { halvesOf, type Socket } from "../socket/socket.ts";

/** How often the connections are looked at: counting each byte would cost each byte. */
const SAMPLE_MS = 500;

/** A client of the server; it has no socket while it shakes hands. */
interface SocketOwner {
  readonly socket: Socket | undefined;
}

/**
 * Looks at the sockets of a server's clients twice a second, and aborts those that hold
 * the most until the rest is within the limit.
 */
export class MemoryGuard {
  readonly #clients: ReadonlySet<SocketOwner>;
  readonly #limit: number;
  // Not an alarm: those tick sixteen times before they go off, each time anew.
  #timer: ReturnType<typeof setInterval> | undefined;
  #total = 0;

  constructor(clients: ReadonlySet<SocketOwner>, limit: number) {
    this.#clients = clients;
    this.#limit = limit;
  }

  /** There is a socket to look at. It stops by itself where there is none any more. */
  watch(): void {
    if (this.#timer === undefined && this.#limit !== Infinity) {
      this.#timer = setInterval(this.#look, SAMPLE_MS);
      // The timer does not keep the process alive.
      Deno.unrefTimer(this.#timer);
    }
  }

  dispose(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    if (this.#clients.size === 0) return this.dispose();
    this.#total = 0;
    this.#clients.forEach(this.#add);
    if (this.#total > this.#limit) this.#cut(this.#total);
  };

  // For `forEach`: an iterator makes an object for each of ten thousand idle sockets.
  readonly #add = ({ socket }: SocketOwner): void => {
    if (socket !== undefined) this.#total += bufferedBytes(socket);
  };

  #cut(total: number): void {
    const largest = [...this.#clients]
      .flatMap(({ socket }) => socket ?? [])
      .map((socket) => ({ socket, bytes: bufferedBytes(socket) }))
      .sort((a, b) => b.bytes - a.bytes);
    for (const { socket, bytes } of largest) {
      if (total <= this.#limit) return;
      total -= bytes;
      socket.abort(
        new LimitError(
          "maxBufferedBytes",
          this.#limit,
          `Cannot go on: the connections of the server buffer more than ${this.#limit} bytes together, and this one holds ${bytes}`,
          halvesOf(socket).addresses(),
        ),
      );
    }
  }
}

function bufferedBytes(socket: Socket): number {
  const { readLoop, writer } = halvesOf(socket);
  return readLoop.queue.length + writer.heldBytes;
}
