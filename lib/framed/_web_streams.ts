/**
 * Frames as Web Streams.
 *
 * @module
 */

import type { Socket, SocketHalves } from "../socket/socket.ts";

/** Received frames. Nothing is received ahead of demand. */
export function readableOf<In>(
  frames: AsyncIterator<In>,
  readLoop: SocketHalves["readLoop"],
): ReadableStream<In> {
  let pulling = false;
  return new ReadableStream({
    async pull(controller) {
      pulling = true;
      const result = await frames.next();
      pulling = false;
      if (result.done) controller.close();
      else controller.enqueue(result.value);
    },
    cancel(reason) {
      // The frame that it waits for is there for the next call.
      if (pulling) readLoop.interrupt(reason);
    },
  }, { highWaterMark: 0 });
}

/** Frames to send. */
export function writableOf<Out>(
  sender: { send(frame: Out): Promise<void>; closeWrite(): Promise<void> },
  socket: Socket,
): WritableStream<Out> {
  return new WritableStream({
    start({ signal }) {
      // `abort` comes when the `send` under way is over: of a peer that does not read, never.
      signal.addEventListener("abort", () => socket.abort(signal.reason));
    },
    write: (frame) => sender.send(frame),
    close: () => sender.closeWrite(),
    abort: (reason) => socket.abort(reason),
  });
}
