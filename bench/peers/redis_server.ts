/**
 * The Redis server that clients are measured against.
 *
 * @module
 */

import { connect } from "../../mod.ts";
import { keyOf, valueOf } from "../clients/callers.js";
import { ChildProcess } from "../harness/child_process.ts";

const START_TIMEOUT_MS = 15_000;

/** A `redis-server` with what callers ask for. */
export interface RedisServer extends AsyncDisposable {
  port: number;
}

/**
 * Starts one that writes nothing to disk.
 *
 * @param callers How many callers there will be: a key is stored for each.
 * @throws {Error} It does not start.
 */
export async function startRedis(callers: number): Promise<RedisServer> {
  const port = freePort();
  const child = new ChildProcess({
    program: "redis-server",
    // deno-fmt-ignore
    args: [
      "--port", String(port), "--bind", "127.0.0.1", "--save", "",
      "--appendonly", "no",
    ],
  });
  try {
    let line: string;
    do line = await child.readLine(START_TIMEOUT_MS); while (
      !line.includes("Ready to accept connections")
    );
    await using socket = await connect({ port });
    for (let caller = 0; caller < callers; caller++) {
      const key = keyOf(caller);
      await socket.write(`SET ${key} "${valueOf(key)}"\r\n`);
      const reply = await socket.readLine();
      if (reply !== "+OK") throw new Error(`redis-server said: ${reply}`);
    }
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
  return { port, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
