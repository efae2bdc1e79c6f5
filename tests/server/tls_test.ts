import {
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
} from "@std/assert";
import { SocketError, TimeoutError } from "../../lib/errors.ts";
import { serve } from "../../lib/server/serve.ts";
import { connect } from "../../lib/socket/connect.ts";
import { createAuthority } from "../_support/certificates.ts";
import { MemoryAcceptor } from "../../lib/testing/_memory_acceptor.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { TIMEOUT, turn } from "../_support/sockets.ts";
import { dial, until } from "./_clients.ts";

Deno.test(
  "shutdown() cuts clients that are still shaking hands, at once",
  TIMEOUT,
  async () => {
    const events: string[] = [];
    const acceptor = new MemoryAcceptor("handshakes", () => {});
    const server = serve({
      acceptor,
      // Nothing but the shutdown ends it.
      handshakeTimeoutMs: Infinity,
      onEvent: ({ type }) => void events.push(type),
    }, () => {});
    const [near, far] = memoryTransportPair();
    const shaking = Promise.withResolvers<void>();
    const close = near.close.bind(near);
    acceptor.offer(Object.assign(near, {
      handshake: () => shaking.promise,
      close() {
        shaking.reject(new Deno.errors.Interrupted("operation canceled"));
        close();
      },
    }));
    await turn();
    // It has its place, and no handler.
    assertEquals([server.stats.active, events], [0, []]);
    assertEquals(server.stats.handshakes, 1);
    const report = await server.shutdown({ timeoutMs: Infinity });
    assertEquals(report, { completed: 0, aborted: 0, handshakes: 1 });
    assertEquals(events, ["drain", "tls-failed"]);
    assertEquals(await far.read(new Uint8Array(1)), null);
    far.close();
  },
);

Deno.test(
  "a handshake that fails or takes too long concerns its client alone",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const { cert, key } = await authority.issue();
    const failures: unknown[] = [];
    await using server = serve({
      port: 0,
      tls: { cert, key },
      handshakeTimeoutMs: 50,
      onEvent: (event) => {
        if (event.type === "tls-failed") failures.push(event.error);
      },
    }, (socket) => socket.write("secret\n"));
    using silent = await dial(server);
    await until(() => failures.length === 1);
    assertInstanceOf(failures[0], TimeoutError);
    assertEquals(failures[0].remoteAddr, silent.localAddr);
    assertStringIncludes(
      failures[0].message,
      `Cannot handshake with 127.0.0.1:${
        (silent.localAddr as Deno.NetAddr).port
      } within 50 ms`,
    );
    using rude = await dial(server);
    await rude.write("GET / HTTP/1.1\r\n\r\n");
    await until(() => failures.length === 2);
    assertInstanceOf(failures[1], SocketError);
    await using client = await connect({
      port: server.addr.port,
      tls: { caCerts: [authority.cert] },
    });
    assertEquals(await client.readLine(), "secret");
    assertEquals(server.stats.rejected, 2);
  },
);
