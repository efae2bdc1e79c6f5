/**
 * A connection from its beginning to its end: connect, one echo of 64 bytes, close, with
 * both ends in this process.
 *
 * A bench function must be an async one: Deno does not wait for the promise of another.
 */

import { encodeProxyHeader } from "../lib/codec/mod.ts";
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

const proxied = serve({
  port: 0,
  proxyProtocol: { trustedProxies: ["127.0.0.1"] },
}, async (socket) => {
  for await (const chunk of socket) await socket.write(chunk);
});

/** Headers as HAProxy sends them, each with the batch behind it in one piece. */
const [line, binary] = ([1, 2] as const).map((version) => {
  const hostname = "192.0.2.1";
  const header = encodeProxyHeader({
    version,
    sourceAddr: { transport: "tcp", hostname, port: 50_000 },
    destinationAddr: { transport: "tcp", hostname, port: 443 },
  });
  return new Uint8Array([...header, ...batch]);
});

async function connectRaw(port: number): Promise<void> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  await exchange(conn, batch, piece);
  conn.close();
}

async function connectAsProxy(start: Uint8Array): Promise<void> {
  const port = portOf(proxied);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  if (await conn.write(start) !== start.length) throw new Error("cut short");
  if (await conn.read(piece) !== batch.length) throw new Error("no echo");
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

Deno.bench({
  name: "no header",
  group: "a PROXY header, then echo, close",
  baseline: true,
  fn: async () => await connectRaw(portOf(server)),
});
Deno.bench({
  name: "version 1",
  group: "a PROXY header, then echo, close",
  fn: async () => await connectAsProxy(line),
});
Deno.bench({
  name: "version 2",
  group: "a PROXY header, then echo, close",
  fn: async () => await connectAsProxy(binary),
});
