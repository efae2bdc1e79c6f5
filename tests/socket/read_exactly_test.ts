import { assert, assertEquals, assertRejects } from "@std/assert";
import { UnexpectedEofError } from "../../lib/errors.ts";
import { halvesOf } from "../../lib/socket/socket.ts";
import {
  bytes,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  underEverySplit,
} from "../_support/sockets.ts";

testOverMemoryAndTcp(
  "readExactly() gathers pieces until there are enough",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    const waiting = left.readExactly(5);
    for (const piece of ["ab", "cd", "ef"]) {
      await right.write(piece);
      await right.flush();
    }
    assertEquals(textOf(await waiting), "abcde");
    assertEquals(textOf(await left.read()), "f");
  },
);

testOverMemoryAndTcp(
  "readExactly() says how much came when the peer ends early, and keeps it",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    await right.write("abc");
    await right.closeWrite();
    for (let i = 0; i < 2; i++) {
      const error = await assertRejects(
        () => left.readExactly(5),
        UnexpectedEofError,
      );
      assertEquals([error.received, error.expected], [3, 5]);
      assertEquals(error.operation, "readExactly");
    }
    assertEquals(textOf(await left.readExactly(3)), "abc");
    assertEquals(await left.read(), null);
  },
);

Deno.test("readExactly() gives the same pieces under every split", async () => {
  await underEverySplit(async ({ left, right }) => {
    const sent = bytes(30_000);
    right.write(sent);
    let start = 0;
    for (const size of [0, 1, 2, 1_000, 4_096, 0, 20_000, 4_901]) {
      const piece = await left.readExactly(size);
      assertEquals(piece, sent.subarray(start, start + size));
      start += size;
    }
    assertEquals(start, sent.length);
  });
});

Deno.test("readExactly() of nothing needs nothing", async () => {
  using pair = spiedPair();
  assertEquals((await pair.left.readExactly(0)).length, 0);
  assertEquals(pair.spy.reads, 0);
});

Deno.test("readExactly() takes memory for what came, not for what was claimed", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const waiting = left.readExactly(16 * 1024 * 1024);
  await right.write(bytes(100));
  await right.flush();
  assert(halvesOf(left).readLoop.queue.capacity <= 64 * 1024);
  await right.closeWrite();
  await assertRejects(() => waiting, UnexpectedEofError, "after 100 of ");
});

Deno.test("readExactly() and peek() take lengths from 0 to maxBufferBytes", async () => {
  using pair = spiedPair({ left: { maxBufferBytes: 8 } });
  const { left, right } = pair;
  await right.write(bytes(8));
  for (const call of ["peek", "readExactly"] as const) {
    for (const length of [-1, 9, 1.5, NaN, Infinity]) {
      await assertRejects(
        () => left[call](length),
        RangeError,
        `Cannot ${call}: length must be an integer from 0 to 8, got ${length}`,
      );
    }
    await assertRejects(
      // @ts-expect-error not a number
      () => left[call]("4"),
      TypeError,
      `Cannot ${call}: length must be a number, got "4"`,
    );
    assertEquals(await left[call](8), bytes(8));
  }
});
