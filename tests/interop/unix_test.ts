import { assertEquals } from "@std/assert";
import { connect, serve, type Socket } from "@sluice/net";
import { createAuthority } from "../_support/certificates.ts";
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

const OPENSSL = {
  ignore: lacksPrograms("openssl") || Deno.build.os === "windows",
  timeout: 30_000,
};

Deno.test(
  "openssl s_client talks TLS to serve() on a Unix path",
  OPENSSL,
  () =>
    withPath(async (path) => {
      const authority = await createAuthority();
      await Deno.writeTextFile(`${path}.ca`, authority.cert);
      await using _server = serve({
        path,
        tls: { ...await authority.issue(), alpnProtocols: ["shout"] },
      }, shout);
      await using client = start("openssl", [
        ...["s_client", "-unix", path, "-servername", "localhost"],
        ...["-CAfile", `${path}.ca`, "-verify_return_error"],
        ...["-verify_hostname", "localhost", "-alpn", "shout"],
      ]);
      let about = "";
      while (!about.includes("ALPN protocol: shout")) {
        about += await client.line();
      }
      await client.write("hello\n");
      for (;;) if (await client.line() === "HELLO") break;
      assertEquals((await client.finish()).code, 0);
    }),
);

Deno.test(
  "connect() talks TLS to openssl s_server on a Unix path",
  OPENSSL,
  () =>
    withPath(async (path) => {
      const authority = await createAuthority();
      const { cert, key } = await authority.issue();
      await Deno.writeTextFile(`${path}.cert`, cert);
      await Deno.writeTextFile(`${path}.key`, key);
      await using server = start("openssl", [
        ...["s_server", "-unix", path, "-rev"],
        ...["-cert", `${path}.cert`, "-key", `${path}.key`],
      ]);
      while (!(await server.line()).startsWith("ACCEPT"));
      const names: (string | undefined)[] = [];
      await using socket = await connect({
        path,
        tls: {
          caCerts: [authority.cert],
          verify: ({ subjectAltName }) => void names.push(subjectAltName),
        },
      });
      await socket.write("hello\nwater\n");
      assertEquals(await socket.readLine(), "olleh");
      assertEquals(await socket.readLine(), "retaw");
      assertEquals(names, ["DNS:localhost, IP Address:127.0.0.1"]);
    }),
);
