import { assertEquals, assertThrows } from "@std/assert";
import {
  bytes,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  underEverySplit,
} from "../_support/sockets.ts";

testOverMemoryAndTcp(
  "peek() shows bytes without consuming them",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    await right.write("abcdef");
    assertEquals(textOf(await left.peek(3)), "abc");
    assertEquals(textOf(await left.peek(6)), "abcdef");
    assertEquals(textOf(await left.readExactly(6)), "abcdef");
  },
);

Deno.test("peek() gives fewer bytes only if the peer ends first", async () => {
  await underEverySplit(async ({ left, right }) => {
    right.write("abc").then(() => right.closeWrite());
    assertEquals(textOf(await left.peek(9)), "abc");
    assertEquals(textOf(await left.peek(2)), "ab");
    assertEquals(textOf(await left.readExactly(3)), "abc");
    assertEquals((await left.peek(1)).length, 0);
    assertEquals(await left.read(), null);
  });
});

Deno.test("peek() gives a copy", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write("abc");
  (await left.peek(3)).fill(0);
  assertEquals(textOf(await left.read()), "abc");
});

Deno.test("unread() puts bytes before everything else, the last ones first", async () => {
  await underEverySplit(async ({ left, right }) => {
    await right.write("def\n");
    assertEquals(textOf(await left.peek(1)), "d");
    left.unread(new TextEncoder().encode("bc"));
    left.unread(new TextEncoder().encode("a"));
    left.unread(new Uint8Array(0));
    assertEquals(await left.readLine(), "abcdef");
  });
});

Deno.test("unread() brings bytes back that were read, under every split", async () => {
  await underEverySplit(async ({ left, right }) => {
    const sent = bytes(3_000);
    right.write(sent);
    let rest = sent.length;
    while (rest > 0) {
      const chunk = (await left.read())!;
      left.unread(chunk);
      const keep = Math.min(rest, 1 + chunk.length % 5);
      const start = sent.length - rest;
      assertEquals(
        await left.readExactly(keep),
        sent.subarray(start, start + keep),
      );
      rest -= keep;
    }
  });
});

Deno.test("unread() works after the end, which comes again", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.closeWrite();
  assertEquals(await left.read(), null);
  left.unread(bytes(2));
  assertEquals(await left.read(), bytes(2));
  assertEquals(await left.read(), null);
});

Deno.test("unread() says what it needs", () => {
  using pair = spiedPair();
  assertThrows(
    // @ts-expect-error not bytes
    () => pair.left.unread("abc"),
    TypeError,
    'Cannot unread: bytes must be a Uint8Array, got "abc"',
  );
});
