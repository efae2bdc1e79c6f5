import { assertEquals, assertRejects } from "@std/assert";
import { FrameTooLargeError, UnexpectedEofError } from "../../lib/errors.ts";
import {
  bytes,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  underEverySplit,
} from "../_support/sockets.ts";

testOverMemoryAndTcp(
  "readUntil() gives everything up to and with the delimiter",
  async (makePair) => {
    using pair = await makePair();
    const { left, right } = pair;
    await right.write("HEAD\r\n\r\nbody");
    assertEquals(textOf(await left.readUntil("\r\n\r\n")), "HEAD\r\n\r\n");
    assertEquals(textOf(await left.readUntil(new Uint8Array([98]))), "b");
    assertEquals(textOf(await left.read()), "ody");
  },
);

Deno.test("readUntil() finds the same delimiters under every split", async () => {
  const text = "a--b-----c--bounds--é--";
  const expected = ["a--", "b--", "--", "-c--", "bounds--", "é--"];
  for (const delimiter of ["--", new Uint8Array([45, 45])]) {
    await underEverySplit(async ({ left, right }) => {
      right.write(text);
      const found: (string | null)[] = [];
      for (let i = 0; i < expected.length; i++) {
        found.push(textOf(await left.readUntil(delimiter)));
      }
      assertEquals(found, expected);
    });
  }
});

Deno.test("readUntil() takes a text in UTF-8 as its delimiter", async () => {
  await underEverySplit(async ({ left, right }) => {
    right.write("naïve→café→");
    assertEquals(textOf(await left.readUntil("→")), "naïve→");
    assertEquals(textOf(await left.readUntil("→")), "café→");
  });
});

Deno.test("readUntil() goes on with another delimiter where one was not found", async () => {
  await underEverySplit(async ({ left, right }) => {
    right.write("abc;def|");
    const cut = AbortSignal.abort("enough");
    await left.readUntil("|", { signal: cut }).catch(() => {});
    await assertRejects(
      () => left.readUntil("!", { maxBytes: 8 }),
      FrameTooLargeError,
    );
    assertEquals(textOf(await left.readUntil(";")), "abc;");
    assertEquals(textOf(await left.readUntil("|")), "def|");
  });
});

Deno.test("readUntil() allows maxBytes with the delimiter, and consumes nothing beyond", async () => {
  await underEverySplit(async ({ left, right }) => {
    right.write("12345\r\nx");
    for (let i = 0; i < 2; i++) {
      const error = await assertRejects(
        () => left.readUntil("\r\n", { maxBytes: 6 }),
        FrameTooLargeError,
      );
      assertEquals([error.limit, error.operation], [6, "readUntil"]);
    }
    const line = await left.readUntil("\r\n", { maxBytes: 7 });
    assertEquals(textOf(line), "12345\r\n");
    assertEquals(textOf(await left.read()), "x");
  });
});

Deno.test("readUntil() stops at 64 KiB unless told otherwise", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const sending = right.write(bytes(70_000).fill(46));
  const error = await assertRejects(
    () => left.readUntil("\n"),
    FrameTooLargeError,
  );
  assertEquals(error.limit, 64 * 1024);
  right.write("\n");
  const whole = await left.readUntil("\n", { maxBytes: Infinity });
  assertEquals(whole.length, 70_001);
  await sending;
});

Deno.test("readUntil() says how much came when the peer ends early, and keeps it", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  await right.write("half");
  await right.closeWrite();
  const error = await assertRejects(
    () => left.readUntil("\n"),
    UnexpectedEofError,
  );
  assertEquals([error.received, error.expected], [4, undefined]);
  assertEquals(textOf(await left.read()), "half");
});

Deno.test("readUntil() and readLine() name a bad option", async () => {
  using pair = spiedPair();
  const { left } = pair;
  for (const delimiter of ["", new Uint8Array(0)]) {
    await assertRejects(
      () => left.readUntil(delimiter),
      RangeError,
      "delimiter must be at least 1 byte long",
    );
  }
  await assertRejects(() => left.readUntil("\ud800"), RangeError, "surrogates");
  // @ts-expect-error not a delimiter
  await assertRejects(() => left.readUntil(10), TypeError, "delimiter");
  for (
    const [maxBytes, error] of [[0, RangeError], [NaN, RangeError]] as const
  ) {
    for (
      const call of [
        () => left.readUntil("\n", { maxBytes }),
        () => left.readLine({ maxBytes }),
      ]
    ) {
      await assertRejects(
        call,
        error,
        `maxBytes must be an integer of at least 1, or Infinity, got ${maxBytes}`,
      );
    }
  }
  await assertRejects(
    // @ts-expect-error not a number
    () => left.readLine({ maxBytes: "9" }),
    TypeError,
    'Cannot readLine: maxBytes must be a number, got "9"',
  );
  assertEquals(pair.spy.reads, 0);
});

Deno.test("readUntil() and readLine() give the same error however the bytes are cut", async () => {
  for (const operation of ["readUntil", "readLine"] as const) {
    const errors: unknown[] = [];
    for (const cut of [1, 3, 8, 20]) {
      using pair = spiedPair();
      const { left, right } = pair;
      const call = operation === "readUntil"
        ? right.readUntil("\n", { maxBytes: 8 })
        : right.readLine({ maxBytes: 8 });
      const failed = assertRejects(() => call, FrameTooLargeError);
      const bytes = new TextEncoder().encode("0123456789\n");
      for (let i = 0; i < bytes.length; i += cut) {
        await left.write(bytes.subarray(i, i + cut));
        await left.flush();
      }
      const { code, limit, claimed, skipped } = await failed;
      errors.push({ code, limit, claimed, skipped });
    }
    for (const error of errors) assertEquals(error, errors[0]);
  }
});
