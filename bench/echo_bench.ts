/**
 * An echo of 64-byte frames over TCP, both ends in this process: one iteration is a
 * batch there and back. The client is the same for all, so that only servers differ.
 *
 * A bench function must be an async one: Deno does not wait for the promise of another.
 */

import { framed, lengthPrefixed, serve, type Socket } from "../mod.ts";
import { acceptAll, echo, portOf } from "./_raw.ts";
import { exchange, makeFrames, makePiece } from "./load/_frames.ts";

const codec = lengthPrefixed();

async function iterate(socket: Socket): Promise<void> {
  const connection = framed(socket, codec);
  for await (const frame of connection) await connection.send(frame);
}

async function batches(socket: Socket): Promise<void> {
  const connection = framed(socket, codec);
  for await (const frames of connection.batches()) {
    await connection.sendAll(frames);
  }
}

const raw = Deno.listen({ hostname: "127.0.0.1", port: 0 });
acceptAll(raw, (conn) => {
  conn.setNoDelay(true);
  return echo(conn);
});

const limits = { readMs: 60_000, writeMs: 60_000, idleMs: 60_000 };
const SERVERS = [
  { name: "Deno.Conn, raw bytes", port: portOf(raw) },
  { name: "Sluice, for await", port: portOf(serve({ port: 0 }, iterate)) },
  { name: "Sluice, batches", port: portOf(serve({ port: 0 }, batches)) },
  {
    name: "Sluice, for await, all limits armed",
    port: portOf(serve({ port: 0, ...limits }, iterate)),
  },
];

for (const depth of [1, 16, 128]) {
  const batch = makeFrames(depth, 64);
  for (const [index, { name, port }] of SERVERS.entries()) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    const piece = makePiece(batch);
    Deno.bench({
      name,
      group: `echo, ${depth} at a time`,
      baseline: index === 0,
      fn: async () => await exchange(conn, batch, piece),
    });
  }
}
