/**
 * Options of hubs, and what is known of one.
 *
 * @module
 */

import {
  checkFunction,
  checkLimit,
  checkMethods,
  checkNames,
  checkOneOf,
  outOfRange,
  wrongKind,
} from "../_check.ts";
import type { Framed } from "../framed/framed.ts";
import type { CallOptions } from "../time/call_limits.ts";
import type { Engine, EngineGap } from "./engine.ts";

/**
 * Options of {@linkcode Hub}.
 *
 * @category Hub
 */
export interface HubOptions {
  /**
   * Carries frames to the hubs of other processes, and theirs to this one.
   *
   * @default {memoryEngine()}
   */
  engine?: Engine | undefined;
  /**
   * Most frames that wait for one member, at least 1; see {@linkcode HubOptions.onSlow}.
   *
   * @default {500}
   */
  maxQueuedFrames?: number | undefined;
  /**
   * Most bytes that wait for one member, at least 1, and the largest frame that can be
   * published. Members share the bytes: a thousand who wait for the same frames hold them
   * once.
   *
   * @default {1_048_576}
   */
  maxQueuedBytes?: number | undefined;
  /**
   * What happens where more would wait for a member, as its peer reads too slowly. The
   * oldest of what waits is dropped (what is new matters: prices, positions), or the new
   * frame is (what is old matters: a log), or the member is disconnected with a
   * `LimitError` (nothing may be missing: it connects again and catches up).
   *
   * @default {"drop-oldest"}
   */
  onSlow?: "drop-oldest" | "drop-newest" | "disconnect" | undefined;
  /**
   * Most topics with members, at least 1: peers often choose them. It also bounds the
   * topics that this hub remembers to have published to.
   *
   * @default {10_000}
   */
  maxTopics?: number | undefined;
  /**
   * Most topics that one member joins, at least 1.
   *
   * @default {100}
   */
  maxTopicsPerMember?: number | undefined;
  /**
   * Called where frames of other processes were lost before they reached this one, or may
   * have been. None by default.
   */
  onGap?: ((gap: HubGap) => void) | undefined;
}

/**
 * Frames that did not reach this hub.
 *
 * @category Hub
 */
export interface HubGap extends Omit<EngineGap, "reason"> {
  /** The topic that they were published to. */
  readonly topic: string;
  /**
   * Why, as far as it is known: numbers are missing, or a frame is larger than
   * `maxQueuedBytes` (`"lost"`, which has a `count`), or what the engine says: see
   * `EngineGap`.
   */
  readonly reason: "lost" | EngineGap["reason"];
}

/**
 * Options of `Hub.join`.
 *
 * @category Hub
 */
export interface JoinOptions {
  /**
   * Called with the number of frames that were dropped since the last time, just before
   * the next frame is sent to this member: what it sends itself stands where they would
   * have been. None by default.
   */
  onDropped?: ((count: number) => void) | undefined;
}

/**
 * Options of `Hub.publish`.
 *
 * @category Hub
 */
export interface PublishOptions<Out> extends CallOptions {
  /** A member that does not get the frame: often the one that it came from. */
  except?: Framed<unknown, Out> | undefined;
}

/**
 * What a hub has done so far, and what waits.
 *
 * @category Hub
 */
export interface HubStats {
  /** Topics that have members. */
  readonly topics: number;
  /** Connections that have joined a topic, or still get frames that waited for them. */
  readonly members: number;
  /** Frames that were published here. */
  readonly published: number;
  /** Frames that came from other hubs. */
  readonly received: number;
  /** Deliveries of a frame to a member that were handed to its socket. */
  readonly delivered: number;
  /** Deliveries that were dropped, as a member was too slow. */
  readonly dropped: number;
  /** Deliveries that waited for members whose connection has ended. */
  readonly discarded: number;
  /** Members that were disconnected, as they were too slow. */
  readonly disconnected: number;
  /** Deliveries that wait now. */
  readonly queuedFrames: number;
  /** Their bytes, which are shared where members wait for the same frames. */
  readonly queuedBytes: number;
  /** Gaps that were reported: see {@linkcode HubOptions.onGap}. */
  readonly gaps: number;
  /**
   * Frames whose numbers are missing, or that are larger than `maxQueuedBytes`: those of
   * gaps for the reason `"lost"`.
   */
  readonly lost: number;
  /** Messages of other hubs that came twice or too late, are too large, or were no frames. */
  readonly refused: number;
}

/** All of them, to be counted. */
export type HubCounters = {
  -readonly [Name in Exclude<keyof HubStats, "topics" | "members">]: number;
};

const HUB_OPTION_NAMES: ReadonlySet<string> = new Set<keyof HubOptions>([
  "engine",
  "maxQueuedFrames",
  "maxQueuedBytes",
  "onSlow",
  "maxTopics",
  "maxTopicsPerMember",
  "onGap",
]);

/** The options of a hub, defaults filled in. */
export interface HubSettings {
  readonly engine: Engine | undefined;
  readonly maxQueuedFrames: number;
  readonly maxQueuedBytes: number;
  readonly onSlow: NonNullable<HubOptions["onSlow"]>;
  readonly maxTopics: number;
  readonly maxTopicsPerMember: number;
  readonly onGap: HubOptions["onGap"];
}

/** Throws if an option is not one, naming it. */
export function hubSettings(options: HubOptions): HubSettings {
  const action = "make a hub";
  checkNames(action, "options", options, HUB_OPTION_NAMES);
  const {
    engine,
    maxQueuedFrames = 500,
    maxQueuedBytes = 1_048_576,
    onSlow = "drop-oldest",
    maxTopics = 10_000,
    maxTopicsPerMember = 100,
    onGap,
  } = options;
  const sizes = {
    maxQueuedFrames,
    maxQueuedBytes,
    maxTopics,
    maxTopicsPerMember,
  };
  for (const [name, value] of Object.entries(sizes)) {
    checkLimit(action, name, value, 1);
  }
  checkOneOf(action, "onSlow", onSlow, [
    "drop-oldest",
    "drop-newest",
    "disconnect",
  ]);
  if (engine !== undefined) {
    checkMethods(action, "engine", engine, ["publish", "subscribe"]);
  }
  if (onGap !== undefined) checkFunction(action, "onGap", onGap);
  return { engine, ...sizes, onSlow, onGap };
}

const JOIN_OPTION_NAMES: ReadonlySet<string> = new Set<keyof JoinOptions>([
  "onDropped",
]);

/** Throws if an option is not one, naming it. */
export function checkJoinOptions(options: JoinOptions): void {
  const action = "join a topic";
  checkNames(action, "options", options, JOIN_OPTION_NAMES);
  const { onDropped } = options;
  if (onDropped !== undefined) checkFunction(action, "onDropped", onDropped);
}

/** Most bytes of a topic. */
const MAX_TOPIC_BYTES = 255;
const utf8 = new TextEncoder();

/** Throws unless `topic` is 1 to 255 bytes of text. */
export function checkTopic(action: string, topic: unknown): void {
  if (typeof topic !== "string") {
    throw wrongKind(action, "topic", "a string", topic);
  }
  const { length } = topic;
  const fits = length > 0 && length <= MAX_TOPIC_BYTES &&
    // A character takes three bytes at most.
    (length * 3 <= MAX_TOPIC_BYTES ||
      utf8.encode(topic).length <= MAX_TOPIC_BYTES);
  if (!fits || !topic.isWellFormed()) {
    const must =
      `1 to ${MAX_TOPIC_BYTES} bytes of text without a lone surrogate`;
    throw outOfRange(action, "topic", must, topic);
  }
}

/** The names of {@linkcode PublishOptions}. */
export const PUBLISH_OPTION_NAMES: ReadonlySet<string> = new Set<
  keyof PublishOptions<unknown>
>(["except", "signal", "timeoutMs", "deadline"]);
