#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Takes a one-way stream of zeros on Sluice. A one asks how many bytes came, itself
 * included: the answer is eight bytes, big endian.
 * Usage: `sink.ts PORT [into|iterate|readable]`.
 *
 * @module
 */

import { serve, type Socket } from "../../mod.ts";

function answer(socket: Socket, total: number): Promise<void> {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(total));
  return socket.write(bytes);
}

async function takeInto(socket: Socket): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  let total = 0;
  while (true) {
    const count = await socket.readInto(buffer);
    if (count === null) return;
    total += count;
    if (buffer[count - 1] !== 0) await answer(socket, total);
  }
}

async function takeChunks(
  socket: Socket,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.length;
    if (chunk[chunk.length - 1] !== 0) await answer(socket, total);
  }
}

const MODES: Record<string, (socket: Socket) => Promise<void>> = {
  into: takeInto,
  iterate: (socket) => takeChunks(socket, socket),
  readable: (socket) => takeChunks(socket, socket.readable),
};

const port = Number(Deno.args[0]);
const take = MODES[Deno.args[1] ?? "into"];
if (!Number.isInteger(port) || take === undefined) {
  console.error("usage: sink.ts PORT [into|iterate|readable]");
  Deno.exit(2);
}

const server = serve({ port }, take);
console.log(`listening on ${server.addr.port}`);
