/**
 * Each stage of a client's life, and what a shutdown makes of it.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
} from "@std/assert";
import { ClosedError } from "../../lib/errors.ts";
import { serve } from "../../lib/server/serve.ts";
import type { ShutdownOptions } from "../../lib/server/serve_options.ts";
import type { ServerEvent } from "../../lib/server/events.ts";
import { MemoryAcceptor } from "../../lib/testing/_memory_acceptor.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { textOf, TIMEOUT, turn } from "../_support/sockets.ts";
import { captureErrors, dial, until } from "./_clients.ts";

const NONE = { completed: 0, aborted: 0, handshakes: 0 };

Deno.test(
  "a client that has its answer and stays is completed, also at the deadline",
  TIMEOUT,
  async () => {
    const server = serve(
      { port: 0, closeTimeoutMs: 60_000 },
      (socket) => socket.write("all of it\n"),
    );
    // Keeps its side open.
    using client = await dial(server);
    assertEquals(await client.readLine(), "all of it");
    await until(() => server.stats.closing === 1);
    const report = await server.shutdown({ timeoutMs: 20 });
    assertEquals(report, { ...NONE, completed: 1 });
  },
);

Deno.test(
  "a client that has its answer and stays holds up a shutdown for a second",
  TIMEOUT,
  async () => {
    const finish = Promise.withResolvers<void>();
    const server = serve(
      { port: 0, closeTimeoutMs: 60_000 },
      async (socket) => {
        // One handler has returned before the drain, the other returns in it.
        if (await socket.readLine() === "later") await finish.promise;
        await socket.write("all of it\n");
      },
    );
    using before = await dial(server);
    await before.write("now\n");
    assertEquals(await before.readLine(), "all of it");
    using during = await dial(server);
    await during.write("later\n");
    await until(() => server.stats.closing === 1 && server.stats.active === 2);
    const started = performance.now();
    const draining = server.shutdown();
    finish.resolve();
    assertEquals(await draining, { ...NONE, completed: 2 });
    const tookMs = performance.now() - started;
    assert(tookMs >= 900 && tookMs < 3_000, `${tookMs} ms`);
    assertEquals(await during.readLine(), "all of it");
  },
);

Deno.test(
  "a handler that closes its socket itself holds up a shutdown no longer",
  TIMEOUT,
  async () => {
    const server = serve(
      { port: 0, closeTimeoutMs: 60_000 },
      async (socket) => {
        await socket.write("all of it\n");
        await socket.close();
      },
    );
    using first = await dial(server);
    assertEquals(await first.readLine(), "all of it");
    const started = performance.now();
    assertEquals(await server.shutdown(), { ...NONE, completed: 1 });
    assertLess(performance.now() - started, 3_000);
  },
);

Deno.test(
  "a handler that waits for its own close is completed at the deadline",
  TIMEOUT,
  async () => {
    const server = serve(
      { port: 0, closeTimeoutMs: 60_000 },
      async (socket) => {
        await socket.write("all of it\n");
        await socket.close();
      },
    );
    using client = await dial(server);
    assertEquals(await client.readLine(), "all of it");
    const report = await server.shutdown({ timeoutMs: 20 });
    assertEquals(report, { ...NONE, completed: 1 });
  },
);

Deno.test(
  "a client that does not take its answer is aborted at the deadline",
  TIMEOUT,
  async () => {
    const server = serve({ port: 0, closeTimeoutMs: 60_000 }, (socket) => {
      socket.write(new Uint8Array(16 * 1024 * 1024)).catch(() => {});
    });
    using _client = await dial(server);
    await until(() => server.stats.closing === 1);
    const report = await server.shutdown({ timeoutMs: 20 });
    assertEquals(report, { ...NONE, aborted: 1 });
  },
);

Deno.test(
  "a client that is slow to take its answer has it all, though the server drains",
  TIMEOUT,
  async () => {
    const size = 8 * 1024 * 1024;
    const server = serve({ port: 0 }, (socket) => {
      socket.write(new Uint8Array(size));
    });
    using client = await dial(server);
    await until(() => server.stats.closing === 1);
    const draining = server.shutdown();
    let received = 0;
    for await (const chunk of client) {
      received += chunk.length;
      if (received < size / 2) await turn();
    }
    await client.close();
    assertEquals(received, size);
    assertEquals(await draining, { ...NONE, completed: 1 });
  },
);

for (const how of ["abort", "close", "detach"] as const) {
  Deno.test(
    `a hook that calls ${how}() at accepted turns the client away`,
    TIMEOUT,
    async () => {
      let handled = 0;
      const events: string[] = [];
      await using server = serve({
        port: 0,
        onEvent(event) {
          events.push(event.type);
          if (event.type !== "accepted") return;
          if (how === "abort") event.socket.abort();
          else if (how === "close") event.socket.close();
          else event.socket.detach().transport.close();
        },
      }, () => void handled++);
      using client = await dial(server);
      assertEquals(await client.read(), null);
      await client.close();
      await until(() => events.length === 2);
      assertEquals(events, ["accepted", "closed"]);
      assertEquals([handled, server.stats.active], [0, 0]);
    },
  );
}

for (const type of ["tls", "accepted", "drain"] as const) {
  Deno.test(
    `a hook that cuts the server at ${type} starts no handler`,
    TIMEOUT,
    async () => {
      let handled = 0;
      const cut = Promise.withResolvers<void>();
      const acceptor = new MemoryAcceptor("hooks", () => {});
      const server = serve({
        acceptor,
        onEvent(event) {
          if (event.type !== type) return;
          server.shutdown({ timeoutMs: 0 });
          cut.resolve();
        },
      }, async (socket) => {
        handled++;
        await socket.closed;
      });
      const [near, far] = memoryTransportPair();
      acceptor.offer(
        Object.assign(near, { handshake: () => Promise.resolve() }),
      );
      if (type === "drain") {
        await until(() => server.stats.accepted === 1);
        server.shutdown();
      }
      await cut.promise;
      const { completed, aborted, handshakes } = await server.shutdown();
      await turn();
      assertEquals(handled, type === "drain" ? 1 : 0);
      assertEquals(
        [completed, aborted, handshakes],
        {
          tls: [0, 0, 1],
          accepted: [0, 1, 0],
          drain: [0, 1, 0],
        }[type],
      );
      assertEquals(await far.read(new Uint8Array(1)), null);
      far.close();
    },
  );
}

Deno.test(
  "a handshake that ends in the tick of the cut starts no handler",
  TIMEOUT,
  async () => {
    for (let wait = 0; wait < 12; wait++) {
      let handled = 0;
      const acceptor = new MemoryAcceptor("a tick", () => {});
      const server = serve({ acceptor }, async (socket) => {
        handled++;
        await socket.closed;
      });
      const [near, far] = memoryTransportPair();
      const shaking = Promise.withResolvers<void>();
      acceptor.offer(Object.assign(near, { handshake: () => shaking.promise }));
      await turn();
      shaking.resolve();
      for (let i = 0; i < wait; i++) await null;
      const report = server.shutdown({ timeoutMs: 0 });
      const started = handled;
      await turn();
      assertEquals(handled, started, `after ${wait} microtasks`);
      const { completed, aborted, handshakes } = await report;
      assertEquals(completed + aborted + handshakes, 1);
      assertEquals(handshakes, 1 - started);
      assertEquals(await far.read(new Uint8Array(1)), null);
      far.close();
    }
  },
);

Deno.test(
  "hooks and abort listeners may call shutdown() while it begins",
  TIMEOUT,
  async () => {
    const reports: unknown[] = [];
    const drains: ServerEvent[] = [];
    const server = serve({
      port: 0,
      onEvent(event) {
        if (event.type !== "drain") return;
        drains.push(event);
        server.shutdown().then((report) => reports.push(report));
      },
    }, async (_, { signal }) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => {
        server.shutdown().then((report) => reports.push(report));
        resolve();
      });
      await promise;
    });
    using client = await dial(server);
    await until(() => server.stats.active === 1);
    client.read().then(() => client.close());
    const report = await server.shutdown();
    await turn();
    assertEquals(report, { ...NONE, completed: 1 });
    assertEquals(reports, [report, report]);
    assertEquals(drains, [{
      type: "drain",
      active: 1,
      closing: 0,
      handshakes: 0,
    }]);
  },
);

Deno.test(
  "a handler that goes on after it was cut is reported, and counted once",
  TIMEOUT,
  async () => {
    using console = captureErrors();
    const events: string[] = [];
    const server = serve({
      port: 0,
      onEvent: ({ type }) => void events.push(type),
    }, async (socket) => {
      await socket.read();
    });
    using _client = await dial(server);
    await until(() => server.stats.active === 1);
    assertEquals(await server.shutdown({ timeoutMs: 0 }), {
      ...NONE,
      aborted: 1,
    });
    await until(() => server.stats.failed === 1);
    assertEquals(events, ["accepted", "drain", "closed", "error"]);
    assertEquals([server.stats.active, server.stats.failedByPeer], [0, 0]);
    // What the server did itself is no bug of the handler's.
    assertEquals(console.errors, []);
  },
);

Deno.test("a handler may return anything", TIMEOUT, async () => {
  const results: unknown[] = [5, null, { then: 5 }, Promise.resolve("x")];
  let served = 0;
  await using server = serve({ port: 0 }, async (socket) => {
    await socket.write("fine\n");
    return results[served++];
  });
  for (let i = 0; i < results.length; i++) {
    using client = await dial(server);
    assertEquals(textOf(await client.readExactly(5)), "fine\n");
    assertEquals(await client.read(), null);
    await client.close();
  }
  await until(() => server.stats.active === 0);
  assertEquals(server.stats.failed, 0);
});

Deno.test(
  "a handler may throw what cannot even be asked what it is",
  TIMEOUT,
  async () => {
    using console = captureErrors();
    const { proxy: revoked, revoke } = Proxy.revocable(new Error(), {});
    revoke();
    let isFirst = true;
    await using server = serve({ port: 0 }, async (socket) => {
      if (isFirst) {
        isFirst = false;
        throw revoked;
      }
      await socket.write("fine\n");
    });
    using first = await dial(server);
    assertEquals(await first.read(), null);
    using second = await dial(server);
    assertEquals(textOf(await second.readExactly(5)), "fine\n");
    await second.close();
    const { failed, failedByPeer } = server.stats;
    assertEquals([failed, failedByPeer], [1, 0]);
    assertEquals(console.errors.length, 1);
  },
);

Deno.test(
  "shutdown() keeps to its time, and no eighth more",
  TIMEOUT,
  async () => {
    using clock = fakeClock();
    const acceptor = new MemoryAcceptor("exact", () => {});
    const server = serve({ acceptor }, () => new Promise(() => {}));
    const [transport, client] = memoryTransportPair();
    acceptor.offer(transport);
    await clock.advance(0);
    assertEquals(server.stats.active, 1);
    let isOver = false;
    const shutdown = server.shutdown({ timeoutMs: 1_000 })
      .then(() => isOver = true);
    await clock.advance(999);
    assertEquals(isOver, false);
    // A limit that is not exact would go off between 1,000 and 1,063 ms.
    await clock.advance(1);
    assertEquals(isOver, true);
    await shutdown;
    client.close();
  },
);

Deno.test(
  "a shutdown that may take long is not cut by the default, nor by a later call without limits",
  TIMEOUT,
  async () => {
    const server = serve(
      { port: 0, shutdownTimeoutMs: 20 },
      async (socket) => {
        // Longer than the default.
        await socket.readLine({ timeoutMs: 200 }).catch(() => {});
        await socket.write("done\n");
      },
    );
    using client = await dial(server);
    await until(() => server.stats.active === 1);
    const draining = server.shutdown({ timeoutMs: 60_000 });
    await turn();
    const again = server.shutdown();
    assertEquals(await client.readLine(), "done");
    await client.close();
    assertEquals(await draining, { ...NONE, completed: 1 });
    assertEquals(await again, { ...NONE, completed: 1 });
  },
);

Deno.test("shutdown() names a limit that is none", TIMEOUT, async () => {
  await using server = serve({ port: 0 }, () => {});
  const bads: unknown[] = [{ signal: 5 }, { deadline: 5 }, { timeoutMs: "5" }];
  for (const bad of bads as ShutdownOptions[]) {
    const error = await server.shutdown(bad).catch((error) => error);
    assertInstanceOf(error, TypeError);
    assert(error.message.startsWith(`Cannot shut down: ${Object.keys(bad)} `));
  }
  using client = await dial(server);
  assertEquals(await client.read(), null);
});

Deno.test(
  "a limit of shutdown() cuts: a signal and a deadline, as timeoutMs does",
  TIMEOUT,
  async () => {
    const controller = new AbortController();
    const limits = [
      () => ({ signal: AbortSignal.abort() }),
      () => ({ signal: controller.signal }),
      () => ({ deadline: Deadline.after(20) }),
      () => ({ deadline: Deadline.after(0), timeoutMs: 60_000 }),
    ];
    for (const limit of limits) {
      const ends: unknown[] = [];
      const server = serve({
        port: 0,
        onError: (error) => void ends.push(error),
      }, (socket) => socket.readLine());
      using client = await dial(server);
      await until(() => server.stats.active === 1);
      const draining = server.shutdown(limit());
      if (limit === limits[1]) controller.abort();
      assertEquals(await draining, { ...NONE, aborted: 1 });
      await until(() => ends.length === 1);
      assertInstanceOf(ends[0], ClosedError);
      assertEquals(await client.read().catch(() => null), null);
    }
  },
);

Deno.test(
  "a client that the hook of its event closes is the server's until it has ended",
  TIMEOUT,
  async () => {
    let handled = 0;
    const server = serve({
      port: 0,
      maxConnections: 1,
      onLimit: "reject",
      closeTimeoutMs: 60_000,
      onEvent: (event) => {
        if (event.type !== "accepted") return;
        event.socket.write("busy\n");
        void event.socket.close();
      },
    }, () => void handled++);
    // Keeps its side open.
    using client = await dial(server);
    assertEquals(await client.readLine(), "busy");
    const { active, closing } = server.stats;
    assertEquals([active, closing], [1, 1]);
    // It takes the place that there is.
    using other = await dial(server);
    assertEquals(await other.readLine(), null);
    const [{ socket }] = server.connections;
    const report = await server.shutdown({ timeoutMs: 20 });
    assertEquals(report, { ...NONE, completed: 1 });
    await socket.closed;
    assertEquals([handled, server.stats.bytesWritten], [0, 5]);
  },
);
