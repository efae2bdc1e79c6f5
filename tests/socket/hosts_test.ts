import {
  assert,
  assertEquals,
  assertIsError,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { seededRandom } from "../../lib/_random.ts";
import { reconnect } from "../../lib/client/reconnect.ts";
import {
  BrokenError,
  PermissionError,
  TimeoutError,
  TlsError,
} from "../../lib/errors.ts";
import { serve } from "../../lib/server/serve.ts";
// Loaded before a clock stands still: `connect` loads it when it is needed.
import "../../lib/socket/hosts.ts";
import { connect, type ConnectOptions } from "../../lib/socket/connect.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { sleep } from "../../lib/time/sleep.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import type { Dialer, Transport } from "../../lib/transport/options.ts";
import { createAuthority } from "../_support/certificates.ts";
import { freePort } from "../_support/free_port.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";
import { outcome, TIMEOUT, turn } from "../_support/sockets.ts";

/** What a host does when it is dialled. */
type Behaviour = "up" | "refused" | "silent" | number;

/** Hosts that do as they are told; a number is how long connecting takes. */
class Hosts implements Dialer {
  readonly addr = { transport: "memory" as const, name: "hosts" };
  readonly dialled: string[] = [];
  readonly open = new Set<Transport>();
  /** The other ends. */
  readonly peers: Transport[] = [];
  readonly behaviours: Record<string, Behaviour>;

  constructor(behaviours: Record<string, Behaviour>) {
    this.behaviours = behaviours;
  }

  get hosts() {
    return Object.keys(this.behaviours).map((hostname) => ({
      hostname,
      port: 1,
    }));
  }

  async dial(
    { hostname }: { hostname?: string },
    { signal }: { signal?: AbortSignal },
  ): Promise<Transport> {
    this.dialled.push(hostname!);
    const behaviour = this.behaviours[hostname!];
    if (behaviour === "silent") await sleep(Infinity, { signal });
    if (behaviour === "refused") throw refused(hostname!);
    // Not every dialer looks at its signal.
    if (typeof behaviour === "number") await sleep(behaviour);
    const [near, far] = memoryTransportPair();
    this.open.add(near);
    this.peers.push(far);
    const close = near.close.bind(near);
    near.close = () => {
      this.open.delete(near);
      close();
      far.close();
    };
    return near;
  }
}

function refused(host: string): BrokenError {
  const text = `Cannot connect to ${host}:1: connection refused`;
  return new BrokenError("refused", text, { operation: "connect" });
}

Deno.test(
  "connect() tries several hosts, and takes the first that answers",
  TIMEOUT,
  async () => {
    await using server = serve(
      { port: 0 },
      (socket) => socket.write("hello\n"),
    );
    const hosts = [{ port: freePort() }, server.addr, { port: freePort() }];
    for (let i = 0; i < 10; i++) {
      using socket = await connect({ hosts, readMs: 5_000 });
      assertEquals(await socket.readLine(), "hello");
      assertEquals(socket.remoteAddr, server.addr);
    }
  },
);

Deno.test("connect() tries hosts in random order, unless order is given", async () => {
  const first = new Map<string, number>();
  for (let i = 0; i < 300; i++) {
    const network = new Hosts({ a: "up", b: "up", c: "up" });
    (await connect({ hosts: network.hosts, dialer: network })).abort();
    const [host] = network.dialled;
    assertEquals(network.dialled.length, 1);
    first.set(host, (first.get(host) ?? 0) + 1);
  }
  for (const host of "abc") {
    const times = first.get(host) ?? 0;
    assert(times > 60 && times < 140, `${host} was first ${times} times`);
  }
  const network = new Hosts({ a: "refused", b: "refused", c: "up" });
  const { hosts } = network;
  (await connect({ hosts, dialer: network, order: "given" })).abort();
  assertEquals(network.dialled, ["a", "b", "c"]);
  assertEquals(hosts.map(({ hostname }) => hostname), ["a", "b", "c"]);
});

Deno.test("connect() gives a host that hangs hostDelayMs, and then tries the next beside it", async () => {
  using clock = fakeClock();
  for (const [hostDelayMs, delayMs] of [[undefined, 250], [40, 40]] as const) {
    const network = new Hosts({ a: "silent", b: "silent", c: "up" });
    const connecting = connect({
      hosts: network.hosts,
      dialer: network,
      order: "given",
      hostDelayMs,
    });
    await clock.advance(delayMs - 1);
    assertEquals(network.dialled, ["a"]);
    await clock.advance(1);
    assertEquals(network.dialled, ["a", "b"]);
    await clock.advance(delayMs);
    (await connecting).abort();
    assertEquals(network.open.size, 0);
  }
  assertEquals(clock.pending, 0);
});

Deno.test("connect() gives each host its turn before the time is over", async () => {
  using clock = fakeClock();
  const limits = [
    { timeoutMs: 300 },
    { deadline: Deadline.after(300) },
    { timeoutMs: 300, hostDelayMs: Infinity },
  ];
  for (const limit of limits) {
    const network = new Hosts({ a: "silent", b: "silent", c: "up" });
    const connecting = connect({
      hosts: network.hosts,
      dialer: network,
      order: "given",
      hostDelayMs: 1_000,
      ...limit,
    });
    await clock.advance(201);
    (await connecting).abort();
  }
});

Deno.test("connect() closes a connection that comes second", async () => {
  using clock = fakeClock();
  const network = new Hosts({ a: 300, b: 20 });
  const connecting = connect({
    hosts: network.hosts,
    dialer: network,
    order: "given",
  });
  await clock.advance(270);
  const socket = await connecting;
  assertEquals(network.open.size, 1);
  await clock.advance(1_000);
  assertEquals(network.open.size, 1);
  socket.abort();
  assertEquals(network.open.size, 0);
});

Deno.test(
  "connect() says of all hosts why they failed, in one error",
  TIMEOUT,
  async () => {
    const hosts = [{ port: freePort() }, {
      hostname: "localhost",
      port: freePort(),
    }];
    const error = await assertRejects(
      () => connect({ hosts, order: "given" }),
      BrokenError,
      "Cannot connect to any of 2 hosts: 127.0.0.1:",
    );
    assertEquals([error.reason, error.operation], ["refused", "connect"]);
    assert(error.message.includes("; localhost:"), error.message);
    assertEquals(error.message.match(/connection refused/g)?.length, 2);
    assertIsError(error.cause, AggregateError);
    assertEquals(error.cause.errors.length, 2);
    for (const each of error.cause.errors) assertIsError(each, BrokenError);

    // One host fails as it does without a list.
    const [host] = hosts;
    const alone = await assertRejects(
      () => connect({ hosts: [host] }),
      BrokenError,
    );
    assert(
      alone.message.startsWith(`Cannot connect to 127.0.0.1:${host.port}: `),
    );
  },
);

Deno.test("connect() closes one of two connections that come in the same turn", async () => {
  const network = new Hosts({ a: "up", b: "up" });
  const gates = [1, 2].map(() => Promise.withResolvers<void>());
  let dialled = 0;
  const dialer: Dialer = {
    addr: network.addr,
    async dial(target, context) {
      await gates[dialled++].promise;
      return await network.dial(target as { hostname: string }, context);
    },
  };
  const connecting = connect({ hosts: network.hosts, dialer, hostDelayMs: 1 });
  while (dialled < 2) await sleep(1);
  for (const gate of gates) gate.resolve();
  const socket = await connecting;
  await turn();
  assertEquals(network.open.size, 1);
  socket.abort();
});

Deno.test("connect() names four hosts at most in its text, and all in its cause", async () => {
  const names = Array.from("abcdefgh");
  const network = new Hosts(
    Object.fromEntries(names.map((name) => [name, "refused"])),
  );
  const error = await assertRejects(
    () => connect({ hosts: network.hosts, dialer: network, order: "given" }),
    BrokenError,
    "d:1: connection refused; ...",
  );
  assertIsError(error.cause, AggregateError);
  assertEquals(error.cause.errors.length, 8);
});

Deno.test("connect() fails with the class that all errors share, or that may pass", async () => {
  const tls = () => new TlsError("expired", "Cannot connect to a:1: expired");
  const network = (...errors: unknown[]): ConnectOptions => ({
    hosts: errors.map((_, i) => ({ hostname: `h${i}`, port: 1 })),
    order: "given",
    dialer: {
      addr: { transport: "memory", name: "network" },
      dial: () => Promise.reject(errors.shift()),
    },
  });
  const all = await assertRejects(
    () => connect(network(tls(), tls())),
    TlsError,
  );
  assertEquals(all.reason, "expired");
  const mixed = network(tls(), new Error("a dialer's own"), refused("c"));
  const error = await assertRejects(() => connect(mixed), BrokenError);
  assertEquals(error.reason, "refused");
  const other = network(tls(), new Error("a dialer's own"));
  assertEquals(
    (await assertRejects(() => connect(other), BrokenError)).reason,
    "other",
  );
});

Deno.test("connect() tries no other host where this program is at fault", async () => {
  for (const fault of [new TypeError("x"), new PermissionError([], "x")]) {
    let dialled = 0;
    const dialer: Dialer = {
      addr: { transport: "memory", name: "network" },
      dial: () => {
        dialled++;
        return Promise.reject(fault);
      },
    };
    const hosts = [{ port: 1 }, { port: 2 }];
    assertStrictEquals(await outcome(connect({ hosts, dialer })), fault);
    assertEquals(dialled, 1);
  }
});

Deno.test("connect() says after its time what had failed before", async () => {
  using clock = fakeClock();
  const network = new Hosts({ a: "refused", b: "silent" });
  const { hosts } = network;
  const connecting = outcome(
    connect({ hosts, dialer: network, timeoutMs: 400 }),
  );
  await clock.advance(400);
  const error = await connecting;
  assertIsError(
    error,
    TimeoutError,
    "Cannot connect to any of 2 hosts within 400 ms: no connection to b:1",
  );
  assertIsError(error.cause, AggregateError, "a:1: connection refused");
  assertEquals(clock.pending, 0);
});

Deno.test("connect() names its hosts where the time of all attempts passes", async () => {
  using clock = fakeClock();
  const many = new Hosts(
    { a: "refused", b: "refused", c: "refused", d: "refused", e: "refused" },
  );
  const { hosts } = many;
  const retry = { attempts: Infinity, minDelayMs: 300, jitter: 0 };
  const connecting = outcome(
    connect({ hosts, dialer: many, retry, timeoutMs: 400 }),
  );
  await clock.advance(400);
  const error = await connecting;
  assertIsError(
    error,
    TimeoutError,
    "Cannot connect to any of 5 hosts (a:1, b:1, c:1, d:1, ...) within 400 ms: no attempt succeeded",
  );
  assertIsError(error.cause, BrokenError, "any of 5 hosts: ");
  assertEquals(error.cause.reason, "refused");

  const none = Deadline.after(0);
  const early = await outcome(
    connect({ hosts: hosts.slice(0, 2), dialer: many, deadline: none }),
  );
  assertIsError(early, TimeoutError, "to any of 2 hosts (a:1, b:1) within 0");
  const one = new Hosts({ a: "silent" });
  for (const options of [{}, { retry }]) {
    const connecting = outcome(
      connect({ hosts: one.hosts, dialer: one, timeoutMs: 400, ...options }),
    );
    await clock.advance(400);
    const error = await connecting;
    assertIsError(error, TimeoutError, "Cannot connect to a:1 within 400 ms");
    const addr = { transport: "tcp", hostname: "a", port: 1 } as const;
    assertEquals(error.remoteAddr, addr);
    assert(!("cause" in error), "none is shown");
  }
  assertEquals(clock.pending, 0);
});

Deno.test("connect() names its host where the time passes before that was tried", async () => {
  const hosts = new Hosts({ a: "silent" });
  const deadline = Deadline.after(5);
  const slow = {
    // As loading the code does on a slow machine.
    get hostname() {
      while (!deadline.expired);
      return "a";
    },
    port: 1,
  };
  assertIsError(
    await outcome(connect({ hosts: [slow], dialer: hosts, deadline })),
    TimeoutError,
    "Cannot connect to a:1 within 5 ms: the time limit passed",
  );
  assertEquals(hosts.dialled, []);
});

Deno.test("connect() passes on the reason of its signal, and leaves no host behind", async () => {
  using clock = fakeClock();
  const network = new Hosts({ a: "refused", b: "silent", c: 900 });
  const controller = new AbortController();
  const connecting = outcome(connect({
    hosts: network.hosts,
    dialer: network,
    order: "given",
    signal: controller.signal,
  }));
  await clock.advance(300);
  assertEquals(network.dialled, ["a", "b", "c"]);
  const reason = new TimeoutError("wait for the user", 300);
  controller.abort(reason);
  assertStrictEquals(await connecting, reason);
  await clock.advance(1_000);
  assertEquals([network.open.size, clock.pending], [0, 0]);

  const aborted = AbortSignal.abort(reason);
  const none = new Hosts({ a: "up" });
  const { hosts } = none;
  const never = connect({ hosts, dialer: none, signal: aborted });
  assertStrictEquals(await outcome(never), reason);
  assertEquals(none.dialled, []);
});

Deno.test("connect() tries all hosts again with retry", async () => {
  using clock = fakeClock();
  const network = new Hosts({ a: "refused", b: "refused" });
  const connecting = connect({
    hosts: network.hosts,
    dialer: network,
    retry: { minDelayMs: 100 },
  });
  await clock.advance(10);
  assertEquals(network.dialled.toSorted(), ["a", "b"]);
  network.behaviours.b = "up";
  await clock.advance(100);
  (await connecting).abort();
  assert(network.dialled.length >= 3 && network.dialled.length <= 4);
});

Deno.test("connect() goes past a host whose backlog is full", {
  ...TIMEOUT,
  ignore: lacksPrograms("python3") || Deno.build.os !== "linux",
}, async () => {
  const program = `
import socket, sys
listener = socket.create_server(("127.0.0.1", 0), backlog=0)
port = listener.getsockname()[1]
fill = []
for _ in range(4):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    fill.append(client)
print(port, flush=True)
sys.stdin.read()
`;
  await using full = start("python3", ["-c", program]);
  const port = Number(await full.line());
  await using server = serve({ port: 0 }, (socket) => socket.write("hello\n"));
  const hosts = [{ port }, server.addr];
  using socket = await connect({ hosts, order: "given", timeoutMs: 1_000 });
  assertEquals(await socket.readLine(), "hello");
});

Deno.test(
  "connect() speaks TLS to the host that shakes hands first",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const { cert, key } = await authority.issue({ names: ["localhost"] });
    await using server = serve(
      { port: 0, tls: { cert, key } },
      (socket) => socket.write("hello\n"),
    );
    // It accepts, and says nothing.
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = silent.accept();
    const hosts = [
      { hostname: "localhost", port: silent.addr.port },
      { hostname: "localhost", port: server.addr.port },
    ];
    const tls = { caCerts: [authority.cert] };
    using socket = await connect({
      hosts,
      order: "given",
      hostDelayMs: 20,
      tls,
    });
    assertEquals(await socket.readLine(), "hello");
    (await accepted).close();
  },
);

Deno.test("reconnect() takes several hosts, and moves on when one goes down", async () => {
  using clock = fakeClock();
  const network = new Hosts({ a: "up", b: "up" });
  const remote: string[] = [];
  const link = reconnect({
    hosts: network.hosts,
    dialer: network,
    order: "given",
    retry: { minDelayMs: 1 },
  }, async (socket) => {
    remote.push(network.dialled.at(-1)!);
    if (remote.length === 2) return;
    network.behaviours.a = "refused";
    network.peers[0].close();
    await socket.read();
  });
  // Its peer does not end its side.
  await clock.advance(6_000);
  assertEquals((await link.ended).endedBy, "return");
  assertEquals([remote, network.dialled], [["a", "b"], ["a", "a", "b"]]);
  assertThrows(
    () => reconnect({ hosts: [] }, () => {}),
    TypeError,
    "hosts must be an array of at least one host",
  );
});

Deno.test("connect() refuses hosts that cannot be meant", async () => {
  const hosts = [{ port: 1 }];
  const dialer = new Hosts({});
  const wrong: [object, typeof TypeError | typeof RangeError, string][] = [
    [{ hosts: [] }, TypeError, "hosts must be an array of at least one host"],
    [{ hosts: "a:1" }, TypeError, "hosts must be an array"],
    [{ hosts: [5] }, TypeError, "hosts[0] must be an object, got 5"],
    [{ hosts: [{ port: 1 }, {}] }, TypeError, "hosts[1].port must be a number"],
    [{ hosts: [{ port: 0 }] }, RangeError, "hosts[0].port must be an integer"],
    [{ hosts: [{ port: 1, host: "a" }] }, TypeError, "of hosts[0]"],
    [{ hosts: [{ port: 1, hostname: "" }] }, TypeError, "hosts[0].hostname"],
    [{ hosts, port: 1 }, TypeError, "port must be absent beside hosts"],
    [{ hosts, path: "/x" }, TypeError, "path must be absent beside hosts"],
    [{ hosts, order: "any" }, RangeError, 'order must be "random" or "given"'],
    [{ hosts, hostDelayMs: -1 }, RangeError, "hostDelayMs must be at least 0"],
    [{ hosts, noDelay: 1 }, TypeError, "noDelay must be a boolean"],
    [{ hosts, tls: 5 }, TypeError, "tls must be a boolean"],
    [{ hosts, dialer: {} }, TypeError, "dialer must be an object with dial()"],
    [{ hosts, dialer, noDelay: true }, TypeError, "absent beside dialer"],
    [
      { port: 1, order: "given" },
      TypeError,
      "order must be absent beside port",
    ],
    [{ path: "/x", hostDelayMs: 1 }, TypeError, "absent beside path"],
  ];
  for (const [options, kind, text] of wrong) {
    await assertRejects(() => connect(options as { port: number }), kind, text);
  }
});

Deno.test("the types of connect() keep hosts and one host apart", () => {
  const hosts = [{ port: 1 }];
  const all: unknown[] = [
    { hosts, tls: true, timeoutMs: 5 } satisfies ConnectOptions,
    { hosts, dialer: new Hosts({}) } satisfies ConnectOptions,
    // @ts-expect-error: one or several
    { hosts, port: 1 } satisfies ConnectOptions,
    // @ts-expect-error: a path is no host
    { hosts, path: "/a" } satisfies ConnectOptions,
    // @ts-expect-error: the order of one
    { port: 1, order: "given" } satisfies ConnectOptions,
  ];
  assertEquals(all.length, 5);
});

Deno.test("connect() finds the one host that is up, whatever the others do, and leaks nothing", async () => {
  for (let seed = 1; seed <= 50; seed++) {
    using clock = fakeClock();
    const random = seededRandom(seed);
    const kinds: Behaviour[] = ["refused", "silent", 20_000];
    const network = new Hosts(Object.fromEntries(
      Array.from("abcdef", (name) => [
        name,
        kinds[Math.floor(random() * kinds.length)],
      ]),
    ));
    const names = Object.keys(network.behaviours);
    network.behaviours[names[Math.floor(random() * 6)]] = random() * 100;
    const connecting = connect({ hosts: network.hosts, dialer: network });
    await clock.advance(5 * 250 + 101);
    (await connecting).abort();
    await clock.advance(30_000);
    assertEquals([network.open.size, clock.pending], [0, 0], `seed ${seed}`);
  }
});

Deno.test(
  "connect() fails where the same object is twice in hosts, and refuses holes",
  TIMEOUT,
  async () => {
    const dialer = new Hosts({ a: "refused" });
    const [host] = dialer.hosts;
    for (const order of ["given", "random"] as const) {
      const error = await outcome(
        connect({ hosts: [host, host], order, dialer, hostDelayMs: 1 }),
      );
      assertIsError(error, BrokenError, "Cannot connect to any of 2 hosts");
    }
    assertEquals(dialer.dialled.length, 4);
    // deno-lint-ignore no-sparse-arrays
    const hosts = [host, , host] as typeof host[];
    await assertRejects(
      () => connect({ hosts, dialer }),
      TypeError,
      "hosts[1]",
    );
  },
);
