/**
 * The reading half of a socket: every way to ask for bytes.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import { FrameTooLargeError, UnexpectedEofError } from "../errors.ts";
import type { CallOptions } from "../time/call_limits.ts";
import { Intake } from "./_intake.ts";
import { checkBytes, checkNumber } from "./options.ts";
import type { Poll } from "./poll.ts";

const text = new TextDecoder("utf-8", { ignoreBOM: true });
const utf8 = new TextEncoder();
const MAX_BUFFER_BYTES = 16 * 1024 * 1024;
const LF = 10;
const CR = 13;

const pollChunk: Poll<Uint8Array | null, ByteQueue> = (ended, queue) => {
  if (queue.length > 0) return queue.takeChunk();
  return ended ? null : undefined;
};

/** The calls that a socket offers to its reader, each of them a {@linkcode Poll}. */
export class Reader extends Intake {
  #delimiter: { text: string; bytes: Uint8Array } | undefined;

  read(options?: CallOptions): Promise<Uint8Array | null> {
    return this.run("read", options, pollChunk, this.queue);
  }

  readInto(
    target: Uint8Array,
    options?: CallOptions,
  ): Promise<number | null> {
    const { queue } = this;
    try {
      checkBytes("readInto", "target", target);
    } catch (error) {
      return Promise.reject(error);
    }
    if (options === undefined && target.length > 0) {
      const direct = this.runDirect("readInto", target, false);
      if (direct !== undefined) return direct;
    }
    return this.run("readInto", options, (ended) => {
      if (target.length === 0) return 0;
      if (queue.length > 0) return queue.takeInto(target);
      return ended ? null : undefined;
    }, undefined);
  }

  /**
   * As `readInto`, for an array that nobody misses where a limit or `interrupt` cuts
   * the call off: the transport may fill it afterwards.
   */
  fill(target: Uint8Array): Promise<number | null> {
    return this.runDirect("read", target, true) ?? this.readInto(target);
  }

  readExactly(length: number, options?: CallOptions): Promise<Uint8Array> {
    const { queue } = this;
    return this.run("readExactly", options, (ended) => {
      this.#checkLength("readExactly", length);
      if (queue.length >= length) return queue.take(length);
      if (ended) this.#endedEarly("readExactly", length);
      return undefined;
    }, undefined);
  }

  peek(length: number, options?: CallOptions): Promise<Uint8Array> {
    const { queue } = this;
    return this.run("peek", options, (ended) => {
      this.#checkLength("peek", length);
      if (queue.length < length && !ended) return undefined;
      // A copy: the bytes stay in the queue, and the caller may do as he likes.
      return queue.peek(Math.min(length, queue.length)).slice();
    }, undefined);
  }

  readUntil(
    delimiter: Uint8Array | string,
    options?: CallOptions & { maxBytes?: number },
  ): Promise<Uint8Array> {
    const { queue } = this;
    return this.run("readUntil", options, (ended) => {
      const bytes = this.#delimiterBytes(delimiter);
      const end = this.#find("readUntil", bytes, bytes.length, options);
      if (end !== undefined) return queue.take(end);
      if (ended) this.#endedEarly("readUntil", undefined);
      return undefined;
    }, undefined);
  }

  readLine(
    options?: CallOptions & { maxBytes?: number },
  ): Promise<string | null> {
    const { queue } = this;
    return this.run("readLine", options, (ended) => {
      const end = this.#find("readLine", LF, 1, options);
      if (end === undefined) {
        if (!ended) return undefined;
        // A last line without an ending counts.
        return queue.length === 0 ? null : text.decode(queue.takeAll());
      }
      let length = end - 1;
      if (length > 0 && queue.at(length - 1) === CR) length--;
      const line = text.decode(queue.peek(length));
      queue.skip(end);
      return line;
    }, undefined);
  }

  /** Where the first delimiter ends, or `undefined` when it has not come. */
  #find(
    operation: string,
    delimiter: number | Uint8Array,
    delimiterLength: number,
    options: { maxBytes?: number } | undefined,
  ): number | undefined {
    const maxBytes = options?.maxBytes ?? 64 * 1024;
    checkNumber(operation, "maxBytes", maxBytes, 1);
    const start = this.queue.indexOf(delimiter);
    const end = start + delimiterLength;
    if (start >= 0 && end <= maxBytes) return end;
    if (start >= 0 || this.queue.length >= maxBytes) {
      throw new FrameTooLargeError(maxBytes, start < 0 ? undefined : end, {
        operation,
        ...this.link.ends(),
      });
    }
    return undefined;
  }

  #delimiterBytes(delimiter: Uint8Array | string): Uint8Array {
    if (delimiter.length === 0) {
      throw new RangeError(
        "Cannot readUntil as the delimiter must be at least 1 byte long: current value is empty",
      );
    }
    if (typeof delimiter !== "string") {
      checkBytes("readUntil", "the delimiter, unless it is text,", delimiter);
      return delimiter;
    }
    // One array for one text, so that a search that missed is resumed.
    if (this.#delimiter?.text !== delimiter) {
      this.#delimiter = { text: delimiter, bytes: utf8.encode(delimiter) };
    }
    return this.#delimiter.bytes;
  }

  #checkLength(operation: string, length: number): void {
    const { maxBufferBytes: most = MAX_BUFFER_BYTES } = this.link.options;
    checkNumber(operation, "the length", length, 0);
    if (!(Number.isInteger(length) && length <= most)) {
      throw new RangeError(
        `Cannot ${operation} as the length must be an integer from 0 to ${most}: current value is ${length}`,
      );
    }
  }

  #endedEarly(operation: string, expected: number | undefined): never {
    const received = this.queue.length;
    throw new UnexpectedEofError(
      received,
      expected,
      `Cannot ${operation} as the peer ended the stream: ${received} bytes came` +
        (expected === undefined ? "" : `, ${expected} were due`),
      { operation, ...this.link.ends() },
    );
  }

  /** Puts bytes back at the front. */
  unread(bytes: Uint8Array): void {
    checkBytes("unread", "bytes", bytes);
    this.check("unread");
    this.queue.prepend(bytes);
  }
}
