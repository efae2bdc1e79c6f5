import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BrokenError, TimeoutError } from "../../lib/errors.ts";
import { connect } from "../../lib/socket/connect.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { checkTransport } from "../../lib/testing/check_transport.ts";
import { type FakeClock, fakeClock } from "../../lib/testing/fake_clock.ts";
import { FailedHooks } from "../_support/failed_hooks.ts";
import { Link } from "../../lib/testing/_link.ts";
import {
  type MemoryNetwork,
  memoryNetwork,
} from "../../lib/testing/memory_network.ts";
import type {
  MemoryNetworkOptions,
  NetworkEvent,
} from "../../lib/testing/memory_network_options.ts";

async function echo(socket: Socket): Promise<void> {
  for await (const chunk of socket) await socket.write(chunk);
}

/** Connects while the clock runs. */
async function connected(
  network: MemoryNetwork,
  clock: FakeClock,
  ms: number,
): Promise<Socket> {
  const connecting = network.connect({ name: "echo" });
  await clock.advance(ms);
  return await connecting;
}

Deno.test("memoryNetwork() connects clients to a server by name", async () => {
  using network = memoryNetwork();
  await using server = network.serve({ name: "echo" }, echo);
  const [one, two] = await Promise.all([
    network.connect({ name: "echo" }),
    network.connect({ name: "echo" }),
  ]);
  assertEquals(server.addr, { transport: "memory", name: "echo" });
  assertEquals(one.localAddr, { transport: "memory", name: "client-1" });
  assertEquals(two.remoteAddr, { transport: "memory", name: "echo" });
  await one.write("from one\n");
  await two.write("from two\n");
  assertEquals(await two.readLine(), "from two");
  assertEquals(await one.readLine(), "from one");
  assertEquals(network.connections, 2);
  await Promise.all([one.close(), two.close()]);
});

Deno.test("memoryNetwork() names listeners that were given no name", async () => {
  using network = memoryNetwork();
  using listener = network.listen();
  assertEquals(listener.addr, { transport: "memory", name: "server-1" });
  const accepted = listener.accept();
  const client = await network.connect({ name: "server-1" });
  const server = await accepted;
  await client.write("hello");
  await client.closeWrite();
  assertEquals((await server?.readExactly(5))?.length, 5);
  assertEquals(await server?.read(), null);
  await Promise.all([client.close(), server?.close()]);
});

Deno.test("memoryNetwork() refuses connections to a name without a listener", async () => {
  using network = memoryNetwork();
  const refused = await assertRejects(
    () => network.connect({ name: "nobody" }),
    BrokenError,
    "Cannot connect to memory:nobody",
  );
  assertEquals(refused.reason, "refused");
  const listener = network.listen({ name: "one" });
  const inUse = assertThrows(
    () => network.listen({ name: "one" }),
    BrokenError,
  );
  assertEquals(inUse.reason, "in-use");
  await listener.close();
  await network.listen({ name: "one" }).close();
});

Deno.test("memoryNetwork() carries bytes as long as latency says", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ latencyMs: 100 });
  network.serve({ name: "echo" }, echo);
  const connecting = network.connect({ name: "echo" });
  let socket: Socket | undefined;
  connecting.then((made) => socket = made);
  await clock.advance(199);
  assertEquals(socket, undefined);
  await clock.advance(1);
  assert(socket !== undefined);
  await socket.write("ping\n");
  let reply: string | null | undefined;
  socket.readLine().then((line) => reply = line);
  await clock.advance(199);
  assertEquals(reply, undefined);
  await clock.advance(1);
  assertEquals(reply, "ping");
});

Deno.test("memoryNetwork() carries bytes as fast as bytesPerSecond says", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ bytesPerSecond: 1000, split: false });
  using listener = network.listen({ name: "echo" });
  const accepted = listener.accept();
  const client = await connected(network, clock, 0);
  const server = await accepted;
  assert(server !== null);
  let got = 0;
  const reading = (async () => {
    while (got < 5000) got += (await server.read())?.length ?? 5000;
  })();
  await client.write(new Uint8Array(2000));
  await clock.advance(1999);
  await client.write(new Uint8Array(3000));
  assertEquals(got, 0);
  await clock.advance(1);
  assertEquals(got, 2000);
  await clock.advance(2999);
  assertEquals(got, 2000);
  await clock.advance(1);
  assertEquals(got, 5000);
  await reading;
});

Deno.test("memoryNetwork() keeps the order of bytes that jitter delays", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ latencyMs: 5, jitterMs: 50, seed: 4 });
  network.serve({ name: "echo" }, echo);
  const socket = await connected(network, clock, 10);
  const sent = Uint8Array.from({ length: 5000 }, (_, index) => index);
  await socket.write(sent);
  const reading = socket.readExactly(5000);
  await clock.advance(5_000);
  assertEquals(await reading, sent);
});

Deno.test("memoryNetwork() makes a writer wait while the peer does not read", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ highWaterMarkBytes: 1000, latencyMs: 1 });
  using listener = network.listen({ name: "echo" });
  const accepted = listener.accept();
  const client = await connected(network, clock, 2);
  const server = await accepted;
  let written = false;
  const writing = client.write(new Uint8Array(100_000)).then(() =>
    written = true
  );
  await clock.advance(1_000);
  assertEquals(written, false);
  const reading = server?.readExactly(100_000);
  await clock.advance(10_000);
  assertEquals((await reading)?.length, 100_000);
  await writing;
});

Deno.test("partition() stops everything without a word, and heal() goes on", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ latencyMs: 10 });
  network.serve({ name: "echo" }, echo);
  const socket = await connected(network, clock, 20);
  network.partition();
  await socket.write("lost?\n");
  const reading = socket.readLine({ timeoutMs: 5_000 });
  const timedOut = assertRejects(() => reading, TimeoutError);
  const unreachable = assertRejects(
    () => network.connect({ name: "echo", timeoutMs: 1_000 }),
    TimeoutError,
  );
  await clock.advance(10_000);
  await timedOut;
  await unreachable;
  network.heal();
  const late = socket.readLine();
  await clock.advance(100);
  assertEquals(await late, "lost?");
});

Deno.test("reset() breaks every connection, and a client can connect again", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ latencyMs: 10 });
  const server = network.serve({ name: "echo", onError: () => {} }, echo);
  const socket = await connected(network, clock, 20);
  const reading = socket.read();
  network.reset();
  const error = await assertRejects(() => reading, BrokenError);
  assertEquals(error.reason, "reset");
  assertEquals(network.connections, 0);
  const again = await connected(network, clock, 20);
  await again.write("x\n");
  const line = again.readLine();
  await clock.advance(100);
  assertEquals(await line, "x");
  assertEquals(server.stats.accepted, 2);
});

Deno.test("a reset of one end reaches the other one after the latency", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ latencyMs: 50 });
  using listener = network.listen({ name: "echo" });
  const accepted = listener.accept();
  const client = await connected(network, clock, 100);
  const server = await accepted;
  assert(server !== null);
  await server.write("never read");
  await clock.advance(50);
  let failed: unknown;
  server.read().catch((error) => failed = error);
  client.abort();
  await clock.advance(49);
  assertEquals(failed, undefined);
  await clock.advance(1);
  assert(failed instanceof BrokenError);
  assertEquals(failed.reason, "reset");
});

Deno.test("connect() retries on a simulated network as on a real one", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const connecting = network.connect({
    name: "echo",
    retry: {
      attempts: 10,
      minDelayMs: 1_000,
      maxDelayMs: 1_000,
      jitter: 0,
    },
  });
  await clock.advance(3_500);
  network.serve({ name: "echo" }, echo);
  await clock.advance(1_000);
  const socket = await connecting;
  assertEquals(socket.localAddr, { transport: "memory", name: "client-5" });
});

/** What happens when some clients talk on a bad network. */
async function story(options: MemoryNetworkOptions): Promise<NetworkEvent[]> {
  using clock = fakeClock();
  const events: NetworkEvent[] = [];
  using network = memoryNetwork({
    latencyMs: 20,
    jitterMs: 30,
    bytesPerSecond: 50_000,
    onEvent: (event) => events.push(event),
    ...options,
  });
  network.serve({ name: "echo", onError: () => {} }, echo);
  const talk = async (): Promise<void> => {
    const socket = await network.connect({ name: "echo" });
    for (let round = 0; round < 5; round++) {
      await socket.write(new Uint8Array(300).fill(round));
      await socket.readExactly(300);
    }
    await socket.close();
  };
  const talks = Promise.allSettled([talk(), talk(), talk()]);
  await clock.advance(10_000);
  await talks;
  return events;
}

Deno.test("memoryNetwork() gives the same run for the same seed", async () => {
  const events = await story({ seed: 5 });
  assert(events.length > 50);
  assertEquals(await story({ seed: 5 }), events);
  assert(JSON.stringify(await story({ seed: 6 })) !== JSON.stringify(events));
});

Deno.test("memoryNetwork() resets connections at random, by its seed", async () => {
  const events = await story({ seed: 5, resetRate: 0.02 });
  assert(events.some(({ type }) => type === "reset"));
  assertEquals(await story({ seed: 5, resetRate: 0.02 }), events);
  const calm = await story({ seed: 5 });
  assertEquals(calm.filter(({ type }) => type === "reset"), []);
});

Deno.test("memoryNetwork() resets clients that were not accepted when the listener closes", async () => {
  using network = memoryNetwork();
  const listener = network.listen({ name: "echo" });
  const client = await network.connect({ name: "echo" });
  await listener.close();
  const error = await assertRejects(() => client.read(), BrokenError);
  assertEquals(error.reason, "reset");
});

Deno.test("memoryNetwork() goes on when onEvent throws, or rejects", async () => {
  using failed = new FailedHooks();
  const broken = new Error("the hook broke");
  const hooks = [
    () => {
      throw broken;
    },
    () => Promise.reject(broken),
  ];
  for (const hook of hooks) {
    using network = memoryNetwork({ onEvent: hook as () => void });
    await using _server = network.serve({ name: "echo" }, echo);
    await using socket = await network.connect({ name: "echo" });
    await socket.write("x\n");
    assertEquals(await socket.readLine(), "x");
    assert(failed.errors.length >= 3, `${failed.errors.length}`);
    assertEquals(new Set(failed.errors), new Set([broken]));
    failed.errors.length = 0;
  }
});

Deno.test("memoryNetwork() ends with everything that is on it", async () => {
  const network = memoryNetwork();
  const listener = network.listen({ name: "echo" });
  const socket = await network.connect({ name: "echo" });
  const accepting = (async () => {
    await listener.accept();
    return await listener.accept();
  })();
  const reading = assertRejects(() => socket.read(), BrokenError);
  network[Symbol.dispose]();
  await reading;
  assertEquals(await accepting, null);
  const gone = await assertRejects(
    () => network.connect({ name: "echo" }),
    BrokenError,
  );
  assertEquals(gone.reason, "refused");
});

Deno.test("the ends of a simulated connection do all that a transport has to do", async () => {
  await checkTransport(() => {
    const link = new Link({
      seed: 9,
      split: true,
      latencyMs: 0,
      jitterMs: 0,
      bytesPerSecond: Infinity,
      highWaterMarkBytes: 5_000,
      resetRate: 0,
      names: ["client", "server"],
      route: {
        waiting: undefined,
        slowness: { latencyMs: 0, jitterMs: 0, bytesPerSecond: Infinity },
      },
      onArrival: () => {},
      onReset: () => {},
      onDone: () => {},
    });
    return [link.client, link.server];
  }, { bulkBytes: 50_000, stallMs: 20 });
});

Deno.test("memoryNetwork() refuses options that are out of range", () => {
  const wrong: MemoryNetworkOptions[] = [
    { latencyMs: -1 },
    { jitterMs: NaN },
    { bytesPerSecond: 0 },
    { highWaterMarkBytes: 0 },
    { highWaterMarkBytes: 1.5 },
    { highWaterMarkBytes: Infinity },
    { resetRate: -0.1 },
    { resetRate: 1.1 },
    { seed: 0.5 },
  ];
  for (const options of wrong) {
    const name = Object.keys(options)[0];
    assertThrows(() => memoryNetwork(options), RangeError, name);
  }
});

Deno.test("memoryNetwork() refuses what is of the wrong kind, or has another name", async () => {
  const wrong = [
    [{ latency: 5 }, 'unknown option "latency", did you mean latencyMs?'],
    [{ onEvents: () => {} }, "did you mean onEvent?"],
    [{ onEvent: 5 }, "onEvent must be a function, got 5"],
    [{ split: "yes" }, 'split must be a boolean, got "yes"'],
    [{ seed: "1" }, 'seed must be a number, got "1"'],
  ] as const;
  for (const [options, text] of wrong) {
    assertThrows(() => memoryNetwork(options as never), TypeError, text);
  }
  using network = memoryNetwork();
  for (const options of [{}, { name: 5 }, { name: "a", nmae: "b" }]) {
    await assertRejects(
      async () => await network.connect(options as never),
      TypeError,
      "Cannot connect: ",
    );
  }
  assertThrows(() => network.listen({ nmae: "b" } as never), TypeError, "nmae");
  for (const name of ["", 5, null]) {
    const given = { name } as never;
    const text = "name must be a string that is not empty";
    assertThrows(() => network.listen(given), TypeError, `listen: ${text}`);
    assertThrows(() => network.serve(given, echo), TypeError, `serve: ${text}`);
  }
});

Deno.test("a name is free again where what would listen on it refuses its options", () => {
  using network = memoryNetwork();
  const name = "echo";
  const odd = { name, idleTimeoutMs: 5 } as never;
  assertThrows(() => network.serve(odd, echo), TypeError, "idleTimeoutMs");
  assertThrows(() => network.serve({ name }, 5 as never), TypeError);
  assertThrows(() => network.listen(odd), TypeError, "idleTimeoutMs");
  network.listen({ name });
});

Deno.test("a host reaches itself, whatever cuts it off from others", async () => {
  using network = memoryNetwork();
  network.serve({ name: "echo" }, echo);
  network.partition("echo");
  network.hold();
  const self = await network.connect({ name: "echo", from: "echo" });
  await self.write("hello\n");
  assertEquals(await self.readLine({ timeoutMs: 10_000 }), "hello");
  await self.close();
});

Deno.test("a host that is named twice is cut off nobody, and heal() tells it from others", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const [client, other] = await twoClients(clock, network);
  network.partition("left", "left");
  network.hold("left", "left");
  assertEquals(await answers(clock, client), true);
  network.partition("left", "echo");
  network.heal("left", "left");
  assertEquals(await answers(clock, client), false);
  network.partition("right", "right");
  network.partition("right");
  network.heal("right", "echo");
  assertEquals(await answers(clock, other), false);
});

Deno.test("crash() and the end of a network cut servers whose handlers never end", async () => {
  const network = memoryNetwork();
  const failures: string[] = [];
  const [db, web] = ["db", "web"].map((name) =>
    network.serve({ name }, async (socket) => {
      await socket.read().catch(({ code }) => failures.push(`${name} ${code}`));
      await new Promise(() => {});
    })
  );
  await network.connect({ name: "db" });
  await network.connect({ name: "web" });
  network.crash("db");
  // Without a sanitizer that sees its timer, either would drain for 15 seconds.
  await db.closed;
  assertEquals(await db.shutdown(), {
    completed: 0,
    aborted: 1,
    handshakes: 0,
  });
  network[Symbol.dispose]();
  await web.closed;
  assertEquals(failures, ["db broken", "web broken"]);
});

/** Two clients of an echo server on hosts of their own. */
async function twoClients(clock: FakeClock, network: MemoryNetwork) {
  network.serve({ name: "echo", onError: () => {} }, echo);
  const connecting = ["left", "right"].map((from) =>
    network.connect({ name: "echo", from })
  );
  await clock.advance(100);
  return await Promise.all(connecting);
}

/** Whether an echo comes back within a second. */
async function answers(clock: FakeClock, socket: Socket): Promise<boolean> {
  await socket.write("?\n");
  const line = socket.readLine({ timeoutMs: 1_000 }).catch(() => undefined);
  await clock.advance(1_010);
  return await line === "?";
}

Deno.test("partition() cuts two hosts off each other, and one off all others", async () => {
  for (
    const { hosts, cut } of [
      { hosts: ["left", "echo"], cut: [true, false] },
      { hosts: ["echo", "left"], cut: [true, false] },
      { hosts: ["right"], cut: [false, true] },
      { hosts: ["echo"], cut: [true, true] },
      { hosts: [], cut: [true, true] },
      { hosts: ["left", "right"], cut: [false, false] },
    ]
  ) {
    using clock = fakeClock();
    using network = memoryNetwork({ latencyMs: 5 });
    const clients = await twoClients(clock, network);
    network.partition(...hosts);
    const seen = [];
    for (const client of clients) seen.push(!await answers(clock, client));
    assertEquals(seen, cut, hosts.join());
    network.heal(...hosts);
    // What was under way arrives: its echo first, so there may be two lines.
    for (const client of clients) assert(await answers(clock, client));
  }
});

Deno.test("heal() ends the partition of the same hosts, or all of them", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const clients = await twoClients(clock, network);
  network.partition("left", "echo");
  network.partition("right", "echo");
  network.heal("echo", "left");
  assertEquals(await answers(clock, clients[0]), true);
  assertEquals(await answers(clock, clients[1]), false);
  network.partition("left");
  network.heal("left", "echo");
  assertEquals(await answers(clock, clients[0]), false, "another partition");
  network.heal();
  assertEquals(await answers(clock, clients[0]), true);
  assertEquals(await answers(clock, clients[1]), true);
});

Deno.test("hold() delays until release(), whatever a partition does", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const [left, right] = await twoClients(clock, network);
  network.hold("left", "echo");
  network.partition("left", "echo");
  const connecting = network.connect({ name: "echo", from: "left" });
  assertEquals(await answers(clock, right), true);
  assertEquals(await answers(clock, left), false);
  network.heal();
  assertEquals(await answers(clock, left), false, "still held");
  network.release("left", "echo");
  assertEquals(await left.readLine(), "?", "late, not lost");
  (await connecting).abort();
});

Deno.test("crash() breaks what a host has, and lets it have nothing until restart()", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ latencyMs: 50 });
  const [left] = await twoClients(clock, network);
  let ended = false;
  const reading = assertRejects(() => left.read(), BrokenError)
    .finally(() => ended = true);
  network.crash("echo");
  await clock.advance(49);
  assertEquals(ended, false, "word of it is on its way");
  await clock.advance(2);
  assertEquals((await reading).reason, "reset");

  const tried = async (connecting: Promise<unknown>): Promise<string> => {
    const failed = assertRejects(() => connecting, BrokenError);
    await clock.advance(200);
    return (await failed).reason;
  };
  assertEquals(await tried(network.connect({ name: "echo" })), "refused");
  const itself = network.connect({ name: "other", from: "echo" });
  assertEquals(await tried(itself), "unreachable");
  const error = assertThrows(
    () => network.listen({ name: "echo" }),
    BrokenError,
  );
  assertEquals(error.reason, "unreachable");

  network.restart("echo");
  network.serve({ name: "echo" }, echo);
  const connecting = network.connect({ name: "echo", from: "left" });
  await clock.advance(200);
  assertEquals(await answers(clock, await connecting), true);
});

Deno.test("crash() of a client is a reset to its server", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const reasons: unknown[] = [];
  network.serve({ name: "sink", onError: () => {} }, async (socket) => {
    await socket.read().catch((error) => reasons.push(error.reason));
  });
  const connecting = network.connect({ name: "sink", from: "client" });
  await clock.advance(10);
  const client = await connecting;
  const reading = assertRejects(() => client.read(), BrokenError);
  network.crash("client");
  await clock.advance(10);
  await reading;
  assertEquals([reasons, network.connections], [["reset"], 0]);
});

Deno.test("crash() behind a partition is not known before it ends", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const [left] = await twoClients(clock, network);
  network.partition("left", "echo");
  network.crash("echo");
  let ended = false;
  const reading = assertRejects(() => left.read(), BrokenError)
    .finally(() => ended = true);
  await clock.advance(60_000);
  assertEquals(ended, false);
  network.heal();
  await clock.advance(1);
  await reading;
});

Deno.test("slowDown() makes a host slower than the network, until speedUp()", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ latencyMs: 5, split: false });
  const [left, right] = await twoClients(clock, network);
  network.slowDown("left", { latencyMs: 100 });
  const echoAfter = async (socket: Socket, bytes = 2): Promise<number> => {
    const startMs = clock.nowMs;
    let tookMs = NaN;
    const reading = socket.readExactly(bytes)
      .then(() => tookMs = clock.nowMs - startMs);
    await socket.write(new Uint8Array(bytes));
    await clock.advance(10_000);
    await reading;
    return tookMs;
  };
  assertEquals(await echoAfter(left), 210);
  assertEquals(await echoAfter(right), 10);
  network.slowDown("echo", { latencyMs: 20 });
  assertEquals([await echoAfter(left), await echoAfter(right)], [250, 50]);
  network.slowDown("echo", { bytesPerSecond: 1_000 });
  // A second to the server, a second back.
  assertEquals(await echoAfter(right, 1_000), 2_010);
  const startMs = clock.nowMs;
  const connecting = network.connect({ name: "echo", from: "left" })
    .then(() => clock.nowMs - startMs);
  await clock.advance(1_000);
  assertEquals(await connecting, 210);
  network.speedUp("echo");
  network.speedUp("left");
  assertEquals([await echoAfter(left), await echoAfter(right)], [10, 10]);
  assertEquals(
    network.trace.flatMap((event) =>
      "hosts" in event ? [`${event.type} ${event.hosts}`] : []
    ),
    [
      "slowed left",
      "slowed echo",
      "slowed echo",
      "sped-up echo",
      "sped-up left",
    ],
  );
  assertThrows(() => network.slowDown("", {}), TypeError, "host must be");
  assertThrows(() => network.speedUp(5 as never), TypeError, "host must be");
  for (const options of [{ latencyMs: -1 }, { bytesPerSecond: 0 }]) {
    assertThrows(() => network.slowDown("a", options), RangeError);
  }
  assertThrows(
    () => network.slowDown("a", { latency: 1 } as never),
    TypeError,
    "did you mean latencyMs?",
  );
});

Deno.test("dialer() connects a program that only knows connect()", async () => {
  using network = memoryNetwork();
  network.serve({ name: "echo.example" }, echo);
  const target = { hostname: "echo.example", port: 7 };
  const dialer = network.dialer({ from: "app" });
  await using socket = await connect({ ...target, dialer });
  assertEquals(socket.localAddr, { transport: "memory", name: "app" });
  await socket.write("x\n");
  assertEquals(await socket.readLine(), "x");
  const refused = await assertRejects(
    () => connect({ ...target, hostname: "no.example", dialer }),
    BrokenError,
  );
  assertEquals(refused.reason, "refused");
  await assertRejects(
    () => connect({ dialer }),
    TypeError,
    "hostname must be a string",
  );
  assertThrows(() => network.dialer({ from: "" }), TypeError, "from must be");
});

Deno.test("crash() ends what the host was connecting to, also where it restarts at once", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ latencyMs: 50 });
  network.serve({ name: "echo" }, echo);
  const connecting = assertRejects(
    () => network.connect({ name: "echo", from: "client" }),
    BrokenError,
  );
  await clock.advance(10);
  network.crash("client");
  network.restart("client");
  await clock.advance(200);
  assertEquals((await connecting).reason, "unreachable");
  assertEquals(network.connections, 0);
});

Deno.test("trace has the last of what happened, the same for the same seed", async () => {
  const run = async (seed: number, maxTraceEvents?: number) => {
    using clock = fakeClock();
    using network = memoryNetwork({ seed, jitterMs: 20, maxTraceEvents });
    const clients = await twoClients(clock, network);
    network.hold("left");
    for (const client of clients) await answers(clock, client);
    network.release("left");
    network.crash("echo");
    await clock.advance(100);
    network.restart("echo");
    return network.trace;
  };
  const trace = await run(3);
  assertEquals(await run(3, Infinity), trace);
  assert(JSON.stringify(await run(4)) !== JSON.stringify(trace));
  assertEquals(
    trace.flatMap((event) =>
      "hosts" in event ? [[event.type, ...event.hosts]] : []
    ),
    [
      ["held", "left"],
      ["released", "left"],
      ["crashed", "echo"],
      ["restarted", "echo"],
    ],
  );
  assertEquals(await run(3, 5), trace.slice(-5));
  assertEquals(await run(3, 0), []);
});

Deno.test("partition() and its like refuse what is no host", () => {
  using network = memoryNetwork();
  for (const call of ["partition", "heal", "hold", "release"] as const) {
    assertThrows(
      () => network[call](5 as never),
      TypeError,
      `Cannot ${call}: host`,
    );
    assertThrows(() => network[call]("a", "b", "c"), TypeError, "two at most");
  }
  assertThrows(() => network.crash(""), TypeError, "Cannot crash a host: host");
  assertThrows(
    () => network.restart(""),
    TypeError,
    "Cannot restart a host: host",
  );
});

Deno.test("a network that ends leaves no limit of a server's connection behind", async () => {
  const network = memoryNetwork();
  // The server waits for the end of a client that reads nothing more.
  const server = network.serve(
    { name: "hello" },
    (socket) => socket.write("hello\n"),
  );
  const client = await network.connect({ name: "hello" });
  assertEquals(await client.readLine(), "hello");
  // Sanitizers see the timer of a second that the drain once set on its connection.
  network[Symbol.dispose]();
  await server.closed;
});
