#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * An echo of bytes over TLS on Sluice.
 * Usage: `tls_echo.ts PORT '{"cert":PEM,"key":PEM}'`.
 *
 * @module
 */

import { serve } from "../../mod.ts";

const port = Number(Deno.args[0]);
if (!Number.isInteger(port) || Deno.args[1] === undefined) {
  console.error("usage: tls_echo.ts PORT CERTIFICATE");
  Deno.exit(2);
}

const { cert, key } = JSON.parse(Deno.args[1]);
const server = serve({ port, tls: { cert, key } }, async (socket) => {
  for await (const chunk of socket) await socket.write(chunk);
});
console.log(`listening on ${(server.addr as Deno.NetAddr).port}`);
