import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  connect,
  framed,
  lines,
  serve,
  type ServeOptions,
  type ServerCertificate,
  type ServerEvent,
  type Socket,
  TimeoutError,
  TlsError,
} from "@sluice/net";
import { createAuthority } from "../_support/certificates.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";

const TIMEOUT = { timeout: 30_000 };
const authority = await createAuthority();
const issue = (name: string) =>
  authority.issue({ commonName: name, names: [name, "shared.test"] });
const [one, two] = await Promise.all([issue("one.test"), issue("two.test")]);
const caCerts = [authority.cert];

async function echo(socket: Socket): Promise<void> {
  const connection = framed(socket, lines());
  for await (const line of connection) await connection.send(line);
}

function serveTls(tls: unknown, events: ServerEvent[] = []) {
  return serve(
    {
      port: 0,
      tls,
      onError: () => {},
      onEvent: (event) => events.push(event),
    } as ServeOptions & { port: number },
    echo,
  );
}

async function isServed(port: number, serverName: string): Promise<boolean> {
  const socket = await connect({ port, tls: { caCerts, serverName } })
    .catch(() => null);
  if (socket === null) return false;
  await socket.write("ping\n");
  assertEquals(await socket.readLine(), "ping");
  await socket.close();
  return true;
}

Deno.test(
  "resolveCertificate chooses by name, also later, and its own beside cert",
  TIMEOUT,
  async () => {
    const asked: (string | undefined)[] = [];
    const resolveCertificate = async ({ serverName }: {
      serverName: string | undefined;
    }) => {
      asked.push(serverName);
      await Promise.resolve();
      return serverName === "two.test" ? two : undefined;
    };
    await using both = serveTls({ ...one, resolveCertificate });
    assertEquals(await isServed(both.addr.port, "two.test"), true);
    assertEquals(await isServed(both.addr.port, "one.test"), true);
    assertEquals(asked, ["two.test", "one.test"]);

    const events: ServerEvent[] = [];
    await using only = serveTls({ resolveCertificate }, events);
    assertEquals(await isServed(only.addr.port, "two.test"), true);
    assertEquals(await isServed(only.addr.port, "one.test"), false);
    const failed = events.find(({ type }) => type === "tls-failed");
    assert(failed?.type === "tls-failed");
    assert(failed.error instanceof TlsError);
    assert(
      failed.error.message.includes('no certificate for "one.test"'),
      failed.error.message,
    );
    assertEquals(await isServed(only.addr.port, "two.test"), true);
  },
);

Deno.test(
  "a resolveCertificate that throws, rejects, or gives what cannot be used ends that handshake alone",
  TIMEOUT,
  async () => {
    const answers: (() => unknown)[] = [
      () => {
        throw new Error("no such name");
      },
      () => Promise.reject(new Error("no such file")),
      () => ({ cert: one.cert, key: two.key }),
      () => ({ cert: "x", key: "y" }),
      () => 5,
      () => null,
      () => ({}),
      () => ({ cert: one.cert }),
      () => one,
    ];
    const events: ServerEvent[] = [];
    await using server = serveTls({
      resolveCertificate: () => answers.shift()!(),
    }, events);
    for (let i = 0; i < 8; i++) {
      assertEquals(await isServed(server.addr.port, "one.test"), false);
    }
    assertEquals(await isServed(server.addr.port, "one.test"), true);
    const failed = events.filter(({ type }) => type === "tls-failed");
    assertEquals(failed.length, 8);
    for (const event of failed) {
      assert(
        event.type === "tls-failed" && event.error instanceof TlsError,
        String("error" in event && event.error),
      );
    }
    const reasons = failed.map((event) =>
      "error" in event && (event.error as TlsError).reason
    );
    assertEquals(reasons.slice(2), Array(6).fill("bad-configuration"));
  },
);

Deno.test(
  "server.setCertificate changes what new handshakes get, under traffic, and loses no connection",
  TIMEOUT,
  async () => {
    await using server = serveTls({ ...one, renewable: true });
    const { port } = server.addr;
    const tls = (serverName: string) => ({ caCerts, serverName });
    await using before = await connect({ port, tls: tls("one.test") });
    let stopped = false;
    let served = 0;
    const traffic = Array.from({ length: 3 }, async () => {
      while (!stopped) {
        assert(await isServed(port, "shared.test"), "a client was not served");
        served++;
      }
    });
    for (const next of [two, one, two]) {
      const enough = served + 3;
      while (served < enough) await new Promise((r) => setTimeout(r, 5));
      server.setCertificate(next);
    }
    stopped = true;
    await Promise.all(traffic);
    assertEquals(await isServed(port, "one.test"), false);
    assertEquals(await isServed(port, "two.test"), true);
    await before.write("still\n");
    assertEquals(await before.readLine(), "still");
  },
);

Deno.test(
  "a bad certificate throws, and the old one stays",
  TIMEOUT,
  async () => {
    await using server = serveTls({ ...one, renewable: true });
    const bad: [unknown, typeof TlsError | typeof TypeError][] = [
      [{ cert: one.cert, key: two.key }, TlsError],
      [{ cert: "x", key: one.key }, TypeError],
      [{ cert: two.cert }, TypeError],
      [{ ...two, ca: [] }, TypeError],
      [undefined, TypeError],
    ];
    for (const [certificate, kind] of bad) {
      assertThrows(
        () => server.setCertificate(certificate as ServerCertificate),
        kind,
      );
    }
    assertEquals(await isServed(server.addr.port, "one.test"), true);
  },
);

Deno.test(
  "server.setCertificate works behind a proxy, and says where it cannot",
  TIMEOUT,
  async () => {
    await using proxied = serve({
      port: 0,
      tls: one,
      proxyProtocol: { trustedProxies: ["127.0.0.1"] },
      onError: () => {},
    }, echo);
    proxied.setCertificate(two);
    await using socket = await connect({
      port: proxied.addr.port,
      proxyProtocol: {},
      tls: { caCerts, serverName: "two.test" },
    });
    await socket.write("ping\n");
    assertEquals(await socket.readLine(), "ping");
    await using fixed = serveTls(one);
    await using plain = serve({ port: 0 }, echo);
    for (const server of [fixed, plain]) {
      assertThrows(
        () => server.setCertificate(two),
        TypeError,
        "renewable: true",
      );
    }
  },
);

Deno.test(
  'clientCertificate: "request" lets clients in that have none, and no bad one',
  TIMEOUT,
  async () => {
    const seen: (string | undefined)[] = [];
    await using server = serve({
      port: 0,
      tls: { ...one, clientCaCerts: caCerts, clientCertificate: "request" },
      onError: () => {},
    }, async (socket) => {
      seen.push(socket.peerCertificate?.commonName);
      await echo(socket);
    });
    const { port } = server.addr;
    const stranger = await (await createAuthority()).issue();
    const ask = async (own: Partial<ServerCertificate>) => {
      const tls = { caCerts, serverName: "one.test", ...own };
      await using socket = await connect({ port, tls });
      await socket.write("ping\n");
      assertEquals(await socket.readLine(), "ping");
    };
    await ask({});
    await ask(two);
    await assertRejects(() => ask(stranger));
    assertEquals(seen, [undefined, "two.test"]);
  },
);

Deno.test(
  "openssl gets the certificate of the name that it asks for, and of none",
  {
    ...TIMEOUT,
    ignore: lacksPrograms("openssl"),
  },
  async () => {
    await using server = serveTls({
      resolveCertificate: ({ serverName }: { serverName?: string }) =>
        serverName === undefined || serverName === "one.test" ? one : two,
    });
    for (
      const [name, expected] of [["one.test", "one.test"], [
        "other.test",
        "two.test",
      ], [undefined, "one.test"]]
    ) {
      const asked = name === undefined
        ? ["-noservername"]
        : ["-servername", name];
      await using openssl = start("openssl", [
        "s_client",
        "-connect",
        `127.0.0.1:${server.addr.port}`,
        "-brief",
        ...asked,
      ]);
      const { stderr } = await openssl.finish();
      assert(stderr.includes(`CN = ${expected}`), stderr);
    }
  },
);

Deno.test(
  "a resolveCertificate that never answers ends at handshakeTimeoutMs, and what it throws is the cause",
  TIMEOUT,
  async () => {
    const thrown = new Error("no such name");
    const errors: unknown[] = [];
    const answers = [
      () => new Promise<never>(() => {}),
      () => Promise.reject(thrown),
    ];
    await using server = serve({
      port: 0,
      handshakeTimeoutMs: 100,
      tls: {
        resolveCertificate: () => answers.shift()!(),
      },
      onEvent: (event) => {
        if (event.type === "tls-failed") errors.push(event.error);
      },
    }, echo);
    const { port } = server.addr;
    assertEquals(await isServed(port, "one.test"), false);
    assertEquals(await isServed(port, "one.test"), false);
    const [late, refused] = errors;
    assert(late instanceof TimeoutError, String(late));
    assert(refused instanceof TlsError);
    assertEquals(refused.cause, thrown);
  },
);
