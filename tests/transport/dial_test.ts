import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { BrokenError, TlsError } from "../../lib/errors.ts";
import { bind } from "../../lib/transport/bind.ts";
import type {
  Acceptor,
  Dialer,
  DialOptions,
  DialTarget,
  TlsTransport,
  Transport,
} from "../../lib/transport/options.ts";
import { dial } from "../../lib/transport/dial.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { translateError } from "../../lib/transport/translate_error.ts";
import { createAuthority } from "../_support/certificates.ts";

const TIMEOUT = { timeout: 20_000 };
const LINUX = { ...TIMEOUT, ignore: Deno.build.os !== "linux" };
const UNIX = { ...TIMEOUT, ignore: Deno.build.os === "windows" };
const LOCAL = { hostname: "127.0.0.1", port: 0 };

const portOf = ({ addr }: Acceptor<Deno.NetAddr>): number => addr.port;

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
  assertEquals(
    refused.message,
    `Cannot connect to 127.0.0.1:${port}: connection refused (nothing is listening there)`,
  );

  const missing = await assertRejects(
    () => dial({ path: "/nonexistent/a.sock" }),
    BrokenError,
    "Cannot connect to unix:/nonexistent/a.sock: no such path",
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
    // A full backlog leaves the client waiting: its first packet gets no answer.
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
  const targets: DialTarget[] = [];
  const dialer: Dialer = {
    addr,
    dial: (target) => {
      targets.push(target);
      return Promise.resolve(near);
    },
  };
  assertStrictEquals(await dial({ dialer }), near);
  await dial({ dialer, hostname: "[::1]", port: 80 });
  assertEquals(targets, [
    { hostname: undefined, port: undefined },
    { hostname: "::1", port: 80 },
  ]);
  near.close();
  far.close();

  dialer.dial = () => Promise.reject(new Deno.errors.ConnectionRefused("No"));
  const refused = await assertRejects(() => dial({ dialer }), BrokenError);
  assertEquals([refused.reason, refused.remoteAddr], ["refused", addr]);
  await assertRejects(
    () => dial({ dialer, hostname: "far.test", port: 80 }),
    BrokenError,
    "Cannot connect to far.test:80: connection refused",
  );

  // Whatever a dialer makes of an abort, the caller gets the reason.
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  dialer.dial = () => {
    controller.abort(reason);
    return Promise.reject(new Deno.errors.Interrupted("operation canceled"));
  };
  const aborted = await assertRejects(() => dial({ dialer }, controller));
  assertStrictEquals(aborted, reason);

  dialer.dial = () => Promise.resolve({ read: 1 } as unknown as Transport);
  await assertRejects(
    () => dial({ dialer }),
    TypeError,
    "what the dialer makes must be an object with read() and write()",
  );

  let closed = 0;
  const half = { read() {}, close: () => closed++ };
  dialer.dial = () => Promise.resolve(half as unknown as Transport);
  await assertRejects(() => dial({ dialer }), TypeError);
  assertEquals(closed, 1);

  // One that does not listen to the signal is not waited for, and leaves nothing open.
  const late = Promise.withResolvers<Transport>();
  const ignorant = new AbortController();
  dialer.dial = () => late.promise;
  const given = assertRejects(() => dial({ dialer }, ignorant));
  ignorant.abort(reason);
  assertStrictEquals(await given, reason);
  const [mine, theirs] = memoryTransportPair();
  late.resolve(mine);
  assertEquals(await theirs.read(new Uint8Array(1)), null);
  theirs.close();

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
  const { cert, key } = await (await createAuthority()).issue();
  const verify = () => {};
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [undefined, TypeError, "options must be an object, got undefined"],
    [{}, TypeError, "port must be a number, got undefined"],
    [{ port: "80" }, TypeError, 'port must be a number, got "80"'],
    [{ port: 0 }, RangeError, "an integer from 1 to 65535, got 0"],
    [{ port: 65_536 }, RangeError, "got 65536"],
    [{ port: 1.5 }, RangeError, "got 1.5"],
    [{ port: NaN }, RangeError, "got NaN"],
    [{ port: 1, hostname: "" }, TypeError, "hostname must be a name"],
    [{ port: 1, hostname: 5 }, TypeError, "hostname must be"],
    [{ port: 1, hostname: "a b" }, TypeError, "hostname must be a name"],
    [
      { port: 1, hostname: "fe80::1" },
      TypeError,
      'hostname must be link-local with its zone, as in "fe80::1%eth0", got "fe80::1"',
    ],
    [{ port: 1, hostname: "[fe80::1]" }, TypeError, "with its zone"],
    [{ port: 1, noDelay: 1 }, TypeError, "noDelay must be a boolean"],
    [{ port: 1, keepAlive: "no" }, TypeError, "keepAlive must be a boolean"],
    [{ port: 1, transport: "udp" }, RangeError, 'transport must be "tcp"'],
    [{ path: "/a", transport: "tcp" }, RangeError, 'must be "unix"'],
    [{ port: 1, tls: "yes" }, TypeError, "tls must be a boolean"],
    [{ path: "/a", tls: "yes" }, TypeError, "tls must be a boolean"],
    [{ path: "" }, TypeError, "path must be a string that is not empty"],
    [{ path: "/a\0b" }, RangeError, "path must be without NUL characters"],
    [{ path: `/${"a".repeat(200)}` }, RangeError, "bytes long, got 201"],
    [{ path: `/${"é".repeat(60)}` }, RangeError, "bytes long, got 121"],
    [{ path: "/a", port: 1 }, TypeError, "port must be absent beside path"],
    [
      { path: "/a", hostname: "b" },
      TypeError,
      'hostname must be absent beside path, got "b"',
    ],
    [{ path: "/a", noDelay: true }, TypeError, "noDelay must be absent"],
    [{ path: "/a", keepAlive: true }, TypeError, "keepAlive must be absent"],
  ];
  const tls: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [{ caCerts: cert }, TypeError, "caCerts must be an array"],
    [{ caCerts: ["junk"] }, TypeError, "a CERTIFICATE in PEM form"],
    [{ caCerts: [key] }, TypeError, "got text without one"],
    [
      { caCerts: ["ca.pem"] },
      TypeError,
      'got "ca.pem" (that is a name: read the file first)',
    ],
    [{ caCerts: [undefined] }, TypeError, "in PEM form, got undefined"],
    [7, TypeError, "tls must be a boolean or an object, got 7"],
    [{ caCerts: [cert.slice(0, 200)] }, TypeError, "got one that is damaged"],
    [
      { caCerts: [cert.replace(/\n.{20}/, "\n")] },
      TypeError,
      "got one that is damaged",
    ],
    [
      { caCerts: [`${cert}\n${cert.replace("MII", "M?I")}`] },
      TypeError,
      "got one that is damaged",
    ],
    // Deno would pass over the second one.
    [
      { caCerts: [cert.trimEnd() + cert] },
      TypeError,
      "got one that is damaged",
    ],
    [{ alpnProtocols: [""] }, RangeError, "names of 1 to 255 bytes"],
    [{ alpnProtocols: "h2" }, TypeError, "an array of names"],
    [{ alpnProtocols: [2] }, TypeError, "an array of names"],
    [{ alpnProtocols: ["a".repeat(256)] }, RangeError, "of 1 to 255 bytes"],
    [{ alpnProtocols: ["é".repeat(128)] }, RangeError, "of 1 to 255 bytes"],
    [
      { alpnProtocols: Array(300).fill("a".repeat(255)) },
      RangeError,
      "alpnProtocols must be at most 65535 bytes",
    ],
    [{ serverName: "" }, TypeError, "serverName must be a name"],
    [{ serverName: "a b" }, TypeError, "serverName must be a name"],
    [{ serverName: "*.test" }, TypeError, "serverName must be a name"],
    [{ serverName: "127.1" }, TypeError, "serverName must be a name"],
    [{ cert }, TypeError, "key must be a PRIVATE KEY in PEM form"],
    [{ key }, TypeError, "cert must be a CERTIFICATE in PEM form"],
    [{ verify: true }, TypeError, "verify must be a function"],
    [{ pinnedFingerprint256: "ab" }, TypeError, "64 hexadecimal digits"],
    [{ pinnedFingerprint256: [] }, TypeError, "64 hexadecimal digits"],
    [{ allowTruncation: 1 }, TypeError, "allowTruncation must be a boolean"],
    [
      { dangerouslySkipChainCheck: true },
      TypeError,
      "dangerouslySkipChainCheck must be absent without pinnedFingerprint256 or verify",
    ],
    [
      { dangerouslySkipChainCheck: 1, verify },
      TypeError,
      "dangerouslySkipChainCheck must be a boolean",
    ],
    [
      { caCert: [cert] },
      TypeError,
      'unknown option "caCert" of tls, did you mean caCerts?',
    ],
    [
      { rejectUnauthorized: false },
      TypeError,
      'unknown option "rejectUnauthorized" of tls',
    ],
  ];
  for (const [options, kind, text] of tls) {
    wrong.push([{ port: 1, tls: options }, kind, text]);
    wrong.push([{ path: "/a", tls: options }, kind, text]);
  }
  for (const [options, kind, text] of wrong) {
    await assertRejects(() => dial(options as DialOptions), kind, text);
  }
  const secret = await assertRejects(
    () => dial({ port: 1, tls: { cert, key: "my secret" } }),
    TypeError,
  );
  assert(!secret.message.includes("my secret"));
});

Deno.test("dial() opens nothing where certificate and key do not fit", async () => {
  const { cert } = await (await createAuthority()).issue();
  const { key } = await (await createAuthority()).issue();
  let dialled = 0;
  const dialer: Dialer = {
    addr: { transport: "memory", name: "nowhere" },
    dial: () => Promise.reject(dialled++),
  };
  const tls = { cert, key, serverName: "localhost" };
  for (const where of [{ dialer }, { port: 1 }, { path: "/nonexistent/a" }]) {
    const error = await assertRejects(() => dial({ ...where, tls }), TlsError);
    assertEquals(
      [error.reason, error.message],
      [
        "bad-configuration",
        "Cannot connect: certificate and key do not belong together",
      ],
    );
  }
  assertEquals(dialled, 0);
});

Deno.test("dial() takes undefined for absent", TIMEOUT, async () => {
  const acceptor = bind(LOCAL);
  const accepted = acceptor.accept();
  const client = await dial({
    path: undefined,
    dialer: undefined,
    tls: undefined,
    port: portOf(acceptor),
  });
  client.close();
  (await accepted).close();
  acceptor.close();
});

const NO_IPV6 = !canListen("::1");

function canListen(hostname: string): boolean {
  try {
    Deno.listen({ hostname, port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

Deno.test("dial() and bind() take an IPv6 address in brackets, with TLS too", {
  ...TIMEOUT,
  ignore: NO_IPV6,
}, async () => {
  const authority = await createAuthority();
  const certificate = await authority.issue({ names: ["::1"] });
  const caCerts = [authority.cert];
  for (const own of [undefined, { caCerts }, { caCerts, verify: () => {} }]) {
    const acceptor = bind({
      hostname: "[::1]",
      port: 0,
      tls: own && certificate,
    });
    assertEquals(acceptor.addr.hostname, "::1");
    const [client, server] = await Promise.all([
      dial({ hostname: "[::1]", port: portOf(acceptor), tls: own }),
      acceptor.accept().then(async (transport) => {
        await transport.handshake?.();
        return transport;
      }),
    ]);
    await client.write(new Uint8Array(2));
    assertEquals(await server.read(new Uint8Array(9)), 2);
    client.close();
    server.close();
    const { port } = acceptor.addr;
    acceptor.close();
    await assertRejects(
      () => dial({ hostname: "[::1]", port, tls: own }),
      BrokenError,
      `Cannot connect to [::1]:${port}: connection refused`,
    );
  }
});

Deno.test(
  "dial() ignores that the system refuses socket options",
  TIMEOUT,
  async () => {
    const acceptor = bind(LOCAL);
    const accepted = acceptor.accept();
    const { connect } = Deno;
    // As some systems do once the peer has reset.
    Deno.connect = (async (options: Deno.ConnectOptions) => {
      const conn = await connect(options);
      conn.setNoDelay = () => {
        throw new Error("Invalid argument (os error 22)");
      };
      return conn;
    }) as typeof connect;
    try {
      const client = await dial({ port: portOf(acceptor) });
      client.close();
    } finally {
      Deno.connect = connect;
    }
    (await accepted).close();
    acceptor.close();
  },
);

/** Connects to a free port of few until the system picks that port for the client. */
const SELF_CONNECT = `
import { dial } from ${
  JSON.stringify(new URL("../../lib/transport/dial.ts", import.meta.url).href)
};
const reasons = new Set();
for (let i = 0; i < 200; i++) {
  try {
    const { localAddr, remoteAddr } = await dial({ port: 33_002 });
    reasons.add(localAddr.port === remoteAddr.port ? "itself" : "other");
    break;
  } catch (error) {
    reasons.add(error.reason + " " + error.cause.message);
  }
}
console.log([...reasons].sort().join("; "));
Deno.exit();
`;

/** Runs a command in a network of its own with four ports for clients. */
async function inOwnNetwork(...command: string[]): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const { stdout, success } = await new Deno.Command("unshare", {
    args: [
      "-rn",
      "sh",
      "-c",
      'ip link set lo up && echo "33000 33003" > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"',
      "sh",
      ...command,
    ],
    env: { NO_COLOR: "1" },
    stderr: "null",
  }).output().catch(() => ({ stdout: new Uint8Array(), success: false }));
  return success ? new TextDecoder().decode(stdout).trim() : undefined;
}

const NO_NETWORKS = await inOwnNetwork("true") === undefined;

Deno.test("dial() takes a connection to itself for a refusal", {
  ...TIMEOUT,
  ignore: NO_NETWORKS,
}, async () => {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, SELF_CONNECT);
  const args = ["run", "--no-config", "--no-lock", "-A", file];
  const told = await inOwnNetwork(Deno.execPath(), ...args);
  await Deno.remove(file);
  assertEquals(
    told,
    "refused Connected to itself; refused Connection refused (os error 111)",
  );
});

Deno.test("dial() and bind() know abstract Unix names", LINUX, async () => {
  const path = `\0sluice ${crypto.randomUUID()}`;
  const acceptor = bind({ path });
  assertEquals(acceptor.addr, { transport: "unix", path });
  const [client, server] = await Promise.all([
    dial({ path }),
    acceptor.accept(),
  ]);
  await client.write(new Uint8Array(3));
  assertEquals(await server.read(new Uint8Array(9)), 3);
  client.close();
  server.close();
  assertThrows(() => bind({ path }), BrokenError, "already in use");
  acceptor.close();
  const again = bind({ path });
  again.close();
  const gone = await assertRejects(() => dial({ path }), BrokenError);
  assertEquals(gone.reason, "refused");
});

Deno.test(
  "dial() and bind() speak TLS over a Unix socket",
  UNIX,
  async () => {
    const dir = await Deno.makeTempDir();
    const path = `${dir}/a.sock`;
    const authority = await createAuthority();
    const acceptor = bind({
      path,
      tls: { ...await authority.issue(), alpnProtocols: ["a"] },
    });
    const caCerts = [authority.cert];
    const [client, server] = await Promise.all([
      dial({ path, tls: { caCerts, alpnProtocols: ["a"] } }) as Promise<
        TlsTransport
      >,
      acceptor.accept().then(async (transport) => {
        await transport.handshake?.();
        return transport;
      }),
    ]);
    assertEquals([client.alpnProtocol, server.alpnProtocol], ["a", "a"]);
    await client.write(new Uint8Array(3));
    assertEquals(await server.read(new Uint8Array(9)), 3);
    client.close();
    server.close();

    // Not a word in the clear: a plain client and a plain server are noticed.
    const plain = dial({ path });
    const failed = acceptor.accept().then(async (transport) => {
      const error = await assertRejects(() => transport.handshake!());
      transport.close();
      return translateError(error, { operation: "handshake" });
    });
    const plainClient = await plain;
    await plainClient.write(new TextEncoder().encode("hello\r\n\r\n"));
    assertEquals((await failed as TlsError).reason, "plaintext");
    plainClient.close();
    acceptor.close();

    const names = { names: ["other.test"] };
    const other = bind({ path, tls: await authority.issue(names) });
    const refused = other.accept().then(async (transport) => {
      await assertRejects(() => transport.handshake!());
      transport.close();
    });
    const wrong = await assertRejects(
      () => dial({ path, tls: { caCerts } }),
      TlsError,
      `Cannot connect to unix:${path}: the certificate of the peer is for another name`,
    );
    assertEquals(wrong.reason, "wrong-name");
    await refused;
    other.close();
    await Deno.remove(dir, { recursive: true });
  },
);
