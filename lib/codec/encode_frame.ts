/**
 * The one way to ask an encoder, for a frame and for what ends the stream.
 *
 * @module
 */

import { thrownText } from "../_check.ts";
import { guard } from "../_guard.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import { CodecError, SocketError } from "../errors.ts";
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
    if (result !== undefined) checkEncoded(result);
  } catch (error) {
    if (out.length > mark) out.truncate(mark);
    throw error;
  }
}

/**
 * Appends to `out` what ends the frames of `encoder`; nothing where that fails.
 *
 * @throws {SocketError} What the encoder throws, if it is one of ours.
 * @throws {CodecError} It throws something else, is asynchronous, or takes back what was
 * written before.
 */
export function finishFrames(encoder: Encoder<never>, out: ByteWriter): void {
  if (encoder.finish === undefined) return;
  const mark = out.length;
  try {
    const result: unknown = encoder.finish(out);
    if (result instanceof Promise) refusePromise(result, "finish");
  } catch (error) {
    if (out.length > mark) out.truncate(mark);
    throw error instanceof SocketError ? error : finishFailed(error);
  }
  if (out.length < mark) throw finishFailed();
}

/** The `finish` of an encoder that shapes the frames of `inner`: none where that has none. */
export function finishOf(
  inner: Encoder<never>,
): ((out: ByteWriter) => void) | undefined {
  // Returned, so that a promise of one that is asynchronous is noticed.
  return inner.finish === undefined ? undefined : (out) => inner.finish!(out);
}

function finishFailed(cause?: unknown): CodecError {
  const why = cause === undefined
    ? "it must append only, got a message that is shorter"
    : thrownText(cause);
  return new CodecError(
    `Cannot end the frames: finish of the encoder failed: ${why}`,
    { operation: "finish", ...(cause === undefined ? undefined : { cause }) },
  );
}

/** Throws where what an encoder returned shows that it is not done. */
export function checkEncoded(result: unknown): void {
  if (result instanceof Promise) refusePromise(result);
}

/** Throws: what should have been done when it returned made a promise, which may reject. */
export function refusePromise(
  result: Promise<unknown>,
  method: "encode" | "finish" | "decode" = "encode",
): never {
  // A rejection must not end the process.
  guard(() => result);
  const must = method === "decode"
    ? "decode a frame: decode must return it"
    : `encode a frame: ${method} must append all of it before it returns`;
  throw new CodecError(`Cannot ${must}, got a promise`, { operation: method });
}
