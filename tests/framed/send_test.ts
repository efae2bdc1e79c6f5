import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import type { ByteWriter } from "../../lib/bytes/byte_writer.ts";
import type { Codec } from "../../lib/codec/codec.ts";
import { json } from "../../lib/codec/json.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import {
  BrokenError,
  BusyError,
  ClosedError,
  CodecError,
  FrameTooLargeError,
  LimitError,
  TimeoutError,
} from "../../lib/errors.ts";
import { type Framed, framed } from "../../lib/framed/framed.ts";
import { halvesOf, type Socket } from "../../lib/socket/socket.ts";
import { memoryPair } from "../../lib/testing/memory_pair.ts";
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
import { digits } from "./_codecs.ts";

testOverMemoryAndTcp(
  "send() and sendAll() send whole frames, in order",
  async (makePair) => {
    using pair = await makePair();
    const sender = framed(pair.left, lines());
    sender.send("one");
    sender.sendAll(["two", "three"]);
    sender.sendAll([]);
    await sender.send("four");
    await sender.flush();
    assertEquals(pair.left.stats.bytesWritten, 19);
    const received = await pair.right.readExactly(19);
    assertEquals(textOf(received), "one\ntwo\nthree\nfour\n");
  },
);

Deno.test("frames of one turn leave in one transport write", async () => {
  using pair = spiedPair();
  const sender = framed(pair.left, lines());
  for (let i = 0; i < 10; i++) await sender.send("frame");
  await sender.sendAll(Array(10).fill("frame"));
  await turn();
  assertEquals(pair.spy.writes, [120]);
});

Deno.test("an echo answers each batch that it read in one write", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  const echo = (async () => {
    const connection = framed(left, lines());
    for await (const line of connection) await connection.send(line);
  })();
  // The first slab holds 128 bytes. One that is filled is followed by a larger one, so
  // that the same batch comes in one read from then on.
  const writesOf = async (count: number) => {
    const batch = "ping\n".repeat(count);
    await right.write(batch);
    await right.flush();
    const answer = await right.readExactly(batch.length);
    assertEquals(textOf(answer), batch);
    return spy.writes.splice(0);
  };
  for (const count of [1, 16, 25]) {
    assertEquals(await writesOf(count), [5 * count]);
  }
  assertEquals((await writesOf(48)).length, 2);
  for (const count of [48, 150]) {
    assertEquals(await writesOf(count), [5 * count]);
  }
  await right.closeWrite();
  await echo;
});

Deno.test("a frame that cannot be encoded leaves nothing on the wire", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const sender = framed(left, digits);
  sender.send(1);
  await assertRejects(() => sender.send(23), RangeError, "Cannot encode 23");
  sender.send(2);
  await assertRejects(() => sender.sendAll([3, 45, 6]), RangeError);
  await sender.send(7);
  assertEquals(textOf(await right.readExactly(4)), "1237");
  await assertRejects(() => sender.send(10), RangeError);
  await turn();
  assertEquals(left.stats.bytesWritten, 4);
});

Deno.test("a frame that is too large is refused, and the next one goes", async () => {
  using pair = spiedPair();
  const sender = framed(pair.left, lengthPrefixed({ maxFrameBytes: 4 }));
  const error = await assertRejects(
    () => sender.send(bytes(5)),
    FrameTooLargeError,
  );
  assertEquals([error.limit, error.claimed], [4, 5]);
  await sender.send(bytes(1));
  assertEquals((await pair.right.read())?.length, 5);
});

Deno.test("send() waits above the high-water mark", async () => {
  using pair = spiedPair({ left: { highWaterMarkBytes: 10 } });
  const { left, spy } = pair;
  const sender = framed(left, lines());
  spy.hold();
  await sender.send("nine byte");
  const waiting = sender.send("more");
  assertEquals(await isSettled(waiting), false);
  spy.release();
  await waiting;
});

Deno.test("sendAll() sends any number of frames in flat memory", async () => {
  await underEverySplit(async ({ left, right }) => {
    const { writer } = halvesOf(left);
    let most = 0;
    function* frames() {
      for (let i = 0; i < 300; i++) {
        most = Math.max(most, writer.pendingBytes);
        yield bytes(100, i);
      }
    }
    const sending = framed(left, lengthPrefixed()).sendAll(frames());
    const receiver = framed(right, lengthPrefixed());
    for (let i = 0; i < 300; i++) {
      assertEquals(await receiver.receive(), bytes(100, i));
    }
    await sending;
    assert(most <= 1_000, `${most} bytes were pending`);
  }, { left: { highWaterMarkBytes: 1_000 }, highWaterMarkBytes: 500 });
});

Deno.test("calls of sendAll() that are not awaited count as what they cost", async () => {
  for (const frames of [["x"], new Set(["x"])]) {
    using pair = spiedPair({ left: { maxPendingBytes: 1_000_000 } });
    const { left, spy } = pair;
    spy.hold();
    left.write(bytes(70_000));
    const sender = framed(left, lines());
    const failures: unknown[] = [];
    let calls = 0;
    for (; calls < 10_000 && failures.length === 0; calls++) {
      sender.sendAll(frames).catch((error) => failures.push(error));
      if (calls % 100 === 0) await turn();
    }
    assertInstanceOf(failures[0], LimitError, `${calls} calls`);
    assertEquals(failures[0].option, "maxPendingBytes");
  }
});

Deno.test("sendAll() lets its array be used again for the next frame", async () => {
  using pair = spiedPair();
  const array = bytes(100_000);
  function* frames() {
    for (let i = 0; i < 3; i++) yield array.fill(i);
  }
  const sending = framed(pair.left, lengthPrefixed()).sendAll(frames());
  const receiver = framed(pair.right, lengthPrefixed());
  for (let i = 0; i < 3; i++) {
    assertEquals(await receiver.receive(), new Uint8Array(100_000).fill(i));
  }
  await sending;
});

Deno.test("a failure of the connection is sticky, and ends no process", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  const sender = framed(left, lines());
  spy.writeError = new Deno.errors.BrokenPipe("Broken pipe");
  sender.send("accepted");
  const error = await assertRejects(() => sender.flush(), BrokenError);
  assertStrictEquals(await outcome(sender.send("x")), error);
  assertStrictEquals(await outcome(sender.sendAll(["x"])), error);
  // An unhandled rejection would fail this file.
  sender.send("x");
  sender.sendAll(["x"]);
  sender.flush();
  left.abort();
  sender.send("x");
  await turn();
});

Deno.test("frames are refused after closeWrite and after close", async () => {
  using pair = spiedPair();
  const sender = framed(pair.left, lines());
  await pair.left.closeWrite();
  const error = await assertRejects(() => sender.send("x"), ClosedError);
  assertEquals(error.operation, "send");
  await assertRejects(() => sender.sendAll(["x"]), ClosedError);
  pair.left.abort();
  await assertRejects(() => sender.send("x"), ClosedError);
});

Deno.test("sendAll() stops where this side is ended meanwhile", async () => {
  using pair = spiedPair({ left: { highWaterMarkBytes: 4 } });
  const { left, right, spy } = pair;
  spy.hold();
  const sending = outcome(framed(left, lines()).sendAll(["first", "second"]));
  const ending = left.closeWrite();
  spy.release();
  assert(await sending instanceof ClosedError);
  await ending;
  assertEquals(await right.readLine(), "first");
  assertEquals(await right.readLine(), null);
});

Deno.test("send() that is cut off breaks the writing side, and says so", async () => {
  using time = FakeTime.install();
  using pair = spiedPair({ left: { highWaterMarkBytes: 10 } });
  pair.spy.hold();
  const sender = framed(pair.left, lines());
  for (const cut of ["send", "sendAll"] as const) {
    using other = spiedPair({ left: { highWaterMarkBytes: 10 } });
    other.spy.hold();
    const sender = framed(other.left, lines());
    const frame = "longer than ten bytes";
    const sending = outcome(
      cut === "send"
        ? sender.send(frame, { timeoutMs: 100 })
        : sender.sendAll([frame, frame], { timeoutMs: 100 }),
    );
    await pass(time, 200);
    assert(await sending instanceof TimeoutError, cut);
    const error = await assertRejects(() => sender.send("x"), BrokenError);
    assertEquals(error.reason, "write-cancelled");
  }
  const reason = new Error("before");
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(await outcome(sender.send("x", { signal })), reason);
});

Deno.test("sendAll() has one time limit, however often it waits", async () => {
  using time = FakeTime.install();
  using pair = spiedPair({
    left: { highWaterMarkBytes: 10 },
    highWaterMarkBytes: 10,
  });
  const { left, right } = pair;
  const sent = Array.from({ length: 100 }, (_, i) => `frame number ${i}`);
  let settled = false;
  const sending = outcome(
    framed(left, lines()).sendAll(sent, { timeoutMs: 1_000 }),
  ).finally(() => settled = true);
  // The peer takes what there is each 100 ms, so that no wait is long.
  const received: (string | null)[] = [];
  const receiver = framed(right, lines());
  while (!settled && received.length < 100) {
    await pass(time, 100);
    // Once it was cut off, what was under way may never come.
    if (!settled) received.push(await receiver.receive());
  }
  const error = await sending;
  assert(error instanceof TimeoutError, `${error}`);
  assertEquals([error.operation, error.timeoutMs], ["sendAll", 1_000]);
  assert(received.length < 20, `${received.length} frames`);
});

Deno.test("sendAll() counts the time in which its frames are made", async () => {
  using time = FakeTime.install();
  using pair = spiedPair({ left: { highWaterMarkBytes: 10 } });
  const { left, right } = pair;
  const sender = framed(left, lines());
  function* frames() {
    yield "longer than ten bytes";
    time.advance(200);
    yield "another of that kind";
    yield "not sent";
  }
  const error = await outcome(sender.sendAll(frames(), { timeoutMs: 100 }));
  assert(error instanceof TimeoutError);
  assertEquals(error.timeoutMs, 100);
  assertEquals(await right.readLine(), "longer than ten bytes");
});

Deno.test("an encoder that is asynchronous is refused, and nothing of its frame is sent", async () => {
  const printed: unknown[][] = [];
  const original = console.error;
  console.error = (...values) => printed.push(values);
  try {
    using pair = spiedPair();
    const { left, right } = pair;
    const codec: Codec<string> = {
      decoder: () => lines().decoder(),
      encoder: () => ({
        // TypeScript takes it for one that returns nothing.
        async encode(frame, out) {
          out.writeText("part");
          await Promise.reject(new Error(frame));
        },
      }),
    };
    const sender = framed(left, codec);
    const error = await assertRejects(
      () => sender.send("later"),
      CodecError,
      "encode must append all of it before it returns, got a promise",
    );
    assertEquals(error.code, "codec");
    await assertRejects(() => sender.sendAll(["all"]), CodecError);
    await left.write("whole\n");
    assertEquals(await right.readLine(), "whole");
    assertEquals(printed.length, 2);
  } finally {
    console.error = original;
  }
});

Deno.test("sendAll() refuses what cannot be iterated", async () => {
  using pair = spiedPair();
  const sender = framed(pair.left, lines());
  for (
    const [frames, got] of [[5, "5"], [undefined, "undefined"], [
      {},
      "an object",
    ]]
  ) {
    await assertRejects(
      () => sender.sendAll(frames as string[]),
      TypeError,
      `Cannot sendAll: frames must be an iterable, got ${got}`,
    );
  }
});

Deno.test("a getter of a frame that sends on the same connection is refused", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const sender = framed(left, json());
  let inner: Promise<unknown> | undefined;
  const frame = {
    a: 1,
    toJSON() {
      inner = outcome(sender.send({ b: 2 }));
      return [1];
    },
  };
  await sender.send(frame);
  assert(await inner instanceof BusyError);
  await sender.send({ c: 3 });
  assertEquals(await right.readLine(), "[1]");
  assertEquals(await right.readLine(), '{"c":3}');
});

/** Lines whose encoder calls this between the two halves of a frame. */
function interrupted(between: (out: ByteWriter) => void): Codec<string> {
  return {
    decoder: () => lines().decoder(),
    encoder: () => ({
      encode(frame, out) {
        out.writeText(`<${frame}`);
        between(out);
        out.writeText(">\n");
      },
    }),
  };
}

Deno.test("nothing of a frame leaves, or goes into it, while it is encoded", async () => {
  const uses: Record<string, (socket: Socket) => Promise<unknown>> = {
    write: (socket) => socket.write("RAW"),
    flush: (socket) => socket.flush(),
    read: (socket) => socket.read({ timeoutMs: 60_000 }),
  };
  for (const [name, use] of Object.entries(uses)) {
    for (const fails of [false, true]) {
      using pair = spiedPair();
      const { left, right } = pair;
      let used: Promise<unknown> | undefined;
      const sender = framed(
        left,
        interrupted(() => {
          used = outcome(use(left));
          if (fails) throw new RangeError("no frame");
        }),
      );
      const before = left.write("before\n");
      const sent = await outcome(sender.send("a"));
      assertEquals(sent instanceof RangeError, fails, name);
      await before;
      if (name === "write") assert(await used instanceof BusyError);
      if (name === "flush") assertEquals(await used, undefined);
      await left.write("after\n");
      const expected = fails ? ["before", "after"] : ["before", "<a>", "after"];
      for (const line of expected) assertEquals(await right.readLine(), line);
      await right.write("x");
      if (name === "read") assertEquals(await used, new Uint8Array([120]));
    }
  }
});

Deno.test("a frame whose connection is closed while it is encoded goes nowhere", async () => {
  for (const how of ["close", "closeWrite", "abort"] as const) {
    using pair = spiedPair();
    const { left, right } = pair;
    const sender = framed(left, interrupted(() => void left[how]()));
    left.write("before\n");
    const error = await outcome(sender.send("secret"));
    assert(error instanceof ClosedError, `${how}: ${error}`);
    // What was encoded must not lie in memory that another connection sends.
    using other = spiedPair();
    await other.left.write("other\n");
    assertEquals(await other.right.readLine(), "other");
    if (how === "abort") continue;
    assertEquals(await right.readLine(), "before");
    assertEquals(await right.readLine(), null);
  }
});

Deno.test("sendAll() rejects where its iterable ends the connection", async () => {
  using pair = spiedPair();
  const { left } = pair;
  const sender = framed(left, lines());
  const frames = function* () {
    yield "a";
    left.abort();
    yield "b";
  };
  await assertRejects(() => sender.sendAll(frames()), ClosedError);
});

Deno.test("an encoder that takes away what was written before breaks its connection", async () => {
  for (const how of ["clear", "abandon", "toBytes"] as const) {
    for (const fails of [false, true]) {
      using pair = spiedPair();
      const { left } = pair;
      const own = new Error("mine");
      const sender = framed(
        left,
        interrupted((out) => {
          out[how]();
          if (fails) throw own;
        }),
      );
      left.write("a line that is longer than the frame\n");
      const error = await outcome(sender.send("b"));
      if (fails) assertStrictEquals(error, own);
      else assert(error instanceof CodecError, `${error}`);
      await assertRejects(() => left.write("c"), CodecError, "append only");
    }
  }
});

/** What becomes of three frames, the second of which does something while it is encoded. */
const inTheSecondFrame: Record<
  string,
  (out: ByteWriter, sender: Framed<string>, socket: Socket) => void
> = {
  nothing: () => {},
  throws: () => {
    throw new RangeError("no frame");
  },
  sends: (_, sender) => void sender.send("inner").catch(() => {}),
  closes: (_, __, socket) => void socket.close(),
  "ends this side": (_, __, socket) => void socket.closeWrite(),
  aborts: (_, __, socket) => socket.abort(),
  detaches: (_, sender) => void sender.detach(),
  "takes all away": (out) => out.clear(),
  "appends much": (out) => out.write(bytes(100_000)),
  "holds a reference": (out) => out.write(new Uint8Array(70_000).fill(120)),
};

Deno.test("sendAll() sends an array as it sends any other iterable", async () => {
  for (const [name, use] of Object.entries(inTheSecondFrame)) {
    for (const highWaterMarkBytes of [1, 5, 1_000]) {
      const ways = [];
      for (const kind of ["array", "set", "own iterator"] as const) {
        using pair = spiedPair({ left: { highWaterMarkBytes } });
        const { left, right } = pair;
        let encoded = 0;
        const sender: Framed<string> = framed(
          left,
          interrupted((out) => ++encoded === 2 && use(out, sender, left)),
        );
        const array = ["one", "two", "three"];
        const frames = {
          array,
          set: new Set(array),
          "own iterator": Object.assign([], {
            [Symbol.iterator]: () => array.values(),
          }),
        };
        const sending = outcome(sender.sendAll(frames[kind]));
        const ending = sending.then(() => left.closeWrite())
          .catch(() => left.abort());
        const received = await Array.fromAsync(right, textOf)
          .then((parts) => parts.join(""), String);
        await ending;
        const result = await sending;
        ways.push({ received, encoded, result: `${result}` });
      }
      assertEquals(ways[1], ways[0], `${name}, ${highWaterMarkBytes}`);
      assertEquals(ways[2], ways[0], `${name}, ${highWaterMarkBytes}`);
    }
  }
});

Deno.test("sendAll() asks an array for its length again after it has waited", async () => {
  using pair = spiedPair({ left: { highWaterMarkBytes: 4 } });
  const { left, right, spy } = pair;
  spy.hold();
  const frames = ["first", "second", "third"];
  const sending = framed(left, lines()).sendAll(frames);
  frames.length = 1;
  frames.push("other");
  spy.release();
  await sending;
  await left.closeWrite();
  assertEquals(await Array.fromAsync(framed(right, lines())), [
    "first",
    "other",
  ]);
});

Deno.test("sendAll() of an empty array makes no batch", async () => {
  using pair = spiedPair();
  const { writer } = halvesOf(pair.left);
  await framed(pair.left, lines()).sendAll([]);
  await turn();
  assertEquals(writer.batchesBegun, 0);
});

Deno.test("sendAll() waits for an array that it holds, whatever the high-water mark", async () => {
  for (const kind of ["array", "set"] as const) {
    using pair = spiedPair({ left: { highWaterMarkBytes: 1_000_000 } });
    const { left, right, spy } = pair;
    spy.hold();
    let encoded = 0;
    const sender = framed(
      left,
      interrupted((out) => {
        encoded++;
        out.write(new Uint8Array(70_000));
      }),
    );
    const frames = ["one", "two"];
    const sending = sender.sendAll(kind === "array" ? frames : new Set(frames));
    await turn();
    assertEquals(encoded, 1, kind);
    spy.release();
    await Promise.all([sending, right.readExactly(140_012)]);
  }
});

Deno.test("a getter of an array that sends is refused, and the frames keep their order", async () => {
  const [left, right] = memoryPair();
  const sender = framed(left, lines());
  const nested: Promise<void>[] = [];
  const frames = ["one", "two", "three"];
  Object.defineProperty(frames, 1, {
    get() {
      nested.push(sender.send("nested"));
      return "two";
    },
  });
  await sender.sendAll(frames);
  assertEquals(nested.length, 1);
  await assertRejects(() => nested[0], BusyError, "is being encoded");
  await sender.send("four");
  await sender.closeWrite();
  assertEquals(
    await Array.fromAsync(framed(right, lines())),
    ["one", "two", "three", "four"],
  );
});
