#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * What one connection sends, all get: length-prefixed frames through a `Hub`, for load
 * generators to drive. Usage: `fan_out.ts PORT`.
 *
 * @module
 */

import { framed, lengthPrefixed, serve } from "../../mod.ts";
import { Hub } from "../../lib/hub/mod.ts";

const port = Number(Deno.args[0]);
if (!Number.isInteger(port)) {
  console.error("usage: fan_out.ts PORT");
  Deno.exit(2);
}

const codec = lengthPrefixed();
const hub = new Hub(codec);

const server = serve({ port, maxConnections: 20_000 }, async (socket) => {
  const connection = framed(socket, codec);
  using _membership = hub.join("all", connection);
  for await (const frame of connection) await hub.publish("all", frame);
});
console.log(`listening on ${server.addr.port}`);
