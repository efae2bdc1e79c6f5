/**
 * MQTT 3.1.1 as a codec: both sides of it, all fourteen packets.
 *
 * ```txt
 * | type   | flags  | size of the rest | the rest                      |
 * | 4 bits | 4 bits | 1 to 4 bytes     | as the type and its flags say |
 * ```
 *
 * It is strict. What a side of the protocol must not send is refused in both directions:
 * wrong flags, a size written longer than it needs to be, a rest that ends too early or too
 * late, ids of 0, text that is not UTF-8 or has U+0000, wildcards in the topic of a message.
 * After any of these the next packet cannot be trusted, and no error is `recoverable`.
 *
 * @module
 */

import {
  array,
  type ByteQueue,
  bytes,
  type ByteWriter,
  type Codec,
  FrameTooLargeError,
  MalformedFrameError,
  struct,
  u16,
  u8,
  utf8,
} from "@sluice/net/codec";
import {
  type Packet,
  type PublishPacket,
  type Qos,
  REFUSED,
} from "./packet.ts";
import { filterFault, textFault, topicFault } from "./topic.ts";

/** Options of {@linkcode mqtt}. */
export interface MqttCodecOptions {
  /**
   * Most bytes of a packet behind its size, in both directions. The protocol's own limit
   * is 268,435,455.
   *
   * @default {1_048_576}
   */
  maxPacketBytes?: number;
}

/** What four bytes of seven bits can say. */
const MAX_SIZE = 2 ** 28 - 1;

/**
 * MQTT 3.1.1.
 *
 * Payloads and passwords are views of what has arrived.
 *
 * @throws {RangeError} `maxPacketBytes` is no size of a packet.
 */
export function mqtt(
  { maxPacketBytes = 1024 * 1024 }: MqttCodecOptions = {},
): Codec<Packet> {
  const most = maxPacketBytes;
  if (!(Number.isInteger(most) && most >= 2 && most <= MAX_SIZE)) {
    throw new RangeError(
      `Cannot make a codec: maxPacketBytes must be an integer from 2 to ${MAX_SIZE}, got ${most}`,
    );
  }
  return {
    decoder: () => ({ decode: (queue) => decode(queue, most) }),
    encoder: () => ({ encode: (packet, out) => encode(packet, out, most) }),
  };
}

type Type = Packet["type"];

const TYPES: readonly (Type | undefined)[] = [
  undefined,
  "connect",
  "connack",
  "publish",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "subscribe",
  "suback",
  "unsubscribe",
  "unsuback",
  "pingreq",
  "pingresp",
  "disconnect",
  undefined,
];

/** The flags of all types but `publish`. */
function flagsOf(type: Type): number {
  const isTwo = type === "pubrel" || type === "subscribe" ||
    type === "unsubscribe";
  return isTwo ? 2 : 0;
}

// The flags of a message: | dup | qos, 2 bits | retain |
const DUP = 8;
const QOS_SHIFT = 1;
const RETAIN = 1;

const CLEAN = 0x02;
const WILL = 0x04;
const WILL_QOS_SHIFT = 3;
const WILL_RETAIN = 0x20;
const PASSWORD = 0x40;
const USERNAME = 0x80;

// What the rest of each packet is.
const text = utf8(u16);
const data = bytes(u16);
const connectRest = struct({
  protocol: text,
  level: u8,
  flags: u8,
  keepAlive: u16,
  /** Client id, topic and payload of the will, user name, password: those that are there. */
  values: array(data),
});
const connackRest = struct({ flags: u8, code: u8 });
const messageHead = struct({ topic: text });
const numberedHead = struct({ topic: text, id: u16 });
const messageRest = struct({ topic: text, payload: bytes() });
const numberedRest = struct({ topic: text, id: u16, payload: bytes() });
const idRest = struct({ id: u16 });
const subscribeRest = struct({
  id: u16,
  filters: array(struct({ filter: text, qos: u8 })),
});
const subackRest = struct({ id: u16, granted: array(u8) });
const unsubscribeRest = struct({ id: u16, filters: array(text) });

/** Takes one packet, or nothing as long as a part of it is missing. */
function decode(queue: ByteQueue, most: number): Packet | undefined {
  if (queue.length === 0) return undefined;
  const first = queue.at(0);
  const flags = first & 15;
  const type = TYPES[first >> 4];
  if (type === undefined) refuse("", `its type must be 1 to 14`, first >> 4);
  if (type !== "publish" && flags !== flagsOf(type)) {
    refuse(type, `its flags must be ${flagsOf(type)}`, flags);
  }
  let size = 0;
  let headBytes = 1;
  for (let more = true; more; headBytes++) {
    if (headBytes === queue.length) return undefined;
    const byte = queue.at(headBytes);
    size += (byte & 0x7f) * 2 ** (7 * (headBytes - 1));
    more = byte >= 0x80;
    if (more && headBytes === 4) {
      refuse(type, "its size must take at most 4 bytes", 5);
    }
    // Two readers may take an over-long size differently.
    if (byte === 0 && headBytes > 1) {
      refuse(type, "its size must take no more bytes than it needs", headBytes);
    }
  }
  if (size > most) {
    throw new FrameTooLargeError(most, size, { operation: "decode" });
  }
  if (queue.length < headBytes + size) return undefined;
  queue.skip(headBytes);
  const rest = queue.take(size);
  try {
    return parse(type, flags, rest);
  } catch (error) {
    if (!(error instanceof MalformedFrameError)) throw error;
    // The fields say that only this frame is bad: here it ends the connection.
    throw new MalformedFrameError(
      `Cannot accept ${nameOf(type)}: ${withoutPrefix(error.message)}`,
      { cause: error, frame: rest, operation: "decode" },
    );
  }
}

function parse(type: Type, flags: number, rest: Uint8Array): Packet {
  switch (type) {
    case "connect":
      return parseConnect(rest);
    case "connack": {
      const { flags, code } = connackRest.decode(rest);
      if (flags > 1) bad("its flags must be 0 or 1", flags);
      if (flags === 1 && code > 0) bad("a refusal must have no session", code);
      return { type, sessionPresent: flags === 1, code };
    }
    case "publish":
      return parsePublish(flags, rest);
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
    case "unsuback": {
      const { id } = idRest.decode(rest);
      checkId(id, bad);
      return { type, id };
    }
    case "subscribe": {
      const { id, filters } = subscribeRest.decode(rest);
      checkId(id, bad);
      checkFilters(filters, bad);
      return { type, id, filters: filters as { filter: string; qos: Qos }[] };
    }
    case "suback": {
      const { id, granted } = subackRest.decode(rest);
      checkId(id, bad);
      checkGranted(granted, bad);
      return { type, id, granted };
    }
    case "unsubscribe": {
      const { id, filters } = unsubscribeRest.decode(rest);
      checkId(id, bad);
      checkFilters(filters.map((filter) => ({ filter, qos: 0 })), bad);
      return { type, id, filters };
    }
    case "pingreq":
    case "pingresp":
    case "disconnect":
      if (rest.length > 0) bad("it must have nothing behind its size", rest);
      return { type };
  }
}

function parsePublish(flags: number, rest: Uint8Array): PublishPacket {
  const qos = (flags >> QOS_SHIFT & 3) as Qos;
  const dup = (flags & DUP) > 0;
  const retain = (flags & RETAIN) > 0;
  checkMessageFlags(qos, dup, bad);
  const { topic, id = 0, payload } = qos === 0
    ? { ...messageRest.decode(rest), id: 0 }
    : numberedRest.decode(rest);
  check("its topic", topic, topicFault(topic), bad);
  if (qos > 0) checkId(id, bad);
  return { type: "publish", topic, payload, qos, retain, dup, id };
}

function parseConnect(rest: Uint8Array): Packet {
  const { protocol, level, flags, keepAlive, values } = connectRest.decode(
    rest,
  );
  if (protocol !== "MQTT") bad('its protocol must be "MQTT"', protocol);
  if (level !== 4) bad("its level must be 4, which is MQTT 3.1.1", level);
  const willQos = flags >> WILL_QOS_SHIFT & 3;
  const isWrong = (flags & 1) > 0 || willQos > 2 ||
    (flags & WILL) === 0 && (willQos > 0 || (flags & WILL_RETAIN) > 0) ||
    (flags & PASSWORD) > 0 && (flags & USERNAME) === 0;
  if (isWrong) bad("its flags must agree", flags);
  const next = () =>
    values.shift() ?? bad("each flag must have a value", flags);
  const nextText = (name: string, faultOf = textFault) => {
    const value = decodeText(next());
    check(name, value, faultOf(value), bad);
    return value;
  };
  const packet: Packet = {
    type: "connect",
    clientId: nextText("its client id"),
    clean: (flags & CLEAN) > 0,
    keepAlive,
  };
  if ((flags & WILL) > 0) {
    packet.will = {
      topic: nextText("the topic of its will", topicFault),
      payload: next(),
      qos: willQos as Qos,
      retain: (flags & WILL_RETAIN) > 0,
    };
  }
  if ((flags & USERNAME) > 0) packet.username = nextText("its user name");
  if ((flags & PASSWORD) > 0) packet.password = next();
  if (values.length > 0) bad("each value must have a flag", flags);
  return packet;
}

/** Appends one packet. */
function encode(packet: Packet, out: ByteWriter, most: number): void {
  const type = packet?.type;
  const first = TYPES.indexOf(type) << 4;
  if (type === undefined || first < 0) {
    unfit("its type must be a packet's", type);
  }
  const flags = type === "publish" ? messageFlags(packet) : flagsOf(type);
  const rest = restOf(packet);
  // By itself, so that a large payload is not copied.
  const payload = packet.type === "publish" ? packet.payload : NOTHING;
  const size = rest.length + payload.length;
  if (size > most) {
    throw new FrameTooLargeError(most, size, { operation: "encode" });
  }
  out.writeByte(first | flags);
  let left = size;
  for (; left > 0x7f; left = Math.floor(left / 128)) {
    out.writeByte(left % 128 | 0x80);
  }
  out.writeByte(left);
  out.write(rest);
  out.write(payload);
}

const NOTHING = new Uint8Array(0);

/** All of a packet behind its size, but for the payload of a message. */
function restOf(packet: Packet): Uint8Array {
  switch (packet.type) {
    case "connect": {
      const { clientId, clean, keepAlive, will, username, password } = packet;
      if (password !== undefined && username === undefined) {
        unfit("a password must have a user name", undefined);
      }
      const flags = (clean ? CLEAN : 0) |
        (will === undefined ? 0 : WILL | will.qos << WILL_QOS_SHIFT) |
        (will?.retain ? WILL_RETAIN : 0) |
        (username === undefined ? 0 : USERNAME) |
        (password === undefined ? 0 : PASSWORD);
      const values = [encodeText("its client id", clientId)];
      if (will !== undefined) {
        checkQos(will.qos, unfit);
        const { topic, payload } = will;
        values.push(encodeText("the topic of its will", topic, topicFault));
        values.push(payload);
      }
      if (username !== undefined) {
        values.push(encodeText("its user name", username));
      }
      if (password !== undefined) values.push(password);
      return connectRest.encode({
        protocol: "MQTT",
        level: 4,
        flags,
        keepAlive,
        values,
      });
    }
    case "connack": {
      const { sessionPresent, code } = packet;
      if (sessionPresent && code > 0) {
        unfit("a refusal must have no session", code);
      }
      return connackRest.encode({ flags: sessionPresent ? 1 : 0, code });
    }
    case "publish": {
      const { topic, qos, id } = packet;
      check("its topic", topic, topicFault(topic), unfit);
      if (qos === 0) {
        if (id !== 0) unfit("its id must be 0, as its QoS is", id);
        return messageHead.encode({ topic });
      }
      checkId(id, unfit);
      return numberedHead.encode({ topic, id });
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
    case "unsuback":
      checkId(packet.id, unfit);
      return idRest.encode(packet);
    case "subscribe":
      checkId(packet.id, unfit);
      checkFilters(packet.filters, unfit);
      return subscribeRest.encode(packet);
    case "suback":
      checkId(packet.id, unfit);
      checkGranted(packet.granted, unfit);
      return subackRest.encode(packet);
    case "unsubscribe":
      checkId(packet.id, unfit);
      checkFilters(
        packet.filters.map((filter) => ({ filter, qos: 0 })),
        unfit,
      );
      return unsubscribeRest.encode(packet);
    case "pingreq":
    case "pingresp":
    case "disconnect":
      return NOTHING;
  }
}

function messageFlags({ qos, dup, retain }: PublishPacket): number {
  checkMessageFlags(qos, dup, unfit);
  return (dup ? DUP : 0) | qos << QOS_SHIFT | (retain ? RETAIN : 0);
}

/** Refuses a packet: of the peer, or of this side's program. */
type Refuse = (must: string, got: unknown) => never;

function check(
  name: string,
  value: string,
  fault: string | undefined,
  refuse: Refuse,
): void {
  if (fault !== undefined) refuse(`${name} must be ${fault}`, value);
}

function checkId(id: number, refuse: Refuse): void {
  if (Number.isInteger(id) && id >= 1 && id <= 0xffff) return;
  refuse("its id must be an integer from 1 to 65535", id);
}

function checkQos(qos: number, refuse: Refuse): void {
  if (qos !== 0 && qos !== 1 && qos !== 2) {
    refuse("its QoS must be 0, 1 or 2", qos);
  }
}

function checkMessageFlags(qos: number, dup: boolean, refuse: Refuse): void {
  checkQos(qos, refuse);
  if (dup && qos === 0) {
    refuse("a message that was sent again must have a QoS above 0", qos);
  }
}

function checkFilters(
  filters: readonly { filter: string; qos: number }[],
  refuse: Refuse,
): void {
  if (filters.length === 0) refuse("it must have at least one filter", 0);
  for (const { filter, qos } of filters) {
    check("its filter", filter, filterFault(filter), refuse);
    checkQos(qos, refuse);
  }
}

function checkGranted(granted: readonly number[], refuse: Refuse): void {
  if (granted.length === 0) refuse("it must answer at least one filter", 0);
  for (const code of granted) {
    if (code <= 2 || code === REFUSED) continue;
    refuse(`what is granted must be 0, 1, 2 or ${REFUSED}`, code);
  }
}

// Of text that is read by hand; a mark at the beginning is a character like any other.
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

function decodeText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    bad("its text must be valid UTF-8", bytes);
  }
}

function encodeText(
  name: string,
  value: string,
  faultOf = textFault,
): Uint8Array {
  check(name, value, faultOf(value), unfit);
  return utf8Encoder.encode(value);
}

function refuse(type: Type | "", must: string, got: unknown): never {
  throw new MalformedFrameError(
    `Cannot accept ${nameOf(type)}: ${must}, got ${shown(got)}`,
    { operation: "decode" },
  );
}

/** Of the peer: `decode` says which packet it is. */
function bad(must: string, got: unknown): never {
  throw new MalformedFrameError(`${must}, got ${shown(got)}`);
}

/** Of this side's program. */
function unfit(must: string, got: unknown): never {
  throw new RangeError(
    `Cannot encode a packet: ${must}, got ${shown(got)}`,
  );
}

function nameOf(type: Type | ""): string {
  return type === "" ? "a packet" : `a packet ${type.toUpperCase()}`;
}

/** What a field says of itself. */
function withoutPrefix(message: string): string {
  return message.replace(/^Cannot decode: /, "");
}

/** A value for an error, short and on one line. */
function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return typeof value === "string"
    ? JSON.stringify(value.slice(0, 40))
    : String(value);
}
