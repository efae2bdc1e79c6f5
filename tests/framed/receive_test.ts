import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import {
  BrokenError,
  BusyError,
  ClosedError,
  FrameTooLargeError,
  MalformedFrameError,
  TimeoutError,
  UnexpectedEofError,
} from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { memoryPair } from "../../lib/testing/memory_pair.ts";
import { FakeTime, seededRandom } from "../time/_fake_time.ts";
import {
  bytes,
  outcome,
  pass,
  SEEDS,
  spiedPair,
  testOverMemoryAndTcp,
  turn,
  underEverySplit,
} from "../_support/sockets.ts";
import { digits, pairs } from "./_codecs.ts";

testOverMemoryAndTcp(
  "receive() gives frame after frame, then null for ever",
  async (makePair) => {
    using pair = await makePair();
    const sender = framed(pair.right, lengthPrefixed());
    const receiver = framed(pair.left, lengthPrefixed());
    const frames = [bytes(3), bytes(0), bytes(1_000)];
    for (const frame of frames) {
      await sender.send(frame);
      assertEquals(await receiver.receive(), frame);
    }
    await pair.right.closeWrite();
    assertEquals(await receiver.receive(), null);
    assertEquals(await receiver.receive(), null);
    assertEquals(receiver.tryReceive(), undefined);
  },
);

testOverMemoryAndTcp(
  "for await gives every frame, and ends with the peer's side",
  async (makePair) => {
    using pair = await makePair();
    await pair.right.write("one\ntwo\r\n\nlast");
    await pair.right.closeWrite();
    const received: string[] = [];
    for await (const line of framed(pair.left, lines())) received.push(line);
    assertEquals(received, ["one", "two", "", "last"]);
  },
);

testOverMemoryAndTcp(
  "frames of 1 MiB arrive whole",
  async (makePair) => {
    using pair = await makePair();
    const sender = framed(pair.right, lengthPrefixed());
    const sent = [0, 1, 2].map((i) => bytes(1024 * 1024, i));
    const sending = sender.sendAll(sent).then(() => pair.right.closeWrite());
    let count = 0;
    for await (const frame of framed(pair.left, lengthPrefixed())) {
      assertEquals(frame, sent[count++]);
    }
    assertEquals(count, 3);
    await sending;
  },
);

Deno.test("a frame of 1 MiB arrives whole over random splits", async () => {
  for (const seed of SEEDS.slice(0, 3)) {
    using pair = spiedPair({ seed });
    const frame = bytes(1024 * 1024);
    const sending = framed(pair.right, lengthPrefixed()).send(frame);
    assertEquals(await framed(pair.left, lengthPrefixed()).receive(), frame);
    await sending;
  }
});

Deno.test("the same frames come out under every split, and byte by byte", async () => {
  const sent = [0, 1, 200, 5, 0, 999].map((size) => bytes(size));
  for (const highWaterMarkBytes of [1, 50, 65_536]) {
    await underEverySplit(async ({ left, right }) => {
      const sending = framed(right, lengthPrefixed()).sendAll(sent);
      const receiver = framed(left, lengthPrefixed());
      const received = [];
      for (let i = 0; i < sent.length; i++) {
        received.push(await receiver.receive());
      }
      await sending;
      assertEquals(received, sent);
    }, { highWaterMarkBytes });
  }
});

Deno.test("frames are views that no later frame overwrites", async () => {
  using pair = spiedPair({ seed: 7 });
  const sender = framed(pair.right, lengthPrefixed());
  const receiver = framed(pair.left, lengthPrefixed());
  const received: Uint8Array[] = [];
  for (let i = 0; i < 300; i++) {
    await sender.send(bytes(100, i));
    received.push((await receiver.receive())!);
  }
  for (const [i, frame] of received.entries()) {
    assertEquals(frame, bytes(100, i));
  }
});

Deno.test("receive() that is cut off at any moment loses nothing, over 20 seeds", async () => {
  for (const seed of SEEDS) {
    using pair = spiedPair({ seed, highWaterMarkBytes: 9 });
    const { left, right } = pair;
    const random = seededRandom(seed);
    const sent = Array.from({ length: 60 }, (_, i) => `line number ${i}`);
    const sending = framed(right, lines()).sendAll(sent)
      .then(() => right.closeWrite());
    const receiver = framed(left, lines());
    const received: (string | null)[] = [];
    let cuts = 0;
    while (received.at(-1) !== null) {
      const controller = new AbortController();
      const receiving = receiver.receive({ signal: controller.signal });
      for (let i = Math.floor(random() * 20); i > 0; i--) await null;
      controller.abort("cut");
      try {
        received.push(await receiving);
      } catch (error) {
        assertEquals(error, "cut");
        cuts++;
      }
    }
    await sending;
    assertEquals(received, [...sent, null]);
    assert(cuts > 0, `seed ${seed} cut nothing off`);
  }
});

Deno.test("tryReceive() gives what has arrived, and never waits", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  const receiver = framed(left, lines());
  await right.write("one\ntwo\nthr");
  assertEquals(receiver.tryReceive(), undefined);
  assertEquals(spy.reads, 0);
  assertEquals(await receiver.receive(), "one");
  assertEquals(receiver.tryReceive(), "two");
  assertEquals(receiver.tryReceive(), undefined);
  await right.write("ee\n");
  assertEquals(await receiver.receive(), "three");
});

Deno.test("tryReceive() and a second receive() are refused while one waits", async () => {
  using pair = spiedPair();
  const receiver = framed(pair.left, lines());
  const waiting = receiver.receive();
  assertThrows(() => receiver.tryReceive(), BusyError);
  await assertRejects(() => receiver.receive(), BusyError);
  await assertRejects(() => pair.left.read(), BusyError);
  await pair.right.write("whole\n");
  assertEquals(await waiting, "whole");
});

Deno.test("batches() gives all frames of one read together", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const batches = framed(left, lines()).batches()[Symbol.asyncIterator]();
  await right.write("one\ntwo\nthr");
  assertEquals((await batches.next()).value, ["one", "two"]);
  await right.write("ee\n");
  assertEquals((await batches.next()).value, ["three"]);
  await right.write("last");
  await right.closeWrite();
  assertEquals((await batches.next()).value, ["last"]);
  assertEquals((await batches.next()).done, true);
  assertEquals((await batches.next()).done, true);
});

Deno.test("batches() gives the same frames as receive() under every split", async () => {
  const sent = Array.from({ length: 40 }, (_, i) => "x".repeat(i));
  await underEverySplit(async ({ left, right }) => {
    const sending = framed(right, lines()).sendAll(sent)
      .then(() => right.closeWrite());
    const received: string[] = [];
    for await (const batch of framed(left, lines()).batches()) {
      assert(batch.length > 0);
      received.push(...batch);
    }
    assertEquals(received, sent);
    await sending;
  });
});

Deno.test("break leaves the next frame to the next loop, a batch or a receive", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const receiver = framed(left, lines());
  await right.write("one\ntwo\nthree\nfour\n");
  for await (const line of receiver) {
    assertEquals(line, "one");
    break;
  }
  assertEquals(await receiver.receive(), "two");
  for await (const batch of receiver.batches()) {
    assertEquals(batch, ["three", "four"]);
    break;
  }
  assertEquals(left.signal.aborted, false);
});

Deno.test("an error that says so leaves the next frame to be received", async () => {
  await underEverySplit(async ({ left, right }) => {
    right.write("1!!2").then(() => right.closeWrite());
    const receiver = framed(left, digits);
    const results: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      const result = await outcome(receiver.receive());
      results.push(result instanceof MalformedFrameError ? "bad" : result);
    }
    assertEquals(results, [1, "bad", "bad", 2, null]);
  });
});

Deno.test("batches() hands out the good frames before an error, and goes on behind it", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write("12!3");
  await right.closeWrite();
  const receiver = framed(left, digits);
  const batches = receiver.batches()[Symbol.asyncIterator]();
  assertEquals((await batches.next()).value, [1, 2]);
  await assertRejects(() => batches.next(), MalformedFrameError);
  assertEquals((await batches.next()).value, [3]);
  assertEquals((await batches.next()).done, true);
});

Deno.test("any other error is the end of the frames, and the socket lives on", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write("12#34");
  const receiver = framed(left, digits);
  const batches = receiver.batches()[Symbol.asyncIterator]();
  assertEquals((await batches.next()).value, [1, 2]);
  const error = await assertRejects(() => batches.next(), MalformedFrameError);
  assertStrictEquals(await outcome(receiver.receive()), error);
  assertStrictEquals(assertThrows(() => receiver.tryReceive()), error);
  // This side can still say what is wrong, and its owner read on.
  await receiver.send(5);
  assertEquals((await right.readExactly(1))[0], 53);
  assertEquals((await left.read())?.length, 2);
});

Deno.test("a frame that is too large ends the frames before its bytes come", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const receiver = framed(left, lengthPrefixed({ maxFrameBytes: 10 }));
  await right.write(new Uint8Array([0, 0, 0, 11]));
  const error = await assertRejects(
    () => receiver.receive(),
    FrameTooLargeError,
  );
  assertEquals([error.limit, error.claimed, error.skipped], [10, 11, false]);
  assertStrictEquals(await outcome(receiver.receive()), error);
});

Deno.test("a frame that is skipped leaves the next one to be received", async () => {
  await underEverySplit(async ({ left, right }) => {
    framed(right, lengthPrefixed()).sendAll([bytes(2), bytes(99), bytes(3)]);
    const codec = lengthPrefixed({ maxFrameBytes: 10, oversize: "skip" });
    const receiver = framed(left, codec);
    assertEquals(await receiver.receive(), bytes(2));
    assertEquals(await receiver.receive(), bytes(3));
  });
});

Deno.test("the end inside a frame, and right behind a header, is an error", async () => {
  const cut = [[0, 0], [0, 0, 0, 4], [0, 0, 0, 4, 1, 2, 3]];
  for (const part of cut) {
    await underEverySplit(async ({ left, right }) => {
      const whole = [0, 0, 0, 1, 7];
      right.write(new Uint8Array([...whole, ...part]))
        .then(() => right.closeWrite());
      const receiver = framed(left, lengthPrefixed());
      assertEquals(await receiver.receive(), new Uint8Array([7]));
      const error = await assertRejects(
        () => receiver.receive(),
        UnexpectedEofError,
      );
      assertStrictEquals(await outcome(receiver.receive()), error);
    });
  }
});

Deno.test("the end inside a frame is an error for a decoder that does not care, too", async () => {
  using pair = spiedPair();
  await pair.right.write("aabbc");
  await pair.right.closeWrite();
  const received: string[] = [];
  const error = await assertRejects(async () => {
    for await (const frame of framed(pair.left, pairs)) received.push(frame);
  }, UnexpectedEofError);
  assertEquals([received, error.received], [["aa", "bb"], 1]);
});

Deno.test("a decoder is asked to finish until it has no more, and not again", async () => {
  using pair = spiedPair();
  await pair.right.closeWrite();
  const rest = ["one", "two"];
  let asked = 0;
  const receiver = framed(pair.left, {
    decoder: () => ({
      decode: () => undefined,
      finish: () => {
        asked++;
        return rest.shift();
      },
    }),
    encoder: () => ({ encode: () => {} }),
  });
  const received = [];
  for (let i = 0; i < 5; i++) received.push(await receiver.receive());
  assertEquals(received, ["one", "two", null, null, null]);
  assertEquals(asked, 3);
});

Deno.test("a reset is not an end", async () => {
  using pair = spiedPair();
  await pair.right.write("one\ntw");
  const receiver = framed(pair.left, lines());
  assertEquals(await receiver.receive(), "one");
  pair.far.reset();
  await assertRejects(() => receiver.receive(), BrokenError);
});

Deno.test("receive() is limited as every call, and by readMs", async () => {
  using time = FakeTime.install();
  using pair = spiedPair({ left: { readMs: 100 } });
  const { left, right } = pair;
  const receiver = framed(left, lines());
  for (const options of [undefined, { timeoutMs: 50 }]) {
    await right.write("par");
    const cut = outcome(receiver.receive(options));
    await pass(time, options ? 60 : 120);
    const error = await cut;
    assert(error instanceof TimeoutError);
    assertEquals(error.operation, "receive");
  }
  await right.write("t\n");
  assertEquals(await receiver.receive(), "parpart");
  await assertRejects(
    () => receiver.receive({ timeoutMs: 0 }),
    RangeError,
    "Cannot receive: timeoutMs must be above 0",
  );
});

Deno.test("frameTimeoutMs ends a peer that drips, not one that is silent", async () => {
  using time = FakeTime.install();
  using pair = spiedPair();
  const { left, right } = pair;
  const receiver = framed(left, lines(), { frameTimeoutMs: 1_000 });
  const first = receiver.receive();
  await pass(time, 10_000);
  await right.write("quick\n");
  assertEquals(await first, "quick");
  const second = outcome(receiver.receive());
  for (let i = 0; i < 20; i++) {
    await right.write("x");
    await pass(time, 100);
  }
  const error = await second;
  assert(error instanceof TimeoutError);
  assertEquals(error.timeoutMs, 1_000);
  assertEquals(error.operation, "receive a whole frame");
});

/** Five bytes a frame, and each of them malformed. */
const fives = {
  decoder: () => ({
    decode(bytes: ByteQueue): undefined {
      if (bytes.length < 5) return undefined;
      bytes.skip(5);
      throw new MalformedFrameError("Cannot decode this");
    },
  }),
};

Deno.test("frameTimeoutMs does not concern who reads the socket afterwards", async () => {
  using time = FakeTime.install();
  for (const how of ["detach", "malformed"]) {
    using pair = spiedPair();
    const { left, right } = pair;
    const codec = { ...fives, encoder: lines().encoder };
    const receiver = framed(left, codec, { frameTimeoutMs: 100 });
    const cut = outcome(receiver.receive({ timeoutMs: 10 }));
    await right.write("part");
    await pass(time, 20);
    await cut;
    if (how === "detach") receiver.detach();
    else {
      await right.write("!");
      await assertRejects(() => receiver.receive(), MalformedFrameError);
    }
    if (how === "detach") await left.readExactly(4);
    const reading = left.read();
    await pass(time, 1_000);
    await right.write("still fine");
    assertEquals((await reading)?.length, 10, how);
  }
});

Deno.test("receive() rejects on close and abort", async () => {
  using pair = spiedPair();
  const receiver = framed(pair.left, lines());
  const waiting = outcome(receiver.receive());
  await turn();
  pair.left.abort();
  assert(await waiting instanceof ClosedError);
  await assertRejects(() => receiver.receive(), ClosedError);
});

Deno.test("return of an iterator ends the wait of its next, and loses no frame", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const receiver = framed(left, lines());
  for (const loop of [receiver, receiver.batches()]) {
    const frames = (loop as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    const next = frames.next();
    assertEquals((await frames.return!()).done, true);
    assertEquals((await next).done, true);
    const receiving = receiver.receive();
    // It was refused, so that it waits for nothing.
    await assertRejects(() => frames.next(), BusyError);
    await frames.return!();
    await right.write("kept\n");
    assertEquals(await receiving, "kept");
  }
});

Deno.test("a hook that ends the very call which decodes loses no frame", async () => {
  const [left, right] = memoryPair();
  let controller = new AbortController();
  const codec = lines({
    maxLineBytes: 4,
    oversize: "skip",
    onOversize: () => controller.abort(),
  });
  const frames = framed(left, codec);
  const received = frames.receive({ signal: controller.signal });
  await right.write("too long\nnext\n");
  assertEquals(await received, "next");
  controller = new AbortController();
  const cut = frames.receive({ signal: controller.signal });
  await right.write("too long\n");
  await assertRejects(() => cut, DOMException);
  await right.write("last\n");
  assertEquals(await frames.receive(), "last");
  await Promise.all([left.close(), right.close()]);
});

Deno.test("a call that a hook ends at once leaves no read behind that would hold the process", async () => {
  for (const limit of ["signal", "deadline"]) {
    using pair = spiedPair();
    const { left, right, spy } = pair;
    left.unread(new TextEncoder().encode("too long\n"));
    const controller = new AbortController();
    const { signal } = controller;
    const codec = lines({
      maxLineBytes: 4,
      oversize: "skip",
      onOversize: () => controller.abort(),
    });
    const frames = framed(left, codec);
    const call = limit === "signal"
      ? frames.receive({ signal })
      : frames.receive({ deadline: Deadline.after(1_000, { signal }) });
    await assertRejects(() => call, DOMException);
    assertEquals(spy.reads, 0);
    await right.write("next\n");
    assertEquals(await frames.receive(), "next");
    assertEquals(spy.reads, 1);
  }
});
