/**
 * Which hosts of a simulated network can reach each other, and how slowly.
 *
 * @module
 */

/** What stands between two hosts. */
export type BarrierKind = "partition" | "hold";

/** Between two hosts; between one and all others; between all. */
interface Barrier {
  readonly kind: BarrierKind;
  readonly hosts: readonly string[];
}

/** How much slower than the network a host is. */
export interface Slowness {
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly bytesPerSecond: number;
}

/** As fast as the network. */
export const NOT_SLOW: Slowness = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: Infinity,
};

/** The way between two hosts. */
export interface Route {
  /** Settles when the way may be free again; `undefined` where it is. */
  readonly waiting: Promise<void> | undefined;
  /** What the two hosts add to the delays of the network. */
  readonly slowness: Slowness;
}

/** The barriers between the hosts of a network, and the hosts that are slow. */
export class Topology {
  #barriers: Barrier[] = [];
  readonly #slow = new Map<string, Slowness>();
  #changed: PromiseWithResolvers<void> | undefined;

  /** Puts a barrier up. Those that are there already stay. */
  block(kind: BarrierKind, hosts: readonly string[]): void {
    this.#barriers.push({ kind, hosts });
  }

  /** Takes down what `block` put up for the same hosts; without hosts, all of the kind. */
  open(kind: BarrierKind, hosts: readonly string[]): void {
    this.#barriers = this.#barriers.filter((barrier) =>
      barrier.kind !== kind ||
      hosts.length > 0 && !sameHosts(barrier.hosts, hosts)
    );
    this.#changed?.resolve();
    this.#changed = undefined;
  }

  /** Makes a host slower than the network is; `undefined` makes it as fast. */
  slow(host: string, slowness: Partial<Slowness> | undefined): void {
    if (slowness === undefined) this.#slow.delete(host);
    else this.#slow.set(host, { ...NOT_SLOW, ...slowness });
  }

  /** Whether a partition is between two hosts; a host is never cut off from itself. */
  isPartitioned(a: string, b: string): boolean {
    return a !== b &&
      this.#barriers.some((barrier) =>
        barrier.kind === "partition" && isBetween(barrier, a, b)
      );
  }

  /** The way between two hosts, as it is whenever it is looked at: of one to itself it is free. */
  route(a: string, b: string): Route {
    const isBlocked = () =>
      a !== b && this.#barriers.some((barrier) => isBetween(barrier, a, b));
    const changed = () => (this.#changed ??= Promise.withResolvers()).promise;
    const slow = this.#slow;
    return {
      get slowness() {
        return slow.size === 0 ? NOT_SLOW : sum(slow.get(a), slow.get(b));
      },
      get waiting() {
        return isBlocked() ? changed() : undefined;
      },
    };
  }
}

function isBetween({ hosts }: Barrier, a: string, b: string): boolean {
  // None is between a host and itself.
  return hosts.every((host) => host === a || host === b) &&
    (hosts.length < 2 || hosts[0] !== hosts[1]);
}

function sum(some = NOT_SLOW, others = NOT_SLOW): Slowness {
  return {
    latencyMs: some.latencyMs + others.latencyMs,
    jitterMs: some.jitterMs + others.jitterMs,
    bytesPerSecond: Math.min(some.bytesPerSecond, others.bytesPerSecond),
  };
}

function sameHosts(some: readonly string[], others: readonly string[]) {
  return some.length === others.length &&
    some.every((host) => others.includes(host)) &&
    others.every((host) => some.includes(host));
}
