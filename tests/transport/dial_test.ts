import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { BrokenError, TlsError } from "../../lib/errors.ts";
import { bind } from "../../lib/transport/bind.ts";
import type {
  Acceptor,
  Dialer,
  DialOptions,
  TlsTransport,
  Transport,
} from "../../lib/transport/options.ts";
import { dial } from "../../lib/transport/dial.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { createAuthority } from "../_support/certificates.ts";

const TIMEOUT = { timeout: 20_000 };
const LINUX = { ...TIMEOUT, ignore: Deno.build.os !== "linux" };
const UNIX = { ...TIMEOUT, ignore: Deno.build.os === "windows" };
const LOCAL = { hostname: "127.0.0.1", port: 0 };

const portOf = (acceptor: Acceptor): number =>
  (acceptor.addr as Deno.NetAddr).port;

/** Counts what the abort listeners of a call leave behind. */
function countingSignal(): {
  controller: AbortController;
  signal: AbortSignal;
  listeners: () => number;
} {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  const spy = signal as unknown as Record<string, unknown>;
  spy.addEventListener = (...args: Parameters<typeof add>) => {
    count++;
    add(...args);
  };
  spy.removeEventListener = (...args: Parameters<typeof remove>) => {
    count--;
    remove(...args);
  };
  return { controller, signal, listeners: () => count };
}

Deno.test("dial() gives Deno's own connection for TCP", TIMEOUT, async () => {
  const acceptor = bind(LOCAL);
  const accepted = acceptor.accept();
  const transport = await dial({ port: portOf(acceptor) });
  const server = await accepted;
  assertEquals(transport.constructor.name, "TcpConn");
  assertEquals(transport.localAddr, server.remoteAddr);
  transport.close();
  server.close();
  acceptor.close();
});

/** Milliseconds for rounds of write, write, read: Nagle makes each take some 40. */
async function writeWriteRead(
  writer: Transport,
  reader: Transport,
  rounds: number,
): Promise<number> {
  const buffer = new Uint8Array(64);
  async function readCount(from: Transport, count: number): Promise<void> {
    for (let got = 0; got < count;) got += await from.read(buffer) ?? 0;
  }
  const begun = performance.now();
  for (let round = 0; round < rounds; round++) {
    await writer.write(new Uint8Array(8));
    await writer.write(new Uint8Array(8));
    await readCount(reader, 16);
    await reader.write(new Uint8Array(8));
    await readCount(writer, 8);
  }
  return performance.now() - begun;
}

Deno.test(
  "dial() and bind() switch Nagle off, on both sides",
  TIMEOUT,
  async () => {
    const acceptor = bind({ ...LOCAL, keepAlive: true });
    const accepted = acceptor.accept();
    const client = await dial({ port: portOf(acceptor), keepAlive: true });
    const server = await accepted;
    const [fromClient, fromServer] = [
      await writeWriteRead(client, server, 20),
      await writeWriteRead(server, client, 20),
    ];
    assert(fromClient < 400, `${fromClient} ms from the client`);
    assert(fromServer < 400, `${fromServer} ms from the server`);
    client.close();
    server.close();
    acceptor.close();
  },
);

Deno.test(
  "bind() switches Nagle off over TLS where it is told to",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const tls = await authority.issue();
    // How long a confirmation is put off is up to the system.
    const untold = Deno.build.os === "linux" ? [undefined] : [];
    for (const noDelay of [true, ...untold]) {
      const acceptor = bind({ ...LOCAL, tls, noDelay });
      const accepted = acceptor.accept();
      const caCerts = [authority.cert];
      const dialing = dial({ port: portOf(acceptor), tls: { caCerts } });
      const server = await accepted;
      const [client] = await Promise.all([dialing, server.handshake?.()]);
      const ms = await writeWriteRead(server, client, 20);
      // The second: when it fails, Deno has learnt it, and `noDelay` need not cost more.
      assert(noDelay ? ms < 400 : ms > 400, `${ms} ms with noDelay ${noDelay}`);
      client.close();
      server.close();
      acceptor.close();
    }
  },
);

Deno.test("dial() names the peer in what it throws", TIMEOUT, async () => {
  const acceptor = bind(LOCAL);
  const port = portOf(acceptor);
  acceptor.close();
  const refused = await assertRejects(() => dial({ port }), BrokenError);
  assertEquals(refused.reason, "refused");
  assertEquals(refused.remoteAddr, {
    transport: "tcp",
    hostname: "127.0.0.1",
    port,
  });
  assert(refused.message.startsWith(`Cannot connect to 127.0.0.1:${port} as `));

  const missing = await assertRejects(
    () => dial({ path: "/nonexistent/a.sock" }),
    BrokenError,
    "Cannot connect to unix:/nonexistent/a.sock as the path must exist",
  );
  assertEquals(missing.reason, "not-found");

  const nameless = await assertRejects(
    () => dial({ hostname: "no-such-host.invalid", port: 1 }),
    BrokenError,
    "Cannot connect to no-such-host.invalid:1",
  );
  assertEquals(nameless.reason, "dns");
});

Deno.test("dial() rejects with the reason of a signal that has aborted, and does nothing", async () => {
  const reason = new Error("changed my mind");
  const signal = AbortSignal.abort(reason);
  const all: DialOptions[] = [{ port: 1 }, { port: 1, tls: true }, {
    path: "/none",
  }];
  for (const options of all) {
    const error = await assertRejects(() => dial(options, { signal }));
    assertStrictEquals(error, reason);
  }
});

Deno.test(
  "dial() over TCP gives up when the signal aborts",
  LINUX,
  async () => {
    // A full backlog leaves the client waiting: nobody answers its first packet.
    const options = { ...LOCAL, tcpBacklog: 1 };
    using listener = Deno.listen(options);
    const { port } = listener.addr;
    const held: Transport[] = [];
    const { controller, signal, listeners } = countingSignal();
    const reason = new Error("too slow");
    let waiting: Promise<void> | undefined;
    while (held.length < 20) {
      const settled = await Promise.race([
        dial({ port }, { signal }).then((transport) => held.push(transport)),
        new Promise<"pending">((resolve) =>
          setTimeout(resolve, 200, "pending")
        ),
      ]).catch(() => "failed");
      if (settled !== "pending") continue;
      waiting = assertRejects(() => dial({ port }, { signal })).then((error) =>
        assertStrictEquals(error, reason)
      );
      break;
    }
    assert(waiting !== undefined, "The backlog did not fill");
    controller.abort(reason);
    await waiting;
    assert(listeners() <= 1, `${listeners()} listeners are left`);
    for (const transport of held) transport.close();
  },
);

Deno.test(
  "dial() over Unix gives up at once and closes what arrives late",
  UNIX,
  async () => {
    const dir = await Deno.makeTempDir();
    const path = `${dir}/a.sock`;
    const acceptor = bind({ path });
    const { controller, signal, listeners } = countingSignal();
    const dialled = dial({ path }, { signal });
    const reason = new Error("changed my mind");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => dialled), reason);
    assertEquals(listeners(), 0);
    // The connection was made all the same: its server sees it end.
    const server = await acceptor.accept();
    assertEquals(await server.read(new Uint8Array(1)), null);
    server.close();
    acceptor.close();
    await Deno.remove(dir, { recursive: true });
  },
);

Deno.test(
  "dial() over TLS gives up on a server that never answers",
  TIMEOUT,
  async () => {
    const acceptor = bind(LOCAL);
    const { cert, key } = await (await createAuthority()).issue();
    for (const tls of [true, { cert, key }]) {
      const { controller, signal, listeners } = countingSignal();
      const accepted = acceptor.accept();
      const reason = new Error("too slow");
      const failed = assertRejects(() =>
        dial({ port: portOf(acceptor), tls }, { signal })
      );
      const server = await accepted;
      // Its greeting has come: the handshake is what it waits in.
      assert((await server.read(new Uint8Array(4096)) ?? 0) > 0);
      controller.abort(reason);
      assertStrictEquals(await failed, reason);
      assertEquals(listeners(), 0);
      server.close();
    }
    acceptor.close();
  },
);

/** Serves one TLS handshake, and returns what both sides agreed on. */
async function agree(
  server: { alpnProtocols?: string[] },
  client: { alpnProtocols?: string[]; serverName?: string; hostname?: string },
): Promise<[string | null, string | null]> {
  const authority = await createAuthority();
  const { hostname, ...tls } = client;
  const acceptor = bind({
    ...LOCAL,
    tls: { ...await authority.issue({ names: ["localhost"] }), ...server },
  });
  const accepted = acceptor.accept().then(async (transport) => {
    assertEquals((transport as unknown as TlsTransport).alpnProtocol, null);
    try {
      await transport.handshake?.();
    } catch {
      // The client knows why.
    }
    return transport as TlsTransport;
  });
  try {
    const transport = await dial({
      hostname,
      port: portOf(acceptor),
      tls: { caCerts: [authority.cert], ...tls },
    }) as TlsTransport;
    transport.close();
    return [transport.alpnProtocol, (await accepted).alpnProtocol];
  } finally {
    (await accepted).close();
    acceptor.close();
  }
}

Deno.test(
  "dial() and bind() tell the protocol that both sides of TLS agreed on",
  TIMEOUT,
  async () => {
    const serverName = "localhost";
    assertEquals(await agree({}, { serverName }), [null, null]);
    assertEquals(
      await agree({ alpnProtocols: ["a", "b"] }, {
        alpnProtocols: ["b"],
        serverName,
      }),
      ["b", "b"],
    );
    const error = await assertRejects(
      () =>
        agree({ alpnProtocols: ["a"] }, { alpnProtocols: ["b"], serverName }),
      TlsError,
    );
    assertEquals(error.reason, "no-protocol");
  },
);

Deno.test(
  "dial() checks the certificate against serverName, or else against the host",
  TIMEOUT,
  async () => {
    await agree({}, { hostname: "localhost" });
    const error = await assertRejects(() => agree({}, {}), TlsError);
    assertEquals(error.reason, "wrong-name");
  },
);

Deno.test("dial() takes a client certificate", TIMEOUT, async () => {
  const authority = await createAuthority();
  const leaf = await authority.issue();
  const acceptor = bind({ ...LOCAL, tls: leaf });
  const accepted = acceptor.accept();
  const client = await dial({
    port: portOf(acceptor),
    tls: { caCerts: [authority.cert], ...leaf },
  });
  const server = await accepted;
  await client.write(new Uint8Array(3));
  assertEquals(await server.read(new Uint8Array(9)), 3);
  client.close();
  server.close();
  acceptor.close();
});

Deno.test(
  "dial() closes the connection when the handshake fails",
  TIMEOUT,
  async () => {
    const acceptor = bind(LOCAL);
    const serving = (async () => {
      const server = await acceptor.accept();
      await server.read(new Uint8Array(4096));
      await server.write(new TextEncoder().encode("220 smtp.test ready\r\n"));
      // An alert, then the end.
      const buffer = new Uint8Array(4096);
      while (await server.read(buffer) !== null);
      server.close();
    })();
    const error = await assertRejects(
      () => dial({ port: portOf(acceptor), tls: true }),
      TlsError,
    );
    assertEquals(error.reason, "plaintext");
    await serving;
    acceptor.close();
  },
);

Deno.test("dial() uses a dialer of one's own", async () => {
  const addr = { transport: "memory" as const, name: "nowhere" };
  const [near, far] = memoryTransportPair();
  const dialer: Dialer = { addr, dial: () => Promise.resolve(near) };
  assertStrictEquals(await dial({ dialer }), near);
  near.close();
  far.close();

  dialer.dial = () => Promise.reject(new Deno.errors.ConnectionRefused("No"));
  const refused = await assertRejects(() => dial({ dialer }), BrokenError);
  assertEquals([refused.reason, refused.remoteAddr], ["refused", addr]);

  // Whatever a dialer makes of an abort, the caller gets the reason.
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  dialer.dial = () => {
    controller.abort(reason);
    return Promise.reject(new Deno.errors.Interrupted("operation canceled"));
  };
  const aborted = await assertRejects(() => dial({ dialer }, controller));
  assertStrictEquals(aborted, reason);

  for (const wrong of [null, {}, { dial: 1 }]) {
    const options = { dialer: wrong as unknown as Dialer };
    await assertRejects(
      () => dial(options),
      TypeError,
      "an object with dial()",
    );
  }
});

Deno.test("dial() refuses options that cannot be meant", async () => {
  const cert = "-----BEGIN CERTIFICATE-----";
  const key = "-----BEGIN PRIVATE KEY-----";
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [
      undefined,
      TypeError,
      "options must be an object: current value is undefined",
    ],
    [{}, TypeError, "port must be a number: current value is undefined"],
    [{ port: "80" }, TypeError, 'port must be a number: current value is "80"'],
    [{ port: 0 }, RangeError, "an integer from 1 to 65535: current value is 0"],
    [{ port: 65_536 }, RangeError, "current value is 65536"],
    [{ port: 1.5 }, RangeError, "current value is 1.5"],
    [{ port: NaN }, RangeError, "current value is NaN"],
    [
      { port: 1, hostname: "" },
      TypeError,
      "hostname must be a name or an address",
    ],
    [{ port: 1, hostname: 5 }, TypeError, "hostname must be"],
    [
      { port: 1, hostname: "a b" },
      TypeError,
      "the host must be a name or an address",
    ],
    [{ port: 1, noDelay: 1 }, TypeError, "noDelay must be a boolean"],
    [{ port: 1, keepAlive: "no" }, TypeError, "keepAlive must be a boolean"],
    [{ port: 1, tls: "yes" }, TypeError, "tls must be a boolean"],
    [
      { port: 1, tls: { caCerts: cert } },
      TypeError,
      "caCerts must be an array",
    ],
    [
      { port: 1, tls: { caCerts: ["junk"] } },
      TypeError,
      "a CERTIFICATE in PEM form",
    ],
    [{ port: 1, tls: { alpnProtocols: [""] } }, TypeError, "an array of names"],
    [
      { port: 1, tls: { serverName: "" } },
      TypeError,
      "serverName must be a name",
    ],
    [
      { port: 1, tls: { cert } },
      TypeError,
      "key must be a PRIVATE KEY in PEM form",
    ],
    [
      { port: 1, tls: { key } },
      TypeError,
      "cert must be a CERTIFICATE in PEM form",
    ],
    [
      { port: 1, tls: { cert, key, serverName: "a" } },
      TypeError,
      "absent beside",
    ],
    [{ path: "" }, TypeError, "path must be a path"],
    [{ path: `/${"a".repeat(200)}` }, TypeError, "SUN_LEN"],
  ];
  for (const [options, kind, text] of wrong) {
    await assertRejects(() => dial(options as DialOptions), kind, text);
  }
  const secret = await assertRejects(
    () => dial({ port: 1, tls: { cert, key: "my secret" } }),
    TypeError,
  );
  assert(!secret.message.includes("my secret"));
});
