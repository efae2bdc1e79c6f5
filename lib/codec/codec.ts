/**
 * The contract between bytes and frames: two small synchronous interfaces.
 *
 * A codec is an immutable description. Every connection asks it for a decoder and
 * an encoder of its own, so one constant serves the whole program. Decoders and
 * encoders do no I/O, hold no socket and never wait; `Framed`, `decodeStream` and
 * `encodeStream` own all of that.
 *
 * What a decoder may rely on, and what it must do:
 *
 * | | the caller (`Framed`, `decodeStream`, `checkCodec`) | the decoder |
 * | --- | --- | --- |
 * | **asking** | asks `decode` again until it returns `undefined`, then after each arrival of bytes and at the end of the stream; also with an empty queue | returns every frame that it can make before it returns `undefined` |
 * | **taking** | never looks at bytes that were taken, and never overwrites them (but under `lendFrames`) | may take bytes and keep them, as decompression and decryption do; a frame takes at least one byte, or is made of bytes that were taken before |
 * | **putting back** | | puts back only what it took in the same call, and leaves the queue no longer than it was |
 * | **errors** | goes on after one that is `recoverable` or `skipped` (`decodeStream`: with `onBadFrame`); any other is the last | has moved past the bad frame where its error says so, by the rule for frames |
 * | **the end** | when `decode` has returned `undefined` for the last time, asks `finish` until it returns `undefined`, and asks nothing afterwards | uses up the queue or throws |
 * | **cost** | | looks at each byte a bounded number of times, however the bytes arrive: `indexOf` goes on where it stopped |
 *
 * And of an encoder:
 *
 * | | the caller (`Framed`, `encodeStream`, `checkCodec`) | the encoder |
 * | --- | --- | --- |
 * | **asking** | asks `encode` for each frame, one after the other | appends all of the frame and leaves the frame as it is, or throws and has changed nothing |
 * | **the end** | asks `finish` once, before this side ends its stream or goes on with another codec; asks nothing afterwards | appends what ends the stream, or throws |
 *
 * A decoder that breaks this ends the frames with a `CodecError`, instead of running
 * for ever or filling the memory: at the first frame where no byte was ever taken (in
 * `finish`, after 1,024); at the first that comes without a byte and is `null`; and when
 * more frames come in a row without a byte than what it took can hold, which is 65,536 and
 * 1,024 for each byte taken, and never above 4,194,304 (65,536 for errors). `checkCodec`
 * of `@sluice/net/testing` holds a codec to all of it.
 *
 * This folder may import `bytes/`, `proxy_header/` (of which it imports nothing that does
 * I/O) and the files that all of `lib/` may import: it runs without Deno.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";

/**
 * Turns the bytes of one connection into frames.
 *
 * @category Frames and codecs
 */
export interface Decoder<T> {
  /**
   * Takes one whole frame off the front of `bytes` and returns it, or returns
   * `undefined` when more bytes are needed. What it returns may be a view: bytes
   * that were taken are never overwritten.
   *
   * It is asked again until it returns `undefined`, also when `bytes` is empty: a
   * decoder that keeps bytes of its own, as one that decompresses does, hands out all
   * frames of one arrival so. A frame must take at least one byte, or come from bytes
   * that were taken before; otherwise the frames end with a `CodecError`.
   *
   * A frame should not be `null`: to `Framed.receive` that is the end of the stream,
   * and it refuses such a frame.
   *
   * A throw ends the stream of frames, unless the error is a
   * `MalformedFrameError` that says `recoverable`, or a `FrameTooLargeError` that
   * says `skipped`: then the decoder has moved past the bad frame, which takes at
   * least one byte as well.
   */
  decode(bytes: ByteQueue): T | undefined;

  /**
   * Called at the end of the stream, when `decode` has returned `undefined`, until
   * it returns `undefined` too; `decode` is not asked any more. It may return last
   * frames, or throw when the stream ended inside one. Bytes that are left over
   * afterwards, or that there is no `finish` for, are an `UnexpectedEofError`.
   */
  finish?(bytes: ByteQueue): T | undefined;

  /**
   * Whether a part of a frame has been taken off the queue whose frame was not handed
   * out yet, for instance while one that is too large is dropped, or in the bytes
   * that a decompressing decoder keeps. Asked when `decode` has returned `undefined`:
   * `frameTimeoutMs` of `framed` counts while it holds, and a server that shuts down
   * lets such a frame come to its end.
   *
   * A decoder without it is taken to be inside a frame when the bytes that it took
   * last gave no frame.
   */
  readonly midFrame?: boolean | undefined;

  /**
   * Whether it holds views of bytes that it took, so that their memory must stay as it is
   * under `lendFrames`. A decoder without it is taken to hold some inside a frame. One that
   * counts bytes, or copies them, says `false`.
   */
  readonly holdsBytes?: boolean | undefined;
}

/**
 * Turns the frames of one connection into bytes.
 *
 * @category Frames and codecs
 */
export interface Encoder<T> {
  /**
   * Appends `frame` to `out`, whole, before it returns: one that returns a promise is
   * refused with a `CodecError`. When it throws, what it appended is taken
   * back, so a bad frame never leaves a part of itself on the wire.
   *
   * Arrays in `frame` are the caller's again when this returns: append them, but do
   * not keep them for later, and do not change them, as masking in place would.
   *
   * A method will do. It is a property here because TypeScript compares parameters
   * strictly only then: an encoder of less than what is sent is refused.
   */
  readonly encode: (frame: T, out: ByteWriter) => void;

  /**
   * Appends what stands behind the last frame: the trailer of a compressed stream, a
   * closing mark, a checksum. Frames of which none was sent have one, too.
   *
   * It is asked once, when this side ends its stream gracefully (`closeWrite` and
   * `close` of the framing or of its socket, the end of an `encodeStream`) or changes
   * codecs (`switch`); never after `abort`, `detach` or a failed write. It must append
   * before it returns, as `encode` must, and leave alone what was written before. A socket
   * has one: a second framing whose encoder has a `finish`, too, is refused.
   *
   * When it throws, the peer must not take what it got for the whole: what was sent before
   * still leaves, the call that ends the stream rejects, and nothing can be written any
   * more. An error of this package's
   * own classes is passed on as it is, any other one is the `cause` of a `CodecError`.
   */
  finish?(out: ByteWriter): void;

  /**
   * Whether a frame was begun that is not whole yet, of a codec that takes them in parts:
   * then `switch` refuses.
   */
  readonly midFrame?: boolean | undefined;
}

/**
 * An immutable description of a framing, for any number of connections.
 *
 * Any codec is a `Codec<unknown, never>`: of what it may be sent nothing is known.
 *
 * @category Frames and codecs
 */
export interface Codec<In, Out = In> {
  /** A decoder for one connection: what it keeps between calls is its own. */
  decoder(): Decoder<In>;
  /** An encoder for one connection: what it keeps between calls is its own. */
  encoder(): Encoder<Out>;
}

/**
 * A codec of bytes that says the size of a frame before it, which {@linkcode inParts} can
 * build on.
 *
 * @category Frames and codecs
 */
export interface SizedCodec extends Codec<Uint8Array<ArrayBuffer>, Uint8Array> {
  /** Tells such codecs from others at run time. */
  readonly frameType: "sized";
}

/**
 * A codec whose frames are text, which {@linkcode json} can build on.
 *
 * @category Frames and codecs
 */
export interface TextCodec extends Codec<string> {
  /** Tells codecs of text from codecs of bytes at run time. */
  readonly frameType: "text";
}
