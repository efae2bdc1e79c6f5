import { assertEquals } from "@std/assert";
import { framed, serve } from "@sluice/net";
import { lines } from "@sluice/net/codec";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";

const LIMIT = { timeout: 30_000 };

const programs = [
  {
    name: "nc",
    newline: "\n",
    args: (port: number) => ["-N", "127.0.0.1", `${port}`],
  },
  {
    name: "socat",
    newline: "\n",
    args: (port: number) => ["-", `TCP:127.0.0.1:${port}`],
  },
  // It turns newlines into carriage return and newline, and back.
  {
    name: "socat",
    newline: "\r\n",
    args: (port: number) => ["-", `TCP:127.0.0.1:${port},crlf`],
  },
] as const;

for (const { name, newline, args } of programs) {
  Deno.test(`lines() with ${JSON.stringify(newline)} speaks with ${name}`, {
    ...LIMIT,
    ignore: lacksPrograms(name),
  }, async () => {
    const received: string[] = [];
    await using server = serve({ port: 0 }, async (socket) => {
      const connection = framed(socket, lines({ newline }));
      for await (const line of connection) {
        received.push(line);
        await connection.send(line.toUpperCase());
      }
    });
    const { port } = server.addr;
    await using client = start(name, args(port));
    await client.write("hello\n");
    assertEquals(await client.line(), "HELLO");
    const long = "x".repeat(20_000);
    await client.write(`\nzoë\n${long}\n`);
    assertEquals(await client.line(), "");
    assertEquals(await client.line(), "ZOË");
    assertEquals(await client.line(), long.toUpperCase());
    assertEquals((await client.finish()).code, 0);
    assertEquals(received, ["hello", "", "zoë", long]);
  });
}
