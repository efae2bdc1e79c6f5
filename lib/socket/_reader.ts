/**
 * The reading half of a socket: every way to ask for bytes.
 *
 * @module
 */

import {
  checkBytes,
  checkInteger,
  checkLimit,
  checkNames,
  outOfRange,
  TEXT_OR_BYTES,
} from "../_check.ts";
import type { ByteQueue } from "../bytes/byte_queue.ts";
import { FrameTooLargeError, UnexpectedEofError } from "../errors.ts";
import type { CallOptions } from "../time/call_limits.ts";
import type { ConnectionContext } from "./_connection_context.ts";
import { ReadLoop, type Take } from "./_read_loop.ts";
import { READ_UNTIL_OPTION_NAMES } from "./check_options.ts";
import type { ReadUntilOptions } from "./options.ts";

const text = new TextDecoder("utf-8", { ignoreBOM: true });
const utf8 = new TextEncoder();
const MAX_BUFFER_BYTES = 16 * 1024 * 1024;
const LF = 10;
const CR = 13;

const takeChunk: Take<Uint8Array<ArrayBuffer> | null, ByteQueue> = (
  ended,
  queue,
) => {
  if (queue.length > 0) return queue.takeChunk();
  return ended ? null : undefined;
};

/** The calls that a socket offers, each of them a {@linkcode Take} for its read loop. */
export class Reader {
  readonly loop: ReadLoop;
  readonly #context: ConnectionContext;
  #delimiter: { text: string; bytes: Uint8Array } | undefined;

  constructor(context: ConnectionContext) {
    this.#context = context;
    this.loop = new ReadLoop(context);
  }

  read(options?: CallOptions): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.loop.run("read", options, takeChunk, this.loop.queue);
  }

  readInto(
    target: Uint8Array,
    options?: CallOptions,
  ): Promise<number | null> {
    const { queue } = this.loop;
    try {
      checkBytes("readInto", "target", target);
    } catch (error) {
      return Promise.reject(error);
    }
    if (options === undefined && target.length > 0) {
      const direct = this.loop.runDirect("readInto", target, false);
      if (direct !== undefined) return direct;
    }
    return this.loop.run("readInto", options, (ended) => {
      if (target.length === 0) return 0;
      if (queue.length > 0) return queue.takeInto(target);
      return ended ? null : undefined;
    }, undefined);
  }

  /**
   * As `readInto`, for an array that is not missed where a limit or `interrupt` cuts the
   * call off: the transport may fill it afterwards.
   */
  fill(target: Uint8Array): Promise<number | null> {
    return this.loop.runDirect("read", target, true) ?? this.readInto(target);
  }

  readExactly(
    length: number,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { queue } = this.loop;
    return this.loop.run("readExactly", options, (ended) => {
      this.#checkLength("readExactly", length);
      if (queue.length >= length) return queue.take(length);
      if (ended) this.#endedEarly("readExactly", length);
      return undefined;
    }, undefined);
  }

  peek(
    length: number,
    options?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { queue } = this.loop;
    return this.loop.run("peek", options, (ended) => {
      this.#checkLength("peek", length);
      if (queue.length < length && !ended) return undefined;
      // A copy: the bytes stay in the queue, and the caller may write to what it gets.
      return queue.peek(Math.min(length, queue.length)).slice();
    }, undefined);
  }

  readUntil(
    delimiter: Uint8Array | string,
    options?: ReadUntilOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { queue } = this.loop;
    try {
      checkOptionNames("readUntil", options);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.loop.run(
      "readUntil",
      options,
      (ended) => {
        const bytes = this.#delimiterBytes(delimiter);
        const end = this.#find("readUntil", bytes, bytes.length, options);
        if (end !== undefined) return queue.take(end);
        if (ended) this.#endedEarly("readUntil", undefined);
        return undefined;
      },
      undefined,
      READ_UNTIL_OPTION_NAMES,
    );
  }

  readLine(options?: ReadUntilOptions): Promise<string | null> {
    const { queue } = this.loop;
    try {
      checkOptionNames("readLine", options);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.loop.run(
      "readLine",
      options,
      (ended) => {
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
      },
      undefined,
      READ_UNTIL_OPTION_NAMES,
    );
  }

  /** Where the first delimiter ends, or `undefined` when it has not come. */
  #find(
    operation: string,
    delimiter: number | Uint8Array,
    delimiterLength: number,
    options: { maxBytes?: number } | undefined,
  ): number | undefined {
    const maxBytes = options?.maxBytes ?? 64 * 1024;
    checkLimit(operation, "maxBytes", maxBytes, 1);
    const { queue } = this.loop;
    const start = queue.indexOf(delimiter);
    const end = start + delimiterLength;
    if (start >= 0 && end <= maxBytes) return end;
    if (start >= 0 || queue.length >= maxBytes) {
      // How large it would have been is not said: that depends on what has come so far.
      throw new FrameTooLargeError(maxBytes, undefined, {
        operation,
        ...this.#context.addresses(),
      });
    }
    return undefined;
  }

  #delimiterBytes(delimiter: Uint8Array | string): Uint8Array {
    if (typeof delimiter !== "string") {
      checkBytes("readUntil", "delimiter", delimiter, TEXT_OR_BYTES);
    }
    if (delimiter.length === 0) {
      const must = "at least 1 byte long";
      throw outOfRange("readUntil", "delimiter", must, delimiter);
    }
    if (typeof delimiter !== "string") return delimiter;
    // One array for one text, so that a search that missed is resumed.
    if (this.#delimiter?.text !== delimiter) {
      if (!delimiter.isWellFormed()) {
        const must = "text without lone surrogates";
        throw outOfRange("readUntil", "delimiter", must, delimiter);
      }
      this.#delimiter = { text: delimiter, bytes: utf8.encode(delimiter) };
    }
    return this.#delimiter.bytes;
  }

  #checkLength(operation: string, length: number): void {
    const { maxBufferBytes = MAX_BUFFER_BYTES } = this.#context.options;
    checkInteger(operation, "length", length, 0, maxBufferBytes);
  }

  #endedEarly(operation: string, expected: number | undefined): never {
    const received = this.loop.queue.length;
    throw new UnexpectedEofError(
      received,
      expected,
      `Cannot ${operation}: the peer ended the stream after ${received} ` +
        (expected === undefined
          ? "bytes, before the delimiter"
          : `of ${expected} bytes`),
      { operation, ...this.#context.addresses() },
    );
  }

  /** Puts bytes back at the front. */
  unread(bytes: Uint8Array): void {
    checkBytes("unread", "bytes", bytes);
    this.loop.check("unread");
    this.loop.queue.prepend(bytes);
  }
}

/**
 * A cap that was misspelt would be no cap. The loop is for every call, as `checkNames`
 * costs more than a call where each has options of its own.
 */
function checkOptionNames(
  operation: string,
  options: ReadUntilOptions | undefined,
): void {
  for (const name in options) {
    if (
      name === "maxBytes" || name === "timeoutMs" || name === "signal" ||
      name === "deadline"
    ) continue;
    checkNames(operation, "options", options, READ_UNTIL_OPTION_NAMES);
    return;
  }
}
