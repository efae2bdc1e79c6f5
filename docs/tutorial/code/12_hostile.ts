import {
  connect,
  framed,
  lengthPrefixed,
  serve,
  type Socket,
  SocketError,
} from "@sluice/net";

await using server = serve({
  port: 0,
  maxConnections: 1_000,
  maxConnectionsPerAddress: 2,
  frameTimeoutMs: 300, // From the first byte of a message to its last.
  shutdownTimeoutMs: 0,
}, async (socket) => {
  const codec = lengthPrefixed({ maxFrameBytes: 64 * 1024 });
  try {
    for await (const frame of framed(socket, codec)) {
      console.log(`  a frame of ${frame.length} bytes`);
    }
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    console.log(`  ${error.message}`);
  }
});

async function attack(
  name: string,
  task: (socket: Socket) => Promise<void>,
): Promise<void> {
  console.log(name);
  await using socket = await connect({ port: server.addr.port });
  await task(socket);
  await socket.read().catch(() => {}); // Until the server has hung up.
}

await attack("an honest client", async (socket) => {
  await socket.write(new Uint8Array([0, 0, 0, 2, 104, 105]));
  await socket.closeWrite();
});
await attack("one that claims 4 GiB", async (socket) => {
  await socket.write(new Uint8Array([255, 255, 255, 255]));
});
await attack("one that begins a message and waits", async (socket) => {
  await socket.write(new Uint8Array([0, 0, 0, 9, 104]));
});
console.log("one that wants three places");
const places = [];
for (let i = 0; i < 3; i++) {
  places.push(await connect({ port: server.addr.port }));
}
const third = await places[2].read().catch(() => null);
console.log(`  the third was ${third === null ? "turned away" : "let in"}`);
await Promise.all(places.map((socket) => socket.close()));
