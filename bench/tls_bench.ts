/**
 * TLS: an echo on a connection that is there, and a connection from its handshake to its
 * end, both ends in this process; and an echo on many connections at once with the server
 * in a process of its own, where `node:tls` on Node takes part if it is installed.
 *
 * A bench function must be an async one: Deno does not wait for the promise of another.
 */

import { connect, serve } from "../mod.ts";
import { createAuthority } from "../tests/_support/certificates.ts";
import { acceptAll, echo, portOf } from "./_raw.ts";
import { endChildrenWithUs } from "./harness/child_process.ts";
import { startServer } from "./harness/server_process.ts";
import { exchange, makeFrames, makePiece } from "./load/_frames.ts";
import { findRuntimes, type RuntimeName } from "./peers/runtimes.ts";

const authority = await createAuthority();
const certificate = await authority.issue();
const caCerts = [authority.cert];
const hostname = "127.0.0.1";

const raw = Deno.listenTls({ hostname, port: 0, ...certificate });
acceptAll(raw, echo);
const server = serve({ port: 0, tls: certificate }, async (socket) => {
  for await (const chunk of socket) await socket.write(chunk);
});
const SERVERS = [
  { name: "Deno.listenTls", port: portOf(raw) },
  { name: "Sluice", port: portOf(server) },
];

for (const payloadBytes of [64, 16 * 1024]) {
  const batch = makeFrames(1, payloadBytes);
  for (const [index, { name, port }] of SERVERS.entries()) {
    const conn = await Deno.connectTls({ hostname, port, caCerts });
    const piece = makePiece(batch);
    Deno.bench({
      name,
      group: `echo of ${payloadBytes} bytes over TLS`,
      baseline: index === 0,
      fn: async () => await exchange(conn, batch, piece),
    });
  }
}

const batch = makeFrames(1, 64);
const piece = makePiece(batch);

Deno.bench({
  name: "Deno.connectTls to Deno.listenTls",
  group: "TLS handshake, echo, close",
  baseline: true,
  async fn() {
    const conn = await Deno.connectTls({
      hostname,
      port: portOf(raw),
      caCerts,
    });
    await exchange(conn, batch, piece);
    conn.close();
  },
});
Deno.bench({
  name: "Sluice to Sluice",
  group: "TLS handshake, echo, close",
  async fn() {
    await using socket = await connect({
      port: portOf(server),
      tls: { caCerts },
    });
    await socket.write(batch);
    await socket.readExactly(batch.length);
  },
});

const CONNECTIONS = 16;
/** Each in a process of its own, with arguments behind the port and the certificate. */
const PEERS: [
  name: string,
  runtime: RuntimeName,
  file: string,
  ...args: string[],
][] = [
  ["node:tls on Node", "node", "node_tls.js"],
  ["node:tls on Deno", "deno", "node_tls.js"],
  ["Deno.listenTls, apart", "deno", "raw_tls_echo.ts"],
  ["Sluice, for await, apart", "deno", "tls_echo.ts", "iterate"],
  ["Sluice, readInto, apart", "deno", "tls_echo.ts", "into"],
];

endChildrenWithUs();
const { found, missing } = await findRuntimes(new Set(["node", "deno"]));
const present = PEERS.filter(([, runtime]) => found[runtime] !== undefined);
if (missing.node) {
  console.error(`node:tls on Node is skipped, as of Node ${missing.node}`);
}
const peers = await Promise.all(
  present.map(async ([name, runtime, file, ...more]) => {
    const args = ["0", JSON.stringify(certificate), ...more];
    const { port } = await startServer(found[runtime]!.command(file, args));
    return { name, port };
  }),
);

for (const payloadBytes of [64, 16 * 1024]) {
  const batch = makeFrames(1, payloadBytes);
  for (const [index, { name, port }] of peers.entries()) {
    const conns = await Promise.all(
      Array.from(
        { length: CONNECTIONS },
        () => Deno.connectTls({ hostname, port, caCerts }),
      ),
    );
    const pieces = conns.map(() => makePiece(batch));
    Deno.bench({
      name,
      group: `${CONNECTIONS} echoes of ${payloadBytes} bytes over TLS`,
      baseline: index === 0,
      fn: async () => {
        const echoes = conns.map((conn, i) => exchange(conn, batch, pieces[i]));
        await Promise.all(echoes);
      },
    });
  }
}
