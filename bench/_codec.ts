/**
 * What the benches of codecs share: frames in pieces as they come from a socket, ways to
 * decode them that notice when one is missing, and how often that is done.
 *
 * @module
 */

import { ByteQueue, ByteWriter, type Codec } from "@sluice/net/codec";

/** Iterations of each benchmark, and others before them, until V8 has compiled it. */
const N = 60;
const WARMUP = 30;

export type Bytes = Uint8Array<ArrayBuffer>;

/** The wire of `count` frames. */
export function wireOf<Out>(
  codec: Codec<unknown, Out>,
  frame: Out,
  count: number,
): Bytes {
  const out = new ByteWriter();
  const encoder = codec.encoder();
  for (let i = 0; i < count; i++) encoder.encode(frame, out);
  return out.toBytes();
}

/** The wire in reads of 64 KiB, as a busy socket has them. */
export function readsOf(wire: Bytes): Bytes[] {
  const reads: Bytes[] = [];
  for (let i = 0; i < wire.length; i += 64 * 1024) {
    reads.push(wire.slice(i, i + 64 * 1024));
  }
  return reads;
}

/** Decodes all of it; throws when frames are missing, so no bench can cheat. */
export function decodeAll(
  codec: Codec<unknown, never>,
  reads: readonly Bytes[],
  count: number,
): void {
  const queue = new ByteQueue();
  const decoder = codec.decoder();
  let frames = 0;
  for (const read of reads) {
    queue.append(read);
    while (decoder.decode(queue) !== undefined) frames++;
  }
  check(frames, count);
}

export function check(frames: number, count: number): void {
  if (frames !== count) throw new Error(`${frames} frames of ${count}`);
}

export async function countFrames(
  stream: ReadableStream<unknown>,
): Promise<number> {
  let frames = 0;
  for await (const _ of stream) frames++;
  return frames;
}

/** A stream of Node's that is fed the reads; resolves to the frames it gave. */
export function throughNode(
  // deno-lint-ignore no-explicit-any
  stream: any,
  reads: readonly Bytes[],
): Promise<number> {
  return new Promise((resolve, reject) => {
    let frames = 0;
    stream.on("data", () => frames++);
    stream.on("end", () => resolve(frames));
    stream.on("error", reject);
    for (const read of reads) stream.write(read);
    stream.end();
  });
}

/** There with `--v8-flags=--expose-gc`, as `deno task bench` has it. */
const { gc } = globalThis as { gc?: (options: { type: "minor" }) => void };

/**
 * A benchmark. What an iteration leaves behind is collected before the next one and not
 * counted: otherwise a collection of a few milliseconds hits an iteration now and then, and
 * averages of one row and of the next differ by how many it has hit. What garbage costs is
 * in the CPU time of `bench:peers`.
 */
export function bench(
  group: string,
  name: string,
  fn: () => void | Promise<void>,
  options: { baseline?: boolean; n?: number } = {},
): void {
  Deno.bench({
    group,
    name,
    n: N,
    warmup: WARMUP,
    ...options,
    async fn(context) {
      gc?.({ type: "minor" });
      context.start();
      const done = fn();
      if (done !== undefined) await done;
      context.end();
    },
  });
}
