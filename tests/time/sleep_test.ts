import { assert, assertEquals, assertRejects } from "@std/assert";
import { TimeoutError } from "../../lib/errors.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { sleep } from "../../lib/time/sleep.ts";
import { FakeTime } from "./_fake_time.ts";

Deno.test("sleep() waits as long as it is told", async () => {
  using time = FakeTime.install();
  let done = false;
  const pause = sleep(1_000).then(() => done = true);
  await time.advanceAsync(999);
  assertEquals(done, false);
  await time.advanceAsync(1);
  assertEquals(done, true);
  await pause;
  assertEquals(time.pending, 0);
});

Deno.test("sleep() never wakes early on the real clock", async () => {
  for (const ms of [0, 0.5, 1, 1.3, 2, 7.9]) {
    const start = performance.now();
    await sleep(ms);
    assert(performance.now() - start >= ms, `woke before ${ms} ms`);
  }
});

Deno.test("sleep() may last longer than setTimeout can count", async () => {
  using time = FakeTime.install();
  let done = false;
  const pause = sleep(2 ** 32).then(() => done = true);
  await time.advanceAsync(2 ** 32 - 1);
  assertEquals(done, false);
  await time.advanceAsync(1);
  await pause;
});

Deno.test("sleep() ends with the reason of an aborted signal and leaves nothing", async () => {
  using time = FakeTime.install();
  const controller = new AbortController();
  const pause = sleep(1_000, { signal: controller.signal });
  assertEquals(time.pending, 1);
  controller.abort("stop");
  assertEquals(await pause.catch((reason) => reason), "stop");
  assertEquals(time.pending, 0);
});

Deno.test("sleep() does not begin under an aborted signal", async () => {
  using time = FakeTime.install();
  const pause = sleep(1_000, { signal: AbortSignal.abort("stop") });
  assertEquals(time.pending, 0);
  assertEquals(await pause.catch((reason) => reason), "stop");
});

Deno.test("sleep() removes its listener when it wakes", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: never) => {
    listeners++;
    add(type, listener);
  };
  signal.removeEventListener = (type: string, listener: never) => {
    listeners--;
    remove(type, listener);
  };
  const pause = sleep(1, { signal });
  assertEquals(listeners, 1);
  await pause;
  assertEquals(listeners, 0);
});

Deno.test("sleep() without an end waits for the signal", async () => {
  using time = FakeTime.install();
  const controller = new AbortController();
  const pause = sleep(Infinity, { signal: controller.signal });
  assertEquals(time.pending, 0);
  controller.abort("stop");
  assertEquals(await pause.catch((reason) => reason), "stop");
});

Deno.test("sleep() rejects a bad duration", async () => {
  await assertRejects(
    () => sleep(-1),
    RangeError,
    "ms must be at least 0, got -1",
  );
  await assertRejects(() => sleep(NaN), RangeError, "got NaN");
  await assertRejects(() => sleep("1" as never), TypeError, "be a number");
});

Deno.test("sleep() ends with a TimeoutError where a limit comes first", async () => {
  using time = FakeTime.install();
  using deadline = Deadline.after(100);
  for (const options of [{ timeoutMs: 100 }, { deadline }]) {
    const limited = assertRejects(() => sleep(60_000, options), TimeoutError);
    await time.advanceAsync(102);
    const error = await limited;
    assertEquals([error.operation, error.timeoutMs], ["sleep", 100]);
    assertEquals(time.pending, 0);
  }
  await assertRejects(() => sleep(0, { deadline }), TimeoutError);
});
