import { assert, assertEquals } from "@std/assert";
import { Outbox, type SlowPolicy } from "../../../examples/chat/outbox.ts";

/** An outbox whose reader takes a line whenever the test says so. */
function slowReader(slow: SlowPolicy, mostLines: number) {
  const taken: string[] = [];
  let take = Promise.withResolvers<void>();
  let disconnects = 0;
  const outbox = new Outbox(async (line) => {
    taken.push(line);
    await take.promise;
  }, { mostLines, slow, disconnect: () => disconnects++ });
  return {
    outbox,
    taken,
    get disconnects() {
      return disconnects;
    },
    readOn() {
      take.resolve();
      take = Promise.withResolvers();
      take.resolve();
    },
    breakOff() {
      take.reject(new Error("reset"));
    },
  };
}

Deno.test("Outbox sends lines in order, one at a time", async () => {
  const reader = slowReader("drop", 10);
  for (const line of ["a", "b", "c"]) reader.outbox.add(line);
  assertEquals(reader.taken, ["a"]);
  reader.readOn();
  await reader.outbox.empty();
  assertEquals(reader.taken, ["a", "b", "c"]);
  reader.outbox.add("d");
  await reader.outbox.empty();
  assertEquals(reader.taken.at(-1), "d");
});

Deno.test("Outbox drops the oldest lines, and says how many at their place", async () => {
  const reader = slowReader("drop", 3);
  for (let i = 0; i < 10; i++) reader.outbox.add(`line ${i}`);
  reader.readOn();
  await reader.outbox.empty();
  assertEquals(reader.taken, [
    "line 0",
    "* 6 lines are missing here: you read too slowly",
    "line 7",
    "line 8",
    "line 9",
  ]);
  assertEquals(reader.disconnects, 0);
});

Deno.test("Outbox disconnects a slow reader once, if told to, and keeps nothing", async () => {
  const reader = slowReader("disconnect", 3);
  for (let i = 0; i < 10; i++) reader.outbox.add(`line ${i}`);
  assertEquals(reader.disconnects, 1);
  reader.readOn();
  await reader.outbox.empty();
  assertEquals(reader.taken, ["line 0"]);
});

Deno.test("Outbox stays empty after a connection broke", async () => {
  const reader = slowReader("drop", 3);
  reader.outbox.add("a");
  reader.outbox.add("b");
  reader.breakOff();
  await reader.outbox.empty();
  reader.outbox.add("c");
  await reader.outbox.empty();
  assert(!reader.taken.includes("b") && !reader.taken.includes("c"));
});
