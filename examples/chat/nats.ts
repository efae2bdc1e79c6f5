/**
 * The link to a NATS server. Its package is loaded only where it is asked for.
 *
 * @module
 */

import { BrokenError, withTimeout } from "@sluice/net";
import { type Engine, natsEngine } from "@sluice/net/hub";
import { complain } from "../_log.ts";

/** How long what is under way may take to leave: a server that hangs never takes it. */
const DRAIN_MS = 2_000;

/** Where a NATS server is. */
export interface NatsAddress {
  readonly hostname: string;
  readonly port: number;
}

/** A link; disposing of it sends what is under way, and closes it. */
export interface NatsLink extends AsyncDisposable {
  readonly engine: Engine;
}

/**
 * Connects. A link that breaks later is made again, for as long as it takes.
 *
 * @throws {BrokenError} There is no NATS server.
 */
export async function connectToNats(
  { hostname, port }: NatsAddress,
): Promise<NatsLink> {
  const { connect } = await import("npm:@nats-io/transport-node@3.4.0");
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  try {
    const connection = await connect({
      servers: `${host}:${port}`,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
    });
    tellLosses(connection.status());
    return {
      engine: natsEngine(connection),
      // Lost, it refuses to drain, and only closing ends the attempts to reach it.
      [Symbol.asyncDispose]: () =>
        withTimeout(DRAIN_MS, () => connection.drain())
          .catch(() => connection.close()),
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BrokenError(
      "other",
      `Cannot connect to NATS at ${host}:${port}: ${why}`,
      { operation: "connect", cause },
    );
  }
}

/** Members hear what they missed; who runs the server hears why. */
async function tellLosses(
  status: AsyncIterable<{ type: string }>,
): Promise<void> {
  for await (const { type } of status) {
    if (type === "disconnect") complain("NATS was lost; trying again");
    else if (type === "reconnect") complain("NATS is back");
  }
}
