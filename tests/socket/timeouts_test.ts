import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { BrokenError, LimitError, TimeoutError } from "../../lib/errors.ts";
import type { SocketOptions } from "../../lib/socket/options.ts";
import { Socket } from "../../lib/socket/socket.ts";
import type { CallOptions } from "../../lib/time/call_limits.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { FakeTime, seededRandom } from "../time/_fake_time.ts";
import {
  bytes,
  isSettled,
  outcome,
  pass,
  SEEDS,
  spiedPair,
  textOf,
  turn,
  underEverySplit,
} from "../_support/sockets.ts";

/** Every read that waits, and what it gives once `abc\n` is whole. */
const READS: Record<
  string,
  (socket: Socket, options?: CallOptions) => Promise<unknown>
> = {
  readInto: (socket, options) =>
    socket.peek(4, options).then(() =>
      socket.readInto(new Uint8Array(4), options)
    ),
  readExactly: (socket, options) => socket.readExactly(4, options),
  readUntil: (socket, options) => socket.readUntil("\n", options),
  readLine: (socket, options) => socket.readLine(options),
  peek: (socket, options) => socket.peek(4, options),
};

/** Ways to cut a call off after some 100 ms. */
const LIMITS: Record<string, () => CallOptions> = {
  timeoutMs: () => ({ timeoutMs: 100 }),
  deadline: () => ({ deadline: Deadline.after(100) }),
  signal: () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new TimeoutError("wait", 100)), 100);
    return { signal: controller.signal };
  },
};

for (const [name, read] of Object.entries(READS)) {
  for (const [kind, limit] of Object.entries(LIMITS)) {
    Deno.test(`${name} that is cut off by its ${kind} loses nothing`, async () => {
      using time = FakeTime.install();
      await underEverySplit(async ({ left, right }) => {
        await right.write("ab");
        await right.flush();
        const cut = outcome(read(left, limit()));
        await pass(time, 99);
        assertEquals(await isSettled(cut), false);
        await pass(time, 50);
        assert(await cut instanceof TimeoutError, `${await cut}`);
        await right.write("c\n");
        await read(left, limit());
        if (name === "peek") assertEquals(await left.readLine(), "abc");
      });
      await pass(time, 200);
      assertEquals(time.pending, 0);
    });
  }
}

Deno.test("reads that are cut off at any moment lose nothing, over 20 seeds", async () => {
  for (const seed of SEEDS) {
    using pair = spiedPair({ seed, highWaterMarkBytes: 1 + seed * 7 });
    const { left, right } = pair;
    const random = seededRandom(seed);
    const sent = bytes(1_500);
    const writing = (async () => {
      for (let start = 0; start < sent.length;) {
        const size = 1 + Math.floor(random() * 40);
        await right.write(sent.subarray(start, start + size));
        await right.flush();
        start += size;
      }
      await right.closeWrite();
    })();
    const received: number[] = [];
    let cuts = 0;
    while (received.length < sent.length) {
      const controller = new AbortController();
      const { signal } = controller;
      const size = Math.min(
        1 + Math.floor(random() * 50),
        sent.length - received.length,
      );
      const target = new Uint8Array(size);
      const reading: Promise<Uint8Array | null> = random() < 0.3
        ? left.read({ signal })
        : random() < 0.5
        ? left.readInto(target, { signal }).then((count) =>
          count === null ? null : target.subarray(0, count)
        )
        : left.readExactly(size, { signal });
      for (let i = Math.floor(random() * 12); i > 0; i--) await null;
      controller.abort("cut");
      try {
        received.push(...(await reading)!);
      } catch (error) {
        assertEquals(error, "cut");
        cuts++;
      }
    }
    await writing;
    assertEquals(new Uint8Array(received), sent, `seed ${seed}`);
    assertEquals(await left.read(), null);
    assert(cuts > 0, `seed ${seed} cut nothing off`);
  }
});

Deno.test("a signal counts first, even where data is ready, and its reason is untouched", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write("abc\n");
  await left.peek(4);
  const reason = { any: "thing" };
  const signal = AbortSignal.abort(reason);
  const calls = [
    ...Object.values(READS).map((read) => read(left, { signal })),
    left.read({ signal }),
    left.write("x", { signal }),
    left.flush({ signal }),
  ];
  for (const call of calls) assertStrictEquals(await outcome(call), reason);
  assertEquals(textOf(await left.read()), "abc\n");
});

Deno.test("a call leaves no listener on its signal, however it ends", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const { signal } = new AbortController();
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listeners.add(args[1]);
    addEventListener.apply(signal, args as never);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args as never);
  };
  const reading = left.readLine({ signal });
  assertEquals(listeners.size, 1);
  await right.write("x\n");
  await reading;
  await outcome(left.readLine({ signal, timeoutMs: 1 }));
  const closed = outcome(left.readLine({ signal }));
  left.abort();
  await closed;
  assertEquals(listeners.size, 0);
});

Deno.test("a deadline bounds several calls together", async () => {
  using time = FakeTime.install();
  using pair = spiedPair();
  const { left, right } = pair;
  using deadline = Deadline.after(100);
  const first = left.readLine({ deadline });
  await pass(time, 60);
  await right.write("in time\n");
  assertEquals(await first, "in time");
  const second = outcome(left.readLine({ deadline }));
  await pass(time, 60);
  const error = await second;
  assert(error instanceof TimeoutError);
  assertEquals([error.operation, error.timeoutMs], ["readLine", 100]);
  // From now on it is over before it begins.
  await right.write("too late\n");
  await assertRejects(() => left.write("x", { deadline }), TimeoutError);
  await assertRejects(() => left.readLine({ deadline }), TimeoutError);
  assertEquals(await left.readLine(), "too late");
});

Deno.test("a write that is cut off breaks the writing side, and says so", async () => {
  using time = FakeTime.install();
  using pair = spiedPair();
  const { left, right, spy } = pair;
  spy.hold();
  const cut = outcome(left.write(bytes(100_000), { timeoutMs: 100 }));
  await pass(time, 200);
  const timeout = await cut;
  assert(timeout instanceof TimeoutError);
  assertEquals([timeout.operation, timeout.timeoutMs], ["write", 100]);
  const error = await assertRejects(() => left.write("more"), BrokenError);
  assertEquals(error.reason, "write-cancelled");
  assertStrictEquals(error.cause, timeout);
  await right.write("reads go on");
  assertEquals(textOf(await left.readExactly(11)), "reads go on");
  assertStrictEquals(await outcome(left.close()), error);
});

Deno.test("a write that is accepted at once is not cut off by its limits", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const controller = new AbortController();
  await left.write("accepted", { signal: controller.signal, timeoutMs: 1 });
  controller.abort();
  await turn();
  assertEquals(textOf(await right.readExactly(8)), "accepted");
  await left.write("!");
});

Deno.test("readMs limits each read from its start", async () => {
  using time = FakeTime.install();
  using pair = spiedPair({ left: { readMs: 100 } });
  const { left, right } = pair;
  // No call reads: nothing counts.
  await pass(time, 1_000);
  const first = outcome(left.readExactly(2));
  await pass(time, 90);
  await right.write("a");
  await pass(time, 90);
  const error = await first;
  assert(error instanceof TimeoutError);
  assertEquals([error.operation, error.timeoutMs], ["readExactly", 100]);
  assertEquals(error.remoteAddr, left.remoteAddr);
  const second = left.readExactly(2);
  await pass(time, 90);
  await right.write("b");
  assertEquals(textOf(await second), "ab");
  left.setTimeouts({ readMs: Infinity });
  const third = left.read();
  await pass(time, 10_000);
  await right.write("c");
  assertEquals(textOf(await third), "c");
});

Deno.test("setTimeouts() limits a read that waits already", async () => {
  using time = FakeTime.install();
  for (const readMs of [undefined, 5_000]) {
    using pair = spiedPair({ left: { readMs } });
    const { left, right } = pair;
    const waiting = outcome(left.read());
    left.setTimeouts({ readMs: 50 });
    await pass(time, 100);
    assert(await waiting instanceof TimeoutError, `after ${readMs}`);
    await right.write("later");
    assertEquals(textOf(await left.read()), "later");
  }
});

Deno.test("writeMs limits a write that stalls, not one that is slow", async () => {
  using time = FakeTime.install();
  using pair = spiedPair({
    highWaterMarkBytes: 1_000,
    left: { writeMs: 100, highWaterMarkBytes: 100 },
  });
  const { left, right, far } = pair;
  const slow = left.write(bytes(3_000));
  for (let i = 0; i < 20; i++) {
    await pass(time, 90);
    assertEquals(await far.read(new Uint8Array(100)), 100);
  }
  await slow;
  const stalled = outcome(left.write(bytes(3_000)));
  await pass(time, 200);
  const error = await stalled;
  assert(error instanceof TimeoutError);
  assertEquals([error.operation, error.timeoutMs], ["write", 100]);
  assertStrictEquals(await outcome(left.write("x")), error);
  // The reading side is not concerned.
  await right.write("still here");
  assertEquals(textOf(await left.readExactly(10)), "still here");
});

Deno.test("setTimeouts() leaves a read alone that goes straight into its array", async () => {
  using time = FakeTime.install();
  using pair = spiedPair();
  const { left, right } = pair;
  const target = new Uint8Array(4);
  const waiting = left.readInto(target);
  left.setTimeouts({ readMs: 50 });
  await pass(time, 100);
  assertEquals(await isSettled(waiting), false);
  await right.write("late");
  assertEquals([await waiting, textOf(target)], [4, "late"]);
  const next = outcome(left.readInto(target));
  await pass(time, 100);
  assert(await next instanceof TimeoutError);
});

Deno.test("writeMs does not count while there is nothing to write", async () => {
  using time = FakeTime.install();
  using pair = spiedPair({ left: { writeMs: 100 } });
  const { left } = pair;
  for (let i = 0; i < 3; i++) {
    await left.write("quiet");
    await left.flush();
    await pass(time, 1_000);
  }
  assertEquals(left.stats.bytesWritten, 15);
});

Deno.test("setTimeouts() limits a write that waits already", async () => {
  using time = FakeTime.install();
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.hold();
  const stalled = outcome(left.write(bytes(100_000)));
  left.setTimeouts({ writeMs: 50 });
  await pass(time, 100);
  assert(await stalled instanceof TimeoutError);
});

Deno.test("idleMs ends the socket when nothing moves either way", async () => {
  using time = FakeTime.install();
  using pair = spiedPair({ left: { idleMs: 100 } });
  const { left, right, spy } = pair;
  const { signal, closed } = left;
  for (let i = 0; i < 5; i++) {
    await pass(time, 60);
    await left.write("x");
    await left.flush();
    await pass(time, 60);
    await right.write("x");
    await left.read();
  }
  assertEquals(signal.aborted, false);
  const waiting = outcome(left.read());
  await pass(time, 200);
  const error = await waiting;
  assert(error instanceof TimeoutError);
  assertEquals([error.operation, error.timeoutMs], ["stay idle", 100]);
  assertStrictEquals(signal.reason, error);
  await closed;
  assertEquals(spy.closed, 1);
  assertStrictEquals(await outcome(left.write("x")), error);
  assertEquals(time.pending, 0);
});

Deno.test("idleMs that is taken away ends nothing", async () => {
  using time = FakeTime.install();
  using pair = spiedPair({ left: { idleMs: 100 } });
  pair.left.setTimeouts({ idleMs: Infinity });
  await pass(time, 1_000);
  assertEquals(pair.left.signal.aborted, false);
});

Deno.test("minReadBytesPerSecond ends a peer that drips, not one that is quick", async () => {
  using time = FakeTime.install();
  for (const perSecond of [50, 200]) {
    using pair = spiedPair({
      left: { minReadBytesPerSecond: 100, minReadWindowMs: 1_000 },
    });
    const { left, right } = pair;
    const reading = outcome(left.readExactly(1_000));
    for (let i = 0; i < 40; i++) {
      await pass(time, 100);
      await outcome(right.write(bytes(perSecond / 10)));
      await outcome(right.flush());
    }
    if (perSecond === 50) {
      const error = await reading;
      assert(error instanceof LimitError, `${error}`);
      assertEquals(error.option, "minReadBytesPerSecond");
      assertStrictEquals(left.signal.reason, error);
    } else {
      assertEquals(await isSettled(reading), false);
    }
  }
});

Deno.test("no limit outlives its socket", async () => {
  using time = FakeTime.install();
  const limits = { readMs: 100, writeMs: 100, idleMs: 100 };
  for (const end of ["abort", "close", "detach", "broken", "write"] as const) {
    using pair = spiedPair({
      left: { ...limits, minReadBytesPerSecond: 1, minReadWindowMs: 100 },
    });
    const { left, right, spy } = pair;
    const waiting = outcome(left.read());
    if (end === "write") {
      spy.writeError = new Error("broken");
      left.write("x");
      await turn();
      left.setTimeouts(limits);
    }
    if (end === "broken") spy.inner.reset();
    if (end === "detach") {
      await right.write("x");
      await waiting;
      left.detach().transport.close();
    } else if (end === "close") {
      await Promise.all([left.close(), right.close()]);
    } else left.abort();
    left.setTimeouts(limits);
    assertEquals(time.pending, 0, end);
  }
});

Deno.test("a bad option is refused at once, by name", () => {
  const names = [
    ["readMs", 1],
    ["writeMs", 1],
    ["idleMs", 1],
    ["highWaterMarkBytes", 1],
    ["maxBufferBytes", 1],
    ["closeTimeoutMs", 1],
    ["maxPendingBytes", 1],
    ["minReadWindowMs", 1],
    ["minReadBytesPerSecond", 0],
    ["minWriteWindowMs", 1],
    ["minWriteBytesPerSecond", 0],
  ] as const;
  const make = (options: SocketOptions) => () =>
    new Socket(memoryTransportPair()[0], options);
  for (const [name, least] of names) {
    for (const value of [least - 1, -Infinity, NaN]) {
      const { message } = assertThrows(make({ [name]: value }), RangeError);
      assertMatch(
        message,
        new RegExp(
          `^Cannot make a socket: ${name} must be .*at least ${least}`,
        ),
      );
      assert(message.endsWith(`, got ${value}`), message);
    }
    assertThrows(
      make({ [name]: "9" }),
      TypeError,
      `Cannot make a socket: ${name} must be a number, got "9"`,
    );
  }
  using pair = spiedPair();
  for (const name of ["readMs", "writeMs", "idleMs"] as const) {
    assertThrows(
      () => pair.left.setTimeouts({ [name]: 0 }),
      RangeError,
      `Cannot set timeouts: ${name} must be at least 1, got 0`,
    );
  }
});

Deno.test("a bad timeoutMs is refused by every call, by name", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  for (const timeoutMs of [0, -1, NaN]) {
    const options = { timeoutMs };
    for (
      const call of [
        left.read(options),
        left.readLine(options),
        left.write("x", options),
        left.flush(options),
      ]
    ) {
      await assertRejects(() => call, RangeError, `timeoutMs`);
    }
  }
  await turn();
  assertEquals([spy.reads, spy.writes], [0, []]);
});

Deno.test("ref() and unref() of a socket do not make the limit of a call count anew", async () => {
  using time = FakeTime.install();
  const { left } = spiedPair();
  left.setTimeouts({ readMs: 1_000 });
  let ended: unknown;
  left.read().catch((error) => ended = error);
  for (let i = 0; i < 4; i++) {
    assertEquals(ended, undefined);
    await pass(time, 300);
    left.unref();
    left.ref();
  }
  assert(ended instanceof TimeoutError, "1000 ms");
  left.abort();
});
