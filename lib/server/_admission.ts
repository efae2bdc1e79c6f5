/**
 * Which clients may come in, and when.
 *
 * @module
 */

import { checkLimit, checkNames, checkOneOf, readOptions } from "../_check.ts";
import type { Addr } from "../addr.ts";
import { addressKey, IpRanges, isLinkLocal } from "../ip.ts";
import type { RejectionReason } from "./events.ts";

/**
 * What to do with clients above `maxConnections`.
 *
 * @category Servers
 */
export type OnLimit =
  /** They wait in the system's backlog until another one leaves. */
  | "wait"
  /** They are accepted and closed at once. */
  | "reject";

/**
 * Which clients may come in, and how many.
 *
 * @category Servers
 */
export interface AdmissionOptions {
  /**
   * Most connections at once, at least 1.
   *
   * @default {10_000}
   */
  maxConnections?: number | undefined;
  /**
   * What happens to clients above `maxConnections`.
   *
   * @default {"wait"}
   */
  onLimit?: OnLimit | undefined;
  /**
   * Most connections at once from one address, at least 1; more are closed at once.
   * One address is an IPv4 address, or the /64 of an IPv6 address, which is what one
   * customer gets. Clients without an IP address, on a Unix socket say, are not
   * limited: there is nothing to tell them apart by.
   *
   * @default {Infinity}
   */
  maxConnectionsPerAddress?: number | undefined;
  /**
   * IP addresses and ranges (CIDR, IPv4 and IPv6) that may connect, and no others. All
   * may by default. Unix sockets have no IP address and are let in.
   */
  allow?: readonly string[] | undefined;
  /**
   * IP addresses and ranges that may not connect, also where `allow` has them. One of
   * IPv6 says nothing of IPv4 clients, also where a listener on `::` takes both: every
   * client is in `0.0.0.0/0` or in `::/0`. None by default.
   */
  deny?: readonly string[] | undefined;
}

/** Throws if one of these options is of the wrong type or out of range. */
export function checkAdmissionOptions(
  action: string,
  options: AdmissionOptions,
): void {
  const { maxConnections, maxConnectionsPerAddress, onLimit } = options;
  if (maxConnections !== undefined) {
    checkLimit(action, "maxConnections", maxConnections, 1);
  }
  if (maxConnectionsPerAddress !== undefined) {
    const name = "maxConnectionsPerAddress";
    checkLimit(action, name, maxConnectionsPerAddress, 1);
  }
  if (onLimit !== undefined) {
    checkOneOf(action, "onLimit", onLimit, ["wait", "reject"]);
  }
  if (options.allow !== undefined) new IpRanges("allow", options.allow);
  if (options.deny !== undefined) new IpRanges("deny", options.deny);
}

/** Names of {@linkcode AdmissionOptions}. */
const admissionNames: Record<keyof AdmissionOptions, true> = {
  maxConnections: true,
  onLimit: true,
  maxConnectionsPerAddress: true,
  allow: true,
  deny: true,
};
const ADMISSION_OPTION_NAMES: ReadonlySet<string> = new Set(
  Object.keys(admissionNames),
);

/** Counts the connections of a server against its limits. */
export class Admission {
  #most = 10_000;
  #mostPerAddress = Infinity;
  #onLimit: OnLimit = "wait";
  #allow: IpRanges | undefined;
  #deny: IpRanges | undefined;
  #active = 0;
  readonly #byAddress = new Map<string, number>();
  #room: PromiseWithResolvers<void> | undefined;

  constructor(options: AdmissionOptions) {
    this.#set(options);
  }

  /**
   * Other limits from now on; those that are left out stay.
   *
   * @param admitted Under which addresses the clients that are there were let in.
   * @throws {TypeError} An option is of the wrong type, or unknown; none has changed then.
   * @throws {RangeError} An option is out of range.
   */
  update(options: AdmissionOptions, admitted: Iterable<Addr>): void {
    const action = "update a server";
    checkNames(action, "options", options, ADMISSION_OPTION_NAMES);
    // What was checked is what is set, whatever a getter says later.
    options = readOptions(options, ADMISSION_OPTION_NAMES);
    checkAdmissionOptions(action, options);
    this.#set(options);
    // Without a limit addresses were not counted.
    this.#byAddress.clear();
    for (const addr of admitted) this.#count(addr);
    this.wake();
  }

  #set(options: AdmissionOptions): void {
    const { maxConnections, maxConnectionsPerAddress, onLimit } = options;
    if (maxConnections !== undefined) this.#most = maxConnections;
    if (maxConnectionsPerAddress !== undefined) {
      this.#mostPerAddress = maxConnectionsPerAddress;
    }
    if (onLimit !== undefined) this.#onLimit = onLimit;
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

  /** Wakes the accept that waits for room, room or not. */
  wake(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  /**
   * Lets a client in, or says why not.
   *
   * @param addr Where it comes from; `undefined` where a proxy is yet to say that, and then
   * {@linkcode identify} follows.
   */
  enter(addr: Addr | undefined): RejectionReason | undefined {
    if (addr !== undefined && !this.#admits(addr)) return "denied";
    if (this.#active >= this.#most) return "max-connections";
    if (addr !== undefined && !this.#hasRoomFor(addr)) {
      return "max-connections-per-address";
    }
    this.#active++;
    return undefined;
  }

  /** Where a client comes from that was let in. If there is a reason, it has to leave. */
  identify(addr: Addr): RejectionReason | undefined {
    if (!this.#admits(addr)) return "denied";
    return this.#hasRoomFor(addr) ? undefined : "max-connections-per-address";
  }

  #admits(addr: Addr): boolean {
    if (!("hostname" in addr)) return true;
    if (this.#deny?.includes(addr.hostname)) return false;
    return this.#allow === undefined || this.#allow.includes(addr.hostname);
  }

  /** Whether one more of its address may come in, which then counts. */
  #hasRoomFor(addr: Addr): boolean {
    const key = this.#keyOf(addr);
    if (key === undefined) return true;
    if ((this.#byAddress.get(key) ?? 0) >= this.#mostPerAddress) return false;
    this.#count(addr);
    return true;
  }

  #count(addr: Addr): void {
    const key = this.#keyOf(addr);
    if (key === undefined) return;
    this.#byAddress.set(key, (this.#byAddress.get(key) ?? 0) + 1);
  }

  /**
   * A client that was let in has left.
   *
   * @param addr Under which it counted; `undefined` for none.
   */
  leave(addr: Addr | undefined): void {
    this.#active--;
    const key = addr === undefined ? undefined : this.#keyOf(addr);
    if (key !== undefined) {
      const count = this.#byAddress.get(key)! - 1;
      if (count === 0) this.#byAddress.delete(key);
      else this.#byAddress.set(key, count);
    }
    this.wake();
  }

  /** What counts as one address; `undefined` where nothing is counted. */
  #keyOf(addr: Addr): string | undefined {
    if (this.#mostPerAddress === Infinity) return undefined;
    if (!("hostname" in addr)) return undefined;
    const { hostname } = addr;
    // All hosts of a link have their /64 in common.
    return isLinkLocal(hostname) ? hostname : addressKey(hostname);
  }
}
