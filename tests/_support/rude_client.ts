/**
 * A client that resets its connection.
 *
 * @module
 */

import { once } from "node:events";
import { connect } from "node:net";

/** A connection that can be reset, instead of closed. */
export interface RudeClient {
  /** Sends a reset; resolves when the system has sent it. */
  reset(): Promise<unknown>;
}

/**
 * Connects to a port of 127.0.0.1.
 *
 * By `node:net`: no API of Deno's own can set SO_LINGER or send a reset.
 */
export async function connectRudely(port: number): Promise<RudeClient> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return {
    reset() {
      socket.resetAndDestroy();
      return once(socket, "close");
    },
  };
}
