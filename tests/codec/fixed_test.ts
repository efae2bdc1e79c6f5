import { assert, assertEquals, assertThrows } from "@std/assert";
import { fixed } from "../../lib/codec/fixed.ts";
import { UnexpectedEofError } from "../../lib/errors.ts";
import { bytes, CHUNKS, decodeAll, encodeAll } from "./_support.ts";

Deno.test("fixed() cuts a stream into frames of one size", () => {
  const codec = fixed({ frameBytes: 3 });
  const wire = encodeAll(codec, bytes(1, 2, 3), bytes(4, 5, 6));
  assertEquals(wire, bytes(1, 2, 3, 4, 5, 6));
  for (const chunk of CHUNKS) {
    assertEquals(decodeAll(codec, wire, chunk).frames, [
      bytes(1, 2, 3),
      bytes(4, 5, 6),
    ]);
  }
});

Deno.test("fixed() refuses to encode a frame of another size", () => {
  for (const size of [0, 2, 4]) {
    assertThrows(
      () => encodeAll(fixed({ frameBytes: 3 }), new Uint8Array(size)),
      RangeError,
      `its size must be 3 bytes, got ${size}`,
    );
  }
});

Deno.test("fixed() ends as it is told at the end of the stream", () => {
  const wire = bytes(1, 2, 3, 4);
  const [error] = decodeAll(fixed({ frameBytes: 3 }), wire).errors;
  assert(error instanceof UnexpectedEofError);
  assertEquals([error.received, error.expected], [1, 3]);
  const outcomes = { emit: [bytes(1, 2, 3), bytes(4)], drop: [bytes(1, 2, 3)] };
  for (const atEof of ["emit", "drop"] as const) {
    const { frames, errors } = decodeAll(fixed({ frameBytes: 3, atEof }), wire);
    assertEquals([frames, errors], [outcomes[atEof], []]);
  }
});

Deno.test("fixed() refuses bad options at once", () => {
  for (const frameBytes of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => fixed({ frameBytes }), RangeError, "frameBytes");
  }
  assertThrows(
    () => fixed({ frameBytes: 1, atEof: "x" as "emit" }),
    RangeError,
    "atEof",
  );
});
