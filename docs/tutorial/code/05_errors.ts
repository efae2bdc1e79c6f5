import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import {
  connect,
  framed,
  lines,
  serve,
  type Socket,
  SocketError,
} from "@sluice/net";
import { json } from "@sluice/net/codec";

// Each connection fails in another way: the client says in which.
await using server = serve({ port: 0 }, async (socket) => {
  switch (await socket.readLine()) {
    case "half a message":
      await socket.write("so far");
      return; // The client expects ten bytes.
    case "a long line":
      await socket.write("a".repeat(100) + "\n");
      return;
    case "no JSON":
      await socket.write("{ oops\n");
      return;
    case "silence":
      await socket.read(); // Until the client goes.
  }
});
const { port } = server.addr;

// A server that resets every connection, as one does whose process was killed. It takes
// Node's API to do this on purpose.
const reset = createServer((socket) => {
  socket.on("data", () => socket.resetAndDestroy());
});
reset.listen(0, "127.0.0.1");
await once(reset, "listening");
const rude = reset.address() as AddressInfo;

await attempt("nothing listens", async () => {
  await connect({ port: 1 });
});
await attempt("half a message", (socket) => socket.readExactly(10));
await attempt("a long line", (socket) => {
  return framed(socket, lines({ maxLineBytes: 80 })).receive();
});
await attempt("no JSON", (socket) => framed(socket, json()).receive());
await attempt("a reset", (socket) => socket.readLine(), rude.port);
await attempt("silence", (socket) => socket.readLine({ timeoutMs: 100 }));
await attempt("our own mistake", async (socket) => {
  socket.abort();
  await socket.readLine();
});
reset.close();

async function attempt(
  name: string,
  task: (socket: Socket) => Promise<unknown>,
  serverPort: number = port,
): Promise<void> {
  await using socket = await connect({ port: serverPort });
  try {
    await socket.write(`${name}\n`);
    await task(socket);
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    console.log(`${name}: ${error.name}, code "${error.code}"`);
    console.log(`  ${error.message}`);
  }
}
