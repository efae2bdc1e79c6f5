import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { lengthPrefixed, serve, TimeoutError } from "@sluice/net";
import { datagram } from "@sluice/net/datagram";
import {
  checkCodec,
  fakeClock,
  faultProxy,
  memoryNetwork,
  memoryPair,
  simulate,
} from "@sluice/net/testing";
import { outcome, TIMEOUT } from "../_support/sockets.ts";

/** Options as a class has them, which count how often each is asked for. */
function counted<T extends object>(
  given: T,
): { options: T; reads: Record<string, number> } {
  const reads: Record<string, number> = {};
  const prototype = {};
  for (const [name, value] of Object.entries(given)) {
    Object.defineProperty(prototype, name, {
      get() {
        reads[name] = (reads[name] ?? 0) + 1;
        return value;
      },
    });
  }
  return { options: Object.create(prototype), reads };
}

const reason = new Error("not any more");
const aborted = AbortSignal.abort(reason);

/** Each of them was read, and once. */
function assertReadOnce(reads: Record<string, number>, ...names: string[]) {
  assertEquals(reads, Object.fromEntries(names.map((name) => [name, 1])));
}

Deno.test("memoryPair() and checkCodec() take options of a class, and read each once", () => {
  const pair = counted({
    names: ["a", "b"] as [string, string],
    socket: { highWaterMarkBytes: 7 },
  });
  const [left, right] = memoryPair(pair.options);
  assertEquals(left.localAddr, { transport: "memory", name: "a" });
  assertReadOnce(pair.reads, "names", "socket");
  left.abort();
  right.abort();

  const made: number[] = [];
  const check = counted({
    seed: 3,
    expected: [new Uint8Array(2)],
    makeFrame: (n: number) => (made.push(n), new Uint8Array(1)),
  });
  checkCodec(lengthPrefixed(), [new Uint8Array(2)], check.options);
  assert(made.length > 0);
  assertReadOnce(check.reads, "seed", "expected", "makeFrame");
});

Deno.test("a memory network takes options of a class, and refuses what it decides itself", async () => {
  using clock = fakeClock();
  using network = memoryNetwork(counted({ latencyMs: 5 }).options);
  const listening = counted({ name: "gone", signal: aborted });
  assertStrictEquals(
    assertThrows(() => network.listen(listening.options)),
    reason,
  );
  assertReadOnce(listening.reads, "name", "signal");
  // What throws has bound nothing.
  network.listen({ name: "gone" }).close();
  const events: string[] = [];
  const serving = counted({
    name: "db",
    onEvent: ({ type }: { type: string }) => void events.push(type),
  });
  const server = network.serve(serving.options, () => {});
  assertReadOnce(serving.reads, "name", "onEvent");
  const connecting = counted({ name: "db", from: "me", signal: aborted });
  assertStrictEquals(
    await outcome(network.connect(connecting.options)),
    reason,
  );
  assertReadOnce(connecting.reads, "name", "from", "signal");
  const slow = counted({ latencyMs: 500 });
  network.slowDown("db", slow.options);
  assertReadOnce(slow.reads, "latencyMs");
  const patient = network.connect({ name: "db" });
  await clock.advance(500);
  assertEquals(events.includes("accepted"), false);
  await clock.advance(1_000);
  (await patient).abort();
  assert(events.includes("accepted"));
  for (
    const call of [
      () => network.listen({ acceptor: 1 } as never),
      () => network.serve({ acceptor: 1 } as never, () => {}),
      () => network.connect({ name: "db", dialer: 1 } as never),
    ]
  ) assertThrows(call, TypeError, "unknown option");
  const stopping = server.shutdown({ timeoutMs: 0 });
  await clock.advance(10);
  await stopping;
});

Deno.test("the hosts of a simulation take options of a class, and refuse what is theirs", async () => {
  const network = counted({ latencyMs: 40, onEvent: () => {} });
  const report = await simulate({
    seed: 1,
    network: () => network.options,
    hosts: ["one", "two"],
  }, async (world) => {
    const one = world.host("one");
    const two = world.host("two");
    const events: string[] = [];
    const listening = counted({ signal: aborted });
    assertStrictEquals(
      assertThrows(() => one.listen(listening.options)),
      reason,
    );
    assertReadOnce(listening.reads, "signal");
    const serving = counted({
      onEvent: ({ type }: { type: string }) => void events.push(type),
    });
    one.serve(serving.options, () => {});
    assertReadOnce(serving.reads, "onEvent");
    const connecting = counted({ name: "one", readMs: 7 });
    const socket = await two.connect(connecting.options);
    assertReadOnce(connecting.reads, "name", "readMs");
    await assertRejects(() => socket.read(), TimeoutError, "within 7 ms");
    socket.abort();
    const port = counted({ port: 5 });
    const datagrams = await two.datagram(port.options);
    assertEquals(datagrams.localAddr.port, 5);
    assertReadOnce(port.reads, "port");
    await datagrams.close();
    const limits = counted({ signal: aborted });
    assertStrictEquals(await outcome(two.sleep(5, limits.options)), reason);
    assertReadOnce(limits.reads, "signal");
    assertThrows(() => one.listen({ name: "x" } as never), TypeError, '"name"');
    for (
      const call of [
        () => one.serve({ name: "x" } as never, () => {}),
        () => one.connect({ name: "two", from: "x" } as never),
        () => one.datagram({ port: 1, hostname: "x" } as never),
        () => one.datagram({ port: 1, backend: "node" } as never),
      ]
    ) {
      await assertRejects(
        async () => void await call(),
        TypeError,
        "unknown option",
      );
    }
    for (const runner of [world, one, one.process]) {
      assertThrows(
        () => runner.spawn("task" as never),
        TypeError,
        'Cannot spawn: task must be a function, got "task"',
      );
    }
    for (
      const [options, text] of [
        [null, "options must be an object, got null"],
        [{ timeoutMS: 5 }, 'unknown option "timeoutMS"'],
        [{ signal: 5 }, "signal must be an AbortSignal, got 5"],
        [{ deadline: 5 }, "deadline must be a Deadline, got 5"],
        [{ timeoutMs: 0 }, "timeoutMs must be above 0, got 0"],
      ] as const
    ) {
      const error = await outcome(one.sleep(5, options as never));
      assert(error instanceof Error);
      assertStringIncludes(error.message, `Cannot sleep: ${text}`);
    }
  });
  // Twice, as each seed runs.
  assertEquals(network.reads, { latencyMs: 2, onEvent: 2 });
  assert(report.simulatedMs >= 80, `${report.simulatedMs}`);
  await assertRejects(
    () => simulate({ seed: 1, network: { latncyMs: 1 } as never }, () => {}),
    Error,
    'unknown option "latncyMs" of network, did you mean latencyMs?',
  );
});

Deno.test(
  "faultProxy() and set() take faults of a class, and read each once",
  TIMEOUT,
  async () => {
    const given = counted({
      target: { port: 9 },
      latencyMs: 3,
      toServer: counted({ jitterMs: 2 }).options,
    });
    await using proxy = await faultProxy(given.options);
    assertReadOnce(given.reads, "target", "latencyMs", "toServer");
    assertEquals(proxy.faults, { latencyMs: 3, toServer: { jitterMs: 2 } });
    const change = counted({ stall: true });
    proxy.set(change.options);
    assertReadOnce(change.reads, "stall");
    assertEquals(proxy.faults, {
      latencyMs: 3,
      toServer: { jitterMs: 2 },
      stall: true,
    });
  },
);

Deno.test(
  "update() of a server and peer() of a datagram socket take options of a class",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, () => {});
    const limits = counted({ maxConnections: 5 });
    server.update(limits.options);
    assertReadOnce(limits.reads, "maxConnections");
    await using socket = await datagram({ port: 0 });
    const given = counted({ port: socket.localAddr.port, maxInFlight: 3 });
    await using peer = await socket.peer(given.options);
    assertReadOnce(given.reads, "port", "maxInFlight");
    await peer.send("x");
    assertEquals((await socket.receive())?.data.length, 1);
    await assertRejects(
      () => socket.peer({ prot: 1 } as never),
      TypeError,
      'Cannot open a datagram peer: unknown option "prot"',
    );
  },
);
