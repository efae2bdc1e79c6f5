import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { TimeoutError } from "../../lib/errors.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { interval } from "../../lib/time/interval.ts";
import { FakeTime } from "./_fake_time.ts";

Deno.test("interval() ticks at each multiple of its length", async () => {
  using time = FakeTime.install();
  const start = time.now();
  const seen: number[][] = [];
  const loop = (async () => {
    for await (const tick of interval(100)) {
      seen.push([tick, time.now() - start]);
      if (tick === 3) break;
    }
  })();
  await time.advanceAsync(1_000);
  await loop;
  assertEquals(seen, [[1, 100], [2, 200], [3, 300]]);
  assertEquals(time.pending, 0);
});

Deno.test("interval() does not drift when each tick is late", async () => {
  using time = FakeTime.install();
  const start = time.now();
  const ticks = interval(100);
  for (let i = 1; i <= 1_000; i++) {
    const next = ticks.next();
    await Promise.resolve();
    // The loop is busy: the timer runs 30 ms late.
    time.stall(start + i * 100 + 30 - time.now());
    assertEquals((await next).value, i);
  }
});

Deno.test("interval() leaves out the ticks that pass while the body runs", async () => {
  using time = FakeTime.install();
  const start = time.now();
  const ticks = interval(100);
  const tickWithin = async (ms: number) => {
    const next = ticks.next();
    await time.advanceAsync(ms);
    return (await next).value;
  };
  assertEquals(await tickWithin(100), 1);
  time.advance(250);
  // 350 ms have passed: 2 and 3 are over, 4 is due in 50.
  assertEquals(await tickWithin(50), 4);
  time.advance(300);
  // The body ended just when 7 is due: it is not late.
  assertEquals(await tickWithin(0), 7);
  assertEquals(time.now() - start, 700);
});

Deno.test("interval() ends with the reason of its signal and leaves nothing", async () => {
  using time = FakeTime.install();
  const controller = new AbortController();
  const ticks = interval(100, { signal: controller.signal });
  const next = ticks.next();
  controller.abort("quit");
  assertEquals(await next.catch((reason) => reason), "quit");
  assertEquals(time.pending, 0);
  assertEquals(await ticks.next(), { done: true, value: undefined });
});

Deno.test("interval() does not tick under an aborted signal", async () => {
  await assertRejects(
    () => interval(1, { signal: AbortSignal.abort(new Error("no")) }).next(),
    Error,
    "no",
  );
});

Deno.test("interval() rejects a bad length at once", () => {
  for (const ms of [0, -1, NaN, Infinity]) {
    assertThrows(() => interval(ms), RangeError, "Cannot tick: ms must be");
  }
  assertThrows(() => interval("1" as never), TypeError, "be a number");
});

Deno.test("interval() survives a tick that rounding puts before now", async () => {
  using time = FakeTime.install();
  time.current = 0;
  const ticks = interval(3.29);
  const first = ticks.next();
  await time.advanceAsync(4);
  assertEquals((await first).value, 1);
  // One bit above 9 * 3.29, and yet divided by 3.29 it is 9.
  const now = 29.610000000000003;
  time.current = now;
  assertEquals(Math.ceil(now / 3.29) * 3.29 < now, true);
  const next = ticks.next();
  await time.advanceAsync(0);
  assertEquals((await next).value, 9);
});

Deno.test("interval() ends with a TimeoutError where a limit comes first", async () => {
  using time = FakeTime.install();
  for (
    const limit of [
      () => ({ timeoutMs: 35 }),
      () => ({ deadline: Deadline.after(35) }),
    ]
  ) {
    const seen: number[] = [];
    const loop = assertRejects(async () => {
      for await (const tick of interval(10, limit())) seen.push(tick);
    }, TimeoutError);
    await time.advanceAsync(40);
    const error = await loop;
    assertEquals([error.operation, error.timeoutMs], ["tick", 35]);
    assertEquals(seen, [1, 2, 3]);
    assertEquals(time.pending, 0);
  }
  assertThrows(
    () => interval(10, { timeoutMs: 0 }),
    RangeError,
    "Cannot tick: timeoutMs must be above 0, got 0",
  );
});

Deno.test("interval() ends at once by return, while a tick is waited for", async () => {
  using time = FakeTime.install();
  const ticks = interval(3_600_000);
  const next = ticks.next();
  const after = ticks.next();
  await Promise.resolve();
  assertEquals(time.pending, 1);
  assertEquals((await ticks.return!()).done, true);
  assertEquals([(await next).done, (await after).done], [true, true]);
  assertEquals(time.pending, 0);
  // As a stream does that is cancelled.
  const stream = ReadableStream.from(interval(3_600_000));
  const reader = stream.getReader();
  const reading = reader.read();
  await reader.cancel("enough");
  assertEquals((await reading).done, true);
  assertEquals(time.pending, 0);
  const thrown = interval(3_600_000);
  const waiting = thrown.next();
  await assertRejects(() => thrown.throw!(new Error("mine")), Error, "mine");
  assertEquals((await waiting).done, true);
});

Deno.test("interval() of next to nothing ticks as fast as it can", async () => {
  const ticks = interval(Number.MIN_VALUE, { timeoutMs: 30_000 });
  for (let last = 0; last < Number.MAX_SAFE_INTEGER;) {
    const { value } = await ticks.next();
    last = value;
  }
  assertEquals((await ticks.next()).value, Number.MAX_SAFE_INTEGER);
  await ticks.return?.();
});
