/**
 * What leaves in one go: one message, in as few transport writes as it takes.
 *
 * ```text
 *            append             start()          partial writes
 * acquire() --------> filling ----------> sending --------------> sent --> release()
 *                                            |
 *                                            +-- the transport fails: it is not used again,
 *                                                as the transport may still read it
 * ```
 *
 * @module
 */

import { show } from "../_check.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";

/** Sends batches, and is notified of their progress. */
export interface BatchSender {
  /** Hands bytes to the transport. */
  transmit(bytes: Uint8Array): Promise<number>;
  /** The transport took `count` bytes. Returns whether the rest is still wanted. */
  onSent(count: number): boolean;
  /** All of it is sent: the batch may be used again. */
  onBatchSent(batch: OutgoingBatch): void;
  /** The transport failed. */
  onSendFailure(error: unknown): void;
}

const NO_SEGMENTS: readonly Uint8Array[] = [];

// A socket with nothing to send holds no batch: ten thousand idle ones share these.
const spare: OutgoingBatch[] = [];
/** With a block each, 4 MiB at most. */
const MAX_SPARE = 64;

/** One message, which first fills and then leaves. */
export class OutgoingBatch {
  /** What it carries, but for what {@linkcode OutgoingBatch.startShared} sends. */
  readonly message: ByteWriter = new ByteWriter();
  readonly #isKept: boolean;
  #sender: BatchSender | undefined;
  #segments = NO_SEGMENTS;
  #segment = 0;
  /** Bytes of the current segment, when it was begun and sent so far. */
  #length = 0;
  #offset = 0;

  /** @param isKept Whether its owner uses it again and again: it is not spare when it is sent. */
  constructor(isKept = false) {
    this.#isKept = isKept;
  }

  /** An empty one. */
  static acquire(): OutgoingBatch {
    return spare.pop() ?? new OutgoingBatch();
  }

  /** It will not be used any more, and the transport has done with it. */
  release(): void {
    this.#sender = undefined;
    this.#segments = NO_SEGMENTS;
    if (this.#isKept) return;
    this.message.clear();
    if (spare.length < MAX_SPARE) spare.push(this);
  }

  /** Sends the message, which must not change from now on. */
  start(sender: BatchSender): void {
    this.#sender = sender;
    const { message } = this;
    try {
      this.#segments = message.segments();
    } catch {
      // An encoder has transferred the memory that it writes to.
      return sender.onSendFailure(transferred());
    }
    this.#segment = this.#offset = 0;
    if (this.#segments.length === 0) {
      sender.onBatchSent(this);
    } else if (
      message.hasReferences && sizeOf(this.#segments) !== message.length
    ) {
      sender.onSendFailure(transferred());
    } else {
      this.#length = this.#segments[0].length;
      this.#transmit(this.#segments[0]);
    }
  }

  /**
   * Sends bytes that many connections share, in place of the message, and copies nothing.
   *
   * @param segments In this order: at least one, none of them empty. They never change.
   */
  startShared(sender: BatchSender, segments: readonly Uint8Array[]): void {
    this.#sender = sender;
    this.#segments = segments;
    this.#segment = this.#offset = 0;
    this.#length = segments[0].length;
    this.#transmit(segments[0]);
  }

  #transmit(bytes: Uint8Array): void {
    try {
      this.#sender!.transmit(bytes).then(this.#onSent, this.#onError);
    } catch (error) {
      // A transport should reject; this one throws.
      this.#onError(error);
    }
  }

  readonly #onSent = (count: number): void => {
    const sender = this.#sender!;
    const left = this.#length - this.#offset;
    const segment = this.#segments[this.#segment];
    const intact = segment.length === this.#length;
    if (!(Number.isInteger(count) && count > 0 && count <= left)) {
      sender.onSendFailure(intact ? wrongCount(count, left) : transferred());
      return;
    }
    if (!sender.onSent(count)) return;
    this.#offset += count;
    if (this.#offset < this.#length) {
      if (intact) this.#transmit(segment.subarray(this.#offset));
      else sender.onSendFailure(transferred());
      return;
    }
    const next = this.#segments[++this.#segment];
    if (next === undefined) {
      sender.onBatchSent(this);
      return;
    }
    this.#offset = 0;
    this.#length = next.length;
    this.#transmit(next);
  };

  readonly #onError = (error: unknown): void => {
    this.#sender!.onSendFailure(error);
  };
}

function sizeOf(segments: readonly Uint8Array[]): number {
  return segments.reduce((size, { length }) => size + length, 0);
}

/** An array that is sent by reference has to stay as it is until it is sent. */
function transferred(): TypeError {
  return new TypeError(
    "an array was transferred or resized before all of it was sent",
  );
}

function wrongCount(count: unknown, most: number): TypeError {
  return new TypeError(`it must take 1 to ${most} bytes, got ${show(count)}`);
}
