#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * An echo of bytes over TLS with nothing but `Deno.listenTls`: the least that one on Deno
 * can cost. Usage: `raw_tls_echo.ts PORT '{"cert":PEM,"key":PEM}'`.
 *
 * @module
 */

import { acceptAll, echo, portOf } from "../_raw.ts";

const port = Number(Deno.args[0]);
if (!Number.isInteger(port) || Deno.args[1] === undefined) {
  console.error("usage: raw_tls_echo.ts PORT CERTIFICATE");
  Deno.exit(2);
}

const { cert, key } = JSON.parse(Deno.args[1]);
const listener = Deno.listenTls({ hostname: "127.0.0.1", port, cert, key });
console.log(`listening on ${portOf(listener)}`);
await acceptAll(listener, echo);
