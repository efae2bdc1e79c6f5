import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ByteQueue,
  ByteWriter,
  FrameTooLargeError,
  MalformedFrameError,
  SocketError,
} from "@sluice/net";
import { checkCodec } from "@sluice/net/testing";
import { Buffer } from "node:buffer";
import theirs, { type Packet as TheirPacket } from "npm:mqtt-packet@9.0.2";
import { mqtt } from "../../../examples/mqtt/codec.ts";
import type { Packet } from "../../../examples/mqtt/packet.ts";
import { bytesOf, hex, SAMPLES } from "./_samples.ts";

function encode(packet: Packet, codec = mqtt()): Uint8Array {
  const out = new ByteWriter();
  codec.encoder().encode(packet, out);
  return out.toBytes();
}

/** All packets in some bytes, which must end between two of them. */
function decode(bytes: Uint8Array, codec = mqtt()): Packet[] {
  const decoder = codec.decoder();
  const queue = new ByteQueue();
  queue.append(bytes);
  const packets: Packet[] = [];
  for (let packet; (packet = decoder.decode(queue)) !== undefined;) {
    packets.push(packet);
  }
  assertEquals(queue.length, 0, "a part of a packet is left");
  return packets;
}

const message: Packet & { type: "publish" } = {
  type: "publish",
  topic: "t",
  payload: new Uint8Array(0),
  qos: 0,
  retain: false,
  dup: false,
  id: 0,
};

Deno.test("mqtt() keeps what every codec promises", { timeout: 60_000 }, () => {
  checkCodec(mqtt(), SAMPLES, {
    oversized: hex("30 81 80 40"),
    makeFrame: (size) => ({ ...message, payload: new Uint8Array(size) }),
  });
});

/** A packet as mqtt-packet names its parts. */
function named(packet: Packet): TheirPacket {
  switch (packet.type) {
    case "connect": {
      const { type: cmd, keepAlive: keepalive, will, password, ...rest } =
        packet;
      return {
        cmd,
        protocolId: "MQTT",
        protocolVersion: 4,
        keepalive,
        ...(will && {
          will: { ...will, payload: Buffer.from(will.payload) },
        }),
        ...(password && { password: Buffer.from(password) }),
        ...rest,
      };
    }
    case "connack":
      return {
        cmd: packet.type,
        sessionPresent: packet.sessionPresent,
        returnCode: packet.code,
      };
    case "publish": {
      const { type: cmd, payload, id, ...rest } = packet;
      return {
        cmd,
        payload: Buffer.from(payload),
        ...(id > 0 && { messageId: id }),
        ...rest,
      };
    }
    case "subscribe":
      return {
        cmd: packet.type,
        messageId: packet.id,
        subscriptions: packet.filters.map(({ filter: topic, qos }) => ({
          topic,
          qos,
        })),
      };
    case "suback":
      return {
        cmd: packet.type,
        messageId: packet.id,
        granted: packet.granted,
      };
    case "unsubscribe":
      return {
        cmd: packet.type,
        messageId: packet.id,
        unsubscriptions: packet.filters,
      };
    case "pingreq":
    case "pingresp":
    case "disconnect":
      return { cmd: packet.type };
    default:
      return { cmd: packet.type, messageId: packet.id } as TheirPacket;
  }
}

// It is strict where a client has an empty id and no session, and takes text as it is.
Deno.test("mqtt-packet writes the same bytes", () => {
  for (const packet of SAMPLES) {
    const expected = new Uint8Array(theirs.generate(named(packet)));
    assertEquals(encode(packet), expected, JSON.stringify(packet));
  }
});

Deno.test("mqtt() reads what mqtt-packet writes, and the other way round", () => {
  const parser = theirs.parser({ protocolVersion: 4 });
  const parsed: TheirPacket[] = [];
  parser.on("packet", (packet) => parsed.push(packet));
  parser.on("error", (error) => {
    throw error;
  });
  for (const packet of SAMPLES) {
    const written = theirs.generate(named(packet));
    assertEquals(decode(new Uint8Array(written)), [packet]);
    parsed.length = 0;
    parser.parse(Buffer.from(encode(packet)));
    assertEquals(parsed.length, 1);
    const found = parsed[0] as unknown as Record<string, unknown>;
    const wanted = named(packet) as unknown as Record<string, unknown>;
    for (const [name, value] of Object.entries(wanted)) {
      assertEquals(comparable(found[name]), comparable(value), name);
    }
  }
});

/** The same without the classes of its parts, and without what only they have. */
function comparable(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, each) => {
    return key === "properties" ? undefined : each;
  }));
}

Deno.test("mqtt() writes sizes of one to four bytes", () => {
  const codec = mqtt({ maxFrameBytes: 2 ** 28 - 1 });
  for (
    const [size, header] of [
      [127, "30 7f"],
      [128, "30 80 01"],
      [16_383, "30 ff 7f"],
      [16_384, "30 80 80 01"],
      [2_097_151, "30 ff ff 7f"],
      [2_097_152, "30 80 80 80 01"],
    ] as const
  ) {
    // The topic takes three bytes of it.
    const packet = { ...message, payload: new Uint8Array(size - 3).fill(7) };
    const bytes = encode(packet, codec);
    const expected = hex(header);
    assertEquals(bytes.subarray(0, expected.length), expected);
    assertEquals(bytes.length, expected.length + size);
    assertEquals(decode(bytes, codec), [packet]);
  }
});

/** Bytes that no side may send, and what is said of them. */
const MALFORMED: [bytes: string, said: string][] = [
  [
    "00 00",
    'field "header" was refused: it must be of a type from 1 to 14, got {"type":0,',
  ],
  ["f0 00", 'it must be of a type from 1 to 14, got {"type":15,'],
  ["48 54", 'it must be that of PUBACK, got {"type":4,"dup":true,'],
  ["21 02 00 00", "it must be that of CONNACK"],
  ["80 07 00 01 00 02 61 62 01", "it must be that of SUBSCRIBE"],
  ["60 02 00 01", "it must be that of PUBREL"],
  ["c1 00", "it must be that of PINGREQ"],
  ["30 ff ff ff ff", 'field "rest" must be at most 4 bytes long, got more'],
  [
    "d0 80 00",
    'field "rest" must be as short as it can be, got 2 bytes',
  ],
  ["40 82 00 00 01", 'field "rest" must be as short as it can be'],
  ["20 01 00", 'CONNACK: field "'],
  ["20 03 00 00 00", "CONNACK: "],
  [
    "20 02 02 00",
    'CONNACK: field "sessionPresent" was refused: it must be 0 or 1, got 2',
  ],
  ["20 02 01 05", "CONNACK: a refusal must be without a session"],
  ["30 00", 'PUBLISH: field "topic"'],
  ["30 03 00 05 61", 'PUBLISH: field "topic"'],
  [
    "30 02 00 00",
    'PUBLISH: field "topic" was refused: it must be a topic of at least one character',
  ],
  [
    "30 03 00 01 23",
    'it must be a topic without wildcards, got "#"',
  ],
  [
    "30 05 00 03 61 2f 2b",
    "it must be a topic without wildcards",
  ],
  ["30 03 00 01 00", "it must be without U+0000"],
  ["30 04 00 02 c3 28", 'PUBLISH: field "topic" must be valid UTF-8'],
  ["30 05 00 03 ed a0 80", 'PUBLISH: field "topic" must be valid UTF-8'],
  ["38 03 00 01 61", "it must be of a QoS above 0"],
  ["36 05 00 01 61 00 01", "it must be of a QoS of 0, 1 or 2"],
  [
    "32 05 00 01 61 00 00",
    'PUBLISH: field "id" was refused: it must be at least 1',
  ],
  ["32 04 00 01 61 00", 'PUBLISH: field "id"'],
  ["40 02 00 00", 'PUBACK: field "id" was refused: it must be at least 1'],
  ["40 03 00 01 00", "PUBACK: "],
  ["40 01 01", "PUBACK: "],
  [
    "90 02 00 01",
    'SUBACK: field "granted" was refused: it must be at least one',
  ],
  [
    "90 03 00 01 03",
    '"granted[0]" was refused: it must be 0, 1, 2 or 128, got 3',
  ],
  [
    "82 02 00 01",
    'SUBSCRIBE: field "filters" was refused: it must be at least one',
  ],
  [
    "82 06 00 01 00 01 61 03",
    '"filters[0].qos" was refused: it must be 0, 1 or 2, got 3',
  ],
  [
    "82 07 00 01 00 02 61 23 00",
    '"filters[0].filter" was refused: it must be a filter whose #',
  ],
  [
    "a2 02 00 01",
    'UNSUBSCRIBE: field "filters" was refused: it must be at least one',
  ],
  ["d0 01 00", "PINGRESP: it must end here, got 1 bytes more"],
  [
    "10 0c 00 04 4d 51 54 54 05 02 00 3c 00 00",
    'CONNECT: field "level" must be 4',
  ],
  [
    "10 0e 00 06 4d 51 49 73 64 70 04 02 00 3c 00 00",
    'CONNECT: field "protocol" must be "MQTT"',
  ],
  [
    "10 0c 00 04 4d 51 54 54 04 03 00 3c 00 00",
    "it must be flags that agree",
  ],
  [
    "10 0c 00 04 4d 51 54 54 04 22 00 3c 00 00",
    "it must be flags that agree",
  ],
  [
    "10 0c 00 04 4d 51 54 54 04 42 00 3c 00 00",
    "it must be flags that agree",
  ],
  [
    "10 0c 00 04 4d 51 54 54 04 82 00 3c 00 00",
    "CONNECT: each of its flags must have a value",
  ],
  [
    "10 0e 00 04 4d 51 54 54 04 02 00 3c 00 00 00 00",
    "CONNECT: each of its values must have a flag",
  ],
  [
    "10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 00",
    'CONNECT: field "clientId" was refused: it must be without U+0000',
  ],
  [
    "10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 ff",
    'CONNECT: field "clientId" must be valid UTF-8',
  ],
];

for (const [bytes, said] of MALFORMED) {
  Deno.test(`mqtt() refuses ${bytes}`, () => {
    const error = assertThrows(() => decode(hex(bytes)), MalformedFrameError);
    assertStringIncludes(error.message, said);
    assertEquals(error.recoverable, false);
  });
}

Deno.test("mqtt() refuses what is too large before it has come", () => {
  const codec = mqtt({ maxFrameBytes: 100 });
  const error = assertThrows(
    () => decode(hex("30 ff ff ff 7f"), codec),
    FrameTooLargeError,
  );
  assertEquals([error.limit, error.claimed], [100, 2 ** 28 + 4]);
  assertThrows(
    () => encode({ ...message, payload: new Uint8Array(96) }, codec),
    FrameTooLargeError,
  );
  assertEquals(
    encode({ ...message, payload: new Uint8Array(95) }, codec).length,
    100,
  );
});

Deno.test("mqtt() takes only limits that a packet can be within", () => {
  for (const maxFrameBytes of [1, 2.5, NaN]) {
    assertThrows(() => mqtt({ maxFrameBytes }), RangeError, "maxFrameBytes");
  }
  assertThrows(() => mqtt({ max: 5 } as object), TypeError, "maxFrameBytes");
});

/** Packets that this side's program must not make. */
const UNFIT: [packet: Packet, said: string][] = [
  [{ ...message, topic: "a/#" }, "it must be a topic without wildcards"],
  [{ ...message, topic: "" }, "it must be a topic of at least one"],
  [{ ...message, topic: "a\0" }, "it must be without U+0000"],
  [
    { ...message, topic: "\ud800" },
    "it must be without lone surrogates",
  ],
  [
    { ...message, topic: "ä".repeat(40_000) },
    "it must be at most 65535 bytes",
  ],
  [{ ...message, id: 1 }, "its id must be 0, as its QoS is"],
  [{ ...message, qos: 1 }, "it must be at least 1, got 0"],
  [{ ...message, qos: 1, id: 65_536 }, "from 0 to 65535, got 65536"],
  [{ ...message, qos: 3 as 2, id: 1 }, "it must be of a QoS of 0, 1 or 2"],
  [{ ...message, dup: true }, "it must be of a QoS above 0"],
  [{ type: "puback", id: 0 }, "it must be at least 1"],
  [{ type: "subscribe", id: 1, filters: [] }, "it must be at least one"],
  [
    { type: "subscribe", id: 1, filters: [{ filter: "a+", qos: 0 }] },
    "whose + is a whole level",
  ],
  [
    { type: "unsubscribe", id: 1, filters: ["#/a"] },
    "whose # is its last level",
  ],
  [{ type: "suback", id: 1, granted: [3] }, "it must be 0, 1, 2 or 128"],
  [
    { type: "connack", sessionPresent: true, code: 1 },
    "a refusal must be without a session",
  ],
  [
    { type: "connect", clientId: "\0", clean: true, keepAlive: 0 },
    "it must be without U+0000",
  ],
  [
    {
      type: "connect",
      clientId: "c",
      clean: true,
      keepAlive: 0,
      password: bytesOf("secret"),
    },
    "it must be flags that agree",
  ],
  [
    { type: "connect", clientId: "c", clean: true, keepAlive: 70_000 },
    "keepAlive",
  ],
  [
    { type: "auth" } as unknown as Packet,
    "Cannot encode",
  ],
];

for (const [packet, said] of UNFIT) {
  const shown = JSON.stringify(packet).slice(0, 80);
  Deno.test(`mqtt() does not write ${shown}`, () => {
    const error = assertThrows(() => encode(packet), Error);
    assertStringIncludes(error.message, said);
    assert(!(error instanceof SocketError));
  });
}
