import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { seededRandom } from "../../lib/_random.ts";
import { LimitError, TimeoutError } from "../../lib/errors.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { RateLimiter } from "../../lib/traffic/rate_limiter.ts";

Deno.test("RateLimiter grants its burst at once, then its rate, and no part of a count", async () => {
  using clock = fakeClock();
  const limiter = new RateLimiter({ perSecond: 5, burst: 10 });
  assertEquals(limiter.available, 10);
  assertEquals(limiter.tryTake(8), true);
  assertEquals(limiter.tryTake(3), false);
  assertEquals(limiter.available, 2);
  assertEquals(limiter.tryTake(2), true);
  assertEquals(limiter.tryTake(), false);
  await clock.advance(199);
  assertEquals(limiter.tryTake(), false);
  await clock.advance(1);
  assertEquals(limiter.tryTake(), true);
  await clock.advance(60_000);
  assertEquals(limiter.available, 10);
});

Deno.test("RateLimiter has a second's worth as its burst, and one at least", () => {
  assertEquals(new RateLimiter({ perSecond: 7.5 }).burst, 7);
  assertEquals(new RateLimiter({ perSecond: 0.01 }).burst, 1);
});

Deno.test("RateLimiter does not limit at an infinite rate", async () => {
  const limiter = new RateLimiter({ perSecond: Infinity, burst: 1 });
  for (let i = 0; i < 100; i++) await limiter.take({ count: 1_000 });
  assertEquals(limiter.tryTake(1_000_000), true);
  assertEquals(limiter.available, Infinity);
});

Deno.test("RateLimiter serves calls in their order, whatever their counts", async () => {
  using clock = fakeClock();
  const limiter = new RateLimiter({ perSecond: 10, burst: 5 });
  assert(limiter.tryTake(5));
  const order: string[] = [];
  const take = async (name: string, count: number) => {
    await limiter.take({ count });
    order.push(`${name} at ${clock.nowMs}`);
  };
  const start = clock.nowMs;
  const all = [take("large", 5), take("small", 1), take("medium", 3)];
  assertEquals([limiter.waiting, limiter.available], [3, 0]);
  // What is there belongs to the call that came first.
  await clock.advance(400);
  assertEquals(limiter.tryTake(), false);
  await clock.advance(1_000);
  await Promise.all(all);
  assertEquals(order, [
    `large at ${start + 500}`,
    `small at ${start + 600}`,
    `medium at ${start + 900}`,
  ]);
});

Deno.test("RateLimiter takes nothing for a call that is cut off, and serves the next one", async () => {
  using clock = fakeClock();
  const limiter = new RateLimiter({ perSecond: 10, burst: 10 });
  assert(limiter.tryTake(10));
  const start = clock.nowMs;
  const controller = new AbortController();
  const reason = new Error("not needed any more");
  const cut = assertRejects(
    () => limiter.take({ count: 10, signal: controller.signal }),
    Error,
    reason.message,
  );
  const late = assertRejects(
    () => limiter.take({ count: 10, timeoutMs: 50 }),
    TimeoutError,
  );
  let servedAt = 0;
  const next = limiter.take().then(() => servedAt = clock.nowMs);
  await clock.advance(20);
  controller.abort(reason);
  await cut;
  await clock.advance(500);
  await Promise.all([late, next]);
  assertEquals(servedAt - start, 100);
  // 520 ms at 10 a second, of which one was taken.
  assertEquals(limiter.available, 4);
});

Deno.test("RateLimiter leaves no timer behind where all calls were cut off", async () => {
  const limiter = new RateLimiter({ perSecond: 0.001, burst: 1 });
  await limiter.take();
  const controller = new AbortController();
  const { signal } = controller;
  const calls = [1, 2, 3].map(() => limiter.take({ signal }));
  const settled = Promise.allSettled(calls);
  controller.abort();
  await settled;
  assertEquals(limiter.waiting, 0);
  // The sanitizers look whether a timer still runs.
});

Deno.test("RateLimiter looks at the limits of a call first", async () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 5 });
  const signal = AbortSignal.abort(new Error("before"));
  await assertRejects(() => limiter.take({ signal }), Error, "before");
  const deadline = Deadline.after(0);
  await assertRejects(() => limiter.take({ deadline }), TimeoutError);
  assertEquals(limiter.available, 5);
});

Deno.test("RateLimiter refuses one waiting call too many", async () => {
  const limiter = new RateLimiter({ perSecond: 0.1, burst: 1, maxWaiting: 1 });
  await limiter.take();
  const controller = new AbortController();
  const waiting = limiter.take({ signal: controller.signal });
  const error = await assertRejects(() => limiter.take(), LimitError);
  assertEquals([error.option, error.limit], ["maxWaiting", 1]);
  assertEquals(error.message, "Cannot take: 1 calls wait already");
  controller.abort();
  await assertRejects(() => waiting, DOMException);
});

Deno.test("RateLimiter refuses bad options and counts that could never be taken", async () => {
  for (const perSecond of [0, -1, NaN]) {
    assertThrows(() => new RateLimiter({ perSecond }), RangeError, "perSecond");
  }
  assertThrows(
    () => new RateLimiter({ perSecond: "5" as unknown as number }),
    TypeError,
    'Cannot limit a rate: perSecond must be a number, got "5"',
  );
  assertThrows(
    () => new RateLimiter({ perSecond: 5, burst: 1.5 }),
    RangeError,
    "burst",
  );
  assertThrows(
    // @ts-expect-error -- a misspelt name
    () => new RateLimiter({ perSecond: 5, brust: 1 }),
    TypeError,
    "did you mean burst?",
  );
  const limiter = new RateLimiter({ perSecond: 5, burst: 10 });
  for (const count of [0, 11, 1.5]) {
    assertThrows(() => limiter.tryTake(count), RangeError, "count");
    await assertRejects(() => limiter.take({ count }), RangeError, "count");
  }
  assertEquals(limiter.available, 10);
});

Deno.test("RateLimiter never grants more than burst and rate, and grants all of it", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    using clock = fakeClock();
    const random = seededRandom(seed);
    const perSecond = 1 + Math.floor(random() * 200);
    const burst = 1 + Math.floor(random() * 20);
    const limiter = new RateLimiter({ perSecond, burst });
    const start = clock.nowMs;
    let granted = 0;
    let asked = 0;
    const controllers: AbortController[] = [];
    const calls: Promise<void>[] = [];
    const check = () => {
      const most = burst + perSecond * (clock.nowMs - start) / 1_000;
      assert(granted <= most + 1e-6, `seed ${seed}: ${granted} of ${most}`);
    };
    for (let i = 0; i < 200; i++) {
      const count = 1 + Math.floor(random() * burst);
      const controller = new AbortController();
      controllers.push(controller);
      asked += count;
      calls.push(
        limiter.take({ count, signal: controller.signal }).then(
          () => {
            granted += count;
            check();
          },
          () => void (asked -= count),
        ),
      );
      if (random() < 0.2) {
        controllers[Math.floor(random() * controllers.length)].abort();
      }
      if (random() < 0.3) await clock.advance(Math.floor(random() * 50));
    }
    await clock.advance(1_000 * asked / perSecond + 5_000);
    await Promise.all(calls);
    assertEquals(granted, asked, `seed ${seed}`);
    assertEquals(limiter.waiting, 0);
  }
});

Deno.test("RateLimiter waits for months without waking up", async () => {
  const limiter = new RateLimiter({ perSecond: 1e-9 });
  assert(limiter.tryTake());
  const { setTimeout } = globalThis;
  const delays: number[] = [];
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    delays.push(ms);
    return setTimeout(callback, ms);
  }) as typeof setTimeout;
  const controller = new AbortController();
  const { signal } = controller;
  const taking = limiter.take({ signal });
  try {
    // Above its longest delay the platform's fires after a millisecond.
    assertEquals(delays, [2 ** 31 - 1]);
  } finally {
    globalThis.setTimeout = setTimeout;
    controller.abort("enough");
    await taking.catch(() => {});
  }
});

Deno.test("RateLimiter takes a rate without a burst however large it is", () => {
  for (const perSecond of [2 ** 53, 1e308]) {
    const limiter = new RateLimiter({ perSecond });
    assertEquals([limiter.burst, limiter.tryTake(1_000)], [Infinity, true]);
  }
});
