/**
 * A message on its way to a transport.
 *
 * @module
 */

import { ByteWriter } from "../bytes/byte_writer.ts";

/** Who sends messages, and hears how it goes. */
export interface Sender {
  /** Hands bytes to the transport. */
  transmit(bytes: Uint8Array): Promise<number>;
  /** The transport took `count` bytes. Returns whether the rest is still wanted. */
  onSent(count: number): boolean;
  /** All of it is sent: the delivery may be used again. */
  onDelivered(delivery: Delivery): void;
  /** The transport failed. */
  onSendFailure(error: unknown): void;
}

const NOTHING: readonly Uint8Array[] = [];

// Who has nothing to send holds no message: ten thousand idle sockets share these.
const spare: Delivery[] = [];
/** With a block each, 4 MiB at most. */
const MOST_SPARE = 64;

/** A message: first it fills, then it leaves, in as many writes as it takes. */
export class Delivery {
  /** What it carries. */
  readonly message: ByteWriter = new ByteWriter();
  #sender: Sender | undefined;
  #segments = NOTHING;
  #segment = 0;
  #offset = 0;

  /** An empty one. */
  static acquire(): Delivery {
    return spare.pop() ?? new Delivery();
  }

  /** It will not be used any more, and the transport has done with it. */
  release(): void {
    this.#sender = undefined;
    this.#segments = NOTHING;
    this.message.clear();
    if (spare.length < MOST_SPARE) spare.push(this);
  }

  /** Sends the message, which must not change from now on. */
  start(sender: Sender): void {
    this.#sender = sender;
    this.#segments = this.message.segments();
    this.#segment = this.#offset = 0;
    if (this.#segments.length === 0) sender.onDelivered(this);
    else this.#transmit(this.#segments[0]);
  }

  #transmit(bytes: Uint8Array): void {
    try {
      this.#sender!.transmit(bytes).then(this.#onSent, this.#onError);
    } catch (error) {
      this.#onError(error);
    }
  }

  readonly #onSent = (count: number): void => {
    const sender = this.#sender!;
    if (!sender.onSent(count)) return;
    this.#offset += count;
    let segment = this.#segments[this.#segment];
    if (this.#offset === segment.length) {
      this.#offset = 0;
      segment = this.#segments[++this.#segment];
    }
    if (segment === undefined) sender.onDelivered(this);
    else if (this.#offset === 0) this.#transmit(segment);
    else this.#transmit(segment.subarray(this.#offset));
  };

  readonly #onError = (error: unknown): void => {
    this.#sender!.onSendFailure(error);
  };
}
