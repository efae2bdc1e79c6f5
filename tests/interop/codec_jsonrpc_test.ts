import { assertEquals } from "@std/assert";
import { connect, framed, serve } from "@sluice/net";
import { contentLength, json } from "@sluice/net/codec";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { connect as connectNode } from "node:net";
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from "npm:vscode-jsonrpc@10.0.0/node";

/** A message of JSON-RPC, as far as these tests go. */
interface Message {
  jsonrpc: "2.0";
  id?: number | string | null;
  method?: string;
  params?: unknown[];
  result?: unknown;
}

const codec = json<Message>(contentLength());
const LONG = "ünïcödé €𝄞 ".repeat(3000);

function speak(socket: Socket): MessageConnection {
  // deno-lint-ignore no-explicit-any
  const stream = socket as any;
  return createMessageConnection(
    new StreamMessageReader(stream),
    new StreamMessageWriter(stream),
  );
}

Deno.test("vscode-jsonrpc calls a server that speaks json(contentLength())", {
  timeout: 20_000,
}, async () => {
  const notified = Promise.withResolvers<unknown>();
  await using server = serve({ port: 0 }, async (socket) => {
    const peer = framed(socket, codec);
    for await (const { id, method, params } of peer) {
      if (id === undefined) notified.resolve([method, params]);
      else {await peer.send({
          jsonrpc: "2.0",
          id,
          result: [method, params ?? null],
        });}
    }
  });
  const { port } = server.addr;
  const socket = connectNode(port, "127.0.0.1");
  await once(socket, "connect");
  const client = speak(socket);
  client.listen();
  // Calls that overtake each other, small and large.
  const results = await Promise.all([
    client.sendRequest("echo", 1, "a"),
    client.sendRequest("echo", LONG),
    client.sendRequest("last"),
  ]);
  assertEquals<unknown>(results, [
    ["echo", [1, "a"]],
    ["echo", [LONG]],
    ["last", null],
  ]);
  await client.sendNotification("bye", "now");
  assertEquals(await notified.promise, ["bye", ["now"]]);
  client.dispose();
  socket.end();
  await once(socket, "close");
});

Deno.test("a client that speaks json(contentLength()) calls vscode-jsonrpc", {
  timeout: 20_000,
}, async () => {
  const server = createServer((socket) => {
    const peer = speak(socket);
    peer.onRequest("add", (a: number, b: number) => a + b);
    peer.onRequest("repeat", (text: string) => text + text);
    peer.listen();
    socket.on("close", () => peer.dispose());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    await using client = framed(await connect({ port }), codec);
    const calls: [string, unknown[], unknown][] = [
      ["add", [1, 2], 3],
      ["repeat", [LONG], LONG + LONG],
      ["repeat", [""], ""],
    ];
    for (const [id, [method, params]] of calls.entries()) {
      await client.send({ jsonrpc: "2.0", id, method, params });
    }
    for (const [id, [, , result]] of calls.entries()) {
      const answer = await client.receive();
      assertEquals([answer?.id, answer?.result], [id, result]);
    }
  } finally {
    server.close();
    await once(server, "close");
  }
});
