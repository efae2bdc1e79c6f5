/**
 * What waits for one member.
 *
 * @module
 */

/** Bytes that many members share. */
export interface SharedBytes {
  readonly length: number;
  /** The bytes, as the writers of sockets take them. */
  readonly segments: readonly Uint8Array[];
}

/** Places that are made in one go, at first. */
const FIRST_PLACES = 8;

/**
 * Frames in order, each with the membership that it is for. They are shared with all other
 * members: a place costs two references, and there are no more places than were needed.
 */
export class FrameQueue<Membership> {
  // Both are rings of the same size, a power of two.
  #frames: (SharedBytes | undefined)[] = [];
  #memberships: (Membership | undefined)[] = [];
  /** Frames ever shifted, and ever pushed. */
  #shifted = 0;
  #pushed = 0;
  /** How many were dropped before a frame, by its number. Mostly none. */
  #droppedBefore: Map<number, number> | undefined;
  /** Bytes of all frames. */
  bytes = 0;

  /** Frames in it. */
  get length(): number {
    return this.#pushed - this.#shifted;
  }

  /** @param dropped Frames of the same membership that were dropped before this one. */
  push(frame: SharedBytes, membership: Membership, dropped: number): void {
    if (this.length === this.#frames.length) this.#grow();
    const place = this.#pushed & (this.#frames.length - 1);
    this.#frames[place] = frame;
    this.#memberships[place] = membership;
    this.bytes += frame.length;
    if (dropped > 0) {
      (this.#droppedBefore ??= new Map()).set(this.#pushed, dropped);
    }
    this.#pushed++;
  }

  #grow(): void {
    const { length } = this;
    const frames = this.#frames;
    const memberships = this.#memberships;
    const size = Math.max(FIRST_PLACES, length * 2);
    this.#frames = new Array(size);
    this.#memberships = new Array(size);
    for (let i = 0; i < length; i++) {
      const from = (this.#shifted + i) & (length - 1);
      const to = (this.#shifted + i) & (size - 1);
      this.#frames[to] = frames[from];
      this.#memberships[to] = memberships[from];
    }
  }

  /** The first frame, and whose it is: there must be one. */
  get frame(): SharedBytes {
    return this.#frames[this.#shifted & (this.#frames.length - 1)]!;
  }
  get membership(): Membership {
    return this.#memberships[this.#shifted & (this.#frames.length - 1)]!;
  }

  /** Takes the number of those that were dropped before the first frame. */
  takeDropped(): number {
    const dropped = this.#droppedBefore?.get(this.#shifted);
    if (dropped === undefined) return 0;
    this.#droppedBefore!.delete(this.#shifted);
    return dropped;
  }

  /** Takes the first frame off: there must be one. */
  shift(): void {
    const place = this.#shifted & (this.#frames.length - 1);
    this.bytes -= this.#frames[place]!.length;
    this.#frames[place] = this.#memberships[place] = undefined;
    this.#shifted++;
  }
}
