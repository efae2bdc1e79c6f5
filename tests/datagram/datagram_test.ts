import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import dns from "node:dns";
import {
  BrokenError,
  BusyError,
  ClosedError,
  Deadline,
  LimitError,
  PermissionError,
  TimeoutError,
} from "@sluice/net";
import {
  connectDatagram,
  datagram,
  type DatagramTransport,
  type UdpOptions,
} from "@sluice/net/datagram";
import { hasFlag, soon, testBackends, textOf, until } from "./_backends.ts";

testBackends(
  "datagram() carries datagrams whole, with their senders",
  async ({ open }) => {
    await using left = await open();
    await using right = await open();
    assertNotEquals(left.localAddr.port, 0);
    assertEquals(left.localAddr.transport, "udp");
    assertEquals(left.addr, left.localAddr);
    assertEquals(left.localAddr.hostname, "127.0.0.1");
    await left.send(new Uint8Array([1, 2, 3]), right.localAddr);
    await left.send("text", { port: right.localAddr.port });
    const first = await right.receive(soon);
    assertEquals({ ...first!.from }, { ...left.localAddr });
    assertEquals(first!.data, new Uint8Array([1, 2, 3]));
    assertEquals(textOf(await right.receive(soon)), "text");
    await right.send("back", first!.from);
    assertEquals(textOf(await left.receive(soon)), "back");
  },
);

testBackends(
  "datagram() carries empty and the largest datagrams, and refuses larger ones",
  async ({ open }) => {
    await using socket = await open();
    const to = socket.localAddr;
    await socket.send(new Uint8Array(), to);
    await socket.send("", to);
    assertEquals((await socket.receive(soon))!.data.length, 0);
    assertEquals((await socket.receive(soon))!.data.length, 0);
    const large = new Uint8Array(65_507).map((_, i) => i * 7 + (i >> 8));
    await socket.send(large, to);
    assertEquals((await socket.receive(soon))!.data, large);
    await assertRejects(
      () => socket.send(new Uint8Array(65_508), to),
      RangeError,
      "Cannot send: data must be at most 65507 bytes long, the most that a datagram has room for, got 65508",
    );
    await assertRejects(() => socket.send("€".repeat(21_836), to), RangeError);
    assertEquals(socket.stats, {
      received: 3,
      bytes: 65_507,
      dropped: 0,
      oversize: 0,
      ignored: 0,
      queued: 0,
      sent: 3,
      sentBytes: 65_507,
    });
  },
);

testBackends(
  "a datagram belongs to whoever receives it, and a sent array to its owner",
  async ({ open }) => {
    await using socket = await open();
    const data = new Uint8Array([1, 1, 1]);
    await socket.send(data, socket.localAddr);
    data.fill(2);
    await socket.send(data, socket.localAddr);
    data.fill(3);
    const one = await socket.receive(soon);
    const two = await socket.receive(soon);
    assertEquals(one!.data, new Uint8Array([1, 1, 1]));
    assertEquals(two!.data, new Uint8Array([2, 2, 2]));
    // Of its own size, whatever was kept free for it.
    assertEquals(one!.data.buffer.byteLength, 3);
    assertEquals(Object.getPrototypeOf(one!.data), Uint8Array.prototype);
  },
);

testBackends(
  "a datagram above maxDatagramBytes is dropped and counted, not cut off",
  async ({ open }) => {
    await using socket = await open({ maxDatagramBytes: 10 });
    await socket.send(new Uint8Array(11), socket.localAddr);
    await socket.send(new Uint8Array(10), socket.localAddr);
    assertEquals((await socket.receive(soon))!.data.length, 10);
    const { received, oversize, bytes } = socket.stats;
    assertEquals([received, oversize, bytes], [2, 1, 10]);
  },
);

for (
  const [onFull, kept] of [
    ["drop-oldest", [3, 4]],
    ["drop-newest", [0, 1]],
  ] as const
) {
  testBackends(`${onFull}: a full queue drops and counts`, async ({ open }) => {
    await using socket = await open({ maxQueuedDatagrams: 2, onFull });
    await using sender = await open();
    for (let i = 0; i < 5; i++) {
      await sender.send(new Uint8Array([i]), socket.localAddr);
    }
    await until(() => socket.stats.received === 5);
    assertEquals([socket.stats.dropped, socket.stats.queued], [3, 2]);
    const got = [await socket.receive(soon), await socket.receive(soon)];
    assertEquals(got.map((datagram) => datagram!.data[0]), [...kept]);
    // There is room again.
    await sender.send("more", socket.localAddr);
    assertEquals(textOf(await socket.receive(soon)), "more");
  });
}

testBackends("maxQueuedBytes bounds the queue as well", async ({ open }) => {
  await using socket = await open({ maxQueuedBytes: 100 });
  for (const size of [60, 40, 1, 101]) {
    await socket.send(new Uint8Array(size), socket.localAddr);
  }
  await until(() => socket.stats.received === 4);
  // The first made room for the third; the last one is too large for any queue.
  assertEquals([socket.stats.dropped, socket.stats.queued], [2, 2]);
  assertEquals((await socket.receive())!.data.length, 40);
});

testBackends(
  "a flood costs what the queue holds, and everything is counted",
  async ({ open }) => {
    await using socket = await open({ maxQueuedDatagrams: 50 });
    await using sender = await open();
    const flood = new Uint8Array(1_000);
    for (let i = 0; i < 5_000; i++) await sender.send(flood, socket.localAddr);
    await sender.send("end", socket.localAddr);
    await until(() => socket.stats.queued === 50);
    for (let left = 50; left > 0; left--) await socket.receive(soon);
    const { received, dropped, queued } = socket.stats;
    // The system drops what it has no room for, and does not say.
    assert(received <= 5_001, `${received}`);
    assert(dropped >= received - 50 - queued - 50 && dropped > 0, `${dropped}`);
  },
);

testBackends(
  "closing while receiving is an end, not an error",
  async ({ open }) => {
    const socket = await open();
    const receiving = socket.receive();
    await socket.close();
    assertEquals(await receiving, null);
    assertEquals(await socket.receive(), null);
    await socket.closed;

    const other = await open();
    const looping = Array.fromAsync(other);
    await other.close();
    assertEquals(await looping, []);
  },
);

testBackends(
  "close() drops what waits, frees the port and can be called again",
  async ({ open }) => {
    const socket = await open();
    const { port } = socket.localAddr;
    await socket.send("late", socket.localAddr);
    await until(() => socket.stats.queued === 1);
    await Promise.all([socket.close(), socket.close()]);
    assertEquals(await socket.receive(), null);
    const error = await assertRejects(
      () => socket.send("x", socket.localAddr),
      ClosedError,
      "Cannot send: the socket is closed",
    );
    assertEquals(error.operation, "send");
    await using again = await open({ port });
    assertEquals(again.localAddr.port, port);
  },
);

testBackends("close() lets what is being sent leave", async ({ open }) => {
  await using receiver = await open();
  const socket = await open();
  const sending = socket.send("last words", receiver.localAddr);
  await socket.close();
  await sending;
  assertEquals(textOf(await receiver.receive(soon)), "last words");
});

testBackends(
  "using ends at once, await using and a signal as well",
  async ({ open }) => {
    const controller = new AbortController();
    const socket = await open({ signal: controller.signal });
    const receiving = socket.receive();
    controller.abort();
    assertEquals(await receiving, null);
    await socket.closed;
    await assertRejects(
      () => open({ signal: controller.signal }),
      DOMException,
    );
    let closed: Promise<void>;
    {
      using short = await open();
      closed = short.closed;
    }
    await closed;
  },
);

testBackends(
  "close() with a limit that has passed already closes all the same",
  async ({ open }) => {
    const reason = { why: "enough" };
    const deadline = Deadline.after(0);
    const signal = AbortSignal.abort(reason);
    for (const options of [{ deadline }, { signal }]) {
      const socket = await open();
      const { port } = socket.localAddr;
      const peer = await socket.peer({ port });
      for (const each of [socket, peer]) {
        const closing = each.close(options).then(() => {}, (error) => error);
        assertEquals(await closing, "signal" in options ? reason : undefined);
        await each.closed;
      }
      await (await open({ port })).close();
      // Whatever is no limit closes nothing.
      const other = await open();
      await assertRejects(() => other.close({ timeoutMs: 0 }), RangeError);
      await other.send("still open", other.localAddr);
      await other.close();
    }
  },
);

testBackends(
  "receive() keeps its limits, and a call that was cut off loses nothing",
  async ({ open }) => {
    await using socket = await open();
    const error = await assertRejects(
      () => socket.receive({ timeoutMs: 5 }),
      TimeoutError,
      "Cannot receive within 5 ms",
    );
    assertEquals(error.operation, "receive");
    using deadline = Deadline.after(5);
    await assertRejects(() => socket.receive({ deadline }), TimeoutError);
    const controller = new AbortController();
    const reason = new Error("enough");
    const receiving = assertRejects(
      () => socket.receive({ signal: controller.signal }),
      Error,
      "enough",
    );
    controller.abort(reason);
    assertEquals(await receiving, reason);
    await assertRejects(
      () => socket.receive({ signal: AbortSignal.abort(reason) }),
      Error,
      "enough",
    );
    await socket.send("kept", socket.localAddr);
    assertEquals(textOf(await socket.receive(soon)), "kept");
  },
);

testBackends("one task receives at a time", async ({ open }) => {
  await using socket = await open();
  const first = socket.receive();
  const error = await assertRejects(
    () => socket.receive(),
    BusyError,
    "Cannot receive: another task is receiving",
  );
  assertEquals(error.operation, "receive");
  await socket.send("one", socket.localAddr);
  assertEquals(textOf(await first), "one");
});

testBackends(
  "break leaves the socket open for another loop",
  async ({ open }) => {
    await using socket = await open();
    for (const expected of ["one", "two"]) {
      await socket.send(expected, socket.localAddr);
      for await (const datagram of socket) {
        assertEquals(textOf(datagram), expected);
        break;
      }
    }
  },
);

testBackends(
  "send() refuses what is no datagram or no address",
  async ({ open }) => {
    await using socket = await open();
    const to = socket.localAddr;
    // deno-lint-ignore no-explicit-any -- the point
    const send = (data: any, to: any) => () => socket.send(data, to);
    await assertRejects(
      send([1], to),
      TypeError,
      "data must be a string or a Uint8Array",
    );
    await assertRejects(send("x", null), TypeError, "to must be an address");
    await assertRejects(send("x", {}), TypeError, "to.port must be a number");
    await assertRejects(
      send("x", { port: 0 }),
      RangeError,
      "Cannot send: to.port must be an integer from 1 to 65535, got 0",
    );
    await assertRejects(
      send("x", { port: 1, hostname: "" }),
      TypeError,
      "to.hostname must be a name or an address",
    );
    const gone = new Uint8Array(4);
    gone.buffer.transfer();
    await assertRejects(send(gone, to), TypeError, "transferred");
    assertEquals(socket.stats.sent, 0);
  },
);

testBackends(
  "send() says why the system refuses",
  async ({ open, connect }) => {
    await using socket = await open();
    const far = await assertRejects(
      () => socket.send("x", { hostname: "192.0.2.1", port: 9 }),
      BrokenError,
      "Cannot send to 192.0.2.1:9: unreachable (the socket is bound to 127.0.0.1, which reaches this machine alone: bind it to 0.0.0.0)",
    );
    assertEquals(far.reason, "unreachable");
    await assertRejects(
      () => socket.send("x", { hostname: "::1", port: 9 }),
      BrokenError,
      "Cannot send to [::1]:9: unreachable (the socket is bound to 127.0.0.1, which speaks IPv4)",
    );
    const unknown = await assertRejects(
      () => socket.send("x", { hostname: "no.such.host.invalid", port: 9 }),
      BrokenError,
      "Cannot send to no.such.host.invalid:9: the name has no address",
    );
    assertEquals(unknown.reason, "dns");
    for (const hostname of ["a b", "a\nb", "127.0.0.1\0x", "a..b", "日本"]) {
      await assertRejects(
        () => socket.send("x", { hostname, port: 9 }),
        TypeError,
        "Cannot send: hostname must be a name or an address, got ",
      );
      await assertRejects(
        () => open({ hostname }),
        TypeError,
        "Cannot bind: hostname must be a name or an address, got ",
      );
      await assertRejects(
        () => connect({ hostname, port: 9 }),
        TypeError,
        "Cannot connect: hostname must be a name or an address, got ",
      );
    }
    // It is still good.
    await socket.send("x", {
      hostname: "localhost",
      port: socket.localAddr.port,
    });
    assertEquals(textOf(await socket.receive(soon)), "x");
  },
);

testBackends("a port where nothing listens is no error", async ({ open }) => {
  await using socket = await open();
  const gone = await open();
  const { localAddr } = gone;
  await gone.close();
  for (let i = 0; i < 3; i++) await socket.send("anyone?", localAddr);
  await socket.send("here", socket.localAddr);
  assertEquals(textOf(await socket.receive(soon)), "here");
});

testBackends(
  "datagram() says why an address cannot be bound",
  async ({ open }) => {
    await using socket = await open();
    const { port } = socket.localAddr;
    const used = await assertRejects(
      () => open({ port }),
      BrokenError,
      `Cannot bind to 127.0.0.1:${port}: address already in use (something is listening there)`,
    );
    assertEquals(used.reason, "in-use");
    const foreign = await assertRejects(
      () => open({ hostname: "192.0.2.1" }),
      BrokenError,
      "Cannot bind to 192.0.2.1:0: address not available",
    );
    assertEquals(foreign.reason, "not-available");
  },
);

testBackends(
  "several sockets bind one port with reuseAddress",
  async ({ open }) => {
    await using one = await open({ reuseAddress: true });
    const { port } = one.localAddr;
    await using two = await open({ port, reuseAddress: true });
    assertEquals(two.localAddr.port, port);
  },
);

testBackends(
  "datagram() speaks IPv6, with brackets and without",
  async ({ open }) => {
    await using socket = await open({ hostname: "[::1]" });
    await socket.send("six", { hostname: "::1", port: socket.localAddr.port });
    await socket.send("six", {
      hostname: "[::1]",
      port: socket.localAddr.port,
    });
    const received = await socket.receive(soon);
    assertEquals(textOf(received), "six");
    assertEquals(received!.from.hostname, "::1");
    assertEquals(textOf(await socket.receive(soon)), "six");
  },
);

testBackends(
  "sends to 255.255.255.255 take broadcast: true",
  async ({ open }) => {
    await using socket = await open({ hostname: "0.0.0.0" });
    await assertRejects(
      () => socket.send("x", { hostname: "255.255.255.255", port: 9 }),
      TypeError,
      "Cannot send: broadcast must be true for 255.255.255.255, got false",
    );
  },
);

Deno.test("datagram() refuses bad options at once", async () => {
  // deno-lint-ignore no-explicit-any -- the point
  const open = (options: any) => () => datagram(options);
  const start = "Cannot open a datagram socket: ";
  await assertRejects(open({}), TypeError, `${start}port must be a number`);
  await assertRejects(open({ port: 70_000 }), RangeError, "from 0 to 65535");
  await assertRejects(
    open({ port: 0, host: "::" }),
    TypeError,
    `${start}unknown option "host", did you mean hostname?`,
  );
  await assertRejects(
    open({ port: 0, path: "/x" }),
    TypeError,
    "absent beside",
  );
  await assertRejects(open({ port: 0, onFull: "x" }), RangeError, "onFull");
  const names = ["maxQueuedDatagrams", "maxQueuedBytes", "maxPendingBytes"];
  for (const name of names) {
    await assertRejects(open({ port: 0, [name]: 0 }), RangeError, name);
  }
  await assertRejects(open({ port: 0, maxDatagramBytes: 65_536 }), RangeError);
  await assertRejects(open({ port: 0, ttl: 0 }), RangeError, "ttl");
  await assertRejects(
    open({ port: 0, ttl: 5, backend: "deno" }),
    TypeError,
    `ttl must be absent beside backend "deno"`,
  );
  await assertRejects(open({ port: 0, backend: "bun" }), RangeError, "backend");
  await assertRejects(open({ port: 0, backend: {} }), TypeError, "bind()");
  await assertRejects(
    open({ port: 0, hostname: "fe80::1" }),
    TypeError,
    "zone",
  );
  await assertRejects(open({ path: "/x", ttl: 1 }), TypeError, "beside path");
  await assertRejects(open({ path: `/${"x".repeat(200)}` }), RangeError);
  await assertRejects(open({ port: 0, transport: "tcp" }), RangeError);
});

Deno.test("each call refuses limits of an unknown name, before it sends or closes", async () => {
  const made = handMade();
  await using socket = await made.open();
  await using peer = await connectDatagram({ port: 9 });
  const wrong = { timeoutMS: 5 } as object;
  const calls: [string, () => Promise<unknown>][] = [
    ["receive", () => socket.receive(wrong)],
    ["receive", () => peer.receive(wrong)],
    ["send", () => socket.send("x", THERE, wrong)],
    ["send", () => peer.send("x", wrong)],
    ["close", () => socket.close(wrong)],
    ["close", () => peer.close(wrong)],
  ];
  for (const [action, call] of calls) {
    await assertRejects(
      call,
      TypeError,
      `Cannot ${action}: unknown option "timeoutMS", did you mean timeoutMs?`,
    );
  }
  assertEquals([socket.stats.sent, peer.stats.sent], [0, 0]);
  await socket.send("still open", THERE);
});

Deno.test("a broadcast without its option says what it takes (node)", async () => {
  const to = { hostname: "127.255.255.255", port: 9 };
  await using socket = await datagram({ port: 0, backend: "node" });
  await assertRejects(
    () => socket.send("x", to),
    BrokenError,
    "Cannot send to 127.255.255.255:9: the system refuses it (is it a broadcast address? that takes broadcast: true)",
  );
  await using loud = await datagram({
    port: 0,
    backend: "node",
    broadcast: true,
  });
  await loud.send("x", to);
});

Deno.test("what node:dgram alone can do chooses it", async () => {
  await using socket = await datagram({
    port: 0,
    ttl: 3,
    multicastTtl: 2,
    multicastLoopback: false,
    multicastInterface: "127.0.0.1",
    broadcast: true,
  });
  await socket.send("x", socket.localAddr);
  assertEquals(textOf(await socket.receive(soon)), "x");
});

Deno.test("without --unstable-net the error names the flag", {
  ignore: hasFlag,
}, async () => {
  const backend = "deno" as const;
  for (
    const options of [{ port: 0, backend }, { path: "/tmp/none", backend }]
  ) {
    const error = await assertRejects(
      () => datagram(options as UdpOptions),
      PermissionError,
      "run again with --unstable-net, as Deno.listenDatagram is behind it",
    );
    assertEquals(error.flags, ["--unstable-net"]);
  }
});

/** A transport by hand: what arrives is what a test says. */
function handMade() {
  let sink!: Parameters<DatagramTransport<Deno.NetAddr>["start"]>[0];
  const localAddr = { transport: "udp", hostname: "here", port: 1 } as const;
  const transport: DatagramTransport<Deno.NetAddr> = {
    localAddr,
    start: (given) => sink = given,
    send: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  return {
    transport,
    open: () =>
      datagram({
        port: 1,
        backend: { bind: () => Promise.resolve(transport) },
      }),
    get sink() {
      return sink;
    },
  };
}

Deno.test("a datagram from port 0 is forged, cannot be answered, and is dropped", async () => {
  const made = handMade();
  await using socket = await made.open();
  const from = { transport: "udp", hostname: "10.0.0.1", port: 0 } as const;
  made.sink.onDatagram(new Uint8Array(1), from);
  made.sink.onDatagram(new Uint8Array(2), { ...from, port: 5 });
  assertEquals((await socket.receive())!.data.length, 2);
  assertEquals([socket.stats.ignored, socket.stats.received], [1, 2]);
});

Deno.test("a transport that fails ends the socket, after what has arrived", async () => {
  const made = handMade();
  const socket = await made.open();
  const from = { transport: "udp", hostname: "10.0.0.1", port: 7 } as const;
  made.sink.onDatagram(new Uint8Array(1), from);
  made.sink.onEnd(new Error("unplugged"));
  await socket.closed;
  assertEquals((await socket.receive())!.data.length, 1);
  const error = await assertRejects(() => socket.receive(), BrokenError);
  assertEquals((error.cause as Error).message, "unplugged");
  await assertRejects(() => socket.send("x", from), BrokenError);
  await socket.close();
  assertEquals(await socket.receive(), null);
});

Deno.test("a transport that throws at once, or is none, is an error like any other", async () => {
  const made = handMade();
  made.transport.send = () => {
    throw new Deno.errors.NetworkUnreachable("no way");
  };
  await using socket = await made.open();
  await assertRejects(
    () => socket.send("x", { hostname: "10.0.0.1", port: 7 }),
    BrokenError,
    "Cannot send to 10.0.0.1:7: unreachable",
  );
  // deno-lint-ignore no-explicit-any -- the point
  const none: any = {};
  await assertRejects(
    () => datagram({ port: 1, backend: { bind: () => Promise.resolve(none) } }),
    TypeError,
    "start() and send() and close()",
  );
});

testBackends(
  "a datagram that waits goes where its address said",
  async ({ open }) => {
    await using sender = await open();
    const sockets = [await open(), await open(), await open()];
    const to = { port: 0 };
    await Promise.all(sockets.map((socket) => {
      to.port = socket.localAddr.port;
      return sender.send(`${to.port}`, to);
    }));
    for (const socket of sockets) {
      assertEquals(
        textOf(await socket.receive(soon)),
        `${socket.localAddr.port}`,
      );
      await socket.close();
    }
  },
);

testBackends(
  "an address of another kind is refused, whatever carries the datagrams",
  async ({ open }) => {
    await using socket = await open();
    // deno-lint-ignore no-explicit-any -- the point
    const send = (to: any) => socket.send("x", to);
    const text = "Cannot send: to.path must be absent with UDP";
    await assertRejects(() => send({ path: "/x" }), TypeError, text);
    await send({ path: undefined, port: socket.localAddr.port });
    assertEquals(textOf(await socket.receive(soon)), "x");
  },
);

testBackends(
  "options that change while they are used are taken as they were",
  async ({ name }) => {
    const options: UdpOptions = {
      port: 0,
      maxQueuedDatagrams: 1,
      backend: name as "node" | "deno",
    };
    const opening = datagram(options);
    options.maxQueuedDatagrams = 5;
    await using socket = await opening;
    for (let i = 0; i < 3; i++) await socket.send("x", socket.localAddr);
    await until(() => socket.stats.received === 3);
    assertEquals(socket.stats.dropped, 2);
  },
);

testBackends(
  "a group that was joined already, was not joined or is of IPv6 is refused in the same words",
  async ({ open }) => {
    await using socket = await open({ hostname: "0.0.0.0" });
    await assertRejects(
      () => socket.joinMulticast("ff02::1"),
      TypeError,
      "Cannot join: group must be one of IPv4 (the socket is bound to 0.0.0.0)",
    );
    const options = { interface: "127.0.0.1" };
    for (let i = 0; i < 2; i++) {
      await assertRejects(
        () => socket.leaveMulticast("239.1.2.3", options),
        BrokenError,
        "Cannot leave 239.1.2.3: this socket has not joined it on that interface",
      );
      await socket.joinMulticast("239.1.2.3", options);
      const error = await assertRejects(
        () => socket.joinMulticast("239.1.2.3", options),
        BrokenError,
        "Cannot join 239.1.2.3: this socket has joined it already",
      );
      assertEquals([error.reason, error.operation], ["in-use", "join"]);
      await socket.leaveMulticast("239.1.2.3", options);
    }
  },
);

testBackends(
  "of two calls about one group at once the second is told so, and closing ends both",
  async ({ open }) => {
    const socket = await open({ hostname: "0.0.0.0" });
    const group = "239.1.2.4";
    const local = { interface: "127.0.0.1" };
    const [first, second] = await Promise.allSettled([
      socket.joinMulticast(group, local),
      socket.joinMulticast(group, local),
    ]);
    assertEquals(first.status, "fulfilled");
    assert(second.status === "rejected");
    assert(second.reason instanceof BusyError, String(second.reason));
    assertEquals(
      second.reason.message,
      `Cannot join ${group}: another call is joining it`,
    );
    // Another group does not wait for it.
    await Promise.all([
      socket.leaveMulticast(group, local),
      socket.joinMulticast("239.1.2.5", local),
      assertRejects(
        () => socket.joinMulticast(group, local),
        BusyError,
        "another call is leaving it",
      ),
    ]);
    await socket.joinMulticast(group, local);
    await Promise.all([
      socket.leaveMulticast(group, local),
      assertRejects(() => socket.leaveMulticast(group, local), BusyError),
    ]);
    const closing = assertRejects(
      async () => {
        const joining = socket.joinMulticast(group, local);
        await Promise.all([joining, socket.close()]);
      },
      ClosedError,
      "Cannot join: the socket is closed",
    );
    await closing;
    await assertRejects(() => socket.leaveMulticast(group, local), ClosedError);
  },
);

testBackends(
  "a group that was joined on an interface by another of its names is joined already",
  async ({ open }) => {
    await using socket = await open({ hostname: "::1" });
    const group = "ff01::77";
    await socket.joinMulticast(group, { interface: "1" });
    for (const name of ["1", 1, "01"]) {
      const error = await assertRejects(
        () => socket.joinMulticast(group, { interface: name }),
        BrokenError,
        `Cannot join ${group}: this socket has joined it already`,
      );
      assertEquals(error.reason, "in-use");
    }
    await socket.leaveMulticast(group, { interface: 1 });
  },
);

Deno.test("a group that the system has joined by another name, or could not leave, is told as such", async () => {
  const made = handMade();
  let fails = true;
  made.transport.joinMulticast = () => {
    if (!fails) return Promise.resolve();
    throw new Deno.errors.AddrInUse("Address already in use");
  };
  made.transport.leaveMulticast = () => {
    if (!fails) return Promise.resolve();
    throw new Deno.errors.PermissionDenied("not now");
  };
  await using socket = await made.open();
  const error = await assertRejects(
    () => socket.joinMulticast("224.0.0.9"),
    BrokenError,
    "Cannot join 224.0.0.9: this socket has joined it already",
  );
  assert(error.cause instanceof Deno.errors.AddrInUse);
  fails = false;
  await socket.joinMulticast("224.0.0.9", { interface: "0.0.0.0" });
  fails = true;
  await assertRejects(() => socket.leaveMulticast("224.0.0.9"));
  // It is a member still.
  fails = false;
  await socket.leaveMulticast("224.0.0.9");
  await assertRejects(
    () => socket.leaveMulticast("224.0.0.9"),
    BrokenError,
    "this socket has not joined it",
  );
});

testBackends(
  "joinMulticast() refuses what is no interface",
  async ({ open }) => {
    await using socket = await open({ hostname: "0.0.0.0" });
    // deno-lint-ignore no-explicit-any -- the point
    const join = (group: string, options: any) => () =>
      socket.joinMulticast(group, options);
    const start = "Cannot join: ";
    const group = "224.0.0.251";
    await assertRejects(
      join(group, { interface: "lo" }),
      TypeError,
      `${start}interface must be the IPv4 address of an interface for IPv4, got "lo"`,
    );
    await assertRejects(
      join("[ff02::1]", { interface: "127.0.0.1" }),
      TypeError,
      `${start}interface must be the number of an interface for IPv6`,
    );
    await assertRejects(
      join("ff02::1", { interface: 2 ** 32 + 1 }),
      TypeError,
      `${start}interface must be the number of an interface for IPv6`,
    );
    await assertRejects(join(group, { iface: 1 }), TypeError, "unknown option");
    await assertRejects(
      join("ff02::1%lo", {}),
      TypeError,
      `${start}group must be a multicast address without a zone`,
    );
    await assertRejects(
      join(group, { interface: "9.9.9.9" }),
      BrokenError,
      `Cannot join ${group}: the system refuses it (is 9.9.9.9 an interface of this machine?)`,
    );
  },
);

/** The interfaces of a machine of Linux that have joined a group of IPv6, by number. */
function joinedBy(group: string): number[] {
  return Deno.readTextFileSync("/proc/net/igmp6").split("\n")
    .filter((line) => line.includes(group))
    .map((line) => parseInt(line));
}

testBackends(
  "joinMulticast() of IPv6 joins on the interface of that number, or on none",
  async ({ name, open }) => {
    if (Deno.build.os !== "linux") return;
    const numbers = Deno.networkInterfaces().map(({ scopeid }) => scopeid ?? 0);
    // Other processes of this machine run this test, too.
    const digits = crypto.randomUUID();
    const id = `1${digits.slice(0, 3)}1${digits.slice(3, 6)}`;
    const group = `ff02::${id.slice(0, 4)}:${id.slice(4)}`;
    await using socket = await open({ hostname: "::" });
    for (const number of new Set([1, ...numbers.filter((n) => n > 0)])) {
      await socket.joinMulticast(group, { interface: number });
      assertEquals(joinedBy(id), [number]);
      await socket.leaveMulticast(group, { interface: `${number}` });
      assertEquals(joinedBy(id), []);
    }
    // It is left as it was joined, however it is written.
    await socket.joinMulticast(group);
    assertEquals(joinedBy(id).length, 1);
    const other = `[${group.toUpperCase().replace("::", ":0::")}]`;
    await socket.leaveMulticast(other, { interface: 0 });
    assertEquals(joinedBy(id), []);
    await assertRejects(
      () => socket.joinMulticast(group, { interface: 99_999 }),
      BrokenError,
      name === "node"
        ? `Cannot join or leave ${group}: no interface of this machine has the number 99999`
        : `Cannot join ${group}: the system refuses it (is 99999 an interface of this machine?)`,
    );
    assertEquals(joinedBy(id), []);
  },
);

Deno.test("a multicastInterface that is none of this machine is told as such", async () => {
  const error = await assertRejects(
    () =>
      datagram({ port: 0, hostname: "0.0.0.0", multicastInterface: "9.9.9.9" }),
    BrokenError,
    'Cannot bind to 0.0.0.0:0: multicastInterface is "9.9.9.9", which is no interface of this machine',
  );
  assertEquals(error.reason, "not-available");
});

/** A transport whose sends end when the test says. */
function slow() {
  const made = handMade();
  const sent: string[] = [];
  const ends: (() => void)[] = [];
  made.transport.send = (data) => {
    sent.push(new TextDecoder().decode(data));
    return new Promise<void>((resolve) => ends.push(resolve));
  };
  return { ...made, sent, endNext: () => ends.shift()!() };
}

const THERE = { hostname: "10.0.0.1", port: 7 };

Deno.test("a send that was cut off while it waited is not sent, nor what its array says later", async () => {
  const made = slow();
  await using socket = await made.open();
  const first = socket.send("first", THERE);
  const bytes = new TextEncoder().encode("second");
  await assertRejects(
    () => socket.send(bytes, THERE, { timeoutMs: 1 }),
    TimeoutError,
  );
  bytes.fill(0);
  const third = socket.send("third", THERE);
  made.endNext();
  await first;
  await until(() => made.sent.length === 2);
  made.endNext();
  await third;
  assertEquals(made.sent, ["first", "third"]);
  assertEquals(socket.stats.sent, 2);
});

Deno.test("an array that is transferred while it waits is an error, not an empty datagram", async () => {
  const made = slow();
  await using socket = await made.open();
  const first = socket.send("first", THERE);
  const bytes = new Uint8Array(4);
  const second = assertRejects(
    () => socket.send(bytes, THERE),
    TypeError,
    "Cannot send: data was transferred or resized before it was sent",
  );
  bytes.buffer.transfer();
  made.endNext();
  await Promise.all([first, second]);
  assertEquals(made.sent, ["first"]);
});

Deno.test("a send that closing cuts is a ClosedError, whatever the system says", async () => {
  const made = handMade();
  const closed = Promise.withResolvers<void>();
  made.transport.send = () =>
    closed.promise.then(() => {
      throw new Error("send UNKNOWN");
    });
  made.transport.close = () => Promise.resolve(closed.resolve());
  const socket = await made.open();
  const sending = assertRejects(
    () => socket.send("x", THERE),
    ClosedError,
    "Cannot send: the socket is closed",
  );
  socket[Symbol.dispose]();
  await sending;
});

Deno.test("a transport that cannot start is closed, and leaves the signal", async () => {
  const made = handMade();
  let closes = 0;
  made.transport.close = () => Promise.resolve(void closes++);
  made.transport.start = () => {
    throw new Error("cannot start");
  };
  await assertRejects(made.open, Error, "cannot start");
  assertEquals(closes, 1);
});

Deno.test("a signal that aborts at any time of binding leaves nothing open", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const controller = new AbortController();
    const { signal } = controller;
    const made = handMade();
    let closes = 0;
    made.transport.close = () => Promise.resolve(void closes++);
    const backend = { bind: () => Promise.resolve(made.transport) };
    const opening = datagram({ port: 1, signal, backend });
    for (let i = 0; i < turns; i++) await Promise.resolve();
    controller.abort(new Error("not now"));
    try {
      const socket = await opening;
      assertEquals(await socket.receive(soon), null);
    } catch (error) {
      assertEquals((error as Error).message, "not now");
    }
    assertEquals([turns, closes], [turns, 1]);
  }
});

Deno.test("a signal ends the wait for an address, and what is bound later is closed", async () => {
  const made = handMade();
  const closed = Promise.withResolvers<void>();
  made.transport.close = () => Promise.resolve(closed.resolve());
  const binding = Promise.withResolvers<typeof made.transport>();
  const backend = { bind: () => binding.promise };
  const controller = new AbortController();
  const { signal } = controller;
  const opening: Promise<unknown>[] = [
    datagram({ port: 1, signal, backend }),
    connectDatagram({ port: 1, signal, backend }),
  ];
  const { lookup } = dns.promises;
  // A resolver that does not answer.
  dns.promises.lookup = (() => new Promise(() => {})) as typeof lookup;
  try {
    const hostname = "slow.example";
    opening.push(
      datagram({ hostname, port: 0, signal, backend: "node" }),
      connectDatagram({ hostname, port: 1, signal }),
    );
    await Promise.resolve();
    controller.abort(new Error("not now"));
    for (const each of opening) {
      await assertRejects(() => each, Error, "not now");
    }
  } finally {
    dns.promises.lookup = lookup;
  }
  binding.resolve(made.transport);
  await closed.promise;
});

testBackends(
  "an address that the system refuses is one error",
  async ({ open }) => {
    await assertRejects(
      () => open({ hostname: "::1%lo" }),
      BrokenError,
      "Cannot bind to [::1%lo]:0: ",
    );
  },
);

Deno.test("sends that nothing awaits are bounded, cut off or not", async () => {
  const localAddr: Deno.NetAddr = {
    transport: "udp",
    hostname: "127.0.0.1",
    port: 9,
  };
  const taking: PromiseWithResolvers<void>[] = [];
  const transport: DatagramTransport<Deno.NetAddr> = {
    localAddr,
    start() {},
    send() {
      taking.push(Promise.withResolvers<void>());
      return taking.at(-1)!.promise;
    },
    close: () => Promise.resolve(),
  };
  await using socket = await datagram({
    port: 9,
    maxPendingBytes: 3 * (1_024 + 100),
    backend: { bind: () => Promise.resolve(transport) },
  });
  const send = (length: number, options?: { timeoutMs: number }) =>
    socket.send(new Uint8Array(length), localAddr, options);
  const refused = async () => {
    const error = await assertRejects(() => send(100), LimitError);
    assertEquals(error.limit, 3 * (1_024 + 100));
    assertMatch(error.message, /^Cannot send: more than 3372 bytes would be/);
  };

  const sends = [send(100), send(100), send(100)];
  await refused();
  taking[0].resolve();
  await sends[0];
  // What was cut off still waits for those before it.
  await assertRejects(() => send(100, { timeoutMs: 1 }), TimeoutError);
  await refused();
  taking[1].resolve();
  await sends[1];
  taking[2].resolve();
  await sends[2];
  await until(() => socket.stats.sent === 3);
  // One that is alone may be larger than the limit.
  const large = send(5_000);
  await refused();
  taking[3].resolve();
  await large;
  assertEquals(socket.stats.sent, 4);
});
