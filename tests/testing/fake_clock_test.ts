import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { fakeClock } from "../../lib/testing/fake_clock.ts";

Deno.test("fakeClock() runs timers when they are due, in order", async () => {
  using clock = fakeClock();
  const calls: [string, number][] = [];
  const note = (name: string) => void calls.push([name, performance.now()]);
  setTimeout(note, 30, "late");
  setTimeout(note, 10, "early");
  setTimeout(note, 10, "early too");
  setTimeout(note, 50, "later than asked");
  assertEquals(clock.pending, 4);
  await clock.advance(9);
  assertEquals(calls, []);
  await clock.advance(31);
  assertEquals(calls, [["early", 10], ["early too", 10], ["late", 30]]);
  assertEquals([clock.nowMs, clock.pending], [40, 1]);
});

Deno.test("fakeClock() lets what a timer wakes up run before the next timer", async () => {
  using clock = fakeClock();
  const calls: number[] = [];
  const tick = async (): Promise<void> => {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    calls.push(performance.now());
    if (calls.length < 3) setTimeout(tick, 10);
  };
  setTimeout(tick, 10);
  await clock.advance(100);
  assertEquals(calls, [10, 20, 30]);
});

Deno.test("fakeClock() forgets a timer that was cleared", async () => {
  using clock = fakeClock();
  let called = false;
  const id = setTimeout(() => called = true, 5);
  clearTimeout(id);
  clearTimeout(undefined);
  await clock.advance(10);
  assertEquals([called, clock.pending], [false, 0]);
});

Deno.test("fakeClock() moves Date.now along", async () => {
  using clock = fakeClock();
  const begun = Date.now();
  await clock.advance(1234);
  assertEquals(Date.now() - begun, 1234);
});

Deno.test("fakeClock() gives the real clock back", async () => {
  const { setTimeout, clearTimeout } = globalThis;
  const { now } = Date;
  {
    using clock = fakeClock();
    setTimeout(() => {}, 0);
    await clock.advance(0);
    assertEquals(performance.now(), 0);
  }
  assertStrictEquals(globalThis.setTimeout, setTimeout);
  assertStrictEquals(globalThis.clearTimeout, clearTimeout);
  assertStrictEquals(Date.now, now);
  const before = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 2));
  assertEquals(performance.now() > before, true);
});

Deno.test("advance() refuses to go back or nowhere", async () => {
  using clock = fakeClock();
  for (const ms of [-1, NaN, Infinity]) {
    await assertRejects(
      () => clock.advance(ms),
      RangeError,
      `current value is ${ms}`,
    );
  }
});
