import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { Codec } from "../../lib/codec/codec.ts";
import { inParts } from "../../lib/codec/in_parts.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import {
  BrokenError,
  BusyError,
  ClosedError,
  CodecError,
  FrameTooLargeError,
  LimitError,
  TimeoutError,
} from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import { Hub } from "../../lib/hub/hub.ts";
import type { HubOptions } from "../../lib/hub/hub_options.ts";
import { memoryEngine } from "../../lib/hub/memory_engine.ts";
import { memoryPair } from "../../lib/testing/memory_pair.ts";
import { FailedHooks } from "../_support/failed_hooks.ts";
import {
  isSettled,
  outcome,
  spiedPair,
  TIMEOUT,
  turn,
} from "../_support/sockets.ts";
import { type Reader, reader } from "./_support.ts";

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `${from + i}`);
}

/** A hub with one member, whose peer does not read. */
async function stalled(
  options: HubOptions,
  onDropped?: (count: number, member: Reader) => void,
) {
  const hub = new Hub(lines(), options);
  const member = reader();
  const membership = hub.join("room", member.connection, {
    onDropped: (count) => onDropped?.(count, member),
  });
  member.spy.hold();
  hub.publish("room", "first");
  await turn();
  return { hub, membership, ...member };
}

Deno.test("Hub.publish() reaches every member of the topic, but for the excepted one", async () => {
  const hub = new Hub(lines());
  using ann = reader();
  using bob = reader();
  using eve = reader();
  for (const { connection } of [ann, bob]) hub.join("room", connection);
  hub.join("other", eve.connection);
  await hub.publish("room", "one", { except: ann.connection });
  await hub.publish("room", "two");
  await hub.publish("other", "three");
  await hub.publish("empty", "four");
  assertEquals(await bob.read(2), ["one", "two"]);
  assertEquals(await ann.read(1), ["two"]);
  assertEquals(await eve.read(1), ["three"]);
  assertEquals(hub.stats, {
    topics: 2,
    members: 3,
    published: 4,
    received: 0,
    delivered: 4,
    dropped: 0,
    discarded: 0,
    disconnected: 0,
    queuedFrames: 0,
    queuedBytes: 0,
    gaps: 0,
    lost: 0,
    refused: 0,
  });
});

Deno.test("Hub encodes a frame once, and all members send the same bytes", async () => {
  let encoded = 0;
  const counting: Codec<string> = {
    ...lines(),
    encoder: () => ({
      encode(frame, out) {
        encoded++;
        out.writeText(`${frame}\n`);
      },
    }),
  };
  const hub = new Hub(counting);
  const members = Array.from({ length: 10 }, reader);
  for (const { connection } of members) hub.join("room", connection);
  await hub.publish("room", "hello");
  for (const { read } of members) assertEquals(await read(1), ["hello"]);
  assertEquals(encoded, 1);
  const sent = members.flatMap(({ spy }) => spy.written);
  assertEquals(sent.length, 10);
  for (const bytes of sent) assertStrictEquals(bytes, sent[0]);
  for (const member of members) member[Symbol.dispose]();
});

Deno.test("frames that are published in one turn leave in one write, also to a member that sent some of them", async () => {
  const hub = new Hub(lines());
  using ann = reader();
  using bob = reader();
  for (const { connection } of [ann, bob]) hub.join("room", connection);
  for (const line of numbers(0, 100)) {
    const except = line === "7" ? bob.connection : undefined;
    await hub.publish("room", line, { except });
  }
  assertEquals(await ann.read(100), numbers(0, 100));
  assertEquals(await bob.read(99), numbers(0, 100).toSpliced(7, 1));
  assertEquals([ann.spy.writes.length, bob.spy.writes.length], [1, 1]);
});

Deno.test("a member gets what is published after it joined and before it left, and nothing else", async () => {
  const hub = new Hub(lines());
  using ann = reader();
  hub.join("room", ann.connection);
  hub.publish("room", "before");
  using bob = reader();
  const membership = hub.join("room", bob.connection);
  hub.publish("room", "while");
  membership.leave();
  membership.leave();
  hub.publish("room", "after");
  assertEquals(await ann.read(3), ["before", "while", "after"]);
  assertEquals(await bob.read(1), ["while"]);
  assertEquals(hub.stats.members, 1);
  await bob.connection.send("own");
  assertEquals(await bob.read(1), ["own"]);
});

Deno.test("publishing never waits for a member that reads nothing, and slows no other", async () => {
  const { hub, spy } = await stalled({ maxQueuedFrames: 10 });
  using ann = reader();
  hub.join("room", ann.connection);
  for (const line of numbers(0, 1_000)) {
    assertEquals(await isSettled(hub.publish("room", line)), true);
    assertEquals(await ann.read(1), [line]);
  }
  assertEquals(hub.stats.dropped, 990);
  assertEquals(spy.writes.length, 1);
  spy.close();
});

Deno.test("what is published in one turn arrives in that order, whatever its topics", async () => {
  const hub = new Hub(lines());
  using ann = reader();
  const topics = ["news", "weather", "ann"];
  for (const topic of topics) hub.join(topic, ann.connection);
  const said: string[] = [];
  for (let i = 0; i < 10; i++) {
    said.push(`${i}`);
    hub.publish(topics[(i * i) % 3], `${i}`);
  }
  assertEquals(await ann.read(10), said);
});

Deno.test("drop-oldest keeps the newest frames, and tells how many are missing where they would have been", async () => {
  const { hub, membership, spy, read } = await stalled(
    { maxQueuedFrames: 3 },
    (count, { connection }) => connection.send(`missed ${count}`),
  );
  for (const line of numbers(0, 10)) hub.publish("room", line);
  await turn();
  assertEquals([hub.stats.dropped, membership.dropped], [7, 7]);
  assertEquals(hub.stats.queuedFrames, 3);
  assertEquals(hub.stats.queuedBytes, 6);
  spy.release();
  assertEquals(await read(5), ["first", "missed 7", "7", "8", "9"]);
  hub.publish("room", "last");
  assertEquals(await read(1), ["last"]);
  assertEquals([hub.stats.queuedFrames, hub.stats.queuedBytes], [0, 0]);
});

Deno.test("drop-newest keeps the oldest frames, and tells how many are missing where they would have been", async () => {
  const { hub, membership, spy, read } = await stalled(
    { maxQueuedFrames: 3, onSlow: "drop-newest" },
    (count, { connection }) => connection.send(`missed ${count}`),
  );
  for (const line of numbers(0, 10)) hub.publish("room", line);
  await turn();
  spy.release();
  assertEquals(await read(5), ["first", "0", "1", "2", "missed 7"]);
  assertEquals(membership.dropped, 7);
  // A gap in the middle: some are dropped, then there is room again.
  spy.hold();
  for (const line of numbers(0, 5)) hub.publish("room", line);
  await turn();
  hub.publish("room", "dropped");
  await turn();
  spy.release();
  assertEquals(await read(2), ["0", "1"]);
});

Deno.test("disconnect ends a member with a LimitError, and only that one", async () => {
  const { hub, connection, socket, spy } = await stalled(
    { maxQueuedFrames: 3, onSlow: "disconnect" },
  );
  using ann = reader();
  hub.join("room", ann.connection);
  const received = outcome(connection.receive());
  for (const line of numbers(0, 6)) hub.publish("room", line);
  await socket.closed;
  const error = await received;
  assertInstanceOf(error, LimitError);
  assertEquals([error.option, error.limit], ["maxQueuedFrames", 3]);
  assertEquals(
    error.message,
    "Cannot publish to a member: more than 3 frames would wait for it (its peer reads too slowly)",
  );
  assertEquals(await ann.read(6), numbers(0, 6));
  // Those behind the one too many do not wait for a connection that has ended.
  const { members, disconnected, dropped, discarded, queuedFrames } = hub.stats;
  assertEquals(
    { members, disconnected, dropped, discarded, queuedFrames },
    { members: 1, disconnected: 1, dropped: 1, discarded: 5, queuedFrames: 0 },
  );
  assertEquals(spy.closed, 1);
});

Deno.test("a member that takes nothing for writeMs is disconnected, so that its peer knows", async () => {
  const { hub, connection, socket } = await stalled({});
  const received = outcome(connection.receive());
  socket.setTimeouts({ writeMs: 20 });
  hub.publish("room", "never arrives");
  await turn();
  await socket.closed;
  assertInstanceOf(await received, TimeoutError);
  const { members, disconnected, topics } = hub.stats;
  assertEquals({ members, disconnected, topics }, {
    members: 0,
    disconnected: 1,
    topics: 0,
  });
});

Deno.test("maxQueuedBytes bounds what waits, whatever the number of frames", async () => {
  const { hub, spy, read } = await stalled({ maxQueuedBytes: 100 });
  const line = "x".repeat(39);
  for (let i = 0; i < 10; i++) await hub.publish("room", line);
  await turn();
  assertEquals([hub.stats.queuedFrames, hub.stats.queuedBytes], [2, 80]);
  const large = await assertRejects(
    () => hub.publish("room", "x".repeat(100)),
    FrameTooLargeError,
  );
  assertEquals([large.limit, large.claimed], [100, 101]);
  spy.release();
  assertEquals(await read(3), ["first", line, line]);
});

Deno.test("one queue serves all topics of a member, in the order of publishing", async () => {
  const { hub, connection, spy, read } = await stalled({ maxQueuedFrames: 4 });
  const dropped: [string, number][] = [];
  hub.join("b", connection, { onDropped: (n) => dropped.push(["b", n]) });
  const published = [["b", "b0"], ["room", "a0"], ["room", "a1"]].concat(
    [["b", "b1"], ["room", "a2"]],
  );
  for (const [topic, line] of published) {
    await hub.publish(topic, line);
    await turn();
  }
  spy.release();
  assertEquals(await read(5), ["first", "a0", "a1", "b1", "a2"]);
  assertEquals(dropped, [["b", 1]]);
});

for (
  const [how, end] of Object.entries<(reader: Reader) => unknown>({
    close: ({ connection }) => connection.close(),
    abort: ({ socket }) => socket.abort(),
    closeWrite: ({ socket }) => socket.closeWrite(),
    detach: ({ connection }) => connection.detach(),
    "the detach of its socket": ({ socket }) => socket.detach(),
    "a broken transport": ({ spy, connection }) => {
      spy.writeError = new Deno.errors.ConnectionReset("reset");
      return outcome(connection.send("x").then(() => connection.flush()));
    },
  })
) {
  Deno.test(`a member that ends by ${how} leaves by itself`, async () => {
    const hub = new Hub(lines());
    using member = reader();
    const membership = hub.join("room", member.connection);
    hub.join("room.2", member.connection);
    end(member);
    await turn();
    assertEquals([hub.stats.members, hub.stats.topics], [0, 0]);
    await hub.publish("room", "gone");
    membership.leave();
    assertEquals(hub.stats.delivered, 0);
    if (how !== "detach") {
      assertThrows(() => hub.join("room", member.connection), ClosedError);
    }
  });
}

for (const how of ["close", "closeWrite"] as const) {
  Deno.test(`what was published before ${how}() is sent first, also where others are on their way`, async () => {
    const hub = new Hub(lines());
    using ann = reader();
    hub.join("room", ann.connection);
    ann.spy.hold();
    hub.publish("room", "one");
    await turn();
    hub.publish("room", "two");
    await turn();
    hub.publish("room", "three");
    const ended = ann.connection[how]();
    hub.publish("room", "four");
    ann.spy.release();
    assertEquals(await ann.read(4), ["one", "two", "three", null]);
    await ann.peer.close();
    await ended;
    assertEquals(hub.stats.delivered, 3);
  });
}

Deno.test("what was published before close() is sent to a peer that has ended its side, too", async () => {
  const hub = new Hub(lines());
  using ann = reader();
  hub.join("room", ann.connection);
  await ann.peer.closeWrite();
  assertEquals(await ann.connection.receive(), null);
  hub.publish("room", "last words");
  const closed = ann.connection.close();
  assertEquals(await ann.read(2), ["last words", null]);
  await closed;
});

Deno.test("a frame never comes inside one that a member sends in parts", async () => {
  const files = inParts(lengthPrefixed());
  const encoder = new TextEncoder();
  const hub = new Hub(lengthPrefixed());
  using pair = spiedPair();
  const sender = framed(pair.left, files);
  // The bytes are the same: whole frames of the one are frames of the other.
  const parts = sender as unknown as Parameters<typeof hub.join>[1];
  hub.join("room", parts);
  const received = framed(pair.right, lengthPrefixed());
  const next = async () =>
    new TextDecoder().decode(await received.receive() ?? undefined);
  hub.publish("room", encoder.encode("before"));
  await turn();
  await sender.send({ head: { size: 6 } });
  hub.publish("room", encoder.encode("while 1"));
  await turn();
  await sender.send({ part: encoder.encode("abc") });
  hub.publish("room", encoder.encode("while 2"));
  await turn();
  await sender.send({ part: encoder.encode("def") });
  await sender.send({ end: true });
  assertEquals([await next(), await next()], ["before", "abcdef"]);
  assertEquals([await next(), await next()], ["while 1", "while 2"]);
});

Deno.test("frames wait while a member speaks another codec, and until it comes back", async () => {
  const hub = new Hub(lines());
  const codec = lines();
  using pair = spiedPair();
  const member = framed(pair.left, codec);
  hub.join("room", member);
  member.switch(lengthPrefixed({ lengthBytes: 1 }));
  hub.publish("room", "one");
  await turn();
  hub.publish("room", "two");
  await turn();
  assertEquals([pair.spy.writes, hub.stats.queuedFrames], [[], 2]);
  await (member as unknown as typeof binary).send(new Uint8Array([104]));
  member.switch(codec);
  assertEquals(hub.stats.queuedFrames, 0);
  const binary = framed(pair.right, lengthPrefixed({ lengthBytes: 1 }));
  assertEquals(await binary.receive(), new Uint8Array([104]));
  const { socket } = binary.detach();
  assertEquals(await socket.readLine(), "one");
  assertEquals(await socket.readLine(), "two");
});

Deno.test(
  "what a member sends itself and what is published to it are whole and in order",
  TIMEOUT,
  async () => {
    const hub = new Hub(lines());
    using pair = spiedPair({ highWaterMarkBytes: 64 });
    const connection = framed(pair.left, lines());
    hub.join("room", connection);
    const own = (async () => {
      for (const line of numbers(0, 300)) {
        await connection.send(`own ${line} ${"x".repeat(line.length * 20)}`);
      }
    })();
    const published = (async () => {
      for (const line of numbers(0, 300)) {
        await hub.publish(
          "room",
          `hub ${line} ${"y".repeat(line.length * 30)}`,
        );
        if (Number(line) % 3 === 0) await turn();
      }
    })();
    const seen: Record<string, string[]> = { own: [], hub: [] };
    for (let i = 0; i < 600; i++) {
      const [who, line, rest] = (await pair.right.readLine())!.split(" ");
      seen[who].push(line);
      const length = line.length * (who === "own" ? 20 : 30);
      assertEquals(rest, (who === "own" ? "x" : "y").repeat(length));
    }
    await Promise.all([own, published]);
    assertEquals(seen, { own: numbers(0, 300), hub: numbers(0, 300) });
  },
);

Deno.test("large frames go out by reference, to a member that waited too", async () => {
  const hub = new Hub(lengthPrefixed());
  using pair = spiedPair();
  hub.join("room", framed(pair.left, lengthPrefixed()));
  const received = framed(pair.right, lengthPrefixed());
  for (let i = 0; i < 5; i++) {
    hub.publish("room", new Uint8Array(70_000).fill(i));
    hub.publish("room", new Uint8Array(100).fill(i));
  }
  for (let i = 0; i < 5; i++) {
    assertEquals(await received.receive(), new Uint8Array(70_000).fill(i));
    assertEquals(await received.receive(), new Uint8Array(100).fill(i));
  }
});

Deno.test("the bytes of a published frame are the caller's again at once", async () => {
  const hub = new Hub(lengthPrefixed());
  using pair = spiedPair();
  hub.join("room", framed(pair.left, lengthPrefixed()));
  const frame = new Uint8Array(100_000).fill(1);
  hub.publish("room", frame);
  frame.fill(2);
  const received = await framed(pair.right, lengthPrefixed()).receive();
  assertEquals(received, new Uint8Array(100_000).fill(1));
});

Deno.test("a getter of a frame may publish, too", async () => {
  const named: Codec<string, { name: string }> = {
    ...lines(),
    encoder: () => ({
      encode(frame, out) {
        out.writeText("name ");
        out.writeText(`${frame.name}\n`);
      },
    }),
  };
  const hub = new Hub(named);
  using pair = spiedPair();
  hub.join("room", framed(pair.left, named));
  await hub.publish("room", {
    get name() {
      hub.publish("room", { name: "inner" });
      return "outer";
    },
  });
  assertEquals(await pair.right.readLine(), "name inner");
  assertEquals(await pair.right.readLine(), "name outer");
});

Deno.test("what a hook publishes while a frame is handed out comes after it, at every member", async () => {
  const hub = new Hub(lines(), { maxQueuedFrames: 1, onSlow: "disconnect" });
  using ann = reader();
  using bob = reader();
  // Two of them are as much as leaves at once.
  const large = "x".repeat(40_000);
  hub.join("room", ann.connection, {
    onDropped: () => {
      hub.publish("room", large);
      hub.publish("room", large);
    },
  });
  hub.join("room", bob.connection);
  ann.spy.hold();
  for (const line of numbers(0, 3)) {
    hub.publish("room", line);
    await turn();
  }
  assertEquals(hub.stats.disconnected, 1);
  assertEquals(await bob.read(3), numbers(0, 3));
  assertEquals(await bob.read(2), [large, large]);
});

Deno.test("what a hook publishes within publish() comes after that frame, in every process", async () => {
  const engine = memoryEngine();
  const hub = new Hub(lines(), {
    engine,
    maxQueuedFrames: 1,
    onSlow: "disconnect",
  });
  const elsewhere = new Hub(lines(), { engine });
  using ann = reader();
  using bob = reader();
  using eve = reader();
  hub.join("room", ann.connection, {
    onDropped: () => void hub.publish("news", "second"),
  });
  hub.join("news", bob.connection);
  elsewhere.join("news", eve.connection);
  ann.spy.hold();
  for (const line of numbers(0, 2)) {
    hub.publish("room", line);
    await turn();
  }
  hub.publish("room", "one too many");
  // It comes behind that one, which disconnects ann.
  hub.publish("news", "first");
  assertEquals(hub.stats.disconnected, 1);
  assertEquals(await bob.read(2), ["first", "second"]);
  assertEquals(await eve.read(2), ["first", "second"]);
});

Deno.test("frames of several topics keep their order, whatever hooks publish meanwhile", async () => {
  const hub: Hub<string> = new Hub(lines(), {
    engine: {
      // It calls back at once, as the one of memory does.
      publish: (_topic, data) => {
        const text = new TextDecoder().decode(data);
        if (text.endsWith("second\n")) hub.publish("room", "third");
        return Promise.resolve();
      },
      subscribe: () => ({ ready: Promise.resolve(), close() {} }),
    },
    maxQueuedFrames: 10,
    onSlow: "disconnect",
  });
  using ann = reader();
  using bob = reader();
  hub.join("room", ann.connection, {
    onDropped: () => {
      for (const text of ["fourth", "fifth", "sixth"]) {
        hub.publish(text === "fifth" ? "news" : "room", text);
      }
    },
  });
  hub.join("news", ann.connection);
  hub.join("room", bob.connection);
  hub.join("news", bob.connection);
  ann.spy.hold();
  for (const line of numbers(0, 11)) {
    hub.publish("room", line);
    await turn();
  }
  hub.publish("room", "first");
  // Before "first" is handed out, which disconnects ann, the engine hears of this one.
  hub.publish("news", "second");
  assertEquals(hub.stats.disconnected, 1);
  assertEquals(await bob.read(17), [
    ...numbers(0, 11),
    ...["first", "second", "third", "fourth", "fifth", "sixth"],
  ]);
});

Deno.test("frames of several topics keep their order where a hook publishes at the end of a turn", async () => {
  const hub = new Hub(lines(), { maxQueuedFrames: 10, onSlow: "disconnect" });
  using ann = reader();
  using bob = reader();
  using eve = reader();
  // Two of a topic are more than leaves at once.
  const topics = ["news", "news", "room", "room", "news", "news", "lobby"];
  const expected = topics.map((topic) => topic.repeat(10_000));
  const left = hub.join("lobby", eve.connection);
  hub.join("room", ann.connection, {
    onDropped: () => {
      topics.forEach((topic, n) => hub.publish(topic, expected[n]));
      // What was published before is still for the one that leaves.
      left.leave();
    },
  });
  hub.join("room", bob.connection);
  hub.join("news", bob.connection);
  ann.spy.hold();
  for (const line of numbers(0, 12)) {
    hub.publish("room", line);
    await turn();
  }
  assertEquals(hub.stats.disconnected, 1);
  assertEquals(await bob.read(12), numbers(0, 12));
  assertEquals(await bob.read(6), expected.slice(0, 6));
  assertEquals(await eve.read(1), expected.slice(6));
});

Deno.test("no more than 64 KiB of a queue are on their way at a time", async () => {
  const { hub, spy, peer } = await stalled({});
  const line = "x".repeat(999);
  for (let i = 0; i < 200; i++) hub.publish("room", line);
  await turn();
  assertEquals(hub.stats.queuedFrames, 200);
  spy.release();
  spy.hold();
  await turn();
  assertEquals(hub.stats.queuedFrames, 135);
  hub.publish("room", line);
  await turn();
  assertEquals(hub.stats.queuedFrames, 136);
  spy.release();
  assertEquals(await peer.readLine(), "first");
  for (let i = 0; i < 201; i++) assertEquals(await peer.readLine(), line);
});

Deno.test("a hook that throws, publishes, leaves or joins again breaks nothing", async () => {
  using hooks = new FailedHooks();
  const hub = new Hub(lines(), { maxQueuedFrames: 2 });
  using ann = reader();
  using bob = reader();
  const memberships = [
    hub.join("room", ann.connection, {
      onDropped: () => {
        hub.publish("room", "from a hook");
        memberships[0].leave();
        memberships.push(hub.join("room", ann.connection));
        throw new Error("oops");
      },
    }),
    hub.join("room", bob.connection),
  ];
  ann.spy.hold();
  for (const line of numbers(0, 4)) {
    hub.publish("room", line);
    await turn();
  }
  ann.spy.release();
  assertEquals(await bob.read(5), [...numbers(0, 4), "from a hook"]);
  // What the hook published came behind a full queue, so that "2" was dropped, too.
  assertEquals(await ann.read(3), ["0", "3", "from a hook"]);
  assertEquals(hooks.errors.length, 2);
});

Deno.test("Hub.join() refuses what cannot be joined", () => {
  using ann = reader();
  using bob = reader();
  const hub = new Hub(lines(), { maxTopics: 2, maxTopicsPerMember: 1 });
  hub.join("a", ann.connection);
  assertThrows(
    () => hub.join("a", ann.connection),
    BusyError,
    "Cannot join a topic: this member has joined it already",
  );
  assertThrows(
    () => hub.join("b", ann.connection),
    LimitError,
    "Cannot join a topic: this member has joined 1 topics already",
  );
  const other = hub.join("b", bob.connection);
  other.leave();
  hub.join("c", bob.connection);
  using eve = reader();
  assertThrows(
    () => hub.join("d", eve.connection),
    LimitError,
    "Cannot join a topic: there are 2 topics with members already",
  );
  assertEquals(hub.stats.members, 2);
  assertThrows(() => hub.join("", eve.connection), RangeError);
  assertThrows(() => hub.join("é".repeat(128), eve.connection), RangeError);
  hub.join("a", eve.connection);
  assertThrows(() => hub.join("\ud800", eve.connection), RangeError);
  assertThrows(() => hub.join(1 as never, eve.connection), TypeError);
  assertThrows(
    () => hub.join("a", eve.socket as never),
    TypeError,
    "Cannot join a topic: member must be a Framed, got a Socket",
  );
  assertThrows(
    () => hub.join("a", bob.connection, { ondropped() {} } as never),
    TypeError,
    'unknown option "ondropped", did you mean onDropped?',
  );
  hub.close();
  assertThrows(() => hub.join("a", eve.connection), ClosedError, "is closed");
});

Deno.test("Hub.publish() refuses what cannot be published, and publishes nothing of it", async () => {
  const hub = new Hub(lines());
  using ann = reader();
  hub.join("room", ann.connection);
  await assertRejects(() => hub.publish("", "x"), RangeError);
  await assertRejects(() => hub.publish("room", 5 as never), TypeError);
  await assertRejects(() => hub.publish("room", "a\nb"));
  const { socket } = ann;
  await assertRejects(
    () => hub.publish("room", "x", { except: socket as never }),
    TypeError,
    "except must be a Framed, got a Socket",
  );
  await assertRejects(
    () => hub.publish("room", "x", { excpet: ann.connection } as never),
    TypeError,
    "did you mean except?",
  );
  const signal = AbortSignal.abort("no");
  assertEquals(await outcome(hub.publish("room", "x", { signal })), "no");
  const parts = new Hub(inParts(lengthPrefixed()));
  await assertRejects(
    () => parts.publish("room", { head: { size: 1 } }),
    CodecError,
    "Cannot publish a frame: it must be whole, got a part of one",
  );
  const waiting = new Hub<string>({
    ...lines(),
    encoder: () => ({ encode: async () => {} }),
  } as never);
  await assertRejects(() => waiting.publish("room", "x"), CodecError);
  await hub.publish("room", "good");
  assertEquals(await ann.read(1), ["good"]);
  assertEquals(hub.stats.published, 1);
});

Deno.test("Hub refuses options that it does not know, or that are out of range", () => {
  const codec = lines();
  assertThrows(
    () => new Hub(codec, { maxQueueFrames: 5 } as never),
    TypeError,
    "did you mean maxQueuedFrames?",
  );
  assertThrows(() => new Hub(codec, { maxQueuedFrames: 0 }), RangeError);
  assertThrows(() => new Hub(codec, { maxQueuedBytes: 1.5 }), RangeError);
  assertThrows(() => new Hub(codec, { maxTopics: NaN }), RangeError);
  assertThrows(
    () => new Hub(codec, { onSlow: "drop" as never }),
    RangeError,
    'Cannot make a hub: onSlow must be "drop-oldest", "drop-newest" or "disconnect", got "drop"',
  );
  assertThrows(() => new Hub(codec, { engine: {} as never }), TypeError);
  assertThrows(() => new Hub(codec, { onGap: 1 as never }), TypeError);
  assertThrows(() => new Hub({} as never), TypeError);
  new Hub(codec, { maxQueuedFrames: Infinity, maxQueuedBytes: Infinity });
});

Deno.test("Hub.close() ends all memberships, and what was published before arrives", async () => {
  using ann = reader();
  const hub = new Hub(lines());
  hub.join("room", ann.connection);
  hub.publish("room", "last words");
  hub.close();
  hub.close();
  await assertRejects(() => hub.publish("room", "x"), ClosedError);
  // Not awaited: it must not end the process.
  hub.publish("room", "x");
  assertEquals(await ann.read(1), ["last words"]);
  assertEquals([hub.stats.members, hub.stats.topics], [0, 0]);
  await ann.connection.send("the connection goes on");
  assertEquals(await ann.read(1), ["the connection goes on"]);
});

Deno.test("an engine that fails is a BrokenError of publish, and members of this process get the frame", async () => {
  for (
    const publish of [
      () => Promise.reject(new Error("no broker")),
      () => {
        throw new Error("no broker");
      },
    ]
  ) {
    const hub = new Hub(lines(), {
      engine: { publish, subscribe: () => ({ close() {} }) },
    });
    using ann = reader();
    hub.join("room", ann.connection);
    const error = await assertRejects(
      () => hub.publish("room", "hello"),
      BrokenError,
      "Cannot publish a frame: the engine failed: no broker",
    );
    assert((error.cause as Error).message === "no broker");
    hub.publish("room", "not awaited");
    assertEquals(await ann.read(2), ["hello", "not awaited"]);
  }
});

Deno.test("a member that is disconnected while another one joins leaves the topic to it", async () => {
  const hub = new Hub(lines(), { maxQueuedFrames: 1, onSlow: "disconnect" });
  using slow = reader();
  using ann = reader();
  hub.join("room", slow.connection);
  slow.spy.hold();
  for (const line of numbers(0, 2)) {
    hub.publish("room", line);
    await turn();
  }
  hub.publish("room", "one too many");
  // It hands out what was published before.
  using membership = hub.join("room", ann.connection);
  assertEquals(slow.socket.signal.aborted, true);
  assertEquals([hub.stats.members, hub.stats.topics], [1, 1]);
  hub.publish("room", "hello");
  assertEquals(await ann.read(1), ["hello"]);
  membership.leave();
  assertEquals([hub.stats.members, hub.stats.topics], [0, 0]);
});

Deno.test("a subscription that cannot be closed breaks no connection and keeps no topic", async () => {
  const failures = [
    () => {
      throw new Error("no broker");
    },
    () => Promise.reject(new Error("no broker")),
  ];
  for (const close of failures) {
    using hooks = new FailedHooks();
    const publish = () => Promise.resolve();
    const engine = { publish, subscribe: () => ({ close }) };
    const hub = new Hub(lines(), { engine });
    using ann = reader();
    using bob = reader();
    hub.join("room", ann.connection).leave();
    hub.join("room", ann.connection);
    hub.join("lobby", bob.connection);
    bob.socket.abort();
    hub.close();
    await turn();
    assertEquals([hub.stats.members, hub.stats.topics], [0, 0]);
    assertEquals(hooks.errors.length, 3);
  }
});

Deno.test("a member that leaves within a frame that cannot be encoded gets what was published before", async () => {
  const codec: Codec<string> = {
    decoder: () => lines().decoder(),
    encoder: () => ({
      encode(frame, out) {
        if (frame === "bad") {
          hub.publish("room", "published");
          // It goes out now, and would be in the midst of the frame.
          membership.leave();
          throw new RangeError("no such frame");
        }
        lines().encoder().encode(frame, out);
      },
    }),
  };
  const hub = new Hub(codec);
  const [left, right] = memoryPair();
  const connection = framed(left, codec);
  const membership = hub.join("room", connection);
  await assertRejects(() => connection.send("bad"), RangeError);
  assertEquals(await right.readLine(), "published");
  await Promise.all([left.close(), right.close()]);
});
