import { assertEquals } from "@std/assert";
import { connect, serve, type Socket } from "@sluice/net";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";

const SOCAT = { ignore: lacksPrograms("socat"), timeout: 30_000 };
const NETCAT = { ignore: lacksPrograms("nc"), timeout: 30_000 };

async function shout(socket: Socket): Promise<void> {
  for (;;) {
    const line = await socket.readLine();
    if (line === null) return;
    await socket.write(`${line.toUpperCase()}\n`);
  }
}

async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await test(`${dir}/a.sock`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Connects to a program that may not be listening yet. */
function connectToProgram(path: string): Promise<Socket> {
  const retry = { attempts: 500, minDelayMs: 10, maxDelayMs: 10 };
  return connect({ path, retry });
}

const clients: [string, typeof SOCAT, (path: string) => string[]][] = [
  ["socat", SOCAT, (path) => ["-", `UNIX-CONNECT:${path}`]],
  ["nc", NETCAT, (path) => ["-N", "-U", path]],
];

for (const [name, options, args] of clients) {
  Deno.test(
    `${name} talks to serve() on a Unix path`,
    options,
    () =>
      withPath(async (path) => {
        await using _server = serve({ path, mode: 0o600 }, shout);
        await using client = start(name, args(path));
        await client.write("hello\n");
        assertEquals(await client.line(), "HELLO");
        await client.write("again\n");
        assertEquals(await client.line(), "AGAIN");
        assertEquals((await client.finish()).code, 0);
      }),
  );
}

Deno.test(
  "connect() talks to socat on a Unix path, and ends its side first",
  SOCAT,
  () =>
    withPath(async (path) => {
      await using server = start("socat", [`UNIX-LISTEN:${path}`, "EXEC:cat"]);
      await using socket = await connectToProgram(path);
      await socket.write("hello\n");
      assertEquals(await socket.readLine(), "hello");
      await socket.write("the rest");
      await socket.closeWrite();
      assertEquals((await socket.readExactly(8)).length, 8);
      assertEquals(await socket.read(), null);
      assertEquals((await server.finish()).code, 0);
    }),
);

Deno.test(
  "connect() talks to nc on a Unix path",
  NETCAT,
  () =>
    withPath(async (path) => {
      await using server = start("nc", ["-l", "-U", path]);
      await using socket = await connectToProgram(path);
      await socket.write("from here\n");
      assertEquals(await server.line(), "from here");
      await server.write("from there\n");
      assertEquals(await socket.readLine(), "from there");
    }),
);
