/**
 * One connection that frames are published to, and what waits for it.
 *
 * ```text
 *                     nothing waits, and nothing is on its way
 *   Topic.flush ----------------------------------------------> the socket's writer
 *        |                                                        ^
 *        +-- else --> FrameQueue (bounded) -- whenever the writer has nothing on its way
 *                         |                   and no frame of the member is half sent
 *                         +--> dropped
 * ```
 *
 * The bytes of a frame are shared by all members. The first way hands them to the transport
 * as they are, so a member that keeps up costs no copy and no allocation.
 *
 * @module
 */

import { guard } from "../_guard.ts";
import type { Codec, Encoder } from "../codec/codec.ts";
import { LimitError, TimeoutError } from "../errors.ts";
import { type Framed, type FramedParts, partsOf } from "../framed/framed.ts";
import { FrameQueue, type SharedBytes } from "./_frame_queue.ts";
import type { HubCounters, HubSettings } from "./hub_options.ts";

/** A frame from here on goes out by reference also where it has waited. */
const LARGE_FRAME_BYTES = 16 * 1024;

/** What a member knows of one of its topics. */
export interface MemberTopic {
  readonly onDropped: ((count: number) => void) | undefined;
  /** Frames that were dropped so far, and those of them that were not told yet. */
  dropped: number;
  untold: number;
  /** Hands out what was published in this turn, then ends the membership. */
  leave(): void;
}

/** What the members of one hub share. */
export interface MemberContext {
  readonly settings: HubSettings;
  readonly counters: HubCounters;
}

/** A member as its topics see it, whatever its frames are. */
export type AnyMember = Pick<
  Member<never>,
  "addTopic" | "removeTopic" | "send" | "push" | "pull" | "hasFailed"
>;

/** A connection, with all its topics. */
export class Member<Out> {
  readonly #context: MemberContext;
  readonly #framed: Framed<unknown, Out>;
  readonly #writer: FramedParts<unknown, Out>["halves"]["writer"];
  /** What the hub's frames are frames of. After a `switch` they wait. */
  readonly #codec: Codec<unknown, Out>;
  #isSwitched = false;
  /** Where it can be inside a frame that it takes in parts: then frames wait, too. */
  #partsEncoder: Encoder<Out> | undefined;
  /** None for a member that keeps up. */
  #queue: FrameQueue<MemberTopic> | undefined;
  readonly #topics = new Set<MemberTopic>();
  /** Called once, when it has no topic and nothing waits. */
  readonly #onDone: () => void;
  #isPulling = false;
  #isDone = false;

  constructor(
    framed: Framed<unknown, Out>,
    context: MemberContext,
    onDone: () => void,
  ) {
    const { codec, halves } = partsOf(framed);
    this.#framed = framed;
    this.#codec = codec;
    this.#writer = halves.writer;
    this.#context = context;
    this.onSwitch();
    this.#onDone = onDone;
    this.#writer.addSource(this);
  }

  /** How many topics it has joined. */
  get topics(): number {
    return this.#topics.size;
  }

  /** Whether it gets nothing any more, whatever was published. */
  get hasFailed(): boolean {
    return this.#writer.failure !== undefined;
  }

  addTopic(topic: MemberTopic): void {
    this.#topics.add(topic);
  }

  /** What waits is still sent: it was published before. */
  removeTopic(topic: MemberTopic): void {
    this.#topics.delete(topic);
    this.#tell(topic, this.#takeUntold(topic));
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#topics.size > 0 || this.#queue !== undefined) return;
    // A hook that was called on the way here may have led here first.
    if (this.#isDone) return;
    this.#isDone = true;
    this.#writer.removeSource(this);
    this.#onDone();
  }

  // ---- what is published --------------------------------------------------

  /** Whether a frame of the hub can come behind the last one of the member's own. */
  get #isBetweenFrames(): boolean {
    return !this.#isSwitched && this.#partsEncoder?.midFrame !== true;
  }

  /** Hands `bytes` to the transport at once, if nothing is before them. */
  send(bytes: SharedBytes): boolean {
    return this.#queue === undefined && this.#isBetweenFrames &&
      this.#writer.sendShared(bytes.segments, bytes.length);
  }

  /** Puts a frame behind those that wait. Follow with {@linkcode Member.pull}. */
  push(frame: SharedBytes, topic: MemberTopic): void {
    const { counters, settings: { onSlow } } = this.#context;
    // Another frame of the same turn has disconnected it.
    if (this.#isDone) {
      counters.discarded++;
      return;
    }
    let queue = this.#queue ??= new FrameQueue();
    while (this.#isFull(queue, frame)) {
      if (onSlow === "disconnect") return this.#disconnect(queue, topic);
      if (onSlow === "drop-newest") return this.#noteDropped(topic);
      this.#noteDropped(queue.membership);
      this.#shift(queue);
      queue = this.#queue ??= new FrameQueue();
    }
    // Only what is dropped behind others is told later than the next frame.
    const dropped = onSlow === "drop-newest" ? topic.untold : 0;
    if (dropped > 0) topic.untold = 0;
    queue.push(frame, topic, dropped);
    counters.queuedFrames++;
    counters.queuedBytes += frame.length;
  }

  #isFull(queue: FrameQueue<MemberTopic>, frame: SharedBytes): boolean {
    const { maxQueuedFrames, maxQueuedBytes } = this.#context.settings;
    return queue.length >= maxQueuedFrames ||
      queue.bytes + frame.length > maxQueuedBytes;
  }

  /** Sends what waits, as far as that can be now, and the rest when it can. */
  pull(): void {
    if (this.#queue === undefined) return;
    this.#writer.pullLater();
    this.#writer.pull();
  }

  #shift(queue: FrameQueue<MemberTopic>): void {
    const { counters } = this.#context;
    counters.queuedFrames--;
    counters.queuedBytes -= queue.frame.length;
    queue.shift();
    // A member that keeps up again holds no memory.
    if (queue.length === 0) this.#queue = undefined;
  }

  #noteDropped(topic: MemberTopic): void {
    this.#context.counters.dropped++;
    topic.dropped++;
    topic.untold++;
  }

  #disconnect(queue: FrameQueue<MemberTopic>, topic: MemberTopic): void {
    this.#noteDropped(topic);
    this.#context.counters.disconnected++;
    const { settings: { maxQueuedFrames, maxQueuedBytes } } = this.#context;
    const [option, limit] = queue.length >= maxQueuedFrames
      ? ["maxQueuedFrames", maxQueuedFrames] as const
      : ["maxQueuedBytes", maxQueuedBytes] as const;
    const { halves } = partsOf(this.#framed);
    halves.expire(
      new LimitError(
        option,
        limit,
        `Cannot publish to a member: more than ${
          option === "maxQueuedFrames" ? `${limit} frames` : `${limit} bytes`
        } would wait for it (its peer reads too slowly)`,
        { operation: "publish", ...halves.addresses() },
      ),
    );
  }

  // ---- what the writer asks -----------------------------------------------

  onWritable(): void {
    if (this.#isPulling) return;
    this.#isPulling = true;
    try {
      this.#append();
    } finally {
      this.#isPulling = false;
    }
    if (this.#queue !== undefined) {
      this.#writer.pullLater();
      return;
    }
    // With `drop-newest` what was dropped last may stand behind all that waited.
    for (const topic of this.#topics) {
      this.#tell(topic, this.#takeUntold(topic));
    }
    this.#endIfDone();
  }

  /** Appends one frame at least, and others while there is room. */
  #append(): void {
    const writer = this.#writer;
    let appended = false;
    while (writer.isWritable && this.#isBetweenFrames) {
      const queue = this.#queue;
      if (queue === undefined) return;
      const { frame, membership: topic } = queue;
      const dropped = queue.takeDropped() + this.#takeUntoldBefore(topic);
      if (dropped > 0) {
        // It may send, which comes before the frame, or end all of this.
        this.#tell(topic, dropped);
        continue;
      }
      const alone = !appended &&
        (queue.length === 1 || frame.length >= LARGE_FRAME_BYTES);
      if (alone && writer.sendShared(frame.segments, frame.length)) {
        this.#delivered(queue);
        return;
      }
      if (appended && frame.length > writer.room) return;
      for (const segment of frame.segments) writer.message.write(segment);
      this.#delivered(queue);
      appended = true;
    }
  }

  #delivered(queue: FrameQueue<MemberTopic>): void {
    this.#context.counters.delivered++;
    this.#shift(queue);
  }

  /** Those that were dropped before the first frame of `topic` that waits. */
  #takeUntoldBefore(topic: MemberTopic): number {
    return this.#context.settings.onSlow === "drop-newest"
      ? 0
      : this.#takeUntold(topic);
  }

  #takeUntold(topic: MemberTopic): number {
    const { untold } = topic;
    topic.untold = 0;
    return untold;
  }

  #tell(topic: MemberTopic, count: number): void {
    const { onDropped } = topic;
    if (count > 0 && onDropped !== undefined) guard(() => onDropped(count));
  }

  onSwitch(): void {
    const { codec, encoder } = partsOf(this.#framed);
    this.#isSwitched = codec !== this.#codec;
    this.#partsEncoder = "midFrame" in encoder ? encoder : undefined;
  }

  /** Nothing can be sent any more after what is appended here. */
  onEnd(): void {
    const writer = this.#writer;
    const { failure } = writer;
    const hasStalled = this.#topics.size > 0 && failure instanceof TimeoutError;
    for (const topic of this.#topics) topic.leave();
    const isLast = writer.isOpen && this.#isBetweenFrames;
    for (let queue; (queue = this.#queue) !== undefined;) {
      if (isLast) {
        for (const bytes of queue.frame.segments) writer.message.write(bytes);
        this.#delivered(queue);
      } else {
        this.#context.counters.discarded++;
        this.#shift(queue);
      }
    }
    this.#endIfDone();
    // The handler may only read, and the peer would not notice that it is no member any
    // more.
    if (hasStalled) {
      this.#context.counters.disconnected++;
      partsOf(this.#framed).halves.expire(failure);
    }
  }
}
