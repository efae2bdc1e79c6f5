/**
 * Clients that no library protects from themselves.
 *
 * @module
 */

import { once } from "node:events";
import { connect, type Socket as NodeSocket } from "node:net";
import type { Random } from "./_random.ts";

/** A client that can do what no API of Deno's own can: send a reset. */
export interface RawClient extends AsyncDisposable {
  /** Sends bytes, or as many as the system takes. */
  send(data: Uint8Array | string): void;
  /** Ends its side. */
  end(): void;
  /** Sends a reset; resolves when the system has sent it. */
  reset(): Promise<void>;
  /** Reads and drops what comes; otherwise it never reads. Resolves at the end. */
  drain(): Promise<void>;
}

/** Connects to a port of 127.0.0.1. */
export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.pause();
  socket.on("error", () => {});
  await once(socket, "connect");
  return wrap(socket);
}

function wrap(socket: NodeSocket): RawClient {
  const gone = () =>
    socket.closed ? Promise.resolve() : once(socket, "close").then(() => {});
  return {
    send: (data) => void socket.write(data),
    end: () => void socket.end(),
    reset() {
      socket.resetAndDestroy();
      return gone();
    },
    drain() {
      socket.resume();
      return gone();
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await gone();
    },
  };
}

/** Writes all of `data` with a connection of Deno's; `false` if the peer is gone. */
export async function writeAll(
  conn: Deno.Conn,
  data: Uint8Array,
): Promise<boolean> {
  try {
    for (let sent = 0; sent < data.length;) {
      sent += await conn.write(data.subarray(sent));
    }
    return true;
  } catch {
    return false;
  }
}

/** Reads until the end or an error, and counts. */
export async function readAll(conn: Deno.Conn): Promise<number> {
  const buffer = new Uint8Array(65_536);
  let total = 0;
  try {
    while (true) {
      const count = await conn.read(buffer);
      if (count === null) return total;
      total += count;
    }
  } catch {
    return total;
  }
}

/** Random bytes, from 1 to `most` of them. */
export function garbage(
  random: Random,
  most: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(1 + Math.floor(random() * most));
  // Half of them small numbers: those reach deeper into a parser.
  const small = random() < 0.5;
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Math.floor(random() * (small && random() < 0.9 ? 16 : 256));
  }
  return bytes;
}
