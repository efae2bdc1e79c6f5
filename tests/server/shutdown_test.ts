import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { BrokenError, ClosedError } from "../../lib/errors.ts";
import { listen } from "../../lib/server/listen.ts";
import { serve } from "../../lib/server/serve.ts";
import { MemoryAcceptor } from "../../lib/testing/_memory_acceptor.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { isSettled, TIMEOUT, turn } from "../_support/sockets.ts";
import { dial, until } from "./_clients.ts";

/** A handler that never ends by itself. */
const hang = (): Promise<void> => new Promise(() => {});

Deno.test(
  "shutdown() waits for handlers, and says how many finished",
  TIMEOUT,
  async () => {
    const finish = Promise.withResolvers<void>();
    const server = serve({ port: 0 }, async (socket) => {
      await finish.promise;
      await socket.write("finished\n");
    });
    const clients = await Promise.all([1, 2, 3].map(() => dial(server)));
    await until(() => server.stats.active === 3);
    const draining = server.shutdown();
    assertEquals(await isSettled(draining), false);
    // No new client comes in.
    await assertRejects(() => dial(server), BrokenError);
    finish.resolve();
    for (const client of clients) {
      assertEquals(await client.readLine(), "finished");
      await client.close();
    }
    assertEquals(await draining, { completed: 3, aborted: 0, handshakes: 0 });
    await server.closed;
  },
);

Deno.test("shutdown() cuts what is left at the deadline", TIMEOUT, async () => {
  const ends: unknown[] = [];
  const server = serve({
    port: 0,
    onError: (error) => void ends.push(error),
  }, async (socket) => {
    if (await socket.readLine() === "hang") return await hang();
    await socket.readLine();
  });
  const clients = await Promise.all(["hang", "read"].map(async (word) => {
    const client = await dial(server);
    await client.write(`${word}\n`);
    return client;
  }));
  await until(() => server.stats.bytesRead === 10);
  const before = performance.now();
  assertEquals(
    await server.shutdown({ timeoutMs: 30 }),
    { completed: 0, aborted: 2, handshakes: 0 },
  );
  assert(performance.now() - before >= 30);
  for (const client of clients) {
    assertEquals(await client.read().catch(() => null), null);
    client.abort();
  }
  // The one that hangs is not waited for; the other met the end of its socket.
  await until(() => ends.length === 1);
  assertInstanceOf(ends[0], ClosedError);
  await server.closed;
});

Deno.test(
  "shutdown() of an idle server ends at once, and frees the port",
  TIMEOUT,
  async () => {
    for (let i = 0; i < 5; i++) {
      const server = serve({ port: 0 }, () => {});
      const port = server.addr.port;
      assertEquals(await server.shutdown(), {
        completed: 0,
        aborted: 0,
        handshakes: 0,
      });
      await using again = serve({ port }, () => {});
      assertEquals(again.addr.port, port);
    }
  },
);

Deno.test(
  "shutdown() frees the port though connections were served",
  TIMEOUT,
  async () => {
    const server = serve({ port: 0 }, (socket) => socket.write("x"));
    const port = server.addr.port;
    {
      await using client = await dial(server);
      await client.readExactly(1);
    }
    await server.shutdown();
    await listen({ port }).close();
  },
);

Deno.test(
  "a second shutdown() gets the same report, and may be shorter",
  TIMEOUT,
  async () => {
    const server = serve({ port: 0 }, hang);
    using _client = await dial(server);
    await until(() => server.stats.active === 1);
    const patient = server.shutdown({ timeoutMs: 60_000 });
    await turn();
    const impatient = await server.shutdown({ timeoutMs: 0 });
    assertEquals(impatient, { completed: 0, aborted: 1, handshakes: 0 });
    assertStrictEquals(await patient, impatient);
    assertStrictEquals(await server.shutdown(), impatient);
  },
);

Deno.test(
  "calls of shutdown() whose time is over together count no client twice",
  TIMEOUT,
  async () => {
    const server = serve({ port: 0, shutdownTimeoutMs: 20 }, hang);
    const clients = await Promise.all([1, 2].map(() => dial(server)));
    await until(() => server.stats.active === 2);
    const reports = await Promise.all([
      server.shutdown(),
      server.shutdown(),
      server[Symbol.asyncDispose](),
      server.shutdown({ timeoutMs: 20 }),
    ]);
    assertEquals(reports[0], { completed: 0, aborted: 2, handshakes: 0 });
    for (const client of clients) client.abort();
  },
);

Deno.test(
  "shutdown() in the moment in which a client comes turns it away or serves it",
  TIMEOUT,
  async () => {
    const seen = new Set<number>();
    for (let wait = 0; wait < 20; wait++) {
      const acceptor = new MemoryAcceptor("a moment", () => {});
      const server = serve({ acceptor }, async (socket, { signal }) => {
        assertEquals(await socket.read(), null);
        if (!signal.aborted) await new Promise((r) => signal.onabort = r);
      });
      await turn();
      const [near, far] = memoryTransportPair();
      far.closeWrite();
      acceptor.offer(near);
      for (let i = 0; i < wait; i++) await null;
      const report = await server.shutdown();
      // A client that was served is in the report, and no other.
      assertEquals(report, {
        completed: server.stats.accepted,
        aborted: 0,
        handshakes: 0,
      });
      seen.add(report.completed);
      assertEquals(await far.read(new Uint8Array(1)), null);
      far.close();
    }
    assertEquals(seen, new Set([0, 1]));
  },
);

Deno.test("a suspended server can be shut down", TIMEOUT, async () => {
  const server = serve({ port: 0 }, () => {});
  server.suspend();
  using client = await dial(server);
  assertEquals(await server.shutdown(), {
    completed: 0,
    aborted: 0,
    handshakes: 0,
  });
  assertEquals(await client.read().catch(() => null), null);
});

Deno.test(
  "a signal drains the server, within shutdownTimeoutMs",
  TIMEOUT,
  async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const server = serve({ port: 0, signal, shutdownTimeoutMs: 10 }, hang);
    using _client = await dial(server);
    await until(() => server.stats.active === 1);
    controller.abort();
    await server.closed;
    assertEquals(await server.shutdown(), {
      completed: 0,
      aborted: 1,
      handshakes: 0,
    });
  },
);

Deno.test("await using drains the server", TIMEOUT, async () => {
  let finished = false;
  {
    await using server = serve({ port: 0 }, async (socket, { signal }) => {
      await socket.read({ signal }).catch(() => {});
      finished = true;
    });
    using _client = await dial(server);
    await until(() => server.stats.active === 1);
  }
  assertEquals(finished, true);
});

Deno.test("a handler may shut its own server down", TIMEOUT, async () => {
  const server = serve({ port: 0 }, async (socket) => {
    await socket.readLine();
    server.shutdown();
    await socket.write("bye\n");
  });
  using client = await dial(server);
  await client.write("stop\n");
  assertEquals(await client.readLine(), "bye");
  await client.close();
  await server.closed;
  assertEquals(await server.shutdown(), {
    completed: 1,
    aborted: 0,
    handshakes: 0,
  });
});
