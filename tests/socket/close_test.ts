import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { BrokenError, ClosedError, TimeoutError } from "../../lib/errors.ts";
import { memoryPair } from "../../lib/testing/memory_pair.ts";
import { halvesOf, Socket } from "../../lib/socket/socket.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { FakeTime } from "../time/_fake_time.ts";
import {
  bytes,
  isSettled,
  outcome,
  pass,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  turn,
  underEverySplit,
} from "../_support/sockets.ts";

testOverMemoryAndTcp(
  "close() sends what was written, then ends",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    const { closed, signal } = left;
    left.write("last words");
    const closing = left.close();
    assertEquals(textOf(await right.readExactly(10)), "last words");
    assertEquals(await right.read(), null);
    assertEquals(await isSettled(closed), false);
    await Promise.all([closing, right.close()]);
    await closed;
    assert(signal.reason instanceof ClosedError);
  },
);

Deno.test("close() leaves the end to the transport where the peer has ended", async () => {
  for (const pending of [0, 300_000]) {
    using pair = spiedPair();
    const { left, right, spy } = pair;
    await left.write("echo");
    await left.flush();
    await right.closeWrite();
    assertEquals(await left.read(), null);
    left.write(bytes(pending));
    const closing = left.close();
    const received = await right.readExactly(4 + pending);
    assertEquals(received.subarray(4), bytes(pending));
    assertEquals(await right.read(), null);
    await closing;
    assertEquals([spy.closedWrite, spy.closed], [0, 1]);
    assert(await outcome(left.write("x")) instanceof ClosedError);
    assert(await outcome(left.read()) instanceof ClosedError);
  }
});

Deno.test("close() ends TLS by name also where the peer has ended", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  Object.assign(spy, { alpnProtocol: null });
  await right.closeWrite();
  assertEquals(await left.read(), null);
  await left.close();
  assertEquals([spy.closedWrite, spy.closed], [1, 1]);
});

Deno.test("close() tells of a failed write also where the peer has ended", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  await right.closeWrite();
  assertEquals(await left.read(), null);
  spy.writeError = new Deno.errors.BrokenPipe("Broken pipe");
  await left.write("lost");
  await turn();
  assert(await outcome(left.close()) instanceof BrokenError);
});

Deno.test("close() tells of a failed closeWrite() also where the peer has ended", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  await right.closeWrite();
  assertEquals(await left.read(), null);
  spy.closeWriteError = new Deno.errors.ConnectionReset("Connection reset");
  assert(await outcome(left.closeWrite()) instanceof BrokenError);
  assert(await outcome(left.close()) instanceof BrokenError);
});

testOverMemoryAndTcp(
  "close() with unread input does not cost the peer its data",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    await right.write("nobody reads this");
    await right.flush();
    const sent = bytes(300_000);
    left.write(sent);
    const closing = left.close();
    const received = await right.readExactly(sent.length);
    assertEquals(received, sent);
    assertEquals(await right.read(), null);
    await right.write("nor this");
    await right.close();
    await closing;
  },
);

testOverMemoryAndTcp(
  "close() of both sides at once loses nothing",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    left.write(bytes(10));
    right.write(bytes(10));
    await Promise.all([left.close(), right.close()]);
    assertEquals([left.stats.bytesWritten, right.stats.bytesWritten], [10, 10]);
  },
);

Deno.test("close() loses nothing under any split", async () => {
  await underEverySplit(async ({ left, right }) => {
    left.write(bytes(3_000));
    const closing = left.close();
    const received = await new Response(right.readable).bytes();
    assertEquals(received, bytes(3_000));
    await Promise.all([closing, right.close()]);
  });
});

Deno.test("close() discards what the peer still sends, in flat memory", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const closing = left.close();
  for (let i = 0; i < 50; i++) await right.write(bytes(64 * 1024));
  assert(halvesOf(left).readLoop.queue.capacity <= 64 * 1024);
  await right.closeWrite();
  await closing;
});

Deno.test("close() cuts a peer that does not end its side in closeTimeoutMs", async () => {
  using time = FakeTime.install();
  for (const closeTimeoutMs of [undefined, 200]) {
    using pair = spiedPair({ left: { closeTimeoutMs } });
    const { left, right, spy } = pair;
    const closing = left.close();
    const limitMs = closeTimeoutMs ?? 5_000;
    await pass(time, limitMs - 1);
    assertEquals(spy.closed, 0);
    // A limit that is not exact would be up to a sixteenth late.
    await pass(time, 2);
    assertEquals(spy.closed, 1);
    // Everything was sent, so nothing is to be reported.
    await closing;
    assertEquals(await right.read(), null);
  }
  assertEquals(time.pending, 0);
});

Deno.test("close() reports what could not be sent in closeTimeoutMs", async () => {
  using time = FakeTime.install();
  using pair = spiedPair({ left: { closeTimeoutMs: 100 } });
  const { left, spy } = pair;
  spy.hold();
  const writing = outcome(left.write(bytes(100_000)));
  const closing = left.close();
  await pass(time, 200);
  const error = await assertRejects(() => closing, TimeoutError);
  assertEquals([error.operation, error.timeoutMs], ["close", 100]);
  assert(await writing instanceof ClosedError);
  assertEquals([spy.closed, time.pending], [1, 0]);
});

Deno.test("close() reports what a reset kept from being sent", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.hold();
  left.write("never sent");
  const closing = outcome(left.close());
  await turn();
  spy.gate!.reject(new Deno.errors.ConnectionReset("Connection reset by peer"));
  const error = await closing;
  assert(error instanceof BrokenError);
  assertEquals(error.reason, "reset");
  assertEquals(spy.closed, 1);
});

Deno.test("close() has nothing to report when a reset comes after all was sent", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  await left.write("sent");
  const closing = left.close();
  await turn();
  spy.inner.reset();
  await closing;
});

Deno.test("close() reports what was lost before it was called", async () => {
  using time = FakeTime.install();
  for (const how of ["reset", "idle limit"]) {
    using pair = spiedPair();
    const { left, spy } = pair;
    spy.hold();
    await left.write("never sent");
    const waiting = outcome(left.read());
    if (how === "idle limit") left.setTimeouts({ idleMs: 50 });
    await pass(time, 100);
    if (how === "reset") spy.inner.reset();
    const error = await waiting;
    assert(error instanceof (how === "reset" ? BrokenError : TimeoutError));
    assertStrictEquals(await outcome(left.close()), error, how);
  }
});

Deno.test("close() after everything is lost to abort() does not repeat it", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.hold();
  left.write("dropped on purpose");
  left.abort();
  await left.close();
});

Deno.test("abort() ends a close() that waits", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.hold();
  left.write("dropped on purpose");
  const closing = left.close();
  await turn();
  left.abort();
  await closing;
  assertEquals(spy.closed, 1);
});

Deno.test("close() that is not awaited does not end the process when it fails", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.writeError = new Deno.errors.BrokenPipe("Broken pipe");
  left.write("x");
  left.close();
  await left.closed;
  await turn();
});

testOverMemoryAndTcp(
  "closeWrite() ends this side, and the peer can still answer",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    left.write("question");
    await left.closeWrite();
    assertEquals(textOf(await right.readExactly(8)), "question");
    assertEquals(await right.read(), null);
    await right.write("answer");
    await right.closeWrite();
    assertEquals(textOf(await left.readExactly(6)), "answer");
    assertEquals(await left.read(), null);
  },
);

Deno.test("closeWrite() queues behind the writes, and refuses those that follow", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  spy.hold();
  const writing = left.write(bytes(100_000));
  const ending = left.closeWrite();
  const late = await assertRejects(() => left.write("late"), ClosedError);
  assertEquals(late.operation, "write");
  await turn();
  assertEquals(spy.closedWrite, 0);
  spy.release();
  assertEquals((await right.readExactly(100_000)).length, 100_000);
  await Promise.all([writing, ending]);
  assertEquals([spy.closedWrite, await right.read()], [1, null]);
});

Deno.test("closeWrite() that fails breaks the writing side", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  spy.closeWriteError = new Deno.errors.BrokenPipe("Broken pipe");
  const error = await assertRejects(() => left.closeWrite(), BrokenError);
  assertEquals(error.operation, "closeWrite");
  assertStrictEquals(await outcome(left.write("x")), error);
  await right.write("still read");
  assertEquals(textOf(await left.read()), "still read");
});

Deno.test("close() settles when abort() comes at any moment of it", async () => {
  for (let wait = 0; wait < 10; wait++) {
    using pair = spiedPair();
    const closing = pair.left.close();
    for (let i = 0; i < wait; i++) await null;
    pair.left.abort();
    await closing;
  }
});

Deno.test("a limit of close() cuts the connection, and does not merely stop waiting", async () => {
  using time = FakeTime.install();
  using pair = spiedPair();
  const { left, spy } = pair;
  const closing = left.close({ timeoutMs: 100 });
  await pass(time, 90);
  assertEquals(spy.closed, 0);
  await pass(time, 60);
  assertEquals(spy.closed, 1);
  // Everything was sent, so nothing is to be reported.
  await closing;
  await left.closed;
  assertEquals(time.pending, 0);
});

Deno.test("a later close() with a shorter limit counts too", async () => {
  using time = FakeTime.install();
  using pair = spiedPair();
  const { left, spy } = pair;
  const first = left.close();
  await pass(time, 1_000);
  const second = left.close({ timeoutMs: 100 });
  const third = left.close({ timeoutMs: 2_000 });
  await pass(time, 150);
  assertEquals(spy.closed, 1);
  await Promise.all([first, second, third]);
  assertEquals(time.pending, 0);
});

Deno.test("close() reports what its limit kept from being sent", async () => {
  using time = FakeTime.install();
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.hold();
  left.write("never sent");
  const closing = outcome(left.close({ timeoutMs: 100 }));
  await pass(time, 150);
  const error = await closing;
  assert(error instanceof TimeoutError);
  assertEquals([error.operation, error.timeoutMs], ["close", 100]);
  assertStrictEquals(await outcome(left.close()), error);
});

Deno.test("a signal or a deadline of close() cuts the connection", async () => {
  for (const when of ["before", "meanwhile"]) {
    using pair = spiedPair();
    const { left, spy } = pair;
    const controller = new AbortController();
    const reason = new Error("enough");
    if (when === "before") controller.abort(reason);
    const closing = outcome(left.close({ signal: controller.signal }));
    controller.abort(reason);
    assertStrictEquals(await closing, reason);
    assertEquals(spy.closed, 1);
    // All that was written was sent: the close itself has nothing to report.
    await left.close();
  }
  using pair = spiedPair();
  using deadline = Deadline.after(5);
  await pair.left.close({ deadline });
  assertEquals(pair.spy.closed, 1);

  using other = spiedPair();
  const controller = new AbortController();
  using bounded = Deadline.after(60_000, { signal: controller.signal });
  const closing = outcome(other.left.close({ deadline: bounded }));
  controller.abort("enough");
  assertEquals(await closing, "enough");
  assertEquals(other.spy.closed, 1);
});

Deno.test("close() and closeWrite() refuse limits that are none, and change nothing", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  for (const end of ["close", "closeWrite"] as const) {
    await assertRejects(
      () => left[end]({ timeoutMs: 0 }),
      RangeError,
      `Cannot ${end}: timeoutMs must be above 0, got 0`,
    );
  }
  assertEquals([spy.closed, spy.closedWrite], [0, 0]);
  await left.write("goes on");
  assertEquals(textOf(await right.read()), "goes on");
});

Deno.test("closeWrite() that is cut off stops waiting, and this side ends all the same", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  spy.hold();
  left.write("late");
  await assertRejects(() => left.closeWrite({ timeoutMs: 5 }), TimeoutError);
  const reason = new Error("enough");
  assertStrictEquals(
    await outcome(left.closeWrite({ signal: AbortSignal.abort(reason) })),
    reason,
  );
  spy.release();
  assertEquals(textOf(await right.readExactly(4)), "late");
  assertEquals(await right.read(), null);
  await left.closeWrite();
  assertEquals(spy.closedWrite, 1);
});

Deno.test("close() discards in large reads, into memory that all sockets share", async () => {
  const targets: Uint8Array[] = [];
  const ends: (() => void)[] = [];
  for (let i = 0; i < 3; i++) {
    let reads = 0;
    const socket = new Socket({
      localAddr: { transport: "memory", name: "near" },
      remoteAddr: { transport: "memory", name: "far" },
      read: (p) => {
        targets.push(p);
        if (reads++ < 3) return Promise.resolve(p.length);
        return new Promise((resolve) => ends.push(() => resolve(null)));
      },
      write: (p) => Promise.resolve(p.length),
      closeWrite: () => Promise.resolve(),
      close() {},
    });
    socket.close();
  }
  while (ends.length < 3) await turn();
  for (const end of ends) end();
  assertEquals(targets.length, 12);
  for (const target of targets) {
    assertEquals(target.length, 64 * 1024);
    assertStrictEquals(target.buffer, targets[0].buffer);
  }
});

Deno.test("the error of a closed socket is made by the call that gets it", async () => {
  // An error costs more than all else that closing does, and mostly no call is left.
  const [socket] = memoryPair();
  socket.abort();
  async function callTooLate() {
    await socket.write("x");
  }
  const error = await assertRejects(callTooLate, ClosedError);
  assertStringIncludes(error.stack ?? "", callTooLate.name);
  assertStrictEquals(await assertRejects(() => socket.read()), error);
  assertStrictEquals(socket.signal.reason, error);
});
