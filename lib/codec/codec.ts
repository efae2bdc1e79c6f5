/**
 * The contract between bytes and frames: two small synchronous interfaces.
 *
 * A codec is an immutable description. Every connection asks it for a decoder and
 * an encoder of its own, so one constant serves the whole program. Decoders and
 * encoders do no I/O, hold no socket and never wait; `Framed`, `decodeStream` and
 * `encodeStream` own all of that.
 *
 * This folder may import `bytes/` and `errors.ts`, nothing else.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";

/** Turns the bytes of one connection into frames. */
export interface Decoder<T> {
  /**
   * Takes one whole frame off the front of `bytes` and returns it, or returns
   * `undefined` when more bytes are needed. What it returns may be a view: bytes
   * that were taken are never overwritten.
   *
   * A throw ends the stream of frames, unless the error is a
   * `MalformedFrameError` that says `recoverable`, or a `FrameTooLargeError` that
   * says `skipped`: then the decoder has moved past the bad frame.
   */
  decode(bytes: ByteQueue): T | undefined;

  /**
   * Called at the end of the stream, when `decode` has returned `undefined`, until
   * it returns `undefined` too. It may return a last frame, or throw when the
   * stream ended inside one. Without it, bytes that are left over are an
   * `UnexpectedEofError`.
   */
  finish?(bytes: ByteQueue): T | undefined;
}

/** Turns the frames of one connection into bytes. */
export interface Encoder<T> {
  /**
   * Appends `frame` to `out`, whole. When it throws, what it appended is taken
   * back, so a bad frame never leaves a part of itself on the wire.
   *
   * Arrays in `frame` are the caller's again when this returns: append them, but do
   * not keep them for later.
   */
  encode(frame: T, out: ByteWriter): void;
}

/** An immutable description of a framing, for any number of connections. */
export interface Codec<In, Out = In> {
  /** A decoder for one connection: what it keeps between calls is its own. */
  decoder(): Decoder<In>;
  /** An encoder for one connection: what it keeps between calls is its own. */
  encoder(): Encoder<Out>;
}

/** A codec whose frames are text, which {@linkcode json} can build on. */
export interface TextCodec extends Codec<string> {
  /** Tells text from bytes where only a value is there to ask. */
  readonly frameType: "text";
}
