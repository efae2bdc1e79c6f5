import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { BrokenError, ClosedError } from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import { memoryPair } from "../../lib/testing/memory_pair.ts";
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

const utf8 = new TextEncoder();

testOverMemoryAndTcp(
  "readable ends with the peer's side, and the writing side lives on",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    await right.write("question");
    await right.closeWrite();
    assertEquals(await new Response(left.readable).text(), "question");
    await left.write("answer");
    await left.closeWrite();
    assertEquals(await new Response(right.readable).text(), "answer");
  },
);

testOverMemoryAndTcp(
  "pipeTo carries everything, one way and back",
  async (makePair) => {
    using first = await makePair();
    const sent = bytes(300_000);
    const echo = first.right.readable.pipeTo(first.right.writable);
    const source = new Blob([sent]).stream();
    const [, received] = await Promise.all([
      source.pipeTo(first.left.writable),
      new Response(first.left.readable).bytes(),
    ]);
    await echo;
    assertEquals(received, sent);
  },
);

testOverMemoryAndTcp(
  "readable carries bulk, and each chunk is its reader's alone",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    const sent = bytes(5_000_000);
    // Every byte differs from the one that any earlier chunk had in its place.
    for (let i = 0; i < sent.length; i++) {
      sent[i] = i * 7 + (i >> 8) + (i >> 16);
    }
    const sending = right.write(sent).then(() => right.closeWrite());
    const chunks: Uint8Array[] = [];
    for await (const chunk of left.readable) chunks.push(chunk);
    await sending;
    assertEquals(await new Blob(chunks as BlobPart[]).bytes(), sent);
    assertEquals(
      new Set(chunks.map(({ buffer }) => buffer)).size,
      chunks.length,
    );
  },
);

Deno.test("pipeTo between sockets carries everything, under every split", async () => {
  await underEverySplit(async ({ left, right, spy }) => {
    const sent = bytes(2_000);
    const echo = right.readable.pipeTo(right.writable);
    const writer = left.writable.getWriter();
    writer.write(sent.subarray(0, 700));
    writer.write(sent.subarray(700));
    writer.close();
    assertEquals(await new Response(left.readable).bytes(), sent);
    await echo;
    assertEquals(spy.closedWrite, 1);
  });
});

Deno.test("readable fills the consumer's own array", async () => {
  await underEverySplit(async ({ left, right }) => {
    right.write("abcdefgh");
    const reader = left.readable.getReader({ mode: "byob" });
    const { value } = await reader.read(new Uint8Array(6), { min: 6 });
    assertEquals(textOf(value!), "abcdef");
    reader.releaseLock();
    assertEquals(textOf(await left.readExactly(2)), "gh");
  });
});

Deno.test("readable ends for a consumer with its own array, too", async () => {
  using pair = spiedPair();
  const reader = pair.left.readable.getReader({ mode: "byob" });
  const waiting = reader.read(new Uint8Array(4));
  await pair.right.closeWrite();
  assertEquals((await waiting).done, true);
  await reader.closed;
});

Deno.test("readable reads nothing without demand", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  await right.write("one");
  const reader = left.readable.getReader();
  await turn();
  assertEquals(spy.reads, 0);
  assertEquals(textOf((await reader.read()).value!), "one");
  await turn();
  assertEquals(spy.reads, 1);
});

Deno.test("readable stops to read when it is cancelled, and no byte is lost", async () => {
  for (const mode of ["default", "byob"] as const) {
    await underEverySplit(async ({ left, right }) => {
      const reader = mode === "byob"
        ? left.readable.getReader({ mode })
        : left.readable.getReader();
      const waiting = mode === "byob"
        ? (reader as ReadableStreamBYOBReader).read(new Uint8Array(9))
        : (reader as ReadableStreamDefaultReader).read();
      await turn();
      await reader.cancel("enough");
      assertEquals((await waiting).done, true);
      const next = left.readLine();
      assertEquals(await isSettled(next), false);
      await right.write("all of this\n");
      assertEquals(await next, "all of this");
      await left.write("still open");
      assertEquals(textOf(await right.readExactly(10)), "still open");
    });
  }
});

Deno.test("bytes that come after a cancel wait for the next reader", async () => {
  await underEverySplit(async ({ left, right }) => {
    const reader = left.readable.getReader();
    const waiting = reader.read();
    await turn();
    await reader.cancel();
    await waiting;
    await right.write("before anybody asks\n");
    await turn();
    assertEquals(await left.readLine(), "before anybody asks");
  });
});

Deno.test("readable gives large chunks of bulk, with limits and without", async () => {
  for (const readMs of [Infinity, 10_000]) {
    using pair = spiedPair({
      highWaterMarkBytes: 4_000_000,
      left: { readMs },
    });
    const { left, right } = pair;
    right.write(new Uint8Array(3_000_000));
    right.closeWrite();
    const sizes: number[] = [];
    for await (const chunk of left.readable) sizes.push(chunk.length / 1024);
    assertEquals(sizes.slice(0, 7), [1, 4, 16, 64, 256, 1024, 1024]);
  }
});

Deno.test("break out of readable leaves the socket open", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write("one");
  for await (const chunk of left.readable) {
    assertEquals(textOf(chunk), "one");
    break;
  }
  await right.write("two");
  assertEquals(textOf(await left.read()), "two");
  await left.write("back");
  assertEquals(textOf(await right.read()), "back");
});

Deno.test("readable does not end a read of the socket when it is cancelled", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const { readable } = left;
  const waiting = left.read();
  await readable.cancel();
  await right.write("mine");
  assertEquals(textOf(await waiting), "mine");
});

Deno.test("readable and writable report what breaks the connection", async () => {
  using pair = spiedPair();
  const { left, far } = pair;
  const reading = left.readable.getReader().read();
  await turn();
  far.reset();
  await assertRejects(() => reading, BrokenError);
  const writer = left.writable.getWriter();
  writer.closed.catch(() => {});
  await assertRejects(() => writer.write(bytes(1)), BrokenError);
});

Deno.test("readable and writable report that the socket was closed", async () => {
  using pair = spiedPair();
  const { left } = pair;
  left.abort();
  await assertRejects(() => left.readable.getReader().read(), ClosedError);
  const writer = left.writable.getWriter();
  writer.closed.catch(() => {});
  await assertRejects(() => writer.write(bytes(1)), ClosedError);
});

Deno.test("writable makes its producer wait for the peer", async () => {
  using pair = spiedPair({ left: { highWaterMarkBytes: 8 } });
  const { left, spy } = pair;
  spy.hold();
  const writer = left.writable.getWriter();
  const first = writer.write(bytes(9));
  assertEquals(await isSettled(first), false);
  assertEquals(writer.desiredSize, 0);
  spy.release();
  await first;
  await writer.ready;
  assertEquals(writer.desiredSize, 1);
});

Deno.test("writable.close() ends this side after what was written", async () => {
  await underEverySplit(async ({ left, right }) => {
    const writer = left.writable.getWriter();
    writer.write(utf8.encode("last words"));
    await writer.close();
    assertEquals(await right.readLine(), "last words");
    assertEquals(await right.read(), null);
    await right.write("heard");
    assertEquals(textOf(await left.readExactly(5)), "heard");
  });
});

Deno.test("writable.abort() aborts the socket with its reason", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  const { signal } = left;
  await left.writable.abort("enough");
  assertEquals([signal.aborted, signal.reason], [true, "enough"]);
  assertEquals(spy.closed, 1);
});

Deno.test("writable.abort() does not wait for a write that the peer holds up", async () => {
  using pair = spiedPair();
  const { left } = pair;
  const writer = left.writable.getWriter();
  const writing = outcome(writer.write(new Uint8Array(1_000_000)));
  const next = outcome(writer.write(new Uint8Array(1)));
  await turn();
  await writer.abort(new Error("enough"));
  assertEquals((left.signal.reason as Error).message, "enough");
  assertInstanceOf(await writing, ClosedError);
  assertEquals((await next as Error).message, "enough");

  const [other] = memoryPair();
  const frames = framed(other, lengthPrefixed()).writable.getWriter();
  const sending = outcome(frames.write(new Uint8Array(1_000_000)));
  await turn();
  await frames.abort("enough");
  assertEquals(other.signal.reason, "enough");
  assertInstanceOf(await sending, ClosedError);
});

Deno.test("readable and writable are the same ones each time", () => {
  using pair = spiedPair();
  const { left } = pair;
  assertStrictEquals(left.readable, left.readable);
  assertStrictEquals(left.writable, left.writable);
  assert(left.readable instanceof ReadableStream);
});
