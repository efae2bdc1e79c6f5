/**
 * A connection from its beginning to its end: connect, one echo of 64 bytes, close, with
 * both ends in this process.
 *
 * A bench function must be an async one: Deno does not wait for the promise of another.
 */

import { connect, serve } from "../mod.ts";
import { acceptAll, echo, portOf } from "./_raw.ts";
import { exchange, makeFrames, makePiece } from "./load/_frames.ts";

const batch = makeFrames(1, 64);
const piece = makePiece(batch);

const raw = Deno.listen({ hostname: "127.0.0.1", port: 0 });
acceptAll(raw, (conn) => {
  conn.setNoDelay(true);
  return echo(conn);
});
const server = serve({ port: 0 }, async (socket) => {
  for await (const chunk of socket) await socket.write(chunk);
});

async function connectRaw(port: number): Promise<void> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  await exchange(conn, batch, piece);
  conn.close();
}

async function connectSluice(port: number): Promise<void> {
  await using socket = await connect({ port });
  await socket.write(batch);
  await socket.readExactly(batch.length);
}

Deno.bench({
  name: "Deno.connect to Deno.listen",
  group: "connect, echo, close",
  baseline: true,
  fn: async () => await connectRaw(portOf(raw)),
});
Deno.bench({
  name: "Deno.connect to Sluice",
  group: "connect, echo, close",
  fn: async () => await connectRaw(portOf(server)),
});
Deno.bench({
  name: "Sluice to Deno.listen",
  group: "connect, echo, close",
  fn: async () => await connectSluice(portOf(raw)),
});
Deno.bench({
  name: "Sluice to Sluice",
  group: "connect, echo, close",
  fn: async () => await connectSluice(portOf(server)),
});
