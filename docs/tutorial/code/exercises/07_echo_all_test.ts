import { strictEqual } from "node:assert/strict";
import type { Socket } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";
import { echoAll } from "./07_echo_all.ts";

async function echo(socket: Socket): Promise<void> {
  for await (const chunk of socket) await socket.write(chunk);
  await socket.closeWrite();
}

for (const count of [3, 100_000]) {
  Deno.test(`echoAll() gets ${count} lines back`, {
    timeout: 30_000,
  }, async () => {
    const [client, server] = memoryPair();
    // Without this, a write that waits for ever would be a test that does.
    client.setTimeouts({ writeMs: 2_000 });
    const echoing = echo(server);
    try {
      const texts = Array.from(
        { length: count },
        (_, index) => `line ${index}`,
      );
      const answers = await echoAll(client, texts);
      strictEqual(answers.join(), texts.join());
    } finally {
      client.abort();
      await echoing.catch(() => {});
    }
  });
}
