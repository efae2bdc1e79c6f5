import { connect, serve } from "@sluice/net";

await using server = serve({ port: 0 }, async (socket) => {
  await socket.write("hello from the server\n");
});

await using socket = await connect({ port: server.addr.port });
console.log(await socket.readLine());
