import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { framed } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";
import { codec } from "./02_position.ts";

const position = { player: "ann", x: 3, y: -2 };
const wire = "0008" + "03616e6e" + "0003" + "fffe";

Deno.test("a position has these bytes on the wire", {
  timeout: 10_000,
}, async () => {
  const [client, server] = memoryPair();
  await framed(client, codec).send(position);
  await client.closeWrite();
  let hex = "";
  for await (const chunk of server) hex += chunk.toHex();
  strictEqual(hex, wire);
});

Deno.test("a position that comes a byte at a time is received", {
  timeout: 10_000,
}, async () => {
  const [client, server] = memoryPair();
  const receiving = framed(server, codec).receive();
  for (const byte of Uint8Array.fromHex(wire)) {
    await client.write(new Uint8Array([byte]));
    await client.flush();
  }
  await client.closeWrite();
  deepStrictEqual(await receiving, position);
});
