import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  backoffDelayMs,
  retry,
  type RetryEvent,
} from "../../lib/time/retry.ts";
import { TimeoutError } from "../../lib/errors.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { sleep } from "../../lib/time/sleep.ts";
import { FailedHooks } from "../_support/failed_hooks.ts";
import { FakeTime, seededRandom, settle } from "./_fake_time.ts";

/** A task that fails until the given attempt, and notes when it ran. */
function flaky(time: FakeTime, until: number) {
  const ranAt: number[] = [];
  const start = time.now();
  const task = (attempt: number) => {
    ranAt.push(time.now() - start);
    assertEquals(attempt, ranAt.length);
    if (attempt < until) throw new Error(`failure ${attempt}`);
    return Promise.resolve("done");
  };
  return { task, ranAt };
}

Deno.test("retry() gives the first success without a pause", async () => {
  using time = FakeTime.install();
  const { task, ranAt } = flaky(time, 1);
  assertEquals(await retry(task), "done");
  assertEquals(ranAt, [0]);
});

Deno.test("retry() pauses longer each time, up to the maximum", async () => {
  using time = FakeTime.install();
  const { task, ranAt } = flaky(time, 6);
  const result = retry(task, {
    attempts: 6,
    minDelayMs: 100,
    maxDelayMs: 500,
    jitter: 0,
  });
  await time.advanceAsync(10_000);
  assertEquals(await result, "done");
  assertEquals(ranAt, [0, 100, 300, 700, 1_200, 1_700]);
  assertEquals(time.pending, 0);
});

Deno.test("retry() gives up after five attempts with the last error", async () => {
  using time = FakeTime.install();
  const { task, ranAt } = flaky(time, Infinity);
  const caught = assertRejects(() => retry(task), Error, "failure 5");
  await time.advanceAsync(100_000);
  await caught;
  assertEquals(ranAt.length, 5);
});

Deno.test("retry() asks retryIf whether an error is worth it", async () => {
  using time = FakeTime.install();
  const { task, ranAt } = flaky(time, Infinity);
  const asked: unknown[] = [];
  const caught = assertRejects(
    () =>
      retry(task, {
        retryIf: (error, attempt) => {
          asked.push([(error as Error).message, attempt]);
          return attempt < 2;
        },
      }),
    Error,
    "failure 2",
  );
  await time.advanceAsync(10_000);
  await caught;
  assertEquals(asked, [["failure 1", 1], ["failure 2", 2]]);
  assertEquals(ranAt.length, 2);
});

Deno.test("retry() tells onRetry before each pause and survives what it throws", async () => {
  using time = FakeTime.install();
  using failed = new FailedHooks();
  const { task, ranAt } = flaky(time, 3);
  const events: RetryEvent[] = [];
  const result = retry(task, {
    onRetry: (event) => {
      events.push(event);
      throw new Error("the hook broke");
    },
  });
  await time.advanceAsync(10_000);
  assertEquals(await result, "done");
  assertEquals(events.map((event) => event.attempt), [1, 2]);
  assertEquals(failed.errors.length, 2);
  assertEquals((events[0].error as Error).message, "failure 1");
  assertEquals(ranAt[1], Math.ceil(events[0].delayMs));
});

Deno.test("retry() ends a pause with the reason of the signal", async () => {
  using time = FakeTime.install();
  const controller = new AbortController();
  const { task, ranAt } = flaky(time, Infinity);
  const result = retry(task, { signal: controller.signal });
  await settle();
  assertEquals(time.pending, 1);
  controller.abort("quit");
  assertEquals(await result.catch((reason) => reason), "quit");
  assertEquals(time.pending, 0);
  assertEquals(ranAt.length, 1);
});

Deno.test("retry() stops waiting for an attempt when the signal aborts", async () => {
  const controller = new AbortController();
  const { promise, reject } = Promise.withResolvers<never>();
  let retries = 0;
  const result = retry(() => promise, {
    signal: controller.signal,
    onRetry: () => retries++,
  });
  controller.abort("quit");
  assertEquals(await result.catch((reason) => reason), "quit");
  assertEquals(retries, 0, "an abort is not a failure to try again after");
  reject(new Error("late"));
  await settle();
});

Deno.test("retry() does not start under an aborted signal", async () => {
  const signal = AbortSignal.abort("quit");
  let started = false;
  const result = retry(() => started = true, { signal });
  assertEquals(await result.catch((reason) => reason), "quit");
  assertEquals(started, false);
});

Deno.test("retry() gives the signal's reason when the task aborts the signal itself", async () => {
  const controller = new AbortController();
  const result = retry(() => {
    controller.abort("quit");
    throw new Error("its own error");
  }, { signal: controller.signal, attempts: 1 });
  assertEquals(await result.catch((reason) => reason), "quit");
});

Deno.test("retry() rejects options out of range before the first attempt", async () => {
  const task = () => assert(false, "it started");
  for (
    const options of [
      { attempts: 0 },
      { attempts: NaN },
      { minDelayMs: -1 },
      { minDelayMs: 10, maxDelayMs: 9 },
      { factor: 0.9 },
      { jitter: -0.1 },
      { jitter: 1.1 },
    ]
  ) {
    await assertRejects(() => retry(task, options), RangeError, "Cannot retry");
  }
  for (
    const options of [
      { attempts: "3" },
      { minDelayMs: "1" },
      { maxDelayMs: "1" },
      { factor: {} },
      { jitter: null },
    ]
  ) {
    await assertRejects(
      () => retry(task, options as never),
      TypeError,
      "must be a number",
    );
  }
  for (const name of ["retryIf", "onRetry"]) {
    await assertRejects(
      () => retry(task, { [name]: true } as never),
      TypeError,
      `Cannot retry: ${name} must be a function, got true`,
    );
  }
  await assertRejects(
    () => retry("task" as never),
    TypeError,
    "Cannot retry: task must be a function",
  );
});

Deno.test("retry() refuses a name that it does not know", async () => {
  const task = () => assert(false, "it started");
  for (
    const [given, meant] of [["attempt", "attempts"], ["timeout", "timeoutMs"]]
  ) {
    await assertRejects(
      () => retry(task, { [given]: 3 } as never),
      TypeError,
      `Cannot retry: unknown option "${given}", did you mean ${meant}?`,
    );
  }
});

Deno.test("retry() survives an onRetry whose promise rejects", async () => {
  using time = FakeTime.install();
  using failed = new FailedHooks();
  const { task } = flaky(time, 3);
  const onRetry = () => Promise.reject(new Error("the hook broke"));
  const result = retry(task, { onRetry: onRetry as () => void });
  await time.advanceAsync(10_000);
  assertEquals(await result, "done");
  assertEquals(failed.errors.length, 2);
});

Deno.test("retry() waits for a retryIf that is asynchronous", async () => {
  using time = FakeTime.install();
  const { task, ranAt } = flaky(time, Infinity);
  const retryIf = (_: unknown, attempt: number) => Promise.resolve(attempt < 3);
  const caught = assertRejects(
    () => retry(task, { retryIf }),
    Error,
    "failure 3",
  );
  await time.advanceAsync(10_000);
  await caught;
  assertEquals(ranAt.length, 3);
  const broken = () => Promise.reject(new Error("it broke"));
  await assertRejects(
    () => retry(task, { retryIf: broken }),
    Error,
    "it broke",
  );
});

Deno.test("retry() limits all attempts and pauses together", async () => {
  for (
    const limit of [
      () => ({ timeoutMs: 1_000 }),
      () => ({ deadline: Deadline.after(1_000) }),
      () => ({ timeoutMs: 5_000, deadline: Deadline.after(1_000) }),
    ]
  ) {
    using time = FakeTime.install();
    const { task, ranAt } = flaky(time, Infinity);
    const options = {
      ...limit(),
      attempts: Infinity,
      minDelayMs: 300,
      jitter: 0,
    };
    const caught = assertRejects(() => retry(task, options), TimeoutError);
    await time.advanceAsync(1_002);
    const error = await caught;
    assertEquals([error.operation, error.timeoutMs], ["retry", 1_000]);
    assertEquals(ranAt, [0, 300, 900]);
    assertEquals(time.pending, 0);
  }
});

Deno.test("retry() tells an attempt by its signal, and tries nothing more", async () => {
  for (const by of ["signal", "timeoutMs", "deadline"]) {
    using time = FakeTime.install();
    const controller = new AbortController();
    const options = {
      signal: { signal: controller.signal },
      timeoutMs: { timeoutMs: 100 },
      deadline: { deadline: Deadline.after(100) },
    }[by];
    let attempts = 0;
    const reasons: unknown[] = [];
    const result = retry(async (_, { signal }) => {
      attempts++;
      await sleep(60_000, { signal }).catch((reason) => {
        reasons.push(reason);
        throw reason;
      });
    }, { ...options, minDelayMs: 0 });
    const caught = result.catch((reason) => reason);
    await settle();
    const reason = new TimeoutError("wait", 7);
    if (by === "signal") controller.abort(reason);
    await time.advanceAsync(102);
    const error = await caught;
    if (by === "signal") assertEquals(error, reason);
    else assertEquals([error.name, error.timeoutMs], ["TimeoutError", 100]);
    assertEquals([attempts, reasons.length], [1, 1]);
    assertEquals(time.pending, 0);
  }
});

Deno.test("retry() does not try again after the time-out of a signal around it", async () => {
  // Two signals: one is the retry's, by the other its deadline ends.
  const outer = new AbortController();
  const { signal } = new AbortController();
  const deadline = Deadline.after(Infinity, { signal: outer.signal });
  let attempts = 0;
  const result = retry(async (_, { signal }) => {
    attempts++;
    await sleep(60_000, { signal });
  }, { signal, deadline, minDelayMs: 0, retryIf: () => true });
  const reason = new TimeoutError("finish", 5);
  outer.abort(reason);
  assertEquals(await result.catch((error) => error), reason);
  assertEquals(attempts, 1);
});

Deno.test("retry() tries again after an attempt that took too long", async () => {
  using time = FakeTime.install();
  const signals: AbortSignal[] = [];
  const result = retry(async (attempt, { signal }) => {
    signals.push(signal);
    if (attempt < 3) await new Promise(() => {});
    return attempt;
  }, { attemptTimeoutMs: 50, minDelayMs: 0, timeoutMs: 1_000 });
  await time.advanceAsync(500);
  assertEquals(await result, 3);
  assertEquals(signals.map(({ aborted }) => aborted), [true, true, false]);
  assertEquals(signals[0].reason.name, "TimeoutError");
  assertEquals(time.pending, 0);
});

Deno.test("retry() lets minDelayMs alone exceed the default of maxDelayMs", async () => {
  assertEquals(await retry(() => 1, { minDelayMs: 60_000 }), 1);
});

Deno.test("a backoff stays between its share of chance and its maximum", () => {
  const random = seededRandom(1);
  for (let i = 0; i < 2_000; i++) {
    const backoff = {
      minDelayMs: random() * 1_000,
      maxDelayMs: 1_000 + random() * 100_000,
      factor: 1 + random() * 3,
      jitter: random(),
    };
    // Far enough for the factor to overflow to Infinity.
    const attempt = 1 + Math.floor(random() * 2_000);
    const { minDelayMs, maxDelayMs, factor, jitter } = backoff;
    const full = Math.min(maxDelayMs, minDelayMs * factor ** (attempt - 1));
    const delayMs = backoffDelayMs(attempt, backoff, random);
    assert(delayMs <= full && delayMs >= full * (1 - jitter));
    assertEquals(backoffDelayMs(attempt, backoff, () => 0), full);
  }
});

Deno.test("a backoff that starts at zero stays at zero", () => {
  const backoff = { minDelayMs: 0, maxDelayMs: 10, factor: 9, jitter: 1 };
  assertEquals(backoffDelayMs(5_000, backoff), 0);
});

Deno.test("a backoff spreads the very first delay too", () => {
  const backoff = { minDelayMs: 100, maxDelayMs: 1e4, factor: 2, jitter: 0.5 };
  assertEquals(backoffDelayMs(1, backoff, () => 1), 50);
  assertEquals(backoffDelayMs(1, backoff, () => 0.5), 75);
});
