/**
 * Frames over a socket, in both directions.
 *
 * This folder guarantees that frames are cut and joined exactly as the codec says,
 * that a bad frame leaves no part of itself on the wire, and that nothing read is
 * lost when `detach` gives the socket back. It knows no codec. It may
 * import `socket/` and `codec/`; nothing in `lib/` but `client/`,
 * `hub/`, `workers/` and `testing/` imports it.
 *
 * @module
 */

import {
  answerOf,
  checkMethods,
  isThenable,
  wrongKind,
  wrongResult,
} from "../_check.ts";
import { guard } from "../_guard.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec, Decoder, Encoder } from "../codec/codec.ts";
import { checkEncoded, finishFrames } from "../codec/encode_frame.ts";
import { BusyError, ClosedError, TimeoutError } from "../errors.ts";
import { type CallOptions, startLimits } from "../time/call_limits.ts";
import { observed } from "../socket/observed.ts";
import { checkFramedOptions, type FramedOptions } from "./framed_options.ts";
import { FrameIterator } from "./_frame_iterator.ts";
import {
  FrameReader,
  takeBatch,
  takeFrame,
  takeFrameOrNull,
} from "./_frame_reader.ts";
import { readableOf, writableOf } from "./_web_streams.ts";
import { Heartbeat, type HeartbeatOptions } from "./heartbeat.ts";
import {
  checkSocket,
  halvesOf,
  type Socket,
  type SocketHalves,
} from "../socket/socket.ts";

// Made once, as lists in the calls would be garbage of each connection.
const CODEC_METHODS = ["decoder", "encoder"];
const ENCODER_METHODS = ["encode"];

/**
 * With options, even with none in them, each wait counts as what it costs; without, calls share
 * one. A `sendAll` that waits is an asynchronous function each, and costs much.
 */
const NO_LIMITS: CallOptions = Object.freeze({});

/**
 * Sends and receives frames over a socket. The socket belongs to the result until
 * {@linkcode Framed.detach}.
 *
 * @param socket Where the bytes go.
 * @param codec How frames look in bytes; one value serves any number of sockets.
 * @param options Limits of the frames.
 * @throws {TypeError} `codec` is not a codec, or an option is of the wrong kind or not known.
 * @throws {RangeError} `frameTimeoutMs` is not at least 1.
 * @throws {BusyError} The encoder has a `finish`, and so has that of another framing of
 * this socket, which was not detached.
 * @category Frames and codecs
 *
 * @example An echo of lines
 * ```ts
 * import { framed, lines } from "@sluice/net";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [client, server] = memoryPair();
 * const echo = (async () => {
 *   await using connection = framed(server, lines());
 *   for await (const line of connection) await connection.send(line);
 * })();
 *
 * const connection = framed(client, lines());
 * await connection.send("hello");
 * assertEquals(await connection.receive(), "hello");
 * await client.close();
 * await echo;
 * ```
 */
export function framed<In, Out>(
  socket: Socket,
  codec: Codec<In, Out>,
  options?: NoInfer<FramedOptions<In, Out>>,
): Framed<In, Out> {
  return new Framed(socket, codec, options);
}

/** What `client/` works with, past the public methods. */
export interface FramedParts<In, Out> {
  readonly socket: Socket;
  readonly halves: SocketHalves;
  readonly frames: FrameReader<In>;
  /** Appends a frame to what the writer sends; follow with its `appended`. */
  encode(operation: string, frame: Out): void;
  /**
   * Pings the peer as the option does, until what is returned is disposed of.
   *
   * @param send Sends a ping, where another one knows better how.
   */
  startHeartbeat(
    options: HeartbeatOptions<In, Out>,
    send?: (frame: Out) => void,
  ): Disposable;
  /** What frames look like now; another one after `switch`. */
  readonly codec: Codec<In, Out>;
  readonly isDetached: boolean;
  readonly encoder: Encoder<Out>;
}

/** Reaches them. Not for users: `mod.ts` does not export it. */
export let partsOf: <In, Out>(framed: Framed<In, Out>) => FramedParts<In, Out>;

/** Whether they can be reached: those of a Proxy, say, cannot. */
export let isFramed: (value: unknown) => boolean;

/**
 * A socket that carries frames. Over `lengthPrefixed()` it is equivalent to
 *
 * ```ts ignore
 * while (true) {
 *   const size = readUint32(await socket.readExactly(4));
 *   yield await socket.readExactly(size);
 * }
 * ```
 *
 * only faster: frames are views, nothing is copied, one read serves many frames.
 *
 * Cancellation: a `receive` that is cut off loses nothing; the next one goes on
 * with what has arrived. A `send` that is cut off while it waits for the peer
 * leaves an unknown part of itself on the wire, so the writing side is broken
 * afterwards.
 *
 * A bad frame of the peer ends the frames, and the socket stays open; only after an
 * error that is `recoverable` or `skipped` can the next frame be received.
 *
 * @category Frames and codecs
 */
export class Framed<In, Out = In>
  implements AsyncIterable<In>, AsyncDisposable {
  static {
    isFramed = (value) =>
      typeof value === "object" && value !== null && #socket in value;
    partsOf = (framed) => ({
      socket: framed.#socket,
      halves: halvesOf(framed.#socket),
      frames: framed.#frames,
      encode: (operation, frame) => framed.#encode(operation, frame),
      startHeartbeat: (options, send) => framed.#startHeartbeat(options, send),
      codec: framed.#codec,
      isDetached: framed.#detached,
      encoder: framed.#encoder,
    });
  }

  readonly #socket: Socket;
  readonly #writer: SocketHalves["writer"];
  readonly #frames: FrameReader<In>;
  #codec: Codec<In, Out>;
  #encoder: Encoder<Out>;
  /** Asks `finish` of the encoder, where that has one, before this side ends. */
  #trailer: ((out: ByteWriter) => void) | undefined;
  /** Calls of `sendAll` that are under way. */
  #sendingAll = 0;
  #detached = false;
  // Made on first use.
  #readable: ReadableStream<In> | undefined;
  #writable: WritableStream<Out> | undefined;

  /** As {@linkcode framed}. */
  constructor(
    socket: Socket,
    codec: Codec<In, Out>,
    options: FramedOptions<In, Out> = {},
  ) {
    checkSocket("frame a socket", "socket", socket);
    checkMethods("frame a socket", "codec", codec, CODEC_METHODS);
    checkFramedOptions(options);
    this.#socket = socket;
    const halves = halvesOf(socket);
    const { readLoop, writer } = halves;
    this.#writer = writer;
    const decoder = codec.decoder();
    const encoder = encoderOf(codec);
    this.#checkTrailer("frame a socket", encoder);
    this.#frames = new FrameReader(
      readLoop,
      decoder,
      options,
      halves.options.frameTimeoutMs,
    );
    this.#codec = codec;
    this.#encoder = encoder;
    this.#setTrailer();
    if (options.heartbeat !== undefined) {
      this.#startHeartbeat(options.heartbeat);
    }
  }

  /** Throws where two framings of the socket would each end this side. */
  #checkTrailer(action: string, { finish }: Encoder<never>): void {
    const { trailer, isOver } = this.#writer;
    if (finish === undefined || trailer === undefined || isOver) return;
    if (trailer === this.#trailer) return;
    throw new BusyError(
      `Cannot ${action}: another framing of the socket ends it with the finish of its own encoder (detach that one first)`,
      { operation: action },
    );
  }

  /** However the socket is gracefully ended, `finish` is asked before. */
  #setTrailer(): void {
    const encoder = this.#encoder;
    if (encoder.finish === undefined) return;
    this.#trailer = (out) => finishFrames(encoder, out);
    this.#writer.trailer = this.#trailer;
  }

  /**
   * The next frame, or `null` when the peer has ended its side between two frames, or
   * a server that shuts down has (see `endOnDrain`). A frame of bytes is a view: copy it
   * (`slice`) before you transfer its buffer, which may hold the next ones, too.
   *
   * Cancellation: safe. A call that is cut off consumes nothing.
   *
   * @param options Limits of this call.
   * @throws {FrameTooLargeError} The frame is larger than the codec allows.
   * @throws {MalformedFrameError} The bytes are not what the codec speaks.
   * @throws {UnexpectedEofError} The peer ended inside a frame.
   * @throws {CodecError} The codec breaks its contract, or the frame is `null`, which
   * would be taken for the end: that frame is gone, and the next one can be received.
   * @throws {TimeoutError} A time limit passed.
   * @throws {BrokenError} The connection broke.
   * @throws {ClosedError} This side was closed, or `detach` was called.
   * @throws {BusyError} Another read is under way.
   */
  receive(options?: CallOptions): Promise<In | null> {
    return this.#frames.readLoop.run(
      "receive",
      options,
      takeFrameOrNull,
      this.#frames,
    );
  }

  /**
   * The next frame if it has arrived in full, without waiting; else `undefined`,
   * also at the end.
   *
   * @throws As {@linkcode Framed.receive}, but for the end and the time limits.
   */
  tryReceive(): In | undefined {
    this.#frames.readLoop.check("receive");
    return this.#frames.next(false);
  }

  /** Frames as they come, until the peer ends its side, or a server that shuts down does. `break` leaves the socket open: another loop, or `receive`, goes on. So does `return` of the iterator, which ends a `next` that waits. */
  [Symbol.asyncIterator](): AsyncIterator<In> {
    return new FrameIterator(takeFrame, this.#frames);
  }

  /**
   * Frames by the batch: all that one read brought, at least one. (Of those that a
   * decoder makes of bytes that it kept, as one that decompresses does, 1,024 at most.)
   * The fastest way to receive where frames are small and many. `break` leaves the
   * socket open.
   *
   * An error behind some good frames is thrown after these were handed out.
   *
   * @example
   * ```ts
   * import { framed, lines } from "@sluice/net";
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await left.write("one\ntwo\n");
   * await left.closeWrite();
   * for await (const batch of framed(right, lines()).batches()) {
   *   assertEquals(batch, ["one", "two"]);
   * }
   * ```
   */
  batches(): AsyncIterable<In[]> {
    return new FrameIterator(takeBatch, this.#frames);
  }

  /**
   * Sends a frame, whole, after everything sent before it. Frames of one turn of
   * the event loop leave together, and a lone one leaves in the same turn.
   *
   * Resolves when it is accepted under the socket's high-water mark, so awaiting it
   * is backpressure.
   *
   * @param frame What to send; an array in it may be used again afterwards.
   * @param options Limits of this call.
   * @throws {FrameTooLargeError} The frame is larger than the codec allows.
   * @throws {TypeError} The frame is not what the codec encodes.
   * @throws {RangeError} A value in the frame cannot be represented.
   * @throws {CodecError} The codec's encoder is asynchronous.
   * @throws {BusyError} It is called while another frame is encoded, by a getter of it.
   * @throws As `Socket.write`.
   */
  send(frame: Out, options?: CallOptions): Promise<void> {
    const writer = this.#writer;
    try {
      writer.check("send", options);
    } catch (error) {
      return observed(Promise.reject(error));
    }
    try {
      this.#encode("send", frame);
    } catch (error) {
      return Promise.reject(error);
    }
    return writer.appended("send", options);
  }

  #encode(operation: string, frame: Out): void {
    if (this.#detached) throw detachedError();
    const writer = this.#writer;
    const message = writer.beginFrame(operation);
    try {
      const result: unknown = this.#encoder.encode(frame, message);
      if (result !== undefined) checkEncoded(result);
    } catch (error) {
      writer.dropFrame();
      throw error;
    }
    writer.endFrame(operation);
  }

  /**
   * Sends frames one after the other, waiting whenever the high-water mark is
   * passed, so that any number may be sent in flat memory.
   *
   * @param frames What to send.
   * @param options Limits of the whole call, however often it waits.
   * @throws As {@linkcode Framed.send}; the frames before the bad one are sent.
   */
  sendAll(frames: Iterable<Out>, options?: CallOptions): Promise<void> {
    return observed(this.#sendAll(frames, options));
  }

  async #sendAll(frames: Iterable<Out>, options?: CallOptions): Promise<void> {
    const writer = this.#writer;
    writer.check("sendAll", options);
    if (typeof Object(frames)[Symbol.iterator] !== "function") {
      throw wrongKind("sendAll", "frames", "an iterable", frames);
    }
    const limits = startLimits("sendAll", options) ?? NO_LIMITS;
    this.#sendingAll++;
    try {
      if (!isPlainArray(frames)) await this.#sendEach(frames, limits);
      else {
        for (let next = 0; next < frames.length;) {
          if (next > 0) await this.#untilAccepted(limits);
          next = this.#encodeFrom(next, frames);
        }
      }
    } finally {
      this.#sendingAll--;
      // Also what came before a bad frame is on its way.
      if (writer.failure === undefined) {
        await writer.appended("sendAll", limits);
      }
    }
  }

  async #sendEach(frames: Iterable<Out>, limits: CallOptions) {
    const writer = this.#writer;
    let message: ByteWriter | undefined;
    let full = 0;
    for (const frame of frames) {
      this.#encode("sendAll", frame);
      // Asked anew, as the iterable may have sent something itself.
      const filling = writer.message;
      if (filling !== message) {
        message = filling;
        full = message.length + writer.room;
      }
      if (message.length >= full || message.hasReferences) {
        await this.#untilAccepted(limits);
        message = undefined;
      }
    }
  }

  async #untilAccepted(limits: CallOptions): Promise<void> {
    const writer = this.#writer;
    await writer.appended("sendAll", limits);
    writer.check("sendAll", limits);
  }

  /**
   * Appends frames from `index` on, until they should leave, and returns the index at which
   * the next call goes on. What the frames have in common is looked up once: a getter of the
   * array, or a trap of a Proxy, that sends meanwhile gets the `BusyError` of one in a frame.
   */
  #encodeFrom(index: number, frames: readonly Out[]): number {
    if (this.#detached) throw detachedError();
    const writer = this.#writer;
    const encoder = this.#encoder;
    const message = writer.beginFrame("sendAll");
    const full = message.length + writer.room;
    try {
      while (index < frames.length) {
        const result: unknown = encoder.encode(frames[index++], message);
        if (result !== undefined) checkEncoded(result);
        if (message.length >= full || message.hasReferences) break;
        if (this.#detached || !writer.nextFrame(message)) break;
      }
    } catch (error) {
      writer.dropFrame();
      throw error;
    }
    writer.endFrame("sendAll");
    return index;
  }

  /**
   * Resolves when everything sent so far has been taken by the transport.
   *
   * @param options Limits of this call.
   * @throws As {@linkcode Framed.send}.
   */
  flush(options?: CallOptions): Promise<void> {
    return this.#writer.flush(options);
  }

  /**
   * The frames as a stream. It receives only when a frame is waited for.
   *
   * Cancellation: safe. It stops receiving, and the socket goes on.
   * It fails as {@linkcode Framed.receive} throws.
   */
  get readable(): ReadableStream<In> {
    return this.#readable ??= readableOf(
      this[Symbol.asyncIterator](),
      this.#frames.readLoop,
    );
  }

  /** Frames to send, as a stream, with the errors of `send`. Closing it is `closeWrite`, aborting it is the socket's `abort`. */
  get writable(): WritableStream<Out> {
    return this.#writable ??= writableOf(this, this.#socket);
  }

  /**
   * Goes on with another codec from here on, in both directions. No byte is lost: what is
   * behind the last frame that was received is for the new codec, and so is what is sent
   * from now on. What ends the frames of the old codec (see `Encoder.finish`) is sent.
   *
   * The switch is for the moments between two frames. It throws, and changes nothing,
   * while a `receive`, a loop that waits or a `sendAll` is under way, and while a part of a
   * frame has been taken from the bytes, as by a decoder that decompresses or in the
   * middle of a frame of `inParts`.
   *
   * It is the same object afterwards, under its new type. Loops over it and its streams go
   * on, with frames of the current codec: their types are those of the old one, so
   * switch back before the next frame, or leave the loop. A batch was decoded whole
   * before its first frame was looked at: with `batches()`, switch only where the peer
   * waits for an answer behind that frame. Where the bytes behind it were no frames of the
   * old codec, the switch throws the error that the next batch would have been.
   *
   * A heartbeat ends, as its pings are frames of the old codec: start another one.
   *
   * To change one direction only, and not the state of the other, give a codec whose
   * `encoder` or `decoder` returns the one that is in use.
   *
   * @typeParam NewIn What is received from now on.
   * @typeParam NewOut What is sent from now on.
   * @param codec How frames look from now on.
   * @returns This framing, under its new type.
   * @throws {TypeError} `codec` is not a codec.
   * @throws {BusyError} It is not a moment between two frames, or another framing of the
   * socket has a `finish`, as the new codec does.
   * @throws {CodecError} The `finish` of the old codec fails; nothing can be sent any more.
   * @throws {ClosedError} This side was closed, or `detach` was called.
   * @throws {unknown} The error that has ended the frames, if one has.
   *
   * @example Lines, then a message of a size that a line says, then lines again
   * ```ts
   * import { fixed, framed, lines } from "@sluice/net";
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await left.write("BDAT 3\nabcQUIT\n");
   * const commands = framed(right, lines());
   * assertEquals(await commands.receive(), "BDAT 3");
   * const message = commands.switch(fixed({ frameBytes: 3 }));
   * assertEquals((await message.receive())?.length, 3);
   * message.switch(lines());
   * assertEquals(await commands.receive(), "QUIT");
   * ```
   */
  switch<NewIn, NewOut>(codec: Codec<NewIn, NewOut>): Framed<NewIn, NewOut> {
    const action = "switch codecs";
    checkMethods(action, "codec", codec, CODEC_METHODS);
    if (this.#detached) throw detachedError();
    const frames = this.#frames;
    const writer = this.#writer;
    frames.checkSwitch(action);
    // What was ended by `closeWrite` can go on receiving, by another codec too.
    if (!writer.isOver) writer.check(action);
    if (this.#sendingAll > 0) {
      throw new BusyError(`Cannot ${action}: sendAll is under way`, {
        operation: action,
      });
    }
    if (!writer.isOver && this.#encoder.midFrame === true) {
      throw new BusyError(
        `Cannot ${action}: a part of a frame was sent (its rest must come first)`,
        { operation: action },
      );
    }
    const decoder = decoderOf(codec);
    const encoder = encoderOf(codec);
    const switched = this as unknown as Framed<NewIn, NewOut>;
    if (!writer.isOver && encoder !== switched.#encoder) {
      switched.#checkTrailer(action, encoder);
      if (this.#trailer !== undefined) writer.endFrames(action);
      switched.#trailer = undefined;
      switched.#encoder = encoder;
      switched.#setTrailer();
    }
    switched.#frames.switchDecoder(decoder);
    switched.#codec = codec;
    writer.switchSources();
    return switched;
  }

  /**
   * Ends this side, after everything that was sent and what the codec's `finish` adds. The
   * peer can go on sending, and frames can go on being received.
   *
   * @param options Limits of this call.
   * @throws {CodecError} The `finish` of the codec fails; nothing can be sent any more.
   * @throws {ClosedError} `detach` was called.
   * @throws As `Socket.closeWrite`.
   *
   * @example
   * ```ts
   * import { framed, lines } from "@sluice/net";
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * const sender = framed(left, lines());
   * await sender.send("one");
   * await sender.closeWrite();
   * assertEquals(await Array.fromAsync(framed(right, lines())), ["one"]);
   * ```
   */
  closeWrite(options?: CallOptions): Promise<void> {
    return this.#detached
      ? Promise.reject(detachedError())
      : this.#socket.closeWrite(options);
  }

  /**
   * Ends the socket gracefully, as its `close`, after everything that was sent and what
   * the codec's `finish` adds; after `detach` it is left alone.
   *
   * @param options Limits of this call.
   * @throws {CodecError} The `finish` of the codec fails.
   * @throws As `Socket.close`.
   */
  close(options?: CallOptions): Promise<void> {
    return this.#detached ? Promise.resolve() : this.#socket.close(options);
  }

  /**
   * Gives the socket back. Bytes behind the last received frame are still in the
   * socket, for its own reads or for another framing. Frames already sent are on
   * their way; what the codec's `finish` would add is not sent.
   *
   * @returns The socket, which belongs to the caller again.
   * @throws {BusyError} A `receive` is under way, or a frame is being encoded.
   * @throws {ClosedError} The socket has ended.
   *
   * @example Lines first, then raw bytes
   * ```ts
   * import { framed, lines } from "@sluice/net";
   * import { memoryPair } from "@sluice/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [left, right] = memoryPair();
   * await left.write("DATA 3\nabc");
   * const header = framed(right, lines());
   * assertEquals(await header.receive(), "DATA 3");
   * const { socket } = header.detach();
   * assertEquals((await socket.readExactly(3)).length, 3);
   * ```
   */
  detach(): { socket: Socket } {
    this.#frames.readLoop.check("detach");
    // What is being encoded is of this framing, and so is the `finish` of a switch.
    const { isOver, isOpen } = this.#writer;
    if (!isOver && !isOpen) this.#writer.check("detach");
    this.#writer.endSources();
    this.#detached = true;
    if (this.#writer.trailer === this.#trailer) {
      this.#writer.trailer = undefined;
    }
    this.#frames.fail(detachedError());
    return { socket: this.#socket };
  }

  #startHeartbeat(
    options: HeartbeatOptions<In, Out>,
    send: (frame: Out) => void = (frame) => this.#sendPing(frame),
  ): Disposable {
    const halves = halvesOf(this.#socket);
    const frames = this.#frames;
    const { stats } = this.#socket;
    if (frames.heartbeat !== undefined) {
      throw new BusyError("Cannot start a heartbeat: one is under way", {
        operation: "heartbeat",
      });
    }
    const heartbeat = new Heartbeat({
      get bytesRead() {
        return stats.bytesRead;
      },
      get receiving() {
        return halves.readLoop.inFlight;
      },
      sendPing() {
        let sent = false;
        if (halves.writer.isOpen) {
          guard(() => {
            const frame = options.ping();
            if (isThenable(frame)) {
              const what = "a frame at once";
              throw wrongResult("ping", "heartbeat.ping", what, frame);
            }
            send(frame);
            sent = true;
          });
        }
        return sent;
      },
      onSilence: (timeoutMs) =>
        halves.expire(
          new TimeoutError("heartbeat", timeoutMs, halves.addresses()),
        ),
    }, options);
    frames.heartbeat = heartbeat;
    const { isPong } = options;
    frames.isPong = isPong &&
      ((frame) => answerOf("receive", "heartbeat.isPong", isPong(frame)));
    const stop = () => {
      heartbeat.dispose();
      if (frames.heartbeat !== heartbeat) return;
      frames.heartbeat = frames.isPong = undefined;
    };
    this.#socket.closed.then(stop);
    return { [Symbol.dispose]: stop };
  }

  #sendPing(frame: Out): void {
    this.#encode("heartbeat", frame);
    this.#writer.appended("heartbeat");
  }

  /** Ends the socket gracefully, as {@linkcode Framed.close}; after `detach` it is left alone. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#detached) await this.#socket[Symbol.asyncDispose]();
  }
}

/** Whether a loop over it is one over its indexes: it has no iterator of its own. */
function isPlainArray<T>(frames: Iterable<T>): frames is readonly T[] {
  return Array.isArray(frames) &&
    frames[Symbol.iterator] === Array.prototype[Symbol.iterator];
}

function decoderOf<In>(codec: Codec<In, never>): Decoder<In> {
  const decoder = codec.decoder();
  checkMethods("decode", "the decoder of a codec", decoder, ["decode"]);
  return decoder;
}

function encoderOf<Out>(codec: Codec<unknown, Out>): Encoder<Out> {
  const encoder = codec.encoder();
  checkMethods("encode", "the encoder of a codec", encoder, ENCODER_METHODS);
  return encoder;
}

function detachedError(): ClosedError {
  return new ClosedError(
    "Cannot use frames: the framing was detached from its socket",
  );
}
