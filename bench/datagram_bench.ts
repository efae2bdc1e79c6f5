/**
 * An echo of datagrams, both ends in this process, on each backend against its own raw form.
 * The client is the same raw one for both servers of a backend.
 *
 * `Deno.listenDatagram` is there with `--unstable-net` alone: without it `node:dgram` is
 * what is measured.
 *
 * @module
 */

import { createSocket, type Socket } from "node:dgram";
import { datagram } from "@sluice/net/datagram";

const hostname = "127.0.0.1";
/** A round is as many, as one alone is shorter than the noise of a shared machine. */
const ROUND = 100;

/** Sends a datagram and waits until it is back. */
type RoundTrip = () => Promise<void>;

function benchEcho(
  group: string,
  name: string,
  baseline: boolean,
  roundTrip: RoundTrip,
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

/** Echoes whatever comes, as the first loop of the documentation does. */
async function serveEcho(backend: "node" | "deno"): Promise<number> {
  const socket = await datagram({ port: 0, backend });
  (async () => {
    for await (const { data, from } of socket) await socket.send(data, from);
  })();
  return socket.localAddr.port;
}

function bindNode(): Promise<Socket> {
  const socket = createSocket("udp4");
  return new Promise((resolve) =>
    socket.bind(0, hostname, () => resolve(socket))
  );
}

async function nodeRoundTrip(port: number, bytes: number): Promise<RoundTrip> {
  const socket = await bindNode();
  const message = new Uint8Array(bytes);
  return () =>
    new Promise((resolve) => {
      socket.once("message", () => resolve());
      socket.send(message, port, hostname);
    });
}

function denoRoundTrip(port: number, bytes: number): RoundTrip {
  const conn = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  const addr = { transport: "udp" as const, hostname, port };
  const message = new Uint8Array(bytes);
  const buffer = new Uint8Array(65_536);
  return async () => {
    await conn.send(message, addr);
    await conn.receive(buffer);
  };
}

const rawNode = await bindNode();
rawNode.on("message", (message, { address, port }) => {
  rawNode.send(message, port, address);
});

for (const bytes of [64, 1_400]) {
  const group = `echo of ${bytes} B over node:dgram`;
  const { port } = rawNode.address();
  benchEcho(group, "raw", true, await nodeRoundTrip(port, bytes));
  const ours = await serveEcho("node");
  benchEcho(group, "Sluice", false, await nodeRoundTrip(ours, bytes));
}

if ("listenDatagram" in Deno) {
  const raw = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  (async () => {
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const [data, from] = await raw.receive(buffer);
      await raw.send(data, from);
    }
  })();
  const port = "port" in raw.addr ? raw.addr.port : 0;
  for (const bytes of [64, 1_400]) {
    const group = `echo of ${bytes} B over Deno.listenDatagram`;
    benchEcho(group, "raw", true, denoRoundTrip(port, bytes));
    const ours = await serveEcho("deno");
    benchEcho(group, "Sluice", false, denoRoundTrip(ours, bytes));
  }
}
