/**
 * The link to a NATS server. Its package is loaded only where it is asked for.
 *
 * @module
 */

import { BrokenError } from "@sluice/net";
import { type Engine, natsEngine } from "@sluice/net/hub";

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
    return {
      engine: natsEngine(connection),
      [Symbol.asyncDispose]: () => connection.drain().catch(() => {}),
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
