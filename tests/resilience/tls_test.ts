/**
 * Clients that misbehave while TLS begins: on a listener that speaks it, and after
 * STARTTLS. Handshakes go on side by side, each ends in time, and none of them reaches
 * another client.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import {
  connect,
  framed,
  type Handler,
  lines,
  listen,
  type Socket,
  SocketError,
  TlsError,
} from "@sluice/net";
import { createAuthority } from "../_support/certificates.ts";
import { outcome } from "../_support/sockets.ts";
import { type BadDayServer, badDayServer, echo } from "./_bad_day_server.ts";
import { type Random, SEED, seededRandom } from "./_random.ts";
import { garbage, type RawClient, rawClient } from "./_raw_client.ts";
import { beginReport } from "./_report.ts";

const timeout = 30_000;
const report = beginReport("TLS");
const authority = await createAuthority();
const certificate = await authority.issue();
const tls = { ...certificate, dropSilent: true };
const caCerts = [authority.cert];

/** Speaks TLS once it was asked to, then echoes lines. */
const startTls: Handler = async (socket, context) => {
  await socket.readUntil("STARTTLS\n");
  await socket.write("go ahead\n");
  await socket.acceptTls({ ...certificate, timeoutMs: 1_500 });
  await echo(socket, context);
};

/** How a client comes to the point where TLS begins. */
type Way = "from the first byte" | "after STARTTLS";

/** A raw client for which TLS is about to begin. */
async function begin(way: Way, port: number): Promise<RawClient> {
  report.connections++;
  const client = await rawClient(port);
  if (way === "after STARTTLS") client.send("STARTTLS\n");
  return client;
}

/** A whole ClientHello, of a client that asks for a name. */
async function clientHello(): Promise<Uint8Array> {
  using listener = listen({ port: 0 });
  const dialling = outcome(
    connect({ port: listener.addr.port, tls: true, timeoutMs: 5_000 }),
  );
  using socket = (await listener.accept())!;
  const hello = await socket.read();
  socket.abort();
  await dialling;
  return hello!;
}

const HELLO = await clientHello();

type Misdeed = (client: RawClient, random: Random) => unknown;

const MISDEEDS: Record<string, Misdeed> = {
  "says nothing": () => {},
  "sends garbage": (client, random) => client.send(garbage(random, 500)),
  "speaks HTTP": (client) => client.send("GET / HTTP/1.1\r\n\r\n"),
  "stops in its hello": (client, random) =>
    client.send(HELLO.subarray(0, Math.floor(random() * HELLO.length))),
  "ends in its hello": (client, random) => {
    client.send(HELLO.subarray(0, Math.floor(random() * HELLO.length)));
    client.end();
  },
  "resets in its hello": (client, random) => {
    client.send(HELLO.subarray(0, Math.floor(random() * HELLO.length)));
    return client.reset();
  },
  "stops after its hello": (client) => client.send(HELLO),
  "resets after its hello": (client) => {
    client.send(HELLO);
    return client.reset();
  },
  "sends garbage after its hello": (client, random) => {
    client.send(HELLO);
    client.send(garbage(random, 500));
  },
  "leaves at once": (client) => client.reset(),
};

async function dialTls(way: Way, port: number): Promise<Socket> {
  report.connections++;
  if (way === "from the first byte") {
    return await connect({ port, tls: { caCerts }, timeoutMs: 10_000 });
  }
  const socket = await connect({ port });
  await socket.write("STARTTLS\n");
  assertEquals(await socket.readLine(), "go ahead");
  return await socket.startTls({ caCerts, serverName: "localhost" });
}

/** A client that has what it sent come back. */
async function honest(way: Way, port: number): Promise<void> {
  await using socket = await dialTls(way, port);
  const connection = framed(socket, lines());
  for (const line of ["hello", "x".repeat(50_000), "goodbye"]) {
    await connection.send(line);
    const echoed = await connection.receive({ timeoutMs: 10_000 });
    report.bytesAcknowledged += line.length;
    if (echoed !== line) report.bytesLost += line.length;
  }
}

const serveTls = (way: Way): BadDayServer =>
  way === "from the first byte"
    ? badDayServer(echo, { tls, handshakeTimeoutMs: 1_500, idleMs: 5_000 })
    : badDayServer(startTls, { idleMs: 5_000 });

for (const way of ["from the first byte", "after STARTTLS"] as const) {
  Deno.test(
    `clients that misbehave as TLS begins ${way} end alone, and in time`,
    {
      timeout,
    },
    async () => {
      const random = seededRandom(SEED * 100 + way.length);
      await using day = serveTls(way);
      const bad = Object.values(MISDEEDS).flatMap((misdeed) =>
        Array.from({ length: 3 }, async () => {
          await using client = await begin(way, day.port);
          const gone = client.drain();
          report.faults++;
          await misdeed(client, random);
          await gone;
        })
      );
      const started = performance.now();
      const good = Array.from({ length: 10 }, () => honest(way, day.port));
      await Promise.all([...bad, ...good]);
      assertLess(performance.now() - started, 8_000);
      const { server } = day;
      while (server.stats.active + server.stats.handshakes > 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const { accepted, acceptErrors, rejected } = server.stats;
      assertEquals(
        accepted + acceptErrors + rejected,
        bad.length + good.length,
      );
      assertEquals(day.errors.length, server.stats.failed);
      for (const error of day.errors) {
        assert(error instanceof SocketError, Deno.inspect(error));
      }
    },
  );

  Deno.test(
    `a shutdown does not wait for clients that are silent as TLS begins ${way}`,
    {
      timeout,
    },
    async () => {
      await using day = serveTls(way);
      const { server } = day;
      const clients = await Promise.all(
        Array.from({ length: 10 }, () => begin(way, day.port)),
      );
      const shaking = () =>
        way === "from the first byte"
          ? server.stats.handshakes
          : server.stats.bytesRead / 9;
      while (shaking() < clients.length) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await using busy = await dialTls(way, day.port);
      const connection = framed(busy, lines());
      await connection.send("hello");
      assertEquals(await connection.receive(), "hello");
      report.faults += clients.length;
      const started = performance.now();
      const draining = server.shutdown();
      // Idle between two frames: it is ended without the handler's help.
      assertEquals(await connection.receive(), null);
      await busy.close();
      const { completed, aborted, handshakes } = await draining;
      assertEquals(completed + aborted + handshakes, clients.length + 1);
      assertEquals(aborted, 0);
      if (way === "from the first byte") assertEquals(handshakes, 10);
      // A handler's own handshake keeps its limit, here 1.5 s.
      assertLess(performance.now() - started, 2_000);
      for (const client of clients) await client[Symbol.asyncDispose]();
    },
  );
}

Deno.test(
  "a listener with TLS hands out good clients while bad ones come and go",
  {
    timeout,
  },
  async () => {
    const random = seededRandom(SEED * 100 + 5);
    const failed: unknown[] = [];
    await using listener = listen({
      port: 0,
      tls,
      handshakeTimeoutMs: 1_500,
      onEvent(event) {
        if (event.type === "tls-failed") failed.push(event.error);
      },
    });
    const { port } = listener.addr;
    let served = 0;
    const serveOne = async (socket: Socket) => {
      await echo(socket, { id: 1, signal: new AbortController().signal });
      await socket.close();
    };
    const serving = (async () => {
      for await (const socket of listener) {
        served++;
        serveOne(socket);
        if (served === 20) break;
      }
    })();
    const bad = Object.values(MISDEEDS).map(async (misdeed) => {
      await using client = await begin("from the first byte", port);
      const gone = client.drain();
      report.faults++;
      await misdeed(client, random);
      await gone;
    });
    const good = Array.from(
      { length: 20 },
      () => honest("from the first byte", port),
    );
    await Promise.all([serving, ...good]);
    // Those that are silent still have to be noticed, which takes a listener that accepts.
    const last = listener.accept();
    await Promise.all(bad);
    await listener.close();
    assertEquals(await last, null);
    assertEquals(served, 20);
    assertGreater(failed.length, 0);
    for (const error of failed) {
      assert(error instanceof SocketError, Deno.inspect(error));
    }
  },
);

Deno.test("plain text behind STARTTLS is refused: it could be an attacker's", {
  timeout,
}, async () => {
  await using day = badDayServer(startTls);
  for (let i = 0; i < 5; i++) {
    await using client = await begin("after STARTTLS", day.port);
    report.badInputs++;
    client.send("injected\n");
    await client.drain();
  }
  await day.happened("closed", 5);
  // Where it came later, in the handshake, it is no TLS; either way the client is out.
  for (const error of day.errors) {
    assert(error instanceof TlsError, Deno.inspect(error));
  }
  assertEquals(day.errors.length, 5);
});
