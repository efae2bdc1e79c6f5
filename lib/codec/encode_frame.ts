/**
 * The one way to ask an encoder.
 *
 * @module
 */

import { guard } from "../_guard.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { CodecError } from "../errors.ts";
import type { Encoder } from "./codec.ts";

/**
 * Appends `frame` to `out`, whole; of a frame that cannot be encoded, nothing.
 *
 * @throws {unknown} What the encoder throws.
 * @throws {CodecError} The encoder is asynchronous. What it appends later could go into
 * the bytes of another frame, or of another connection.
 */
export function encodeFrame<Out>(
  encoder: Encoder<Out>,
  frame: Out,
  out: ByteWriter,
): void {
  const mark = out.length;
  try {
    const result: unknown = encoder.encode(frame, out);
    if (result instanceof Promise) refusePromise(result);
  } catch (error) {
    if (out.length > mark) out.truncate(mark);
    throw error;
  }
}

/** Throws: what should have encoded a frame made a promise, which may reject. */
export function refusePromise(result: Promise<unknown>): never {
  // A rejection must not end the process.
  guard(() => result);
  throw new CodecError(
    "Cannot encode a frame: encode must append all of it before it returns, got a promise",
    { operation: "encode" },
  );
}
