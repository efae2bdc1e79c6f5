/**
 * Frames as Web Streams.
 *
 * @module
 */

import type { Socket } from "../socket/socket.ts";
import type { Framed } from "./framed.ts";

/** Received frames. Nothing is received ahead of demand. */
export function readableOf<In, Out>(
  framed: Framed<In, Out>,
): ReadableStream<In> {
  const frames = framed[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const result = await frames.next();
      if (result.done) controller.close();
      else controller.enqueue(result.value);
    },
  }, { highWaterMark: 0 });
}

/** Frames to send. */
export function writableOf<In, Out>(
  framed: Framed<In, Out>,
  socket: Socket,
): WritableStream<Out> {
  return new WritableStream({
    write: (frame) => framed.send(frame),
    close: () => socket.closeWrite(),
    abort: (reason) => socket.abort(reason),
  });
}
