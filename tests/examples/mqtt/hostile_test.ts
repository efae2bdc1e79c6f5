import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  FrameTooLargeError,
  MalformedFrameError,
  TimeoutError,
} from "@sluice/net";
import { Client } from "../../../examples/mqtt/client.ts";
import type {
  ClientEvent,
  ClientOptions,
} from "../../../examples/mqtt/client_options.ts";
import { RefusedError } from "../../../examples/mqtt/errors.ts";
import { type BrokerSide, ScriptedBroker } from "./_broker.ts";
import { hex } from "./_samples.ts";

const timeout = 20_000;

/** Waits until the client is over, and gives the one error that all of it ends with. */
async function endOf(client: Client): Promise<Error> {
  const subscription = client.subscribe("#", { qos: 1 });
  const error = await assertRejects(async () => {
    for await (const _ of subscription);
  }, Error);
  for (
    const call of [
      () => client.publish("a", "b", { qos: 1 }),
      () => client.connected(),
      () => subscription.receive(),
      async () => void await client.subscribe("b"),
    ]
  ) {
    assertEquals(await assertRejects(call, Error), error);
  }
  return error;
}

/** A broker that lets the client in, grants what it asks for, and then does this. */
function afterwards(act: (peer: BrokerSide) => Promise<void>) {
  return new ScriptedBroker(async (peer) => {
    await peer.accept();
    await peer.grant();
    await act(peer);
    await peer.rest().catch(() => {}); // A client that leaves may not wait for more.
  });
}

const malformed: [what: string, bytes: string, said: string][] = [
  ["HTTP", "48 54 54 50 2f 31 2e 31", "it must be that of PUBACK"],
  ["zeros", "00 00 00 00 00 00", "it must be of a type from 1 to 14"],
  ["a size of five bytes", "30 ff ff ff ff 01", "must be at most 4 bytes long"],
  [
    "a size that is too long",
    "40 82 00 00 01",
    "must be as short as it can be",
  ],
  ["an acknowledgement that ends early", "40 01 00", "PUBACK"],
  ["an acknowledgement that is too long", "40 03 00 01 00", "PUBACK"],
  ["a message without its topic", "30 01 00", 'field "topic"'],
  ["a topic that is not UTF-8", "30 04 00 02 c3 28", "valid UTF-8"],
  ["a topic with U+0000", "30 05 00 03 61 00 62", "without U+0000"],
  ["a topic with a wildcard", "30 05 00 03 61 2f 23", "without wildcards"],
  ["a topic of nothing", "30 02 00 00", "at least one character"],
  [
    "a message of QoS 3",
    "36 05 00 01 61 00 01",
    "it must be of a QoS of 0, 1 or 2",
  ],
  ["a message of QoS 2", "34 05 00 01 61 00 01", "its QoS must be at most 1"],
  ["a message with the id 0", "32 05 00 01 61 00 00", "it must be at least 1"],
  [
    "an id that is in use",
    "32 05 00 01 61 00 01 32 05 00 01 62 00 01",
    "must not be in use",
  ],
  ["an acknowledgement of nothing", "40 02 00 07", "PUBACK with the id 7"],
  ["SUBACK of nothing", "90 03 00 09 00", "SUBACK with the id 9"],
  ["UNSUBACK of nothing", "b0 02 00 09", "UNSUBACK with the id 9"],
  ["PUBREL", "62 02 00 01", "PUBREL with the id 1"],
  ["a second CONNACK", "20 02 00 00", "CONNACK: the broker must not"],
  ["a request of its own", "c0 00", "PINGREQ: the broker must not"],
  [
    "a subscription of its own",
    "82 06 00 01 00 01 61 00",
    "SUBSCRIBE with the id 1",
  ],
];

for (const [what, bytes, said] of malformed) {
  Deno.test(`a client refuses ${what}`, { timeout }, async () => {
    await using broker = afterwards((peer) => peer.socket.write(hex(bytes)));
    await using client = new Client({ port: broker.port });
    const error = await endOf(client);
    assertInstanceOf(error, MalformedFrameError);
    assertStringIncludes(error.message, said);
    assertEquals(broker.connections, 1, "another one would not mend it");
  });
}

Deno.test("a client refuses a packet that claims 256 MiB before it comes", {
  timeout,
}, async () => {
  await using broker = afterwards((peer) =>
    peer.socket.write(hex("30 ff ff ff 7f 00 01"))
  );
  await using client = new Client({ port: broker.port });
  const error = await endOf(client);
  assertInstanceOf(error, FrameTooLargeError);
  assertEquals([error.limit, error.claimed], [2 ** 20, 2 ** 28 + 4]);
});

const first: [what: string, bytes: string, said: string][] = [
  ["HTTP", "48 54 54 50", "it must be that of PUBACK"],
  ["a message", "30 03 00 01 61", "PUBLISH with the id 0: the broker must not"],
  ["an answer to no ping", "d0 00", "PINGRESP: the broker must not"],
  ["a session that was to be clean", "20 02 01 00", "must not be present"],
  ["a refusal with a session", "20 02 01 05", "must be without a session"],
];

for (const [what, bytes, said] of first) {
  Deno.test(`a client refuses ${what} as the first answer`, {
    timeout,
  }, async () => {
    await using broker = new ScriptedBroker(async (peer) => {
      await peer.expect("connect");
      await peer.socket.write(hex(bytes));
      await peer.rest().catch(() => {});
    });
    await using client = new Client({ port: broker.port });
    const error = await endOf(client);
    assertInstanceOf(error, MalformedFrameError);
    assertStringIncludes(error.message, said);
    assertEquals(broker.connections, 1);
  });
}

for (
  const [code, said] of [
    [1, "it does not speak MQTT 3.1.1"],
    [2, "it does not take this client id"],
    [4, "the user name or the password is wrong"],
    [5, "the client is not authorized"],
    [77, "for a reason of its own (code 77)"],
  ] as const
) {
  Deno.test(`a client that is refused with code ${code} does not come again`, {
    timeout,
  }, async () => {
    await using broker = new ScriptedBroker(async (peer) => {
      await peer.expect("connect");
      await peer.send({ type: "connack", sessionPresent: false, code });
    });
    await using client = new Client({ port: broker.port });
    const error = await endOf(client);
    assertInstanceOf(error, RefusedError);
    assertEquals(error.code, code);
    assertStringIncludes(error.message, said);
    assertEquals(broker.connections, 1);
  });
}

Deno.test("a client comes again to a broker that is not available now", {
  timeout,
}, async () => {
  await using broker = new ScriptedBroker(async (peer, connection) => {
    if (connection > 2) {
      await peer.accept();
      await peer.rest();
      return;
    }
    await peer.expect("connect");
    await peer.send({ type: "connack", sessionPresent: false, code: 3 });
  });
  const events: ClientEvent[] = [];
  await using client = new Client({
    port: broker.port,
    retry: { minDelayMs: 1 },
    onEvent: (event) => events.push(event),
  });
  await client.connected({ timeoutMs: 5_000 });
  assertEquals(events.map(({ type }) => type), [
    "disconnected",
    "disconnected",
    "connected",
  ]);
});

Deno.test("a broker that never answers CONNECT is given up", {
  timeout,
}, async () => {
  await using broker = new ScriptedBroker(async (peer) => {
    await peer.rest().catch(() => {});
  });
  await using client = new Client({
    port: broker.port,
    answerTimeoutMs: 50,
    retry: { attempts: 2, minDelayMs: 1 },
  });
  assertInstanceOf(await endOf(client), TimeoutError);
  assertEquals(broker.connections, 2);
});

Deno.test("SUBACK must answer what was asked, and grant no more", {
  timeout,
}, async () => {
  for (const granted of [[1], [1, 1, 1], [1, 2]]) {
    await using broker = new ScriptedBroker(async (peer) => {
      await peer.accept();
      const { id } = await peer.expect("subscribe");
      await peer.send({ type: "suback", id, granted });
      await peer.rest().catch(() => {});
    });
    await using client = new Client({ port: broker.port });
    const subscription = client.subscribe(["a", "b"], { qos: 1 });
    await assertRejects(
      () => subscription.granted(),
      MalformedFrameError,
      `it must grant 2 filters a QoS of at most 1, got ${granted.join()}`,
    );
  }
});

Deno.test("a filter that is refused ends its subscription, and no other one", {
  timeout,
}, async () => {
  await using broker = new ScriptedBroker(async (peer) => {
    await peer.accept();
    const { id } = await peer.expect("subscribe");
    await peer.send({ type: "suback", id, granted: [0, 0x80] });
    const { filters, id: second } = await peer.expect("unsubscribe");
    assertEquals(filters, ["a"]);
    await peer.send({ type: "unsuback", id: second });
    await peer.grant();
    await peer.deliver("c");
    await peer.rest();
  });
  await using client = new Client({ port: broker.port });
  const subscription = client.subscribe(["a", "b"]);
  const error = await assertRejects(
    () => subscription.receive(),
    RefusedError,
    'Cannot subscribe to "b"',
  );
  assertEquals(error.code, 0x80);
  await assertRejects(() => subscription.granted());
  const other = client.subscribe("c");
  assertEquals((await other.receive())?.topic, "c");
});

Deno.test(
  "a broker that does not acknowledge is left, and the message sent again",
  {
    timeout,
  },
  async () => {
    const seen: string[] = [];
    await using broker = new ScriptedBroker(async (peer, connection) => {
      await peer.accept();
      const { topic, id, dup } = await peer.expect("publish");
      seen.push(`${topic} ${id} ${dup}`);
      if (connection === 2) await peer.send({ type: "puback", id });
      await peer.rest().catch(() => {});
    });
    await using client = new Client({
      port: broker.port,
      answerTimeoutMs: 50,
      retry: { minDelayMs: 1 },
    });
    await client.publish("a", "b", { qos: 1 });
    assertEquals(seen, ["a 1 false", "a 1 true"]);
  },
);

Deno.test("a broker that answers no ping is left", { timeout }, async () => {
  const types: string[] = [];
  await using broker = new ScriptedBroker(async (peer, connection) => {
    const { keepAlive } = await peer.accept();
    assertEquals(keepAlive, 1);
    const rest = await peer.rest();
    if (connection === 1) types.push(...rest.map(({ type }) => type));
  });
  const lost = Promise.withResolvers<unknown>();
  await using client = new Client({
    port: broker.port,
    keepAliveMs: 1_000,
    retry: { minDelayMs: 1 },
    onEvent: (event) => {
      if (event.type === "disconnected") lost.resolve(event.error);
    },
  });
  const error = await lost.promise;
  assertInstanceOf(error, TimeoutError);
  assertEquals(error.operation, "heartbeat");
  await client.connected();
  assertEquals(types, ["pingreq"]);
});

Deno.test("a broker gets signs of life, also while it sends all the time", {
  timeout,
}, async () => {
  const pinged = Promise.withResolvers<void>();
  await using broker = afterwards(async (peer) => {
    let over = false;
    const sending = (async () => {
      while (!over) {
        await peer.deliver("a");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    await peer.expect("pingreq");
    over = true;
    await sending;
    await peer.send({ type: "pingresp" });
    pinged.resolve();
  });
  await using client = new Client({ port: broker.port, keepAliveMs: 1_000 });
  client.subscribe("a");
  await pinged.promise;
});

Deno.test("a flood that is not read is dropped, and memory stays as it is", {
  timeout,
}, async () => {
  const flooded = Promise.withResolvers<void>();
  const count = 50_000;
  await using broker = afterwards(async (peer) => {
    const payload = new Uint8Array(2_000);
    for (let i = 0; i < count; i++) await peer.deliver("a", 0, payload);
    await peer.deliver("last");
    flooded.resolve();
  });
  await using client = new Client({ port: broker.port });
  const subscription = client.subscribe("a", { maxQueuedMessages: 100 });
  const last = client.subscribe("last");
  // The broker has granted one of them only, and sends regardless.
  assertEquals((await last.receive())?.topic, "last");
  await flooded.promise;
  assertEquals([subscription.queued, subscription.dropped], [100, count - 100]);
  assert(Deno.memoryUsage().external < 64 * 2 ** 20);
});

Deno.test(
  "a broker that does not wait for acknowledgements is asked again for the rest",
  {
    timeout,
  },
  async () => {
    await using broker = new ScriptedBroker(async (peer, connection) => {
      await peer.accept(connection > 1);
      if (connection === 1) await peer.grant();
      const from = connection === 1 ? 1 : 101;
      for (let id = from; id <= 150; id++) {
        await peer.deliver(`m${id}`, id, undefined, connection > 1);
      }
      for (let id = from; id <= 150 - (2 - connection) * 50; id++) {
        assertEquals((await peer.expect("puback")).id, id);
      }
      await peer.rest().catch(() => {});
    });
    await using client = new Client({
      port: broker.port,
      clientId: "reader",
      clean: false,
      retry: { minDelayMs: 1 },
    });
    const subscription = client.subscribe("#", {
      qos: 1,
      maxQueuedMessages: 100,
    });
    for (let id = 1; id <= 150; id++) {
      assertEquals((await subscription.receive())?.topic, `m${id}`);
    }
    subscription.acknowledge();
    await client.close();
    assertEquals(broker.connections, 2);
  },
);

Deno.test("a broker that hangs up at once is not asked in a storm", {
  timeout,
}, async () => {
  await using broker = new ScriptedBroker(async (peer) => {
    await peer.accept();
  });
  let losses = 0;
  await using client = new Client({
    port: broker.port,
    retry: { minDelayMs: 20, jitter: 0, attempts: 5 },
    onEvent: ({ type }) => void (type === "disconnected" && losses++),
  });
  const started = performance.now();
  await endOf(client);
  // 20, 40, 80 and 160 ms between the five.
  assert(performance.now() - started >= 290);
  assertEquals([broker.connections, losses], [5, 5]);
});

Deno.test("options of a client are checked", () => {
  const wrong: [ClientOptions & Record<string, unknown>, string][] = [
    [{ port: 1, clean: false }, "clientId must be given"],
    [{ port: 1, password: "x" }, "username must be given"],
    [{ port: 1, clientId: "\0" }, "clientId must be without U+0000"],
    [{ port: 1, keepAliveMs: 999 }, "keepAliveMs must be an integer from 1000"],
    [{ port: 1, maxInFlight: 0 }, "maxInFlight must be an integer from 1"],
    [{ port: 1, maxPacketBytes: 2 ** 28 }, "maxPacketBytes must be"],
    [{ port: 1, will: { topic: "a/#" } }, "will.topic must be a topic without"],
    [{ port: 1, username: "x".repeat(65_536) }, "username must be at most"],
    [
      { port: 1, username: "x", password: "x".repeat(65_536) },
      'field "values',
    ],
    [
      { port: 1, will: { topic: "a", payload: "x".repeat(65_536) } },
      'field "values',
    ],
    [{ port: 1, keepalive: 5 }, 'unknown option "keepalive"'],
    [{ port: 1, retry: { atempts: 5 } as object }, 'unknown option "atempts"'],
  ];
  for (const [options, said] of wrong) {
    try {
      void new Client(options).close();
    } catch (error) {
      assertStringIncludes((error as Error).message, said);
      assert(error instanceof TypeError || error instanceof RangeError);
      continue;
    }
    throw new Error(`it was taken: ${JSON.stringify(options)}`);
  }
});
