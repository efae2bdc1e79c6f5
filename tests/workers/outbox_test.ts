import { assertEquals } from "@std/assert";
import { Outbox } from "../../lib/workers/_outbox.ts";
import { toWorker } from "../../lib/workers/_protocol.ts";

/** An outbox whose worker takes a frame only when it is told to. */
function slow(limits: { maxQueuedMessages: number; maxQueuedBytes: number }) {
  const taken: unknown[] = [];
  const waiting: (() => void)[] = [];
  const outbox = new Outbox(limits, (frame) => {
    taken.push(toWorker.decode(frame));
    return new Promise((resolve) => waiting.push(resolve));
  });
  const take = async (count: number) => {
    for (let i = 0; i < count; i++) {
      waiting.shift()!();
      await Promise.resolve();
      await Promise.resolve();
    }
  };
  const push = (topic: string, ...data: number[]) =>
    outbox.push(
      topic,
      toWorker.encode({ type: "message", topic, data: new Uint8Array(data) }),
    );
  const message = (topic: string, ...data: number[]) => ({
    type: "message",
    topic,
    data: new Uint8Array(data),
  });
  return { outbox, taken, take, push, message };
}

Deno.test("an outbox holds so many messages, and tells of the rest in their place", async () => {
  const { outbox, taken, take, push, message } = slow({
    maxQueuedMessages: 2,
    maxQueuedBytes: 1_000,
  });
  // The first is on its way, two wait, and three are too many.
  for (let i = 1; i <= 5; i++) push("a", i);
  push("b", 6);
  assertEquals(outbox.dropped, 3);
  await take(1);
  // The others are full again with what is to be told.
  push("a", 7);
  await take(4);
  push("a", 8);
  await take(1);
  assertEquals(taken, [
    message("a", 1),
    message("a", 2),
    message("a", 3),
    { type: "gap", topic: "a", count: 2 },
    { type: "gap", topic: "b", count: 1 },
    { type: "gap", topic: "a", count: 1 },
    message("a", 8),
  ]);
});

Deno.test("an outbox holds so many bytes, and one message above them alone", async () => {
  const { outbox, taken, take, push } = slow({
    maxQueuedMessages: 100,
    maxQueuedBytes: 40,
  });
  push("a", ...new Array(100));
  push("a", ...new Array(100));
  push("a", ...new Array(10));
  assertEquals(outbox.dropped, 1);
  await take(2);
  assertEquals(taken.length, 3);
});

Deno.test("an outbox of a worker that has gone takes nothing", async () => {
  const sent: unknown[] = [];
  const outbox = new Outbox(
    { maxQueuedMessages: 10, maxQueuedBytes: 10 },
    (frame) => {
      sent.push(frame);
      return Promise.reject(new Error("gone"));
    },
  );
  outbox.push("a", new Uint8Array(3));
  await Promise.resolve();
  await Promise.resolve();
  outbox.push("a", new Uint8Array(3));
  assertEquals(sent.length, 1);
});

Deno.test("an outbox tells of a large message that it left out before a small one that fits", async () => {
  const { outbox, taken, take, push, message } = slow({
    maxQueuedMessages: 100,
    maxQueuedBytes: 100,
  });
  push("a", 1);
  push("a", 2);
  push("a", ...new Array(100));
  push("b", ...new Array(100));
  push("a", 3);
  assertEquals(outbox.dropped, 2);
  await take(4);
  assertEquals(taken, [
    message("a", 1),
    message("a", 2),
    { type: "gap", topic: "a", count: 1 },
    message("a", 3),
    { type: "gap", topic: "b", count: 1 },
  ]);
});
