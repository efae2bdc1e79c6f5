import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BusyError, MalformedFrameError, TimeoutError } from "@sluice/net";
import { Inbox } from "../../../examples/mqtt/inbox.ts";
import type { PublishPacket, Qos } from "../../../examples/mqtt/packet.ts";
import {
  type SubscribeOptions,
  Subscription,
} from "../../../examples/mqtt/subscription.ts";

const subscriber = {
  granted: () => Promise.resolve([1]),
  unsubscribe: () => Promise.resolve(),
};

function subscribe(
  inbox: Inbox,
  filter: string,
  options: SubscribeOptions = { qos: 1 },
): Subscription {
  const subscription = new Subscription(
    filter.split(" "),
    options,
    subscriber,
  );
  inbox.subscriptions.add(subscription);
  return subscription;
}

/** An inbox on a connection, and what it has acknowledged there. */
function opened(inbox = new Inbox(true), isSameSession = false) {
  const acknowledged: number[] = [];
  let startedOver = 0;
  inbox.open(isSameSession, {
    acknowledge: (id) => void acknowledged.push(id),
    startOver: () => void startedOver++,
  });
  return { inbox, acknowledged, startedOver: () => startedOver };
}

function packet(
  topic: string,
  qos: Qos = 0,
  id = 0,
  dup = false,
  payload = new Uint8Array(),
): PublishPacket {
  return { type: "publish", topic, payload, qos, retain: false, dup, id };
}

async function topics(
  subscription: Subscription,
  count: number,
): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = [];
  while (found.length < count) {
    const message = await subscription.receive({ timeoutMs: 1_000 });
    found.push(message?.topic);
  }
  return found;
}

Deno.test("messages are acknowledged when the next one is asked for, and in order", async () => {
  const { inbox, acknowledged } = opened();
  const a = subscribe(inbox, "a/+");
  const b = subscribe(inbox, "b");
  inbox.receive(packet("a/1", 1, 10));
  inbox.receive(packet("b", 1, 11));
  inbox.receive(packet("a/2", 1, 12));
  assertEquals(await topics(b, 1), ["b"]);
  b.acknowledge();
  assertEquals(acknowledged, [], "what came before it was not read");
  assertEquals(await topics(a, 2), ["a/1", "a/2"]);
  assertEquals(acknowledged, [10, 11]);
  a.acknowledge();
  a.acknowledge();
  assertEquals(acknowledged, [10, 11, 12]);
});

Deno.test("a message of two subscriptions is acknowledged when both are done with it", async () => {
  const { inbox, acknowledged } = opened();
  const all = subscribe(inbox, "#");
  const one = subscribe(inbox, "a");
  inbox.receive(packet("a", 1, 5));
  await topics(all, 1);
  all.acknowledge();
  assertEquals(acknowledged, []);
  await topics(one, 1);
  one.acknowledge();
  assertEquals(acknowledged, [5]);
});

Deno.test("a subscription gets a message once, however many of its filters choose it", async () => {
  const { inbox } = opened();
  const a = subscribe(inbox, "# a +");
  for (const topic of ["a", "b/c"]) inbox.receive(packet(topic));
  assertEquals([a.queued, await topics(a, 2)], [2, ["a", "b/c"]]);
});

Deno.test("a message that no subscription is there for is acknowledged and counted", () => {
  const { inbox, acknowledged } = opened();
  inbox.receive(packet("a", 1, 5));
  inbox.receive(packet("a"));
  assertEquals([acknowledged, inbox.unmatched], [[5], 2]);
});

Deno.test("a message that comes again is delivered once as long as it was not acknowledged", async () => {
  const { inbox } = opened();
  const a = subscribe(inbox, "#");
  for (const id of [1, 2, 3]) inbox.receive(packet(`m${id}`, 1, id));
  assertEquals(await topics(a, 2), ["m1", "m2"]); // 1 was acknowledged, 2 is being read.
  inbox.close();
  a.acknowledge(); // Of 2, and too late for the old connection.
  const { acknowledged } = opened(inbox, true);
  inbox.receive(packet("m2", 1, 2, true));
  assertEquals(acknowledged, [2]);
  inbox.receive(packet("m3", 1, 3, true));
  assertEquals(a.queued, 1);
  assertEquals(await topics(a, 1), ["m3"]);
  a.acknowledge();
  assertEquals(acknowledged, [2, 3]);
});

Deno.test("an id of a session that is gone means nothing any more", async () => {
  const { inbox } = opened();
  const a = subscribe(inbox, "#");
  inbox.receive(packet("old", 1, 1));
  inbox.close();
  const { acknowledged } = opened(inbox, false);
  inbox.receive(packet("new", 1, 1, true));
  assertEquals(await topics(a, 2), ["old", "new"]);
  assertEquals(acknowledged, []);
  a.acknowledge();
  assertEquals(acknowledged, [1]);
});

Deno.test("an id that is used for another message brings that message", async () => {
  const { inbox } = opened();
  const a = subscribe(inbox, "#");
  inbox.receive(packet("old", 1, 1));
  const { acknowledged } = opened(inbox, true);
  inbox.receive(packet("other", 1, 1, false));
  assertEquals(await topics(a, 2), ["old", "other"]);
  a.acknowledge();
  assertEquals(acknowledged, [1]);
});

Deno.test("a broker must not use an id twice, nor QoS 2", () => {
  const { inbox } = opened();
  subscribe(inbox, "#");
  inbox.receive(packet("a", 1, 1));
  inbox.receive(packet("a", 1, 1, true)); // As brokers of old do.
  assertThrows(
    () => inbox.receive(packet("b", 1, 1)),
    MalformedFrameError,
    "its id must not be in use, got 1",
  );
  assertThrows(
    () => inbox.receive(packet("b", 2, 2)),
    MalformedFrameError,
    "its QoS must be at most 1",
  );
});

Deno.test("a full subscription drops its oldest messages with QoS 0, and says how many", async () => {
  const { inbox, acknowledged } = opened();
  const a = subscribe(inbox, "#", { qos: 1, maxQueuedMessages: 3 });
  inbox.receive(packet("kept", 1, 1));
  for (let i = 0; i < 10; i++) inbox.receive(packet(`m${i}`));
  inbox.receive(packet("last", 1, 2));
  assertEquals([a.queued, a.dropped], [5, 7]);
  assertEquals(await topics(a, 5), ["kept", "m7", "m8", "m9", "last"]);
  assertEquals(acknowledged, [1]);
});

Deno.test("a subscription is bounded in bytes, too", () => {
  const { inbox } = opened();
  const a = subscribe(inbox, "#", { maxQueuedBytes: 10_000 });
  for (let i = 0; i < 10; i++) {
    inbox.receive(packet("a", 0, 0, false, new Uint8Array(4_000)));
  }
  assertEquals([a.queued, a.dropped], [2, 8]);
  // One that is larger than all of it is no reason to stop.
  inbox.receive(packet("a", 0, 0, false, new Uint8Array(40_000)));
  assertEquals([a.queued, a.dropped], [1, 10]);
});

Deno.test("a session that is kept has messages sent again that there was no room for", async () => {
  const { inbox, acknowledged, startedOver } = opened();
  const a = subscribe(inbox, "a", { qos: 1, maxQueuedMessages: 2 });
  const b = subscribe(inbox, "b");
  for (let id = 1; id <= 4; id++) inbox.receive(packet("a", 1, id));
  inbox.receive(packet("b", 1, 5));
  assertEquals([a.queued, a.dropped, b.queued], [2, 0, 0]);
  await topics(a, 2);
  assertEquals([acknowledged, startedOver()], [[1], 0]);
  inbox.receive(packet("a", 1, 6)); // There would be room, and the order would be lost.
  assertEquals(a.queued, 0);
  a.acknowledge();
  assertEquals([acknowledged, startedOver()], [[1, 2], 1]);
  inbox.close();
  const next = opened(inbox, true);
  for (const id of [3, 4]) inbox.receive(packet("a", 1, id, true));
  inbox.receive(packet("b", 1, 5, true));
  assertEquals([a.queued, b.queued], [2, 1]);
  await topics(a, 2);
  await topics(b, 1);
  a.acknowledge();
  b.acknowledge();
  assertEquals([next.acknowledged, next.startedOver()], [[3, 4, 5], 0]);
});

Deno.test("messages are not asked for again while those of a lost session wait", async () => {
  const { inbox } = opened();
  const a = subscribe(inbox, "a", { qos: 1, maxQueuedMessages: 2 });
  for (const id of [1, 2]) inbox.receive(packet("a", 1, id));
  inbox.close();
  const { acknowledged, startedOver } = opened(inbox, false);
  inbox.receive(packet("a", 1, 1));
  assertEquals([a.queued, startedOver()], [2, 0]);
  await topics(a, 2);
  a.acknowledge();
  assertEquals([acknowledged, startedOver()], [[], 1]);
});

Deno.test("a session that is not kept drops the oldest that there is no room for", async () => {
  for (
    const [options, size] of [
      [{ maxQueuedMessages: 3 }, 0],
      [{ maxQueuedBytes: 10_000 }, 3_000],
    ] as const
  ) {
    const { inbox, acknowledged, startedOver } = opened(new Inbox(false));
    const a = subscribe(inbox, "#", { qos: 1, ...options });
    for (let id = 1; id <= 5; id++) {
      inbox.receive(packet(`${id}`, 1, id, false, new Uint8Array(size)));
    }
    assertEquals([a.queued, a.dropped, startedOver()], [3, 2, 0]);
    assertEquals(acknowledged, [1, 2]);
    assertEquals(await topics(a, 3), ["3", "4", "5"]);
  }
});

Deno.test("a message does not hold the memory that it came in", async () => {
  const { inbox } = opened();
  const a = subscribe(inbox, "#");
  const slab = new Uint8Array(100_000);
  inbox.receive(packet("a", 0, 0, false, slab.subarray(7, 17)));
  const { payload } = (await a.receive())!;
  assertEquals(payload.buffer.byteLength, 10);
});

Deno.test("receive() that is given up takes no message, and one call waits at a time", async () => {
  const { inbox } = opened();
  const a = subscribe(inbox, "#");
  await assertRejects(() => a.receive({ timeoutMs: 1 }), TimeoutError);
  const controller = new AbortController();
  const first = a.receive({ signal: controller.signal });
  await assertRejects(() => a.receive(), BusyError);
  controller.abort(new Error("enough"));
  await assertRejects(() => first, Error, "enough");
  await assertRejects(
    () => a.receive({ signal: controller.signal }),
    Error,
    "enough",
  );
  inbox.receive(packet("a"));
  assertEquals((await a.receive())?.topic, "a");
});

Deno.test("a loop over a subscription ends with it, after what has come", async () => {
  const { inbox, acknowledged } = opened();
  const a = subscribe(inbox, "#");
  inbox.receive(packet("1", 1, 1));
  inbox.receive(packet("2", 1, 2));
  for await (const { topic } of a) {
    assertEquals(topic, "1");
    break;
  }
  assertEquals(acknowledged, [], "the loop may have ended by an error");
  a.end();
  assertEquals((await Array.fromAsync(a)).map(({ topic }) => topic), ["2"]);
  assertEquals(acknowledged, [1, 2]);
  const b = subscribe(inbox, "b");
  b.end(new Error("over"));
  await assertRejects(() => b.receive(), Error, "over");
});

Deno.test("what a subscription drops at its end is acknowledged", () => {
  const { inbox, acknowledged } = opened();
  const a = subscribe(inbox, "#");
  inbox.receive(packet("1", 1, 1));
  inbox.receive(packet("2", 1, 2));
  a.drop();
  assertEquals([acknowledged, a.queued], [[1, 2], 0]);
});
