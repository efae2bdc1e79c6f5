/**
 * What was heard of a room so far, and so what is missing.
 *
 * Each server numbers what is said through it, room by room. What one has heard is then
 * the last number of each server, whatever the order in which their lines came.
 *
 * @module
 */

/** Servers that are remembered; the one that was silent for longest is forgotten. */
const MAX_PUBLISHERS = 32;

/** The longest text of one: every entry as long as can be. */
const ENTRY = /^([a-z0-9]{1,12})\.(\d{1,15})$/;

/** A number of a server, as text: `k3v9x2ab.17`. */
export function formatMark(publisher: string, sequence: number): string {
  return `${publisher}.${sequence}`;
}

/** What {@linkcode formatMark} makes; undefined for anything else. */
export function parseMark(
  text: string,
): [publisher: string, sequence: number] | undefined {
  const [, publisher, sequence] = ENTRY.exec(text) ?? [];
  return publisher === undefined ? undefined : [publisher, Number(sequence)];
}

/** A name that no other server has for a room. */
export function newPublisher(): string {
  const random = crypto.getRandomValues(new Uint32Array(2));
  return Array.from(random, (each) => each.toString(36)).join("").slice(0, 12);
}

/** The last number of each server. */
export class Position {
  readonly #last = new Map<string, number>();

  /** Reads what `toString` wrote; entries that are none are left out. */
  static parse(text: string): Position {
    const position = new Position();
    for (const entry of text.split(",").slice(0, MAX_PUBLISHERS)) {
      const mark = parseMark(entry);
      if (mark !== undefined) position.see(...mark);
    }
    return position;
  }

  /** The last number of a server, 0 where nothing is known of it. */
  last(publisher: string): number {
    return this.#last.get(publisher) ?? 0;
  }

  /** Whether anything of a server is known. */
  has(publisher: string): boolean {
    return this.#last.has(publisher);
  }

  /**
   * Notes that a number was heard.
   *
   * @returns How many are missing before it; -1 if it was heard before.
   */
  see(publisher: string, sequence: number): number {
    const last = this.last(publisher);
    if (sequence <= last) return -1;
    this.#last.delete(publisher);
    this.#last.set(publisher, sequence);
    if (this.#last.size > MAX_PUBLISHERS) {
      for (const silent of this.#last.keys()) {
        this.#last.delete(silent);
        break;
      }
    }
    return sequence - last - 1;
  }

  /** Takes what others say of servers that nothing is known of. */
  startAt(other: Position): void {
    for (const [publisher, sequence] of other) {
      if (!this.has(publisher)) this.see(publisher, sequence);
    }
  }

  /**
   * Notes that all up to another position was heard, or never will be.
   *
   * @returns How many are missing.
   */
  reach(other: Position): number {
    let missing = 0;
    for (const [publisher, sequence] of other) {
      missing += this.see(publisher, sequence) + 1;
    }
    return missing;
  }

  /** All of them, that of the server which was silent for longest first. */
  [Symbol.iterator](): IterableIterator<[string, number]> {
    return this.#last.entries();
  }

  /** As text without a blank: `k3v9x2ab.17,9qk2m1zz.4`; `-` where nothing is known. */
  toString(): string {
    return Array.from(this, (entry) => formatMark(...entry)).join(",") ||
      "-";
  }
}
