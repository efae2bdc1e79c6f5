/**
 * A frame of 64 bytes to a thousand connections over TCP, both ends in this process: one
 * iteration is a frame, until all have got it. The clients are the same for all, so that
 * only servers differ. `bench:peers` compares the CPU time of servers in processes of
 * their own.
 *
 * @module
 */

import { framed, lengthPrefixed, serve } from "../mod.ts";
import { Hub } from "../lib/hub/mod.ts";
import { acceptAll, portOf } from "./_raw.ts";

const MEMBERS = 1_000;
const SILENT = 10;
const PAYLOAD_BYTES = 60;
const FRAME_BYTES = 4 + PAYLOAD_BYTES;
/** Larger than what the system holds for a connection that is not read. */
const FILLER_BYTES = 256 * 1024;

/** Clients that read, and count what they get. */
class Crowd {
  #missing = 0;
  #arrived = Promise.withResolvers<void>();

  /** Connects `count` clients, one after the other: the server has all when it returns. */
  async join(port: number, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      this.#follow(conn);
    }
  }

  async #follow(conn: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) return;
      this.#missing -= count;
      if (this.#missing === 0) this.#arrived.resolve();
    }
  }

  /** Resolves when all have got what is sent by `send`. */
  async gets(bytes: number, send: () => unknown): Promise<void> {
    this.#missing = bytes;
    this.#arrived = Promise.withResolvers();
    send();
    await this.#arrived.promise;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const codec = lengthPrefixed();

/** A hub with a crowd, and some clients that read nothing. */
async function hubFor(readers: number, silent: number) {
  const hub = new Hub(codec);
  const server = serve({ port: 0 }, async (socket) => {
    hub.join("all", framed(socket, codec));
    await socket.closed;
  });
  const port = portOf(server);
  const crowd = new Crowd();
  const stalled: Deno.TcpConn[] = [];
  for (let i = 0; i < silent; i++) {
    stalled.push(await Deno.connect({ hostname: "127.0.0.1", port }));
  }
  await until(() => hub.stats.members === silent);
  // Until something waits for each of them: then it is stalled.
  const filler = new Uint8Array(FILLER_BYTES);
  while (hub.stats.queuedFrames < silent) {
    hub.publish("all", filler);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await crowd.join(port, readers);
  await until(() => hub.stats.members === silent + readers);
  const frame = new Uint8Array(PAYLOAD_BYTES);
  const bytes = readers * FRAME_BYTES;
  return {
    publish: () => crowd.gets(bytes, () => hub.publish("all", frame)),
    stalled,
  };
}

const conns: Deno.TcpConn[] = [];
const raw = Deno.listen({ hostname: "127.0.0.1", port: 0 });
acceptAll(raw, (conn) => {
  conn.setNoDelay(true);
  conns.push(conn);
  return Promise.resolve();
});
const rawCrowd = new Crowd();
await rawCrowd.join(portOf(raw), MEMBERS);
await until(() => conns.length === MEMBERS);
const rawFrame = new Uint8Array(FRAME_BYTES);

Deno.bench({
  name: "Deno.Conn, a loop of write",
  group: "64 bytes to 1,000 connections",
  baseline: true,
  fn: async () =>
    await rawCrowd.gets(MEMBERS * FRAME_BYTES, () => {
      for (const conn of conns) conn.write(rawFrame).catch(() => {});
    }),
});

const even = await hubFor(MEMBERS, 0);
Deno.bench({
  name: "Hub",
  group: "64 bytes to 1,000 connections",
  fn: async () => await even.publish(),
});

const fewer = await hubFor(MEMBERS - SILENT, 0);
Deno.bench({
  name: "990 members",
  group: "members that read nothing",
  baseline: true,
  fn: async () => await fewer.publish(),
});

const uneven = await hubFor(MEMBERS - SILENT, SILENT);
Deno.bench({
  name: "990 members, and 10 that read nothing",
  group: "members that read nothing",
  fn: async () => await uneven.publish(),
});
