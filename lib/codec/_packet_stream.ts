/**
 * Packets one after the other on a stream, with no frames around them.
 *
 * Each says itself how long it is. What has come of one is taken off the queue as far as
 * it was read, and is not looked at again: its cost is linear, however its bytes arrive,
 * and what is held is what has come. A packet above the limit, or with a field that is not
 * what it must be, ends the packets, as where the next one begins is not known.
 *
 * Only this folder imports it.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import type { ByteWriter } from "../bytes/byte_writer.ts";
import type { Decoder, Encoder } from "./codec.ts";
import type { PacketImpl } from "./packet.ts";
import {
  borrowReader,
  brokenField,
  giveBack,
  malformedPacket,
  NOTHING_SAVED,
  type PacketReader,
  type Progress,
  SHORT,
} from "./_packet_reader.ts";
import { unexpectedEof } from "./policy.ts";
import { checkSize } from "./_sized_codec.ts";
import { Refusal } from "./_refusal.ts";

/** What is looked at of a packet at first: between these, and twice the last packet. */
const LEAST_WINDOW = 64;
const MOST_WINDOW = 65_536;

/** Of a packet nothing was read. */
const START: Progress = {
  before: 0,
  needed: 1,
  mark: -1,
  seen: 0,
  items: 0,
  saved: NOTHING_SAVED,
};

/** Reads packets of one connection. */
export class PacketStreamDecoder<In> implements Decoder<In> {
  readonly #packet: PacketImpl<In, unknown>;
  readonly #limit: number;
  #progress = START;
  #window = LEAST_WINDOW;
  /** Whether a packet is being read, which may run code of the user. */
  #isReading = false;

  constructor(packet: PacketImpl<In, unknown>, limit: number) {
    this.#packet = packet;
    this.#limit = limit;
  }

  get midFrame(): boolean {
    return this.#isReading || this.#progress.before > 0;
  }

  decode(bytes: ByteQueue): In | undefined {
    // It would get this packet a second time, and that would cost the next one.
    if (this.#isReading) throw brokenField("must not decode its packet");
    for (;;) {
      const size = this.#dueBytes(bytes);
      if (size === 0) return undefined;
      const window = Math.max(size, this.#window);
      let chunk = bytes.peekChunk(window);
      if (chunk.length < size) {
        chunk = bytes.peek(Math.min(window, bytes.length));
      }
      const reader = borrowReader();
      this.#isReading = true;
      try {
        reader.openStream(chunk, this.#limit, this.#progress);
        const value = this.#packet.read(reader);
        this.#end(bytes, reader.position - chunk.byteOffset);
        return value;
      } catch (thrown) {
        this.#stop(bytes, reader, thrown);
        // A field that is read again from its first byte asks for one byte after another.
        this.#window = Math.max(this.#window, 2 * chunk.length);
      } finally {
        this.#isReading = false;
        giveBack(reader);
      }
    }
  }

  /** How many bytes there must be to go on, all of which have come; 0 to wait for more. */
  #dueBytes(bytes: ByteQueue): number {
    const { needed, mark, seen } = this.#progress;
    const { length } = bytes;
    if (length >= needed) return needed;
    if (mark < 0 || length <= seen) return 0;
    const found = bytes.indexOf(mark);
    if (found < 0) return 0;
    // One that was seen is not the one that is waited for.
    return found < seen ? length : found + 1;
  }

  #end(bytes: ByteQueue, size: number): void {
    take(bytes, size);
    const window = 2 * (this.#progress.before + size);
    this.#window = Math.min(MOST_WINDOW, Math.max(LEAST_WINDOW, window));
    this.#progress = START;
  }

  /** Goes on, or throws: the packet has not come, or cannot be. */
  #stop(bytes: ByteQueue, reader: PacketReader, thrown: unknown): void {
    const { passed, progress } = reader;
    take(bytes, passed);
    if (thrown !== SHORT) {
      throw thrown instanceof Refusal
        ? malformedPacket(thrown, { recoverable: false })
        : thrown;
    }
    this.#progress = progress;
  }

  finish(bytes: ByteQueue): undefined {
    const { before, needed, mark } = this.#progress;
    const received = before + bytes.length;
    if (received === 0) return undefined;
    const size = before + needed;
    const isKnown = mark < 0 && Number.isSafeInteger(size);
    throw unexpectedEof(received, isKnown ? size : undefined);
  }
}

/** Takes what was read, as there may be views of it. A field may have emptied the queue. */
function take(bytes: ByteQueue, size: number): void {
  bytes.take(Math.min(size, bytes.length));
}

/** Appends packets that are whole, with nothing around them. */
export function plainEncoder(limit: number): Encoder<Uint8Array> {
  return {
    encode(packet: Uint8Array, out: ByteWriter): void {
      checkSize(packet.length, limit);
      out.write(packet);
    },
  };
}
