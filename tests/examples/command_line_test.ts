import { assertEquals } from "@std/assert";
import { serve } from "@sluice/net";
import { runExample } from "./_example.ts";

Deno.test(
  "commandLine() gives texts as they are, also where they look like numbers",
  {
    timeout: 30_000,
  },
  async () => {
    await using server = serve(
      { port: 0 },
      (socket) => socket.readable.pipeTo(socket.writable),
    );
    const texts = ["007", "1e3", "0x10", "1.50"];
    const { output } = await runExample(
      "echo_client",
      "--connect",
      `127.0.0.1:${server.addr.port}`,
      ...texts,
    );
    assertEquals(output.split("\n").slice(0, texts.length), texts);
  },
);
