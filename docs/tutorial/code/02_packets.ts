import {
  ByteWriter,
  connect,
  framed,
  lengthPrefixed,
  serve,
} from "@sluice/net";
import { i16, packets, struct, u16, u8, utf8 } from "@sluice/net/codec";

// A reading of a thermometer. The order of the fields is their order on the wire.
const reading = struct({ version: u8, room: utf8(u16), tenths: i16 });
// Two bytes of length before each packet; at most 1,024 bytes a packet.
const codec = packets(
  reading,
  lengthPrefixed({ lengthBytes: 2, maxFrameBytes: 1024 }),
);

const out = new ByteWriter();
codec.encoder().encode({ version: 1, room: "kitchen", tenths: 215 }, out);
console.log("on the wire:", out.toBytes().toHex());

await using server = serve({ port: 0 }, async (socket) => {
  for await (const { room, tenths } of framed(socket, codec)) {
    console.log(`${room}: ${tenths / 10} degrees`);
  }
  console.log("no more readings");
});

await using socket = await connect({ port: server.addr.port });
const connection = framed(socket, codec);
await connection.send({ version: 1, room: "kitchen", tenths: 215 });
await connection.send({ version: 1, room: "cellar", tenths: -15 });
