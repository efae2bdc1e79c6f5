import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CodecError, TimeoutError } from "@sluice/net";
import {
  bytes,
  type Codec,
  enumOf,
  json,
  lengthPrefixed,
  lines,
  literal,
  packets,
  struct,
  u16,
  u8,
  union,
  utf8,
} from "@sluice/net/codec";
import {
  connectDatagram,
  datagram,
  packetsOf,
  serveDatagrams,
} from "@sluice/net/datagram";
import { FailedHooks } from "../_support/failed_hooks.ts";
import { soon, testBackends, until } from "./_backends.ts";

const hello = struct({ kind: literal(u8, 1), id: u16, text: utf8(u8) });
const bye = struct({ kind: literal(u8, 2), id: u16 });
const message = union({ kind: enumOf(u8, { ask: 1, say: 2 }) }, {
  ask: struct({ id: u16 }),
  say: struct({ text: utf8(u8) }),
});

testBackends("packetsOf() carries structs and unions", async ({ open }) => {
  await using socket = await open();
  const hellos = packetsOf(socket, hello);
  await hellos.send({ kind: 1, id: 7, text: "hi" }, socket.localAddr);
  const received = await hellos.receive(soon);
  assertEquals(received!.frame, { kind: 1, id: 7, text: "hi" });
  assertEquals({ ...received!.from }, { ...socket.localAddr });

  const messages = packetsOf(socket, message);
  await messages.send({ kind: "say", text: "x" }, socket.localAddr);
  const union = await messages.receive(soon);
  assertEquals(union!.frame, { kind: "say", text: "x" });
  assertEquals(messages.socket, socket);
});

Deno.test("a malformed datagram is counted and skipped, never an end", async () => {
  const malformed: string[] = [];
  await using socket = await datagram({ port: 0 });
  const byes = packetsOf(socket, bye, {
    onMalformed: (error, { data }) =>
      malformed.push(`${data.length} ${error.name}`),
  });
  const looping = (async () => {
    const ids: number[] = [];
    for await (const { frame } of byes) {
      ids.push(frame.id);
      if (ids.length === 2) break;
    }
    return ids;
  })();
  const to = socket.localAddr;
  await byes.send({ kind: 2, id: 1 }, to);
  for (const bad of [[], [2], [2, 0], [2, 0, 1, 9], [3, 0, 1]]) {
    await socket.send(new Uint8Array(bad), to);
  }
  await byes.send({ kind: 2, id: 2 }, to);
  assertEquals(await looping, [1, 2]);
  assertEquals(byes.stats.malformed, 5);
  assertEquals(
    malformed,
    [0, 1, 2, 4, 3].map((n) => `${n} MalformedFrameError`),
  );
});

Deno.test("limits count over all the malformed datagrams of a call", async () => {
  await using socket = await datagram({ port: 0 });
  const byes = packetsOf(socket, bye);
  const receiving = assertRejects(
    () => byes.receive({ timeoutMs: 60 }),
    TimeoutError,
  );
  let over = false;
  const flooding = (async () => {
    while (!over) {
      await socket.send("bad", socket.localAddr);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  await receiving;
  over = true;
  await flooding;
});

for (
  const [name, codec, good, bad] of [
    ["lines", lines(), ["one\n", "one"], ["", "one\ntwo\n", "one\ntwo"]],
    ["json", json(lines()), ['{"a":1}\n', "[2]"], ["", "{", "1\n2\n"]],
    [
      "lengthPrefixed",
      lengthPrefixed({ lengthBytes: 1 }),
      ["\0", "\x01x"],
      ["", "\x02x", "\x01xy", "\x01x\x01y"],
    ],
    [
      "packets",
      packets(struct({ a: u8, b: bytes(u8) })),
      ["a\0", "a\x01x"],
      ["", "a", "a\x02x", "a\0b", "a\0b\0"],
    ],
  ] as [string, Codec<unknown>, string[], string[]][]
) {
  Deno.test(`packetsOf() takes exactly one frame of ${name}`, async () => {
    await using socket = await datagram({ port: 0 });
    const frames = packetsOf(socket, codec);
    const to = socket.localAddr;
    for (const text of [...good, ...bad, good[0]]) await socket.send(text, to);
    const received = [];
    for (let i = 0; i <= good.length; i++) {
      received.push((await frames.receive(soon))!.frame);
    }
    assertEquals(frames.stats.malformed, bad.length);
    assertEquals(received.at(-1), received[0]);
    // What is sent is what is received.
    await frames.send(received[1], to);
    assertEquals((await frames.receive(soon))!.frame, received[1]);
  });
}

Deno.test("a frame that is null is one, and not the end", async () => {
  await using socket = await datagram({ port: 0 });
  const frames = packetsOf(socket, json(lines(), { allowNull: true }));
  await frames.send(null, socket.localAddr);
  assertEquals((await frames.receive(soon))!.frame, null);
});

Deno.test("what cannot be encoded is not sent", async () => {
  await using socket = await datagram({ port: 0 });
  const byes = packetsOf(socket, bye);
  await assertRejects(
    () => byes.send({ kind: 2, id: 70_000 }, socket.localAddr),
    RangeError,
  );
  assertEquals(socket.stats.sent, 0);
});

Deno.test("a codec that breaks its contract is an error of the program", async () => {
  const broken: Codec<number, never> = {
    decoder: () => ({ decode: () => 1 }),
    encoder: () => ({ encode() {} }),
  };
  await using socket = await datagram({ port: 0 });
  await socket.send("x", socket.localAddr);
  await assertRejects(
    () => packetsOf(socket, broken).receive(soon),
    CodecError,
  );
});

testBackends(
  "typed requests match decoded answers, and malformed ones are none",
  async ({ open, connect }) => {
    const answer = struct({ id: u16, sum: u16 });
    const query = struct({ id: u16, a: u8, b: u8 });
    await using server = await open();
    const queries = packetsOf(server, query);
    await using peer = await connect({ port: server.localAddr.port });
    const answers = packetsOf(peer, answer);
    const serving = (async () => {
      for await (const { frame, from } of queries) {
        await server.send("x", from);
        await server.send("too long", from);
        const { id, a, b } = frame;
        await server.send(answer.encode({ id: id + 1, sum: 0 }), from);
        await server.send(answer.encode({ id, sum: a + b }), from);
      }
    })();
    const ask = async (id: number) => {
      const found = await answers.request({ id, sum: 258 }, {
        accept: (frame) => frame.id === id,
      });
      return found.sum;
    };
    assertEquals(await Promise.all([ask(10), ask(20), ask(30)]), [3, 3, 3]);
    await until(() => answers.stats.malformed === 6);
    assertEquals(answers.stats.queued, 0);
    await server.close();
    await serving;
  },
);

Deno.test("packetsOf() refuses what is none", async () => {
  await using socket = await datagram({ port: 0 });
  // deno-lint-ignore no-explicit-any -- the point
  const make = (...args: any[]) => () => (packetsOf as any)(...args);
  assertThrows(make({}, bye), TypeError, "a DatagramSocket or a DatagramPeer");
  assertThrows(make(socket, {}), TypeError, "decode() and encode()");
  assertThrows(make(socket, bye, { onBad: 1 }), TypeError, "unknown option");
  assertThrows(make(socket, bye, { onMalformed: 1 }), TypeError, "onMalformed");
});

testBackends(
  "serveDatagrams() answers side by side, up to maxInFlight",
  async ({ open, connect }) => {
    await using socket = await open();
    let running = 0;
    let most = 0;
    const serving = serveDatagrams(socket, async ({ data }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      return data[0] % 2 === 0 ? data : undefined;
    }, { maxInFlight: 3 });
    await using peer = await connect({ port: socket.localAddr.port });
    const asking = Array.from(
      { length: 12 },
      (_, id) =>
        peer.request(new Uint8Array([id]), {
          accept: (data) => data[0] === id,
          attempts: 1,
          timeoutMs: id % 2 === 0 ? 20_000 : 200,
        }).then((data) => data[0], () => -1),
    );
    const answers = await Promise.all(asking);
    assertEquals(answers, [0, -1, 2, -1, 4, -1, 6, -1, 8, -1, 10, -1]);
    assertEquals(most, 3);
    await socket.close();
    await serving;
  },
);

Deno.test("serveDatagrams() outlives handlers that throw, and says what they threw", async () => {
  const errors: unknown[] = [];
  await using socket = await datagram({ port: 0 });
  const serving = serveDatagrams(socket, ({ data }) => {
    if (data[0] === 1) throw new Error("a bug");
    return data[0] === 2 ? new Uint8Array(70_000) : data;
  }, { onError: (error) => errors.push(error) });
  await using peer = await connectDatagram({ port: socket.localAddr.port });
  await peer.send(new Uint8Array([1]));
  await peer.send(new Uint8Array([2]));
  await peer.request(new Uint8Array([3]), { accept: (data) => data[0] === 3 });
  assertEquals(errors.map((error) => (error as Error).name), [
    "Error",
    "RangeError",
  ]);
  await socket.close();
  await serving;
});

Deno.test("serveDatagrams() outlives what throws when it is looked at", async () => {
  using hooks = new FailedHooks();
  const from = { transport: "udp", hostname: "127.0.0.1", port: 1 } as const;
  const odd = [
    new Proxy({}, {
      getPrototypeOf() {
        throw new Error("no prototype");
      },
    }),
    {
      [Symbol.for("Deno.customInspect")]() {
        throw new Error("not to be seen");
      },
    },
  ];
  let received = 0;
  const answers: unknown[] = [];
  const source = {
    receive: () =>
      Promise.resolve(received < 3 ? { from, id: received++ } : null),
    send(answer: unknown) {
      answers.push(answer);
      return Promise.resolve();
    },
  };
  await serveDatagrams(source, ({ id }) => {
    if (id < odd.length) throw odd[id];
    return "answer";
  }, { maxInFlight: 1 });
  assertEquals(answers, ["answer"]);
  assertEquals(hooks.errors.map((error) => (error as Error).message), [
    "no prototype",
    "not to be seen",
  ]);
});

Deno.test("serveDatagrams() stops at its signal, once its handlers have answered", async () => {
  await using socket = await datagram({ port: 0 });
  const controller = new AbortController();
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const serving = serveDatagrams(socket, async ({ data }) => {
    begun.resolve();
    await goOn.promise;
    return data;
  }, { signal: controller.signal });
  await using peer = await connectDatagram({ port: socket.localAddr.port });
  const asking = peer.request("x", { accept: () => true });
  await begun.promise;
  controller.abort();
  let ended = false;
  const ending = serving.then(() => ended = true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(ended, false);
  goOn.resolve();
  await Promise.all([ending, asking]);
  // The socket is still the caller's.
  await socket.send("x", socket.localAddr);
  assertEquals((await socket.receive(soon))!.data.length, 1);
});

Deno.test("whatever a codec throws is a malformed datagram, and told", async () => {
  await using socket = await datagram({ port: 0 });
  const thrown = [Symbol("odd"), Object.create(null), undefined];
  const odd = {
    decode(): number {
      throw thrown.shift();
    },
    encode: () => new Uint8Array(1),
  };
  const told: string[] = [];
  // deno-lint-ignore no-explicit-any -- no packet of ours throws such things
  const packets = packetsOf(socket, odd as any, {
    onMalformed: (error) => told.push(error.message),
  });
  for (let i = 0; i < 3; i++) await packets.send(1, socket.localAddr);
  const receiving = packets.receive(soon);
  await until(() => packets.stats.malformed === 3);
  await socket.close();
  assertEquals(await receiving, null);
  assertEquals(told, ["a symbol", "an object", "undefined"]);
});

Deno.test("an onMalformed that throws, or rejects, is printed and breaks nothing", async () => {
  using hooks = new FailedHooks();
  await using socket = await datagram({ port: 0 });
  const failures = [new Error("at once"), new Error("later")];
  let calls = 0;
  const byes = packetsOf(socket, bye, {
    onMalformed: () => {
      if (calls++ === 0) throw failures[0];
      return Promise.reject(failures[1]);
    },
  });
  const to = socket.localAddr;
  for (let i = 0; i < 2; i++) await socket.send(new Uint8Array([i]), to);
  await byes.send({ kind: 2, id: 1 }, to);
  assertEquals((await byes.receive(soon))!.frame.id, 1);
  assertEquals(hooks.errors, failures);
});

Deno.test("serveDatagrams() without a limit answers while others never end", async () => {
  await using socket = await datagram({ port: 0 });
  const goOn = Promise.withResolvers<void>();
  const serving = serveDatagrams(socket, async ({ data }) => {
    if (data[0] === 0) await goOn.promise;
    return data;
  }, { maxInFlight: Infinity });
  const { port } = socket.localAddr;
  await using peer = await connectDatagram({ port, maxInFlight: Infinity });
  for (let i = 0; i < 200; i++) await peer.send(new Uint8Array([0]));
  const answer = await peer.request(new Uint8Array([1]), {
    accept: (data) => data[0] === 1,
    ...soon,
  });
  assertEquals(answer[0], 1);
  goOn.resolve();
  await socket.close();
  await serving;
});
