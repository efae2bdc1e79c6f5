/**
 * The receiving half of a framed socket.
 *
 * @module
 */

import type { Decoder } from "../codec/codec.ts";
import { unexpectedEof } from "../codec/policy.ts";
import { FrameTooLargeError, MalformedFrameError } from "../errors.ts";
import type { SocketHalves } from "../socket/socket.ts";
import type { Alarm } from "../time/coarse_timer.ts";
import type { FramedOptions } from "./framed_options.ts";

/** What a call has to report. */
interface Trouble {
  readonly error: unknown;
  /** Whether no frame comes any more. If not, a batch met it behind its last frame. */
  readonly final: boolean;
}

/** Cuts frames from what a reader has, until the end or the first bad one. */
export class Incoming<In> {
  readonly reader: SocketHalves["reader"];
  readonly #decoder: Decoder<In>;
  readonly #lends: boolean;
  /** Runs from the first byte of a frame to its last. */
  #slow: Alarm | undefined;
  /** Why the next call throws. One field, as few connections ever need it. */
  #trouble: Trouble | undefined;
  #finished = false;

  constructor(
    reader: SocketHalves["reader"],
    decoder: Decoder<In>,
    { lendFrames = false, frameTimeoutMs = Infinity }: FramedOptions,
  ) {
    this.reader = reader;
    this.#decoder = decoder;
    this.#lends = lendFrames;
    // What the socket gave away before belongs to whoever has it.
    if (lendFrames) reader.queue.disown();
    if (frameTimeoutMs !== Infinity) {
      this.#slow = reader.limitPiece("receive a whole frame", frameTimeoutMs);
    }
  }

  /** No more frames: whoever asks hears why. */
  fail(error: unknown): void {
    this.#slow?.dispose();
    this.#trouble = { error, final: true };
  }

  /** The next frame in the queue; at the end, what the decoder makes of the rest. */
  decode(ended: boolean): In | undefined {
    if (this.#trouble !== undefined) this.#tell(this.#trouble);
    const { queue } = this.reader;
    try {
      const frame = queue.length > 0 ? this.#decoder.decode(queue) : undefined;
      if (this.#slow !== undefined) this.#watchFrame(this.#slow, frame);
      // Whoever asks for a frame that is not here has done with those before.
      if (this.#lends && frame === undefined) queue.reclaim();
      return frame === undefined && ended ? this.#finish() : frame;
    } catch (error) {
      throw this.#refuse(error);
    }
  }

  #tell({ error, final }: Trouble): never {
    if (!final) this.#trouble = undefined;
    throw error;
  }

  /** All frames in the queue, or `undefined`. */
  decodeAll(ended: boolean): In[] | undefined {
    let frame = this.decode(ended);
    if (frame === undefined) return undefined;
    const batch: In[] = [];
    const { queue } = this.reader;
    const decoder = this.#decoder;
    try {
      do {
        batch.push(frame);
        // Most of a batch comes without what `decode` does for each frame.
        frame = queue.length > 0 ? decoder.decode(queue) : undefined;
        frame ??= this.decode(ended);
      } while (frame !== undefined);
    } catch (error) {
      this.#refuse(error);
      // Where it is final, the next call throws it anyway.
      this.#trouble ??= { error, final: false };
    }
    return batch;
  }

  #watchFrame(alarm: Alarm, frame: In | undefined): void {
    if (frame !== undefined || this.reader.queue.length === 0) alarm.disarm();
    else if (!alarm.armed) alarm.arm();
  }

  /** Ends the frames, unless the decoder has moved past the bad one. */
  #refuse(error: unknown): unknown {
    const next = error instanceof MalformedFrameError && error.recoverable ||
      error instanceof FrameTooLargeError && error.skipped;
    if (!next) this.fail(error);
    return error;
  }

  /** The stream has ended: a last frame, or nothing, or an error. */
  #finish(): In | undefined {
    if (this.#finished) return undefined;
    const { queue } = this.reader;
    if (this.#decoder.finish === undefined) {
      if (queue.length > 0) throw unexpectedEof(queue.length, undefined);
    } else {
      const frame = this.#decoder.finish(queue);
      if (frame !== undefined) return frame;
    }
    this.#finished = true;
    return undefined;
  }
}

// What a call polls: one function for all sockets, not a closure for each frame.

/** For one frame, `null` at the end. */
export function pollFrame<In>(
  ended: boolean,
  incoming: Incoming<In>,
): In | null | undefined {
  const frame = incoming.decode(ended);
  return frame === undefined && ended ? null : frame;
}

/** For a loop over frames. */
export function pollNext<In>(
  ended: boolean,
  incoming: Incoming<In>,
): IteratorResult<In> | undefined {
  return toResult(incoming.decode(ended), ended);
}

/** For a loop over batches. */
export function pollNextBatch<In>(
  ended: boolean,
  incoming: Incoming<In>,
): IteratorResult<In[]> | undefined {
  return toResult(incoming.decodeAll(ended), ended);
}

function toResult<T>(
  value: T | undefined,
  ended: boolean,
): IteratorResult<T> | undefined {
  if (value !== undefined) return { done: false, value };
  return ended ? { done: true, value: undefined } : undefined;
}
