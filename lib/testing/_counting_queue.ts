/**
 * A queue that counts what a decoder asks of it.
 *
 * @module
 */

import { ByteQueue } from "../bytes/byte_queue.ts";

/** How numbers are read, under the names that a `DataView` has for them. */
const NUMBER_READS = [
  "getUint8",
  "getInt8",
  "getUint16",
  "getInt16",
  "getUint32",
  "getInt32",
  "getBigUint64",
  "getBigInt64",
  "getFloat16",
  "getFloat32",
  "getFloat64",
] as const;

/** Needles that a queue remembers: a search for one of them goes on where the last stopped. */
const REMEMBERED_NEEDLES = 16;

/**
 * Counts one for each operation, and one for each byte that it looks at, copies or hands
 * out. So the same bytes always cost the same, on a busy machine, too.
 */
export class CountingQueue extends ByteQueue {
  /** Operations and bytes so far. */
  work = 0;
  /** At how much work an operation throws; it is set for each call of a decoder. */
  limit = Infinity;
  /** What it throws. */
  onLimit: () => never = () => {
    throw new RangeError(`Cannot do more than ${this.limit} operations`);
  };
  /** Up to which revision was searched, for what; the latest last. */
  readonly #searched = new Map<string, number>();

  /**
   * Counts an operation that is over, and not those that it is made of: where a frame
   * lies in memory must not matter.
   *
   * @param before What was counted before it.
   */
  #count(before: number, work: number): void {
    this.work = before + work;
    if (this.work > this.limit) this.onLimit();
  }

  override get revision(): number {
    this.#count(this.work, 1);
    return super.revision;
  }

  override get length(): number {
    this.#count(this.work, 1);
    return super.length;
  }

  override at(index: number): number {
    const { work } = this;
    const byte = super.at(index);
    this.#count(work, 1);
    return byte;
  }

  override uintAt(
    index: number,
    width: number,
    littleEndian?: boolean,
  ): number {
    const { work } = this;
    const value = super.uintAt(index, width, littleEndian);
    this.#count(work, 1);
    return value;
  }

  static {
    for (const name of NUMBER_READS) {
      const read = ByteQueue.prototype[name] as (
        index: number,
        littleEndian?: boolean,
      ) => unknown;
      this.prototype[name] = function (
        this: CountingQueue,
        index: number,
        littleEndian?: boolean,
      ): never {
        const { work } = this;
        const value = read.call(this, index, littleEndian);
        this.#count(work, 1);
        return value as never;
      };
    }
  }

  override take(length: number): Uint8Array<ArrayBuffer> {
    const { work } = this;
    const bytes = super.take(length);
    this.#count(work, 1 + length);
    return bytes;
  }

  override takeInto(target: Uint8Array): number {
    const { work } = this;
    const length = super.takeInto(target);
    this.#count(work, 1 + length);
    return length;
  }

  override skip(length: number): void {
    const { work } = this;
    super.skip(length);
    this.#count(work, 1);
  }

  override peek(length: number): Uint8Array<ArrayBuffer> {
    const { work } = this;
    const bytes = super.peek(length);
    this.#count(work, 1 + length);
    return bytes;
  }

  override peekChunk(most?: number, index?: number): Uint8Array<ArrayBuffer> {
    const { work } = this;
    const bytes = super.peekChunk(most, index);
    this.#count(work, 1 + bytes.length);
    return bytes;
  }

  override indexOf(needle: number | Uint8Array): number {
    const { work } = this;
    const found = super.indexOf(needle);
    const { revision } = this;
    const until = revision + (found < 0 ? this.length : found);
    const key = String(needle);
    const before = this.#searched.get(key) ?? 0;
    this.#searched.delete(key);
    this.#searched.set(key, until);
    if (this.#searched.size > REMEMBERED_NEEDLES) {
      const [oldest] = this.#searched.keys();
      this.#searched.delete(oldest);
    }
    this.#count(work, 1 + Math.max(0, until - Math.max(revision, before)));
    return found;
  }

  override append(bytes: Uint8Array): void {
    const { work } = this;
    super.append(bytes);
    this.#count(work, 1 + bytes.length);
  }

  override prepend(bytes: Uint8Array): void {
    const { work } = this;
    super.prepend(bytes);
    this.#count(work, 1 + bytes.length);
  }
}
