/**
 * Encoding frames into any stream of bytes.
 *
 * @module
 */

import { checkMethods } from "../_check.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec } from "./codec.ts";
import { encodeFrame, finishFrames } from "./encode_frame.ts";

/**
 * A TransformStream that encodes frames into bytes, one chunk a frame, and one more at
 * the end where the codec's encoder has a `finish`.
 *
 * A frame that cannot be encoded is the error of both sides; nothing of it comes
 * out, and all frames before it do. The same holds for an end that `finish` refuses.
 *
 * Backpressure: a frame is taken only when its bytes are waited for.
 *
 * @typeParam Out What is sent.
 * @param codec The codec of the bytes.
 * @returns The stream, good for one use.
 * @throws {TypeError} `codec` is not a codec.
 * @category Frames and codecs
 *
 * @example
 * ```ts
 * import { encodeStream, lines } from "@sluice/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = ReadableStream.from(["one", "two"]).pipeThrough(encodeStream(lines()));
 * assertEquals(await new Response(bytes).text(), "one\ntwo\n");
 * ```
 */
export function encodeStream<Out>(
  codec: Codec<unknown, Out>,
): TransformStream<Out, Uint8Array<ArrayBuffer>> {
  checkMethods("encode a stream", "codec", codec, ["encoder"]);
  const encoder = codec.encoder();
  checkMethods("encode", "the encoder of a codec", encoder, ["encode"]);
  return new TransformStream<Out, Uint8Array<ArrayBuffer>>({
    transform(frame, controller) {
      const out = new ByteWriter();
      encodeFrame(encoder, frame, out);
      enqueue(out, controller);
    },
    flush(controller) {
      const out = new ByteWriter();
      finishFrames(encoder, out);
      enqueue(out, controller);
    },
  });
}

/** A codec may hold a frame back, or leave it out. */
function enqueue(
  out: ByteWriter,
  controller: TransformStreamDefaultController<Uint8Array<ArrayBuffer>>,
): void {
  if (out.length > 0) controller.enqueue(out.toBytes());
}
