/**
 * A bound on what all connections of a server hold in memory together.
 *
 * @module
 */

import { LimitError } from "../errors.ts";
import { halvesOf, type Socket } from "../socket/socket.ts";

/** How often the connections are looked at: counting each byte would cost each byte. */
const SAMPLE_MS = 500;

/**
 * Looks at the server's sockets twice a second, and aborts those that hold the
 * most until the rest is within the limit.
 */
export class MemoryGuard {
  readonly #sockets: ReadonlySet<Socket>;
  readonly #limit: number;
  // Not an alarm: those tick sixteen times before they go off, each time anew.
  #timer: ReturnType<typeof setInterval> | undefined;
  #total = 0;

  constructor(sockets: ReadonlySet<Socket>, limit: number) {
    this.#sockets = sockets;
    this.#limit = limit;
  }

  /** There is a socket to look at. It stops by itself where there is none any more. */
  watch(): void {
    if (this.#timer === undefined && this.#limit !== Infinity) {
      this.#timer = setInterval(this.#look, SAMPLE_MS);
    }
  }

  dispose(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    if (this.#sockets.size === 0) return this.dispose();
    this.#total = 0;
    this.#sockets.forEach(this.#add);
    if (this.#total > this.#limit) this.#cut(this.#total);
  };

  // For `forEach`: an iterator makes an object for each of ten thousand idle sockets.
  readonly #add = (socket: Socket): void => {
    this.#total += bufferedBytes(socket);
  };

  #cut(total: number): void {
    const largest = [...this.#sockets]
      .map((socket) => ({ socket, bytes: bufferedBytes(socket) }))
      .sort((a, b) => b.bytes - a.bytes);
    for (const { socket, bytes } of largest) {
      if (total <= this.#limit) return;
      total -= bytes;
      const { localAddr, remoteAddr } = socket;
      socket.abort(
        new LimitError(
          "maxBufferedBytes",
          this.#limit,
          `Cannot go on as all connections may buffer at most ${this.#limit} bytes together: this one holds ${bytes}`,
          { localAddr, remoteAddr },
        ),
      );
    }
  }
}

function bufferedBytes(socket: Socket): number {
  const { readLoop, writer } = halvesOf(socket);
  return readLoop.queue.length + writer.pendingBytes;
}
