/**
 * A real TCP proxy that does to connections what bad networks do, for programs that are
 * not of this library: a database driver, a command-line tool.
 *
 * @module
 */

import { seededRandom } from "../_random.ts";
import { translateError } from "../transport/translate_error.ts";
import { FaultyConnection, type Receiver } from "./_faulty_connection.ts";
import { nodeNet, type NodeServer, type NodeSocket } from "./_node_net.ts";
import {
  type AllFaults,
  type CheckedFaultProxyOptions,
  checkFaultProxyOptions,
  checkFaults,
  type DirectedFaults,
  type FaultProxyOptions,
  type FaultProxyStats,
  type Faults,
  withDefaults,
} from "./fault_proxy_options.ts";

/**
 * A proxy with faults. Made by {@linkcode faultProxy}.
 *
 * @category Faults
 *
 * @example Down for a while
 * ```ts
 * import { connect, serve } from "@sluice/net";
 * import { faultProxy } from "@sluice/net/testing";
 * import { assertRejects } from "@std/assert";
 *
 * await using server = serve({ port: 0 }, (socket) => socket.write("hello\n"));
 * await using proxy = await faultProxy({ target: { port: server.addr.port } });
 * await proxy.down();
 * await assertRejects(() => connect({ port: proxy.addr.port }));
 * await proxy.up();
 * await using socket = await connect({ port: proxy.addr.port });
 * await socket.readLine();
 * ```
 */
export class FaultProxy implements AsyncDisposable {
  readonly #options: CheckedFaultProxyOptions;
  readonly #server: NodeServer;
  readonly #random: () => number;
  readonly #connections = new Set<FaultyConnection>();
  /** Clients for which the server is being connected to. */
  readonly #connecting = new Set<NodeSocket>();
  #faults: DirectedFaults;
  #toServer: AllFaults;
  #toClient: AllFaults;
  #changed: PromiseWithResolvers<void> | undefined;
  #port: number;
  #isUp = false;
  /** What `up` and `down` do, one after the other. */
  #changes: Promise<unknown> = Promise.resolve();
  readonly #stats = {
    accepted: 0,
    refused: 0,
    bytesToServer: 0,
    bytesToClient: 0,
  };

  /** Use {@linkcode faultProxy}. */
  constructor(options: FaultProxyOptions) {
    this.#options = checkFaultProxyOptions(options);
    const { seed, port, faults, maxConnections } = this.#options;
    this.#random = seededRandom(seed);
    this.#port = port;
    this.#faults = faults;
    this.#toServer = withDefaults(faults.toServer, both(faults));
    this.#toClient = withDefaults(faults.toClient, both(faults));
    this.#server = nodeNet().createServer({
      allowHalfOpen: true,
      noDelay: true,
      pauseOnConnect: true,
    }, (client) => this.#accept(client));
    this.#server.maxConnections = maxConnections;
  }

  /** Where clients connect to instead of the server. */
  get addr(): Deno.NetAddr {
    const { hostname } = this.#options;
    return { transport: "tcp", hostname, port: this.#port };
  }

  /** The faults that happen now, as they were given. */
  get faults(): Readonly<DirectedFaults> {
    return this.#faults;
  }

  /** What has passed. */
  get stats(): FaultProxyStats {
    return {
      active: this.#connections.size + this.#connecting.size,
      ...this.#stats,
    };
  }

  /**
   * Changes faults, for connections that are open, too. Those that are not named stay as
   * they are; `toServer` and `toClient` are replaced as a whole.
   *
   * @param faults What changes.
   * @throws {TypeError} A fault is of the wrong kind, or not known.
   * @throws {RangeError} A fault is out of its range.
   */
  set(faults: DirectedFaults): void {
    const changed = checkFaults("change the faults", faults);
    this.#setAll({ ...this.#faults, ...changed });
  }

  /** Ends all faults: what was held back passes. */
  clear(): void {
    this.#setAll({});
  }

  /** Resets all connections; new ones can be made. */
  reset(): void {
    for (const connection of [...this.#connections]) connection.reset();
    for (const client of [...this.#connecting]) client.resetAndDestroy();
  }

  /**
   * Is down, as a server that has crashed: connections are reset, and new ones refused,
   * until {@linkcode FaultProxy.up}. Safe to call twice. Calls of both take effect in their
   * order, also where they are not awaited.
   */
  down(): Promise<void> {
    return this.#change(async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      // It calls back with an error where it was down.
      this.#server.close(() => resolve());
      this.reset();
      this.#isUp = false;
      const ends = [...this.#connections].map(({ closed }) => closed);
      await Promise.all([promise, ...ends]);
    });
  }

  /**
   * Listens, on the same port as before. Safe to call twice.
   *
   * @throws {BrokenError} The port is in use meanwhile.
   */
  up(): Promise<void> {
    return this.#change(async () => {
      if (!this.#isUp) await this.#listen();
    });
  }

  /** Side by side, calls take effect in their order. */
  #change(change: () => Promise<void>): Promise<void> {
    const changed = this.#changes.then(change);
    this.#changes = changed.catch(() => {});
    return changed;
  }

  async #listen(): Promise<void> {
    const server = this.#server;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen({ host: this.#options.hostname, port: this.#port }, resolve);
    try {
      await promise;
    } catch (error) {
      const localAddr = this.addr;
      throw translateError(error, { operation: "listen", localAddr });
    } finally {
      server.off("error", reject);
    }
    this.#isUp = true;
    this.#port = (server.address() as { port: number }).port;
  }

  /** Ends the proxy: {@linkcode FaultProxy.down}. */
  async close(): Promise<void> {
    await this.down();
  }

  /** Calls {@linkcode FaultProxy.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #setAll(faults: DirectedFaults): void {
    this.#faults = faults;
    this.#toServer = withDefaults(faults.toServer, both(faults));
    this.#toClient = withDefaults(faults.toClient, both(faults));
    this.#changed?.resolve();
    this.#changed = undefined;
    for (const connection of [...this.#connections]) connection.look();
  }

  #accept(client: NodeSocket): void {
    this.#stats.accepted++;
    this.#connecting.add(client);
    const server = nodeNet().connect({
      ...this.#options.target,
      allowHalfOpen: true,
      noDelay: true,
    });
    // A client that has left, or a server that is not there.
    const giveUp = () => {
      if (!this.#connecting.delete(client)) return;
      this.#stats.refused++;
      client.resetAndDestroy();
      server.destroy();
    };
    client.on("error", giveUp).on("close", giveUp);
    server.on("error", giveUp);
    server.once("connect", () => {
      if (!this.#connecting.delete(client)) return;
      this.#pass(client, server);
    });
  }

  #pass(client: NodeSocket, server: NodeSocket): void {
    const connection = new FaultyConnection({
      client,
      server,
      random: this.#random,
      faultsTo: (receiver) =>
        receiver === "server" ? this.#toServer : this.#toClient,
      changed: () => (this.#changed ??= Promise.withResolvers()).promise,
      onBytes: this.#onBytes,
    });
    this.#connections.add(connection);
    connection.closed.then(() => this.#connections.delete(connection));
  }

  readonly #onBytes = (receiver: Receiver, count: number): void => {
    if (receiver === "server") this.#stats.bytesToServer += count;
    else this.#stats.bytesToClient += count;
  };
}

/** The faults of both directions. */
function both(faults: DirectedFaults): Faults {
  return { ...faults, toServer: undefined, toClient: undefined } as Faults;
}

/**
 * Listens for TCP connections and passes them on to a server, with faults that can be
 * changed meanwhile: for programs that are not ours, a database driver say. Tests of code
 * of this library have {@linkcode memoryNetwork}, which takes no time, and
 * {@linkcode simulate}.
 *
 * What [Toxiproxy](https://github.com/Shopify/toxiproxy) calls things, and what they are
 * called here:
 *
 * | Toxiproxy | `faultProxy` |
 * | --- | --- |
 * | `latency`: `latency`, `jitter` | `latencyMs`, `jitterMs` |
 * | `bandwidth`: `rate` (KB/s) | `bytesPerSecond` |
 * | `slicer`: `average_size`, `delay` (µs) | `splitBytes` (the most), `splitDelayMs` |
 * | `slow_close`: `delay` | `slowCloseMs` |
 * | `timeout`: `timeout` | `stall`, with `resetAfterMs` where it is not 0 |
 * | `reset_peer`: `timeout` | `resetAfterMs`, or `resetAfterBytes` |
 * | `limit_data`: `bytes` | `closeAfterBytes` |
 * | `down`: `enabled: false` | `down()`, `up()` |
 * | `stream`: `upstream`, `downstream` | `toServer`, `toClient` |
 * | `toxicity` | `probability` |
 * | add, update, remove a toxic | `set`, `clear` |
 *
 * Resets are real ones. Each connection holds 256 KiB for each direction at most, then the
 * sender waits. Time is that of this process. It needs the permission to listen, and to
 * connect to the target.
 *
 * @param options The target, where to listen, and the faults.
 * @returns The proxy, which listens.
 * @throws {BrokenError} The port is in use.
 * @throws {TypeError} An option is of the wrong kind, or not known.
 * @throws {RangeError} An option is out of its range.
 * @category Faults
 *
 * @example A client that has to survive a server which breaks off
 * ```ts
 * import { BrokenError, connect, serve } from "@sluice/net";
 * import { faultProxy } from "@sluice/net/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * await using server = serve({ port: 0 }, (socket) => socket.write("0123456789"));
 * await using proxy = await faultProxy({
 *   target: { port: server.addr.port },
 *   toClient: { resetAfterBytes: 4 },
 * });
 *
 * await using broken = await connect({ port: proxy.addr.port });
 * assertEquals((await broken.readExactly(4)).length, 4);
 * await assertRejects(() => broken.read(), BrokenError);
 *
 * proxy.clear();
 * await using whole = await connect({ port: proxy.addr.port });
 * assertEquals((await whole.readExactly(10)).length, 10);
 * ```
 */
export async function faultProxy(
  options: FaultProxyOptions,
): Promise<FaultProxy> {
  const proxy = new FaultProxy(options);
  await proxy.up();
  return proxy;
}
