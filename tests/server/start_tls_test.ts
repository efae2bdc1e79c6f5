/**
 * A handler that starts TLS: the server still owns the client.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { lines } from "../../lib/codec/lines.ts";
import { ClosedError, LimitError } from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import { serve, type Server } from "../../lib/server/serve.ts";
import type { Handler, ServerOptions } from "../../lib/server/serve_options.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { createAuthority } from "../_support/certificates.ts";
import { TIMEOUT } from "../_support/sockets.ts";
import { dial, until } from "./_clients.ts";

const authority = await createAuthority();
const certificate = await authority.issue();

/** A server that speaks TLS once it was asked to, and then runs `handler`. */
function startTlsServer(
  handler: Handler,
  options: ServerOptions = {},
): Server<Deno.NetAddr> {
  return serve(
    { port: 0, onError: () => {}, ...options },
    async (socket, context) => {
      await socket.readUntil("STARTTLS\n");
      await socket.write("go ahead\n");
      await socket.acceptTls(certificate);
      await handler(socket, context);
    },
  );
}

/** Connects, and speaks TLS. */
async function dialTls(server: Server<Deno.NetAddr>): Promise<Socket> {
  const socket = await dial(server);
  await socket.write("STARTTLS\n");
  assertEquals(await socket.readLine(), "go ahead");
  const caCerts = [authority.cert];
  return await socket.startTls({ caCerts, serverName: "localhost" });
}

Deno.test(
  "a client that was upgraded to TLS is cut at the deadline of a shutdown",
  TIMEOUT,
  async () => {
    const errors: unknown[] = [];
    const server = startTlsServer(async (socket) => {
      for await (const chunk of socket) await socket.write(chunk);
    }, { onError: (error) => void errors.push(error) });
    using client = await dialTls(server);
    await client.write("hello\n");
    assertEquals(await client.readLine(), "hello");
    assertEquals(await server.shutdown({ timeoutMs: 20 }), {
      completed: 0,
      aborted: 1,
      handshakes: 0,
    });
    // Cut, or ended: nothing is served any more.
    assertEquals(await client.readLine().catch(() => null), null);
    await until(() => errors.length === 1);
    assertInstanceOf(errors[0], ClosedError);
    assertEquals(server.stats.active, 0);
  },
);

Deno.test(
  "a handler that returns closes what it has upgraded to TLS",
  TIMEOUT,
  async () => {
    await using server = startTlsServer((socket) => socket.write("bye\n"));
    using client = await dialTls(server);
    assertEquals(await client.readLine(), "bye");
    assertEquals(await client.read(), null);
    await client.close();
    await until(() => server.stats.active === 0);
    assertEquals(server.stats.failed, 0);
  },
);

Deno.test(
  "a handler that throws aborts what it has upgraded to TLS",
  TIMEOUT,
  async () => {
    await using server = startTlsServer(() => Promise.reject(new Error("bug")));
    using client = await dialTls(server);
    assertEquals(await client.read().catch(() => null), null);
    await until(() => server.stats.active === 0);
    assertEquals(server.stats.failed, 1);
  },
);

Deno.test(
  "stats and the closed event count what was said over TLS",
  TIMEOUT,
  async () => {
    const closed: unknown[] = [];
    await using server = startTlsServer(async (socket) => {
      await socket.write(`you said ${await socket.readLine()}\n`);
    }, {
      onEvent(event) {
        if (event.type !== "closed") return;
        closed.push([event.bytesRead, event.bytesWritten]);
      },
    });
    using client = await dialTls(server);
    await client.write("hello\n");
    assertEquals(await client.readLine(), "you said hello");
    const { bytesRead, bytesWritten } = server.stats;
    assertEquals([bytesRead, bytesWritten], [9 + 6, 9 + 15]);
    await client.close();
    await until(() => closed.length === 1);
    assertEquals(closed, [[bytesRead, bytesWritten]]);
  },
);

Deno.test("maxBufferedBytes sees what waits for TLS", TIMEOUT, async () => {
  const reasons: unknown[] = [];
  const server = startTlsServer(async (socket) => {
    // Not awaited, to a client that does not read.
    for (let i = 0; i < 32; i++) socket.write(new Uint8Array(1024 * 1024));
    await socket.closed;
    reasons.push(socket.signal.reason);
  }, { maxBufferedBytes: 1024 * 1024, maxPendingBytes: Infinity });
  using _client = await dialTls(server);
  await until(() => reasons.length === 1);
  assertInstanceOf(reasons[0], LimitError);
  assertEquals(reasons[0].option, "maxBufferedBytes");
  await server.shutdown();
});

Deno.test(
  "a client that is silent in its STARTTLS handshake is cut with the server",
  TIMEOUT,
  async () => {
    const errors: unknown[] = [];
    const server = startTlsServer(() => {}, {
      onError: (error) => void errors.push(error),
    });
    using client = await dial(server);
    await client.write("STARTTLS\n");
    assertEquals(await client.readLine(), "go ahead");
    const report = await server.shutdown({ timeoutMs: 20 });
    assertEquals(report, { completed: 0, aborted: 1, handshakes: 0 });
    assertEquals(await client.read().catch(() => null), null);
    await until(() => errors.length === 1);
  },
);

Deno.test(
  "a shutdown gives a client a second for its STARTTLS handshake, and counts it apart",
  TIMEOUT,
  async () => {
    const errors: unknown[] = [];
    const begin = Promise.withResolvers<void>();
    const server = serve({
      port: 0,
      onError: (error) => void errors.push(error),
    }, async (socket) => {
      const line = await socket.readLine();
      // One is in its handshake when the drain begins, the other starts it then.
      if (line === "later") await begin.promise;
      await socket.acceptTls(certificate);
    });
    using during = await dial(server);
    await during.write("now\n");
    using after = await dial(server);
    await after.write("later\n");
    await until(() => server.stats.bytesRead === 10);
    const started = performance.now();
    const draining = server.shutdown();
    begin.resolve();
    assertEquals(await draining, { completed: 0, aborted: 0, handshakes: 2 });
    const tookMs = performance.now() - started;
    assert(tookMs > 500 && tookMs < 2_500, `${tookMs} ms`);
    for (const error of errors) assertInstanceOf(error, ClosedError);
    assertEquals(errors.length, 2);
    assertEquals(server.stats.failedByPeer, 0);
  },
);

Deno.test(
  "a client that shakes hands in time is served, though the server drains",
  TIMEOUT,
  async () => {
    const server = startTlsServer((socket) => socket.write("last words\n"));
    using client = await dial(server);
    await client.write("STARTTLS\n");
    assertEquals(await client.readLine(), "go ahead");
    const draining = server.shutdown();
    await client.startTls({
      caCerts: [authority.cert],
      serverName: "localhost",
    });
    assertEquals(await client.readLine(), "last words");
    await client.close();
    assertEquals(await draining, { completed: 1, aborted: 0, handshakes: 0 });
  },
);

Deno.test(
  "a shutdown ends what waits for a next frame over TLS, without the handler's help",
  TIMEOUT,
  async () => {
    const server = startTlsServer(async (socket) => {
      const connection = framed(socket, lines());
      for await (const line of connection) await connection.send(line);
      await socket.write("goodbye\n");
    });
    using client = await dialTls(server);
    await client.write("hello\n");
    assertEquals(await client.readLine(), "hello");
    const started = performance.now();
    const draining = server.shutdown();
    assertEquals(await client.readLine(), "goodbye");
    await client.close();
    assertEquals(await draining, { completed: 1, aborted: 0, handshakes: 0 });
    assert(performance.now() - started < 5_000);
  },
);
