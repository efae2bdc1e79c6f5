import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { BrokenError, ClosedError } from "../../lib/errors.ts";
import { Socket } from "../../lib/socket/socket.ts";
import type { Transport } from "../../lib/transport/options.ts";
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

testOverMemoryAndTcp(
  "read() gives what is there, and null at the end",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    const waiting = left.read();
    assertEquals(await isSettled(waiting), false);
    await right.write("hello");
    assertEquals(textOf(await waiting), "hello");
    await right.closeWrite();
    assertEquals(await left.read(), null);
    assertEquals(await left.read(), null);
  },
);

Deno.test("read() tells a reset from an end, and goes on telling", async () => {
  using pair = spiedPair();
  const { left, far } = pair;
  const waiting = left.read();
  await turn();
  far.reset();
  const error = await assertRejects(() => waiting, BrokenError);
  assertEquals([error.reason, error.operation], ["reset", "read"]);
  assertEquals(error.remoteAddr, left.remoteAddr);
  assertStrictEquals(await outcome(left.read()), error);
  await left.closed;
});

Deno.test("read() gives what came before a reset first", async () => {
  using pair = spiedPair();
  const { left, right, far } = pair;
  await right.write("before");
  await right.flush();
  far.reset();
  assertEquals(textOf(await left.read()), "before");
  await assertRejects(() => left.read(), BrokenError);
});

Deno.test("read() hands out bytes that no later read overwrites", async () => {
  await underEverySplit(async ({ left, right }) => {
    const sent = bytes(100_000);
    const writing = right.write(sent).then(() => right.closeWrite());
    const chunks: Uint8Array[] = [];
    const copies: Uint8Array[] = [];
    for (;;) {
      const chunk = await left.read();
      if (chunk === null) break;
      chunks.push(chunk);
      copies.push(chunk.slice());
    }
    await writing;
    assertEquals(chunks, copies);
    const joined = new Uint8Array(await new Blob(copies as BlobPart[]).bytes());
    assertEquals(joined, sent);
  });
});

Deno.test("read() hands out bytes that may be written to", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write("abc");
  const first = (await left.readExactly(1))!;
  // The rest is in the same memory, and must not change.
  first.fill(0);
  assertEquals(textOf(await left.read()), "bc");
});

Deno.test("a socket reads from its transport only what a call asked for", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  await right.write("one");
  await turn();
  assertEquals(spy.reads, 0);
  await left.read();
  await turn();
  assertEquals(spy.reads, 1);
  // Served from the buffer, it does not read either.
  left.unread(bytes(8));
  await left.readExactly(8);
  await turn();
  assertEquals(spy.reads, 1);
});

testOverMemoryAndTcp(
  "readInto() fills the array, from the network and from the buffer",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    const target = new Uint8Array(4);
    const waiting = left.readInto(target);
    await right.write("abcdef");
    assertEquals([await waiting, textOf(target)], [4, "abcd"]);
    const rest = await left.peek(2);
    assertEquals(textOf(rest), "ef");
    assertEquals([await left.readInto(target), textOf(target)], [2, "efcd"]);
    await right.closeWrite();
    assertEquals(await left.readInto(target), null);
    assertEquals(await left.readInto(target), null);
  },
);

Deno.test("readInto() gives the same bytes as were sent, under every split", async () => {
  await underEverySplit(async ({ left, right }) => {
    const sent = bytes(5_000);
    right.write(sent);
    const received: number[] = [];
    const target = new Uint8Array(97);
    while (received.length < sent.length) {
      // Every other time a limit keeps it from reading straight into the array.
      const options = received.length % 2 === 0
        ? undefined
        : { timeoutMs: 9_000 };
      const count = await left.readInto(target, options);
      received.push(...target.subarray(0, count!));
    }
    assertEquals(new Uint8Array(received), sent);
  });
});

Deno.test("readInto() an empty array is 0 at once, unless closed", async () => {
  using pair = spiedPair();
  const { left, spy } = pair;
  assertEquals(await left.readInto(new Uint8Array(0)), 0);
  assertEquals(spy.reads, 0);
  left.abort();
  await assertRejects(() => left.readInto(new Uint8Array(0)), ClosedError);
});

Deno.test("readInto() that was cut off leaves the caller's array alone", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const target = new Uint8Array(5);
  const controller = new AbortController();
  const cut = outcome(left.readInto(target, { signal: controller.signal }));
  controller.abort("not now");
  assertEquals(await cut, "not now");
  await right.write("later");
  await turn();
  assertEquals(target, new Uint8Array(5));
  assertEquals(textOf(await left.read()), "later");
});

Deno.test("readInto() says what it needs of its array", async () => {
  using pair = spiedPair();
  // @ts-expect-error not bytes
  await assertRejects(() => pair.left.readInto("abc"), TypeError, "Uint8Array");
  // @ts-expect-error not bytes
  await assertRejects(() => pair.left.readInto([0, 0]), TypeError, "target");
});

/** A transport all of whose calls fail: later, or at once. */
function failing(failure: Error, how: "rejects" | "throws"): Transport {
  const fail = () => {
    if (how === "throws") throw failure;
    return Promise.reject(failure);
  };
  return {
    localAddr: { transport: "memory", name: "here" },
    remoteAddr: { transport: "memory", name: "there" },
    read: fail,
    write: fail,
    closeWrite: fail,
    close() {},
  };
}

for (const how of ["rejects", "throws"] as const) {
  Deno.test(`a transport that ${how} in its own way breaks the socket`, async () => {
    const failure = new Error("the cable is gone");
    for (const call of ["read", "readLine", "flush", "closeWrite"] as const) {
      const socket = new Socket(failing(failure, how));
      if (call === "flush") socket.write("x");
      const error = await assertRejects(() => socket[call](), BrokenError);
      assertEquals(error.reason, "other");
      assertStrictEquals(error.cause, failure);
      // Not left half-way: the same failure, and no other, comes again.
      assertStrictEquals(await outcome(socket[call]()), error);
      socket.abort();
      await socket.closed;
    }
  });

  Deno.test(`a transport that ${how} in its own way ends no process`, async () => {
    const socket = new Socket(failing(new Error("the cable is gone"), how));
    using pair = spiedPair();
    socket.write("nobody awaits this");
    pair.left.write("nor does this suffer");
    assertEquals((await pair.right.readExactly(20)).length, 20);
    socket.abort();
  });
}
