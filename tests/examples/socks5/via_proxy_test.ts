import { assertEquals, assertRejects } from "@std/assert";
import { connect, ProxyError, serve } from "@sluice/net";
import { viaProxy } from "@sluice/net/client";

import { Example, exampleCommand, startServer } from "../_example.ts";

const timeout = 60_000;
const ROOT = new URL("../../../", import.meta.url);

/** Answers each line in capitals, and speaks first. */
function startShouter() {
  return serve({ port: 0, shutdownTimeoutMs: 0 }, async (socket) => {
    await socket.write("welcome\n");
    for (let line; (line = await socket.readLine()) !== null;) {
      await socket.write(`${line.toUpperCase()}\n`);
    }
  });
}

async function assertCarries(url: string, port: number): Promise<void> {
  const dialer = viaProxy(url);
  for (const hostname of ["127.0.0.1", "localhost"]) {
    await using socket = await connect({ hostname, port, dialer });
    assertEquals(await socket.readLine(), "welcome");
    await socket.write("hello\n");
    assertEquals(await socket.readLine(), "HELLO");
  }
}

Deno.test(
  "socks5/proxy carries what viaProxy() asks it for, by SOCKS 5 and CONNECT",
  {
    timeout,
  },
  async () => {
    await using target = startShouter();
    const { port } = target.addr;
    const { server, address } = await startServer(
      "socks5/proxy",
      ...["--local", `${port}`],
    );
    await using _ = server;
    for (const scheme of ["socks5", "http"]) {
      await assertCarries(`${scheme}://${address}`, port);
      const dialer = viaProxy(`${scheme}://${address}`);
      // Its own machine is not for its clients, but for the one port.
      const error = await assertRejects(
        () => connect({ hostname: "127.0.0.1", port: 9, dialer }),
        ProxyError,
      );
      assertEquals(error.reason, "refused");
    }
  },
);

Deno.test("socks5/proxy lets viaProxy() in with a user and a password", {
  timeout,
}, async () => {
  await using target = startShouter();
  const folder = await Deno.realPath(await Deno.makeTempDir());
  const users = [{ name: "ann", password: "s3:cret/ü" }];
  await Deno.writeTextFile(`${folder}/users.json`, JSON.stringify(users));
  const command = await exampleCommand("socks5/proxy");
  const file = decodeURIComponent(new URL(command.pop()!, ROOT).pathname);
  const { port } = target.addr;
  const args = [...command, file, "--listen", "127.0.0.1:0"].concat(
    ["--users", "users.json", "--local", `${port}`],
  );
  await using proxy = Example.spawn(Deno.execPath(), { args, cwd: folder });
  const [, address] = await proxy.printed(/on (127\.0\.0\.1:\d+)/);
  for (const scheme of ["socks5", "http"]) {
    await assertCarries(`${scheme}://ann:s3%3Acret%2F%C3%BC@${address}`, port);
    for (const login of ["", "ann:guess@"]) {
      const dialer = viaProxy(`${scheme}://${login}${address}`);
      const error = await assertRejects(
        () => connect({ hostname: "127.0.0.1", port, dialer }),
        ProxyError,
      );
      assertEquals(error.reason, "authentication", `${scheme} ${login}`);
    }
  }
  await Deno.remove(folder, { recursive: true });
});
