#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * An echo of bytes over TLS on Sluice, in memory of its own for each chunk or in the same
 * for all. Usage: `tls_echo.ts PORT '{"cert":PEM,"key":PEM}' [iterate|into]`.
 *
 * @module
 */

import { serve, type Socket } from "../../mod.ts";

async function iterate(socket: Socket): Promise<void> {
  for await (const chunk of socket) await socket.write(chunk);
}

async function into(socket: Socket): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  while (true) {
    const count = await socket.readInto(buffer);
    if (count === null) return;
    await socket.write(buffer.subarray(0, count));
  }
}

const MODES: Record<string, (socket: Socket) => Promise<void>> = {
  iterate,
  into,
};

const port = Number(Deno.args[0]);
const echo = MODES[Deno.args[2] ?? "iterate"];
if (
  !Number.isInteger(port) || Deno.args[1] === undefined || echo === undefined
) {
  console.error("usage: tls_echo.ts PORT CERTIFICATE [iterate|into]");
  Deno.exit(2);
}

const { cert, key } = JSON.parse(Deno.args[1]);
const server = serve({ port, tls: { cert, key } }, echo);
console.log(`listening on ${server.addr.port}`);
