import {
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import {
  BusyError,
  ClosedError,
  MalformedFrameError,
} from "../../lib/errors.ts";
import { Framed, framed } from "../../lib/framed/framed.ts";
import {
  bytes,
  isSettled,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  turn,
  underEverySplit,
} from "../_support/sockets.ts";
import { digits } from "./_codecs.ts";

testOverMemoryAndTcp(
  "detach() leaves what is behind the last frame in the socket",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    await right.write("DATA 3\nabc\x00\x00\x00\x01z");
    const header = framed(left, lines());
    assertEquals(await header.receive(), "DATA 3");
    const { socket } = header.detach();
    assertStrictEquals(socket, left);
    assertEquals(textOf(await socket.readExactly(3)), "abc");
    const frames = framed(socket, lengthPrefixed());
    assertEquals(textOf(await frames.receive()), "z");
  },
);

Deno.test("detach() hands over at the right byte under every split", async () => {
  await underEverySplit(async ({ left, right }) => {
    right.write("one\ntwo\nrest of it");
    const frames = framed(left, lines());
    for await (const line of frames) if (line === "two") break;
    const { socket } = frames.detach();
    assertEquals(textOf(await socket.readExactly(10)), "rest of it");
  });
});

Deno.test("detach() lets all leave that was sent, however much waits", async () => {
  using pair = spiedPair({ left: { maxPendingBytes: 4 } });
  const { left, right, spy } = pair;
  spy.hold();
  const frames = framed(left, lines());
  frames.send("on its way");
  left.flush();
  frames.send("waiting");
  frames.detach();
  spy.release();
  assertEquals(await right.readLine(), "on its way");
  assertEquals(await right.readLine(), "waiting");
});

Deno.test("detached frames are of no use any more, the socket is", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const frames = framed(left, lines());
  await frames.send("sent before");
  frames.detach();
  await assertRejects(() => frames.receive(), ClosedError, "detached");
  await assertRejects(() => frames.send("x"), ClosedError, "detached");
  await assertRejects(() => frames.sendAll(["x"]), ClosedError, "detached");
  assertThrows(() => frames.tryReceive(), ClosedError, "detached");
  await frames.flush();
  assertEquals(await right.readLine(), "sent before");
  // Neither does it end with the frames.
  await frames[Symbol.asyncDispose]();
  await left.write("still open\n");
  assertEquals(await right.readLine(), "still open");
});

Deno.test("detach() is refused while a receive waits, and after the end", async () => {
  using pair = spiedPair();
  const frames = framed(pair.left, lines());
  const waiting = frames.receive();
  assertThrows(() => frames.detach(), BusyError);
  await pair.right.write("x\n");
  assertEquals(await waiting, "x");
  pair.left.abort();
  assertThrows(() => frames.detach(), ClosedError);
});

Deno.test("await using ends the socket gracefully", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  const peer = framed(right, lines());
  const heard = peer.receive().then(async (line) => {
    assertEquals(await peer.receive(), null);
    await right.close();
    return line;
  });
  {
    await using frames = new Framed(left, lines());
    frames.send("bye");
  }
  assertEquals(await heard, "bye");
  assertEquals([spy.closedWrite, spy.closed], [1, 1]);
});

testOverMemoryAndTcp(
  "frames go through streams, one way and back",
  async (makePair) => {
    using pair = await makePair();
    const [near, far] = [
      framed(pair.left, lines()),
      framed(pair.right, lines()),
    ];
    const echo = far.readable
      .pipeThrough(
        new TransformStream<string, string>({
          transform: (line, controller) =>
            controller.enqueue(line.toUpperCase()),
        }),
      )
      .pipeTo(far.writable);
    const sending = ReadableStream.from(["one", "two"]).pipeTo(near.writable);
    const received: string[] = [];
    for await (const line of near.readable) received.push(line);
    await Promise.all([sending, echo]);
    assertEquals(received, ["ONE", "TWO"]);
  },
);

Deno.test("readable receives nothing without demand", async () => {
  using pair = spiedPair();
  const frames = framed(pair.left, lines());
  const reader = frames.readable.getReader();
  await pair.right.write("one\n");
  await turn();
  assertEquals(pair.spy.reads, 0);
  assertEquals((await reader.read()).value, "one");
  assertStrictEquals(frames.readable, frames.readable);
  assertStrictEquals(frames.writable, frames.writable);
});

Deno.test("readable stops to receive when it is cancelled, and no frame is lost", async () => {
  await underEverySplit(async ({ left, right }) => {
    const frames = framed(left, lines());
    const reader = frames.readable.getReader();
    const waiting = reader.read();
    await turn();
    await reader.cancel();
    assertEquals((await waiting).done, true);
    const next = frames.receive();
    assertEquals(await isSettled(next), false);
    await right.write("whole\n");
    assertEquals(await next, "whole");
  });
});

Deno.test("readable reports a bad frame, and writable makes its producer wait", async () => {
  using pair = spiedPair({ left: { highWaterMarkBytes: 1 } });
  const { left, right, spy } = pair;
  const frames = framed(left, digits);
  await right.write("1#");
  const reader = frames.readable.getReader();
  assertEquals((await reader.read()).value, 1);
  await assertRejects(() => reader.read(), MalformedFrameError);
  spy.hold();
  const writer = frames.writable.getWriter();
  writer.write(1);
  const second = writer.write(2);
  assertEquals(await isSettled(second), false);
  spy.release();
  await second;
  await writer.close();
  assertEquals(textOf(await right.readExactly(2)), "12");
  assertEquals(await right.read(), null);
});

Deno.test("writable.abort() aborts the socket with its reason", async () => {
  using pair = spiedPair();
  const { signal } = pair.left;
  await framed(pair.left, lines()).writable.abort("enough");
  assertEquals(signal.reason, "enough");
});

Deno.test("one codec serves any number of sockets", async () => {
  const codec = lengthPrefixed();
  using first = spiedPair({ seed: 1 });
  using second = spiedPair({ seed: 2 });
  const pairs = [first, second].map(({ left, right }) => ({
    from: framed(left, codec),
    to: framed(right, codec),
  }));
  const work = pairs.map(async ({ from, to }, i) => {
    for (let n = 0; n < 50; n++) {
      await from.send(bytes(n, i));
      assertEquals(await to.receive(), bytes(n, i));
    }
  });
  await Promise.all(work);
});

Deno.test("framed() refuses a frameTimeoutMs that is none, by name", () => {
  using pair = spiedPair();
  for (const frameTimeoutMs of [0, -1, NaN]) {
    assertThrows(
      () => framed(pair.left, lines(), { frameTimeoutMs }),
      RangeError,
      "frameTimeoutMs",
    );
  }
  assertThrows(
    // @ts-expect-error not a number
    () => framed(pair.left, lines(), { frameTimeoutMs: "9" }),
    TypeError,
    "frameTimeoutMs",
  );
});
