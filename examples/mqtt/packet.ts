/**
 * The packets of MQTT 3.1.1, as both sides of a connection exchange them.
 *
 * @module
 */

/** How often a message is delivered: at most once, at least once, exactly once. */
export type Qos = 0 | 1 | 2;

/** What the broker publishes when the client is gone without a DISCONNECT. */
export interface Will {
  topic: string;
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
}

/** The first packet of a client. */
export interface ConnectPacket {
  type: "connect";
  clientId: string;
  /** Whether the session ends with the connection. */
  clean: boolean;
  /** The broker hangs up after one and a half times as many seconds of silence; 0 for never. */
  keepAlive: number;
  will?: Will;
  username?: string;
  password?: Uint8Array;
}

/** The first packet of a broker. */
export interface ConnackPacket {
  type: "connack";
  /** Whether the broker still has the session of this client id. */
  sessionPresent: boolean;
  /** 0, or why the connection is refused. */
  code: number;
}

/** A message. */
export interface PublishPacket {
  type: "publish";
  topic: string;
  payload: Uint8Array;
  qos: Qos;
  /** From the broker: whether the message was kept for new subscribers. */
  retain: boolean;
  /** Whether it may have been sent before. */
  dup: boolean;
  /** Names the message until it is acknowledged; 0 where `qos` is 0. */
  id: number;
}

/** Acknowledges a message, or is a further step of one with QoS 2. */
export interface AckPacket {
  type: "puback" | "pubrec" | "pubrel" | "pubcomp" | "unsuback";
  id: number;
}

/** Asks for the messages of some topics. */
export interface SubscribePacket {
  type: "subscribe";
  id: number;
  filters: { filter: string; qos: Qos }[];
}

/** The QoS that was granted for each filter, or {@linkcode REFUSED}. */
export interface SubackPacket {
  type: "suback";
  id: number;
  granted: number[];
}

/** No more messages of some topics. */
export interface UnsubscribePacket {
  type: "unsubscribe";
  id: number;
  filters: string[];
}

/** Those that are nothing but their type. */
export interface BarePacket {
  type: "pingreq" | "pingresp" | "disconnect";
}

/** A packet of MQTT 3.1.1. */
export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | AckPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | BarePacket;

/** In a SUBACK: the filter was refused. */
export const REFUSED = 0x80;
