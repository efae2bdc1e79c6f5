import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect } from "../../lib/socket/connect.ts";
import { BrokenError } from "../../lib/errors.ts";
import { retry } from "../../lib/time/retry.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import { retryBudget } from "../../lib/time/retry_budget.ts";
import { FakeTime, seededRandom } from "./_fake_time.ts";

/** How many retries are allowed now. */
function takeAll(budget: ReturnType<typeof retryBudget>): number {
  let count = 0;
  while (budget.tryRetry()) count++;
  return count;
}

Deno.test("retryBudget() allows a share of the requests, and some a second beside", () => {
  using time = FakeTime.install();
  const budget = retryBudget({ ratio: 0.1, minPerSecond: 2 });
  assertEquals(takeAll(budget), 20);
  for (let i = 0; i < 30; i++) budget.addRequest();
  assertEquals(budget.available, 3);
  assertEquals(takeAll(budget), 3);
  // What was taken at once comes back when the window is over.
  time.advance(8_000);
  assertEquals(budget.available, 0);
  time.advance(2_001);
  assertEquals(takeAll(budget), 20);
});

Deno.test("retryBudget() forgets requests after its window", () => {
  using time = FakeTime.install();
  const budget = retryBudget({ ratio: 1, minPerSecond: 0, windowMs: 1_000 });
  for (let i = 0; i < 50; i++) budget.addRequest();
  time.advance(500);
  for (let i = 0; i < 7; i++) budget.addRequest();
  assertEquals(budget.available, 57);
  time.advance(500);
  assertEquals(budget.available, 7);
  time.advance(100_000);
  assertEquals(budget.available, 0);
});

Deno.test("retryBudget() allows nothing at zero and everything without a limit", () => {
  const none = retryBudget({ ratio: 0, minPerSecond: 0 });
  none.addRequest();
  assertEquals(none.tryRetry(), false);
  const share = retryBudget({ ratio: Infinity, minPerSecond: 0 });
  assertEquals(share.available, 0);
  share.addRequest();
  assertEquals(share.available, Infinity);
  const all = retryBudget({ minPerSecond: Infinity });
  for (let i = 0; i < 1_000; i++) assert(all.tryRetry());
});

Deno.test("retryBudget() never allows more than it says over any window", () => {
  for (let seed = 1; seed <= 20; seed++) {
    using time = FakeTime.install();
    const random = seededRandom(seed);
    const ratio = random();
    const minPerSecond = random() * 5;
    const budget = retryBudget({ ratio, minPerSecond });
    const log: { at: number; retry: boolean }[] = [];
    for (let i = 0; i < 2_000; i++) {
      if (random() < 0.5) {
        budget.addRequest();
        log.push({ at: time.current, retry: false });
      } else if (budget.tryRetry()) {
        log.push({ at: time.current, retry: true });
        // Requests may be counted for a whole window, retries are for nine tenths of it.
        const recent = (ms: number, retry: boolean) =>
          log.filter((each) =>
            each.retry === retry && each.at > time.current - ms
          ).length;
        const most = ratio * recent(10_000, false) + minPerSecond * 10;
        assert(recent(9_000, true) <= most + 1e-6, `seed ${seed}`);
      }
      if (random() < 0.1) time.advance(random() * 2_000);
    }
    assert(log.some(({ retry }) => retry));
  }
});

Deno.test("retry() ends with its error where the budget has none left", async () => {
  using time = FakeTime.install();
  const budget = retryBudget({ ratio: 0.1, minPerSecond: 0.1 });
  let attempts = 0;
  const calls = Array.from({ length: 100 }, (_, i) =>
    assertRejects(
      () =>
        retry(() => {
          attempts++;
          throw new Error(`failure of ${i}`);
        }, { budget }),
      Error,
      `failure of ${i}`,
    ));
  await time.advanceAsync(100_000);
  await Promise.all(calls);
  // One a window, and a tenth of the requests.
  assertEquals(attempts, 100 + 1 + 10);
  assertEquals(time.pending, 0);
});

Deno.test("retry() takes nothing from the budget for what is not tried again", async () => {
  const budget = retryBudget({ ratio: 0, minPerSecond: 1 });
  const fail = () => Promise.reject(new Error("failure"));
  await assertRejects(() => retry(fail, { budget, attempts: 1 }), Error);
  await assertRejects(() => retry(fail, { budget, retryIf: () => false }));
  await retry(() => Promise.resolve(1), { budget });
  assertEquals(budget.available, 10);
});

Deno.test("connect() shares a budget by its retry", async () => {
  const budget = retryBudget({ ratio: 0, minPerSecond: 0.2 });
  let dials = 0;
  const dialer = {
    addr: { transport: "memory", name: "nothing" } as const,
    dial() {
      dials++;
      const refused = new BrokenError("refused", "Cannot connect to nothing");
      return Promise.reject(refused);
    },
  };
  const retry = { budget, minDelayMs: 1, attempts: Infinity };
  await assertRejects(() => connect({ dialer, retry }), BrokenError);
  assertEquals(dials, 3);
});

Deno.test("retryBudget() refuses bad options, and retry() another budget", async () => {
  assertThrows(() => retryBudget({ ratio: -1 }), RangeError, "ratio");
  assertThrows(() => retryBudget({ minPerSecond: NaN }), RangeError);
  assertThrows(() => retryBudget({ windowMs: Infinity }), RangeError);
  assertThrows(
    // @ts-expect-error -- a misspelt name
    () => retryBudget({ ration: 1 }),
    TypeError,
    "did you mean ratio?",
  );
  await assertRejects(
    // @ts-expect-error -- the options of one are none
    () => retry(() => {}, { budget: { ratio: 1 } }),
    TypeError,
    "Cannot retry: budget must be a RetryBudget, got an object",
  );
});

Deno.test("retryBudget() begins anew on a clock that is behind the one before", () => {
  let time = FakeTime.install();
  time.advance(1_000_000);
  const budget = retryBudget({ ratio: 0, minPerSecond: 1, windowMs: 1_000 });
  assertEquals(takeAll(budget), 1);
  time[Symbol.dispose]();
  // Of the next test, say, or of the next seed of a simulation.
  time = FakeTime.install();
  assertEquals(takeAll(budget), 1);
  time.advance(1_001);
  assertEquals(takeAll(budget), 1);
  time[Symbol.dispose]();
});

Deno.test("retryBudget() forgets all that another clock has counted", () => {
  const budget = retryBudget({ ratio: 1, minPerSecond: 0, windowMs: 1_000 });
  const time = FakeTime.install();
  for (let i = 0; i < 10; i++) {
    time.advance(90);
    budget.addRequest();
  }
  assertEquals(budget.available, 10);
  time[Symbol.dispose]();
  // This one begins at 0: no slots are before that.
  using _clock = fakeClock();
  assertEquals(budget.available, 0);
});
