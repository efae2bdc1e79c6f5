/**
 * Which hosts of a simulated network can reach each other.
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

/** The way between two hosts. */
export interface Route {
  /** Settles when the way may be free again; `undefined` where it is. */
  readonly waiting: Promise<void> | undefined;
}

/** The barriers between the hosts of a network. */
export class Topology {
  #barriers: Barrier[] = [];
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

  /** The way between two hosts, as it is whenever it is looked at. */
  route(a: string, b: string): Route {
    const isBlocked = () =>
      this.#barriers.some(({ hosts }) =>
        hosts.every((host) => host === a || host === b)
      );
    const changed = () => (this.#changed ??= Promise.withResolvers()).promise;
    return {
      get waiting() {
        return isBlocked() ? changed() : undefined;
      },
    };
  }
}

function sameHosts(some: readonly string[], others: readonly string[]) {
  return some.length === others.length &&
    some.every((host) => others.includes(host));
}
