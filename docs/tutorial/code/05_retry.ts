import { connect, serve } from "@sluice/net";

// A port that is free, and where nothing listens yet.
const { port } = await findFreePort();

const connecting = connect({
  port,
  retry: {
    attempts: 10,
    minDelayMs: 100,
    onRetry: ({ attempt, error }) => {
      if (attempt === 1) console.log("attempt 1:", (error as Error).message);
    },
  },
});

// The server is a little late.
await new Promise((resolve) => setTimeout(resolve, 300));
await using _server = serve({ port }, async (socket) => {
  await socket.write("here I am\n");
});

await using socket = await connecting;
console.log(await socket.readLine());

async function findFreePort(): Promise<{ port: number }> {
  await using server = serve({ port: 0 }, () => {});
  return { port: server.addr.port };
}
