/**
 * Talks to nc and socat over plain TCP, in both roles.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { lines } from "../../lib/codec/lines.ts";
import { framed } from "../../lib/framed/framed.ts";
import { listen } from "../../lib/server/listen.ts";
import { serve } from "../../lib/server/serve.ts";
import { connect } from "../../lib/socket/connect.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { lacksPrograms, program } from "../_support/programs.ts";
import { bytes } from "../_support/sockets.ts";

const TIMEOUT = { timeout: 30_000 };

async function shout(socket: Socket): Promise<void> {
  const connection = framed(socket, lines());
  for await (const line of connection) {
    await connection.send(line.toUpperCase());
  }
}

const echo = (socket: Socket): Promise<void> =>
  socket.readable.pipeTo(socket.writable);

/** Runs a program with this input, and gives its output. */
async function pipe(
  name: string,
  args: string[],
  input: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const child = new Deno.Command(program(name), {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const [output] = await Promise.all([
    child.output(),
    new Blob([input]).stream().pipeTo(child.stdin),
  ]);
  assertEquals(output.code, 0);
  return output.stdout;
}

/** How each of them connects, sends its input, ends its side and prints the answer. */
const CLIENTS: Record<string, (port: number) => string[]> = {
  nc: (port) => ["-N", "127.0.0.1", String(port)],
  socat: (port) => ["-t30", "-", `TCP:127.0.0.1:${port}`],
};

for (const [name, args] of Object.entries(CLIENTS)) {
  const options = { ...TIMEOUT, ignore: lacksPrograms(name) };

  Deno.test(
    `${name} is answered after it has ended its side`,
    options,
    async () => {
      await using server = serve({ port: 0 }, shout);
      const { port } = server.addr;
      const input = new TextEncoder().encode("one\ntwo\nno newline");
      const output = await pipe(name, args(port), input);
      assertEquals(
        new TextDecoder().decode(output),
        "ONE\nTWO\nNO NEWLINE\n",
      );
    },
  );

  Deno.test(`${name} gets 4 MiB back as it sent them`, options, async () => {
    await using server = serve({ port: 0 }, echo);
    const { port } = server.addr;
    const input = bytes(4 * 1024 * 1024);
    assertEquals(await pipe(name, args(port), input), input);
  });
}

Deno.test("connect() talks to socat, which runs cat", {
  ...TIMEOUT,
  ignore: lacksPrograms("socat", "cat"),
}, async () => {
  // A port that was free a moment ago; socat cannot say which one it got.
  const listener = listen({ port: 0 });
  const { port } = listener.addr;
  await listener.close();
  const child = new Deno.Command(program("socat"), {
    args: [`TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr`, "EXEC:cat"],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  await using socket = await connect({
    port,
    retry: { attempts: 100, minDelayMs: 20, factor: 1 },
  });
  const connection = framed(socket, lines());
  await connection.sendAll(["through", "a", "pipe"]);
  await socket.closeWrite();
  const received: string[] = [];
  for await (const line of connection) received.push(line);
  assertEquals(received, ["through", "a", "pipe"]);
  await child.status;
});
