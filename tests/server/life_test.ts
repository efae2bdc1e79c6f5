import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ClosedError,
  connect,
  framed,
  lines,
  serve,
  type ServeContext,
  type ServerEvent,
  type ServerOptions,
  type Socket,
  TimeoutError,
} from "@sluice/net";
import { fakeClock, memoryNetwork } from "@sluice/net/testing";

const TIMEOUT = { timeout: 20_000 };

async function echo(socket: Socket): Promise<void> {
  const connection = framed(socket, lines());
  for await (const line of connection) await connection.send(line);
}

async function ping(socket: Socket): Promise<void> {
  await socket.write("ping\n");
  assertEquals(await socket.readLine(), "ping");
}

Deno.test(
  "server.connections has what is open, and events pair up by its numbers",
  TIMEOUT,
  async () => {
    const events: ServerEvent[] = [];
    const ids: number[] = [];
    await using server = serve(
      { port: 0, onEvent: (event) => events.push(event), onError: () => {} },
      async (socket, { id }) => {
        ids.push(id);
        const line = await socket.readLine();
        if (line === "fail") throw new Error("failed");
      },
    );
    const { port } = server.addr;
    const clients = [];
    for (let i = 0; i < 3; i++) {
      clients.push(await connect({ port }));
      while (server.connections.length <= i) await server.ready;
    }
    const open = server.connections;
    assertEquals(open.map(({ id }) => id), ids);
    assertEquals(
      open.map(({ socket }) => socket.remoteAddr),
      clients.map(({ localAddr }) => localAddr),
    );
    assert(open.every(({ since }) => Math.abs(Date.now() - since) < 60_000));
    await clients[0].write("bye\n");
    await clients[1].write("fail\n");
    open[2].socket.abort();
    await Promise.all(clients.map((client) => client.read().catch(() => {})));
    for (const client of clients) client.abort();
    await server.shutdown();
    assertEquals(server.connections, []);
    const of = (type: ServerEvent["type"]) =>
      events.flatMap((event) =>
        event.type === type && "id" in event ? [event.id] : []
      ).sort();
    assertEquals(of("accepted"), [1, 2, 3]);
    assertEquals(of("closed"), [1, 2, 3]);
    assert(of("error").includes(2));
  },
);

Deno.test(
  "server.update() bans an address for those to come, and lets it in again",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, echo);
    const { port } = server.addr;
    await using before = await connect({ port });
    await ping(before);
    server.update({ deny: ["127.0.0.0/8"] });
    await using banned = await connect({ port });
    assertEquals(await banned.readLine().catch(() => null), null);
    await ping(before);
    server.update({ deny: [] });
    await using after = await connect({ port });
    await ping(after);
    assertEquals(server.stats.rejected, 1);
  },
);

Deno.test(
  "server.update() makes room for a client that waits",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0, maxConnections: 1 }, echo);
    const { port } = server.addr;
    await using first = await connect({ port });
    await ping(first);
    await using second = await connect({ port });
    await second.write("ping\n");
    await assertRejects(() => second.readLine({ timeoutMs: 50 }), TimeoutError);
    server.update({ maxConnections: 2 });
    assertEquals(await second.readLine(), "ping");
  },
);

Deno.test(
  "server.update() counts the connections of an address that are there already",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, echo);
    const { port } = server.addr;
    const first = await connect({ port });
    await ping(first);
    server.update({ maxConnectionsPerAddress: 1 });
    await using second = await connect({ port });
    assertEquals(await second.readLine().catch(() => null), null);
    await first.close();
    while (server.stats.active > 0) await sleepBriefly();
    await using third = await connect({ port });
    await ping(third);
    server.update({ maxConnectionsPerAddress: Infinity });
    await using fourth = await connect({ port });
    await ping(fourth);
  },
);

function sleepBriefly(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test(
  "server.update() with an option that cannot hold changes nothing",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, echo);
    const bad: [object, string][] = [
      [{ maxConnections: 0 }, "maxConnections must be"],
      [{ deny: ["127.0.0.1"], allow: ["nowhere"] }, "allow"],
      [{ deny: ["127.0.0.1"], idleMs: 1 }, "unknown option"],
      [{ deny: ["127.0.0.1"], onLimit: "drop" }, "onLimit"],
    ];
    for (const [options, why] of bad) {
      assertThrows(() => server.update(options), Error, why);
    }
    await using client = await connect({ port: server.addr.port });
    await ping(client);
  },
);

/** A server and a client in memory, whose time is the test's. */
async function aging(
  options: ServerOptions,
  handler: (socket: Socket, context: ServeContext) => unknown,
) {
  const clock = fakeClock();
  const network = memoryNetwork();
  const server = network.serve({
    name: "server",
    maxConnectionAgeMs: 10_000,
    onError: () => {},
    ...options,
  }, handler);
  const client = await network.connect({ name: "server" });
  return {
    clock,
    network,
    server,
    client,
    [Symbol.dispose]() {
      network[Symbol.dispose]();
      clock[Symbol.dispose]();
    },
  };
}

Deno.test(
  "a connection ends at its age, between two frames, up to a tenth before",
  TIMEOUT,
  async () => {
    for (let round = 0; round < 20; round++) {
      using old = await aging({}, echo);
      const { clock, client } = old;
      await ping(client);
      await clock.advance(8_990);
      await ping(client);
      // An alarm is late by a sixteenth at most.
      await clock.advance(1_700);
      assertEquals(await client.readLine(), null);
      assertEquals(old.server.stats.failed, 0);
    }
  },
);

Deno.test(
  "context.signal aborts at the age of its connection alone, which has a grace to end in",
  TIMEOUT,
  async () => {
    const signals: AbortSignal[] = [];
    using old = await aging({}, async (socket, { signal }) => {
      signals.push(signal);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await socket.readLine();
      await socket.write("done\n");
    });
    const { clock, client, server } = old;
    while (signals.length < 1) await clock.advance(1);
    await clock.advance(11_000);
    assert(signals[0].reason instanceof ClosedError);
    assert(signals[0].reason.message.includes("maxConnectionAgeMs"));
    assertEquals(server.stats.active, 1);
    await client.write("go\n");
    assertEquals(await client.readLine(), "done");
    assertEquals(await client.readLine(), null);
  },
);

Deno.test(
  "a connection that goes on beyond its age is cut after the grace",
  TIMEOUT,
  async () => {
    using old = await aging(
      { maxConnectionAgeGraceMs: 2_000 },
      () => new Promise(() => {}),
    );
    const { clock, client, server } = old;
    await clock.advance(10_700);
    assertEquals(server.stats.active, 1);
    await clock.advance(2_200);
    assertEquals(server.stats.active, 0);
    assertEquals(await client.read().catch(() => null), null);
    assertEquals(await server.shutdown(), {
      completed: 0,
      aborted: 0,
      handshakes: 0,
    });
  },
);

Deno.test(
  "a shutdown aborts the signals of connections that have an age, and its limits hold for them",
  TIMEOUT,
  async () => {
    let reason: unknown;
    using old = await aging({}, async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reason = signal.reason;
    });
    while (old.server.stats.active < 1) await old.clock.advance(1);
    const down = old.server.shutdown();
    assertEquals(await old.client.read(), null);
    await old.client.close();
    assertEquals((await down).completed, 1);
    assert(String(reason).includes("the server is shutting down"));
  },
);

Deno.test(
  "a server's sockets give up on a peer that takes nothing, or does not end a frame, after a minute",
  TIMEOUT,
  async () => {
    const failures: unknown[] = [];
    using old = await aging({
      maxConnectionAgeMs: Infinity,
      onError: (error) => failures.push(error),
    }, async (socket) => {
      const connection = framed(socket, lines());
      if (await connection.receive() === "flood") {
        while (true) await socket.write(new Uint8Array(100_000));
      }
      await connection.receive();
    });
    const { clock, client } = old;
    await client.write("hello\nunfin");
    await clock.advance(58_000);
    assertEquals(failures, []);
    await clock.advance(7_000);
    assertEquals(
      String(failures[0]),
      "TimeoutError: Cannot receive a whole frame within 60000 ms: the time limit passed",
    );

    const deaf = await old.network.connect({ name: "server" });
    await deaf.write("flood\n");
    await clock.advance(58_000);
    assertEquals(failures.length, 1);
    await clock.advance(7_000);
    assertEquals(
      String(failures[1]),
      "TimeoutError: Cannot write within 60000 ms: the time limit passed",
    );
  },
);

Deno.test(
  "frameTimeoutMs of a server holds for its sockets, and framed can say otherwise",
  TIMEOUT,
  async () => {
    for (
      const [frameTimeoutMs, own] of [[1_000, undefined], [1_000, Infinity], [
        Infinity,
        1_000,
      ]]
    ) {
      const failures: unknown[] = [];
      using old = await aging({
        frameTimeoutMs,
        maxConnectionAgeMs: Infinity,
        onError: (error) => failures.push(error),
      }, async (socket) => {
        await framed(
          socket,
          lines(),
          own === undefined ? {} : { frameTimeoutMs: own },
        ).receive();
      });
      await old.client.write("unfin");
      await old.clock.advance(2_000);
      assertEquals(failures.length, own === Infinity ? 0 : 1);
    }
  },
);

Deno.test("serve() refuses ages and backlogs that cannot be", () => {
  const bad: [object, string][] = [
    [{ maxConnectionAgeMs: 0 }, "maxConnectionAgeMs must be"],
    [{ maxConnectionAgeGraceMs: NaN }, "maxConnectionAgeGraceMs must be"],
    [{ backlog: 0 }, "backlog must be"],
    [{ backlog: 1.5 }, "backlog must be"],
    [{ frameTimeoutMs: 0 }, "frameTimeoutMs must be"],
  ];
  for (const [options, why] of bad) {
    assertThrows(() => serve({ port: 0, ...options }, () => {}), Error, why);
  }
});

Deno.test("backlog says how many connections wait in the system", {
  ...TIMEOUT,
  ignore: Deno.build.os !== "linux",
}, async () => {
  await using server = serve({ port: 0, backlog: 1, maxConnections: 1 }, echo);
  const { port } = server.addr;
  await using first = await connect({ port });
  await ping(first);
  const all = await Promise.allSettled(
    Array.from({ length: 12 }, () => connect({ port, timeoutMs: 500 })),
  );
  const connected = all.flatMap((each) =>
    each.status === "fulfilled" ? [each.value] : []
  );
  for (const socket of connected) socket.abort();
  assert(connected.length > 0 && connected.length < 6, `${connected.length}`);
});

Deno.test(
  "a shutdown from the hook of an accepted connection reaches its handler, with an age too",
  TIMEOUT,
  async () => {
    let aborted: boolean | undefined;
    const server = serve({
      port: 0,
      maxConnectionAgeMs: 60_000,
      onEvent: ({ type }) => {
        if (type === "accepted") server.shutdown();
      },
    }, (_socket, { signal }) => {
      aborted = signal.aborted;
    });
    using _client = await connect({ port: server.addr.port });
    await server.closed;
    assertEquals(aborted, true);
  },
);

Deno.test("server.update() refuses lists with holes, and sets what it has checked", async () => {
  await using server = serve({ port: 0 }, () => {});
  for (const name of ["allow", "deny"] as const) {
    assertThrows(
      () => server.update({ [name]: new Array(2) }),
      TypeError,
      `each of ${name} must be an IP address`,
    );
  }
  let calls = 0;
  server.update({
    get maxConnections() {
      return ++calls <= 2 ? 5 : NaN;
    },
  });
  assertEquals(calls, 1);
});
