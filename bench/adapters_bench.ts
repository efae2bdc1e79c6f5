/**
 * What adapters cost: a socket as a stream of Node against Node's own socket, and sockets
 * over streams against the streams by hand. All ends are in this process; the other end is
 * the same raw echo for all.
 *
 * @module
 */

import { once } from "node:events";
import { connect as connectNode } from "node:net";
import type { Duplex } from "node:stream";
import { connect, Socket } from "@sluice/net";
import { fromDuplex, fromStreams, toDuplex } from "@sluice/net/adapters";
import { acceptAll, echo, portOf } from "./_raw.ts";

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
acceptAll(listener, (conn) => {
  conn.setNoDelay(true);
  return echo(conn);
});
const port = portOf(listener);

async function connectNodeSocket() {
  const socket = connectNode(port, "127.0.0.1");
  socket.setNoDelay(true);
  await once(socket, "connect");
  return socket;
}

async function connectRaw(): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  return conn;
}

/** A round is as many, as one alone is shorter than the noise of a shared machine. */
const ROUND = 100;

/** Sends `size` bytes through a stream of Node, and waits until all of them are back. */
function roundTripOf(stream: Duplex, size: number): () => Promise<void> {
  const message = new Uint8Array(size);
  let missing = 0;
  let resolve = () => {};
  stream.on("data", (chunk: Uint8Array) => {
    missing -= chunk.length;
    if (missing === 0) resolve();
  });
  return () =>
    new Promise((done) => {
      resolve = done;
      missing = size;
      stream.write(message);
    });
}

function benchRounds(
  name: string,
  group: string,
  baseline: boolean,
  roundTrip: () => Promise<void>,
): void {
  Deno.bench({
    name: `${name}, ${ROUND} times`,
    group,
    baseline,
    async fn() {
      for (let i = 0; i < ROUND; i++) await roundTrip();
    },
  });
}

for (const size of [64, 64 * 1024]) {
  const group = `round trip of ${size} B through a stream of Node`;
  const own = await connectNodeSocket();
  benchRounds("node:net", group, true, roundTripOf(own, size));
  const ours = toDuplex(await connect({ port }));
  benchRounds("toDuplex", group, false, roundTripOf(ours, size));
}

/** The same over a socket of ours. */
function socketRoundTrip(socket: Socket, size: number): () => Promise<void> {
  const message = new Uint8Array(size);
  return async () => {
    await socket.write(message);
    await socket.readExactly(size);
  };
}

/** The same on two streams by hand. */
function streamsRoundTrip(
  { readable, writable }: Deno.TcpConn,
  size: number,
): () => Promise<void> {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  const message = new Uint8Array(size);
  return async () => {
    await writer.write(message);
    for (let missing = size; missing > 0;) {
      missing -= (await reader.read()).value!.length;
    }
  };
}

for (const size of [64, 64 * 1024]) {
  const group = `round trip of ${size} B over streams`;
  benchRounds(
    "Deno.Conn, readable and writable",
    group,
    true,
    streamsRoundTrip(await connectRaw(), size),
  );
  benchRounds(
    "Socket over fromStreams",
    group,
    false,
    socketRoundTrip(
      new Socket(fromStreams(await connectRaw(), { halfClose: false })),
      size,
    ),
  );
}

for (const size of [64, 64 * 1024]) {
  const group = `round trip of ${size} B over a net.Socket`;
  benchRounds(
    "net.Socket",
    group,
    true,
    roundTripOf(await connectNodeSocket(), size),
  );
  benchRounds(
    "Socket over fromDuplex",
    group,
    false,
    socketRoundTrip(new Socket(fromDuplex(await connectNodeSocket())), size),
  );
}
