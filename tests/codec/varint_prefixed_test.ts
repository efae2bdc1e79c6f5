import { assert, assertEquals, assertThrows } from "@std/assert";
import { varintPrefixed } from "../../lib/codec/varint_prefixed.ts";
import {
  FrameTooLargeError,
  MalformedFrameError,
  UnexpectedEofError,
} from "../../lib/errors.ts";
import { bytes, CHUNKS, decodeAll, encodeAll } from "./_support.ts";

Deno.test("varintPrefixed() writes lengths as protobuf does", () => {
  const cases = [
    [0, [0]],
    [1, [1]],
    [127, [127]],
    [128, [0x80, 1]],
    [300, [0xac, 2]],
    [16_384, [0x80, 0x80, 1]],
    [1_048_576, [0x80, 0x80, 0x40]],
  ] as const;
  for (const [size, header] of cases) {
    const frame = new Uint8Array(size).fill(5);
    const wire = encodeAll(varintPrefixed(), frame);
    assertEquals(wire.subarray(0, header.length), bytes(...header));
    assertEquals(wire.length, header.length + size);
    for (const chunk of size > 1000 ? [Infinity] : CHUNKS) {
      assertEquals(decodeAll(varintPrefixed(), wire, chunk).frames, [frame]);
    }
  }
});

Deno.test("varintPrefixed() refuses lengths that are longer than they need be", () => {
  const cases = [
    [0x80, 0],
    [0xff, 0x80, 0],
    [0x81, 0x80, 0x80, 0],
    // More than 64 bits.
    [...new Array(9).fill(0xff), 2],
    new Array(11).fill(0x80),
  ];
  for (const wire of cases) {
    for (const chunk of CHUNKS) {
      const { errors, failed } = decodeAll(
        varintPrefixed(),
        bytes(...wire),
        chunk,
      );
      assert(errors[0] instanceof MalformedFrameError && failed, `${wire}`);
    }
  }
});

Deno.test("varintPrefixed() is exact about lengths up to 64 bits", () => {
  const cases = [
    [[0x81, 0x80, 0x80, 0x80, 0x10], 2 ** 32 + 1],
    [[...new Array(9).fill(0xff), 1], 2n ** 64n - 1n],
    [[0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10], 2n ** 53n + 1n],
  ] as const;
  for (const [wire, claimed] of cases) {
    for (const maxFrameBytes of [1000, 2 ** 32]) {
      const [error] = decodeAll(
        varintPrefixed({ maxFrameBytes }),
        bytes(...wire),
        1,
      ).errors;
      assert(error instanceof FrameTooLargeError);
      assertEquals([error.limit, error.claimed], [maxFrameBytes, claimed]);
    }
  }
});

Deno.test("varintPrefixed() applies its policies", () => {
  const reports: unknown[] = [];
  const codec = varintPrefixed({
    maxFrameBytes: 130,
    oversize: "skip",
    onOversize: ({ claimed }) => reports.push(claimed),
  });
  const wire = bytes(1, 9, 0x83, 1, ...new Uint8Array(131), 2, 8, 8);
  for (const chunk of CHUNKS) {
    reports.length = 0;
    assertEquals(decodeAll(codec, wire, chunk).frames, [bytes(9), bytes(8, 8)]);
    assertEquals(reports, [131]);
  }
  assertThrows(
    () => encodeAll(varintPrefixed({ maxFrameBytes: 1 }), bytes(1, 2)),
    FrameTooLargeError,
  );
  assertThrows(() => varintPrefixed({ maxFrameBytes: -1 }), RangeError);
});

Deno.test("varintPrefixed() reports a stream that ends inside a frame or its length", () => {
  const [inFrame] = decodeAll(varintPrefixed(), bytes(3, 1)).errors;
  assert(inFrame instanceof UnexpectedEofError);
  assertEquals([inFrame.received, inFrame.expected], [2, 4]);
  const [inLength] = decodeAll(varintPrefixed(), bytes(0x80)).errors;
  assert(inLength instanceof UnexpectedEofError);
  assertEquals([inLength.received, inLength.expected], [1, undefined]);
});
