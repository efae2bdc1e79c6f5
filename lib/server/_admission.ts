/**
 * Who may come in, and when.
 *
 * @module
 */

import type { Addr } from "../addr.ts";
import { IpRanges } from "../ip.ts";
import type { RejectionReason } from "./events.ts";

/** What to do with clients above `maxConnections`. */
export type OnLimit =
  /** They wait in the system's backlog until somebody leaves. */
  | "wait"
  /** They are accepted and closed at once. */
  | "reject";

/** Who may come in, and how many. */
export interface AdmissionOptions {
  /** Most connections at once. 10,000 by default. */
  maxConnections?: number;
  /** What happens to clients above `maxConnections`. `"wait"` by default. */
  onLimit?: OnLimit;
  /** Most connections at once from one address. `Infinity` by default. */
  maxConnectionsPerAddress?: number;
  /**
   * IP addresses and ranges (CIDR, IPv4 and IPv6) that may connect; nobody else may.
   * By default everybody may. Unix sockets have no IP address and are let in.
   */
  allow?: readonly string[];
  /** IP addresses and ranges that may not connect, also where `allow` has them. */
  deny?: readonly string[];
}

/** Counts the connections of a server against its limits. */
export class Admission {
  readonly #most: number;
  readonly #mostPerAddress: number;
  readonly #onLimit: OnLimit;
  readonly #allow: IpRanges | undefined;
  readonly #deny: IpRanges | undefined;
  #active = 0;
  readonly #byAddress = new Map<string, number>();
  #room: PromiseWithResolvers<void> | undefined;

  constructor(options: AdmissionOptions) {
    const { maxConnections, maxConnectionsPerAddress, onLimit } = options;
    this.#most = maxConnections ?? 10_000;
    this.#mostPerAddress = maxConnectionsPerAddress ?? Infinity;
    this.#onLimit = onLimit ?? "wait";
    if (options.allow !== undefined) {
      this.#allow = new IpRanges("allow", options.allow);
    }
    if (options.deny !== undefined) {
      this.#deny = new IpRanges("deny", options.deny);
    }
  }

  get active(): number {
    return this.#active;
  }

  /** Resolves when the next client may be accepted; at once unless clients wait. */
  room(): Promise<void> | undefined {
    if (this.#onLimit === "reject" || this.#active < this.#most) return;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Wakes whoever waits for room, room or not. */
  wake(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Lets a client in, or says why not. */
  enter(addr: Addr): RejectionReason | undefined {
    if ("hostname" in addr && !this.#admits(addr.hostname)) return "denied";
    if (this.#active >= this.#most) return "max-connections";
    if (this.#mostPerAddress !== Infinity) {
      const key = addressKey(addr);
      const count = this.#byAddress.get(key) ?? 0;
      if (count >= this.#mostPerAddress) return "max-connections-per-address";
      this.#byAddress.set(key, count + 1);
    }
    this.#active++;
    return undefined;
  }

  #admits(hostname: string): boolean {
    if (this.#deny?.includes(hostname)) return false;
    return this.#allow === undefined || this.#allow.includes(hostname);
  }

  /** A client that was let in has left. */
  leave(addr: Addr): void {
    this.#active--;
    if (this.#mostPerAddress !== Infinity) {
      const key = addressKey(addr);
      const count = this.#byAddress.get(key)! - 1;
      if (count === 0) this.#byAddress.delete(key);
      else this.#byAddress.set(key, count);
    }
    this.wake();
  }
}

/** What counts as one address: the host, whatever the port. */
function addressKey(addr: Addr): string {
  if ("hostname" in addr) return addr.hostname;
  return addr.transport === "memory" ? addr.name : addr.transport;
}
