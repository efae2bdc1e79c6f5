import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { TimeoutError } from "../../lib/errors.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import { memoryPair } from "../../lib/testing/memory_pair.ts";
import { sleep } from "../../lib/time/sleep.ts";

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
      `got ${ms}`,
    );
  }
});

Deno.test(
  "fakeClock() with a socket left open on it breaks no limit of the real clock",
  {
    timeout: 10_000,
  },
  async () => {
    let ended = 0;
    {
      using clock = fakeClock();
      const [open] = memoryPair({ socket: { idleMs: 90, readMs: 90 } });
      // A call that still waits when the clock goes: its limit is never over.
      open.read().catch(() => ended++);
      const [other] = memoryPair();
      other.read({ timeoutMs: 90 }).catch(() => ended++);
      await clock.advance(10);
    }
    const [limited] = memoryPair();
    await assertRejects(() => limited.read({ timeoutMs: 80 }), TimeoutError);
    const [slow] = memoryPair({ socket: { readMs: 80 } });
    await assertRejects(() => slow.read(), TimeoutError);
    assertEquals(ended, 0);
  },
);

Deno.test(
  "a socket made on a fake clock has its limits in real time afterwards",
  {
    timeout: 10_000,
  },
  async () => {
    let socket;
    {
      using clock = fakeClock();
      let peer;
      [socket, peer] = memoryPair({ socket: { readMs: 300 } });
      const limited = assertRejects(() => socket!.read(), TimeoutError);
      await clock.advance(400);
      await limited;
      // So that its timer runs when the clock goes.
      const reading = socket.read();
      await clock.advance(1);
      await peer.write("x");
      await reading;
    }
    const begun = performance.now();
    await assertRejects(() => socket.read(), TimeoutError);
    assert(performance.now() - begun >= 300);
  },
);

Deno.test("a socket made before has its limits on the fake clock, and back again", async () => {
  const [socket] = memoryPair({ socket: { readMs: 60_000 } });
  // On the real clock, and still counting when the fake one comes.
  const [other, peer] = memoryPair({ socket: { readMs: 60_000 } });
  const waiting = other.read();
  const [used, partner] = memoryPair({ socket: { readMs: 60_000 } });
  const reading = used.read();
  await partner.write("x");
  await reading;
  {
    using clock = fakeClock();
    const limited = assertRejects(() => socket.read(), TimeoutError);
    await clock.advance(70_000);
    await limited;
    // Its timer runs on the real clock, where it counts for no call any more.
    const limitedToo = assertRejects(() => used.read(), TimeoutError);
    await clock.advance(70_000);
    await limitedToo;
  }
  await peer.write("x");
  assertEquals((await waiting)?.length, 1);
  socket.setTimeouts({ readMs: 20 });
  await assertRejects(() => socket.read(), TimeoutError);
  for (const end of [socket, other, peer, used, partner]) end.abort();
});

Deno.test("a pause begun before a fake clock ends in real time", async () => {
  const begun = performance.now();
  const pause = sleep(30);
  {
    using clock = fakeClock();
    await clock.advance(1);
    await pause;
    assertEquals(clock.pending, 0);
  }
  assert(performance.now() - begun >= 30);
});

Deno.test("fakeClock() leaves timers of the real clock alone, and the other way round", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const kept = setTimeout(resolve, 20);
  let fired = false;
  const cleared = setTimeout(() => fired = true, 10);
  const fake = [];
  {
    using clock = fakeClock();
    // As many as there are numbers that a real timer may have.
    for (let i = 0; i < 50; i++) fake.push(setTimeout(() => {}, 1_000));
    clearTimeout(cleared);
    assertEquals(clock.pending, 50);
  }
  for (const id of fake) clearTimeout(Number(id));
  await promise;
  clearTimeout(kept);
  assertEquals(fired, false);
});

Deno.test("setTimeout() on a fake clock gives what Deno's gives", async () => {
  using clock = fakeClock();
  const calls: string[] = [];
  // deno-lint-ignore no-explicit-any -- an object, though its type is a number
  const timer = setTimeout(() => calls.push("first"), 10) as any;
  assertEquals(timer.unref().hasRef(), false);
  assertEquals(timer.ref().hasRef(), true);
  await clock.advance(9);
  timer.refresh();
  await clock.advance(9);
  assertEquals(calls, []);
  await clock.advance(1);
  assertEquals(calls, ["first"]);
  // deno-lint-ignore no-explicit-any -- as above
  (setTimeout(() => calls.push("second"), 10) as any).close();
  clearTimeout(+setTimeout(() => calls.push("third"), 10));
  assertEquals(clock.pending, 0);
});

Deno.test("fakeClock() refuses a second one, and is given back once", async () => {
  const clock = fakeClock();
  assertThrows(fakeClock, TypeError, "another one is in place");
  clock[Symbol.dispose]();
  using second = fakeClock();
  clock[Symbol.dispose]();
  const pause = sleep(1_000);
  await second.advance(1_000);
  await pause;
});

Deno.test("fakeClock() gives back a clock that was replaced meanwhile", () => {
  const value = () => 7;
  Object.defineProperty(performance, "now", { configurable: true, value });
  try {
    fakeClock()[Symbol.dispose]();
    assertEquals(performance.now(), 7);
  } finally {
    delete (performance as { now?: unknown }).now;
  }
});

Deno.test("a throttled socket made before a fake clock keeps its rate on it", async () => {
  const [left, right] = memoryPair({
    socket: { maxWriteBytesPerSecond: 1_000, burstBytes: 100 },
  });
  {
    using clock = fakeClock();
    const written = left.write(new Uint8Array(600)).then(() => left.flush());
    // 500 bytes more than the burst; what the real clock shows is far more than 20 ms.
    await clock.advance(520);
    await written;
    assertEquals((await right.readExactly(600)).length, 600);
  }
  for (const end of [left, right]) end.abort();
});

Deno.test("fakeClock() never goes back, whoever advances it", async () => {
  using clock = fakeClock();
  await Promise.all([clock.advance(100), clock.advance(10)]);
  assertEquals(clock.nowMs, 100);
});

Deno.test("fakeClock() has intervals, which go on until they are cleared", async () => {
  using clock = fakeClock();
  const calls: number[] = [];
  const id = setInterval(() => calls.push(performance.now()), 10);
  await clock.advance(35);
  clearInterval(id);
  await clock.advance(35);
  assertEquals([calls, clock.pending], [[10, 20, 30], 0]);
  // One that is slow to be cleared, and a timeout that is cleared as an interval.
  const own = setInterval(() => clearInterval(own), 10);
  clearInterval(setTimeout(() => calls.push(0), 10));
  await clock.advance(100);
  assertEquals([calls.length, clock.pending], [3, 0]);
});

Deno.test("fakeClock() takes delays as the platform does", async () => {
  using clock = fakeClock();
  const calls: [unknown, number][] = [];
  const delays = [0, -5, NaN, Infinity, 2 ** 31, 1.5, "20", undefined];
  for (const ms of delays) {
    setTimeout(() => calls.push([ms, clock.nowMs]), ms as number);
  }
  await clock.advance(20);
  assertEquals(calls, [
    [0, 1],
    [-5, 1],
    [NaN, 1],
    [Infinity, 1],
    [2 ** 31, 1],
    [undefined, 1],
    [1.5, 1.5],
    ["20", 20],
  ]);
});

Deno.test("fakeClock() moves Date, Temporal and AbortSignal.timeout() along", async () => {
  using clock = fakeClock();
  const begun = new Date();
  const instant = Temporal.Now.instant();
  const signal = AbortSignal.timeout(500);
  await clock.advance(499);
  assertEquals(signal.aborted, false);
  await clock.advance(1);
  assertEquals(signal.reason.name, "TimeoutError");
  assertEquals(new Date().getTime() - begun.getTime(), 500);
  assertEquals(
    instant.until(Temporal.Now.instant()).total("milliseconds"),
    500,
  );
  assertEquals(new Date(5).getTime(), 5);
  assertEquals(new Date(2020, 0).getFullYear(), 2020);
});

Deno.test("fakeClock() knows which timers hold the process", async () => {
  using clock = fakeClock();
  // deno-lint-ignore no-explicit-any -- an object, though its type is a number
  const timer = setTimeout(() => {}, 10) as any;
  Deno.unrefTimer(timer);
  assertEquals(timer.hasRef(), false);
  Deno.refTimer(Number(timer));
  assertEquals(timer.hasRef(), true);
  await clock.advance(10);
});

Deno.test("fakeClock() keeps thousands of timers in order, at a cost for each alone", async () => {
  using clock = fakeClock();
  const due: number[] = [];
  const timers = Array.from({ length: 20_000 }, (_, i) => {
    const ms = (i * 7_919) % 20_000 + 1;
    return setTimeout(() => due.push(ms), ms);
  });
  for (let i = 0; i < timers.length; i += 2) clearTimeout(timers[i]);
  assertEquals(clock.pending, 10_000);
  await clock.advance(1_000);
  assertEquals(due, [...due].sort((a, b) => a - b));
  assert(due.length > 400 && due.length < 600, `${due.length}`);
});

Deno.test("fakeClock() refuses what the platform refuses, and knows dates as it does", () => {
  const calls: (() => unknown)[] = [
    () => AbortSignal.timeout(NaN),
    () => AbortSignal.timeout(-1),
    () => AbortSignal.timeout(Infinity),
    () => AbortSignal.timeout(undefined as never),
    () => setTimeout(undefined as never, 5),
    () => setInterval("text" as never, 5),
  ];
  for (const call of calls) assertThrows(call, TypeError);
  assertEquals(new Date().constructor, Date);
  {
    using clock = fakeClock();
    for (const call of calls) assertThrows(call, TypeError);
    assertEquals(clock.pending, 0);
    assertEquals(new Date().constructor, Date);
    assertEquals(AbortSignal.timeout("5" as never).aborted, false);
  }
  assertEquals(new Date().constructor, Date);
});
