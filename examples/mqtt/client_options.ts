/**
 * Options of a client, and what is told of it.
 *
 * @module
 */

import type { ConnectOptions } from "@sluice/net";
import type { ReconnectRetryOptions } from "@sluice/net/client";
import { textFault, topicFault } from "./topic.ts";

/** What the broker publishes when the client is gone without `close`. */
export interface WillOptions {
  topic: string;
  /** @default {an empty one} */
  payload?: Uint8Array | string;
  /** @default {0} */
  qos?: 0 | 1;
  /** @default {false} */
  retain?: boolean;
}

/** Where the broker is: what `connect` takes, but for the limits of a single attempt. */
type BrokerOptions<Options = ConnectOptions> = Options extends unknown
  ? Omit<Options, "retry" | "signal" | "timeoutMs" | "deadline">
  : never;

/** Options of a client, beside those of `connect`. */
export interface MqttOptions {
  /**
   * What the broker knows the client by. No other client may have it.
   *
   * @default {a random one, where `clean` is true}
   */
  clientId?: string;
  /**
   * Whether the session ends with each connection. Without it the broker keeps what the
   * client has subscribed to, and messages with QoS 1 that come while it is away.
   *
   * @default {true}
   */
  clean?: boolean;
  username?: string;
  /** Needs a user name. */
  password?: Uint8Array | string;
  /** None by default. */
  will?: WillOptions;
  /**
   * How often the broker gets a sign of life and is asked for one, in milliseconds, from
   * 1,000 to 65,535,000. A broker that does not answer for half as long again is left.
   *
   * @default {60_000}
   */
  keepAliveMs?: number;
  /**
   * Most messages with QoS 1 that are sent and not acknowledged, from 1 to 32,767.
   *
   * @default {20}
   */
  maxInFlight?: number;
  /**
   * Most messages that `publish` has taken and that are not delivered, whether there is a
   * connection or not; one more is a `LimitError`.
   *
   * @default {1_000}
   */
  maxPending?: number;
  /**
   * Most bytes of a packet, in both directions, up to 268,435,455.
   *
   * @default {1_048_576}
   */
  maxPacketBytes?: number;
  /**
   * Longest that the broker may take to answer a packet, in milliseconds. One that takes
   * longer is left, and connected to again.
   *
   * @default {30_000}
   */
  answerTimeoutMs?: number;
  /**
   * How soon and how often a connection is made again, as `reconnect` has it: without end
   * by default. Its `retryIf` is asked only about what may pass.
   */
  retry?: ReconnectRetryOptions;
  /** Is told what happens. */
  onEvent?: (event: ClientEvent) => void;
}

/** Options of a client: where the broker is, and who the client is. */
export type ClientOptions = MqttOptions & BrokerOptions;

/** The broker has let the client in. */
export interface ConnectedEvent {
  type: "connected";
  /** Whether the broker has kept the session. */
  sessionPresent: boolean;
}

/** An attempt to connect has failed, or a connection was lost. */
export interface DisconnectedEvent {
  type: "disconnected";
  /** Why. */
  error: unknown;
}

/** What `onEvent` is told. */
export type ClientEvent = ConnectedEvent | DisconnectedEvent;

/** What was given, with all defaults. */
export interface Settings {
  broker: BrokerOptions;
  clientId: string;
  clean: boolean;
  username: string | undefined;
  password: Uint8Array | undefined;
  will: Required<WillOptions> & { payload: Uint8Array } | undefined;
  keepAliveMs: number;
  maxInFlight: number;
  maxPending: number;
  maxPacketBytes: number;
  answerTimeoutMs: number;
  retry: ReconnectRetryOptions;
  onEvent: (event: ClientEvent) => void;
}

const MAX_PACKET_BYTES = 2 ** 28 - 1;

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} Options that do not go together. Those of the connection are
 * checked by `connect`.
 * @throws {RangeError} An option is out of its range.
 */
export function settingsOf(options: ClientOptions): Settings {
  const {
    clean = true,
    clientId = clean ? randomId() : "",
    username,
    password,
    will,
    keepAliveMs = 60_000,
    maxInFlight = 20,
    maxPending = 1_000,
    maxPacketBytes = 1024 * 1024,
    answerTimeoutMs = 30_000,
    retry = {},
    onEvent = () => {},
    ...broker
  } = options;
  if (clientId === "" && !clean) {
    throw new TypeError(
      "Cannot make a client: clientId must be given where clean is false, got none",
    );
  }
  if (password !== undefined && username === undefined) {
    throw new TypeError(
      "Cannot make a client: username must be given with a password, got none",
    );
  }
  checkText("clientId", clientId, textFault);
  if (username !== undefined) checkText("username", username, textFault);
  if (will !== undefined) checkText("will.topic", will.topic, topicFault);
  checkInteger("keepAliveMs", keepAliveMs, 1_000, 65_535_000);
  checkInteger("maxInFlight", maxInFlight, 1, 32_767);
  checkInteger("maxPending", maxPending, 1, Number.MAX_SAFE_INTEGER);
  checkInteger("maxPacketBytes", maxPacketBytes, 128, MAX_PACKET_BYTES);
  return {
    broker: broker as BrokerOptions,
    clientId,
    clean,
    username,
    password: password === undefined ? undefined : bytesOf(password),
    will: will === undefined ? undefined : {
      qos: 0,
      retain: false,
      ...will,
      payload: bytesOf(will.payload ?? ""),
    },
    keepAliveMs,
    maxInFlight,
    maxPending,
    maxPacketBytes,
    answerTimeoutMs,
    retry,
    onEvent,
  };
}

const utf8 = new TextEncoder();

/** Text as UTF-8, bytes as they are. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? utf8.encode(data) : data;
}

/** Of letters and digits, and so short that each broker takes it. */
function randomId(): string {
  return `sluice${crypto.randomUUID().replaceAll("-", "").slice(0, 17)}`;
}

function checkText(
  name: string,
  value: string,
  faultOf: (text: string) => string | undefined,
): void {
  const fault = faultOf(value);
  if (fault === undefined) return;
  throw new RangeError(
    `Cannot make a client: ${name} must be ${fault}, got ${
      JSON.stringify(value.slice(0, 40))
    }`,
  );
}

function checkInteger(
  name: string,
  value: number,
  least: number,
  most: number,
): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `Cannot make a client: ${name} must be an integer from ${least} to ${most}, got ${value}`,
  );
}
