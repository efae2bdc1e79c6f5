/**
 * One-way bulk over TCP, both ends in this process: one iteration is 16 MiB, sent by the
 * same raw loop to each receiver. An echo through streams is beside it.
 *
 * A bench function must be an async one: Deno does not wait for the promise of another.
 */

import { connect, serve, type Socket } from "../mod.ts";
import { acceptAll, portOf, writeAll } from "./_raw.ts";
import { exchange, makeFrames, makePiece } from "./load/_frames.ts";

const TOTAL_BYTES = 16 * 1024 * 1024;
const block = new Uint8Array(1024 * 1024);

// Sends 16 MiB whenever it is asked to, by one byte.
const source = Deno.listen({ hostname: "127.0.0.1", port: 0 });
acceptAll(source, async (conn) => {
  const ask = new Uint8Array(1);
  while (await conn.read(ask) !== null) {
    for (let sent = 0; sent < TOTAL_BYTES; sent += block.length) {
      await writeAll(conn, block);
    }
  }
  conn.close();
});

function dial(): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port: portOf(source) });
}

/** Reads until 16 MiB have come. */
type Receive = () => Promise<number | undefined>;

async function receiveAll(
  ask: () => Promise<unknown>,
  receive: Receive,
): Promise<void> {
  const asked = ask();
  for (let got = 0; got < TOTAL_BYTES;) {
    const count = await receive();
    if (count === undefined) throw new Error("the source ended");
    got += count;
  }
  await asked;
}

const ASK = new Uint8Array(1);

function benchBulk(
  name: string,
  group: string,
  baseline: boolean,
  ask: () => Promise<unknown>,
  receive: Receive,
): void {
  const fn = async () => await receiveAll(ask, receive);
  Deno.bench({ name, group, baseline, fn });
}

function nextOf(iterator: AsyncIterator<Uint8Array>): Receive {
  return async () => {
    const { value, done } = await iterator.next();
    return done ? undefined : value.length;
  };
}

{
  const conn = await dial();
  const buffer = new Uint8Array(64 * 1024);
  benchBulk(
    "Deno.Conn, reused buffer",
    "16 MiB into a buffer",
    true,
    () => conn.write(ASK),
    async () => await conn.read(buffer) ?? undefined,
  );
  const socket = await connect({ port: portOf(source) });
  benchBulk(
    "Sluice, readInto",
    "16 MiB into a buffer",
    false,
    () => socket.write(ASK),
    async () => await socket.readInto(buffer) ?? undefined,
  );
}

{
  const conn = await dial();
  benchBulk(
    "Deno.Conn, readable",
    "16 MiB as chunks",
    true,
    () => conn.write(ASK),
    nextOf(conn.readable[Symbol.asyncIterator]()),
  );
  const streamed = await connect({ port: portOf(source) });
  benchBulk(
    "Sluice, readable",
    "16 MiB as chunks",
    false,
    () => streamed.write(ASK),
    nextOf(streamed.readable[Symbol.asyncIterator]()),
  );
  const iterated = await connect({ port: portOf(source) });
  benchBulk(
    "Sluice, for await",
    "16 MiB as chunks",
    false,
    () => iterated.write(ASK),
    nextOf(iterated[Symbol.asyncIterator]()),
  );
}

// readable.pipeTo(writable): the shortest echo there is.
const piped = Deno.listen({ hostname: "127.0.0.1", port: 0 });
acceptAll(piped, (conn) => conn.readable.pipeTo(conn.writable));
const pipes = [
  { name: "Deno.Conn, pipeTo", port: portOf(piped) },
  {
    name: "Sluice, pipeTo",
    port: portOf(
      serve(
        { port: 0 },
        (socket: Socket) => socket.readable.pipeTo(socket.writable),
      ),
    ),
  },
];
for (const kibibytes of [1, 64]) {
  const batch = makeFrames(1, kibibytes * 1024);
  for (const [index, { name, port }] of pipes.entries()) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const piece = makePiece(batch);
    Deno.bench({
      name,
      group: `echo of ${kibibytes} KiB through streams`,
      baseline: index === 0,
      fn: async () => await exchange(conn, batch, piece),
    });
  }
}
