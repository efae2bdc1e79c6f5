/**
 * MQTT 3.1.1 as a codec: both sides of it, all fourteen packets.
 *
 * ```txt
 * | type   | dup   | qos    | retain | size of the rest | the rest                   |
 * | 4 bits | 1 bit | 2 bits | 1 bit  | 1 to 4 bytes     | as the type and the qos say |
 * ```
 *
 * It is strict. What a side of the protocol must not send is refused in both directions:
 * wrong flags, a size written longer than it needs to be, a rest that ends too early or too
 * late, ids of 0, text that is not UTF-8 or has U+0000, wildcards in the topic of a message.
 *
 * @module
 */

import {
  array,
  bits,
  type BitsOf,
  bool,
  bytes,
  type Codec,
  type Field,
  literal,
  MalformedFrameError,
  mapped,
  mappedField,
  packets,
  sized,
  struct,
  u16,
  u8,
  utf8,
  varint,
} from "@sluice/net/codec";
import {
  type ConnectPacket,
  type Packet,
  type Qos,
  REFUSED,
} from "./packet.ts";
import { filterFault, textFault, topicFault } from "./topic.ts";

/** Options of {@linkcode mqtt}. */
export interface MqttCodecOptions {
  /**
   * Most bytes of a packet, in both directions. The protocol's own limit is 268,435,460.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
}

/**
 * MQTT 3.1.1.
 *
 * Payloads and passwords are views of what has arrived.
 *
 * @throws {RangeError} `maxFrameBytes` is below 2.
 */
export function mqtt(options: MqttCodecOptions = {}): Codec<Packet> {
  return mapped(packets(frame, options), decode, encode);
}

type Type = Packet["type"];

/** By their numbers, from 1. */
const TYPES = [
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
] as const satisfies readonly Type[];

/** A field that refuses some values, in both directions. */
function checked<T>(
  field: Field<T>,
  faultOf: (value: T) => string | undefined,
): Field<T> {
  const check = (value: T): T => {
    const fault = faultOf(value);
    if (fault === undefined) return value;
    throw new RangeError(`it must be ${fault}, got ${shown(value)}`);
  };
  return mappedField(field, check, check);
}

/** A value for an error, short and on one line. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `${value.length}`;
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 56)}...` : text;
}

// ---- the frame of all packets ---------------------------------------------

const HEADER = { type: 4, dup: bool, qos: 2, retain: bool } as const;
type Header = BitsOf<typeof HEADER>;

/** It comes first, so that what is not MQTT at all is refused at its first byte. */
const header = checked(bits(HEADER), ({ type, dup, qos, retain }) => {
  const name = TYPES[type - 1];
  if (name === undefined) return "of a type from 1 to 14";
  if (name !== "publish") {
    const wanted = flagsOf(name);
    const fits = !dup && qos === wanted.qos && !retain;
    return fits ? undefined : `that of ${name.toUpperCase()}`;
  }
  if (qos > 2) return "of a QoS of 0, 1 or 2";
  // What is delivered at most once is not sent again.
  return dup && qos === 0 ? "of a QoS above 0, as dup is set" : undefined;
});

const frame = struct({
  header,
  rest: sized(varint({ maxBytes: 4 }), bytes()),
});

/** The flags of a packet that is no message. */
function flagsOf(type: Type): Omit<Header, "type"> {
  const isOdd = type === "pubrel" || type === "subscribe" ||
    type === "unsubscribe";
  return { dup: false, qos: isOdd ? 1 : 0, retain: false };
}

// ---- the rest of each -----------------------------------------------------

const text = checked(utf8(u16), textFault);
const topic = checked(utf8(u16), topicFault);
const filter = checked(utf8(u16), filterFault);
const id = checked(u16, (id) => id > 0 ? undefined : "at least 1");
const qos = checked(u8, (qos) => qos <= 2 ? undefined : "0, 1 or 2");
const granted = checked(
  u8,
  (code) => code <= 2 || code === REFUSED ? undefined : `0, 1, 2 or ${REFUSED}`,
);

/** One or more. */
function several<T>(of: Field<T>): Field<T[]> {
  return checked(
    array(of) as Field<T[]>,
    ({ length }) => length > 0 ? undefined : "at least one",
  );
}

const numbered = struct({ id });
const message = struct({ topic, payload: bytes() });
const numberedMessage = struct({ topic, id, payload: bytes() });

const flag = mappedField(
  checked(u8, (byte) => byte <= 1 ? undefined : "0 or 1"),
  Boolean,
  Number,
);

/** Those whose fields are the packet's. */
const RESTS = {
  connack: struct({ sessionPresent: flag, code: u8 }),
  puback: numbered,
  pubrec: numbered,
  pubrel: numbered,
  pubcomp: numbered,
  subscribe: struct({ id, filters: several(struct({ filter, qos })) }),
  suback: struct({ id, granted: several(granted) }),
  unsubscribe: struct({ id, filters: several(filter) }),
  unsuback: numbered,
};

const connect = struct({
  protocol: literal(text, "MQTT"),
  level: literal(u8, 4),
  flags: checked(
    bits({
      username: bool,
      password: bool,
      willRetain: bool,
      willQos: 2,
      will: bool,
      clean: bool,
      reserved: bool,
    }),
    ({ username, password, will, willQos, willRetain, reserved }) => {
      const fits = !reserved && willQos <= 2 && (username || !password) &&
        (will || willQos === 0 && !willRetain);
      return fits ? undefined : "flags that agree";
    },
  ),
  keepAlive: u16,
  clientId: text,
  /** Topic and payload of the will, user name, password: those that the flags say. */
  values: array(bytes(u16)),
});

// ---- from and to packets --------------------------------------------------

interface Frame {
  header: Header;
  rest: Uint8Array;
}

const NOTHING = new Uint8Array(0);

function decode({ header, rest }: Frame): Packet {
  const type = TYPES[header.type - 1];
  try {
    return checkPacket(parse(type, header, rest));
  } catch (error) {
    const why = (error as Error).message.replace(/^Cannot decode: /, "");
    throw new MalformedFrameError(
      `Cannot accept a packet ${type.toUpperCase()}: ${why}`,
      { frame: rest, cause: error, operation: "decode" },
    );
  }
}

function parse(type: Type, header: Header, rest: Uint8Array): Packet {
  switch (type) {
    case "connect":
      return parseConnect(rest);
    case "publish": {
      const { dup, retain } = header;
      const qos = header.qos as Qos;
      return qos === 0
        ? { type, ...message.decode(rest), qos, retain, dup, id: 0 }
        : { type, ...numberedMessage.decode(rest), qos, retain, dup };
    }
    case "pingreq":
    case "pingresp":
    case "disconnect":
      if (rest.length === 0) return { type };
      throw new RangeError(`it must end here, got ${rest.length} bytes more`);
    default:
      return { type, ...RESTS[type].decode(rest) } as Packet;
  }
}

function encode(packet: Packet): Frame {
  const { type } = packet;
  checkPacket(packet);
  const { dup, qos, retain } = packet.type === "publish"
    ? packet
    : flagsOf(type);
  const header = { type: TYPES.indexOf(type) + 1, dup, qos, retain };
  return { header, rest: restOf(packet) };
}

function restOf(packet: Packet): Uint8Array {
  switch (packet.type) {
    case "connect":
      return connectRest(packet);
    case "publish":
      return (packet.qos === 0 ? message : numberedMessage).encode(packet);
    case "pingreq":
    case "pingresp":
    case "disconnect":
      return NOTHING;
    case "connack":
      return RESTS.connack.encode(packet);
    case "subscribe":
      return RESTS.subscribe.encode(packet);
    case "suback":
      return RESTS.suback.encode(packet);
    case "unsubscribe":
      return RESTS.unsubscribe.encode(packet);
    default:
      return numbered.encode(packet);
  }
}

/** What no field can say alone. */
function checkPacket(packet: Packet): Packet {
  if (packet.type === "connack" && packet.sessionPresent && packet.code > 0) {
    throw new RangeError("a refusal must be without a session");
  }
  if (packet.type === "publish" && packet.qos === 0 && packet.id !== 0) {
    throw new RangeError("its id must be 0, as its QoS is");
  }
  return packet;
}

const utf8Encoder = new TextEncoder();
// A mark at the beginning is a character like any other.
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parseConnect(rest: Uint8Array): ConnectPacket {
  const { flags, keepAlive, clientId, values } = connect.decode(rest);
  const next = () => {
    const value = values.shift();
    if (value !== undefined) return value;
    throw new RangeError("each of its flags must have a value");
  };
  const nextText = (faultOf = textFault) => {
    const value = utf8Decoder.decode(next());
    const fault = faultOf(value);
    if (fault === undefined) return value;
    throw new RangeError(`its text must be ${fault}`);
  };
  const { willQos: qos, willRetain: retain } = flags;
  const packet: ConnectPacket = {
    type: "connect",
    clientId,
    clean: flags.clean,
    keepAlive,
  };
  if (flags.will) {
    const topic = nextText(topicFault);
    packet.will = { topic, payload: next(), qos: qos as Qos, retain };
  }
  if (flags.username) packet.username = nextText();
  if (flags.password) packet.password = next();
  if (values.length > 0) {
    throw new RangeError("each of its values must have a flag");
  }
  return packet;
}

function connectRest(packet: ConnectPacket): Uint8Array {
  const { clientId, clean, keepAlive, will, username, password } = packet;
  const values: Uint8Array[] = [];
  const add = (value: string, faultOf = textFault) => {
    const fault = faultOf(value);
    if (fault !== undefined) {
      throw new RangeError(`Cannot encode: text must be ${fault}`);
    }
    values.push(utf8Encoder.encode(value));
  };
  if (will !== undefined) {
    add(will.topic, topicFault);
    values.push(will.payload);
  }
  if (username !== undefined) add(username);
  if (password !== undefined) values.push(password);
  const flags = {
    username: username !== undefined,
    password: password !== undefined,
    willRetain: will?.retain ?? false,
    willQos: will?.qos ?? 0,
    will: will !== undefined,
    clean,
    reserved: false,
  };
  return connect.encode({ flags, keepAlive, clientId, values });
}
