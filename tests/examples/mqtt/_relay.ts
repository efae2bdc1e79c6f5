/**
 * A TCP relay in front of a broker, which can cut what passes.
 *
 * @module
 */

import { connect, relay, serve, type Server, type Socket } from "@sluice/net";

/** Passes connections on to a port, until it is told to cut them. */
export class Relay implements AsyncDisposable {
  readonly #server: Server<Deno.NetAddr>;
  readonly #sockets = new Set<Socket>();
  /** Bytes to the broker after which a connection is cut; then it is `Infinity` again. */
  cutAfterBytes = Infinity;
  /** Connections so far. */
  connections = 0;

  constructor(port: number) {
    this.#server = serve({ port: 0, onError() {} }, async (client) => {
      this.connections++;
      const broker = await connect({ port });
      const pair = [client, broker];
      for (const each of pair) this.#sockets.add(each);
      try {
        if (this.cutAfterBytes < Infinity) {
          const limit = this.cutAfterBytes;
          this.cutAfterBytes = Infinity;
          await this.#passUpTo(limit, client, broker);
        } else await relay(client, broker);
      } finally {
        for (const each of pair) {
          each.abort();
          this.#sockets.delete(each);
        }
      }
    });
  }

  get port(): number {
    return this.#server.addr.port;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.abort();
  }

  /** Passes so many bytes on to the broker, and everything back. */
  async #passUpTo(
    limit: number,
    client: Socket,
    broker: Socket,
  ): Promise<void> {
    const back = (async () => {
      for await (const chunk of broker) await client.write(chunk);
    })();
    back.catch(() => {});
    for await (const chunk of client) {
      const part = chunk.subarray(0, limit);
      await broker.write(part);
      await broker.flush();
      limit -= part.length;
      if (limit === 0) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await this.#server.shutdown({ timeoutMs: 0 });
  }
}
