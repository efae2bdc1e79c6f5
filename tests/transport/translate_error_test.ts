import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import net from "node:net";
import type { Addr } from "../../lib/addr.ts";
import {
  BrokenError,
  BusyError,
  ClosedError,
  PermissionError,
  TlsError,
} from "../../lib/errors.ts";
import { acceptTls, startTls } from "../../lib/transport/upgrade_tls.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import type { Transport } from "../../lib/transport/options.ts";
import { translateError } from "../../lib/transport/translate_error.ts";
import {
  createAuthority,
  type IssueOptions,
} from "../_support/certificates.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";

// Every case is provoked for real, so that a Deno which words one differently fails here.

const TIMEOUT = { timeout: 20_000 };
const LINUX = { ...TIMEOUT, ignore: Deno.build.os !== "linux" };
const UNIX = { ...TIMEOUT, ignore: Deno.build.os === "windows" };
const LOCAL = { hostname: "127.0.0.1", port: 0 };

async function thrown(task: () => unknown): Promise<unknown> {
  try {
    await task();
  } catch (error) {
    return error;
  }
  throw new Error("Expected a failure");
}

/** Fails `task` for real and translates what it threw. */
async function translated(
  operation: string,
  task: () => unknown,
  target = "there",
): Promise<unknown> {
  return translateError(await thrown(task), { operation, target });
}

async function assertBroken(
  reason: string,
  operation: string,
  task: () => unknown,
): Promise<BrokenError> {
  const raw = await thrown(task);
  const error = translateError(raw, { operation, target: "there" });
  assertInstanceOf(error, BrokenError, Deno.inspect(raw));
  assertEquals(error.reason, reason, Deno.inspect(raw));
  assertStrictEquals(error.cause, raw);
  assertEquals(error.operation, operation);
  return error;
}

async function tcpPair(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen(LOCAL);
  const accepted = listener.accept();
  const client = await Deno.connect({ ...LOCAL, port: listener.addr.port });
  return [client, await accepted];
}

/** A client whose peer resets the connection as soon as it gets a byte. */
async function clientOfResetter(): Promise<
  [Deno.TcpConn, () => Promise<void>]
> {
  const server = net.createServer((socket) => {
    socket.once("data", () => socket.resetAndDestroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const client = await Deno.connect({ ...LOCAL, port });
  return [client, async () => {
    client.close();
    await new Promise((resolve) => server.close(resolve));
  }];
}

Deno.test(
  "translateError() says refused when nothing listens",
  TIMEOUT,
  async () => {
    const listener = Deno.listen(LOCAL);
    const { port } = listener.addr;
    listener.close();
    const error = await assertBroken(
      "refused",
      "connect",
      () => Deno.connect({ ...LOCAL, port }),
    );
    assertEquals(
      error.message,
      "Cannot connect to there: connection refused (nothing is listening there)",
    );
  },
);

Deno.test(
  "translateError() says dns when a name has no address",
  TIMEOUT,
  async () => {
    const hostname = "no-such-host.invalid";
    await assertBroken(
      "dns",
      "connect",
      () => Deno.connect({ hostname, port: 1 }),
    );
    await assertBroken(
      "dns",
      "listen",
      () => Deno.listen({ hostname, port: 0 }),
    );
  },
);

Deno.test(
  "translateError() says unreachable when there is no route",
  LINUX,
  async () => {
    // Linux refuses a TCP connection to the broadcast address without sending anything.
    await assertBroken(
      "unreachable",
      "connect",
      () => Deno.connect({ hostname: "255.255.255.255", port: 1 }),
    );
    // Seen on Deno 2.9.6 for a host that does not answer ARP: a plain Error and a code.
    const raw = Object.assign(new Error("No route to host (os error 113)"), {
      code: "EHOSTUNREACH",
    });
    const error = translateError(raw, { operation: "connect" });
    assertInstanceOf(error, BrokenError);
    assertEquals(error.reason, "unreachable");
  },
);

Deno.test(
  "translateError() says in-use and not-available when listening fails",
  TIMEOUT,
  async () => {
    using listener = Deno.listen(LOCAL);
    const { port } = listener.addr;
    await assertBroken(
      "in-use",
      "listen",
      () => Deno.listen({ ...LOCAL, port }),
    );
    await assertBroken(
      "not-available",
      "listen",
      // TEST-NET-3 is for documentation alone (RFC 5737).
      () => Deno.listen({ hostname: "203.0.113.7", port: 0 }),
    );
  },
);

Deno.test(
  "translateError() says reset when the peer resets under a read or a write",
  TIMEOUT,
  async () => {
    const [reader, endReader] = await clientOfResetter();
    const reading = thrown(() => reader.read(new Uint8Array(1)));
    await reader.write(new Uint8Array(1));
    await assertBroken("reset", "read", async () => {
      throw await reading;
    });
    await endReader();

    const [writer, endWriter] = await clientOfResetter();
    await assertBroken("reset", "write", async () => {
      for (;;) await writer.write(new Uint8Array(1 << 20));
    });
    await assertBroken(
      "broken-pipe",
      "write",
      () => writer.write(new Uint8Array(1)),
    );
    await endWriter();
  },
);

Deno.test(
  "translateError() says reset when a client leaves the backlog",
  LINUX,
  async () => {
    using listener = Deno.listen(LOCAL);
    const client = net.connect(listener.addr.port, "127.0.0.1");
    await new Promise<void>((resolve) => client.once("connect", resolve));
    const closed = new Promise<void>((resolve) =>
      client.once("close", () => resolve())
    );
    client.resetAndDestroy();
    await closed;
    const error = await assertBroken(
      "reset",
      "accept",
      () => listener.accept(),
    );
    assertEquals((error.cause as Error).name, "NotConnected");
  },
);

Deno.test(
  "translateError() says broken-pipe after an own closeWrite",
  TIMEOUT,
  async () => {
    const [client, server] = await tcpPair();
    await client.closeWrite();
    await assertBroken(
      "broken-pipe",
      "write",
      () => client.write(new Uint8Array(1)),
    );
    client.close();
    server.close();
  },
);

Deno.test(
  "translateError() says closed for pending and for later calls",
  TIMEOUT,
  async () => {
    const [client, server] = await tcpPair();
    const pending = thrown(() => client.read(new Uint8Array(1)));
    client.close();
    const context = {
      operation: "read",
      localAddr: { transport: "tcp", hostname: "127.0.0.1", port: 1 } as Addr,
      remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 2 } as Addr,
    };
    const raw = await pending;
    assertEquals((raw as Error).name, "Interrupted");
    const error = translateError(raw, context);
    assertInstanceOf(error, ClosedError);
    assertEquals(
      error.message,
      "Cannot read from 127.0.0.1:2: this side closed it",
    );
    assertEquals(error.localAddr, context.localAddr);
    assertEquals(error.remoteAddr, context.remoteAddr);
    for (
      const later of [
        () => client.read(new Uint8Array(1)),
        () => client.write(new Uint8Array(1)),
        () => client.closeWrite(),
        () => client.close(),
      ]
    ) assertInstanceOf(await translated("read", later), ClosedError);
    server.close();
  },
);

Deno.test(
  "translateError() says closed for accept on a closed listener, busy for a second one",
  TIMEOUT,
  async () => {
    const listener = Deno.listen(LOCAL);
    const first = thrown(() => listener.accept());
    assertInstanceOf(
      await translated("accept", () => listener.accept()),
      BusyError,
    );
    listener.close();
    assertInstanceOf(
      translateError(await first, { operation: "accept" }),
      ClosedError,
    );
    assertInstanceOf(
      await translated("accept", () => listener.accept()),
      ClosedError,
    );
  },
);

Deno.test(
  "translateError() tells the Unix socket errors apart",
  UNIX,
  async () => {
    const dir = await Deno.makeTempDir();
    try {
      const path = `${dir}/a.sock`;
      const connect = () => Deno.connect({ transport: "unix", path });
      await assertBroken("not-found", "connect", connect);
      const listener = Deno.listen({ transport: "unix", path });
      await assertBroken(
        "in-use",
        "listen",
        () => Deno.listen({ transport: "unix", path }),
      );

      const accepted = listener.accept();
      const client = await connect();
      const server = await accepted;
      await client.write(new Uint8Array(1));
      server.close();
      // Unread input turns the end into a reset, here even towards a Deno peer.
      await assertBroken("reset", "read", () => client.read(new Uint8Array(1)));
      client.close();

      const waiting: Deno.Conn[] = [];
      await assertBroken("exhausted", "connect", async () => {
        while (waiting.length < 10_000) waiting.push(await connect());
      });
      for (const conn of waiting) conn.close();
      listener.close();

      await Deno.writeTextFile(path, "");
      await assertBroken("refused", "connect", connect);
      if (lacksPrograms("python3")) return;
      await Deno.remove(path);
      await using datagrams = start("python3", [
        "-c",
        `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(${JSON.stringify(path)})
print("up", flush=True)
sys.stdin.read()`,
      ]);
      await datagrams.line();
      const error = await assertBroken("other", "connect", connect);
      assertEquals(
        error.message.toLowerCase(),
        "cannot connect to there: protocol wrong type for socket",
      );
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);

/** Runs a program in a process of its own and parses what it prints as JSON. */
async function subprocess(
  source: string,
  args: string[],
  prefix: string[] = [],
): Promise<unknown> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const root = new URL("../../lib/", import.meta.url);
    await Deno.writeTextFile(file, source.replaceAll("lib/", root.href));
    const [command, ...rest] = [
      ...prefix,
      Deno.execPath(),
      "run",
      "--no-prompt",
      "--no-lock",
      "--no-config",
      ...args,
      file,
    ];
    const { stdout, stderr } = await new Deno.Command(command, {
      args: rest,
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert(text.startsWith("{"), text + new TextDecoder().decode(stderr));
    return JSON.parse(text);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test(
  "translateError() says exhausted when descriptors run out",
  UNIX,
  async () => {
    // Deno raises its soft limit to the hard one, so the shell lowers both.
    const result = await subprocess(
      `
    import { translateError } from "lib/transport/translate_error.ts";
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const held: Deno.Conn[] = [];
    let raw: unknown;
    try {
      while (held.length < 1_000) {
        held.push(await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }));
      }
    } catch (error) {
      raw = error;
    }
    const { reason, cause } = translateError(raw, { operation: "connect" }) as {
      reason: string;
      cause: { name: string; code: string };
    };
    console.log(JSON.stringify({ reason, name: cause.name, code: cause.code }));
    Deno.exit();
    `,
      ["--allow-net"],
      ["/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh"],
    );
    assertEquals(result, {
      reason: "exhausted",
      name: "Error",
      code: "EMFILE",
    });
  },
);

async function deniedFlags(
  call: string,
  ...granted: string[]
): Promise<unknown> {
  const result = await subprocess(
    `
    import { translateError } from "lib/transport/translate_error.ts";
    try {
      await ${call};
    } catch (error) {
      const context = { operation: "connect", target: "there" };
      const { code, message, flags } = translateError(error, context) as {
        code: string;
        message: string;
        flags: string[];
      };
      console.log(JSON.stringify({ code, message, flags }));
    }
    `,
    granted,
  ) as { code: string; message: string; flags: string[] };
  assertEquals(result.code, "permission");
  assertEquals(
    result.message,
    `Cannot connect to there: run again with ${result.flags.join(" ")}`,
  );
  return result.flags;
}

Deno.test(
  "translateError() names the exact flag that a TCP call lacks",
  TIMEOUT,
  async () => {
    assertEquals(
      await deniedFlags(`Deno.connect({ hostname: "localhost", port: 81 })`),
      ["--allow-net=localhost:81"],
    );
    assertEquals(
      await deniedFlags(`Deno.listen({ hostname: "::1", port: 0 })`),
      ["--allow-net=[::1]:0"],
    );
    assertEquals(
      await deniedFlags(
        `Deno.connectTls({ hostname: "127.0.0.1", port: 82 })`,
        "--allow-net=127.0.0.1:81",
      ),
      ["--allow-net=127.0.0.1:82"],
    );
  },
);

Deno.test(
  "translateError() names all the flags that a Unix call lacks at once",
  UNIX,
  async () => {
    const call = `Deno.connect({ transport: "unix", path: "/run/a.sock" })`;
    const read = "--allow-read=/run/a.sock";
    const write = "--allow-write=/run/a.sock";
    const net = "--allow-net=unix:/run/a.sock";
    assertEquals(await deniedFlags(call), [read, write, net]);
    assertEquals(await deniedFlags(call, "--allow-net"), [read, write]);
    assertEquals(await deniedFlags(call, read, write), [net]);
    assertEquals(await deniedFlags(call, read), [write, net]);
  },
);

Deno.test("translateError() makes a PermissionError with what Deno says where the text is new", () => {
  const error = translateError(new Deno.errors.NotCapable("No net for you"), {
    operation: "connect",
  });
  assertInstanceOf(error, PermissionError);
  assertEquals(error.flags, []);
  assertEquals(error.message, "Cannot connect: No net for you");
});

/** Shakes hands over TLS and returns both sides' translated failures. */
async function failedHandshake(
  options: {
    issue?: IssueOptions;
    trusted?: boolean;
    serverAlpn?: string[];
    clientAlpn?: string[];
  },
): Promise<{ client: unknown; server: unknown }> {
  const authority = await createAuthority();
  const trusted = options.trusted === false
    ? await createAuthority()
    : authority;
  using listener = Deno.listenTls({
    ...LOCAL,
    ...await authority.issue(options.issue),
    alpnProtocols: options.serverAlpn,
  });
  const accepted = listener.accept();
  const client = await Deno.connectTls({
    ...LOCAL,
    port: listener.addr.port,
    caCerts: [trusted.cert],
    alpnProtocols: options.clientAlpn,
  });
  const server = await accepted;
  const [clientError, serverError] = await Promise.all([
    translated("handshake", () => client.handshake()),
    translated("handshake", () => server.handshake()),
  ]);
  client.close();
  server.close();
  return { client: clientError, server: serverError };
}

function assertTls(error: unknown, reason: string): void {
  assertInstanceOf(error, TlsError);
  assertEquals(error.reason, reason, error.message);
  assert(
    error.message.startsWith("Cannot handshake with there: "),
    error.message,
  );
}

Deno.test(
  "translateError() tells why a certificate is not trusted",
  TIMEOUT,
  async () => {
    const cases = {
      "unknown-issuer": { trusted: false },
      "wrong-name": { issue: { names: ["other.test"] } },
      "expired": { issue: { fromDays: -3, toDays: -2 } },
      "not-yet-valid": { issue: { fromDays: 2, toDays: 3 } },
    };
    for (const [reason, options] of Object.entries(cases)) {
      const { client, server } = await failedHandshake(options);
      assertTls(client, reason);
      assertTls(server, "alert");
    }
  },
);

Deno.test(
  "translateError() names the alert that the peer sent",
  TIMEOUT,
  async () => {
    const { server } = await failedHandshake({ trusted: false });
    assertInstanceOf(server, TlsError);
    assertEquals(
      server.message,
      "Cannot handshake with there: the peer refused the session (alert: unknown ca)",
    );
  },
);

Deno.test(
  "translateError() says what to do about the certificate that openssl makes by default",
  { ...TIMEOUT, ignore: lacksPrograms("openssl") },
  async () => {
    const dir = await Deno.makeTempDir();
    const make = async (...extra: string[]) => {
      const { success } = await new Deno.Command("openssl", {
        cwd: dir,
        stderr: "null",
        args:
          "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
            .split(" ").concat(extra),
      }).output();
      assert(success);
      const cert = await Deno.readTextFile(`${dir}/cert.pem`);
      using listener = Deno.listenTls({
        ...LOCAL,
        cert,
        key: await Deno.readTextFile(`${dir}/key.pem`),
      });
      const accepted = listener.accept();
      using client = await Deno.connectTls({
        hostname: "localhost",
        port: listener.addr.port,
        caCerts: [cert],
      });
      using server = await accepted;
      const serving = server.handshake().catch(() => {});
      const failure = await client.handshake().then(
        () => undefined,
        (error) =>
          translateError(error, { operation: "connect", target: "there" }),
      );
      await serving;
      return failure;
    };
    const error = await make();
    assertInstanceOf(error, TlsError);
    assertEquals(error.reason, "ca-as-end-entity");
    assertEquals(
      error.message,
      "Cannot connect to there: the certificate of the peer is that of an authority " +
        "(CA:TRUE), which no server may use as its own (with openssl req -x509, add " +
        "-addext basicConstraints=critical,CA:FALSE)",
    );
    // What the message says is enough.
    const good = ["-addext", "basicConstraints=critical,CA:FALSE"];
    assertEquals(await make(...good), undefined);
    await Deno.remove(dir, { recursive: true });
  },
);

Deno.test(
  "translateError() says no-protocol on both sides",
  TIMEOUT,
  async () => {
    const { client, server } = await failedHandshake({
      serverAlpn: ["a"],
      clientAlpn: ["b"],
    });
    assertTls(client, "no-protocol");
    assertTls(server, "no-protocol");
  },
);

/** A TLS client of a server that answers its greeting with `answer` and leaves. */
async function clientOfPlainServer(answer: string): Promise<unknown> {
  using listener = Deno.listen(LOCAL);
  const serving = (async () => {
    using conn = await listener.accept();
    await conn.read(new Uint8Array(4096));
    await conn.write(new TextEncoder().encode(answer));
  })();
  using client = await Deno.connectTls({ ...LOCAL, port: listener.addr.port });
  const error = await translated("handshake", () => client.handshake());
  await serving;
  return error;
}

Deno.test(
  "translateError() says plaintext when the peer does not speak TLS",
  TIMEOUT,
  async () => {
    assertTls(
      await clientOfPlainServer("220 smtp.test ready\r\n"),
      "plaintext",
    );
    const authority = await createAuthority();
    using listener = Deno.listenTls({ ...LOCAL, ...await authority.issue() });
    const accepted = listener.accept();
    using client = await Deno.connect({ ...LOCAL, port: listener.addr.port });
    await client.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    using server = await accepted;
    assertTls(
      await translated("handshake", () => server.handshake()),
      "plaintext",
    );
  },
);

Deno.test(
  "translateError() says closed-in-handshake when the peer leaves at once",
  TIMEOUT,
  async () => {
    assertTls(await clientOfPlainServer(""), "closed-in-handshake");
  },
);

Deno.test(
  "translateError() says closed when this side leaves the handshake",
  TIMEOUT,
  async () => {
    using listener = Deno.listen(LOCAL);
    const accepted = listener.accept();
    const client = await Deno.connectTls({
      ...LOCAL,
      port: listener.addr.port,
    });
    using _silent = await accepted;
    const handshake = translated("handshake", () => client.handshake());
    client.close();
    assertInstanceOf(await handshake, ClosedError);
  },
);

Deno.test(
  "translateError() says truncated when TLS ends without close_notify",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    using listener = Deno.listenTls({ ...LOCAL, ...await authority.issue() });
    const accepted = listener.accept();
    // A relay, so that the connection can be cut below TLS.
    using front = Deno.listen(LOCAL);
    const fronted = front.accept();
    using client = await Deno.connectTls({
      ...LOCAL,
      port: front.addr.port,
      caCerts: [authority.cert],
    });
    const down = await fronted;
    const up = await Deno.connect({ ...LOCAL, port: listener.addr.port });
    const relays = [
      down.readable.pipeTo(up.writable),
      up.readable.pipeTo(down.writable),
    ];
    using server = await accepted;
    await Promise.all([client.handshake(), server.handshake()]);
    await server.write(new Uint8Array(1));
    assertEquals(await client.read(new Uint8Array(9)), 1);
    const reading = translated("read", () => client.read(new Uint8Array(9)));
    down.close();
    up.close();
    await Promise.allSettled(relays);
    const error = await reading;
    assertInstanceOf(error, TlsError);
    assertEquals(error.reason, "truncated", error.message);
  },
);

Deno.test(
  "translateError() says that a record of TLS was damaged",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const certificate = await authority.issue();
    const [near, far] = memoryTransportPair();
    let isSpoiling = false;
    const spoilt: Transport = {
      localAddr: near.localAddr,
      remoteAddr: near.remoteAddr,
      async read(p) {
        const count = await near.read(p);
        if (isSpoiling && count !== null) p[count - 1] ^= 1;
        return count;
      },
      write: (p) => near.write(p),
      closeWrite: () => near.closeWrite(),
      close: () => near.close(),
    };
    const [client, server] = await Promise.all([
      startTls(spoilt, { caCerts: [authority.cert] }),
      acceptTls(far, certificate),
    ]);
    await server.write(new Uint8Array(1));
    await client.read(new Uint8Array(9));
    isSpoiling = true;
    await server.write(new Uint8Array(1));
    const error = await translated(
      "read",
      () => client.read(new Uint8Array(9)),
    );
    assertInstanceOf(error, TlsError);
    assertEquals(
      [error.reason, error.message],
      [
        "other",
        "Cannot read from there: a record of TLS was damaged on its way",
      ],
    );
    client.close();
    server.close();
  },
);

Deno.test(
  "translateError() says bad-configuration for unusable certificates and keys",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const [one, two] = [await authority.issue(), await authority.issue()];
    for (
      const material of [
        { cert: one.cert, key: "junk" },
        { cert: "junk", key: one.key },
        { cert: one.cert, key: two.key },
      ]
    ) {
      const error = await translated(
        "handshake",
        () => Deno.listenTls({ ...LOCAL, ...material }),
      );
      assertTls(error, "bad-configuration");
    }
  },
);

Deno.test(
  "translateError() says closed for a TLS write after an own closeWrite",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    using listener = Deno.listenTls({ ...LOCAL, ...await authority.issue() });
    const accepted = listener.accept();
    using client = await Deno.connectTls({
      ...LOCAL,
      port: listener.addr.port,
      caCerts: [authority.cert],
    });
    using server = await accepted;
    await Promise.all([client.handshake(), server.handshake()]);
    await client.closeWrite();
    const error = await translated(
      "write",
      () => client.write(new Uint8Array(1)),
    );
    assertInstanceOf(error, ClosedError);
  },
);

Deno.test(
  "translateError() turns an impossible host name into a TypeError",
  TIMEOUT,
  async () => {
    for (const hostname of ["a b", "", "a".repeat(300)]) {
      const error = await translated(
        "connect",
        () => Deno.connect({ hostname, port: 1 }),
      );
      assertInstanceOf(error, TypeError);
      assert(
        error.message.startsWith(
          "Cannot connect: hostname must be a name or an address",
        ),
      );
    }
  },
);

Deno.test("translateError() leaves alone what is not an error of the runtime", async () => {
  const context = { operation: "connect" };
  const reasons: unknown[] = [
    "a string",
    undefined,
    new Error("mine"),
    new TypeError("mine"),
    new RangeError("mine"),
    new ClosedError("mine"),
    AbortSignal.abort().reason,
    Object.assign(new Error("mine"), { code: "MY_CODE" }),
  ];
  for (const reason of reasons) {
    assertStrictEquals(translateError(reason, context), reason);
  }
  const raw = await thrown(() =>
    Deno.connect({ ...LOCAL, port: 1, signal: AbortSignal.abort(reasons[0]) })
  );
  assertStrictEquals(translateError(raw, context), reasons[0]);
});

Deno.test("translateError() names the server name that TLS cannot use", async () => {
  const error = await translated(
    "connect",
    () => Deno.connectTls({ hostname: "[::1]", port: 9 }),
  );
  assertInstanceOf(error, TypeError);
  assertEquals(
    error.message,
    'Cannot connect: serverName must be a name or an address, got "[::1]"',
  );
});

Deno.test(
  "translateError() calls what the system finds invalid broken",
  LINUX,
  async () => {
    const error = await assertBroken(
      "other",
      "connect",
      // Which of the networks, nothing says.
      () => Deno.connect({ hostname: "fe80::1", port: 9 }),
    );
    assertEquals(error.message, "Cannot connect to there: invalid argument");
  },
);

Deno.test("translateError() calls an errno it does not know broken for another reason", () => {
  const raw = Object.assign(new Error("Disk quota exceeded"), {
    code: "EDQUOT",
  });
  const error = translateError(raw, { operation: "write" });
  assertInstanceOf(error, BrokenError);
  assertEquals(error.reason, "other");
  assertStrictEquals(error.cause, raw);
});
