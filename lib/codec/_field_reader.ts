/**
 * Where a packet is read from.
 *
 * @module
 */

import { MalformedFrameError } from "../errors.ts";
import { show } from "../_check.ts";

const NOTHING = new Uint8Array(0);
const NO_VIEW = new DataView(NOTHING.buffer);
/** Larger memory is not kept alive for the sake of its DataView. */
const KEPT_BYTES = 1024 * 1024;

/**
 * A position in a frame. A DataView costs more than all else about a small packet,
 * so one is kept for the whole slab that frames are views of.
 */
export class FieldReader {
  frame: Uint8Array = NOTHING;
  view: DataView = NO_VIEW;
  /** Positions in `view`, not in `frame`. */
  position = 0;
  end = 0;
  /** Values of arrays so far: see {@linkcode FieldReader.countItems}. */
  items = 0;

  /** Begins to read `frame`. */
  open(frame: Uint8Array): void {
    if (frame.buffer !== this.view.buffer) {
      this.view = new DataView(frame.buffer);
    }
    this.frame = frame;
    this.position = frame.byteOffset;
    this.end = this.position + frame.byteLength;
    this.items = 0;
  }

  /** Lets go of large memory. */
  close(): void {
    this.frame = NOTHING;
    if (this.view.byteLength > KEPT_BYTES) this.view = NO_VIEW;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.end - this.position;
  }

  /** Refuses to read past the frame. */
  need(count: number, name: string): void {
    if (count > this.end - this.position) {
      throw this.malformed(
        name,
        `have its ${count} bytes within the frame`,
        `${this.left} bytes left`,
      );
    }
  }

  /**
   * Adds `count` values of an array which began when `before` of the frame's were
   * counted; refuses more than `most` in it and in the arrays inside it together.
   */
  countItems(count: number, before: number, most: number, name: string): void {
    this.items += count;
    const items = this.items - before;
    if (items > most) {
      throw this.malformed(name, `have at most ${most} values`, `${items}`);
    }
  }

  /** Takes the next `count` bytes, a view. */
  take(count: number, name: string): Uint8Array {
    this.need(count, name);
    const start = this.position;
    this.position += count;
    return new Uint8Array(this.frame.buffer, start, count);
  }

  /** The error for a field that is not what it must be. The frame as such is whole. */
  malformed(
    name: string,
    must: string,
    value: unknown,
    cause?: unknown,
  ): MalformedFrameError {
    return new MalformedFrameError(
      `Cannot decode: field ${show(name)} must ${must}, got ${String(value)}`,
      { frame: this.frame, recoverable: true, operation: "decode", cause },
    );
  }
}
