import type { ByteQueue } from "../../lib/bytes/byte_queue.ts";

export const bytes = (...values: number[]) => new Uint8Array(values);

/** Bytes 0, 1, 2, ... */
export function counting(length: number, from = 0): Uint8Array {
  return new Uint8Array(length).map((_, i) => from + i);
}

/** Fills the queue as a socket does, in reads of at most `most` bytes. */
export function read(
  queue: ByteQueue,
  data: Uint8Array,
  most = Infinity,
): void {
  for (let done = 0; done < data.length;) {
    const space = queue.reserve();
    const count = Math.min(most, space.length, data.length - done);
    space.set(data.subarray(done, done + count));
    queue.commit(count);
    done += count;
  }
}
