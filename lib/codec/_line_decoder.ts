/**
 * The decoder of `lines`.
 *
 * @module
 */

import type { ByteQueue } from "../bytes/byte_queue.ts";
import { show } from "../_check.ts";
import { FrameTooLargeError, MalformedFrameError } from "../errors.ts";
import type { Decoder } from "./codec.ts";
import type { TextEncoding } from "./text_encoding.ts";
import {
  type DelimitedOversizePolicy,
  type EofPolicy,
  type OversizeOptions,
  reportOversize,
  unexpectedEof,
} from "./policy.ts";

const LF = 10;
const CR = 13;
/** Bytes that are turned into text in one go: for short lines, and at most. */
const WINDOW_BYTES = 32_768;
const MAX_WINDOW_BYTES = 65_536;
/** As many long lines make a window. */
const WINDOW_LINES = 64;

/** For lines that lie in two slabs; decoding never waits, so all decoders share it. */
const SCRATCH = /* @__PURE__ */ new Uint8Array(4_096);

/** What a {@linkcode LineDecoder} needs to know. */
export interface LineSettings {
  /** Whether only CR LF ends a line, and neither may occur alone. */
  readonly strict: boolean;
  readonly most: number;
  readonly oversize: DelimitedOversizePolicy;
  readonly onOversize: OversizeOptions["onOversize"];
  readonly atEof: EofPolicy;
}

/**
 * Cuts text into lines.
 *
 * A call into TextDecoder costs as much for one line as for a page. So all lines
 * of a window are decoded together, ahead of the queue, and handed out one by one
 * while their bytes are skipped. The queue's `revision` tells which part of the
 * window is still at its front. Anything unusual in a window (a line that is too
 * large, bad text, a stray CR or LF) ends its use: its lines are then taken singly,
 * where every policy is applied. So where a window begins and ends, which the peer
 * chooses by cutting its bytes, makes no difference to what comes out.
 */
export class LineDecoder implements Decoder<string> {
  readonly #encoding: TextEncoding;
  readonly #settings: LineSettings;
  readonly #strict: boolean;
  readonly #most: number;

  /** A window in which each character is one byte and each line is fine as it is. */
  #plain = "";
  /** The queue's revision at its first character. */
  #plainAt = 0;

  /** Any other window, and where in it the next line begins. */
  #window = "";
  #next = 0;
  /** Whether each of its characters is one byte. */
  #aligned = false;
  /** The queue's revision at that place; -1 for no window. */
  #due = -1;
  /** The queue's revision at the window's end. */
  #windowEnd = 0;
  /** Up to this revision of the queue, lines are taken singly. */
  #singlyUntil = 0;

  /** Whether the rest of a line that is too large is being dropped. */
  #dropping = false;
  #dropped = 0;

  constructor(encoding: TextEncoding, settings: LineSettings) {
    this.#encoding = encoding;
    this.#settings = settings;
    this.#strict = settings.strict;
    this.#most = settings.most;
  }

  get midFrame(): boolean {
    return this.#dropping;
  }

  decode(bytes: ByteQueue): string | undefined {
    // The common case in as few steps as can be: most of its cost is the engine's.
    const text = this.#plain;
    const start = bytes.revision - this.#plainAt;
    if (start >= text.length) {
      return (this.#due < 0 ? undefined : this.#fromWindow(bytes)) ??
        this.#decode(bytes);
    }
    const end = text.indexOf("\n", start);
    bytes.skip(end + 1 - start);
    if (end + 1 === text.length) this.#plain = "";
    const cr = end > start && text.charCodeAt(end - 1) === CR ? 1 : 0;
    return text.slice(start, end - cr);
  }

  #decode(bytes: ByteQueue): string | undefined {
    // The rest of it may have been taken by other means.
    this.#plain = "";
    while (!this.#dropping || this.#drop(bytes)) {
      const end = bytes.indexOf(LF);
      if (end < 0) {
        if (
          bytes.length <= this.#most ||
          this.#content(bytes, bytes.length) <= this.#most
        ) {
          return undefined;
        }
      } else {
        if (this.#openWindow(bytes, end)) {
          const line = this.#due < 0
            ? this.decode(bytes)
            : this.#fromWindow(bytes);
          if (line !== undefined) return line;
        }
        const size = this.#content(bytes, end);
        if (size <= this.#most) return this.#takeLine(bytes, size, end);
      }
      const head = this.#refuse(bytes);
      if (head !== undefined) return head;
    }
    return undefined;
  }

  finish(bytes: ByteQueue): string | undefined {
    const { atEof } = this.#settings;
    const { length } = bytes;
    if (length === 0 && !this.#dropping) return undefined;
    if (atEof === "error") {
      throw unexpectedEof(length + this.#dropped, undefined);
    }
    if (atEof === "drop" || this.#dropping) {
      if (atEof === "drop") bytes.skip(length);
      else this.#dropContent(bytes, length);
      this.#dropping = false;
      this.#dropped = 0;
      return undefined;
    }
    // Strict lines keep a last CR, which is then refused.
    const size = this.#strict ? length : this.#content(bytes, length);
    const line = bytes.take(size);
    bytes.skip(length - size);
    return this.#toText(line);
  }

  /** Decodes all whole lines of the first piece, unless there is but one. */
  #openWindow(bytes: ByteQueue, end: number): boolean {
    const { revision } = bytes;
    if (revision < this.#singlyUntil) return false;
    const wanted = Math.max(WINDOW_BYTES, WINDOW_LINES * end);
    const chunk = bytes.peekChunk(Math.min(MAX_WINDOW_BYTES, wanted));
    const size = chunk.lastIndexOf(LF) + 1;
    if (size <= end + 1) return false;
    const text = this.#encoding.decodeLines(chunk.subarray(0, size));
    if (text === undefined) {
      this.#singlyUntil = revision + size;
      return false;
    }
    // No character is less than a byte: with as many of each, each is one.
    const aligned = text.length === size;
    if (aligned && !this.#strict && size <= this.#most) {
      this.#plain = text;
      this.#plainAt = revision;
    } else {
      this.#window = text;
      this.#next = 0;
      this.#aligned = aligned;
      this.#due = revision;
      this.#windowEnd = revision + size;
    }
    return true;
  }

  /** The window's next line, or `undefined` when the window is of no more use. */
  #fromWindow(bytes: ByteQueue): string | undefined {
    const window = this.#window;
    if (bytes.revision !== this.#due) return this.#closeWindow();
    const start = this.#next;
    const end = window.indexOf("\n", start);
    const size = this.#aligned ? end - start : bytes.indexOf(LF);
    const cr = end > start && window.charCodeAt(end - 1) === CR ? 1 : 0;
    if (
      size - cr > this.#most ||
      this.#strict && (cr === 0 || window.indexOf("\r", start) !== end - 1)
    ) {
      this.#singlyUntil = this.#windowEnd;
      return this.#closeWindow();
    }
    bytes.skip(size + 1);
    this.#due += size + 1;
    this.#next = end + 1;
    if (end + 1 === window.length) this.#closeWindow();
    return window.slice(start, end - cr);
  }

  #closeWindow(): undefined {
    this.#window = "";
    this.#due = -1;
  }

  /** Size of a line of `length` bytes without the CR that may be its last. */
  #content(bytes: ByteQueue, length: number): number {
    return length > 0 && bytes.at(length - 1) === CR ? length - 1 : length;
  }

  #takeLine(bytes: ByteQueue, size: number, end: number): string {
    // The bytes stay where they are until more are read: text needs no copy, and
    // a slab that was never lent is used again.
    let line = bytes.peekChunk(size);
    if (line.length < size) {
      line = size > SCRATCH.length
        ? new Uint8Array(size)
        : SCRATCH.subarray(0, size);
      bytes.takeInto(line);
    } else {
      bytes.skip(size);
    }
    bytes.skip(end + 1 - size);
    if (this.#strict && size === end) refuseStray("\n", line);
    return this.#toText(line);
  }

  #toText(line: Uint8Array): string {
    if (this.#strict && line.includes(CR)) refuseStray("\r", line);
    return this.#encoding.decodeFrame(line);
  }

  /** Throws, or begins to drop the line at the front; gives its head if truncating. */
  #refuse(bytes: ByteQueue): string | undefined {
    const { oversize, onOversize } = this.#settings;
    const most = this.#most;
    if (oversize === "fail") {
      throw new FrameTooLargeError(most, undefined, { operation: "decode" });
    }
    // All that uses the queue comes before the hook, which may ask for more, or close.
    this.#dropping = true;
    let taken: Uint8Array | undefined;
    if (oversize === "truncate") {
      // A frame takes at least a byte, also where it may have none.
      taken = bytes.take(Math.max(1, most));
      this.#dropped = taken.length;
    }
    reportOversize(onOversize, most, undefined);
    if (taken === undefined) return undefined;
    if (this.#strict && taken.includes(CR)) refuseStray("\r", taken);
    return this.#encoding.decodeHead(taken.subarray(0, most));
  }

  /** Drops what is there of a line that is too large: `true` at its end. */
  #drop(bytes: ByteQueue): boolean {
    const end = bytes.indexOf(LF);
    if (end < 0) {
      // The last byte stays: it may be the CR of a line ending.
      this.#dropContent(bytes, Math.max(0, bytes.length - 1));
      return false;
    }
    const size = this.#content(bytes, end);
    this.#dropContent(bytes, size);
    if (this.#strict && size === end) refuseStray("\n", undefined);
    bytes.skip(end + 1 - size);
    this.#dropping = false;
    this.#dropped = 0;
    return true;
  }

  /** Drops bytes of a line among which, if strict, there may be no CR. */
  #dropContent(bytes: ByteQueue, length: number): void {
    this.#dropped += length;
    if (!this.#strict) return bytes.skip(length);
    while (length > 0) {
      const chunk = bytes.peekChunk(length);
      const cr = chunk.indexOf(CR);
      bytes.skip(cr < 0 ? chunk.length : cr);
      if (cr >= 0) refuseStray("\r", undefined);
      length -= chunk.length;
    }
  }
}

function refuseStray(what: string, frame: Uint8Array | undefined): never {
  const ending = show("\r\n");
  throw new MalformedFrameError(
    `Cannot decode a line: it must end in ${ending}, got a lone ${show(what)}`,
    { frame: frame?.slice(), operation: "decode" },
  );
}
