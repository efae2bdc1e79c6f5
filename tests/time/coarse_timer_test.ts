import { assert, assertEquals, assertThrows } from "@std/assert";
import { Alarm, CoarseClock } from "../../lib/time/coarse_timer.ts";
import { FakeTime, seededRandom } from "./_fake_time.ts";

function setup() {
  const time = new FakeTime();
  return { time, clock: new CoarseClock(time) };
}

/** An alarm that notes when it went off. */
function noted(time: FakeTime, clock: CoarseClock, limitMs: number) {
  const firedAt: number[] = [];
  const alarm = new Alarm({ onAlarm: () => firedAt.push(time.now()) }, {
    clock,
  });
  alarm.limitMs = limitMs;
  return { alarm, firedAt };
}

Deno.test("Alarm goes off once, never early and at most a sixteenth late", () => {
  for (const limitMs of [1, 5, 10, 31, 32, 33, 100, 999, 1_000, 30_000, 1e7]) {
    for (let phase = 0; phase < 1; phase += 0.17) {
      const { time, clock } = setup();
      // Another alarm keeps the bucket going, so that arming hits any phase of it.
      const other = noted(time, clock, limitMs);
      other.alarm.arm();
      time.advance(limitMs * phase);
      const { alarm, firedAt } = noted(time, clock, limitMs);
      alarm.arm();
      const armedAt = time.now();
      time.advance(limitMs * 3 + 10);
      assertEquals(firedAt.length, 1);
      const ageMs = firedAt[0] - armedAt;
      assert(ageMs >= limitMs, `${limitMs} ms: early, after ${ageMs}`);
      const latest = Math.max(limitMs * 1.0625, limitMs + 1) + 1;
      assert(ageMs <= latest + 1e-6, `${limitMs} ms: late, after ${ageMs}`);
    }
  }
});

Deno.test("Alarm that is exact goes off once, within two milliseconds of its time", () => {
  for (const limitMs of [1, 5, 10, 31, 32, 33, 100, 999, 15_000, 30_000, 1e7]) {
    for (let phase = 0; phase < 1; phase += 0.17) {
      const { time, clock } = setup();
      const other = noted(time, clock, limitMs);
      other.alarm.arm();
      time.advance(limitMs * phase);
      const firedAt: number[] = [];
      const alarm = new Alarm({ onAlarm: () => firedAt.push(time.now()) }, {
        clock,
        exact: true,
      });
      alarm.limitMs = limitMs;
      // Armed anew, as one that is kept is.
      alarm.arm();
      time.advance(0.3);
      alarm.arm();
      const armedAt = time.now();
      time.advance(limitMs * 3 + 10);
      assertEquals(firedAt.length, 1);
      const ageMs = firedAt[0] - armedAt;
      assert(ageMs >= limitMs, `${limitMs} ms: early, after ${ageMs}`);
      assert(ageMs <= limitMs + 2, `${limitMs} ms: late, after ${ageMs}`);
    }
  }
});

Deno.test("Alarm that is exact counts a stall, once what has come was read", () => {
  const { time, clock } = setup();
  const fired: string[] = [];
  const add = (name: string, limitMs: number, exact: boolean) => {
    const alarm = new Alarm({ onAlarm: () => fired.push(name) }, {
      clock,
      exact,
    });
    alarm.limitMs = limitMs;
    alarm.arm();
    return alarm;
  };
  add("exact", 1_000, true);
  add("coarse", 1_000, false);
  const answered = add("answered", 1_000, true);
  time.advance(100);
  time.stall(5_000);
  assertEquals(fired, [], "input that came meanwhile is not read yet");
  answered.dispose();
  time.advance(2);
  assertEquals(fired, ["exact"]);
  // One late tick after the other is no excuse.
  const busy = add("busy", 1_000, true);
  for (let i = 0; i < 3; i++) time.stall(900);
  assertEquals([busy.armed, fired], [false, ["exact", "busy"]]);
});

Deno.test("Alarm that is exact lets input be read first after each stall, also when it was alone", () => {
  const { time, clock } = setup();
  for (let i = 0; i < 4; i++) {
    const fired: number[] = [];
    const alarm = new Alarm({ onAlarm: () => fired.push(i) }, {
      clock,
      exact: true,
    });
    alarm.limitMs = 1_000;
    alarm.arm();
    time.stall(5_000);
    assertEquals(fired, [], "input that came meanwhile is not read yet");
    // The answer was there: nothing is left in the bucket.
    alarm.dispose();
    time.advance(10);
  }
});

Deno.test("a bucket with many alarms goes off less often than each millisecond", () => {
  const time = new FakeTime();
  let ticks = 0;
  const clock = new CoarseClock({
    now: time.now,
    setTimeout: (callback, ms) =>
      time.setTimeout(() => (ticks++, callback()), ms),
    clearTimeout: time.clearTimeout,
    ref: time.ref,
    unref: time.unref,
  });
  const firedAt: number[] = [];
  const onAlarm = () => firedAt.push(time.now());
  for (let i = 0; i < 10_000; i++) {
    const alarm = new Alarm({ onAlarm }, { clock, exact: true });
    alarm.limitMs = 1_000 + i / 1_000;
    alarm.arm();
  }
  // In ten milliseconds 10,000 alarms are due, which are looked at once or twice.
  time.advance(999);
  ticks = 0;
  time.advance(30);
  assertEquals(firedAt.length, 10_000);
  assert(ticks <= 4, `${ticks} ticks`);
});

Deno.test("Alarm counts from the last time it was armed", () => {
  const { time, clock } = setup();
  const { alarm, firedAt } = noted(time, clock, 1_000);
  for (let i = 0; i < 100; i++) {
    alarm.arm();
    time.advance(900);
  }
  assertEquals(firedAt, []);
  const armedAt = time.now() - 900;
  time.advance(900);
  assertEquals(firedAt.length, 1);
  assert(firedAt[0] - armedAt >= 1_000);
});

Deno.test("Alarm that is disarmed stays silent, and can be armed again", () => {
  const { time, clock } = setup();
  const { alarm, firedAt } = noted(time, clock, 100);
  alarm.arm();
  assertEquals(alarm.armed, true);
  time.advance(50);
  alarm.disarm();
  assertEquals(alarm.armed, false);
  time.advance(1_000);
  assertEquals(firedAt, []);
  alarm.arm();
  time.advance(200);
  assertEquals(firedAt.length, 1);
  assertEquals(alarm.armed, false);
});

Deno.test("Alarm without a limit never goes off and starts no timer", () => {
  const { time, clock } = setup();
  const { alarm, firedAt } = noted(time, clock, Infinity);
  alarm.arm();
  assertEquals(alarm.limitMs, Infinity);
  assertEquals(time.pending, 0);
  time.advance(1e9);
  assertEquals(firedAt, []);
});

Deno.test("Alarm counts anew when its limit is set while it is armed", () => {
  const { time, clock } = setup();
  const { alarm, firedAt } = noted(time, clock, 1_000);
  alarm.arm();
  time.advance(900);
  alarm.limitMs = 500;
  time.advance(499);
  assertEquals(firedAt, []);
  time.advance(80);
  assertEquals(firedAt.length, 1);

  alarm.arm();
  alarm.limitMs = Infinity;
  time.advance(10_000);
  assertEquals(firedAt.length, 1);
  alarm.limitMs = 10;
  time.advance(15);
  assertEquals(firedAt.length, 2, "it was armed all the time");
});

Deno.test("Alarm rejects a bad limit at once", () => {
  const { time, clock } = setup();
  const { alarm } = noted(time, clock, 10);
  for (const limitMs of [0, -1, NaN]) {
    assertThrows(
      () => alarm.limitMs = limitMs,
      RangeError,
      "Cannot set a time limit: limitMs must be above 0, got",
    );
  }
  assertThrows(() => alarm.limitMs = "1" as never, TypeError);
  assertEquals(alarm.limitMs, 10);
});

Deno.test("a bucket ticks only while one of its alarms is armed", () => {
  const { time, clock } = setup();
  const { alarm } = noted(time, clock, 1_000);
  assertEquals(time.pending, 0);
  alarm.arm();
  assertEquals(time.pending, 1);
  alarm.arm();
  assertEquals(time.pending, 1);
  alarm.disarm();
  time.advance(100);
  assertEquals(time.pending, 0);
  alarm.arm();
  assertEquals(time.pending, 1);
  time.advance(2_000);
  assertEquals(time.pending, 0);
});

Deno.test("a bucket stops at once when its last alarm is disposed", () => {
  const { time, clock } = setup();
  const first = noted(time, clock, 1_000);
  const second = noted(time, clock, 1_001);
  first.alarm.arm();
  second.alarm.arm();
  assertEquals(time.pending, 1, "both share a bucket");
  first.alarm.dispose();
  first.alarm.dispose();
  assertEquals(time.pending, 1);
  second.alarm.dispose();
  assertEquals(time.pending, 0);
  first.alarm.arm();
  first.alarm.limitMs = 10;
  assertEquals(time.pending, 0);
  time.advance(5_000);
  assertEquals([...first.firedAt, ...second.firedAt], []);
});

Deno.test("a stalled event loop does not use up the limits", () => {
  const { time, clock } = setup();
  const { alarm, firedAt } = noted(time, clock, 1_000);
  alarm.arm();
  time.advance(100);
  time.stall(3_600_000);
  assertEquals(firedAt, []);
  time.advance(700);
  assertEquals(firedAt, []);
  time.advance(300);
  assertEquals(firedAt.length, 1);
});

Deno.test("an alarm may arm, dispose of and make others when it goes off", () => {
  const { time, clock } = setup();
  const log: string[] = [];
  const alarms = new Map<string, Alarm>();
  const add = (name: string, onExpire: () => void = () => {}) => {
    const alarm = new Alarm({
      onAlarm: () => {
        log.push(name);
        onExpire();
      },
    }, { clock });
    alarm.limitMs = 100;
    alarm.arm();
    alarms.set(name, alarm);
  };
  add("a");
  add("b", () => add("late"));
  add("c", () => {
    alarms.get("a")!.dispose();
    alarms.get("c")!.dispose();
  });
  add("d", () => alarms.get("d")!.arm());
  add("e");
  time.advance(120);
  assertEquals(log.sort(), ["b", "c", "d", "e"]);
  log.length = 0;
  alarms.get("e")!.arm();
  time.advance(120);
  assertEquals(log.sort(), ["d", "e", "late"]);
});

Deno.test("an alarm may dispose of every alarm when it goes off", () => {
  const { time, clock } = setup();
  const alarms: Alarm[] = [];
  let fired = 0;
  const add = (limitMs: number) => {
    const alarm = new Alarm({
      onAlarm: () => {
        fired++;
        for (const each of alarms) each.dispose();
      },
    }, { clock });
    alarm.limitMs = limitMs;
    alarm.arm();
    alarms.push(alarm);
  };
  // The one in the middle goes off when those behind it were seen to be armed.
  [127, 127, 64, 127, 127].forEach(add);
  for (let i = 0; i < 100 && fired === 0; i++) time.advance(1);
  assertEquals(fired, 1);
  assertEquals(time.pending, 0);
});

Deno.test("an alarm armed by the last one to go off keeps the bucket ticking", () => {
  const { time, clock } = setup();
  const second = noted(time, clock, 100);
  const first = new Alarm({ onAlarm: () => second.alarm.arm() }, { clock });
  first.limitMs = 100;
  first.arm();
  // `second` was looked at already in the scan that lets `first` go off, or not
  // yet: both orders must work.
  time.advance(113);
  assertEquals(second.alarm.armed, true);
  time.advance(113);
  assertEquals(second.firedAt.length, 1);
  const other = new Alarm({ onAlarm: () => first.arm() }, { clock });
  other.limitMs = 100;
  other.arm();
  time.advance(500);
  assertEquals(second.firedAt.length, 2);
});

Deno.test("an alarm that throws does not keep the others from going off", () => {
  const { time, clock } = setup();
  const before = noted(time, clock, 100);
  const bad = new Alarm({
    onAlarm: () => {
      throw new Error("trouble");
    },
  }, { clock });
  bad.limitMs = 100;
  const after = noted(time, clock, 100);
  for (const { alarm } of [before, { alarm: bad }, after]) alarm.arm();

  const reported: unknown[] = [];
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    reported.push(event.error.message);
  };
  addEventListener("error", onError);
  try {
    time.advance(200);
  } finally {
    removeEventListener("error", onError);
  }
  assertEquals([before.firedAt.length, after.firedAt.length], [1, 1]);
  assertEquals(reported, ["trouble"]);
});

Deno.test("a thousand alarms in random use go off exactly when they should", () => {
  const { time, clock } = setup();
  const random = seededRandom(7);
  const limits = [20, 100, 250, 1_000, 8_000];
  const entries = Array.from({ length: 1_000 }, () => {
    const limitMs = limits[Math.floor(random() * limits.length)];
    return { limitMs, dueAt: Infinity, ...noted(time, clock, limitMs) };
  });
  const live = new Set(entries);
  let fired = 0;
  for (let step = 0; step < 300; step++) {
    for (const entry of live) {
      if (entry.firedAt.length > 0) {
        const at = entry.firedAt.pop()!;
        assert(at >= entry.dueAt);
        assert(at <= entry.dueAt + Math.max(entry.limitMs / 16, 1) + 1 + 1e-6);
        entry.dueAt = Infinity;
        fired++;
      }
      const latest = entry.dueAt + Math.max(entry.limitMs / 16, 1) + 1 + 1e-6;
      assert(time.now() <= latest, `${entry.limitMs} ms alarm is overdue`);
      const dice = random();
      if (dice < 0.05) {
        entry.alarm.arm();
        entry.dueAt = time.now() + entry.limitMs;
      } else if (dice < 0.07) {
        entry.alarm.disarm();
        entry.dueAt = Infinity;
      } else if (dice < 0.071) {
        entry.alarm.dispose();
        live.delete(entry);
      }
    }
    time.advance(random() * 50);
  }
  assert(fired > 1_000, `only ${fired} went off`);
  for (const { alarm } of live) alarm.dispose();
  assertEquals(time.pending, 0);
});

Deno.test("a bucket survives a setTimeout that runs other code before it returns", () => {
  const time = new FakeTime();
  let during: (() => void) | undefined;
  const clock = new CoarseClock({
    now: time.now,
    clearTimeout: time.clearTimeout,
    unref: time.unref,
    ref: time.ref,
    setTimeout(callback, ms) {
      const run = during;
      during = undefined;
      run?.();
      return time.setTimeout(callback, ms);
    },
  });
  const first = noted(time, clock, 100);
  during = () => first.alarm.dispose();
  first.alarm.arm();
  assertEquals(time.pending, 0);

  const second = noted(time, clock, 100);
  const third = noted(time, clock, 100);
  during = () => {
    second.alarm.dispose();
    third.alarm.dispose();
    const fourth = noted(time, clock, 100);
    fourth.alarm.arm();
  };
  second.alarm.arm();
  assertEquals(time.pending, 1);
});

Deno.test("Alarm that was disposed of never gets into a bucket again", () => {
  const { time, clock } = setup();
  const { alarm, firedAt } = noted(time, clock, 100);
  alarm.arm();
  alarm.dispose();
  alarm.arm();
  alarm.limitMs = 50;
  alarm.arm();
  assertEquals([alarm.armed, time.pending], [false, 0]);
  time.advance(1_000);
  assertEquals(firedAt, []);
});

Deno.test("Alarm is in a bucket only while it is armed", () => {
  const { time, clock } = setup();
  const { alarm, firedAt } = noted(time, clock, 1_000);
  const bucket = clock.bucket(1_000);
  assertEquals(bucket.alarms.length, 0, "a limit alone keeps nothing");
  alarm.arm();
  assertEquals(bucket.alarms.length, 1);
  time.advance(2_000);
  assertEquals([firedAt.length, bucket.alarms.length], [1, 0], "it went off");
  alarm.arm();
  time.advance(100);
  alarm.disarm();
  time.advance(100);
  assertEquals([bucket.alarms.length, time.pending], [0, 0], "it was disarmed");
});

Deno.test("Alarm that is forgotten unarmed can be collected", {
  timeout: 60_000,
}, async () => {
  const collected = Promise.withResolvers<void>();
  const registry = new FinalizationRegistry(() => collected.resolve());
  (() => {
    const listener = { onAlarm() {} };
    new Alarm(listener).limitMs = 60_000;
    registry.register(listener, undefined);
  })();
  const collect = setInterval(() => {
    for (let i = 0; i < 1e4; i++) new Array(1_000).fill(i);
  }, 1);
  try {
    await collected.promise;
  } finally {
    clearInterval(collect);
  }
});

Deno.test("a bucket holds the process while it has an alarm that does", () => {
  const time = new FakeTime();
  let holds = true;
  const clock = new CoarseClock({
    now: time.now,
    setTimeout(callback, ms) {
      holds = true;
      return time.setTimeout(callback, ms);
    },
    clearTimeout: time.clearTimeout,
    ref: () => holds = true,
    unref: () => holds = false,
  });
  const add = (holdsProcess: boolean) => {
    const alarm = new Alarm({ onAlarm() {} }, { clock, holdsProcess });
    alarm.limitMs = 1_000;
    alarm.arm();
    return alarm;
  };
  const idle = add(false);
  assertEquals([holds, time.pending], [false, 1]);
  time.advance(100);
  assertEquals(holds, false, "each tick");
  const [first, second] = [add(true), add(true)];
  assertEquals([holds, time.pending], [true, 1]);
  first.dispose();
  time.advance(100);
  assertEquals(holds, true);
  second.dispose();
  assertEquals([holds, time.pending], [false, 1]);
  const third = add(true);
  third.disarm();
  time.advance(100);
  assertEquals(holds, false, "one that was disarmed, from the next tick on");
  for (const holdsProcess of [true, true, false, false, true]) {
    idle.holdsProcess = holdsProcess;
    assertEquals([holds, idle.holdsProcess], [holdsProcess, holdsProcess]);
    time.advance(100);
    assertEquals(holds, holdsProcess, "each tick");
  }
  idle.stop();
  idle.holdsProcess = false;
  idle.arm();
  assertEquals(holds, false);
  idle.dispose();
  assertEquals(time.pending, 0);
});

/** Runs a program; gives how long it took and what it printed. */
async function run(code: string): Promise<{ ms: number; output: string }> {
  const url = (path: string) => new URL(`../../lib/${path}`, import.meta.url);
  const program = `
    import { Alarm } from "${url("time/coarse_timer.ts")}";
    import { waitWithin } from "${url("time/call_limits.ts")}";
    ${code}
    const { promise, resolve } = Promise.withResolvers();
    setTimeout(resolve, 1);
    await promise;
    const begun = performance.now();
    addEventListener("unload", () => console.log(performance.now() - begun));`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", "--no-config", program],
    env: { NO_COLOR: "1" },
  }).output();
  const output = new TextDecoder().decode(stdout);
  assert(output !== "", new TextDecoder().decode(stderr));
  return { ms: Number(output.trim().split("\n").at(-1)), output };
}

Deno.test("an alarm holds the process only where it limits a call", async () => {
  const idle = await run(`
    const alarm = new Alarm({ onAlarm() {} }, { holdsProcess: false });
    alarm.limitMs = 60_000;
    alarm.arm();`);
  assert(idle.ms < 10_000, `${idle.ms} ms`);
  const call = await run(`
    waitWithin("wait", new Promise(() => {}), { timeoutMs: 100 })
      .catch((error) => console.log(error.name));`);
  assertEquals(call.output.split("\n")[0], "TimeoutError");
});
