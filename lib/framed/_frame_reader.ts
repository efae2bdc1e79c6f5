/**
 * The receiving half of a framed socket.
 *
 * @module
 */

import type { Decoder } from "../codec/codec.ts";
import { FrameDecoder } from "../codec/frame_decoder.ts";
import { BusyError, CodecError } from "../errors.ts";
import type { SocketHalves } from "../socket/socket.ts";
import type { Alarm } from "../time/coarse_timer.ts";
import type { FramedOptions } from "./framed_options.ts";
import type { Heartbeat } from "./heartbeat.ts";

type ReadLoop = SocketHalves["readLoop"];

/** Of a method, so that a framing is one of `unknown` frames for those who only send. */
type IsPong<In> = { isPong(frame: In): boolean }["isPong"];

/** Decodes frames from what a reader has, until the end or the first bad one. */
export class FrameReader<In> {
  readonly readLoop: ReadLoop;
  /** Looks at what came each time the queue has no more frames. */
  heartbeat: Heartbeat | undefined;
  /** Whether a frame answers a ping, and is not handed out. */
  isPong: IsPong<In> | undefined;
  #frames: FrameDecoder<In>;
  readonly reusesMemory: boolean;
  readonly #endsOnDrain: boolean;
  readonly #frameTimeoutMs: number;
  /** From the first byte of a frame to its last. Made when the first one comes in parts. */
  #frameLimit: Alarm | undefined;
  /** Whether a part of the frame that it counts for was in the decoder. */
  #decoderIsMidFrame = false;
  /** What a batch met behind its last frame: the next call throws it. */
  #errorBehind: { readonly error: unknown } | undefined;

  constructor(
    readLoop: ReadLoop,
    decoder: Decoder<In>,
    { lendFrames = false, endOnDrain = true, frameTimeoutMs }: Omit<
      FramedOptions,
      "heartbeat"
    >,
    defaultTimeoutMs = Infinity,
  ) {
    this.readLoop = readLoop;
    this.#frames = new FrameDecoder(decoder, readLoop.queue);
    this.reusesMemory = lendFrames;
    this.#endsOnDrain = endOnDrain;
    // What the socket handed out before belongs to its caller.
    if (lendFrames) readLoop.queue.disown();
    this.#frameTimeoutMs = frameTimeoutMs ?? defaultTimeoutMs;
  }

  /** No more frames: every later call throws `error`. */
  fail(error: unknown): void {
    this.#frameLimit?.dispose();
    this.#endHeartbeat();
    this.#frames.fail(error);
  }

  /** Throws unless all that was taken off the queue has become frames, which were received. */
  checkSwitch(operation: string): void {
    this.readLoop.check(operation);
    const frames = this.#frames;
    if (this.#errorBehind !== undefined) this.#throwErrorBehind();
    frames.checkFailure();
    if (!frames.decoderIsMidFrame) return;
    throw new BusyError(
      `Cannot ${operation}: a part of a frame was received (its rest must come first)`,
      { operation },
    );
  }

  /** Frames from now on are those of `decoder`: see {@linkcode FrameReader.checkSwitch}. */
  switchDecoder(decoder: Decoder<In>): void {
    this.#frames = new FrameDecoder(decoder, this.readLoop.queue);
    this.#frameLimit?.disarm();
    this.#decoderIsMidFrame = false;
    // Its pings and pongs were frames of the old decoder's codec.
    this.#endHeartbeat();
  }

  #endHeartbeat(): void {
    this.heartbeat?.dispose();
    this.heartbeat = this.isPong = undefined;
  }

  /** The next frame, or `undefined` if it has not arrived; at the end, if there is none. */
  next(ended: boolean): In | undefined {
    if (this.#errorBehind !== undefined) this.#throwErrorBehind();
    let frame: In | undefined;
    do {
      frame = this.#frameLimit?.armed
        ? this.#nextWithin(this.#frameLimit, ended)
        : this.#frames.next(ended);
    } while (
      this.isPong !== undefined && frame !== undefined && this.isPong(frame)
    );
    if (frame === undefined) {
      if (this.#frameTimeoutMs !== Infinity) this.#limitFrame();
      if (this.heartbeat !== undefined) this.heartbeat.look();
      // The caller asks for the next frame: those before may be overwritten.
      if (this.reusesMemory) this.#reuseMemory();
    }
    return frame;
  }

  /** All frames in the queue, or `undefined`. */
  nextBatch(ended: boolean): In[] | undefined {
    const first = this.next(ended);
    if (first === undefined) return undefined;
    const batch = [first];
    try {
      this.#frames.fill(batch);
    } catch (error) {
      this.#errorBehind = { error };
    }
    return this.isPong === undefined
      ? batch
      : this.#withoutPongs(batch, this.isPong);
  }

  /** The first one was asked about already. */
  #withoutPongs(batch: In[], isPong: (frame: In) => boolean): In[] {
    const kept = [batch[0]];
    for (let i = 1; i < batch.length; i++) {
      try {
        if (!isPong(batch[i])) kept.push(batch[i]);
      } catch (error) {
        // As of any other frame: those before it first, and those behind it are not lost.
        this.#errorBehind ??= { error };
      }
    }
    return kept;
  }

  #throwErrorBehind(): never {
    const { error } = this.#errorBehind!;
    this.#errorBehind = undefined;
    throw error;
  }

  #nextWithin(limit: Alarm, ended: boolean): In | undefined {
    const frames = this.#frames;
    let frame: In | undefined;
    try {
      frame = frames.next(ended);
    } catch (error) {
      if (frames.failed) limit.dispose();
      else limit.disarm();
      throw error;
    }
    if (frame !== undefined || !frames.midFrame) limit.disarm();
    return frame;
  }

  /** No whole frame has come. If one has begun, its time counts. */
  #limitFrame(): void {
    const frames = this.#frames;
    if (!frames.midFrame) return;
    const limit = this.#frameLimit ??= this.readLoop.limitFrame(
      "receive a whole frame",
      this.#frameTimeoutMs,
    );
    // A frame that was dropped came to its end, and another one has begun.
    const another = this.#decoderIsMidFrame && !frames.decoderIsMidFrame;
    if (another || !limit.armed) limit.arm();
    this.#decoderIsMidFrame = frames.decoderIsMidFrame;
  }

  #reuseMemory(): void {
    // A decoder may keep what it took.
    if (!this.#frames.decoderHoldsBytes) this.#frames.queue.reclaim();
  }

  /** Whether no other frame is due: the peer has ended its side, or the server drains. */
  isOver(ended: boolean): boolean {
    return ended || this.#endsOnDrain && this.readLoop.draining &&
        !this.#frames.midFrame;
  }
}

// What calls take: one function for all sockets, not a closure for each frame.

/** For one frame, `null` at the end. */
export function takeFrameOrNull<In>(
  ended: boolean,
  frames: FrameReader<In>,
): In | null | undefined {
  const frame = frames.next(ended);
  if (frame === null) throw nullFrame();
  return frame === undefined && frames.isOver(ended) ? null : frame;
}

function nullFrame(): CodecError {
  return new CodecError(
    "Cannot receive: a frame must not be null, which stands for the end (receive such frames with for await or batches)",
    { operation: "receive" },
  );
}

/** For a loop over frames. */
export function takeFrame<In>(
  ended: boolean,
  frames: FrameReader<In>,
): In | undefined {
  return frames.next(ended);
}

/** For a loop over batches. */
export function takeBatch<In>(
  ended: boolean,
  frames: FrameReader<In>,
): In[] | undefined {
  return frames.nextBatch(ended);
}
