import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { lines } from "../../lib/codec/lines.ts";
import { BrokenError, ClosedError, TimeoutError } from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import { serve } from "../../lib/server/serve.ts";
import type { ServeContext } from "../../lib/server/serve_options.ts";
import { connect } from "../../lib/socket/connect.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { freePort } from "../_support/free_port.ts";
import { isSettled, outcome, textOf, TIMEOUT } from "../_support/sockets.ts";
import { captureErrors, dial, resetAtOnce, until } from "./_clients.ts";

Deno.test("serve() runs the handler for every client", TIMEOUT, async () => {
  await using server = serve({ port: 0 }, async (socket) => {
    const connection = framed(socket, lines());
    for await (const line of connection) await connection.send(`> ${line}`);
  });
  assertEquals(server.addr.hostname, "127.0.0.1");
  const clients = await Promise.all([1, 2, 3, 4, 5].map(async (number) => {
    await using client = await dial(server);
    await client.write(`${number}\n`);
    return await client.readLine();
  }));
  assertEquals(clients, ["> 1", "> 2", "> 3", "> 4", "> 5"]);
});

Deno.test(
  "a handler that returns closes its socket gracefully",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, (socket) => {
      // Neither awaited nor flushed, and with input that is not read.
      socket.write("sent all the same");
    });
    using client = await dial(server);
    await client.write("unread");
    assertEquals(textOf(await client.readExactly(17)), "sent all the same");
    assertEquals(await client.read(), null);
    await client.close();
  },
);

Deno.test(
  "a handler that throws, at once or later, aborts its socket alone",
  TIMEOUT,
  async () => {
    const reported: [unknown, Socket][] = [];
    const failures = [new Error("at once"), new Error("later")];
    const sockets: Socket[] = [];
    await using server = serve({
      port: 0,
      onError: (error, socket) => void reported.push([error, socket]),
    }, (socket) => {
      sockets.push(socket);
      if (sockets.length === 1) throw failures[0];
      if (sockets.length === 2) return Promise.reject(failures[1]);
      return socket.write("fine\n");
    });
    for (let i = 0; i < 2; i++) {
      using client = await dial(server);
      assertEquals(await client.read(), null);
    }
    using client = await dial(server);
    assertEquals(await client.readLine(), "fine");
    assertEquals(reported, [[failures[0], sockets[0]], [
      failures[1],
      sockets[1],
    ]]);
    assertStrictEquals(sockets[0].signal.reason, failures[0]);
    assertEquals(server.stats.failed, 2);
  },
);

Deno.test("what a handler throws is printed by default", TIMEOUT, async () => {
  using console = captureErrors();
  const failure = new RangeError("a bug in the handler");
  await using server = serve({ port: 0 }, () => {
    throw failure;
  });
  using client = await dial(server);
  await client.read();
  await until(() => server.stats.failed === 1);
  assertEquals(console.errors, [failure]);
});

Deno.test("a client that goes away is not worth a line", TIMEOUT, async () => {
  using console = captureErrors();
  const ends: unknown[] = [];
  await using server = serve({ port: 0 }, async (socket) => {
    const end = await outcome(socket.read());
    ends.push(end);
    if (end instanceof Error) throw end;
  });
  await resetAtOnce(server.addr.port, 3);
  using client = await dial(server);
  await client.closeWrite();
  assertEquals(await client.read(), null);
  await until(() => ends.length === server.stats.accepted);
  assert(ends.some((end) => end instanceof BrokenError));
  assertEquals(console.errors, []);
});

Deno.test(
  "the failure of another connection that a handler made is printed",
  TIMEOUT,
  async () => {
    using console = captureErrors();
    await using server = serve({ port: 0 }, async () => {
      // A database that is down, for instance.
      await connect({ port: freePort() });
    });
    using client = await dial(server);
    await client.read();
    await until(() => server.stats.failed === 1);
    assertEquals(console.errors.length, 1);
    assertInstanceOf(console.errors[0], BrokenError);
  },
);

Deno.test(
  "a handler that stops because the server drains is not worth a line",
  TIMEOUT,
  async () => {
    using console = captureErrors();
    const server = serve({ port: 0 }, async (socket, { signal }) => {
      await socket.read({ signal });
    });
    using _client = await dial(server);
    await until(() => server.stats.active === 1);
    assertEquals(await server.shutdown(), {
      completed: 1,
      aborted: 0,
      handshakes: 0,
    });
    assertEquals(console.errors, []);
  },
);

Deno.test(
  "hooks that throw, at once or later, break nothing and are printed",
  TIMEOUT,
  async () => {
    using console = captureErrors();
    const failures = [new Error("onError"), new Error("onEvent")];
    {
      await using server = serve({
        port: 0,
        // deno-lint-ignore require-await -- one that rejects
        onError: async () => {
          throw failures[0];
        },
        onEvent: ({ type }) => {
          if (type === "accepted") throw failures[1];
        },
      }, async (socket) => {
        if (await socket.readLine() === "fail") throw new Error("asked for");
        await socket.write("fine\n");
      });
      for (const word of ["fail", "work"]) {
        using client = await dial(server);
        await client.write(`${word}\n`);
        assertEquals(await client.readLine(), word === "work" ? "fine" : null);
      }
    }
    assertEquals(
      console.errors.filter((error) => error === failures[0]).length,
      1,
    );
    assertEquals(
      console.errors.filter((error) => error === failures[1]).length,
      2,
    );
  },
);

Deno.test(
  "clients that reset in the backlog do not end the server",
  TIMEOUT,
  async () => {
    const reasons: (string | undefined)[] = [];
    const hold = Promise.withResolvers<void>();
    await using server = serve({
      port: 0,
      maxConnections: 1,
      onEvent: (event) => {
        if (event.type !== "accept-error") return;
        assertInstanceOf(event.error, BrokenError);
        reasons.push(event.error.reason);
        assertEquals(event.retryMs, 0);
      },
      onError: () => {},
    }, async (socket) => {
      await hold.promise;
      await socket.write("served\n");
    });
    // The first client keeps the others waiting in the backlog.
    using first = await dial(server);
    await until(() => server.stats.active === 1);
    await resetAtOnce(server.addr.port, 10);
    using last = await dial(server);
    hold.resolve();
    assertEquals(await first.readLine(), "served");
    await first.close();
    assertEquals(await last.readLine(), "served");
    assertEquals(server.stats.acceptErrors, reasons.length);
    // On Linux accept itself fails; elsewhere the first read does.
    if (Deno.build.os === "linux") assert(reasons.length > 0);
    assertEquals(new Set(reasons).size <= 1, true);
  },
);

Deno.test("stats and events add up", TIMEOUT, async () => {
  const events: string[] = [];
  const closed: { bytesRead: number; bytesWritten: number }[] = [];
  const server = serve({
    port: 0,
    onError: () => {},
    onEvent: (event) => {
      events.push(event.type);
      if (event.type === "closed") {
        assert(event.durationMs >= 0);
        assertEquals((event.remoteAddr as Deno.NetAddr).hostname, "127.0.0.1");
        closed.push(event);
      }
      if (event.type === "drain") assertEquals(event.active, 0);
    },
  }, async (socket) => {
    const line = await socket.readLine();
    if (line === "fail") throw new Error("asked for");
    await socket.write(`${line}!\n`);
  });
  {
    await using client = await dial(server);
    await client.write("hello\n");
    await until(() => server.stats.bytesRead === 6);
    assertEquals(server.stats.active, 1);
    assertEquals(await client.readLine(), "hello!");
  }
  await until(() => server.stats.active === 0);
  {
    using client = await dial(server);
    await client.write("fail\n");
    assertEquals(await client.read(), null);
  }
  await until(() => server.stats.active === 0);
  await server.shutdown();
  assertEquals(server.stats, {
    active: 0,
    closing: 0,
    handshakes: 0,
    accepted: 2,
    rejected: 0,
    failed: 1,
    failedByPeer: 0,
    acceptErrors: 0,
    bytesRead: 11,
    bytesWritten: 7,
  });
  assertEquals(events, [
    "accepted",
    "closed",
    "accepted",
    "error",
    "closed",
    "drain",
  ]);
  assertEquals(
    closed.map(({ bytesRead, bytesWritten }) => [bytesRead, bytesWritten]),
    [[6, 7], [5, 0]],
  );
});

Deno.test(
  "a time limit that ends a handler is an event of its own",
  TIMEOUT,
  async () => {
    const events: string[] = [];
    await using server = serve({
      port: 0,
      readMs: 5,
      onError: (error) => assertInstanceOf(error, TimeoutError),
      onEvent: ({ type }) => void events.push(type),
    }, async (socket) => {
      await socket.read();
    });
    using client = await dial(server);
    assertEquals(await client.read(), null);
    await until(() => server.stats.active === 0);
    assertEquals(events, ["accepted", "timeout", "closed"]);
  },
);

Deno.test(
  "suspend() lets clients wait, resume() serves them",
  TIMEOUT,
  async () => {
    await using server = serve(
      { port: 0 },
      (socket) => socket.write("served\n"),
    );
    server.suspend();
    using client = await dial(server);
    const line = client.readLine();
    assertEquals(await isSettled(line), false);
    assertEquals(server.stats.accepted, 0);
    server.resume();
    assertEquals(await line, "served");
  },
);

Deno.test(
  "context.signal aborts when the drain begins, and the socket lives on",
  TIMEOUT,
  async () => {
    let seen: ServeContext | undefined;
    const server = serve({ port: 0 }, async (socket, context) => {
      seen = context;
      const { promise, resolve } = Promise.withResolvers<void>();
      context.signal.addEventListener("abort", () => resolve());
      await promise;
      await socket.write("last words\n");
    });
    using client = await dial(server);
    await until(() => seen !== undefined);
    assertEquals(seen?.signal.aborted, false);
    const draining = server.shutdown();
    assertEquals(seen?.signal.aborted, true);
    assertInstanceOf(seen?.signal.reason, ClosedError);
    assertEquals(await client.readLine(), "last words");
    await client.close();
    assertEquals(await draining, { completed: 1, aborted: 0, handshakes: 0 });
  },
);

Deno.test("serve() names a bad option, and listens on nothing", () => {
  const handler = () => {};
  // deno-lint-ignore no-explicit-any -- what a caller without types may do
  const bad: [any, typeof RangeError | typeof TypeError, string][] = [
    [
      { maxConnections: 0 },
      RangeError,
      "maxConnections must be an integer of at least 1, or Infinity, got 0",
    ],
    [
      { maxConnections: "9" },
      TypeError,
      'maxConnections must be a number, got "9"',
    ],
    [
      { maxConnectionsPerAddress: NaN },
      RangeError,
      "maxConnectionsPerAddress must be an integer of at least 1, or Infinity, got NaN",
    ],
    [
      { handshakeTimeoutMs: 0 },
      RangeError,
      "handshakeTimeoutMs must be at least 1, got 0",
    ],
    [
      { shutdownTimeoutMs: -1 },
      RangeError,
      "shutdownTimeoutMs must be at least 0, got -1",
    ],
    [
      { maxBufferedBytes: 0 },
      RangeError,
      "maxBufferedBytes must be at least 1, got 0",
    ],
    [
      { onLimit: "drop" },
      RangeError,
      'onLimit must be "wait" or "reject", got "drop"',
    ],
    [
      { drainOnSignals: "yes" },
      TypeError,
      'drainOnSignals must be a boolean, got "yes"',
    ],
    [
      { signal: 5 },
      TypeError,
      "signal must be an AbortSignal, got 5",
    ],
    [{ onError: 5 }, TypeError, "onError must be a function, got 5"],
    [{ onEvent: "x" }, TypeError, 'onEvent must be a function, got "x"'],
  ];
  for (const [options, kind, text] of bad) {
    assertThrows(
      () => serve({ port: 0, ...options }, handler),
      kind,
      `Cannot serve: ${text}`,
    );
  }
  assertThrows(
    // @ts-expect-error no handler
    () => serve({ port: 0 }),
    TypeError,
    "Cannot serve: the handler must be a function, got undefined",
  );
  assertThrows(() => serve({ port: 70_000 }, handler), RangeError, "port");
  assertThrows(
    () =>
      serve(
        { port: 0, signal: AbortSignal.abort(new Error("before")) },
        handler,
      ),
    Error,
    "before",
  );
});

Deno.test("shutdown() refuses a time that is none", TIMEOUT, async () => {
  await using server = serve({ port: 0 }, () => {});
  for (const timeoutMs of [-1, NaN]) {
    await assertRejects(
      () => server.shutdown({ timeoutMs }),
      RangeError,
      `Cannot shut down: timeoutMs must be at least 0, got ${timeoutMs}`,
    );
  }
  // It serves on.
  using client = await dial(server);
  assertEquals(await client.read(), null);
});
