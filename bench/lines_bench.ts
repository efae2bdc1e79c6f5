/**
 * Lines, against what people use for lines. In a file of its own, and so in an engine of
 * its own: a program has one codec or two, and the loop of one that has seen a dozen is
 * compiled for all of them, which costs more than cutting a line does.
 */
import { TextLineStream } from "@std/streams";
import split2 from "npm:split2@4.2.0";
import { decodeStream, lines } from "@sluice/net/codec";
import {
  bench,
  check,
  countFrames,
  decodeAll,
  readsOf,
  throughNode,
  wireOf,
} from "./_codec.ts";

for (const size of [16, 64, 256, 1024]) {
  const count = size === 1024 ? 2000 : 20_000;
  const reads = readsOf(wireOf(lines(), "a".repeat(size), count));
  const group = `${count} lines of ${size} characters`;
  bench(group, "TextLineStream", async () => {
    const stream = ReadableStream.from(reads)
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    check(await countFrames(stream), count);
  }, { baseline: true, n: 15 });
  bench(group, "split2", async () => {
    check(await throughNode(split2(), reads), count);
  }, { n: 15 });
  bench(group, "decodeStream(lines())", async () => {
    const stream = ReadableStream.from(reads).pipeThrough(
      decodeStream(lines()),
    );
    check(await countFrames(stream), count);
  }, { n: 15 });
  bench(group, "lines() in memory", () => decodeAll(lines(), reads, count));
}
