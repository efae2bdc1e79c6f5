import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BrokenError, ClosedError } from "@sluice/net";
import {
  connectDatagram,
  datagram,
  serveDatagrams,
} from "@sluice/net/datagram";
import {
  fakeClock,
  type MemoryNetwork,
  memoryNetwork,
  type MemoryNetworkOptions,
  type NetworkEvent,
  simulate,
  SimulationError,
} from "@sluice/net/testing";

/** A limit that is only there so that a test which fails ends. */
const soon = { timeoutMs: 10_000 };

/** A socket on a host of a network. */
const open = (network: MemoryNetwork, from: string, port = 0) =>
  datagram({
    port,
    backend: network.datagrams({ from }),
    maxQueuedDatagrams: 5_000,
  });

/** What was received up to now, as the numbers that it says. */
async function drain(
  socket: Awaited<ReturnType<typeof open>>,
): Promise<number[]> {
  const numbers = [];
  while (socket.stats.queued > 0) {
    const { data } = (await socket.receive())!;
    numbers.push(data[0] << 8 | data[1]);
  }
  return numbers;
}

const numbered = (i: number) => new Uint8Array([i >> 8, i & 255]);

/** Sends a thousand datagrams, and gives their numbers in the order of their arrival. */
async function sendMany(
  options: MemoryNetworkOptions,
): Promise<{ numbers: number[]; trace: readonly NetworkEvent[] }> {
  using clock = fakeClock();
  using network = memoryNetwork({ maxTraceEvents: 5_000, ...options });
  const server = await open(network, "server", 9);
  const client = await open(network, "client");
  for (let i = 0; i < 1_000; i++) {
    await client.send(numbered(i), { hostname: "server", port: 9 });
    await clock.advance(1);
  }
  await clock.advance(1_000);
  return { numbers: await drain(server), trace: network.trace };
}

const inOrder = (numbers: number[]) =>
  numbers.every((number, i) => i === 0 || number > numbers[i - 1]);

Deno.test("datagrams of a memory network arrive once and in order, unless it is told otherwise", async () => {
  const { numbers } = await sendMany({ latencyMs: 20, bytesPerSecond: 1e6 });
  assertEquals(numbers, Array.from({ length: 1_000 }, (_, i) => i));
});

Deno.test("lossRate, duplicateRate and reorderRate do what they say, each alone", async () => {
  const lost = await sendMany({ lossRate: 0.3 });
  assert(lost.numbers.length > 600 && lost.numbers.length < 800);
  assert(inOrder(lost.numbers));
  const events = lost.trace.filter(({ type }) => type === "datagram-lost");
  assertEquals(events.length, 1_000 - lost.numbers.length);
  assertEquals(events[0], {
    ...events[0],
    from: "client:49152",
    to: "server:9",
    bytes: 2,
    why: "chance",
  } as NetworkEvent);

  const twice = await sendMany({ duplicateRate: 0.3 });
  assertEquals(new Set(twice.numbers).size, 1_000);
  assert(twice.numbers.length > 1_200 && twice.numbers.length < 1_400);

  const reordered = await sendMany({ reorderRate: 0.3 });
  assertEquals(new Set(reordered.numbers).size, 1_000);
  assertEquals(reordered.numbers.length, 1_000);
  assert(!inOrder(reordered.numbers));

  assertEquals((await sendMany({ lossRate: 1 })).numbers, []);
});

Deno.test("the same seed gives the same run, another one another run", async () => {
  const options = { lossRate: 0.2, duplicateRate: 0.2, reorderRate: 0.2 };
  const one = await sendMany({ ...options, seed: 3 });
  assertEquals(await sendMany({ ...options, seed: 3 }), one);
  const other = await sendMany({ ...options, seed: 4 });
  assert(`${other.numbers}` !== `${one.numbers}`);
});

Deno.test("what is sent into a partition is lost, what is held arrives late", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ latencyMs: 10 });
  const db = await open(network, "db", 5);
  const app = await open(network, "app");
  const to = { hostname: "db", port: 5 };
  network.partition("app", "db");
  await app.send(numbered(1), to);
  network.heal("app", "db");
  // On its way when the cable is pulled.
  await app.send(numbered(2), to);
  network.partition("db");
  await clock.advance(100);
  network.heal();
  network.hold("app", "db");
  await app.send(numbered(3), to);
  await clock.advance(100);
  assertEquals(db.stats.received, 0);
  // A host always reaches itself.
  await db.send(numbered(7), { port: 5 });
  await db.send(numbered(8), { hostname: "db", port: 5 });
  await clock.advance(100);
  assertEquals(await drain(db), [7, 8]);
  network.release();
  await clock.advance(100);
  assertEquals(await drain(db), [3]);
  const lost = network.trace.flatMap((event) =>
    event.type === "datagram-lost" ? [event.why] : []
  );
  assertEquals(lost, ["partition", "partition"]);
});

Deno.test("large datagrams, full lines and ports without a socket lose datagrams", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({
    maxDatagramBytes: 1_000,
    bytesPerSecond: 1_000,
    highWaterMarkBytes: 2_000,
  });
  const server = await open(network, "server", 5);
  const client = await open(network, "client");
  const to = { hostname: "server", port: 5 };
  await client.send(new Uint8Array(1_001), to);
  for (let i = 0; i < 3; i++) await client.send(new Uint8Array(1_000), to);
  await clock.advance(10_000);
  await client.send(new Uint8Array(1), { hostname: "server", port: 6 });
  await client.send(new Uint8Array(1), { hostname: "nowhere", port: 5 });
  await clock.advance(10_000);
  assertEquals(server.stats.received, 2);
  const lost = network.trace.flatMap((event) =>
    event.type === "datagram-lost" ? [event.why] : []
  );
  assertEquals(lost, ["size", "queue", "no-socket", "no-socket"]);
});

Deno.test("a slow host is slow for datagrams", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const db = await open(network, "db", 5);
  const app = await open(network, "app");
  network.slowDown("db", { latencyMs: 500 });
  await app.send("x", { hostname: "db", port: 5 });
  await clock.advance(499);
  assertEquals(db.stats.received, 0);
  await clock.advance(1);
  assertEquals(db.stats.received, 1);
});

Deno.test("a crash ends the sockets of a host, and a restart lets it bind again", async () => {
  using network = memoryNetwork();
  const socket = await open(network, "db", 5);
  const receiving = assertRejects(() => socket.receive(), BrokenError);
  network.crash("db");
  await receiving;
  await socket.closed;
  await assertRejects(() => open(network, "db", 5), BrokenError, "unreachable");
  network.restart("db");
  await using again = await open(network, "db", 5);
  await again.send("x", { port: 5 });
  assertEquals((await again.receive())!.data.length, 1);
  assertEquals(network.datagramSockets, 1);
});

Deno.test("memory datagrams know groups, broadcasts, ports in use and other hosts' names", async () => {
  using network = memoryNetwork();
  const [one, two, three] = await Promise.all(
    ["one", "two", "three"].map((host) =>
      datagram({
        port: 5,
        broadcast: true,
        backend: network.datagrams({ from: host }),
      })
    ),
  );
  await one.joinMulticast("224.0.0.9");
  await two.joinMulticast("224.0.0.9");
  await assertRejects(() => one.joinMulticast("224.0.0.9"), BrokenError);
  await three.send("all", { hostname: "224.0.0.9", port: 5 });
  assertEquals((await one.receive())!.from.hostname, "three");
  assertEquals((await two.receive())!.from.hostname, "three");
  await two.leaveMulticast("224.0.0.9");
  await assertRejects(() => two.leaveMulticast("224.0.0.9"), BrokenError);
  await three.send("all", { hostname: "224.0.0.9", port: 5 });
  await one.receive();
  assertEquals([two.stats.queued, three.stats.queued], [0, 0]);
  await one.send("here", { hostname: "255.255.255.255", port: 5 });
  for (const socket of [one, two, three]) await socket.receive();

  const backend = network.datagrams({ from: "one" });
  const used = await assertRejects(
    () => datagram({ port: 5, backend }),
    BrokenError,
    "Cannot bind to 127.0.0.1:5: address already in use",
  );
  assertEquals(used.reason, "in-use");
  await assertRejects(
    () => datagram({ port: 6, hostname: "two", backend }),
    BrokenError,
    "address not available",
  );
  // deno-lint-ignore no-explicit-any -- the point
  assertThrows(() => network.datagrams({ from: 5 } as any), TypeError);
});

Deno.test("a peer on a memory network is known by the name of its host", async () => {
  using network = memoryNetwork();
  const server = await open(network, "server", 53);
  const backend = network.datagrams({ from: "client" });
  const peer = await connectDatagram({ hostname: "server", port: 53, backend });
  assertEquals([peer.localAddr.hostname, peer.remoteAddr.hostname], [
    "client",
    "server",
  ]);
  const stranger = await open(network, "stranger", 53);
  const asking = peer.request("?", { accept: () => true });
  await stranger.send("no", peer.localAddr);
  const query = await server.receive();
  await server.send("yes", query!.from);
  assertEquals(new TextDecoder().decode(await asking), "yes");
  assertEquals(peer.stats.ignored, 1);
});

Deno.test("a host asks itself by any name of its own, and a group in any spelling is the same", async () => {
  using network = memoryNetwork();
  const backend = network.datagrams({ from: "here" });
  const server = await datagram({ port: 5, hostname: "127.0.0.2", backend });
  const serving = serveDatagrams(server, ({ data }) => data);
  const names = ["127.0.0.1", "127.0.0.2", "localhost", "[::1]", "0.0.0.0"];
  for (const hostname of [undefined, "here", ...names]) {
    await using peer = await connectDatagram({ hostname, port: 5, backend });
    const answer = await peer.request("?", { accept: () => true, ...soon });
    assertEquals([hostname, answer.length], [hostname, 1]);
  }
  await server.close();
  await serving;
  const member = await open(network, "member", 7);
  const sender = await open(network, "sender");
  await member.joinMulticast("FF02:0::5");
  await sender.send("x", { hostname: "[ff02::5]", port: 7 });
  assertEquals((await member.receive(soon))!.from, sender.localAddr);
  await member.leaveMulticast("[ff02::0:5]");
});

Deno.test("the end of a network ends its sockets, and what receives", async () => {
  const network = memoryNetwork({ latencyMs: 1_000 });
  const socket = await open(network, "here", 5);
  await socket.send("on its way", { port: 5 });
  const receiving = socket.receive();
  network[Symbol.dispose]();
  assertEquals(await receiving, null);
  await socket.closed;
  await assertRejects(
    () => socket.send("x", { port: 5 }),
    ClosedError,
  );
});

Deno.test("a simulated host opens sockets, and loses them when it crashes", async () => {
  await simulate({ seeds: 5, network: { lossRate: 0.3 } }, async (world) => {
    const server = world.host("server");
    server.run(async (host) => {
      const socket = await host.datagram({ port: 9 });
      for await (const { data, from } of socket) await socket.send(data, from);
    });
    await using peer = await connectDatagram({
      hostname: "server",
      port: 9,
      backend: world.host("client").datagrams,
    });
    const accept = () => true;
    await peer.request("?", { accept, attempts: 20, timeoutMs: 60_000 });
    server.crash();
    await assertRejects(() => peer.request("?", { accept }));
    server.restart();
    await peer.request("?", { accept, attempts: 20, timeoutMs: 60_000 });
  });
});

Deno.test("a socket that a scenario leaves open is a leak", async () => {
  const error = await assertRejects(
    () =>
      simulate({ seeds: 1 }, async (world) => {
        await world.host("app").datagram({ port: 9 });
      }),
    SimulationError,
    "it left a socket on app",
  );
  assertEquals(error.reason, "leak");
});

Deno.test("a datagram that travels for longer than a timer can wait arrives late, not at once", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ latencyMs: 2 ** 31 + 5_000 });
  const server = await open(network, "server", 9);
  const client = await open(network, "client");
  await client.send(numbered(1), { hostname: "server", port: 9 });
  await clock.advance(2 ** 31 + 4_999);
  assertEquals(server.stats.received, 0);
  await clock.advance(1);
  assertEquals(await drain(server), [1]);
});
