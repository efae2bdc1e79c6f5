import { assert, assertEquals, assertRejects } from "@std/assert";
import { TimeoutError } from "../../lib/errors.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { withTimeout } from "../../lib/time/with_timeout.ts";
import { FakeTime, settle } from "./_fake_time.ts";

Deno.test("withTimeout() gives what the task gives and stops its timer", async () => {
  using time = FakeTime.install();
  assertEquals(await withTimeout(1_000, () => Promise.resolve(7)), 7);
  assertEquals(await withTimeout(1_000, () => 8), 8);
  assertEquals(time.pending, 0);
});

Deno.test("withTimeout() passes errors on, thrown at once or later", async () => {
  using time = FakeTime.install();
  const error = new Error("broke");
  for (
    const task of [() => Promise.reject(error), () => {
      throw error;
    }]
  ) {
    const caught = await assertRejects(() => withTimeout(1_000, task));
    assert(caught === error);
  }
  assertEquals(time.pending, 0);
});

Deno.test("withTimeout() rejects when the time is over even if the task goes on", async () => {
  using time = FakeTime.install();
  const { promise, reject } = Promise.withResolvers<never>();
  let seen: unknown;
  const run = withTimeout(1_000, (signal) => {
    signal.addEventListener("abort", () => seen = signal.reason);
    return promise;
  });
  const caught = assertRejects(() => run, TimeoutError);
  await time.advanceAsync(999);
  assertEquals(seen, undefined);
  await time.advanceAsync(1);
  const error = await caught;
  assertEquals(error.timeoutMs, 1_000);
  assert(seen === error);
  // What comes too late must not be reported.
  reject(new Error("late"));
  await settle();
});

Deno.test("withTimeout() rejects at the limit even if the task answers the abort", async () => {
  using time = FakeTime.install();
  const run = withTimeout(
    10,
    (signal) =>
      new Promise((resolve) =>
        signal.addEventListener("abort", () => resolve("partial"))
      ),
  );
  const caught = assertRejects(() => run, TimeoutError);
  await time.advanceAsync(10);
  await caught;
});

Deno.test("withTimeout() follows the given signal with its reason", async () => {
  using time = FakeTime.install();
  const controller = new AbortController();
  let taskReason;
  const run = withTimeout(1_000, (signal) => {
    signal.addEventListener("abort", () => taskReason = signal.reason);
    return new Promise<never>(() => {});
  }, { signal: controller.signal });
  controller.abort("quit");
  assertEquals(await run.catch((reason) => reason), "quit");
  assertEquals(taskReason, "quit");
  assertEquals(time.pending, 0);
});

Deno.test("withTimeout() does not start the task under an aborted signal", async () => {
  let started = false;
  const run = withTimeout(1_000, () => started = true, {
    signal: AbortSignal.abort("quit"),
  });
  assertEquals(await run.catch((reason) => reason), "quit");
  assertEquals(started, false);
});

Deno.test("withTimeout() never aborts the signal of a task that finished", async () => {
  using time = FakeTime.install();
  const controller = new AbortController();
  let kept!: AbortSignal;
  await withTimeout(1_000, (signal) => kept = signal, {
    signal: controller.signal,
  });
  controller.abort();
  time.advance(2_000);
  assertEquals(kept.aborted, false);
});

Deno.test("withTimeout() of Infinity sets no limit", async () => {
  using time = FakeTime.install();
  assertEquals(await withTimeout(Infinity, () => time.pending), 0);
});

Deno.test("withTimeout() rejects a bad limit without starting the task", async () => {
  const task = () => {
    throw new Error("started");
  };
  for (const timeoutMs of [0, -1, NaN]) {
    await assertRejects(
      () => withTimeout(timeoutMs, task),
      RangeError,
      "Cannot run the task: timeoutMs must be above 0, got",
    );
  }
  await assertRejects(() => withTimeout(null as never, task), TypeError);
});

Deno.test("withTimeout() ends with the deadline around it", async () => {
  using time = FakeTime.install();
  using deadline = Deadline.after(100);
  let reason: unknown;
  const limited = assertRejects(
    () =>
      withTimeout(60_000, async (signal) => {
        await new Promise((resolve) =>
          signal.addEventListener("abort", resolve)
        );
        reason = signal.reason;
      }, { deadline }),
    TimeoutError,
  );
  await time.advanceAsync(101);
  const error = await limited;
  assertEquals(error.timeoutMs, 100);
  assertEquals(reason, error);
  assertEquals(time.pending, 0);
  let started = false;
  await assertRejects(
    () => withTimeout(60_000, () => started = true, { deadline }),
    TimeoutError,
  );
  assertEquals(started, false);
});
