/**
 * Connections through proxies that nobody here wrote.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { viaProxy } from "../../lib/client/via_proxy.ts";
import { BrokenError, ProxyError } from "../../lib/errors.ts";
import { serve } from "../../lib/server/serve.ts";
import { connect } from "../../lib/socket/connect.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { createAuthority } from "../_support/certificates.ts";
import { freePort } from "../_support/free_port.ts";
import { lacksPrograms, program } from "../_support/programs.ts";

const timeout = 30_000;
const LINUX = Deno.build.os === "linux";

/** A proxy that runs; disposing of it ends it, and its files. */
interface Proxy extends AsyncDisposable {
  port: number;
}

/** Starts a proxy: `files` are written to a folder of its own, whose name replaces DIR. */
async function startProxy(
  name: string,
  makeArgs: (port: number) => string[],
  makeFile: (port: number) => string = () => "",
): Promise<Proxy> {
  const port = freePort();
  const folder = await Deno.makeTempDir();
  const inFolder = (text: string) => text.replaceAll("DIR", folder);
  await Deno.writeTextFile(`${folder}/conf`, inFolder(makeFile(port)));
  const child = new Deno.Command(program(name), {
    args: makeArgs(port).map(inFolder),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  // It says nothing when it is up.
  const probe = await connect({
    port,
    retry: { attempts: 200, minDelayMs: 20, maxDelayMs: 50 },
  });
  probe.abort();
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Asks servers in the clear and over TLS through a proxy. */
async function useProxy(url: string): Promise<void> {
  const authority = await createAuthority();
  const { cert, key } = await authority.issue({ names: ["localhost"] });
  const greet = async (socket: Socket) => {
    // A server that speaks first: it must not be taken for the proxy.
    await socket.write("welcome\n");
    for (let line; (line = await socket.readLine()) !== null;) {
      await socket.write(`${line.toUpperCase()}\n`);
    }
  };
  await using plain = serve({ port: 0 }, greet);
  await using secure = serve({ port: 0, tls: { cert, key } }, greet);
  const dialer = viaProxy(url);
  const tls = { caCerts: [authority.cert] };
  for (
    const options of [
      { hostname: "127.0.0.1", port: plain.addr.port, dialer },
      { hostname: "localhost", port: secure.addr.port, dialer, tls },
    ]
  ) {
    await using socket = await connect(options);
    assertEquals(await socket.readLine(), "welcome");
    const text = "x".repeat(50_000);
    await socket.write(`${text}\n`);
    assertEquals(await socket.readLine(), text.toUpperCase());
  }
  // Nothing listens there.
  const error = await assertRejects(
    () => connect({ hostname: "127.0.0.1", port: freePort(), dialer }),
    BrokenError,
    "through the proxy",
  );
  assert(/refused|unreachable|other/.test(error.reason), error.message);
}

async function assertNoLogin(url: string): Promise<void> {
  const dialer = viaProxy(url);
  const error = await assertRejects(
    () => connect({ hostname: "127.0.0.1", port: 9, dialer }),
    ProxyError,
  );
  assertEquals(error.reason, "authentication");
}

Deno.test("viaProxy() goes through microsocks", {
  timeout,
  ignore: !LINUX || lacksPrograms("microsocks"),
}, async () => {
  await using open = await startProxy(
    "microsocks",
    (port) => ["-i", "127.0.0.1", "-p", `${port}`],
  );
  await useProxy(`socks5://127.0.0.1:${open.port}`);
  await using closed = await startProxy(
    "microsocks",
    (port) => [
      ...["-i", "127.0.0.1", "-p", `${port}`],
      ...["-u", "ann", "-P", "se:cr@t"],
    ],
  );
  const { port } = closed;
  await useProxy(`socks5://ann:se%3Acr%40t@127.0.0.1:${port}`);
  await assertNoLogin(`socks5://ann:wrong@127.0.0.1:${port}`);
  await assertNoLogin(`socks5://127.0.0.1:${port}`);
});

Deno.test("viaProxy() goes through Dante", {
  timeout,
  ignore: !LINUX || lacksPrograms("danted"),
}, async () => {
  await using proxy = await startProxy(
    "danted",
    () => ["-f", "DIR/conf", "-p", "DIR/pid"],
    (port) => `
errorlog: DIR/log
internal: 127.0.0.1 port = ${port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
client pass { from: 127.0.0.0/8 to: 0/0 }
socks block { from: 0/0 to: 0/0 port = 7 }
socks pass { from: 0/0 to: 0/0 }
`,
  );
  await useProxy(`socks5://127.0.0.1:${proxy.port}`);
  const dialer = viaProxy(`socks5://127.0.0.1:${proxy.port}`);
  const error = await assertRejects(
    () => connect({ hostname: "127.0.0.1", port: 7, dialer }),
    ProxyError,
    "its rules do not allow it",
  );
  assertEquals([error.reason, error.reply], ["refused", 2]);
});

Deno.test("viaProxy() goes through tinyproxy", {
  timeout,
  ignore: !LINUX || lacksPrograms("tinyproxy"),
}, async () => {
  const configure = (port: number) => `
Port ${port}
Listen 127.0.0.1
Timeout 60
Allow 127.0.0.1
MaxClients 20
`;
  await using open = await startProxy(
    "tinyproxy",
    () => ["-d", "-c", "DIR/conf"],
    configure,
  );
  await useProxy(`http://127.0.0.1:${open.port}`);
  await using closed = await startProxy(
    "tinyproxy",
    () => ["-d", "-c", "DIR/conf"],
    (port) => `${configure(port)}BasicAuth ann secret\nConnectPort 9\n`,
  );
  const { port } = closed;
  await assertNoLogin(`http://ann:wrong@127.0.0.1:${port}`);
  await assertNoLogin(`http://127.0.0.1:${port}`);
  const dialer = viaProxy(`http://ann:secret@127.0.0.1:${port}`);
  const error = await assertRejects(
    () => connect({ hostname: "127.0.0.1", port: 10, dialer }),
    ProxyError,
    "it refuses (HTTP status 403)",
  );
  assertEquals(error.reason, "refused");
});

/** A proxy of Node's own parts, as its documentation has it. */
const NODE_PROXY = `
const http = require("node:http");
const net = require("node:net");
const proxy = http.createServer();
proxy.on("connect", (request, client, head) => {
  const { port, hostname } = new URL("http://" + request.url);
  const server = net.connect(port, hostname, () => {
    client.write("HTTP/1.1 200 Connection Established\\r\\nProxy-agent: node\\r\\n\\r\\n");
    server.write(head);
    server.pipe(client);
    client.pipe(server);
  });
  server.on("error", () => client.end("HTTP/1.1 502 Bad Gateway\\r\\n\\r\\n"));
  client.on("error", () => server.destroy());
});
proxy.listen(Number(process.argv[1]), "127.0.0.1");
`;

Deno.test("viaProxy() goes through a proxy of Node's own parts", {
  timeout,
  ignore: lacksPrograms("node"),
}, async () => {
  await using proxy = await startProxy(
    "node",
    (port) => ["-e", NODE_PROXY, `${port}`],
  );
  await useProxy(`http://127.0.0.1:${proxy.port}`);
});
