/**
 * A worker of the server: it has the client, its TLS and the balancer in front of it, and
 * passes what is said on to the process that has the data.
 *
 * @module
 */

import { connect, relay, serve, type Socket } from "@sluice/net";
import { worker } from "@sluice/net/workers";
import { Front, type FrontSettings } from "../_front.ts";

/** What proves to the process with the data that a worker speaks, and for which client. */
export const SECRET_VARIABLE = "SLUICE_REDIS_SECRET";

/** Whether it is a worker that has connected. */
export function isFromWorker({ proxy }: Socket, secret: string): boolean {
  const shown = proxy?.uniqueId;
  return shown !== undefined && new TextDecoder().decode(shown) === secret;
}

/** What a worker is told beside what is in front of it. */
export interface RelaySettings extends FrontSettings {
  /** Where the process with the data listens, on 127.0.0.1. */
  readonly dataPort: number;
}

export default worker(({ acceptor }) => {
  const settings: RelaySettings = JSON.parse(Deno.args[0]);
  const uniqueId = new TextEncoder().encode(Deno.env.get(SECRET_VARIABLE));
  return new Front(settings).start((options) =>
    serve({
      acceptor,
      ...options,
      maxConnections: 10_000,
      maxConnectionsPerAddress: 1_000,
      writeMs: 10_000,
      onError: () => {}, // A client that left, or the data's process that is ending.
    }, async (socket, { signal }) => {
      const { remoteAddr: sourceAddr, localAddr: destinationAddr } = socket;
      const data = await connect({
        port: settings.dataPort,
        proxyProtocol: { sourceAddr, destinationAddr, uniqueId },
      });
      // When the worker drains, its client is told to hang up behind the last reply.
      signal.addEventListener(
        "abort",
        () => data.closeWrite().catch(() => {}),
        {
          signal: data.signal,
        },
      );
      await relay(socket, data);
    })
  );
});
