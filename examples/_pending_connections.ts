/**
 * Connections whose client has not said anything of use yet: they are what one peer
 * can open by the thousand at no cost, so they get little time and few places.
 *
 * @module
 */

import type { Socket } from "@sluice/net";

/** What is needed of a connection; one over UDP has it, too. */
type Pending = Pick<Socket, "abort" | "remoteAddr">;

/**
 * A connection is not cut for others before it was pending for so long: many may be
 * accepted before the first of them can be read from.
 */
const GRACE_MS = 20;

/** How many times `max` there may be until then. */
const BURST = 4;

/** How long and how many. */
export interface PendingOptions {
  /**
   * Longest that a connection may be pending, in milliseconds.
   *
   * @default {Infinity}
   */
  timeoutMs?: number;
  /**
   * Most that may be pending at once; for a moment there may be four times as many. For
   * more, the oldest one is cut, of the address that has the most.
   */
  max: number;
}

/** Why a pending connection was cut; not worth a line in a log. */
export class PendingError extends Error {
  static {
    this.prototype.name = "PendingError";
  }
}

/**
 * Keeps count of pending connections. A server's handler adds each socket first, and
 * disposes of what it gets when the client has sent its first message:
 *
 * ```ts ignore
 * const pending = new PendingConnections({ timeoutMs: 10_000, max: 100 });
 * serve(options, async (socket) => {
 *   using first = pending.add(socket);
 *   const name = await socket.readLine();
 *   first[Symbol.dispose]();
 * });
 * ```
 *
 * A client that speaks at once is never in the way, however many others stay silent:
 * they are cut to make room, not it. `maxConnectionsPerAddress` should leave room for
 * more than four times `max`.
 */
export class PendingConnections {
  readonly #options: PendingOptions;
  /** When each became pending, the oldest first. */
  readonly #byAddress = new Map<string, Map<Pending, number>>();
  #size = 0;
  #trimming: ReturnType<typeof setTimeout> | undefined;

  /** @param options How long and how many. */
  constructor(options: PendingOptions) {
    this.#options = options;
  }

  /** How many are pending. */
  get size(): number {
    return this.#size;
  }

  /** Counts a connection as pending until the result is disposed of. */
  add(socket: Pending): Disposable {
    const { max, timeoutMs = Infinity } = this.#options;
    if (this.#size >= BURST * max) this.#cut(this.#oldest()[0], "others wait");
    const timer = timeoutMs === Infinity ? undefined : setTimeout(
      () => this.#cut(socket, `nothing came in ${timeoutMs} ms`),
      timeoutMs,
    );
    const key = addressOf(socket);
    const sockets = this.#byAddress.get(key) ?? new Map();
    this.#byAddress.set(key, sockets.set(socket, performance.now()));
    this.#size++;
    this.#trimSoon();
    return {
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        this.#delete(socket);
      },
    };
  }

  #trimSoon(): void {
    if (this.#size <= this.#options.max) return;
    this.#trimming ??= setTimeout(() => {
      this.#trimming = undefined;
      this.#trim();
    }, GRACE_MS);
  }

  #trim(): void {
    while (this.#size > this.#options.max) {
      const [socket, since] = this.#oldest();
      if (performance.now() - since < GRACE_MS) return this.#trimSoon();
      this.#cut(socket, "others wait");
    }
  }

  #oldest(): [Pending, since: number] {
    let most = new Map<Pending, number>();
    for (const sockets of this.#byAddress.values()) {
      if (sockets.size > most.size) most = sockets;
    }
    const [oldest] = most;
    return oldest;
  }

  #cut(socket: Pending, why: string): void {
    this.#delete(socket);
    socket.abort(new PendingError(why));
  }

  #delete(socket: Pending): void {
    const key = addressOf(socket);
    const sockets = this.#byAddress.get(key);
    if (!sockets?.delete(socket)) return;
    this.#size--;
    if (sockets.size === 0) this.#byAddress.delete(key);
    if (this.#size > this.#options.max) return;
    clearTimeout(this.#trimming);
    this.#trimming = undefined;
  }
}

/**
 * What counts as one address, as it does for `maxConnectionsPerAddress`: of IPv6, the
 * network that one customer has (/64), which all hosts of a link have in common.
 */
export function addressOf({ remoteAddr }: Pick<Socket, "remoteAddr">): string {
  if (!("hostname" in remoteAddr)) return remoteAddr.transport;
  const { hostname } = remoteAddr;
  if (!hostname.includes(":") || /^fe[89ab]/i.test(hostname)) return hostname;
  const mapped = /^::ffff:([\d.]+)$/i.exec(hostname);
  if (mapped !== null) return mapped[1];
  const [head, tail] = hostname.split("::");
  const groups = head === "" ? [] : head.split(":");
  const zeros = tail === undefined ? 0 : 8 - groups.length -
    tail.split(":").length;
  return [...groups, ...Array(zeros).fill("0")].slice(0, 4).join(":");
}
