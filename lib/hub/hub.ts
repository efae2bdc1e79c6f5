/**
 * Publish and subscribe among the connections of a process, and of several.
 *
 * @module
 */

import { checkMethods, checkNames, messageOf, wrongKind } from "../_check.ts";
import { ByteWriter } from "../bytes/byte_writer.ts";
import type { Codec } from "../codec/codec.ts";
import { encodeFrame } from "../codec/encode_frame.ts";
import {
  BrokenError,
  BusyError,
  ClosedError,
  CodecError,
  FrameTooLargeError,
  LimitError,
  SocketError,
} from "../errors.ts";
import { type Framed, isFramed, partsOf } from "../framed/framed.ts";
import { observed } from "../socket/observed.ts";
import {
  type CallOptions,
  checkCall,
  checkCallNames,
  waitWithin,
} from "../time/call_limits.ts";
import { ENVELOPE_BYTES, newPublisher, writeEnvelope } from "./_envelope.ts";
import { FlushOrder } from "./_flush_order.ts";
import { Member } from "./_member.ts";
import { OutgoingSequences } from "./_sequences.ts";
import type { Engine } from "./engine.ts";
import { Topic, type TopicContext, type TopicMember } from "./_topic.ts";
import {
  checkJoinOptions,
  checkTopic,
  type HubCounters,
  type HubOptions,
  type HubSettings,
  hubSettings,
  type HubStats,
  type JoinOptions,
  PUBLISH_OPTION_NAMES,
  type PublishOptions,
} from "./hub_options.ts";

/**
 * A member of a topic, from `Hub.join` until it leaves or its connection ends.
 *
 * @category Hub
 */
export class Membership implements Disposable {
  readonly #joined: TopicMember;

  /** Made by `Hub.join`. */
  constructor(joined: TopicMember) {
    this.#joined = joined;
  }

  /** The topic. */
  get topic(): string {
    return this.#joined.topic.name;
  }

  /** Frames of this topic that were dropped, as this member was too slow. */
  get dropped(): number {
    return this.#joined.dropped;
  }

  /**
   * Resolves when what other processes publish from now on will arrive here: an engine
   * may need a moment. What is published in this process arrives from `join` on.
   *
   * @param options Limits of this call.
   * @throws {unknown} What the engine says, where it cannot subscribe.
   */
  ready(options?: CallOptions): Promise<void> {
    try {
      checkCall("join a topic", options);
      checkCallNames("join a topic", options);
    } catch (error) {
      return Promise.reject(error);
    }
    const { ready } = this.#joined.topic;
    return options === undefined
      ? ready
      : waitWithin("join a topic", ready, options);
  }

  /** Leaves the topic. What was published before still arrives. Idempotent. */
  leave(): void {
    this.#joined.leave();
  }

  /** As {@linkcode Membership.leave}. */
  [Symbol.dispose](): void {
    this.leave();
  }
}

/**
 * Publishes frames to members by topic. A frame is encoded once, however many members there
 * are, and no copy is made for a member that keeps up.
 *
 * - **Publishing never waits for a reader.** What a slow member cannot take waits in a queue
 *   of its own, which is bounded; what happens then is {@linkcode HubOptions.onSlow}.
 * - **Order** is kept for each publisher and topic, at every member; in this process also
 *   between topics.
 * - **Whole frames**: a frame comes between two of those that the member sends itself, never
 *   inside one that is sent in parts. While its framing speaks another codec (`switch`),
 *   frames wait, and go out when the codec is back with which it joined.
 * - **A member that ends leaves by itself**, however it ends. `close` and `closeWrite` of
 *   its socket first send what was published before. One whose peer takes nothing for
 *   `writeMs` of its socket is disconnected, whatever `onSlow` says.
 * - **At most once**: what is published to other processes can be lost on the way. Every
 *   gap that can be known is reported: see {@linkcode HubOptions.onGap}.
 *
 * Frames that are published in one turn of the event loop leave together at its end. So a
 * frame that is sent to a member right after one was published can arrive before it.
 *
 * A frame must make sense by itself, behind any other: it is encoded by a fresh encoder.
 *
 * Bounds: topics by `maxTopics`, topics of a member by `maxTopicsPerMember`, members by the
 * connections that the server allows, what waits for each by `maxQueuedFrames` and
 * `maxQueuedBytes`.
 *
 * @typeParam Out What is published.
 * @category Hub
 *
 * @example A room in which all get what one says
 * ```ts
 * import { connect, framed, lines, serve } from "@sluice/net";
 * import { Hub } from "@sluice/net/hub";
 * import { assertEquals } from "@std/assert";
 *
 * const hub = new Hub(lines());
 * await using server = serve({ port: 0 }, async (socket) => {
 *   const connection = framed(socket, lines());
 *   using _membership = hub.join("lobby", connection);
 *   await connection.send("welcome");
 *   for await (const line of connection) {
 *     await hub.publish("lobby", line, { except: connection });
 *   }
 * });
 *
 * await using ann = await connect(server.addr);
 * await using bob = await connect(server.addr);
 * assertEquals([await ann.readLine(), await bob.readLine()], ["welcome", "welcome"]);
 * await ann.write("hello\n");
 * assertEquals(await bob.readLine(), "hello");
 * ```
 */
export class Hub<Out> implements Disposable {
  readonly #codec: Codec<unknown, Out>;
  readonly #settings: HubSettings;
  readonly #counters: HubCounters = {
    published: 0,
    received: 0,
    delivered: 0,
    dropped: 0,
    discarded: 0,
    disconnected: 0,
    queuedFrames: 0,
    queuedBytes: 0,
    gaps: 0,
    lost: 0,
    refused: 0,
  };
  readonly #topics = new Map<string, Topic>();
  readonly #members = new Map<Framed<unknown, Out>, Member<Out>>();
  readonly #context: TopicContext;
  readonly #sequences: OutgoingSequences;
  /** Lent to the frame that is encoded: a getter of it may publish, too. */
  #out: ByteWriter | undefined = new ByteWriter();
  /** What was published to last: its frames come before those of another topic. */
  #latest: Topic | undefined;
  #isClosed = false;

  /**
   * Makes a hub without members.
   *
   * @param codec How frames look in bytes: the one of the members' framings.
   * @param options Limits, and what carries frames to other processes.
   * @throws {TypeError} `codec` is not a codec, or an option is of the wrong kind or not known.
   * @throws {RangeError} An option is out of range.
   */
  constructor(codec: Codec<unknown, Out>, options: HubOptions = {}) {
    checkMethods("make a hub", "codec", codec, ["encoder"]);
    this.#codec = codec;
    this.#settings = hubSettings(options);
    const publisher = newPublisher();
    this.#context = {
      settings: this.#settings,
      counters: this.#counters,
      publisher,
      order: new FlushOrder(),
      onEmpty: ({ name }) => this.#topics.delete(name),
    };
    this.#sequences = new OutgoingSequences(
      publisher,
      this.#settings.maxTopics,
    );
  }

  /** What has been done so far, and what waits: a snapshot. */
  get stats(): HubStats {
    return {
      topics: this.#topics.size,
      members: this.#members.size,
      ...this.#counters,
    };
  }

  /**
   * Makes `member` get what is published to `topic` from now on, until it leaves or its
   * connection ends. It may join any number of topics up to `maxTopicsPerMember`; all
   * of them share its queue.
   *
   * @param topic 1 to 255 bytes of text. Topics are what they are: none is a pattern.
   * @param member The framing of a connection, which goes on to send and receive as it likes.
   * @param options What to call.
   * @throws {TypeError} `member` is not a framing, or an option is of the wrong kind or not known.
   * @throws {RangeError} `topic` is too long or empty.
   * @throws {BusyError} It has joined this topic already.
   * @throws {LimitError} There are `maxTopics` topics, or it has joined `maxTopicsPerMember`.
   * @throws {ClosedError} The hub is closed, or nothing can be sent to the member any more.
   * @throws {BrokenError} The engine cannot subscribe.
   */
  join(
    topic: string,
    member: Framed<unknown, Out>,
    options: JoinOptions = {},
  ): Membership {
    const action = "join a topic";
    checkTopic(action, topic);
    if (!isFramed(member)) {
      throw wrongKind(action, "member", "a Framed", member);
    }
    checkJoinOptions(options);
    this.#checkJoin(action, topic, member);
    const joined = this.#topics.get(topic) ??
      this.#openTopic(action, topic, member);
    const known = this.#members.get(member) ?? this.#newMember(member);
    return new Membership(
      joined.add(known, options.onDropped),
    );
  }

  #checkJoin(
    action: string,
    name: string,
    framed: Framed<unknown, Out>,
  ): void {
    this.#checkOpen(action);
    const { halves: { writer }, isDetached } = partsOf(framed);
    if (writer.isOver || isDetached) {
      throw new ClosedError(
        `Cannot ${action}: nothing can be sent to the member any more`,
        { operation: "join" },
      );
    }
    const { maxTopics, maxTopicsPerMember } = this.#settings;
    const member = this.#members.get(framed);
    const topic = this.#topics.get(name);
    if (member !== undefined && topic?.has(member)) {
      throw new BusyError(
        `Cannot ${action}: this member has joined it already`,
        { operation: "join" },
      );
    }
    if (topic === undefined && this.#topics.size >= maxTopics) {
      throw new LimitError(
        "maxTopics",
        maxTopics,
        `Cannot ${action}: there are ${maxTopics} topics with members already`,
        { operation: "join" },
      );
    }
    if (member !== undefined && member.topics >= maxTopicsPerMember) {
      throw new LimitError(
        "maxTopicsPerMember",
        maxTopicsPerMember,
        `Cannot ${action}: this member has joined ${maxTopicsPerMember} topics already`,
        { operation: "join" },
      );
    }
  }

  #openTopic(
    action: string,
    name: string,
    framed: Framed<unknown, Out>,
  ): Topic {
    const topic = new Topic(name, this.#context);
    // Before `open`, as hooks that the engine calls may join this topic.
    this.#topics.set(name, topic);
    try {
      topic.open();
    } catch (error) {
      topic.clear();
      topic.endIfEmpty();
      throw engineError(action, error);
    }
    try {
      // Hooks may also have closed this hub, or ended the member.
      this.#checkJoin(action, name, framed);
    } catch (error) {
      topic.endIfEmpty();
      throw error;
    }
    return topic;
  }

  #newMember(framed: Framed<unknown, Out>): Member<Out> {
    const member = new Member(
      framed,
      this.#context,
      () => this.#members.delete(framed),
    );
    this.#members.set(framed, member);
    return member;
  }

  /**
   * Publishes a frame to all members of a topic, here and in other processes, and never
   * waits for one of them. It may be called without awaiting it.
   *
   * Resolves when the engine has taken the frame; members of this process get it whatever
   * becomes of that. Where there is no engine, that is at once.
   *
   * Cancellation: the limits end the wait, and not the frame's way.
   *
   * @param topic As for {@linkcode Hub.join}.
   * @param frame What to publish. It is encoded before this returns.
   * @param options Which member does not get it, and limits of this call.
   * @throws {FrameTooLargeError} The frame is larger than `maxQueuedBytes`, or than the codec
   * allows.
   * @throws {TypeError} The frame is not what the codec encodes, `topic` is not a string, or
   * an option is of the wrong kind or not known.
   * @throws {RangeError} A value in the frame cannot be represented, or `topic` is too long.
   * @throws {CodecError} The codec's encoder is asynchronous, or `frame` is but a part of one.
   * @throws {ClosedError} The hub is closed.
   * @throws {BrokenError} The engine could not take it: other processes do not get it.
   */
  publish(
    topic: string,
    frame: Out,
    options?: PublishOptions<Out>,
  ): Promise<void> {
    const action = "publish a frame";
    let message: Uint8Array;
    try {
      checkTopic(action, topic);
      if (options !== undefined) {
        checkNames(action, "options", options, PUBLISH_OPTION_NAMES);
        checkExcept(action, options.except);
        checkCall(action, options);
      }
      message = this.#encode(frame);
    } catch (error) {
      return Promise.reject(error);
    }
    try {
      this.#checkOpen(action);
    } catch (error) {
      return observed(Promise.reject(error));
    }
    this.#counters.published++;
    const { engine } = this.#settings;
    const bytes = engine === undefined
      ? message
      : message.subarray(ENVELOPE_BYTES);
    const except = options?.except === undefined
      ? undefined
      : this.#members.get(options.except);
    const to = this.#topics.get(topic);
    const { order } = this.#context;
    // Hooks that are called below may publish, too: that comes after this frame.
    const isOutermost = order.enter();
    const before = to === this.#latest ? undefined : this.#latest;
    const upTo = before?.published ?? 0;
    let taken: Promise<void> | undefined;
    try {
      if (to !== undefined) {
        if (before !== undefined && !isOutermost) order.add(before, upTo);
        this.#latest = to;
        to.publish(bytes, except);
      }
      if (engine !== undefined) taken = this.#carry(engine, topic, message);
      if (to !== undefined && isOutermost) before?.flush(upTo);
    } finally {
      if (isOutermost) order.leave();
    }
    to?.flushIfLarge();
    if (taken === undefined) return DONE;
    return observed(
      options === undefined ? taken : waitWithin(action, taken, options),
    );
  }

  /** Hands a message to the engine. */
  #carry(engine: Engine, topic: string, message: Uint8Array): Promise<void> {
    const action = "publish a frame";
    writeEnvelope(message, this.#sequences.next(topic));
    try {
      const publishing = Promise.resolve(engine.publish(topic, message));
      return publishing.catch((error) => {
        throw engineError(action, error);
      });
    } catch (error) {
      return Promise.reject(engineError(action, error));
    }
  }

  /** The bytes of a frame, behind room for an envelope where there is an engine. */
  #encode(frame: Out): Uint8Array {
    const out = this.#out ?? new ByteWriter();
    this.#out = undefined;
    try {
      const encoder = this.#codec.encoder();
      const start = this.#settings.engine === undefined ? 0 : ENVELOPE_BYTES;
      out.allocate(start);
      encodeFrame(encoder, frame, out);
      if (encoder.midFrame === true) {
        throw new CodecError(
          "Cannot publish a frame: it must be whole, got a part of one",
          { operation: "publish" },
        );
      }
      const length = out.length - start;
      const { maxQueuedBytes } = this.#settings;
      if (length > maxQueuedBytes) {
        throw new FrameTooLargeError(maxQueuedBytes, length, {
          operation: "publish",
        });
      }
      return out.toBytes();
    } finally {
      out.clear();
      this.#out = out;
    }
  }

  #checkOpen(action: string): void {
    if (!this.#isClosed) return;
    throw new ClosedError(`Cannot ${action}: the hub is closed`);
  }

  /**
   * Ends all memberships and all subscriptions at the engine, which itself goes on. The
   * connections stay open, and what was published before still arrives. Idempotent.
   */
  close(): void {
    this.#isClosed = true;
    for (const topic of this.#topics.values()) topic.clear();
  }

  /** As {@linkcode Hub.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

const DONE = Promise.resolve();

/** The socket of a member, say, would be no member, and its peer get its own frames. */
function checkExcept(action: string, except: unknown): void {
  if (except === undefined || isFramed(except)) return;
  throw wrongKind(action, "except", "a Framed", except);
}

function engineError(action: string, error: unknown): SocketError {
  if (error instanceof SocketError) return error;
  return new BrokenError(
    "other",
    `Cannot ${action}: the engine failed: ${messageOf(error)}`,
    {
      operation: "publish",
      cause: error,
    },
  );
}
