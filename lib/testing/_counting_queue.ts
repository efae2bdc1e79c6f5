/**
 * A queue that counts what a decoder asks of it.
 *
 * @module
 */

import { ByteQueue } from "../bytes/byte_queue.ts";

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

  #count(work: number): void {
    this.work += work;
    if (this.work > this.limit) this.onLimit();
  }

  override get revision(): number {
    this.#count(1);
    return super.revision;
  }

  override get length(): number {
    this.#count(1);
    return super.length;
  }

  override at(index: number): number {
    this.#count(1);
    return super.at(index);
  }

  override uintAt(
    index: number,
    width: number,
    littleEndian?: boolean,
  ): number {
    this.#count(1);
    return super.uintAt(index, width, littleEndian);
  }

  override take(length: number): Uint8Array {
    const bytes = super.take(length);
    this.#count(1 + length);
    return bytes;
  }

  override takeInto(target: Uint8Array): number {
    const length = super.takeInto(target);
    this.#count(1 + length);
    return length;
  }

  override skip(length: number): void {
    this.#count(1);
    super.skip(length);
  }

  override peek(length: number): Uint8Array {
    const bytes = super.peek(length);
    this.#count(1 + length);
    return bytes;
  }

  override peekChunk(most?: number): Uint8Array {
    const bytes = super.peekChunk(most);
    this.#count(1 + bytes.length);
    return bytes;
  }

  override indexOf(needle: number | Uint8Array): number {
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
    this.#count(Math.max(1, until - Math.max(revision, before)));
    return found;
  }

  override append(bytes: Uint8Array): void {
    this.#count(1 + bytes.length);
    super.append(bytes);
  }

  override prepend(bytes: Uint8Array): void {
    this.#count(1 + bytes.length);
    super.prepend(bytes);
  }
}
