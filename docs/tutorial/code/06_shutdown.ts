import { connect, framed, lines, serve, sleep } from "@sluice/net";

const server = serve({ port: 0 }, async (socket) => {
  const connection = framed(socket, lines());
  for await (const line of connection) {
    await sleep(200); // The client waits for its answer.
    await connection.send(`done: ${line}`);
  }
});

// One client has nothing to say, the other one waits for an answer.
const idle = await connect({ port: server.addr.port });
const busy = await connect({ port: server.addr.port });
await busy.write("some work\n");
while (server.stats.bytesRead === 0) await sleep(10);

const shuttingDown = server.shutdown({ timeoutMs: 10_000 });
console.log("the idle client reads", await idle.readLine());
console.log("the busy client reads", await busy.readLine());
await Promise.all([idle.close(), busy.close()]);

const { completed, aborted } = await shuttingDown;
console.log(`${completed} completed, ${aborted} aborted`);
