import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  addAbortListener,
  removeAbortListener,
} from "../../lib/time/abort_listeners.ts";
import { waitWithin } from "../../lib/time/call_limits.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { sleep } from "../../lib/time/sleep.ts";

/** A signal that counts the listeners which the platform knows of. */
function counted(controller = new AbortController()) {
  const { signal } = controller;
  const counts = { controller, signal, listeners: 0, most: 0 };
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    counts.most = Math.max(counts.most, ++counts.listeners);
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    counts.listeners--;
    remove(...args);
  };
  return counts;
}

Deno.test("a thousand calls under one signal are one listener", async () => {
  const counts = counted();
  const { signal } = counts;
  const never = new Promise<never>(() => {});
  const calls = Array.from({ length: 1_000 }, (_, i) => {
    switch (i % 4) {
      case 0:
        return sleep(60_000, { signal });
      case 1:
        return waitWithin("read", never, { signal });
      case 2: {
        const deadline = Deadline.after(60_000, { signal });
        return waitWithin("read", never, { deadline });
      }
      default: {
        const { promise, reject } = Promise.withResolvers<never>();
        const own = Deadline.after(60_000, { signal }).signal;
        own.addEventListener("abort", () => reject(own.reason));
        return promise;
      }
    }
  });
  assertEquals([counts.listeners, counts.most], [1, 1]);
  counts.controller.abort("stop");
  for (const call of calls) {
    assertEquals(await call.catch((reason) => reason), "stop");
  }
  assertEquals(counts.listeners, 0);
});

Deno.test("the listener of a signal goes with the last call and comes back", async () => {
  const counts = counted();
  const { signal } = counts;
  for (let i = 0; i < 3; i++) {
    const [first, second] = [sleep(1, { signal }), sleep(2, { signal })];
    assertEquals(counts.listeners, 1);
    await Promise.all([first, second]);
    assertEquals(counts.listeners, 0);
  }
  const last = sleep(60_000, { signal });
  counts.controller.abort(new Error("stop"));
  await assertRejects(() => last, Error, "stop");
});

Deno.test("abort() calls in order, and not those that were removed meanwhile", () => {
  const controller = new AbortController();
  const { signal } = controller;
  const calls: string[] = [];
  const third = () => calls.push("third");
  addAbortListener(signal, () => {
    calls.push("first");
    removeAbortListener(signal, third);
    // Too late, as with any event.
    addAbortListener(signal, () => calls.push("late"));
  });
  addAbortListener(signal, () => calls.push("second"));
  addAbortListener(signal, third);
  controller.abort();
  assertEquals(calls, ["first", "second"]);
  addAbortListener(signal, third);
  removeAbortListener(signal, third);
  removeAbortListener(signal, third);
  assertEquals(calls, ["first", "second"]);
});

Deno.test("a callback that throws keeps no other from its end", () => {
  const controller = new AbortController();
  const { signal } = controller;
  const reported: unknown[] = [];
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    reported.push(event.error.message);
  };
  let called = false;
  addAbortListener(signal, () => {
    throw new Error("trouble");
  });
  addAbortListener(signal, () => called = true);
  addEventListener("error", onError);
  try {
    controller.abort();
  } finally {
    removeEventListener("error", onError);
  }
  assertEquals([called, reported], [true, ["trouble"]]);
});

Deno.test("abort() with 20,000 waiting calls takes time in proportion", async () => {
  const never = new Promise<never>(() => {});
  const wait = (count: number) => {
    const controller = new AbortController();
    const { signal } = controller;
    const calls = Array.from(
      { length: count },
      () => waitWithin("read", never, { signal }).catch(() => {}),
    );
    const begun = performance.now();
    controller.abort();
    const ms = performance.now() - begun;
    return Promise.all(calls).then(() => ms);
  };
  await wait(5_000);
  // Quadratic, it would be more than a second here.
  const times = [];
  for (let i = 0; i < 5; i++) times.push(await wait(20_000));
  const best = Math.min(...times);
  assert(best < 300, `${best} ms`);
});

Deno.test("an abort event of a signal that has not aborted is none", () => {
  const controller = new AbortController();
  let calls = 0;
  addAbortListener(controller.signal, () => calls++);
  controller.signal.dispatchEvent(new Event("abort"));
  assertEquals(calls, 0);
  controller.abort();
  assertEquals(calls, 1);
});
