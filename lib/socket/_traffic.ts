/**
 * What a socket has moved so far.
 *
 * @module
 */

/** Counters of one socket. Times are milliseconds since the epoch. */
export interface SocketStats {
  /** Bytes that arrived from the transport. */
  readonly bytesRead: number;
  /** Bytes that the transport took. */
  readonly bytesWritten: number;
  /** When the socket was made. */
  readonly openedAt: number;
  /** When bytes last arrived; `undefined` before the first. */
  readonly lastReadAt: number | undefined;
  /** When the transport last took bytes; `undefined` before the first. */
  readonly lastWriteAt: number | undefined;
}

let now = 0;
const forgetTime = () => {
  now = 0;
};

/**
 * The time, asked once for all that happens together: when the event loop brings
 * fifty reads at a time, forty-nine questions to the system are saved.
 */
function currentTime(): number {
  if (now === 0) {
    now = Date.now();
    queueMicrotask(forgetTime);
  }
  return now;
}

/** The counters while they count. */
export class Traffic implements SocketStats {
  bytesRead = 0;
  bytesWritten = 0;
  readonly openedAt: number = Date.now();
  lastReadAt: number | undefined;
  lastWriteAt: number | undefined;

  onRead(count: number): void {
    this.bytesRead += count;
    this.lastReadAt = currentTime();
  }

  onWrite(count: number): void {
    this.bytesWritten += count;
    this.lastWriteAt = currentTime();
  }
}
