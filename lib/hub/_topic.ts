/**
 * One topic of one hub: its members, and what was published to it in this turn.
 *
 * Frames that are published in one turn of the event loop leave together: they are joined
 * once, and each member that keeps up gets them in one system call. A member that is slow
 * gets them one by one in its queue.
 *
 * @module
 */

import { checkMethods } from "../_check.ts";
import { guard } from "../_guard.ts";
import {
  type Flushable,
  flushSoon,
  noteWrite,
} from "../socket/flush_scheduler.ts";
import { ENVELOPE_BYTES, readEnvelope } from "./_envelope.ts";
import type { FlushOrder } from "./_flush_order.ts";
import type { SharedBytes } from "./_frame_queue.ts";
import type { AnyMember, MemberContext, MemberTopic } from "./_member.ts";
import { IncomingSequences } from "./_sequences.ts";
import { observed } from "../socket/observed.ts";
import type { Engine, EngineGap, EngineSubscription } from "./engine.ts";
import type { HubGap } from "./hub_options.ts";

/** What is published in one turn leaves at once from here on. */
const FLUSH_BYTES = 64 * 1024;

/** What the topics of one hub share. */
export interface TopicContext extends MemberContext {
  /** Who this hub is among the publishers of an engine. */
  readonly publisher: number;
  readonly order: FlushOrder;
  /** Called once, when the topic has no members any more. */
  onEmpty(topic: Topic): void;
}

/** A frame that was published, and the member that does not get it. */
interface PublishedFrame extends SharedBytes {
  readonly except: AnyMember | undefined;
}

/** A member of a topic. */
export class TopicMember implements MemberTopic {
  readonly topic: Topic;
  readonly member: AnyMember;
  readonly onDropped: ((count: number) => void) | undefined;
  dropped = 0;
  untold = 0;

  constructor(
    topic: Topic,
    member: AnyMember,
    onDropped: ((count: number) => void) | undefined,
  ) {
    this.topic = topic;
    this.member = member;
    this.onDropped = onDropped;
  }

  leave(): void {
    this.topic.remove(this);
  }
}

/** The members of one topic. */
export class Topic implements Flushable {
  readonly name: string;
  readonly #context: TopicContext;
  readonly #members = new Map<AnyMember, TopicMember>();
  /** Those who joined while what was published before them is delivered. */
  #joining: TopicMember[] = [];
  #pending: PublishedFrame[] = [];
  /** Where in there the first is that was not handed out. */
  #first = 0;
  #pendingBytes = 0;
  /** Frames that were published so far. */
  #published = 0;
  #isScheduled = false;
  #isFlushing = false;
  /** While `open` runs, the topic stays although it has no members. */
  #isOpening = true;
  #isClosed = false;
  #subscription: EngineSubscription | undefined;
  readonly #incoming = new IncomingSequences();
  /** Settles when the engine has subscribed; absent without an engine. */
  readonly #ready: PromiseWithResolvers<void> | undefined;

  constructor(name: string, context: TopicContext) {
    this.name = name;
    this.#context = context;
    if (context.settings.engine !== undefined) {
      this.#ready = Promise.withResolvers();
      observed(this.#ready.promise);
    }
  }

  /**
   * Subscribes at the engine, which may call hooks meanwhile; they can already join and
   * leave this topic. Follow with {@linkcode Topic.add} or {@linkcode Topic.endIfEmpty}.
   *
   * @throws {unknown} What the engine throws.
   */
  open(): void {
    const { engine } = this.#context.settings;
    try {
      if (engine !== undefined) this.#subscribe(engine);
    } catch (error) {
      this.#ready?.reject(error);
      throw error;
    } finally {
      this.#isOpening = false;
    }
  }

  #subscribe(engine: Engine): void {
    const subscription = engine.subscribe(
      this.name,
      (data) => this.#onMessage(data),
      { onGap: (gap) => this.#onEngineGap(gap) },
    );
    const what = "what subscribe() gives";
    checkMethods("subscribe", what, subscription, ["close"]);
    this.#subscription = subscription;
    this.#ready!.resolve(subscription.ready);
    this.ready.catch((cause) => this.#onEngineGap({ reason: "ended", cause }));
  }

  /** Settles when what other hubs publish arrives here. */
  get ready(): Promise<void> {
    return this.#ready?.promise ?? DONE;
  }

  // ---- members ------------------------------------------------------------

  /** What was published before is not for the new member. */
  add(
    member: AnyMember,
    onDropped: ((count: number) => void) | undefined,
  ): TopicMember {
    const joined = new TopicMember(this, member, onDropped);
    // First: hooks of other members may end what has no member any more.
    this.#joining.push(joined);
    member.addTopic(joined);
    this.flush();
    if (!this.#isFlushing) this.#admitJoining();
    return joined;
  }

  has(member: AnyMember): boolean {
    return this.#members.has(member) ||
      this.#joining.some((each) => each.member === member);
  }

  /** What was published before is still for the member. */
  remove(left: TopicMember): void {
    if (this.#members.get(left.member) === left) {
      if (!left.member.hasFailed) this.flush();
      // A hook may have left the topic meanwhile.
      if (this.#members.get(left.member) !== left) return;
      this.#members.delete(left.member);
    } else if (this.#joining.includes(left)) {
      this.#joining = this.#joining.filter((each) => each !== left);
    } else {
      return;
    }
    left.member.removeTopic(left);
    this.endIfEmpty();
  }

  /** Ends it unless it has members. */
  endIfEmpty(): void {
    if (this.#isOpening || this.#members.size + this.#joining.length > 0) {
      return;
    }
    this.#close();
  }

  /** Ends all memberships. */
  clear(): void {
    for (const member of [...this.#members.values(), ...this.#joining]) {
      this.remove(member);
    }
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#context.onEmpty(this);
    guard(() => this.#subscription?.close());
  }

  // ---- what is published --------------------------------------------------

  /**
   * Puts a frame behind those that were published before. No hook is called. Follow with
   * {@linkcode Topic.flushIfLarge}.
   *
   * @param bytes A frame, which does not change any more.
   */
  publish(bytes: Uint8Array, except: AnyMember | undefined): void {
    const { length } = bytes;
    if (length === 0) return;
    this.#published++;
    this.#pending.push({ length, segments: [bytes], except });
    this.#pendingBytes += length;
    noteWrite();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    flushSoon(this);
  }

  /** Frames that were published so far. */
  get published(): number {
    return this.#published;
  }

  /** Hands out what was published where it is as much as leaves in one write. */
  flushIfLarge(): void {
    if (this.#pendingBytes < FLUSH_BYTES || this.#context.order.isBusy) return;
    this.flush();
  }

  onFlush(): void {
    this.#isScheduled = false;
    this.flush();
  }

  /**
   * Hands what was published to the members.
   *
   * @param upTo How many frames of all that were {@linkcode Topic.published}.
   */
  flush(upTo: number = this.#published): void {
    const handedOut = this.#published - (this.#pending.length - this.#first);
    const count = upTo - handedOut;
    // A hook of a member may ask for it meanwhile: what it published comes next.
    if (count <= 0 || this.#isFlushing) return;
    const frames = this.#take(count);
    const { order } = this.#context;
    const isOutermost = order.enter();
    try {
      this.#handOut(frames);
    } finally {
      if (isOutermost) order.leave();
    }
  }

  #handOut(frames: PublishedFrame[]): void {
    this.#isFlushing = true;
    const slow: AnyMember[] = [];
    try {
      this.#deliver(frames, slow);
    } finally {
      this.#isFlushing = false;
    }
    if (this.#joining.length > 0) this.#admitJoining();
    for (const member of slow) member.pull();
  }

  /** Leaves those that stay where they are: thousands may be taken one by one. */
  #take(count: number): PublishedFrame[] {
    const pending = this.#pending;
    const first = this.#first;
    const end = first + count;
    if (end === pending.length) {
      this.#pending = [];
      this.#first = this.#pendingBytes = 0;
      return first === 0 ? pending : pending.slice(first);
    }
    this.#first = end;
    const frames = pending.slice(first, end);
    for (const { length } of frames) this.#pendingBytes -= length;
    return frames;
  }

  #admitJoining(): void {
    for (const joined of this.#joining) {
      this.#members.set(joined.member, joined);
    }
    this.#joining = [];
  }

  #deliver(frames: PublishedFrame[], slow: AnyMember[]): void {
    const { counters } = this.#context;
    const all = frames.length === 1 ? frames[0] : joinFrames(frames);
    const exceptions = frames.some(({ except }) => except !== undefined);
    for (const member of this.#members.keys()) {
      const isExcepted = exceptions &&
        frames.some(({ except }) => except === member);
      if (!isExcepted && member.send(all)) {
        counters.delivered += frames.length;
        continue;
      }
      const joined = this.#members.get(member)!;
      for (const frame of frames) {
        if (frame.except !== member) member.push(frame, joined);
      }
      slow.push(member);
    }
  }

  // ---- the engine ---------------------------------------------------------

  #onMessage(data: Uint8Array): void {
    if (this.#isClosed) return;
    const { counters, publisher, settings } = this.#context;
    // What is not bytes is refused, as the engine breaks its contract. (A Proxy of bytes
    // passes instanceof, and cannot be read.)
    const envelope = data instanceof Uint8Array && ArrayBuffer.isView(data)
      ? readEnvelope(data)
      : undefined;
    if (envelope?.publisher === publisher) return;
    const missing = envelope === undefined
      ? -1
      : this.#incoming.missing(envelope);
    // A frame that is too large for every member of this hub is lost as well.
    const isTooLarge = missing >= 0 &&
      data.length - ENVELOPE_BYTES > settings.maxQueuedBytes;
    const count = isTooLarge ? missing + 1 : missing;
    if (count > 0) {
      counters.lost += count;
      this.#tellGap({ topic: this.name, reason: "lost", count });
    }
    if (missing < 0 || isTooLarge) {
      counters.refused++;
      return;
    }
    // The hook `onGap` may have closed this topic.
    if (this.#isClosed) return;
    counters.received++;
    // The engine's memory is its own again when this returns. (`slice` of Node's `Buffer`,
    // which it may be, is a view.)
    const bytes = new Uint8Array(data.length - ENVELOPE_BYTES);
    bytes.set(data.subarray(ENVELOPE_BYTES));
    this.publish(bytes, undefined);
    this.flushIfLarge();
  }

  #onEngineGap(gap: EngineGap): void {
    if (!this.#isClosed) this.#tellGap({ ...gap, topic: this.name });
  }

  #tellGap(gap: HubGap): void {
    this.#context.counters.gaps++;
    const { onGap } = this.#context.settings;
    if (onGap !== undefined) guard(() => onGap(gap));
  }
}

const DONE = Promise.resolve();

/** All bytes in one piece: one system call for each member. */
function joinFrames(frames: readonly PublishedFrame[]): SharedBytes {
  const length = frames.reduce((length, frame) => length + frame.length, 0);
  const joined = new Uint8Array(length);
  let filled = 0;
  for (const { segments: [bytes] } of frames) {
    joined.set(bytes, filled);
    filled += bytes.length;
  }
  return { length, segments: [joined] };
}
