import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  ClosedError,
  Deadline,
  LimitError,
  PermissionError,
  TimeoutError,
} from "@sluice/net";
import {
  connectDatagram,
  type DatagramPeer,
  type DatagramTransport,
} from "@sluice/net/datagram";
import { fakeClock } from "@sluice/net/testing";
import {
  type Backend,
  soon,
  testBackends,
  textOf,
  type Udp,
  until,
} from "./_backends.ts";

/** A server by hand, and a peer that asks it. */
async function pair({ open, connect }: Backend) {
  const server = await open();
  const peer = await connect({ port: server.localAddr.port });
  return {
    server,
    peer,
    async [Symbol.asyncDispose]() {
      await Promise.all([server.close(), peer.close()]);
    },
  };
}

/** Accepts the answer with this first byte. */
const withId = (id: number) => (data: Uint8Array) => data[0] === id;

/** An answer to what the server receives next. */
async function answerNext(server: Udp, answer: Uint8Array): Promise<void> {
  const query = await server.receive(soon);
  await server.send(answer, query!.from);
}

testBackends(
  "peer() has a socket of its own, bound as the first one is",
  async ({ open, name }) => {
    await using server = await open();
    await using socket = await open();
    await using peer = await socket.peer({ port: server.localAddr.port });
    assert(peer.localAddr.port !== socket.localAddr.port);
    assertEquals(peer.localAddr.hostname, "127.0.0.1");
    assertEquals({ ...peer.remoteAddr }, { ...server.localAddr });
    await peer.send("hello");
    const received = await server.receive(soon);
    assertEquals({ ...received!.from }, { ...peer.localAddr });
    await server.send("welcome", received!.from);
    assertEquals(textOf(await peer.receive(soon)), "welcome");
    assert(["node", "deno"].includes(name));
  },
);

testBackends(
  "a peer receives what its peer sends, and ignores strangers",
  async (backend) => {
    await using both = await pair(backend);
    const { server, peer } = both;
    await using stranger = await backend.open();
    await stranger.send("spoofed", peer.localAddr);
    await server.send("one", peer.localAddr);
    await stranger.send("spoofed", peer.localAddr);
    await server.send("two", peer.localAddr);
    const texts: string[] = [];
    for await (const datagram of peer) {
      texts.push(textOf(datagram));
      if (texts.length === 2) break;
    }
    assertEquals(texts, ["one", "two"]);
    await until(() => peer.stats.ignored === 2);
    assertEquals(peer.stats.received, 4);
  },
);

testBackends(
  "a peer knows its peer however the address is written",
  async ({ open, connect }) => {
    await using server = await open({ hostname: "::1" });
    const { port } = server.localAddr;
    await using peer = await connect({ hostname: "[0:0::0:1]", port });
    await peer.send("hello");
    const { from } = (await server.receive(soon))!;
    await server.send("six", from);
    assertEquals(textOf(await peer.receive(soon)), "six");
  },
);

testBackends(
  "a peer by the name localhost takes no look-up",
  async ({ open, connect }) => {
    await using server = await open();
    const { port } = server.localAddr;
    await using peer = await connect({ hostname: "localhost", port });
    assertEquals(peer.remoteAddr.hostname, "127.0.0.1");
  },
);

testBackends("request() gives the answer", async (backend) => {
  await using both = await pair(backend);
  const { server, peer } = both;
  const answering = answerNext(server, new Uint8Array([7, 42]));
  const query = new Uint8Array([7]);
  const asking = peer.request(query, { accept: withId(7) });
  // It is copied, as it may have to be sent again.
  query.fill(0);
  assertEquals(await asking, new Uint8Array([7, 42]));
  await answering;
  assertEquals([peer.stats.sent, peer.stats.queued], [1, 0]);
});

testBackends(
  "request() sends again until the answer comes",
  async (backend) => {
    await using both = await pair(backend);
    const { server, peer } = both;
    const options = { accept: withId(7), attempts: 3, retransmitMs: 10 };
    const question = new Uint8Array([7]);
    const asking = peer.request(question, options);
    const queries = [await server.receive(soon)];
    // It was copied, as the caller may use its array again.
    question.fill(0);
    for (let i = 1; i < 3; i++) queries.push(await server.receive(soon));
    assertEquals(queries.map((query) => query!.data[0]), [7, 7, 7]);
    await server.send(new Uint8Array([7, 1]), queries[0]!.from);
    assertEquals(await asking, new Uint8Array([7, 1]));
  },
);

testBackends(
  "request() ignores answers of strangers, also from another port",
  async (backend) => {
    await using both = await pair(backend);
    const { server, peer } = both;
    await using stranger = await backend.open();
    const asking = peer.request(new Uint8Array([7]), { accept: withId(7) });
    const query = await server.receive(soon);
    for (let i = 0; i < 20; i++) {
      await stranger.send(new Uint8Array([7, 66]), query!.from);
    }
    await until(() => peer.stats.ignored === 20);
    await server.send(new Uint8Array([9, 66]), query!.from);
    await server.send(new Uint8Array([7, 1]), query!.from);
    assertEquals(await asking, new Uint8Array([7, 1]));
    assertEquals(peer.stats.ignored, 21);
  },
);

testBackends(
  "a late answer and one that comes twice go to no other request",
  async (backend) => {
    await using both = await pair(backend);
    const { server, peer } = both;
    await assertRejects(
      () =>
        peer.request(new Uint8Array([1]), { accept: withId(1), timeoutMs: 30 }),
      TimeoutError,
    );
    const { from } = (await server.receive(soon))!;
    const asking = peer.request(new Uint8Array([2]), {
      accept: withId(2),
      attempts: 1,
    });
    await server.send(new Uint8Array([1, 66]), from);
    await server.send(new Uint8Array([2, 1]), from);
    await server.send(new Uint8Array([2, 1]), from);
    assertEquals(await asking, new Uint8Array([2, 1]));
    await until(() => peer.stats.ignored === 2);
    assertEquals(peer.stats.queued, 0);
  },
);

testBackends(
  "any number of requests wait side by side, and get their own answers",
  async (backend) => {
    await using both = await pair(backend);
    const { server, peer } = both;
    const asking = Promise.all(
      Array.from({ length: 50 }, (_, id) =>
        peer.request(new Uint8Array([id]), {
          accept: withId(id),
          attempts: 1,
        })),
    );
    const queries = [];
    for (let i = 0; i < 50; i++) queries.push((await server.receive(soon))!);
    for (const { data, from } of queries.toReversed()) {
      await server.send(new Uint8Array([data[0], data[0] + 100]), from);
    }
    const answers = await asking;
    assertEquals(
      answers.map((data) => data[1]),
      answers.map((_, i) => i + 100),
    );
  },
);

testBackends(
  "what no request accepts is received where the peer is received from",
  async (backend) => {
    await using both = await pair(backend);
    const { server, peer } = both;
    await server.send("push 1", peer.localAddr);
    assertEquals(textOf(await peer.receive(soon)), "push 1");
    const asking = peer.request(new Uint8Array([7]), { accept: withId(7) });
    const { from } = (await server.receive(soon))!;
    await server.send("push 2", from);
    await server.send(new Uint8Array([7]), from);
    await asking;
    assertEquals(textOf(await peer.receive(soon)), "push 2");
  },
);

testBackends(
  "request() keeps its limits, and says whether it was sent",
  async (backend) => {
    await using both = await pair(backend);
    const { peer } = both;
    const accept = () => true;
    const late = await assertRejects(
      () => peer.request("?", { accept, timeoutMs: 20 }),
      TimeoutError,
      "Cannot request within 20 ms",
    );
    assertEquals([late.sent, late.operation], [true, "request"]);
    assertEquals(late.remoteAddr, peer.remoteAddr);
    using deadline = Deadline.after(5);
    await assertRejects(
      () => peer.request("?", { accept, deadline }),
      TimeoutError,
    );
    const reason = new Error("enough");
    const controller = new AbortController();
    const { signal } = controller;
    const asking = assertRejects(() => peer.request("?", { accept, signal }));
    controller.abort(reason);
    assertEquals(await asking, reason);
    await assertRejects(() => peer.request("?", { accept, signal }), Error);
  },
);

testBackends(
  "close() fails requests that wait, and ends what receives",
  async (backend) => {
    await using both = await pair(backend);
    const { peer } = both;
    const asking = assertRejects(
      () => peer.request("?", { accept: () => true }),
      ClosedError,
      "Cannot request: the socket was closed",
    );
    const receiving = peer.receive();
    await peer.close();
    assertEquals((await asking).sent, true);
    assertEquals(await receiving, null);
    await assertRejects(
      () => peer.request("?", { accept: () => true }),
      ClosedError,
      "Cannot request: the socket is closed",
    );
  },
);

testBackends(
  "an accept that throws ends its own request alone",
  async (backend) => {
    await using both = await pair(backend);
    const { server, peer } = both;
    const bad = assertRejects(
      () =>
        peer.request("a", {
          accept: () => {
            throw new Error("a bug");
          },
        }),
      Error,
      "a bug",
    );
    const good = peer.request("b", { accept: withId(7) });
    const { from } = (await server.receive(soon))!;
    await server.send(new Uint8Array([7]), from);
    await bad;
    assertEquals((await good)[0], 7);
  },
);

testBackends(
  "maxInFlight bounds the requests that wait",
  async ({ open, connect }) => {
    await using server = await open();
    const { port } = server.localAddr;
    await using peer = await connect({ port, maxInFlight: 1 });
    const first = peer.request("a", { accept: withId(1) });
    const error = await assertRejects(
      () => peer.request("b", { accept: withId(2) }),
      LimitError,
      "Cannot request: 1 requests wait for their answers already, which is maxInFlight",
    );
    assertEquals([error.option, error.limit, error.sent], [
      "maxInFlight",
      1,
      false,
    ]);
    await answerNext(server, new Uint8Array([1]));
    await first;
    const again = peer.request("b", { accept: withId(2) });
    await answerNext(server, new Uint8Array([2]));
    await again;
  },
);

testBackends(
  "connectDatagram() takes an address as it is",
  async ({ open }) => {
    await using server = await open();
    await using peer = await connectDatagram(server.localAddr);
    await peer.send("hello");
    assertEquals(textOf(await server.receive(soon)), "hello");
  },
);

Deno.test("request() doubles its waits, and the last one ends with the limit", async () => {
  using clock = fakeClock();
  const sentAt: number[] = [];
  const peer = await byHand(() => sentAt.push(clock.nowMs));
  const random = Math.random;
  Math.random = () => 0;
  try {
    const asking = assertRejects(
      () => peer.request("?", { accept: () => true, timeoutMs: 700 }),
      TimeoutError,
    );
    await clock.advance(1_000);
    await asking;
    assertEquals(sentAt, [0, 100, 300]);

    sentAt.length = 0;
    const again = assertRejects(
      () =>
        peer.request("?", {
          accept: () => true,
          attempts: 4,
          retransmitMs: 10,
          timeoutMs: 200,
        }),
      TimeoutError,
    );
    await clock.advance(1_000);
    await again;
    assertEquals(sentAt.map((ms) => ms - 1_000), [0, 10, 30, 70]);

    // More than there is time for: they leave no flood.
    sentAt.length = 0;
    const many = assertRejects(
      () =>
        peer.request("?", {
          accept: () => true,
          attempts: 1_000,
          timeoutMs: 1_000,
        }),
      TimeoutError,
    );
    await clock.advance(1_000);
    await many;
    const after = sentAt.map((ms) => ms - 2_000);
    assertEquals(after, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511]);
    assertEquals(clock.pending, 0);
  } finally {
    Math.random = random;
    await peer.close();
  }
});

/** A peer that nothing answers. */
function byHand(
  onSend: () => void,
): Promise<DatagramPeer<Deno.NetAddr>> {
  const localAddr = { transport: "udp", hostname: "here", port: 1 } as const;
  const transport = {
    localAddr,
    start() {},
    send: () => Promise.resolve(onSend()),
    close: () => Promise.resolve(),
  };
  return connectDatagram({
    hostname: "there",
    port: 2,
    backend: { bind: () => Promise.resolve(transport) },
  });
}

Deno.test("an answer that comes twice in one turn is one answer", async () => {
  let answer = () => {};
  const localAddr = { transport: "udp", hostname: "here", port: 1 } as const;
  const from = { transport: "udp", hostname: "there", port: 2 } as const;
  const transport: DatagramTransport<Deno.NetAddr> = {
    localAddr,
    start(sink) {
      answer = () => sink.onDatagram(new Uint8Array(1), from);
    },
    send: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  await using peer = await connectDatagram({
    hostname: "there",
    port: 2,
    backend: { bind: () => Promise.resolve(transport) },
  });
  const asking = peer.request("?", { accept: () => true });
  answer();
  answer();
  await asking;
  assertEquals([peer.stats.received, peer.stats.ignored], [2, 1]);
});

Deno.test("a send that fails ends the request", async () => {
  const peer = await byHand(() => {
    throw new Deno.errors.NotCapable(
      'Requires net access to "10.0.0.1:9", run again with the --allow-net flag',
    );
  });
  await assertRejects(
    () => peer.request("?", { accept: () => true }),
    PermissionError,
    "run again with --allow-net=10.0.0.1:9",
  );
  await peer.close();
});

Deno.test("connectDatagram() and request() refuse bad options at once", async () => {
  // deno-lint-ignore no-explicit-any -- the point
  const connect = (options: any) => () => connectDatagram(options);
  const start = "Cannot open a datagram peer: ";
  await assertRejects(connect({}), TypeError, `${start}port must be a number`);
  await assertRejects(connect({ port: 0 }), RangeError, "from 1 to 65535");
  await assertRejects(connect({ port: 1, hostname: "224.0.0.1" }), TypeError);
  await assertRejects(connect({ port: 1, reuseAddress: true }), TypeError);
  await assertRejects(connect({ port: 1, localPort: -1 }), RangeError);
  await assertRejects(connect({ port: 1, maxInFlight: 0 }), RangeError);
  await assertRejects(connect({ path: "/x" }), TypeError, "localPath");
  await assertRejects(connect({ port: 1, localPath: "/x" }), TypeError);

  await using peer = await byHand(() => {});
  // deno-lint-ignore no-explicit-any -- the point
  const request = (options: any) => () => peer.request("?", options);
  const accept = () => true;
  await assertRejects(
    request({}),
    TypeError,
    "Cannot request: accept must be a function, got undefined",
  );
  await assertRejects(request({ accept, attempts: 0 }), RangeError);
  await assertRejects(request({ accept, timeoutMs: 0 }), RangeError);
  await assertRejects(request({ accept, retransmitMs: 0 }), RangeError);
  await assertRejects(
    request({ accept, retries: 2 }),
    TypeError,
    'unknown option "retries"',
  );
  // deno-lint-ignore no-explicit-any -- the point
  await assertRejects(() => peer.request(5 as any, { accept }), TypeError);
});

testBackends(
  "an accept that says neither yes nor no ends its request, and never the process",
  async (backend) => {
    await using both = await pair(backend);
    const { server, peer } = both;
    // deno-lint-ignore no-explicit-any -- the point
    const odd: any[] = [
      () => Promise.reject(new Error("late")),
      () => 1,
      () => undefined,
    ];
    for (const accept of odd) {
      const asking = assertRejects(
        () => peer.request("?", { accept, ...soon }),
        TypeError,
        "Cannot request: accept must be a function that returns true or false at once, got",
      );
      await answerNext(server, new Uint8Array([1]));
      await asking;
    }
  },
);

testBackends(
  "peers are opened for what the options said at the call",
  async ({ name }) => {
    const backend = name as "node" | "deno";
    const options = { hostname: "localhost", port: 1_001, backend };
    const opening = connectDatagram(options);
    options.port = 1_002;
    await using peer = await opening;
    assertEquals(peer.remoteAddr.port, 1_001);
  },
);

testBackends(
  "a peer by its mapped address is reached by IPv4",
  async ({ open, connect }) => {
    await using server = await open();
    const { port } = server.localAddr;
    await using peer = await connect({ hostname: "::ffff:127.0.0.1", port });
    const asking = peer.request("?", { accept: () => true, ...soon });
    await answerNext(server, new Uint8Array([1]));
    assertEquals((await asking)[0], 1);
  },
);

Deno.test("limits of a request that its class gives count, too", async () => {
  await using peer = await byHand(() => {});
  class Limits {
    accept = () => true;
    get signal() {
      return AbortSignal.timeout(1);
    }
  }
  await assertRejects(
    () => peer.request("?", new Limits()),
    DOMException,
  );
});

Deno.test("what arrives as soon as a transport starts is sorted as ever", async () => {
  const address = { transport: "udp", hostname: "10.0.0.1", port: 2 } as const;
  const stranger = { ...address, hostname: "10.0.0.2" };
  const transport: DatagramTransport<Deno.NetAddr> = {
    localAddr: address,
    start(sink) {
      sink.onDatagram(new Uint8Array(1), stranger);
      sink.onDatagram(new Uint8Array(2), address);
    },
    send: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  await using peer = await connectDatagram({
    hostname: "10.0.0.1",
    port: 2,
    backend: { bind: () => Promise.resolve(transport) },
  });
  assertEquals((await peer.receive())!.data.length, 2);
  assertEquals(peer.stats.ignored, 1);
});
