import { assertEquals, assertStrictEquals } from "@std/assert";
import { channel } from "node:diagnostics_channel";
import { connect, serve, type Server, type ServerEvent } from "@sluice/net";

Deno.test("serve() publishes its events on a diagnostics channel", {
  timeout: 10_000,
}, async () => {
  // The channel is loaded with the first server: wait for that.
  await serve({ port: 0 }, () => {}).shutdown();
  await import("node:diagnostics_channel");
  const messages: { server: Server; event: ServerEvent }[] = [];
  const onMessage = (message: unknown) => {
    messages.push(message as typeof messages[number]);
  };
  const events = channel("sluice:server");
  events.subscribe(onMessage);
  const server = serve({ port: 0 }, async (socket) => {
    await socket.readLine();
    await socket.write("secret\n");
  });
  const client = await connect({ port: server.addr.port });
  await client.write("hello\n");
  await client.readLine();
  await client.close();
  await server.shutdown();
  events.unsubscribe(onMessage);

  for (const { server: from } of messages) assertStrictEquals(from, server);
  const types = messages.map(({ event }) => event.type).sort();
  assertEquals(types, ["accepted", "closed", "drain"]);
  const closed = messages.map(({ event }) => event)
    .find((event) => event.type === "closed")!;
  assertEquals([closed.bytesRead, closed.bytesWritten], [6, 7]);
});
