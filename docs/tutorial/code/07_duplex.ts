import { connect, framed, lines, serve } from "@sluice/net";

// An echo server.
await using server = serve({ port: 0 }, async (socket) => {
  for await (const chunk of socket) await socket.write(chunk);
});

await using socket = await connect({ port: server.addr.port });
const connection = framed(socket, lines());
const COUNT = 100_000;

async function send(): Promise<void> {
  for (let i = 1; i <= COUNT; i++) {
    await connection.send(`this is line number ${i} of a long conversation`);
  }
  await socket.closeWrite(); // That was all; answers may still come.
}

async function receive(): Promise<number> {
  let count = 0;
  for await (const _line of connection) count++;
  return count;
}

// Side by side: neither waits for the other one to end.
const [, received] = await Promise.all([send(), receive()]);
console.log(`${COUNT} lines sent, ${received} received`);
