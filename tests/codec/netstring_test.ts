import { assert, assertEquals, assertThrows } from "@std/assert";
import { netstring } from "../../lib/codec/netstring.ts";
import {
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "../../lib/errors.ts";
import { CHUNKS, decodeAll, encodeAll, toText, utf8 } from "./_support.ts";

Deno.test("netstring() speaks as D. J. Bernstein wrote it down", () => {
  // The two examples of the definition.
  const wire = encodeAll(netstring(), utf8("hello world!"), utf8(""));
  assertEquals(toText(wire), "12:hello world!,0:,");
  for (const chunk of CHUNKS) {
    assertEquals(
      decodeAll(netstring(), wire, chunk).frames.map(toText),
      ["hello world!", ""],
    );
  }
});

Deno.test("netstring() refuses what is not one", () => {
  const cases = [
    "01:a,",
    "00:,",
    ":a,",
    "a",
    "1a",
    "-1:a,",
    " 1:a,",
    "1 :a,",
    "1:ab",
    "1:a;",
    "0::",
    "000000000000000000000",
    "123456789012345678901",
  ];
  for (const wire of cases) {
    for (const chunk of CHUNKS) {
      const { errors, failed } = decodeAll(netstring(), wire, chunk);
      assert(
        errors[0] instanceof MalformedFrameError && failed,
        `${wire} in ${chunk}: ${errors[0]}`,
      );
    }
  }
});

Deno.test("netstring() refuses a frame above its limit", () => {
  const cases = [
    ["4:", 4],
    ["9007199254740993:", 9007199254740993n],
    ["99999999999999999999:", 99999999999999999999n],
  ] as const;
  for (const [wire, claimed] of cases) {
    const [error] = decodeAll(netstring({ maxFrameBytes: 3 }), wire, 1).errors;
    assert(error instanceof FrameTooLargeError);
    assertEquals([error.limit, error.claimed], [3, claimed]);
  }
  const codec = netstring({ maxFrameBytes: 3 });
  assertEquals(decodeAll(codec, "3:abc,").frames.length, 1);
  assertThrows(() => encodeAll(codec, utf8("abcd")), FrameTooLargeError);
});

Deno.test("netstring() skips a large frame, comma and all", () => {
  let reports = 0;
  const codec = netstring({
    maxFrameBytes: 3,
    oversize: "skip",
    onOversize: () => reports++,
  });
  for (const chunk of CHUNKS) {
    reports = 0;
    const { frames } = decodeAll(codec, "1:a,5:bcdef,2:gh,", chunk);
    assertEquals([frames.map(toText), reports], [["a", "gh"], 1]);
    const bad = decodeAll(codec, "1:a,5:bcdef;2:gh,", chunk);
    assert(bad.errors[0] instanceof MalformedFrameError && bad.failed);
  }
});

Deno.test("netstring() reports a stream that ends before the comma", () => {
  for (
    const [wire, received, expected] of [["3:abc", 5, 6], ["3", 1, undefined]]
  ) {
    const [error] = decodeAll(netstring(), String(wire)).errors;
    assert(error instanceof UnexpectedEofError);
    assertEquals([error.received, error.expected], [received, expected]);
  }
  const emit = netstring({ atEof: "emit" });
  assertEquals(decodeAll(emit, "3:abc").frames.map(toText), ["abc"]);
  assertEquals(decodeAll(emit, "3:a").frames.map(toText), ["a"]);
});
