import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { BrokenError, LimitError } from "../../lib/errors.ts";
import {
  bytes,
  isSettled,
  outcome,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  turn,
  underEverySplit,
} from "../_support/sockets.ts";

/** Lets microtasks run, and nothing else: the turn of the event loop goes on. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < 30; i++) await null;
}

testOverMemoryAndTcp(
  "write() sends bytes and text, all of it, in order",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    left.write("é");
    left.write(new Uint8Array([0, 255]));
    left.write("");
    await left.write("\n");
    const received = await right.readUntil("\n");
    assertEquals(received, new Uint8Array([0xc3, 0xa9, 0, 255, 10]));
  },
);

testOverMemoryAndTcp(
  "write() sends large arrays between small ones, in order",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    const parts = [bytes(10), bytes(200_000, 1), bytes(3), bytes(70_000, 2)];
    const writes = parts.map((part) => left.write(part));
    for (const part of parts) {
      assertEquals(await right.readExactly(part.length), part);
    }
    await Promise.all(writes);
  },
);

Deno.test("small writes of one turn leave in one transport write", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  for (let i = 0; i < 50; i++) left.write(bytes(10));
  await turn();
  assertEquals(spy.writes, [500]);
  // Awaiting each of them does not end the turn, nor does a function in between.
  const write = async () => await left.write(bytes(10));
  for (let i = 0; i < 50; i++) await write();
  await turn();
  assertEquals(spy.writes, [500, 500]);
  assertEquals((await right.readExactly(1_000)).length, 1_000);
});

Deno.test("a lone write leaves in the same turn", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  await left.write("x");
  await microtasks();
  assertEquals(spy.writes, [1]);
});

Deno.test("writes of two sockets in one turn both leave in it", async () => {
  using pair = spiedPair();
  using other = spiedPair();
  pair.left.write("one");
  other.left.write("two");
  await microtasks();
  assertEquals([pair.spy.writes, other.spy.writes], [[3], [3]]);
});

Deno.test("a write leaves at once when the reader is about to wait", () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  left.write("question");
  outcome(left.read());
  assertEquals(spy.writes, [8]);
});

Deno.test("answers leave together where more input is waiting, within the turn", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  await right.write("abcd");
  for (let i = 0; i < 3; i++) {
    await left.readExactly(1);
    await left.write("answer");
    await microtasks();
  }
  assertEquals(spy.writes, []);
  await turn();
  assertEquals(spy.writes, [18]);
});

Deno.test("a message leaves at once when it passes the high-water mark", () => {
  using pair = spiedPair({ left: { highWaterMarkBytes: 100 } });
  const { left, spy } = pair;
  left.write(bytes(60));
  assertEquals(spy.writes, []);
  left.write(bytes(60));
  assertEquals(spy.writes, [120]);
});

Deno.test("a message of 8 KiB leaves at once, unless more input is waiting", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  left.write(bytes(100));
  left.write(bytes(8_091));
  assertEquals(spy.writes, []);
  left.write(bytes(1));
  // What is scheduled already leaves with the rest of its turn.
  assertEquals(spy.writes, []);
  await turn();
  left.write(bytes(8_192));
  assertEquals(spy.writes, [8_192, 8_192]);
  await turn();
  await right.write("ab");
  await left.readExactly(1);
  left.write(bytes(8_192));
  await microtasks();
  assertEquals(spy.writes, [8_192, 8_192]);
  await turn();
  assertEquals(spy.writes, [8_192, 8_192, 8_192]);
});

Deno.test("while one message is on its way the next one fills", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  spy.hold();
  left.write("a");
  await turn();
  left.write("bb");
  await turn();
  left.write("ccc");
  await turn();
  assertEquals(spy.writes, [1]);
  spy.release();
  await turn();
  assertEquals(spy.writes, [1, 5]);
  assertEquals(textOf(await right.readExactly(6)), "abbccc");
});

Deno.test("write() of nothing sends nothing", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  await left.write("");
  await left.write(new Uint8Array(0));
  await turn();
  assertEquals(spy.writes, []);
});

Deno.test("write() waits above the high-water mark until the peer has read", async () => {
  using pair = spiedPair({
    highWaterMarkBytes: 10,
    left: { highWaterMarkBytes: 100 },
  });
  const { left, right } = pair;
  await left.write(bytes(100));
  const waiting = left.write(bytes(11, 100));
  assertEquals(await isSettled(waiting), false);
  // The transport holds 10 bytes; one more and 100 are left.
  await right.readExactly(1);
  await waiting;
  assertEquals(await right.readExactly(110), bytes(110, 1));
});

Deno.test("write() waits by 64 KiB unless told otherwise", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.hold();
  assertEquals(await isSettled(left.write(bytes(64 * 1024 - 1))), true);
  assertEquals(await isSettled(left.write(bytes(1))), true);
  assertEquals(await isSettled(left.write(bytes(1))), false);
});

Deno.test("write() never waits where the high-water mark is Infinity", async () => {
  using pair = spiedPair({ left: { highWaterMarkBytes: Infinity } });
  pair.spy.hold();
  for (let i = 0; i < 100; i++) await pair.left.write(bytes(10_000));
});

Deno.test("write() copies a small array, which may be used again at once", async () => {
  await underEverySplit(async ({ left, right }) => {
    const array = bytes(8);
    for (let i = 0; i < 20; i++) {
      array.fill(i);
      await left.write(array);
    }
    array.fill(99);
    const received = await right.readExactly(160);
    assertEquals(received, bytes(160).map((_, i) => i >> 3));
  });
});

Deno.test("write() lends a large array to the transport until it resolves", async () => {
  using pair = spiedPair({ highWaterMarkBytes: 1_000_000 });
  const { left, right, spy } = pair;
  const array = bytes(100_000);
  spy.hold();
  const writing = left.write(array);
  assertStrictEquals(spy.written[0].buffer, array.buffer);
  const small = left.write("behind it");
  assertEquals(await isSettled(writing), false);
  spy.release();
  await writing;
  array.fill(0);
  await small;
  assertEquals(await right.readExactly(100_000), bytes(100_000));
  assertEquals(textOf(await right.readExactly(9)), "behind it");
});

Deno.test("any number of writers write whole pieces, in the order of their calls", async () => {
  for (const size of [1, 100, 70_000]) {
    using pair = spiedPair({ seed: size, highWaterMarkBytes: 30_000 });
    const { left, right } = pair;
    const writes = Array.from(
      { length: 20 },
      (_, i) => left.write(new Uint8Array(size).fill(i)),
    );
    for (let i = 0; i < 20; i++) {
      const piece = await right.readExactly(size);
      assert(piece.every((byte) => byte === i), `writer ${i} of ${size} bytes`);
    }
    await Promise.all(writes);
  }
});

Deno.test("a failed write is sticky, and touches the transport no more", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.writeError = new Deno.errors.BrokenPipe("Broken pipe");
  await left.write("accepted");
  const error = await assertRejects(() => left.flush(), BrokenError);
  assertEquals([error.reason, error.operation], ["broken-pipe", "write"]);
  assertStrictEquals(error.cause, spy.writeError);
  spy.writeError = undefined;
  for (const call of ["write", "flush", "closeWrite", "close"] as const) {
    const result = call === "write" ? left.write("x") : left[call]();
    assertStrictEquals(await outcome(result), error, call);
  }
  assertEquals([spy.writes, spy.closedWrite, spy.closed], [[8], 0, 1]);
});

Deno.test("a failed write rejects every writer that waits", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.hold();
  const writes = [bytes(70_000), bytes(70_000), bytes(1)].map((data) =>
    outcome(left.write(data))
  );
  const flushing = outcome(left.flush());
  spy.gate!.reject(new Deno.errors.ConnectionReset("Connection reset by peer"));
  const errors = await Promise.all([...writes, flushing]);
  assertEquals(new Set(errors).size, 1);
  assert(errors[0] instanceof BrokenError);
});

Deno.test("writes that fail and are not awaited do not end the process", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  spy.writeError = new Deno.errors.BrokenPipe("Broken pipe");
  // An unhandled rejection would fail this file.
  left.write(bytes(100_000));
  left.write("x", { timeoutMs: 1_000 });
  left.flush();
  left.flush({ timeoutMs: 1_000 });
  await turn();
  left.write("x");
  left.flush();
  left.closeWrite();
  left.close();
  await turn();
  left.write("x");
  await turn();
});

Deno.test("write() refuses what is neither bytes nor text, and sends the rest", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await left.write("a");
  const wrong = [new ArrayBuffer(4), new Uint16Array(2), [1, 2], 7, null];
  for (const data of wrong) {
    await assertRejects(
      () => left.write(data as unknown as Uint8Array),
      TypeError,
      "Cannot write: data must be a string or a Uint8Array, got ",
    );
  }
  await left.write("b");
  assertEquals(textOf(await right.readExactly(2)), "ab");
});

Deno.test("writes that are not awaited break the socket at maxPendingBytes", async () => {
  using pair = spiedPair({ left: { maxPendingBytes: 1_000 } });
  const { left, spy } = pair;
  spy.hold();
  left.write(bytes(1));
  await turn();
  for (let i = 0; i < 11; i++) left.write(bytes(100));
  const error = await assertRejects(() => left.write("x"), LimitError);
  assertEquals([error.option, error.limit], ["maxPendingBytes", 1_000]);
  assertStrictEquals(await outcome(left.flush()), error);
});

Deno.test("a small write beside one that is larger than maxPendingBytes is fine", async () => {
  using pair = spiedPair({ left: { maxPendingBytes: 100_000 } });
  const { left, right } = pair;
  const large = left.write(bytes(200_000));
  await turn();
  const small = left.write("beat");
  await right.readExactly(200_000);
  assertEquals(textOf(await right.readExactly(4)), "beat");
  await Promise.all([large, small]);
});

Deno.test("write() lends a large array until its last byte is taken", async () => {
  using pair = spiedPair({ highWaterMarkBytes: 50_000 });
  const { left, right } = pair;
  const array = bytes(100_000);
  const writing = left.write(array);
  await turn();
  // Half of it is gone, and less than the high-water mark is left.
  assertEquals(left.stats.bytesWritten, 50_000);
  assertEquals(await isSettled(writing), false);
  const reading = right.readExactly(100_000);
  await writing;
  array.fill(0);
  assertEquals(await reading, bytes(100_000));
});

Deno.test("write() goes on as soon as there is room, whatever other writes wait for", async () => {
  using pair = spiedPair({
    highWaterMarkBytes: 15,
    left: { highWaterMarkBytes: 10 },
  });
  const { left, right } = pair;
  const first = left.write(bytes(20));
  const flushing = left.flush();
  const second = left.write(bytes(5));
  // 15 bytes are taken: 10 are left, and those the second writer may leave behind.
  await Promise.all([first, second]);
  assertEquals(await isSettled(flushing), false);
  await right.readExactly(25);
  await flushing;
});

Deno.test("small writes that are not awaited cost no promise each", async () => {
  for (const shape of ["small", "behind a large one"]) {
    using pair = spiedPair();
    const { left, right, spy } = pair;
    spy.hold();
    const large = shape === "small" ? 0 : 100_000;
    left.write(bytes(large));
    const promises = new Set<Promise<void>>();
    for (let i = 0; i < 100_000; i++) promises.add(left.write(bytes(17)));
    // 1.7 MB: one for 4 KiB, and the one of those under the high-water mark.
    assert(
      promises.size < 500,
      `${promises.size} promises for ${shape} writes`,
    );
    spy.release();
    let received = 0;
    const total = large + 1_700_000;
    while (received < total) received += (await right.read())!.length;
    await Promise.all(promises);
    assertEquals(left.stats.bytesWritten, total);
  }
});

Deno.test("writes and flushes with limits that are not awaited count as what they cost", async () => {
  for (const call of ["write", "flush"] as const) {
    using pair = spiedPair({ left: { highWaterMarkBytes: 10 } });
    const { left, spy } = pair;
    spy.hold();
    left.write(bytes(100));
    const failures: unknown[] = [];
    let calls = 0;
    for (; calls < 100_000 && failures.length === 0; calls++) {
      const called = call === "write"
        ? left.write("x", { timeoutMs: 60_000 })
        : left.flush({ timeoutMs: 60_000 });
      called.catch((error) => failures.push(error));
      if (calls % 1_000 === 0) await Promise.resolve();
    }
    const [error] = failures;
    assertInstanceOf(error, LimitError, `${calls} calls of ${call}`);
    assertEquals(error.option, "maxPendingBytes");
  }
});

Deno.test("a flush that is cut off again and again keeps nothing", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  spy.hold();
  await left.write("late");
  for (let i = 0; i < 50_000; i++) {
    const controller = new AbortController();
    const flushing = left.flush({ signal: controller.signal });
    controller.abort("not now");
    await outcome(flushing);
  }
  // None of them counts any more.
  await left.write("r", { timeoutMs: 1_000 });
  spy.release();
  assertEquals(textOf(await right.readExactly(5)), "later");
});
