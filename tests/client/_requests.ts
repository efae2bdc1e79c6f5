/**
 * Requests over a pair in memory, and the server that answers them by hand.
 *
 * @module
 */

import { type Framed, framed, lines, type Socket } from "@sluice/net";
import { Requests, type RequestsOptions } from "@sluice/net/client";
import { memoryPair, type MemoryPairOptions } from "@sluice/net/testing";
import { turn } from "../_support/sockets.ts";

/** A line `7 text`: its id is 7. */
export const IDS: RequestsOptions<string, string> = {
  match: { request: idOf, response: idOf },
};

/** The number that a line begins with. */
export function idOf(line: string): number | undefined {
  const id = Number.parseInt(line);
  return Number.isNaN(id) ? undefined : id;
}

/** A client, and a server that the test plays. */
export interface RequestsPair extends Disposable {
  requests: Requests<string, string>;
  client: Socket;
  socket: Socket;
  server: Framed<string, string>;
  /** What has come since it was last asked. From the first time on the server is read. */
  received(): Promise<string[]>;
  /** Resolves when the client has ended its stream. Reads as `received` does. */
  ended(): Promise<void>;
}

/** Makes a {@linkcode RequestsPair} of lines; with `"order"` where nothing is said. */
export function requestsPair(
  options: Partial<RequestsOptions<string, string>> = {},
  pair: MemoryPairOptions = {},
): RequestsPair {
  const [client, socket] = memoryPair(pair);
  const server = framed(socket, lines());
  const got: string[] = [];
  let collecting: Promise<void> | undefined;
  const collect = async () => {
    try {
      for await (const batch of server.batches()) got.push(...batch);
    } catch {
      // The test has ended the connection.
    }
  };
  return {
    requests: new Requests(framed(client, lines()), {
      match: "order",
      ...options,
    }),
    client,
    socket,
    server,
    async received() {
      collecting ??= collect();
      await turn();
      return got.splice(0);
    },
    ended: () => collecting ??= collect(),
    [Symbol.dispose]() {
      client.abort();
      socket.abort();
    },
  };
}
