import { assert } from "@std/assert";
import { ByteQueue } from "../../lib/bytes/byte_queue.ts";
import type { Codec } from "../../lib/codec/codec.ts";
import {
  FrameTooLargeError,
  MalformedFrameError,
  SocketError,
} from "../../lib/errors.ts";
import { ByteSource } from "../../lib/testing/_pieces.ts";
import { LIMIT, SUBJECTS } from "./_codecs.ts";

/**
 * Random bytes that every decoder gets. A longer run was made by hand with ten
 * million: `GARBAGE_BYTES=10000000 deno task test tests/codec/garbage_test.ts`.
 */
const total = Number(Deno.env.get("GARBAGE_BYTES") ?? 200_000);
const CHUNK_BYTES = 16 * 1024;
const SLAB_BYTES = 128 * 1024;

for (const { name, codec, options } of SUBJECTS) {
  Deno.test(`${name}: random bytes end in frames or typed errors`, () => {
    const source = new ByteSource(7);
    // All values, and only those that framing is made of, which reach deeper.
    const letters = new TextEncoder().encode(
      "0123456789:,\r\n\0-> Content-Length",
    );
    for (const alphabet of [undefined, letters]) {
      feedGarbage(codec, source, alphabet, options.maxBufferedBytes ?? LIMIT);
    }
  });
}

function feedGarbage(
  codec: Codec<unknown, unknown>,
  source: ByteSource,
  alphabet: Uint8Array | undefined,
  cap: number,
): void {
  const queue = new ByteQueue();
  let decoder = codec.decoder();
  let frames = 0;
  let errors = 0;
  for (let done = 0; done < total; done += CHUNK_BYTES) {
    const chunk = source.bytes(Math.min(CHUNK_BYTES, total - done));
    if (alphabet !== undefined) {
      chunk.forEach((byte, i) => chunk[i] = alphabet[byte % alphabet.length]);
    }
    for (let from = 0; from < chunk.length;) {
      const space = queue.reserve();
      // What is held is what may wait, and one slab for the next read.
      assert(queue.length <= cap, `${queue.length} bytes wait`);
      assert(queue.capacity <= cap + SLAB_BYTES, `${queue.capacity} are held`);
      const part = chunk.subarray(from, from + space.length);
      space.set(part);
      queue.commit(part.length);
      from += part.length;
      for (;;) {
        try {
          if (decoder.decode(queue) === undefined) break;
          frames++;
        } catch (error) {
          assert(error instanceof SocketError, String(error));
          errors++;
          if (goesOn(error)) continue;
          // The frames have ended: what follows is read as a new stream.
          decoder = codec.decoder();
          queue.skip(Math.min(queue.length, 1 + source.below(200)));
        }
      }
    }
  }
  try {
    while (decoder.finish?.(queue) !== undefined) frames++;
  } catch (error) {
    assert(error instanceof SocketError, String(error));
    errors++;
  }
  assert(frames + errors > 0 || queue.length === 0);
}

function goesOn(error: unknown): boolean {
  return error instanceof MalformedFrameError && error.recoverable ||
    error instanceof FrameTooLargeError && error.skipped;
}
