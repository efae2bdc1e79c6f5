// First sends everything, then reads the answers.
import { connect, serve, TimeoutError } from "@sluice/net";

const server = serve({ port: 0 }, async (socket) => {
  for await (const chunk of socket) await socket.write(chunk);
});

const socket = await connect({ port: server.addr.port });
const megabyte = new Uint8Array(1_000_000);
try {
  for (let i = 0; i < 100; i++) {
    await socket.write(megabyte, { timeoutMs: 1_000 });
  }
  console.log("all 100 MB were sent");
} catch (error) {
  if (!(error instanceof TimeoutError)) throw error;
  console.log(error.message);
  console.log("client: I read when I have sent everything");
  console.log("server: I read on when my answer has been taken");
}
socket.abort();
await server.shutdown({ timeoutMs: 0 });
