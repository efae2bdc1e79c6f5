import { assertEquals, assertRejects } from "@std/assert";
import net from "node:net";
import { BrokenError, connect } from "@sluice/net";
import { supervise, WorkerError } from "@sluice/net/workers";
import { freePort } from "../_support/free_port.ts";
import { ask, askAll, fixture, start } from "./_group.ts";

const onWindows = Deno.build.os === "windows";
const options = { ignore: onWindows, timeout: 60_000 };

Deno.test(
  "a group accepts on one address with all its workers, and ends",
  options,
  async () => {
    // No other program is given this port once it is free again.
    const port = freePort();
    const { group, events } = await start("echo", { port });
    assertEquals(group.addr.port, port);
    assertEquals(events.of("worker-ready").length, 2);
    assertEquals(await ask(group, "hello"), "hello");
    assertEquals(await askAll(group, "who", 2), new Set(["0", "1"]));
    const stats = await group.stats();
    assertEquals(stats.accepted >= 3, true);
    assertEquals(stats.workers.map(({ index }) => index), [0, 1]);
    const [a, b] = stats.workers;
    assertEquals(a.server.accepted + b.server.accepted, stats.accepted);
    const wrong = { timeoutMS: 1 } as object;
    for (const call of ["stats", "reload"] as const) {
      await assertRejects(
        () => group[call](wrong),
        TypeError,
        'unknown option "timeoutMS", did you mean timeoutMs?',
      );
    }
    // The clients are gone; the workers see it a moment later.
    while ((await group.stats()).active > 0);
    const report = await group.shutdown();
    assertEquals(report, {
      completed: 0,
      aborted: 0,
      handshakes: 0,
      killed: 0,
    });
    await group.closed;
    assertEquals(group.workers, []);
    assertEquals(events.of("worker-ended").map(({ reason }) => reason), [
      "drained",
      "drained",
    ]);
    await assertRejects(() => connect({ port }), BrokenError);
  },
);

Deno.test(
  "what the function of a worker throws reaches the caller of supervise",
  options,
  async () => {
    const error = await assertRejects(
      () => start("throws", { workers: 2 }),
      WorkerError,
      "Cannot start worker",
    );
    assertEquals(error.failure, "failed");
    assertEquals((error.cause as Error).message, "the database is down");
    assertEquals((error.cause as Error).name, "RangeError");
  },
);

Deno.test(
  "an address in use is refused before a worker is started",
  options,
  async () => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await assertRejects(
      () => supervise({ module: fixture("echo"), port: taken.addr.port }),
      BrokenError,
      `Cannot listen on 127.0.0.1:${taken.addr.port}`,
    );
    // TEST-NET-1 is no machine's.
    const error = await assertRejects(
      () =>
        supervise({ module: fixture("echo"), hostname: "192.0.2.1", port: 0 }),
      BrokenError,
    );
    assertEquals(error.reason, "not-available");
  },
);

Deno.test(
  "a signal ends the wait for an address, before a worker is started",
  options,
  async () => {
    const { createServer } = net;
    // One whose name is looked up for ever.
    const server = { once() {}, listen() {} };
    net.createServer = (() => server) as unknown as typeof createServer;
    try {
      const controller = new AbortController();
      const { signal } = controller;
      const starting = supervise({ module: fixture("echo"), port: 0, signal });
      controller.abort(new Error("not now"));
      await assertRejects(() => starting, Error, "not now");
    } finally {
      net.createServer = createServer;
    }
  },
);
