import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { TimeoutError } from "../../lib/errors.ts";
import {
  beginCall,
  checkCall,
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

Deno.test("beginCall() gives all waits of a call one time limit", async () => {
  using time = FakeTime.install();
  const options = beginCall({ timeoutMs: 1_000 });
  checkCall("exchange", options);
  for (let i = 0; i < 3; i++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wait = waitWithin("exchange", promise, options);
    await time.advanceAsync(310);
    resolve();
    await wait;
  }
  const last = waitWithin("exchange", never(), options);
  const outcome = assertRejects(() => last, TimeoutError, "within 1000 ms");
  await time.advanceAsync(100);
  assertEquals((await outcome).timeoutMs, 1_000);
  // It is over, for a check and for another wait.
  assertThrows(() => checkCall("exchange", options), TimeoutError);
  await assertRejects(
    () => waitWithin("exchange", never(), options),
    TimeoutError,
  );
});

Deno.test("beginCall() leaves a signal and a deadline what they are", () => {
  const { signal } = new AbortController();
  const deadline = Deadline.after(50);
  const options = { signal, deadline };
  assertStrictEquals(beginCall(options), options);
  const begun = beginCall({ ...options, timeoutMs: 10 });
  assertStrictEquals(begun.signal, signal);
  assertStrictEquals(begun.deadline, deadline);
  assertEquals(begun.timeoutMs, 10);
});
