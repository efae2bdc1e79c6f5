/**
 * A server that tells what happens to it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  connect,
  framed,
  type Handler,
  lines,
  serve,
  type Server,
  type ServerEvent,
  type ServerOptions,
  type TcpBindOptions,
} from "@sluice/net";

/** What {@linkcode badDayServer} may be told. */
export type BadDayOptions =
  & Pick<TcpBindOptions, "tls">
  & Omit<ServerOptions, "onEvent" | "onError">;

/** A server on a port of 127.0.0.1. */
export interface BadDayServer extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  /** What handlers threw, in order. */
  readonly errors: unknown[];
  /** Events so far. */
  readonly events: ServerEvent[];
  /** Resolves as soon as `count` events of this type have happened, in all. */
  happened(type: ServerEvent["type"], count?: number): Promise<void>;
}

/** Sends each line back. */
export const echo: Handler = async (socket) => {
  const connection = framed(socket, lines());
  for await (const line of connection) await connection.send(line);
};

/** Serves until it is disposed; then cuts at once what is left. */
export function badDayServer(
  handler: Handler = echo,
  options: BadDayOptions = {},
): BadDayServer {
  const events: ServerEvent[] = [];
  const errors: unknown[] = [];
  let changed = Promise.withResolvers<void>();
  const server = serve({
    ...options,
    port: 0,
    onEvent: (event) => {
      events.push(event);
      changed.resolve();
      changed = Promise.withResolvers();
    },
    onError: (error) => void errors.push(error),
  }, handler);
  return {
    server,
    port: server.addr.port,
    errors,
    events,
    async happened(type, count = 1) {
      while (events.filter((event) => event.type === type).length < count) {
        await changed.promise;
      }
    },
    async [Symbol.asyncDispose]() {
      await server.shutdown({ timeoutMs: 0 });
    },
  };
}

/** Proves that a server of {@linkcode echo} serves. */
export async function assertServes(port: number): Promise<void> {
  await using client = await connect({ port, timeoutMs: 5_000 });
  await client.write("are you there\n");
  assertEquals(await client.readLine({ timeoutMs: 5_000 }), "are you there");
}
