import { assertEquals } from "@std/assert";
import {
  array,
  bits,
  bool,
  ByteQueue,
  ByteWriter,
  packets,
  rest,
  sized,
  struct,
  union,
  utf8,
  varint,
} from "@sluice/net/codec";
import mqtt from "npm:mqtt-packet@9.0.2";
import protobuf from "npm:protobufjs@8.8.1";

const packet = struct({
  header: bits({ type: 4, dup: bool, qos: 2, retain: bool }),
  body: sized(varint({ maxBytes: 4 }), rest),
});
const codec = packets(packet, { maxFrameBytes: 4 * 1024 * 1024 });

/** What the package can make, of all sizes of the remaining length. */
const MADE = [
  { cmd: "connect", clientId: "a client", protocolId: "MQTT", clean: true },
  { cmd: "connack", returnCode: 0, sessionPresent: false },
  ...[0, 120, 300, 16_381, 2_100_000].map((size, i) => ({
    cmd: "publish",
    topic: "a/b",
    payload: "x".repeat(size),
    qos: i % 3,
    dup: i === 1,
    retain: i === 2,
    messageId: 5,
  })),
  { cmd: "puback", messageId: 7 },
  {
    cmd: "subscribe",
    messageId: 6,
    subscriptions: [{ topic: "#", qos: 1 }],
  },
  { cmd: "suback", messageId: 6, granted: [1] },
  { cmd: "pingreq" },
  { cmd: "pingresp" },
  { cmd: "disconnect" },
] as unknown as mqtt.Packet[];

Deno.test("packets() without frames reads what mqtt-packet writes, and writes it again", () => {
  const wires = MADE.map((each) => new Uint8Array(mqtt.generate(each)));
  const out = new ByteWriter();
  for (const each of wires) out.write(each);
  const wire = out.toBytes();
  for (const step of [1, 7, 1460, Infinity]) {
    const queue = new ByteQueue();
    const decoder = codec.decoder();
    const seen = [];
    for (let i = 0; i < wire.length; i += step) {
      queue.append(wire.slice(i, i + step));
      for (let next; (next = decoder.decode(queue)) !== undefined;) {
        seen.push(next);
      }
    }
    assertEquals(seen.map((each) => packet.encode(each)), wires);
    assertEquals(
      seen.map(({ header }) => header.type),
      [1, 2, 3, 3, 3, 3, 3, 4, 8, 9, 12, 13, 14],
    );
  }
  // What it reads of ours.
  const names: string[] = [];
  const parser = mqtt.parser();
  parser.on("packet", ({ cmd }) => names.push(cmd));
  const encoder = codec.encoder();
  for (const each of wires) encoder.encode(packet.decode(each), out);
  parser.parse(out.toBytes() as Parameters<typeof parser.parse>[0]);
  assertEquals(names, MADE.map(({ cmd }) => cmd as string));
});

// message Person { uint32 id = 1; string name = 2; sint64 height = 3;
//                  repeated uint32 scores = 4 [packed = true]; Person friend = 5; }
const schema = protobuf.parse(`
  syntax = "proto3";
  message Person {
    uint32 id = 1;
    string name = 2;
    sint32 height = 3;
    repeated uint32 scores = 4;
    Person friend = 5;
  }
`).root.lookupType("Person");

const u32 = varint({ max: 2 ** 32 - 1 });
const person = struct({
  fields: array(
    union({ tag: u32 }, {
      8: struct({ id: u32 }),
      18: struct({ name: utf8(u32) }),
      24: struct({ height: varint({ max: 2 ** 31 - 1, zigzag: true }) }),
      34: struct({ scores: sized(u32, array(u32)) }),
      42: struct({ friend: sized(u32, rest) }),
    }),
  ),
});

Deno.test("struct(), union() and varint() read what protobufjs writes, and write it again", () => {
  const friend = { id: 2 ** 32 - 1, name: "Zoë", height: -(2 ** 31) };
  const message = { id: 300, name: "x", scores: [1, 128, 70_000], friend };
  const wire = new Uint8Array(schema.encode(schema.create(message)).finish());
  const { fields } = person.decode(wire);
  assertEquals(person.encode({ fields }), wire);
  assertEquals(fields.slice(0, 2), [{ tag: 8, id: 300 }, {
    tag: 18,
    name: "x",
  }]);
  assertEquals(fields[2], { tag: 34, scores: message.scores });
  const last = fields[3];
  if (last.tag !== 42) throw new TypeError("no friend");
  assertEquals(person.decode(last.friend).fields, [
    { tag: 8, id: friend.id },
    { tag: 18, name: friend.name },
    { tag: 24, height: friend.height },
  ]);
  const ours = person.encode({ fields: [{ tag: 24, height: -5 }] });
  assertEquals(schema.decode(ours).toJSON(), { height: -5 });
});
