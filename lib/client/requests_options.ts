/**
 * Options of requests, and their counters.
 *
 * @module
 */

import {
  checkFunction,
  checkLimit,
  checkMethods,
  checkNames,
  checkNumber,
  checkOneOf,
  outOfRange,
  readOptions,
  wrongKind,
} from "../_check.ts";
import {
  checkHeartbeatOptions,
  type HeartbeatOptions,
} from "../framed/heartbeat.ts";
import type { CallOptions } from "../time/call_limits.ts";

/**
 * How a request and its answer name each other, where answers come in any order. What
 * names them is compared as the keys of a `Map` are: a number, a string or a bigint. An
 * array of bytes, such as a UUID, is a `TypeError`, as no two of them are the same: make a
 * string of it.
 *
 * @category Clients
 *
 * @example JSON-RPC
 * ```ts
 * import type { RequestIds } from "@sluice/net/client";
 *
 * type Message = { id?: number; method?: string; result?: unknown };
 * const ids: RequestIds<Message, Message> = {
 *   request: (message) => message.id,
 *   response: (message) => message.method === undefined ? message.id : undefined,
 * };
 * console.assert(ids.response({ method: "changed" }) === undefined);
 * ```
 */
export interface RequestIds<In, Out> {
  /**
   * The id of a frame that asks. It must not be in use; count up, so that an id is not used
   * again soon: a peer that answers twice would answer the next request of the same id.
   */
  request: (frame: Out) => unknown;
  /** The id that a frame answers; `undefined` where it answers none. */
  response: (frame: In) => unknown;
}

/**
 * What `Requests` needs to know of a protocol, and how much it keeps.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import { framed, lines } from "@sluice/net";
 * import { Requests, type RequestsOptions } from "@sluice/net/client";
 * import { memoryPair } from "@sluice/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const options: RequestsOptions<string, string> = {
 *   match: "order",
 *   isUnsolicited: (line) => line.startsWith("* "),
 *   onUnsolicited: (line) => assertEquals(line, "* 3 EXISTS"),
 * };
 * const [client, server] = memoryPair();
 * using requests = new Requests(framed(client, lines()), options);
 * const answer = requests.request("NOOP", { timeoutMs: 5_000 });
 * await server.write("* 3 EXISTS\nOK\n");
 * assertEquals(await answer, "OK");
 * ```
 */
export interface RequestsOptions<In = unknown, Out = never> {
  /**
   * Which answer belongs to which request: `"order"` where the peer answers in the order in
   * which it was asked (Redis, SMTP, HTTP/1.1), or ids. With `"order"` the codec must not
   * drop frames, as `oversize: "skip"` does: the answers behind one would move up.
   */
  match: "order" | RequestIds<In, Out>;
  /**
   * Whether a frame answers no request, whatever is in flight: a message that the peer
   * pushes. With ids, a `response` that gives `undefined` says so, too. Anything but `true`
   * and `false` ends the connection, as an answer could go to the wrong request. None does
   * by default.
   */
  isUnsolicited?: ((frame: In) => boolean) | undefined;
  /**
   * Called with each frame that answers no request. Without it such a frame ends the
   * connection with a `MalformedFrameError`.
   */
  onUnsolicited?: ((frame: In) => void) | undefined;
  /**
   * Most requests whose answers are due, an integer of at least 1; more wait, in their
   * order, and so do all while the peer does not take what was sent. With `"order"`, one
   * that was given up counts until its answer came.
   *
   * @default {1_000}
   */
  maxInFlight?: number | undefined;
  /**
   * Most requests that wait to be sent; one more is a `LimitError`.
   *
   * @default {100_000}
   */
  maxWaiting?: number | undefined;
  /**
   * Longest that no answer comes while one is due, in milliseconds, above 0; then the
   * connection ends with a `TimeoutError`. For `"order"` alone, where an answer that never
   * comes holds up all behind it. It has to be longer than a command that waits for
   * something to happen at the peer.
   *
   * @default {30_000}
   */
  stallMs?: number | undefined;
  /**
   * With ids, requests that were given up and whose answers may still come: so many are
   * remembered, and their ids are not free. Beyond it the oldest is forgotten: what then
   * answers it is unsolicited. The default covers all ids of 16 bits.
   *
   * @default {65_536}
   */
  maxGivenUp?: number | undefined;
  /**
   * Whether what the codec makes of the end of the stream is an answer, such as a last line
   * without its ending: half an answer is an error where nothing is said.
   *
   * @default {"error"}
   */
  atEof?: "error" | "emit" | undefined;
  /**
   * Pings a silent peer, as `framed` does, and ends the connection where it stays silent.
   * Where `isPong` is given the ping is a frame without an answer; otherwise it is a
   * request, whose answer is dropped, and with ids has one that no other request has: it may
   * be the same for all pings. None by default.
   */
  heartbeat?: HeartbeatOptions<In, Out> | undefined;
}

/**
 * Which of the answers to a request is the last, and the limits of all of them together.
 *
 * @category Clients
 *
 * @example
 * ```ts
 * import type { RequestStreamOptions } from "@sluice/net/client";
 *
 * const options: RequestStreamOptions<string> = {
 *   isLast: (line) => line === ".",
 *   timeoutMs: 10_000,
 * };
 * console.assert(options.isLast("."));
 * ```
 */
export interface RequestStreamOptions<In> extends CallOptions {
  /**
   * Whether this is the last answer. Asked once for each; anything but `true` and `false`
   * ends the connection.
   */
  isLast: (frame: In) => boolean;
  /**
   * Answers that may have come without being read, an integer of at least 1: with so many,
   * nothing more is read from the connection.
   *
   * @default {100}
   */
  maxUnread?: number | undefined;
}

/**
 * What requests are under way, and were. Live: look again and it has changed.
 *
 * @category Clients
 */
export interface RequestsStats {
  /** Requests whose answers are due, with those of `"order"` that were given up. */
  readonly inFlight: number;
  /** Requests that wait to be sent. */
  readonly waiting: number;
  /** Requests that were given up and whose answers may still come. */
  readonly givenUp: number;
}

/** All that has a default. */
export type RequestsLimits = Required<
  Pick<
    RequestsOptions,
    "maxInFlight" | "maxWaiting" | "stallMs" | "maxGivenUp"
  >
>;

const OPTION_NAMES: ReadonlySet<string> = new Set(
  [
    "match",
    "isUnsolicited",
    "onUnsolicited",
    "maxInFlight",
    "maxWaiting",
    "stallMs",
    "maxGivenUp",
    "atEof",
    "heartbeat",
  ] satisfies (keyof RequestsOptions)[],
);

/**
 * Throws if an option is wrong. Gives the options as they were checked, and the limits with
 * their defaults.
 */
export function checkRequestsOptions<In, Out>(
  action: string,
  given: RequestsOptions<In, Out>,
): { options: RequestsOptions<In, Out>; limits: RequestsLimits } {
  checkNames(action, "options", given, OPTION_NAMES);
  const options = readOptions(given, OPTION_NAMES);
  const { match, isUnsolicited, onUnsolicited, atEof, heartbeat } = options;
  checkMatch(action, match);
  if (atEof !== undefined) {
    checkOneOf(action, "atEof", atEof, ["error", "emit"]);
  }
  if (isUnsolicited !== undefined) {
    checkFunction(action, "isUnsolicited", isUnsolicited);
  }
  if (onUnsolicited !== undefined) {
    checkFunction(action, "onUnsolicited", onUnsolicited);
  }
  if (heartbeat !== undefined) checkHeartbeatOptions(action, heartbeat);
  const { maxInFlight = 1_000, maxWaiting = 100_000 } = options;
  const { stallMs = 30_000, maxGivenUp = 65_536 } = options;
  checkLimit(action, "maxInFlight", maxInFlight, 1);
  checkLimit(action, "maxWaiting", maxWaiting);
  checkNumber(action, "stallMs", stallMs, 1);
  checkLimit(action, "maxGivenUp", maxGivenUp);
  const limits = { maxInFlight, maxWaiting, stallMs, maxGivenUp };
  return { options, limits };
}

function checkMatch(action: string, match: unknown): void {
  if (match === "order") return;
  const must = `"order" or an object with request() and response()`;
  if (typeof match === "string") throw outOfRange(action, "match", must, match);
  if (typeof match !== "object" || match === null) {
    throw wrongKind(action, "match", must, match);
  }
  checkMethods(action, "match", match, ["request", "response"]);
}

const STREAM_OPTION_NAMES: ReadonlySet<string> = new Set(
  ["isLast", "maxUnread", "signal", "timeoutMs", "deadline"] satisfies (
    keyof RequestStreamOptions<never>
  )[],
);

/** Throws if an option is wrong. Gives `maxUnread` with its default. */
export function checkStreamOptions<In>(
  options: RequestStreamOptions<In>,
): number {
  const action = "stream";
  checkNames(action, "options", options, STREAM_OPTION_NAMES);
  const { isLast, maxUnread = 100 } = options;
  checkFunction(action, "isLast", isLast);
  checkLimit(action, "maxUnread", maxUnread, 1);
  return maxUnread;
}
