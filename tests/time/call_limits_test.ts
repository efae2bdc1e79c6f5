import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { TimeoutError } from "../../lib/errors.ts";
import {
  checkCall,
  startLimits,
  waitWithin,
} from "../../lib/time/call_limits.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { FakeTime } from "./_fake_time.ts";

const never = () => new Promise<never>(() => {});

/** A signal which counts the listeners it still has. */
function countingSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  const counter = { controller, signal, listeners: 0 };
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  const seen = new Set<unknown>();
  signal.addEventListener = (type: string, listener: never) => {
    seen.add(listener);
    counter.listeners = seen.size;
    add(type, listener);
  };
  signal.removeEventListener = (type: string, listener: never) => {
    seen.delete(listener);
    counter.listeners = seen.size;
    remove(type, listener);
  };
  return counter;
}

Deno.test("checkCall() accepts no options and empty ones", () => {
  checkCall("read", undefined);
  checkCall("read", {});
  checkCall("read", { timeoutMs: Infinity });
});

Deno.test("checkCall() throws the reason of an aborted signal before anything else", () => {
  const reason = { why: "not even an error" };
  let thrown;
  try {
    checkCall("read", {
      signal: AbortSignal.abort(reason),
      timeoutMs: -1,
      deadline: Deadline.after(0),
    });
  } catch (error) {
    thrown = error;
  }
  assertEquals(thrown === reason, true);
});

Deno.test("checkCall() rejects a bad timeoutMs at once", () => {
  for (const timeoutMs of [0, -0, -1, NaN, -Infinity]) {
    assertThrows(
      () => checkCall("read", { timeoutMs }),
      RangeError,
      "Cannot read: timeoutMs must be above 0, got",
    );
  }
  for (const timeoutMs of ["10", null, 1n, {}, Symbol("x")]) {
    assertThrows(
      () => checkCall("read", { timeoutMs: timeoutMs as never }),
      TypeError,
      "Cannot read: timeoutMs must be a number, got",
    );
  }
});

Deno.test("checkCall() throws TimeoutError where the deadline has passed", () => {
  const error = assertThrows(
    () => checkCall("readLine", { deadline: Deadline.after(0) }),
    TimeoutError,
  );
  assertEquals(error.operation, "readLine");
  assertEquals(error.timeoutMs, 0);
});

Deno.test("checkCall() throws the reason of the deadline's own signal", () => {
  const deadline = Deadline.after(1_000, {
    signal: AbortSignal.abort(new Error("quit")),
  });
  assertThrows(() => checkCall("read", { deadline }), Error, "quit");
});

Deno.test("waitWithin() gives the value and the error of the promise", async () => {
  const { signal } = new AbortController();
  using deadline = Deadline.after(60_000);
  const options = { signal, timeoutMs: 60_000, deadline };
  assertEquals(await waitWithin("read", Promise.resolve(7), options), 7);
  await assertRejects(
    () => waitWithin("read", Promise.reject(new Error("broke")), options),
    Error,
    "broke",
  );
});

Deno.test("waitWithin() rejects with TimeoutError after timeoutMs and not before", async () => {
  const start = performance.now();
  const error = await assertRejects(
    () => waitWithin("read", never(), { timeoutMs: 20 }),
    TimeoutError,
  );
  assert(performance.now() - start >= 20);
  assertEquals([error.operation, error.timeoutMs], ["read", 20]);
});

Deno.test("waitWithin() rejects when the deadline passes, whichever limit is first", async () => {
  using deadline = Deadline.after(10);
  const error = await assertRejects(
    () => waitWithin("read", never(), { timeoutMs: 60_000, deadline }),
    TimeoutError,
  );
  assertEquals(error.timeoutMs, 10);
});

Deno.test("waitWithin() waits longer when the deadline is extended meanwhile", async () => {
  using deadline = Deadline.after(20);
  const start = performance.now();
  const wait = waitWithin("read", never(), { deadline });
  deadline.extend(30);
  const error = await assertRejects(() => wait, TimeoutError);
  assert(performance.now() - start >= 50);
  assertEquals(error.timeoutMs, 50);
});

Deno.test("waitWithin() rejects with the untouched reason of the signal", async () => {
  const { controller, signal } = countingSignal();
  const wait = waitWithin("read", never(), { signal, timeoutMs: 60_000 });
  controller.abort("stop");
  assertEquals(await wait.catch((reason) => reason), "stop");
});

Deno.test("waitWithin() rejects with the reason of the deadline's signal", async () => {
  const { controller, signal } = countingSignal();
  using deadline = Deadline.after(60_000, { signal });
  const wait = waitWithin("read", never(), { deadline });
  controller.abort("stop");
  assertEquals(await wait.catch((reason) => reason), "stop");
});

Deno.test("waitWithin() rejects at once where the signal has aborted meanwhile", async () => {
  const options = { signal: AbortSignal.abort("late"), timeoutMs: 60_000 };
  const wait = waitWithin("read", Promise.resolve(1), options);
  assertEquals(await wait.catch((reason) => reason), "late");
});

Deno.test("waitWithin() leaves no listener behind, however the wait ends", async () => {
  for (
    const promise of [Promise.resolve(1), Promise.reject(new Error()), never()]
  ) {
    const call = countingSignal();
    const parent = countingSignal();
    using deadline = Deadline.after(60_000, { signal: parent.signal });
    const wait = waitWithin("read", promise, {
      signal: call.signal,
      timeoutMs: 5,
      deadline,
    });
    assertEquals([call.listeners, parent.listeners], [1, 1]);
    await wait.catch(() => {});
    assertEquals([call.listeners, parent.listeners], [0, 0]);
  }
});

Deno.test("waitWithin() ignores a rejection which comes after the limit", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  await assertRejects(() => waitWithin("read", promise, { timeoutMs: 1 }));
  reject(new Error("late"));
  // An unhandled rejection would be reported before this timer fires.
  await new Promise((resolve) => setTimeout(resolve, 0));
});

Deno.test("startLimits() counts timeoutMs over all waits of a call", async () => {
  using time = FakeTime.install();
  const limits = startLimits("sendAll", { timeoutMs: 100 });
  for (let i = 0; i < 3; i++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    time.setTimeout(resolve, 30);
    const wait = waitWithin("sendAll", promise, limits!);
    await time.advanceAsync(30);
    await wait;
  }
  const wait = assertRejects(
    () => waitWithin("sendAll", never(), limits!),
    TimeoutError,
  );
  await time.advanceAsync(12);
  const error = await wait;
  assertEquals([error.operation, error.timeoutMs], ["sendAll", 100]);
  assertThrows(() => checkCall("sendAll", limits), TimeoutError);
  assertEquals(time.pending, 0);
});

Deno.test("startLimits() keeps the signal and the deadline, and checks first", async () => {
  using time = FakeTime.install();
  const controller = new AbortController();
  const { signal } = controller;
  using deadline = Deadline.after(50);
  const limits = startLimits("sendAll", { signal, timeoutMs: 100, deadline });
  const wait = assertRejects(
    () => waitWithin("sendAll", never(), limits!),
    TimeoutError,
  );
  await time.advanceAsync(52);
  assertEquals((await wait).timeoutMs, 50);
  controller.abort(new Error("stop"));
  assertThrows(() => checkCall("sendAll", limits), Error, "stop");
  assertThrows(() => startLimits("sendAll", { signal }), Error, "stop");
  assertThrows(() => startLimits("sendAll", { deadline }), TimeoutError);
  assertThrows(
    () => startLimits("sendAll", { timeoutMs: 0 }),
    RangeError,
    "Cannot sendAll: timeoutMs must be above 0",
  );
  assertEquals(startLimits("sendAll", undefined), undefined);
});

Deno.test("a call ends within two milliseconds of its limit, however long that is", async () => {
  using time = FakeTime.install();
  for (const timeoutMs of [20, 1_000, 15_000, 600_000]) {
    const begun = time.now();
    let endedAt = 0;
    const wait = waitWithin("read", never(), { timeoutMs }).catch(() =>
      endedAt = time.now()
    );
    await time.advanceAsync(timeoutMs + 2);
    await wait;
    assert(endedAt >= begun + timeoutMs && endedAt <= begun + timeoutMs + 2);
  }
});
