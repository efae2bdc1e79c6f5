/**
 * A socket's two sides as Web Streams.
 *
 * Deno's own close the whole connection when one side ends; these do not.
 *
 * @module
 */

import type { Socket } from "./socket.ts";

/** Size of the array that a stream reads into when its consumer brings none. */
const CHUNK_BYTES = 64 * 1024;

/** The reading side. It reads only when somebody wants to read. */
export function readableOf(socket: Socket): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize: CHUNK_BYTES,
    async pull(controller) {
      const request = controller.byobRequest!;
      const view = request.view!;
      const target = new Uint8Array(
        view.buffer as ArrayBuffer,
        view.byteOffset,
        view.byteLength,
      );
      const count = await socket.readInto(target);
      if (count === null) {
        controller.close();
        request.respond(0);
      } else {
        request.respond(count);
      }
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
