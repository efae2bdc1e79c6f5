import { connect, framed, lines, serve, sleep } from "@sluice/net";

// The handler runs once for each client, all at the same time.
await using server = serve({
  port: 0,
  maxConnections: 1_000,
  maxConnectionsPerAddress: 100,
}, async (socket) => {
  const connection = framed(socket, lines());
  let questions = 0; // Each client has a counter of its own.
  for await (const name of connection) {
    questions++;
    await sleep(200); // Something that takes a while.
    await connection.send(`${name}: answer ${questions}`);
  }
});

async function ask(name: string): Promise<void> {
  await using socket = await connect({ port: server.addr.port });
  const connection = framed(socket, lines());
  for (let round = 1; round <= 2; round++) {
    await connection.send(name);
    console.log(await connection.receive({ timeoutMs: 10_000 }));
  }
}

const started = performance.now();
await Promise.all([ask("ann"), ask("bob"), ask("eve")]);
const seconds = (performance.now() - started) / 1000;
console.log(`all together: ${seconds.toFixed(1)} seconds`);
