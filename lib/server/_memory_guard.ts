/**
 * A bound on what all connections of a server hold in memory together.
 *
 * @module
 */

import { LimitError } from "../errors.ts";
import { halvesOf, type Socket } from "../socket/socket.ts";
import { Alarm, type AlarmListener } from "../time/coarse_timer.ts";

/** How often the connections are looked at: counting each byte would cost each byte. */
const SAMPLE_MS = 500;

/**
 * Looks at the server's sockets twice a second, and aborts those that hold the
 * most until the rest is within the limit.
 */
export class MemoryGuard implements AlarmListener {
  readonly #sockets: ReadonlySet<Socket>;
  readonly #limit: number;
  readonly #alarm: Alarm;

  constructor(sockets: ReadonlySet<Socket>, limit: number) {
    this.#sockets = sockets;
    this.#limit = limit;
    this.#alarm = new Alarm(this);
    if (limit !== Infinity) this.#alarm.limitMs = SAMPLE_MS;
  }

  /** There is a socket to look at. */
  watch(): void {
    if (!this.#alarm.armed) this.#alarm.arm();
  }

  /** There is none any more. */
  rest(): void {
    this.#alarm.disarm();
  }

  dispose(): void {
    this.#alarm.dispose();
  }

  onAlarm(): void {
    let total = 0;
    for (const socket of this.#sockets) total += bufferedBytes(socket);
    if (total > this.#limit) this.#cut(total);
    if (this.#sockets.size > 0) this.#alarm.arm();
  }

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
  const { reader, writer } = halvesOf(socket);
  return reader.queue.length + writer.pendingBytes;
}
