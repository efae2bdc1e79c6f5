/**
 * A socket's two sides as Web Streams.
 *
 * Deno's own close the whole connection when one side ends; these do not.
 *
 * @module
 */

import { ChunkMemory } from "./_chunk_memory.ts";
import type { Reader } from "./_reader.ts";
import type { Socket } from "./socket.ts";

/** The reading side. It reads only when somebody wants to read. */
export function readableOf(reader: Reader): ReadableStream<Uint8Array> {
  let pulling = false;
  const memory = new ChunkMemory();
  return new ReadableStream({
    type: "bytes",
    // No autoAllocateChunkSize: it would be the same for a byte and for a bulk transfer.
    pull(controller) {
      const request = controller.byobRequest;
      const view = request?.view;
      const target = view
        ? new Uint8Array(
          view.buffer as ArrayBuffer,
          view.byteOffset,
          view.byteLength,
        )
        : memory.target;
      pulling = true;
      // A stream that fails or is cancelled gives no array back.
      return reader.fill(target).then((count) => {
        pulling = false;
        if (count === null) {
          controller.close();
          request?.respond(0);
        } else if (request) {
          request.respond(count);
        } else {
          controller.enqueue(memory.take(count));
        }
      });
    },
    cancel(reason) {
      // What the read in flight brings is there for whoever reads next.
      if (pulling) reader.interrupt(reason);
    },
  }, { highWaterMark: 0 });
}

/** The writing side. */
export function writableOf(socket: Socket): WritableStream<Uint8Array> {
  return new WritableStream({
    write: (chunk) => socket.write(chunk),
    close: () => socket.closeWrite(),
    abort: (reason) => socket.abort(reason),
  });
}
