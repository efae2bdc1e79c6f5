import { assertEquals, assertRejects } from "@std/assert";
import { FrameTooLargeError } from "../../lib/errors.ts";
import {
  bytes,
  spiedPair,
  testOverMemoryAndTcp,
  underEverySplit,
} from "../_support/sockets.ts";

testOverMemoryAndTcp(
  "readLine() gives lines without their endings, the last one too",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    await right.write("one\ntwo\r\n\n\r\nlast");
    await right.closeWrite();
    const lines: (string | null)[] = [];
    for (let i = 0; i < 7; i++) lines.push(await left.readLine());
    assertEquals(lines, ["one", "two", "", "", "last", null, null]);
  },
);

Deno.test("readLine() gives the same lines under every split", async () => {
  const text = "a\r\nbé\r\r\n\rc\n€\n\u{1f600}\r\nend\r";
  const expected = ["a", "bé\r", "\rc", "€", "\u{1f600}", "end\r", null];
  await underEverySplit(async ({ left, right }) => {
    right.write(text).then(() => right.closeWrite());
    const found: (string | null)[] = [];
    for (let i = 0; i < expected.length; i++) found.push(await left.readLine());
    assertEquals(found, expected);
  });
});

Deno.test("readLine() puts U+FFFD for what is not UTF-8, and keeps a byte order mark", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write(new Uint8Array([0xef, 0xbb, 0xbf, 97, 10, 98, 0xff, 10]));
  assertEquals(await left.readLine(), "\ufeffa");
  assertEquals(await left.readLine(), "b\ufffd");
});

Deno.test("readLine() allows maxBytes with the ending, and consumes nothing beyond", async () => {
  await underEverySplit(async ({ left, right }) => {
    right.write("1234\r\nx\n");
    await assertRejects(
      () => left.readLine({ maxBytes: 5 }),
      FrameTooLargeError,
    );
    assertEquals(await left.readLine({ maxBytes: 6 }), "1234");
    assertEquals(await left.readLine(), "x");
  });
});

Deno.test("readLine() stops at 64 KiB unless told otherwise", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const sending = right.write(bytes(70_000).fill(46));
  const error = await assertRejects(() => left.readLine(), FrameTooLargeError);
  assertEquals([error.limit, error.operation], [64 * 1024, "readLine"]);
  right.write("\n");
  const line = await left.readLine({ maxBytes: 1 << 20 });
  assertEquals(line?.length, 70_000);
  await sending;
});
