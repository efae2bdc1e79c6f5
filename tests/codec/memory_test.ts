import { assert, assertEquals } from "@std/assert";
import type { Codec } from "../../lib/codec/mod.ts";
import { decodeChunks } from "../../lib/testing/_decoding.ts";
import { ByteSource, pieces } from "../../lib/testing/_pieces.ts";
import { LIMIT, SUBJECTS } from "./_codecs.ts";
import { encodeAll } from "./_support.ts";

const SLAB_BYTES = 128 * 1024;

/** Frames that end anywhere in a slab, many of them as large as can be. */
const SIZES = [
  LIMIT,
  1,
  LIMIT,
  LIMIT - 1,
  20_000,
  LIMIT,
  40_000,
  3,
  33_000,
  LIMIT,
  50,
  LIMIT,
];

for (const { name, codec, options } of SUBJECTS) {
  const { makeFrame, maxBufferedBytes: cap } = options;
  if (makeFrame === undefined || cap === undefined) continue;
  Deno.test(`${name}: waiting frames take their size and one slab`, () => {
    // What a text or a document adds to its size is less than 20 bytes.
    const frames = SIZES.map((size) => makeFrame(Math.max(1, size - 20)));
    const wire = encodeAll(codec as Codec<unknown>, ...frames);
    const random = new ByteSource(11);
    const cuts = [
      () => 1 + random.below(100),
      () => 1460,
      (left: number) => random.cut(left),
      () => 16 * 1024,
      () => Infinity,
    ];
    for (const cut of cuts) {
      const outcome = decodeChunks(codec, pieces(wire, cut), name);
      assertEquals(outcome.errors, []);
      assertEquals(outcome.frames.length, frames.length);
      const { mostHeld } = outcome;
      assert(mostHeld <= cap + SLAB_BYTES, `${mostHeld} bytes are held`);
      // And much did wait.
      assert(outcome.mostBuffered > LIMIT / 2);
    }
  });
}
