/**
 * PROXY headers as a real HAProxy sends them.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  BrokenError,
  connect,
  type ConnectOptions,
  type ProxyInfo,
  retry,
  serve,
  type ServerEvent,
  type ServerOptions,
  sleep,
  type Socket,
} from "@sluice/net";
import { createAuthority } from "../_support/certificates.ts";
import { freePort } from "../_support/free_port.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";

const HAPROXY = {
  ignore: Deno.build.os === "windows" || lacksPrograms("haproxy"),
  timeout: 30_000,
};

const authority = await createAuthority();
const { cert, key } = await authority.issue();
const tls = { caCerts: [authority.cert], serverName: "localhost" };

/** What the server saw of its clients. */
interface Seen {
  remoteAddr: Socket["remoteAddr"];
  proxy: ProxyInfo | null;
}

/** A server behind a HAProxy. */
async function behind(
  front: (dir: string, port: number) => string,
  backend: string,
  options: Partial<ServerOptions> & { path?: string } = {},
) {
  const stack = new AsyncDisposableStack();
  const dir = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  const seen: Seen[] = [];
  const events: ServerEvent[] = [];
  const { path, ...rest } = options;
  const where = path === undefined ? { port: 0 } : { path: `${dir}/${path}` };
  const server = stack.use(serve({
    ...where,
    proxyProtocol: { trustedProxies: ["127.0.0.1", "unix:"] },
    onError: () => {},
    ...rest,
    onEvent: (event) => events.push(event),
  }, async (socket) => {
    seen.push({ remoteAddr: socket.remoteAddr, proxy: socket.proxy });
    for (let line; (line = await socket.readLine()) !== null;) {
      await socket.write(`${line}!\n`);
    }
  }));
  const port = freePort();
  const target = "port" in server.addr
    ? `127.0.0.1:${server.addr.port}`
    : `unix@${dir}/${path}`;
  await Deno.writeTextFile(`${dir}/front.pem`, `${cert}\n${key}`);
  await Deno.writeTextFile(`${dir}/ca.pem`, authority.cert);
  await Deno.writeTextFile(
    `${dir}/haproxy.cfg`,
    `
defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  timeout check 2s
  unique-id-format %ci:%cp
frontend front
  ${front(dir, port)}
  default_backend back
backend back
  server sluice ${target} ${backend}
`,
  );
  stack.use(start("haproxy", ["-db", "-f", `${dir}/haproxy.cfg`]));
  return {
    dir,
    port,
    seen,
    events,
    server,
    connect: (options: Partial<ConnectOptions> = {}) =>
      retry(() => connect({ port, ...options } as ConnectOptions), {
        attempts: 100,
        minDelayMs: 20,
        maxDelayMs: 100,
      }),
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

async function shout(socket: Socket): Promise<void> {
  await socket.write("hello\n");
  assertEquals(await socket.readLine(), "hello!");
}

const plain = (_dir: string, port: number) => `bind 127.0.0.1:${port}`;

for (const [version, how] of [[1, "send-proxy"], [2, "send-proxy-v2"]]) {
  Deno.test(
    `serve() knows its client behind HAProxy, version ${version}`,
    HAPROXY,
    async () => {
      await using it = await behind(plain, String(how));
      await using socket = await it.connect();
      await shout(socket);
      const [{ remoteAddr, proxy }] = it.seen;
      assertEquals(remoteAddr, socket.localAddr);
      assertEquals(proxy?.version, version);
      assertEquals(proxy?.destinationAddr, {
        transport: "tcp",
        hostname: "127.0.0.1",
        port: it.port,
      });
      assert((proxy?.peerAddr as Deno.NetAddr).port !== it.port);
    },
  );
}

Deno.test(
  "socket.proxy has the TLS that HAProxy ended, its unique id, and a checksum that holds",
  HAPROXY,
  async () => {
    const client = await authority.issue();
    await using it = await behind(
      (dir, port) =>
        `bind 127.0.0.1:${port} ssl crt ${dir}/front.pem alpn shout/1 ca-file ${dir}/ca.pem verify optional`,
      "send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id",
    );
    await using bare = await it.connect({
      tls: { ...tls, alpnProtocols: ["shout/1"] },
    });
    await shout(bare);
    const [{ proxy }] = it.seen;
    const { hostname, port } = bare.localAddr as Deno.NetAddr;
    assertEquals(proxy?.alpn, "shout/1");
    assertEquals(proxy?.authority, "localhost");
    assertEquals(
      new TextDecoder().decode(proxy?.uniqueId),
      `${hostname}:${port}`,
    );
    assertMatch(proxy?.tls?.version ?? "", /^TLSv1\.[23]$/);
    assertMatch(proxy?.tls?.cipher ?? "", /^TLS_/);
    assertEquals(proxy?.tls?.hasCertificate, false);
    assertEquals(proxy?.tls?.isVerified, false);
    assert(proxy?.tlvs?.some(({ type }) => type === 0x03));

    await using known = await it.connect({
      tls: { ...tls, cert: client.cert, key: client.key },
    });
    await shout(known);
    assertEquals(it.seen[1].proxy?.tls?.hasCertificate, true);
    assertEquals(it.seen[1].proxy?.tls?.isVerified, true);
  },
);

Deno.test(
  "HAProxy's health checks are LOCAL, or end in a reset that HAProxy made, and hurt no client",
  HAPROXY,
  async () => {
    await using it = await behind(
      plain,
      "send-proxy-v2 check inter 50ms check-send-proxy",
    );
    await using socket = await it.connect();
    // It resets a connection as soon as it has sent the header: the server may see it, or
    // find a reset instead, while it reads or while the connection is still in the backlog.
    const isReset = (event: ServerEvent) =>
      (event.type === "proxy-failed" || event.type === "accept-error") &&
      event.error instanceof BrokenError && event.error.reason === "reset";
    const isLocal = ({ proxy }: Seen) => proxy?.command === "local";
    const checks = () =>
      it.seen.filter(isLocal).length + it.events.filter(isReset).length;
    while (checks() < 3) {
      await shout(socket);
      await sleep(10);
    }
    const failed = it.events.filter(({ type }) => type === "proxy-failed");
    assertEquals(failed.filter((event) => !isReset(event)), []);
    await shout(socket);
  },
);

Deno.test(
  "HAProxy and the server can meet on Unix sockets",
  HAPROXY,
  async () => {
    await using it = await behind(
      (dir) => `bind ${dir}/front.sock`,
      "send-proxy-v2",
      { path: "back.sock" },
    );
    await using socket = await it.connect({
      path: `${it.dir}/front.sock`,
      port: undefined,
    } as unknown as ConnectOptions);
    await shout(socket);
    const [{ remoteAddr, proxy }] = it.seen;
    assertEquals(remoteAddr.transport, "unix");
    assertEquals(proxy?.peerAddr.transport, "unix");
  },
);

Deno.test(
  "TLS goes through HAProxy to the server, which knows the client",
  HAPROXY,
  async () => {
    await using it = await behind(
      plain,
      "send-proxy-v2",
      { tls: { cert, key } } as Partial<ServerOptions>,
    );
    await using socket = await it.connect({ tls });
    await shout(socket);
    assertEquals(it.seen[0].remoteAddr, socket.localAddr);
  },
);

Deno.test(
  "connect({ proxyProtocol }) says to HAProxy where the client is",
  HAPROXY,
  async () => {
    await using it = await behind(
      (_, port) => `bind 127.0.0.1:${port} accept-proxy`,
      "send-proxy",
    );
    for (const version of [1, 2] as const) {
      const sourceAddr = {
        transport: "tcp" as const,
        hostname: "192.0.2.77",
        port: 4_000 + version,
      };
      await using socket = await it.connect({
        proxyProtocol: {
          version,
          sourceAddr,
          destinationAddr: { ...sourceAddr, port: 443 },
        },
      });
      await shout(socket);
      assertEquals(it.seen[version - 1].remoteAddr, sourceAddr);
    }
  },
);
