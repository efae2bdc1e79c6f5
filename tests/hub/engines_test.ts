import {
  assertEquals,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { lines } from "../../lib/codec/lines.ts";
import { BrokenError, LimitError, type SocketError } from "../../lib/errors.ts";
import type { Engine, EngineGap } from "../../lib/hub/engine.ts";
import { Hub } from "../../lib/hub/hub.ts";
import type { HubGap } from "../../lib/hub/hub_options.ts";
import {
  IncomingSequences,
  OutgoingSequences,
} from "../../lib/hub/_sequences.ts";
import { memoryEngine } from "../../lib/hub/memory_engine.ts";
import { natsEngine, subjectOf } from "../../lib/hub/nats_engine.ts";
import { workersEngine } from "../../lib/hub/workers_engine.ts";
import { checkEngine } from "../../lib/testing/check_engine.ts";
import { FailedHooks } from "../_support/failed_hooks.ts";
import { isSettled, turn } from "../_support/sockets.ts";
import { changing, reader } from "./_support.ts";

Deno.test("memoryEngine() passes checkEngine", async () => {
  const engine = memoryEngine();
  await checkEngine(() => ({ engine }), { settleMs: 1 });
});

Deno.test("hubs that share an engine reach each other's members, and their own but once", async () => {
  const engine = memoryEngine();
  const here = new Hub(lines(), { engine });
  const there = new Hub(lines(), { engine });
  using ann = reader();
  using bob = reader();
  const membership = here.join("room", ann.connection);
  await membership.ready({ timeoutMs: 100 });
  there.join("room", bob.connection);
  await here.publish("room", "one");
  await there.publish("room", "two");
  await here.publish("room", "three", { except: ann.connection });
  await here.publish("other", "four");
  assertEquals(await bob.read(3), ["one", "two", "three"]);
  assertEquals(await ann.read(2), ["one", "two"]);
  const { published, received, delivered, refused } = there.stats;
  assertEquals(
    { published, received, delivered, refused },
    { published: 1, received: 2, delivered: 3, refused: 0 },
  );
});

/** Two hubs, the second of which gets what `change` lets through. */
function linked(change: (data: Uint8Array) => Uint8Array[], maxTopics = 100) {
  const inner = memoryEngine();
  const gaps: HubGap[] = [];
  const here = new Hub(lines(), { engine: inner, maxTopics });
  const there = new Hub(lines(), {
    engine: changing(inner, change),
    maxQueuedBytes: 1_000,
    onGap: (gap) => gaps.push(gap),
  });
  const member = reader();
  there.join("room", member.connection);
  return { here, there, gaps, ...member };
}

Deno.test("a hub sees what was lost on the way, and tells how many and where", async () => {
  let count = 0;
  const { here, there, gaps, read } = linked((data) =>
    [3, 4, 7].includes(count++) ? [] : [data]
  );
  for (let i = 0; i < 10; i++) await here.publish("room", `${i}`);
  assertEquals(await read(7), ["0", "1", "2", "5", "6", "8", "9"]);
  assertEquals(gaps, [
    { topic: "room", reason: "lost", count: 2 },
    { topic: "room", reason: "lost", count: 1 },
  ]);
  assertEquals([there.stats.gaps, there.stats.lost], [2, 3]);
});

Deno.test("a hub drops what comes twice, or too late, and what is no frame of a hub", async () => {
  let held: Uint8Array | undefined;
  let count = 0;
  const { here, there, gaps, read } = linked((data) => {
    count++;
    if (count === 2) held = data.slice();
    if (count === 2) return [];
    if (count === 4) return [data, held!];
    const junk = new Uint8Array(20);
    return [data, data, junk, new Uint8Array(3), new Uint8Array(0)];
  });
  for (let i = 1; i <= 5; i++) await here.publish("room", `${i}`);
  assertEquals(await read(4), ["1", "3", "4", "5"]);
  assertEquals(gaps, [{ topic: "room", reason: "lost", count: 1 }]);
  // Three times a double and three that are none, and the one that came too late.
  assertEquals(there.stats.refused, 13);
});

Deno.test("a hub drops frames of others that are larger than its queues, and tells of the gap", async () => {
  let count = 0;
  const { here, there, gaps, read } = linked((data) =>
    count++ === 2 ? [] : [data]
  );
  await here.publish("room", "x".repeat(2_000));
  await here.publish("room", "small");
  await here.publish("room", "lost");
  await here.publish("room", "x".repeat(2_000));
  await here.publish("room", "small, too");
  assertEquals(await read(2), ["small", "small, too"]);
  assertEquals(gaps.map(({ reason, count }) => [reason, count]), [
    ["lost", 1],
    ["lost", 2],
  ]);
  const { refused, lost, received } = there.stats;
  assertEquals({ refused, lost, received }, {
    refused: 2,
    lost: 3,
    received: 2,
  });
});

Deno.test("a hub keeps nothing of the engine's memory, also where slice() is a view", async () => {
  class BufferLike extends Uint8Array<ArrayBuffer> {
    override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
      return this.subarray(start, end);
    }
  }
  const memory = new BufferLike(new ArrayBuffer(100));
  const { here, read } = linked((data) => {
    memory.fill(0);
    memory.set(data);
    return [memory.subarray(0, data.length)];
  });
  await here.publish("room", "one");
  await here.publish("room", "two");
  memory.fill(0);
  assertEquals(await read(2), ["one", "two"]);
});

Deno.test("a publisher that has forgotten a topic begins again, and its frames are taken", async () => {
  const { here, there, gaps, read } = linked((data) => [data], 2);
  for (const topic of ["room", "room", "a", "b", "room", "room"]) {
    await here.publish(topic, topic);
  }
  assertEquals(await read(4), ["room", "room", "room", "room"]);
  assertEquals([gaps, there.stats.refused], [[], 0]);
});

Deno.test("publishers beyond those that are remembered cost no more memory, and are taken", async () => {
  const engine = memoryEngine();
  const there = new Hub(lines(), { engine });
  using member = reader();
  there.join("room", member.connection);
  for (let i = 0; i < 1_100; i++) {
    const here = new Hub(lines(), { engine });
    await here.publish("room", `${i}`);
    await here.publish("room", "again");
  }
  assertEquals((await member.read(2_200)).at(-2), "1099");
  assertEquals([there.stats.refused, there.stats.gaps], [0, 0]);
});

Deno.test("a topic costs the same, however many were forgotten before it", () => {
  const outgoing = new OutgoingSequences(1, 100_000);
  const start = performance.now();
  for (let i = 0; i < 300_000; i++) outgoing.next(`topic ${i}`);
  // Some tenths of a second; where each passed those that were forgotten, half a minute.
  assertLess(performance.now() - start, 10_000);
  // The newest are remembered, and no others.
  assertEquals(outgoing.next("topic 299999").sequence, 1);
  assertEquals(outgoing.next("topic 200000").sequence, 1);
  assertEquals(outgoing.next("topic 199999").sequence, 0);
});

Deno.test("the publishers of a topic are remembered up to a bound, and the oldest is forgotten", () => {
  const incoming = new IncomingSequences();
  const from = (publisher: number, sequence: number) =>
    incoming.missing({ publisher, stream: 0, sequence });
  for (let publisher = 0; publisher < 1_024; publisher++) from(publisher, 0);
  assertEquals([from(0, 5), from(1, 5)], [4, 4]);
  assertEquals(from(1_024, 0), 0);
  // Taken for one that is new.
  assertEquals(from(0, 9), 0);
  assertEquals(from(5, 9), 8);
});

/** An engine that is told what to do. */
function remote() {
  let tell: ((gap: EngineGap) => void) | undefined;
  let say: ((data: Uint8Array) => void) | undefined;
  const ready = Promise.withResolvers<void>();
  let closed = 0;
  const engine: Engine = {
    publish: () => Promise.resolve(),
    subscribe(_topic, onMessage, { onGap }) {
      tell = onGap;
      say = onMessage;
      return { ready: ready.promise, close: () => void closed++ };
    },
  };
  return {
    engine,
    ready,
    tell: (gap: EngineGap) => tell!(gap),
    say: (data: Uint8Array) => say!(data),
    closed: () => closed,
  };
}

Deno.test("what an engine tells of a gap is passed on, until the topic has no members", async () => {
  const { engine, tell, closed, say } = remote();
  const gaps: HubGap[] = [];
  const hub = new Hub(lines(), { engine, onGap: (gap) => gaps.push(gap) });
  using ann = reader();
  const membership = hub.join("room", ann.connection);
  tell({ reason: "slow", count: 5 });
  tell({ reason: "reconnected" });
  assertEquals(gaps, [
    { topic: "room", reason: "slow", count: 5 },
    { topic: "room", reason: "reconnected" },
  ]);
  assertEquals([hub.stats.gaps, hub.stats.lost], [2, 0]);
  membership.leave();
  assertEquals(closed(), 1);
  tell({ reason: "slow", count: 5 });
  say(new Uint8Array(30));
  assertEquals([gaps.length, hub.stats.refused], [2, 0]);
  await turn();
});

Deno.test("an onGap that throws, or rejects, breaks nothing", async () => {
  using hooks = new FailedHooks();
  const { engine, tell } = remote();
  const hub = new Hub(lines(), {
    engine,
    onGap: () => Promise.reject(new Error("oops")),
  });
  using ann = reader();
  hub.join("room", ann.connection);
  tell({ reason: "slow" });
  await turn();
  await hub.publish("room", "hello");
  assertEquals(await ann.read(1), ["hello"]);
  assertEquals(hooks.errors.length, 1);
});

Deno.test("Membership.ready() settles when the engine has subscribed, and a failure is a gap", async () => {
  const { engine, ready } = remote();
  const gaps: HubGap[] = [];
  const hub = new Hub(lines(), { engine, onGap: (gap) => gaps.push(gap) });
  using ann = reader();
  const membership = hub.join("room", ann.connection);
  assertEquals(await isSettled(membership.ready()), false);
  await assertRejects(
    () => membership.ready({ timeoutMS: 1 } as object),
    TypeError,
    'Cannot join a topic: unknown option "timeoutMS"',
  );
  await membership.ready({ timeoutMs: 1 }).catch(({ code }) =>
    assertEquals(code, "timeout")
  );
  const denied = new Error("permission denied");
  ready.reject(denied);
  await turn();
  assertEquals(gaps, [{ topic: "room", reason: "ended", cause: denied }]);
});

Deno.test("an engine that cannot subscribe makes join throw, and nothing is joined", () => {
  const failure = new LimitError("topics", 1, "Cannot subscribe: too many");
  const hub = new Hub(lines(), {
    engine: {
      publish: () => Promise.resolve(),
      subscribe() {
        throw failure;
      },
    },
  });
  using ann = reader();
  const error = assertThrows(() => hub.join("room", ann.connection));
  assertEquals(error, failure);
  assertEquals([hub.stats.topics, hub.stats.members], [0, 0]);
});

Deno.test("workersEngine() passes on what the channel of a worker does", async () => {
  const inner = memoryEngine();
  // As `context.channel`: publishers do not get their own.
  const channel = (id: number) => ({
    publish: (topic: string, data: Uint8Array) =>
      inner.publish(topic, Uint8Array.of(id, ...data)),
    subscribe: (
      topic: string,
      onMessage: (data: Uint8Array) => unknown,
      options?: {
        onGap?: (gap: { reason: "slow"; count?: number }) => unknown;
      },
    ) => {
      options?.onGap?.({ reason: "slow", count: 1 });
      return {
        ready: Promise.resolve(),
        ...inner.subscribe(topic, ([from, ...data]) => {
          if (from !== id) onMessage(Uint8Array.from(data));
        }, { onGap() {} }),
      };
    },
  });
  const gaps: HubGap[] = [];
  const here = new Hub(lines(), { engine: workersEngine(channel(1)) });
  const there = new Hub(lines(), {
    engine: workersEngine(channel(2)),
    onGap: (gap) => gaps.push(gap),
  });
  using ann = reader();
  there.join("room", ann.connection);
  await here.publish("room", "hello");
  assertEquals(await ann.read(1), ["hello"]);
  assertEquals(gaps, [{ topic: "room", reason: "slow", count: 1 }]);
  assertThrows(() => workersEngine({} as never), TypeError);
});

Deno.test("every topic has a subject of NATS of its own, and none is a pattern", () => {
  const topics = [
    ...["room", "room.1", "room..1", ".room", "room.", ".", "a b", "=2A", "*"],
    ...[">", "room.*", "room.>", "é", "日本", "a\r\nPUB b", "$SYS", "_INBOX"],
  ];
  const subjects = topics.map((topic) => subjectOf("p", topic));
  assertEquals(subjects.slice(0, 9), [
    "p.room",
    "p.room.1",
    "p.room=2E=2E1",
    "p.=2Eroom",
    "p.room=2E",
    "p.=2E",
    "p.a=20b",
    "p.=3D2A",
    "p.=2A",
  ]);
  assertEquals(new Set(subjects).size, topics.length);
  for (const subject of subjects) {
    assertEquals(/^p(\.[\w=-]+)+$/.test(subject), true, subject);
  }
});

Deno.test("natsEngine() refuses what is no connection, and options that are none", () => {
  const connection = {
    publish() {},
    subscribe: () => ({ unsubscribe() {} }),
    flush: () => Promise.resolve(),
    async *status() {},
    isClosed: () => false,
  };
  assertThrows(() => natsEngine({} as never), TypeError, "connection");
  for (const prefix of ["", "a.", "*", "a b", "a..b"]) {
    assertThrows(() => natsEngine(connection, { prefix }), RangeError);
  }
  assertThrows(
    () => natsEngine(connection, { prefix: "p".repeat(256) }),
    RangeError,
    "255",
  );
  for (const prefix of [null, 5, ["a"], { toString: () => "a" }]) {
    assertThrows(
      () => natsEngine(connection, { prefix: prefix as never }),
      TypeError,
      "prefix must be a string",
    );
  }
  assertThrows(
    () => natsEngine(connection, { maxPendingBytes: 0 }),
    RangeError,
  );
  assertThrows(
    () => natsEngine(connection, { subject: "a" } as never),
    TypeError,
    "unknown option",
  );
  natsEngine(connection, { prefix: "chat.v2" });
});

Deno.test("natsEngine() tells with a gap why the connection broke, and no more", async () => {
  const connection = natsConnection();
  const gaps: EngineGap[] = [];
  natsEngine(connection).subscribe("room", () => {}, {
    onGap: (gap) => gaps.push(gap),
  });
  const denied = new Error("denied");
  denied.name = "PermissionViolationError";
  const slow = new Error("Slow Consumer");
  await connection.tell("error", denied);
  await connection.tell("reconnect");
  await connection.tell("error", slow);
  await connection.tell("error", denied);
  await connection.tell("reconnect");
  await connection.tell("reconnect");
  await connection.end();
  await turn();
  assertEquals(gaps, [
    { reason: "reconnected" },
    { reason: "slow", cause: slow },
    { reason: "reconnected" },
    { reason: "ended" },
  ]);
});

/** A connection to NATS of which every subscription gets what `send` sends. */
function natsConnection() {
  interface Status {
    type: string;
    error?: Error;
  }
  const statuses = new TransformStream<Status, Status>();
  const writer = statuses.writable.getWriter();
  let subscriptions = 0;
  return {
    get subscriptions() {
      return subscriptions;
    },
    tell: (type: string, error?: Error) =>
      writer.write({ type, ...error && { error } }),
    end: () => writer.close(),
    publish() {},
    subscribe: () => {
      subscriptions++;
      return { unsubscribe() {} };
    },
    flush: () => Promise.resolve(),
    status: () => statuses.readable,
    isClosed: () => false,
  };
}

Deno.test("natsEngine() never refuses a publisher that awaits each publish, however small the bound", async () => {
  for (const maxPendingBytes of [1, 1_000, 300_000]) {
    const connection = natsConnection();
    const engine = natsEngine(connection, { maxPendingBytes });
    for (const size of [...Array(30).fill(100), 700, 200_000, 200_000]) {
      await engine.publish("room", new Uint8Array(size));
    }
    const unawaited = Array.from(
      { length: 3 },
      () => engine.publish("room", new Uint8Array(maxPendingBytes)),
    );
    const outcomes = await Promise.allSettled(unawaited);
    assertEquals(outcomes.at(-1)?.status, "rejected");
    await connection.end();
  }
});

Deno.test("natsEngine() knows of an outage that began before it was first used", async () => {
  const connection = natsConnection();
  const engine = natsEngine(connection);
  await connection.tell("disconnect");
  await turn();
  await assertRejects(
    () => engine.publish("room", new Uint8Array(1)),
    BrokenError,
    "is down",
  );
  await connection.end();
});

Deno.test("natsEngine() tells all of a gap though one throws, and none that was closed or has ended", async () => {
  using hooks = new FailedHooks();
  const refused = new Error("permission denied");
  const connection = {
    ...natsConnection(),
    subscribe(
      subject: string,
      { callback }: { callback: (error: Error | null, message: never) => void },
    ) {
      if (subject.endsWith("denied")) callback(refused, undefined as never);
      return { unsubscribe() {} };
    },
  };
  const engine = natsEngine(connection);
  const told: string[] = [];
  const subscribe = (topic: string, onGap: (gap: EngineGap) => void) =>
    engine.subscribe(topic, () => {}, {
      onGap(gap) {
        told.push(`${topic} ${gap.reason}`);
        onGap(gap);
      },
    });
  subscribe("denied", () => {});
  subscribe("throws", () => {
    throw new Error("oops");
  });
  subscribe("closes", () => closed.close());
  const closed = subscribe("closed", () => {});
  subscribe("last", () => {});
  await connection.tell("reconnect");
  await turn();
  assertEquals(told, [
    "denied ended",
    "throws reconnected",
    "closes reconnected",
    "last reconnected",
  ]);
  assertEquals(hooks.errors.length, 1);
  await connection.end();
});

Deno.test("a hook that joins again at each gap of natsEngine() is told of each gap once", async () => {
  const connection = natsConnection();
  using ann = reader();
  let gaps = 0;
  const hub: Hub<string> = new Hub(lines(), {
    engine: natsEngine(connection),
    onGap: () => {
      if (++gaps > 100) return;
      membership.leave();
      membership = hub.join("room", ann.connection);
    },
  });
  let membership = hub.join("room", ann.connection);
  await connection.tell("disconnect");
  await connection.tell("reconnect");
  await connection.end();
  // One for the reconnection, one for the end.
  await turn();
  assertEquals([gaps, connection.subscriptions], [2, 3]);
});

Deno.test("what an engine hands over that is no message is refused, and throws nothing into it", () => {
  let onMessage: (data: never) => void = () => {};
  const hub = new Hub(lines(), {
    engine: {
      publish: () => Promise.resolve(),
      subscribe: (_topic, handle) => {
        onMessage = handle;
        return { close() {} };
      },
    },
  });
  using ann = reader();
  hub.join("room", ann.connection);
  const odd = [
    null,
    undefined,
    "text",
    { length: 50, 0: 1 },
    new ArrayBuffer(50),
    new Proxy(new Uint8Array(50), {}),
  ];

  for (const data of [...odd, new Uint8Array()]) onMessage(data as never);
  assertEquals(hub.stats.refused, 7);
});

/** An engine that calls `onSubscribe` in the midst of `subscribe`, and counts. */
function calling(onSubscribe: (onGap: (gap: EngineGap) => void) => void) {
  const counts = { subscribed: 0, closed: 0 };
  const engine: Engine = {
    publish: () => Promise.resolve(),
    subscribe(_topic, _onMessage, { onGap }) {
      counts.subscribed++;
      onSubscribe(onGap);
      return {
        close() {
          counts.closed++;
        },
      };
    },
  };
  return { engine, counts };
}

Deno.test("a hook that joins the topic while the engine subscribes gets what is published, as all others do", async () => {
  using ann = reader();
  using bob = reader();
  const { engine, counts } = calling((onGap) => onGap({ reason: "slow" }));
  const hub: Hub<string> = new Hub(lines(), {
    engine,
    onGap: () => void hub.join("room", bob.connection),
  });
  hub.join("room", ann.connection);
  await hub.publish("room", "hello");
  assertEquals([await ann.read(1), await bob.read(1)], [["hello"], ["hello"]]);
  assertEquals([hub.stats.topics, hub.stats.members], [1, 2]);
  hub.close();
  assertEquals(counts, { subscribed: 1, closed: 1 });
});

Deno.test("join throws where a hook has closed the hub, ended the member or joined it while the engine subscribed", () => {
  for (const how of ["close", "abort", "join", "join and leave"] as const) {
    using ann = reader();
    const { engine, counts } = calling((onGap) => onGap({ reason: "slow" }));
    const hub: Hub<string> = new Hub(lines(), {
      engine,
      onGap() {
        if (how === "close") return hub.close();
        if (how === "abort") return ann.socket.abort();
        const membership = hub.join("room", ann.connection);
        if (how !== "join") membership.leave();
      },
    });
    if (how === "join and leave") {
      hub.join("room", ann.connection).leave();
    } else {
      const error = assertThrows(() => hub.join("room", ann.connection));
      assertEquals(
        (error as SocketError).code,
        how === "join" ? "busy" : "closed",
      );
    }
    hub.close();
    assertEquals([hub.stats.topics, hub.stats.members], [0, 0], how);
    assertEquals(counts, { subscribed: 1, closed: 1 }, how);
  }
});

Deno.test("a subscription whose ready throws when it is looked at makes join throw, and is closed", () => {
  let closed = 0;
  const hub = new Hub(lines(), {
    engine: {
      publish: () => Promise.resolve(),
      subscribe: () => ({
        get ready(): Promise<void> {
          throw new Error("oops");
        },
        close() {
          closed++;
        },
      }),
    },
  });
  using ann = reader();
  assertThrows(() => hub.join("room", ann.connection), BrokenError, "oops");
  assertEquals([hub.stats.topics, hub.stats.members, closed], [0, 0, 1]);
});

Deno.test("memoryEngine() calls every subscriber though one throws, and settles what that one has published", async () => {
  using hooks = new FailedHooks();
  const engine = memoryEngine();
  const options = { onGap: () => {} };
  const got: string[] = [];
  let inner: Promise<void> | undefined;
  engine.subscribe("room", () => {
    inner = engine.publish("other", new Uint8Array(1));
    throw new Error("first");
  }, options);
  engine.subscribe("room", () => Promise.reject(new Error("second")), options);
  engine.subscribe("room", () => void got.push("room"), options);
  engine.subscribe("other", () => void got.push("other"), options);
  await engine.publish("room", new Uint8Array(1));
  await inner;
  await turn();
  assertEquals(got, ["room", "other"]);
  assertEquals(hooks.errors.map((error) => (error as Error).message), [
    "first",
    "second",
  ]);
});

Deno.test("an engine whose subscribe() gives nothing to close makes join throw, and nothing is joined", () => {
  const rejected = Promise.reject(new Error("nothing else may see it"));
  rejected.catch(() => {});
  for (const given of [undefined, {}, rejected]) {
    const engine = {
      publish: () => Promise.resolve(),
      subscribe: () => given as never,
    };
    const hub = new Hub(lines(), { engine });
    using ann = reader();
    const error = assertThrows(
      () => hub.join("room", ann.connection),
      BrokenError,
      "what subscribe() gives must be an object with close()",
    );
    assertEquals(error.operation, "publish");
    assertEquals([hub.stats.topics, hub.stats.members], [0, 0]);
  }
});
