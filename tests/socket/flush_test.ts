import { assertEquals, assertRejects } from "@std/assert";
import { ClosedError, TimeoutError } from "../../lib/errors.ts";
import {
  bytes,
  isSettled,
  outcome,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  TIMEOUT,
  underEverySplit,
} from "../_support/sockets.ts";

testOverMemoryAndTcp(
  "flush() resolves when the transport has taken everything",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    left.write("hello");
    await left.flush();
    assertEquals(left.stats.bytesWritten, 5);
    assertEquals(textOf(await right.readExactly(5)), "hello");
  },
);

Deno.test("flush() sends at once, and waits for what was written before it alone", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.hold();
  left.write("one");
  const flushing = left.flush();
  assertEquals(spy.writes, [3]);
  const { release } = { release: () => spy.release() };
  assertEquals(await isSettled(flushing), false);
  release();
  await flushing;
  spy.hold();
  left.write("two");
  const second = left.flush();
  left.write("three");
  spy.release();
  spy.hold();
  await second;
  assertEquals(left.stats.bytesWritten, 6);
});

Deno.test("flush() with nothing to send resolves at once", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  await left.flush();
  assertEquals(spy.writes, []);
  await left.closeWrite();
  await left.flush();
});

Deno.test("flush() waits for a peer that reads slowly, under every split", async () => {
  await underEverySplit(async ({ left, right }) => {
    left.write(bytes(500));
    const flushing = left.flush();
    assertEquals(await right.readExactly(500), bytes(500));
    await flushing;
    assertEquals(left.stats.bytesWritten, 500);
  }, { highWaterMarkBytes: 7 });
});

Deno.test("flush() that is cut off leaves the bytes on their way", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  spy.hold();
  left.write("slow");
  const controller = new AbortController();
  const cut = assertRejects(
    () => left.flush({ signal: controller.signal }),
    Error,
    "not now",
  );
  controller.abort(new Error("not now"));
  await cut;
  await assertRejects(() => left.flush({ timeoutMs: 1 }), TimeoutError);
  await left.write(" but sure");
  spy.release();
  assertEquals(textOf(await right.readExactly(13)), "slow but sure");
});

Deno.test("flush() checks its signal first, even with nothing to send", async () => {
  using pair = spiedPair();
  const signal = AbortSignal.abort(new Error("before"));
  await assertRejects(() => pair.left.flush({ signal }), Error, "before");
});

Deno.test("flush() that waits rejects on abort", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.hold();
  left.write("x");
  const waiting = assertRejects(() => left.flush(), ClosedError);
  left.abort();
  await waiting;
});

Deno.test("of a hundred calls of flush() each ends once, by its signal or when it is sent", async () => {
  for (let given = 1; given < 100; given += 7) {
    using pair = spiedPair();
    const { left, spy } = pair;
    spy.hold();
    left.write("1");
    const [early, late] = [new AbortController(), new AbortController()];
    const outcomes: string[] = [];
    const calls = Array.from({ length: 100 }, (_, i) => {
      left.write("x");
      const isEarly = i * 31 % 100 < given;
      const { signal } = isEarly ? early : late;
      return left.flush({ signal }).then(
        () => outcomes.push("sent"),
        (reason) => outcomes.push(reason),
      );
    });
    early.abort("early");
    await Promise.resolve();
    await Promise.resolve();
    assertEquals(outcomes, Array(given).fill("early"));
    spy.release();
    await Promise.all(calls);
    late.abort("late");
    const sent = outcomes.filter((outcome) => outcome === "sent").length;
    assertEquals([outcomes.length, sent], [100, 100 - given]);
  }
});

Deno.test(
  "a flush() that was cut off beside another one leaves no later one waiting",
  TIMEOUT,
  async () => {
    using pair = spiedPair();
    const { left, spy } = pair;
    spy.hold();
    const { signal } = new AbortController();
    const controller = new AbortController();
    left.write("1");
    const cut = left.flush({ signal: controller.signal });
    left.write("2");
    const other = left.flush({ signal });
    controller.abort("cut");
    assertEquals(await outcome(cut), "cut");
    spy.release();
    await other;
    // Two batches, so that the last one still waits when the first has left.
    spy.hold();
    left.write("3");
    left.flush();
    left.write("4");
    const last = left.flush();
    spy.release();
    await last;
  },
);
