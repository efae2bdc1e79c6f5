import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";
import {
  BrokenError,
  ClosedError,
  FrameTooLargeError,
  LimitError,
  TimeoutError,
  TlsError,
} from "@sluice/net";
import { Client } from "../../../examples/mqtt/client.ts";
import type { ClientEvent } from "../../../examples/mqtt/client_options.ts";
import type { Packet } from "../../../examples/mqtt/packet.ts";
import { RefusedError } from "../../../examples/mqtt/errors.ts";
import type { Subscription } from "../../../examples/mqtt/subscription.ts";
import { createAuthority } from "../../_support/certificates.ts";
import { lacksPrograms } from "../../_support/programs.ts";
import { ScriptedBroker } from "./_broker.ts";
import {
  lacksBroker,
  Mosquitto,
  publishLines,
  startTool,
} from "./_mosquitto.ts";
import { Relay } from "./_relay.ts";

const timeout = 60_000;
const ignore = lacksBroker() || lacksPrograms("mosquitto_pub", "mosquitto_sub");
const decoder = new TextDecoder();
const LIMIT = { timeoutMs: 10_000 };
const RETRY = { minDelayMs: 5, maxDelayMs: 50 };

/** The next messages, as text. */
async function texts(
  subscription: Subscription,
  count: number,
): Promise<string[]> {
  const found: string[] = [];
  while (found.length < count) {
    const message = await subscription.receive(LIMIT);
    if (message === null) break;
    found.push(decoder.decode(message.payload));
  }
  return found;
}

/** Reads until each of these has come at least once; they must come in their order. */
async function expectAll(
  subscription: Subscription,
  wanted: readonly string[],
): Promise<{ again: number }> {
  const seen = new Set<string>();
  let again = 0;
  while (seen.size < wanted.length) {
    const message = await subscription.receive(LIMIT);
    const text = decoder.decode(message!.payload);
    if (seen.has(text)) again++;
    else {
      assertEquals(text, wanted[seen.size], "one is lost, or out of order");
      seen.add(text);
    }
  }
  return { again };
}

const numbers = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `message ${i}`);

Deno.test(
  "a client publishes to mosquitto_sub",
  { timeout, ignore },
  async () => {
    await using broker = await Mosquitto.start();
    await using client = new Client({ port: broker.port });
    await client.publish("kept", "retained", { qos: 1, retain: true });
    await using tool = startTool(
      "mosquitto_sub",
      broker.port,
      ...["-t", "#", "-q", "1", "-C", "4", "-F", "%t %q %r %p"],
    );
    assertEquals(await tool.line(), "kept 1 1 retained");
    await client.publish("a/0", "zero");
    await client.publish("a/1", new TextEncoder().encode("öne"), { qos: 1 });
    await client.publish("a/2", "", { qos: 1 });
    assertEquals(
      [await tool.line(), await tool.line(), await tool.line()],
      ["a/0 0 0 zero", "a/1 1 0 öne", "a/2 1 0 "],
    );
    assertEquals(await tool.finish(), { code: 0, stdout: "", stderr: "" });
  },
);

Deno.test(
  "a client receives from mosquitto_pub",
  { timeout, ignore },
  async () => {
    await using broker = await Mosquitto.start();
    await using client = new Client({ port: broker.port });
    const rooms = client.subscribe(["room/+/light", "room/#"], { qos: 1 });
    const low = client.subscribe("$share/group/low");
    assertEquals(await rooms.granted(LIMIT), [1, 1]);
    assertEquals(await low.granted(LIMIT), [0]);
    await publishLines(broker.port, "room/1/light", ["on", "off"], "-r");
    await publishLines(broker.port, "low", ["down"]);
    await publishLines(broker.port, "elsewhere", ["nothing"]);
    assertEquals(await rooms.receive(LIMIT), {
      topic: "room/1/light",
      payload: new TextEncoder().encode("on"),
      qos: 1,
      retain: false,
      dup: false,
    });
    assertEquals(await texts(rooms, 1), ["off"]);
    const { qos, topic } = (await low.receive(LIMIT))!;
    assertEquals([topic, qos], ["low", 0]);
    const late = client.subscribe("room/1/+");
    const kept = await late.receive(LIMIT);
    assertEquals([kept?.retain, decoder.decode(kept?.payload)], [true, "off"]);
    assertEquals(client.unmatched, 0);
  },
);

Deno.test(
  "a subscription ends by unsubscribe(), and its filter is free again",
  {
    timeout,
    ignore,
  },
  async () => {
    await using broker = await Mosquitto.start();
    await using client = new Client({ port: broker.port });
    const first = client.subscribe("a", { qos: 1 });
    await first.granted(LIMIT);
    const waiting = first.receive();
    await first.unsubscribe(LIMIT);
    assertEquals(await waiting, null);
    await assertRejects(() => first.granted(), ClosedError);
    await client.publish("a", "nobody reads", { qos: 1 });
    {
      await using second = client.subscribe("a", { qos: 1 });
      assertRejects(async () => void await client.subscribe("a"), RangeError);
      await second.granted(LIMIT);
      await client.publish("a", "again", { qos: 1 });
      assertEquals(await texts(second, 1), ["again"]);
    }
    assertEquals(client.unmatched, 0);
  },
);

Deno.test(
  "a client that answers as it reads loses nothing where the broker overruns it",
  {
    timeout,
    ignore,
  },
  async () => {
    await using broker = await Mosquitto.start();
    await using client = new Client({ port: broker.port, maxPending: 10_000 });
    const overruns: unknown[] = [];
    await using other = new Client({
      port: broker.port,
      clientId: "echo",
      clean: false,
      retry: RETRY,
      onEvent: (event) => {
        if (event.type === "disconnected") overruns.push(event.error);
      },
    });
    const up = other.subscribe("up", { qos: 1, maxQueuedMessages: 200 });
    const down = client.subscribe("down", { qos: 1 });
    await Promise.all([up.granted(LIMIT), down.granted(LIMIT)]);
    const wanted = numbers(2_000);
    const echoing = (async () => {
      for await (const { payload } of up) {
        // The acknowledgement comes on the connection that messages come on.
        await other.publish("down", payload, { qos: 1 });
      }
    })();
    echoing.catch(() => {}); // Where the test has failed before.
    const sent = wanted.map((text) => client.publish("up", text, { qos: 1 }));
    await expectAll(down, wanted);
    await Promise.all(sent);
    // Mosquitto 2.0.11 sends twenty messages for each that is acknowledged.
    assert(overruns.every((error) => error instanceof LimitError));
    assert(up.queued <= 200 && up.dropped === 0);
    await other.close();
    await echoing;
  },
);

Deno.test("a client is authenticated by its user name and password", {
  timeout,
  ignore: ignore || lacksPrograms("mosquitto_passwd"),
}, async () => {
  const file = await Deno.makeTempFile();
  try {
    const { success } = await new Deno.Command("mosquitto_passwd", {
      args: ["-b", file, "ann", "gehéim"],
    }).output();
    assert(success);
    await Deno.chmod(file, 0o644);
    await using broker = await Mosquitto.start({
      config: ["allow_anonymous false", `password_file ${file}`],
    });
    await using ann = new Client({
      port: broker.port,
      username: "ann",
      password: "gehéim",
    });
    await ann.connected(LIMIT);
    await using eve = new Client({
      port: broker.port,
      username: "ann",
      password: "wrong",
    });
    const error = await assertRejects(() => eve.connected(), RefusedError);
    assertEquals(error.code, 5);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a client speaks TLS, and trusts no other authority", {
  timeout,
  ignore,
}, async () => {
  const authority = await createAuthority();
  const stranger = await createAuthority();
  await using broker = await Mosquitto.start({ tls: await authority.issue() });
  const where = { port: broker.port, hostname: "localhost" };
  await using client = new Client({
    ...where,
    tls: { caCerts: [authority.cert] },
  });
  const subscription = client.subscribe("a", { qos: 1 });
  await subscription.granted(LIMIT);
  await client.publish("a", "secret", { qos: 1 });
  assertEquals(await texts(subscription, 1), ["secret"]);
  await using other = new Client({
    ...where,
    tls: { caCerts: [stranger.cert] },
  });
  await assertRejects(() => other.connected(), TlsError);
});

Deno.test("a will is published when a client is lost, and not when it leaves", {
  timeout,
  ignore,
}, async () => {
  await using broker = await Mosquitto.start();
  await using relay = new Relay(broker.port);
  await using witness = new Client({ port: broker.port });
  const wills = witness.subscribe("will/+", { qos: 1 });
  await wills.granted(LIMIT);
  const will = (name: string) => ({
    topic: `will/${name}`,
    payload: `${name} is gone`,
    qos: 1 as const,
    retain: true,
  });
  await using polite = new Client({ port: broker.port, will: will("polite") });
  await polite.connected(LIMIT);
  await polite.close();
  await using lost = new Client({
    port: relay.port,
    will: will("lost"),
    retry: { minDelayMs: 60_000, maxDelayMs: 60_000 },
  });
  await lost.connected(LIMIT);
  relay.cut();
  assertEquals(await texts(wills, 1), ["lost is gone"]);
});

Deno.test("messages that are published before there is a connection are sent", {
  timeout,
  ignore,
}, async () => {
  await using broker = await Mosquitto.start();
  await using reader = new Client({ port: broker.port });
  const subscription = reader.subscribe("a", { qos: 1 });
  await subscription.granted(LIMIT);
  await broker.kill();
  await using client = new Client({
    port: broker.port,
    maxPending: 3,
    retry: RETRY,
  });
  const sent = ["1", "2", "3"].map((text, i) =>
    client.publish("a", text, { qos: i === 1 ? 0 : 1 })
  );
  await assertRejects(() => client.publish("a", "4"), LimitError, "maxPending");
  await broker.restart();
  await Promise.all(sent);
  assertEquals(client.pending, 0);
});

Deno.test("a call that is given up takes back what was not sent", {
  timeout,
}, async () => {
  await using broker = new ScriptedBroker(async (peer) => {
    await peer.accept();
    const { id } = await peer.expect("publish");
    // Not acknowledged before the second was given up.
    await givenUp.promise;
    await peer.send({ type: "puback", id });
    const { payload } = await peer.expect("publish");
    assertEquals(decoder.decode(payload), "third");
    await peer.rest().catch(() => {});
  });
  const givenUp = Promise.withResolvers<void>();
  await using client = new Client({ port: broker.port, maxInFlight: 1 });
  const first = client.publish("a", "first", { qos: 1 });
  const limits = { qos: 1, timeoutMs: 20 } as const;
  const error = await assertRejects(
    () => client.publish("a", "second", limits),
    TimeoutError,
  );
  assertEquals(error.operation, "publish");
  assertEquals(client.pending, 1);
  const third = client.publish("a", "third");
  givenUp.resolve();
  await first;
  await third;
  const signal = AbortSignal.abort(new Error("not now"));
  await assertRejects(
    () => client.publish("a", "b", { signal }),
    Error,
    "not now",
  );
});

Deno.test(
  "no more messages are in flight than allowed, and no id is used twice",
  {
    timeout,
  },
  async () => {
    await using broker = new ScriptedBroker(async (peer) => {
      await peer.accept();
      const inFlight = new Set<number>();
      for (let count = 0; count < 500;) {
        const { id, topic } = await peer.expect("publish");
        assert(!inFlight.has(id), `the id ${id} is in flight`);
        inFlight.add(id);
        assert(inFlight.size <= 7);
        assertEquals(topic, String(count++));
        // The newest is acknowledged first, and the oldest stays for long.
        if (inFlight.size === 7 || count === 500) {
          for (const each of [...inFlight].reverse()) {
            if (inFlight.size === 1 && count < 500) break;
            await peer.send({ type: "puback", id: each });
            inFlight.delete(each);
          }
        }
      }
      await peer.rest().catch(() => {});
    });
    await using client = new Client({ port: broker.port, maxInFlight: 7 });
    await Promise.all(
      Array.from(
        { length: 500 },
        (_, i) => client.publish(String(i), "", { qos: 1 }),
      ),
    );
  },
);

Deno.test(
  "what cannot be published is refused at once",
  { timeout },
  async () => {
    await using client = new Client({ port: 1, maxPacketBytes: 200 });
    const wrong: [topic: string, options: object, error: ErrorConstructor][] = [
      ["a/#", {}, RangeError],
      ["", {}, RangeError],
      ["a", { qos: 2 }, RangeError],
      ["a", { timeoutMs: 0 }, RangeError],
    ];
    for (const [topic, options, error] of wrong) {
      await assertRejects(() => client.publish(topic, "", options), error);
    }
    await assertRejects(
      () => client.publish("a", new Uint8Array(191)),
      FrameTooLargeError,
    );
    assertEquals(client.pending, 0);
    await assertRejects(
      async () =>
        void await client.subscribe(["a".repeat(120), "b".repeat(80)]),
      FrameTooLargeError,
    );
    await assertRejects(
      async () => void await client.subscribe("a", { qos: 2 as 1 }),
      RangeError,
    );
    for (const filter of ["a+", "#/a", "", []]) {
      await assertRejects(
        async () => void await client.subscribe(filter),
        RangeError,
      );
    }
  },
);

Deno.test(
  "close() waits for what was published, and rejects what is left at its limit",
  {
    timeout,
  },
  async () => {
    const closing = Promise.withResolvers<void>();
    const rest = Promise.withResolvers<Packet[]>();
    await using broker = new ScriptedBroker(async (peer, connection) => {
      await peer.accept();
      const { id } = await peer.expect("publish");
      await closing.promise;
      if (connection === 1) await peer.send({ type: "puback", id });
      rest.resolve(await peer.rest().catch(() => []));
    });
    const client = new Client({ port: broker.port });
    const delivered = client.publish("a", "b", { qos: 1 });
    await client.connected(LIMIT);
    const closed = client.close();
    await assertRejects(() => client.publish("a", "c"), ClosedError);
    closing.resolve();
    await Promise.all([delivered, closed, client.close()]);
    assertEquals(await rest.promise, [{ type: "disconnect" }]);

    const second = new Client({ port: broker.port });
    const lost = second.publish("a", "b", { qos: 1 });
    await second.connected(LIMIT);
    const [outcome] = await Promise.allSettled([
      lost,
      second.close({ timeoutMs: 50 }),
    ]);
    assertInstanceOf((outcome as PromiseRejectedResult).reason, ClosedError);
  },
);

Deno.test(
  "a client that was never connected can be closed",
  { timeout },
  async () => {
    const client = new Client({ port: 1, retry: RETRY });
    const subscription = client.subscribe("a");
    const waiting = subscription.receive();
    await assertRejects(
      () => subscription.granted({ timeoutMs: 1 }),
      TimeoutError,
      "Cannot subscribe within 1 ms",
    );
    const connected = client.connected();
    const published = client.publish("a", "b", { qos: 1 });
    await Promise.all([
      assertRejects(() => connected, ClosedError),
      assertRejects(() => published, ClosedError),
      client.close(),
    ]);
    assertEquals(await waiting, null);
  },
);

// ---- lost connections -----------------------------------------------------

Deno.test(
  "what is published through a connection that is cut again and again arrives, in order",
  {
    timeout,
    ignore,
  },
  async () => {
    await using broker = await Mosquitto.start();
    await using relay = new Relay(broker.port);
    await using reader = new Client({ port: broker.port });
    const subscription = reader.subscribe("a", { qos: 1 });
    await subscription.granted(LIMIT);
    await using client = new Client({
      port: relay.port,
      retry: RETRY,
      onEvent: ({ type }) => {
        // Somewhere in the next packets, CONNECT included, also inside of one.
        if (type === "disconnected" && relay.connections < 20) {
          relay.cutAfterBytes = 30 + relay.connections * 37 % 400;
        }
      },
    });
    relay.cutAfterBytes = 200;
    const wanted = numbers(1_000);
    const sent = wanted.map((text) => client.publish("a", text, { qos: 1 }));
    const { again } = await expectAll(subscription, wanted);
    await Promise.all(sent);
    assert(relay.connections >= 20, `${relay.connections} connections`);
    assert(again > 0, "each cut came between two messages");
  },
);

Deno.test(
  "a session that is kept loses nothing when its connection is cut again and again",
  {
    timeout,
    ignore,
  },
  async () => {
    await using broker = await Mosquitto.start();
    await using relay = new Relay(broker.port);
    const sessions: boolean[] = [];
    await using client = new Client({
      port: relay.port,
      clientId: "reader",
      clean: false,
      retry: RETRY,
      onEvent: (event) => {
        if (event.type === "connected") sessions.push(event.sessionPresent);
      },
    });
    const subscription = client.subscribe("a", { qos: 1 });
    await subscription.granted(LIMIT);
    const wanted = numbers(1_000);
    const publishing = publishLines(broker.port, "a", wanted);
    const seen = new Set<string>();
    let count = 0;
    for await (const { payload } of subscription) {
      const text = decoder.decode(payload);
      if (!seen.has(text)) assertEquals(text, wanted[seen.size]);
      seen.add(text);
      if (seen.size === wanted.length) break;
      if (++count % 53 === 0) relay.cut();
    }
    await publishing;
    assert(sessions.length >= 4, `${sessions.length} connections`);
    assertEquals(sessions.shift(), false);
    assert(sessions.every((isPresent) => isPresent));
  },
);

Deno.test("a session that is kept gets what came while the client was away", {
  timeout,
  ignore,
}, async () => {
  await using broker = await Mosquitto.start();
  const options = { port: broker.port, clientId: "reader", clean: false };
  {
    await using client = new Client(options);
    const subscription = client.subscribe("a", { qos: 1 });
    await subscription.granted(LIMIT);
    await publishLines(broker.port, "a", ["read", "not acknowledged"]);
    assertEquals(await texts(subscription, 2), ["read", "not acknowledged"]);
  }
  const wanted = numbers(50);
  await publishLines(broker.port, "a", wanted);
  await using client = new Client(options);
  // In the same turn: the broker sends before it is asked.
  const subscription = client.subscribe("a", { qos: 1 });
  assertEquals(await texts(subscription, 51), ["not acknowledged", ...wanted]);
  assertEquals(client.unmatched, 0);
});

Deno.test("subscriptions are there again where the broker has no session", {
  timeout,
  ignore,
}, async () => {
  await using broker = await Mosquitto.start();
  await using relay = new Relay(broker.port);
  const events: ClientEvent[] = [];
  const again = Promise.withResolvers<void>();
  await using client = new Client({
    port: relay.port,
    retry: RETRY,
    onEvent: (event) => {
      events.push(event);
      if (events.length === 3) again.resolve();
    },
  });
  const a = client.subscribe("a", { qos: 1 });
  const gone = client.subscribe("gone", { qos: 1 });
  await Promise.all([a.granted(LIMIT), gone.granted(LIMIT)]);
  await gone.unsubscribe();
  relay.cut();
  await again.promise;
  // Answered after the subscriptions that the connection began with.
  const b = client.subscribe("b", { qos: 1 });
  await b.granted(LIMIT);
  await publishLines(broker.port, "gone", ["nobody"]);
  await publishLines(broker.port, "a", ["still here"]);
  assertEquals(await texts(a, 1), ["still here"]);
  assertEquals(client.unmatched, 0);
  assertEquals(events.map(({ type }) => type), [
    "connected",
    "disconnected",
    "connected",
  ]);
  const [, lost] = events;
  assertEquals(
    lost.type === "disconnected" && lost.error instanceof Error,
    true,
  );
});

Deno.test(
  "what a broker had not read when it was killed is sent again when it is back",
  {
    timeout,
    ignore,
  },
  async () => {
    await using broker = await Mosquitto.start({ durable: true });
    await using reader = new Client({
      port: broker.port,
      clientId: "reader",
      clean: false,
      retry: RETRY,
    });
    const subscription = reader.subscribe("a", { qos: 1 });
    await subscription.granted(LIMIT);
    await using client = new Client({ port: broker.port, retry: RETRY });
    const wanted = numbers(60);
    const publish = (from: number, to: number) =>
      wanted.slice(from, to).map((text) =>
        client.publish("a", text, { qos: 1 })
      );
    await Promise.all(publish(0, 20));
    assertEquals(await texts(subscription, 20), wanted.slice(0, 20));
    subscription.acknowledge();
    broker.freeze();
    const sent = publish(20, 40);
    assertEquals([client.pending, client.isConnected], [20, true]);
    await broker.kill();
    sent.push(...publish(40, 60));
    await broker.restart();
    await Promise.all(sent);
    assertEquals(await texts(subscription, 40), wanted.slice(20));
  },
);

Deno.test("a message with QoS 0 is lost with its connection, and says so", {
  timeout,
  ignore,
}, async () => {
  await using broker = await Mosquitto.start();
  await using relay = new Relay(broker.port);
  await using client = new Client({ port: relay.port, retry: RETRY });
  await client.connected(LIMIT);
  broker.freeze();
  // More than what the kernel and the socket take.
  const payload = new Uint8Array(1_000_000);
  const sent = Array.from({ length: 12 }, () => client.publish("a", payload));
  relay.cut();
  const outcomes = await Promise.allSettled(sent);
  broker.thaw();
  const errors = outcomes.filter(({ status }) => status === "rejected");
  assert(errors.length > 0);
  for (const { reason } of errors as PromiseRejectedResult[]) {
    assertInstanceOf(reason, BrokenError);
  }
  await client.connected(LIMIT);
});

Deno.test(
  "what was unsubscribed from is not forgotten by a session that is kept",
  {
    timeout,
  },
  async () => {
    for (const sessionPresent of [true, false]) {
      const asked = Promise.withResolvers<Packet[]>();
      await using broker = new ScriptedBroker(async (peer, connection) => {
        await peer.accept(connection > 1 && sessionPresent);
        if (connection === 1) {
          assertEquals(await peer.grant(), ["gone"]);
          assertEquals(await peer.grant(), ["kept"]);
          // It is lost before it answers.
          assertEquals((await peer.expect("unsubscribe")).filters, ["gone"]);
          return;
        }
        const packets: Packet[] = [];
        do packets.push(await peer.next()); while (
          packets.at(-1)!.type !== "publish"
        );
        asked.resolve(packets);
        await peer.rest();
      });
      await using client = new Client({
        port: broker.port,
        clientId: "reader",
        clean: false,
        retry: RETRY,
      });
      const gone = client.subscribe("gone");
      const kept = client.subscribe("kept");
      await Promise.all([gone.granted(LIMIT), kept.granted(LIMIT)]);
      await gone.unsubscribe(LIMIT);
      await client.connected(LIMIT);
      await client.publish("last", "");
      const types = (await asked.promise).map((packet) =>
        "filters" in packet ? [packet.type, packet.filters.length] : packet.type
      );
      assertEquals(
        types,
        [[sessionPresent ? "unsubscribe" : "subscribe", 1], "publish"],
      );
    }
  },
);
