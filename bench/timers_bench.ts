/**
 * What a time limit costs, against what one would write by hand.
 *
 * `arm` and `check` are what every read and write pays; the others are paid only by
 * calls that wait and were given a limit. Each iteration is a thousand of them.
 */
import { checkCall, waitWithin } from "../lib/time/call_limits.ts";
import { Alarm, CoarseClock } from "../lib/time/coarse_timer.ts";
import { Deadline } from "../lib/time/deadline.ts";
import { withTimeout } from "../lib/time/with_timeout.ts";

/** A promise that resolves a little later, as a read that has to wait does. */
function later(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  queueMicrotask(() => resolve(1));
  return promise;
}

/** Limits that other connections of a busy server have armed meanwhile. */
function others(): Disposable {
  const alarms = [5_000, 60_000, 120_000].map((limitMs) => {
    const alarm = new Alarm({ onAlarm() {} });
    alarm.limitMs = limitMs;
    alarm.arm();
    return alarm;
  });
  return {
    [Symbol.dispose]: () => alarms.forEach((alarm) => alarm.dispose()),
  };
}

const ROUNDS = 1_000;

// Arming, a thousand times: setTimeout and clearTimeout are what Node-like code does.

Deno.bench({
  name: "setTimeout + clearTimeout",
  group: "arm",
  baseline: true,
  fn() {
    for (let i = 0; i < ROUNDS; i++) clearTimeout(setTimeout(() => {}, 5_000));
  },
});

Deno.bench("AbortSignal.timeout", { group: "arm" }, () => {
  for (let i = 0; i < ROUNDS; i++) AbortSignal.timeout(5_000);
});

Deno.bench("performance.now", { group: "arm" }, () => {
  for (let i = 0; i < ROUNDS; i++) performance.now();
});

Deno.bench("Alarm.arm + disarm", { group: "arm" }, (bench) => {
  const alarm = new Alarm({ onAlarm() {} });
  alarm.limitMs = 5_000;
  alarm.arm();
  bench.start();
  for (let i = 0; i < ROUNDS; i++) {
    alarm.arm();
    alarm.disarm();
  }
  bench.end();
  alarm.dispose();
});

// One tick over ten thousand armed alarms: an idle limit of a minute ticks twice a
// second, one of 100 ms every 4 ms.

Deno.bench({
  name: "10,000 setTimeout + clearTimeout",
  group: "idle",
  baseline: true,
  fn() {
    const start = () => setTimeout(() => {}, 60_000);
    const timers = Array.from({ length: 10_000 }, start);
    timers.forEach((timer) => clearTimeout(timer));
  },
});

{
  let tick = () => {};
  const clock = new CoarseClock({
    now: () => 0,
    setTimeout: (callback) => tick = callback,
    clearTimeout: () => {},
    unref: () => {},
    ref: () => {},
  });
  for (let i = 0; i < 10_000; i++) {
    const alarm = new Alarm({ onAlarm() {} }, { clock });
    alarm.limitMs = 60_000;
    alarm.arm();
  }
  Deno.bench("one tick of 10,000 armed alarms", { group: "idle" }, () => {
    tick();
  });
}

// The limits of a call that is ready, or has none.

Deno.bench({
  name: "nothing",
  group: "check",
  baseline: true,
  fn() {
    for (let i = 0; i < ROUNDS; i++) void i;
  },
});

Deno.bench("checkCall without options", { group: "check" }, () => {
  for (let i = 0; i < ROUNDS; i++) checkCall("read", undefined);
});

Deno.bench("checkCall with timeoutMs", { group: "check" }, () => {
  for (let i = 0; i < ROUNDS; i++) checkCall("read", { timeoutMs: 5_000 + i });
});

const { signal } = new AbortController();

Deno.bench("checkCall with a signal", { group: "check" }, () => {
  for (let i = 0; i < ROUNDS; i++) checkCall("read", { signal });
});

const deadline = Deadline.after(3_600_000);

Deno.bench("checkCall with a deadline", { group: "check" }, () => {
  for (let i = 0; i < ROUNDS; i++) checkCall("read", { deadline });
});

// A call that waits.

Deno.bench("await, no limit", { group: "wait" }, async () => {
  for (let i = 0; i < ROUNDS; i++) await later();
});

/** The usual way to limit a wait. */
async function raceTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("timeout")), ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

Deno.bench({
  name: "Promise.race + setTimeout",
  group: "wait",
  baseline: true,
  async fn() {
    for (let i = 0; i < ROUNDS; i++) await raceTimeout(later(), 5_000);
  },
});

/** The same, and the task gets a signal, as with `withTimeout`. */
async function raceAbortable<T>(
  task: (signal: AbortSignal) => Promise<T>,
  ms: number,
): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => controller.abort(new Error("timeout")), ms);
  const limit = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  try {
    return await Promise.race([task(signal), limit]);
  } finally {
    clearTimeout(timer);
  }
}

Deno.bench(
  "Promise.race + setTimeout + AbortController",
  { group: "wait" },
  async () => {
    for (let i = 0; i < ROUNDS; i++) await raceAbortable(later, 5_000);
  },
);

Deno.bench("withTimeout", { group: "wait" }, async () => {
  for (let i = 0; i < ROUNDS; i++) await withTimeout(5_000, later);
});

Deno.bench("waitWithin { timeoutMs }, alone", { group: "wait" }, async () => {
  for (let i = 0; i < ROUNDS; i++) {
    await waitWithin("read", later(), { timeoutMs: 5_000 });
  }
});

Deno.bench(
  "waitWithin { timeoutMs }, beside others",
  { group: "wait" },
  async () => {
    using _ = others();
    for (let i = 0; i < ROUNDS; i++) {
      await waitWithin("read", later(), { timeoutMs: 5_000 });
    }
  },
);

Deno.bench("waitWithin { signal }", { group: "wait" }, async () => {
  for (let i = 0; i < ROUNDS; i++) {
    await waitWithin("read", later(), { signal });
  }
});

Deno.bench(
  "waitWithin { deadline }, beside others",
  { group: "wait" },
  async () => {
    using _ = others();
    using deadline = Deadline.after(100_000);
    for (let i = 0; i < ROUNDS; i++) {
      await waitWithin("read", later(), { deadline });
    }
  },
);

Deno.bench(
  "waitWithin { a new Deadline each }, beside others",
  { group: "wait" },
  async () => {
    using _ = others();
    for (let i = 0; i < ROUNDS; i++) {
      using deadline = Deadline.after(100_000);
      await waitWithin("read", later(), { deadline });
    }
  },
);
