import { connect, serve, SocketError } from "@sluice/net";
import { makeCertificate } from "./12_certificate.ts";

const { ca, cert, key } = await makeCertificate();

await using server = serve({
  hostname: "localhost",
  port: 0,
  tls: { cert, key },
}, async (socket) => {
  await socket.write(`hello ${await socket.readLine()}\n`);
});
const { port } = server.addr;

/** Connects, says a name, and prints the answer or what went wrong. */
async function greet(
  what: string,
  options: { hostname: string; tls?: { caCerts?: string[] } },
): Promise<void> {
  try {
    await using socket = await connect({ port, timeoutMs: 5_000, ...options });
    await socket.write("world\n");
    console.log(`${what}: ${await socket.readLine()}`);
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    console.log(`${what}: ${error.message}`);
  }
}

const caCerts = [ca];
await greet("trusted", { hostname: "localhost", tls: { caCerts } });
await greet("unknown authority", { hostname: "localhost", tls: {} });
await greet("another name", { hostname: "127.0.0.1", tls: { caCerts } });
