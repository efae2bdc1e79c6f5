import {
  assert,
  assertEquals,
  assertIsError,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { seededRandom } from "../../lib/_random.ts";
import { viaProxy, type ViaProxyOptions } from "../../lib/client/via_proxy.ts";
import {
  BrokenError,
  ProxyError,
  SocketError,
  TimeoutError,
  TlsError,
} from "../../lib/errors.ts";
import { permissionsFor } from "../../lib/permissions/permission_plan.ts";
import { serve } from "../../lib/server/serve.ts";
import { connect } from "../../lib/socket/connect.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { sleep } from "../../lib/time/sleep.ts";
import { createAuthority } from "../_support/certificates.ts";
import { outcome, TIMEOUT } from "../_support/sockets.ts";

/** What no error may say. */
const PASSWORD = "correct-horse";
const USER = "ann-user";

/** A proxy that does what it is told, on a free port. */
function startProxy(handler: (socket: Socket) => Promise<unknown>) {
  return serve({ port: 0, onError: () => {}, shutdownTimeoutMs: 0 }, handler);
}

/** Connects through a proxy. */
function through(
  scheme: string,
  port: number,
  { hostname = "example.com", ...options }: ViaProxyOptions & {
    hostname?: string;
    signal?: AbortSignal;
    connectTimeoutMs?: number;
  } = {},
): Promise<Socket> {
  const { signal, connectTimeoutMs, ...rest } = options;
  const [protocol, user] = scheme.split(" ");
  const login = user === undefined ? "" : `${user}@`;
  const dialer = viaProxy(`${protocol}://${login}127.0.0.1:${port}`, rest);
  return connect({
    hostname,
    port: 443,
    dialer,
    signal,
    timeoutMs: connectTimeoutMs,
    readMs: 10_000,
  });
}

const LOGIN = `${USER}:${PASSWORD}`;
const SOCKS = [5, 0];
const GRANTED = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

Deno.test("viaProxy() speaks SOCKS 5, byte for byte", TIMEOUT, async () => {
  const cases: [string, string, number[], number[]][] = [
    ["socks5", "example.com", [5, 1, 0], [
      ...[5, 1, 0, 3, 11],
      ...new TextEncoder().encode("example.com"),
      ...[1, 0xbb],
    ]],
    ["socks5h", "10.1.2.3", [5, 1, 0], [5, 1, 0, 1, 10, 1, 2, 3, 1, 0xbb]],
    [`socks5 ${LOGIN}`, "[::1]", [5, 2, 0, 2], [
      ...[5, 1, 0, 4],
      ...[...new Array(15).fill(0), 1],
      ...[1, 0xbb],
    ]],
  ];
  for (const [scheme, hostname, greeting, request] of cases) {
    await using proxy = startProxy(async (socket) => {
      assertEquals([...await socket.readExactly(greeting.length)], greeting);
      await socket.write(new Uint8Array(SOCKS));
      assertEquals([...await socket.readExactly(request.length)], request);
      await socket.write(new Uint8Array(GRANTED));
      await socket.write(`hello ${await socket.readLine()}\n`);
    });
    await using socket = await through(scheme, proxy.addr.port, { hostname });
    await socket.write("world\n");
    assertEquals(await socket.readLine(), "hello world");
    assertEquals(socket.remoteAddr, proxy.addr);
  }
});

Deno.test(
  "viaProxy() logs in to SOCKS 5, with all bytes of the name and the password",
  TIMEOUT,
  async () => {
    const name = "ann:@/ü";
    const password = "p%".repeat(127);
    await using proxy = startProxy(async (socket) => {
      await socket.readExactly(4);
      await socket.write(new Uint8Array([5, 2]));
      const [version, length] = await socket.readExactly(2);
      assertEquals(version, 1);
      const decoder = new TextDecoder();
      assertEquals(decoder.decode(await socket.readExactly(length)), name);
      const [size] = await socket.readExactly(1);
      assertEquals(decoder.decode(await socket.readExactly(size)), password);
      await socket.write(new Uint8Array([1, 0]));
      await socket.readExactly(18);
      // An address of each kind.
      await socket.write(new Uint8Array([5, 0, 0, 3, 2, 97, 98, 0, 80]));
      await socket.write("hello\n");
    });
    const login = [name, password].map(encodeURIComponent).join(":");
    await using socket = await through(`socks5 ${login}`, proxy.addr.port);
    assertEquals(await socket.readLine(), "hello");
  },
);

Deno.test(
  "viaProxy() speaks HTTP CONNECT, with and without a user",
  TIMEOUT,
  async () => {
    const basic = btoa(LOGIN);
    const cases: [string, string, string][] = [
      ["http", "example.com", "example.com:443"],
      ["http", "::1", "[::1]:443"],
      [`http ${LOGIN}`, "10.1.2.3", "10.1.2.3:443"],
    ];
    for (const [scheme, hostname, target] of cases) {
      await using proxy = startProxy(async (socket) => {
        assertEquals(await socket.readLine(), `CONNECT ${target} HTTP/1.1`);
        assertEquals(await socket.readLine(), `Host: ${target}`);
        const rest = await socket.readLine();
        if (scheme.endsWith(PASSWORD)) {
          assertEquals(rest, `Proxy-Authorization: Basic ${basic}`);
          assertEquals(await socket.readLine(), "");
        } else assertEquals(rest, "");
        await socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        await socket.write("HTTP/1.0 200 Connection established\r\n");
        await socket.write("Content-Length: 5\r\nX: \r\n\r\nhello\n");
      });
      await using socket = await through(scheme, proxy.addr.port, { hostname });
      assertEquals(await socket.readLine(), "hello");
    }
  },
);

Deno.test(
  "viaProxy() reads no byte beyond the handshake, however the bytes are cut",
  TIMEOUT,
  async () => {
    const answers: [string, number[][]][] = [
      ["socks5", [SOCKS, GRANTED]],
      ["http", [[
        ...new TextEncoder().encode("HTTP/1.1 200 OK\r\nA: b\r\n\r\n"),
      ]]],
    ];
    for (const [scheme, [first, second = []]] of answers) {
      for (let seed = 1; seed <= 20; seed++) {
        const random = seededRandom(seed);
        await using proxy = startProxy(async (socket) => {
          // What the server says comes with the last answer.
          const bytes = [...first, ...second, 13, 10, 13, 10, 5, 0, 7];
          if (scheme === "http") await socket.readUntil("\r\n\r\n");
          else await socket.readExactly(3);
          for (let at = 0; at < bytes.length;) {
            const next = at + 1 + Math.floor(random() * 8);
            await socket.write(new Uint8Array(bytes.slice(at, next)));
            await socket.flush();
            at = next;
          }
        });
        using socket = await through(scheme, proxy.addr.port);
        assertEquals([...await socket.readExactly(7)], [
          13,
          10,
          13,
          10,
          5,
          0,
          7,
        ]);
        assertEquals(await socket.read(), null);
      }
    }
  },
);

Deno.test(
  "viaProxy() carries TLS up to the server, and TLS up to the proxy",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const { cert, key } = await authority.issue({ names: ["localhost"] });
    const tls = { caCerts: [authority.cert] };
    await using server = serve(
      { port: 0, tls: { cert, key } },
      async (socket) => {
        await socket.write(`hello ${await socket.readLine()}\n`);
      },
    );
    /** A proxy as it should be, for one host. */
    const tunnel = async (socket: Socket) => {
      await socket.readUntil("\r\n\r\n");
      await using upstream = await connect({ port: server.addr.port });
      await socket.write("HTTP/1.1 200 OK\r\n\r\n");
      const { relay } = await import("../../lib/socket/relay.ts");
      await relay(socket, upstream);
    };
    await using plain = startProxy(tunnel);
    await using secure = serve({
      port: 0,
      tls: { cert, key },
      onError: () => {},
    }, tunnel);
    const dialers = [
      viaProxy(`http://127.0.0.1:${plain.addr.port}`),
      viaProxy(`https://localhost:${secure.addr.port}`, { tls }),
    ];
    for (const dialer of dialers) {
      const to = { hostname: "localhost", port: 443, dialer };
      using socket = await connect({ ...to, tls });
      await socket.write("world\n");
      assertEquals(await socket.readLine(), "hello world");
      await assertRejects(() => connect({ ...to, tls: true }), TlsError);
    }
    const untrusted = viaProxy(`https://localhost:${secure.addr.port}`);
    const to = { hostname: "localhost", port: 443, dialer: untrusted };
    await assertRejects(
      () => connect(to),
      TlsError,
      `localhost:${secure.addr.port}`,
    );
  },
);

/** What a proxy says to each question, and what that comes to. */
const REFUSALS: [
  title: string,
  scheme: string,
  answers: (number[] | string)[],
  kind: typeof ProxyError | typeof BrokenError,
  reason: string,
  text: string,
][] = [
  [
    "wants a login",
    "socks5",
    [[5, 255]],
    ProxyError,
    "authentication",
    "it asks for a user name",
  ],
  [
    "wants no such login",
    `socks5 ${LOGIN}`,
    [[5, 255]],
    ProxyError,
    "authentication",
    "takes neither",
  ],
  [
    "refuses the login",
    `socks5 ${LOGIN}`,
    [[5, 2], [1, 1]],
    ProxyError,
    "authentication",
    "refuses the user name or the password",
  ],
  [
    "chooses what was not offered",
    "socks5",
    [[5, 2]],
    ProxyError,
    "malformed",
    "not offered",
  ],
  [
    "chooses GSSAPI",
    `socks5 ${LOGIN}`,
    [[5, 1]],
    ProxyError,
    "malformed",
    "not offered",
  ],
  [
    "speaks SOCKS 4",
    "socks5",
    [[0, 90]],
    ProxyError,
    "malformed",
    "is not SOCKS 5",
  ],
  [
    "is an HTTP server",
    "socks5",
    ["HTTP/1.1 400 Bad Request\r\n\r\n"],
    ProxyError,
    "malformed",
    "is not SOCKS 5",
  ],
  [
    "has another version of logins",
    `socks5 ${LOGIN}`,
    [[5, 2], [5, 0]],
    ProxyError,
    "malformed",
    "is not SOCKS 5",
  ],
  ["fails", "socks5", [SOCKS, [5, 1]], BrokenError, "other", "SOCKS reply 1"],
  [
    "has rules",
    "socks5",
    [SOCKS, [5, 2]],
    ProxyError,
    "refused",
    "its rules do not allow it",
  ],
  [
    "has no network",
    "socks5",
    [SOCKS, [5, 3]],
    BrokenError,
    "unreachable",
    "network is unreachable",
  ],
  [
    "has no host",
    "socks5",
    [SOCKS, [5, 4]],
    BrokenError,
    "unreachable",
    "host is unreachable",
  ],
  [
    "was refused",
    "socks5",
    [SOCKS, [5, 5, 0, 1]],
    BrokenError,
    "refused",
    "connection refused",
  ],
  [
    "ran out of time",
    "socks5",
    [SOCKS, [5, 6]],
    BrokenError,
    "unreachable",
    "in time",
  ],
  [
    "knows no CONNECT",
    "socks5",
    [SOCKS, [5, 7]],
    ProxyError,
    "unsupported",
    "it cannot connect",
  ],
  [
    "knows no IPv6",
    "socks5",
    [SOCKS, [5, 8]],
    ProxyError,
    "unsupported",
    "kind of address",
  ],
  [
    "has a reply of its own",
    "socks5",
    [SOCKS, [5, 200]],
    BrokenError,
    "other",
    "SOCKS reply 200",
  ],
  [
    "has an address of no kind",
    "socks5",
    [SOCKS, [5, 0, 0, 2]],
    ProxyError,
    "malformed",
    "unknown kind of address",
  ],
  [
    "answers in another version",
    "socks5",
    [SOCKS, [4, 0, 0, 1]],
    ProxyError,
    "malformed",
    "is not SOCKS 5",
  ],
  [
    "ends at once",
    "socks5",
    [[]],
    ProxyError,
    "closed",
    "before its answer was complete",
  ],
  [
    "ends in its answer",
    "socks5",
    [SOCKS, [5, 0, 0, 3, 200, 1]],
    ProxyError,
    "closed",
    "before its answer was complete",
  ],
  [
    "wants a login",
    "http",
    ["HTTP/1.1 407 x\r\n\r\n"],
    ProxyError,
    "authentication",
    "it asks for a user name",
  ],
  [
    "refuses the login",
    `http ${LOGIN}`,
    [`HTTP/1.1 407 ${PASSWORD}\r\n\r\n`],
    ProxyError,
    "authentication",
    "refuses the user name or the password (HTTP status 407)",
  ],
  [
    "has rules",
    "http",
    ["HTTP/1.0 403 Filtered\r\nA: b\r\n\r\nno"],
    ProxyError,
    "refused",
    "it refuses (HTTP status 403)",
  ],
  [
    "has moved",
    "http",
    ["HTTP/1.1 302 Found\r\n\r\n"],
    ProxyError,
    "refused",
    "302",
  ],
  [
    "switches protocols",
    "http",
    ["HTTP/1.1 101 x\r\n\r\n"],
    ProxyError,
    "refused",
    "101",
  ],
  [
    "knows no CONNECT",
    "http",
    ["HTTP/1.1 405 x\r\n\r\n"],
    ProxyError,
    "unsupported",
    "405",
  ],
  [
    "cannot reach it",
    "http",
    ["HTTP/1.1 502 x\r\n\r\n"],
    BrokenError,
    "unreachable",
    "cannot reach it (HTTP status 502)",
  ],
  [
    "ran out of time",
    "http",
    ["HTTP/1.1 504\r\n\r\n"],
    BrokenError,
    "unreachable",
    "504",
  ],
  [
    "speaks SOCKS",
    "http",
    [[5, 255]],
    ProxyError,
    "malformed",
    "is not HTTP/1.1",
  ],
  [
    "speaks SSH",
    "http",
    ["SSH-2.0-OpenSSH_9.2\r\n"],
    ProxyError,
    "malformed",
    "is not HTTP/1.1",
  ],
  [
    "speaks HTTP/2",
    "http",
    ["HTTP/2 200\r\n\r\n"],
    ProxyError,
    "malformed",
    "is not HTTP/1.1",
  ],
  [
    "has a status of no kind",
    "http",
    ["HTTP/1.1 999 x\r\n\r\n"],
    ProxyError,
    "malformed",
    "is not HTTP/1.1",
  ],
  [
    "has a signed status",
    "http",
    ["HTTP/1.1 +20 x\r\n\r\n"],
    ProxyError,
    "malformed",
    "is not HTTP/1.1",
  ],
  [
    "hides a line in its status",
    "http",
    ["HTTP/1.1 200 x\nA: b\r\n\r\n"],
    ProxyError,
    "malformed",
    "is not HTTP/1.1",
  ],
  [
    "ends its lines with LF alone",
    "http",
    ["HTTP/1.1 200 x\n\n", "what the server says"],
    ProxyError,
    "malformed",
    "is not HTTP/1.1",
  ],
  [
    "has a CR too many",
    "http",
    ["HTTP/1.1 200 x\r\r\n\r\n"],
    ProxyError,
    "malformed",
    "is not HTTP/1.1",
  ],
  [
    "has a header without a name",
    "http",
    ["HTTP/1.1 200 x\r\n: b\r\n\r\n"],
    ProxyError,
    "malformed",
    "is not HTTP/1.1",
  ],
  [
    "has a header that is none",
    "http",
    ["HTTP/1.1 200 x\r\nhello\r\n\r\n"],
    ProxyError,
    "malformed",
    "is not HTTP/1.1",
  ],
  [
    "has a NUL",
    "http",
    ["HTTP/1.1 200 x\r\na: \0\r\n\r\n"],
    ProxyError,
    "malformed",
    "is not HTTP/1.1",
  ],
  [
    "answers too much",
    "http",
    [`HTTP/1.1 200 x\r\na: ${"b".repeat(20_000)}`],
    ProxyError,
    "too-large",
    "16384 bytes",
  ],
  [
    "says 100 for ever",
    "http",
    ["HTTP/1.1 100 x\r\n\r\n".repeat(2_000)],
    ProxyError,
    "too-large",
    "16384 bytes",
  ],
  [
    "ends at once",
    "http",
    [[]],
    ProxyError,
    "closed",
    "before its answer was complete",
  ],
  [
    "ends in its answer",
    "http",
    ["HTTP/1.1 200 OK\r\n"],
    ProxyError,
    "closed",
    "before its answer was complete",
  ],
];

for (const [title, scheme, answers, kind, reason, text] of REFUSALS) {
  const [protocol] = scheme.split(" ");
  Deno.test(
    `viaProxy() has one typed error for a ${protocol} proxy that ${title}: ${text}`,
    TIMEOUT,
    async () => {
      await using proxy = startProxy(async (socket) => {
        for (const answer of answers) {
          await socket.read();
          await socket.write(
            typeof answer === "string" ? answer : new Uint8Array(answer),
          );
        }
        // It ends its side; a reset could overtake what it said.
        await socket.closeWrite();
        await socket.read().catch(() => {});
      });
      const { port } = proxy.addr;
      const error = await outcome(through(scheme, port));
      assert(error instanceof ProxyError || error instanceof BrokenError);
      assertIsError(error, kind as typeof SocketError, text);
      assertEquals([error.reason, error.operation], [reason, "connect"]);
      const start =
        `Cannot connect to example.com:443 through the proxy 127.0.0.1:${port}: `;
      assert(error.message.startsWith(start), error.message);
      assertEquals(error.remoteAddr, {
        transport: "tcp",
        hostname: "example.com",
        port: 443,
      });
      assertKeepsSecret(error);
    },
  );
}

function assertKeepsSecret(error: unknown): void {
  const text = `${Deno.inspect(error, { depth: 20, showHidden: true })}`;
  for (const secret of [PASSWORD, USER, btoa(LOGIN)]) {
    assert(!text.includes(secret), text);
  }
}

Deno.test(
  "viaProxy() gives up on silent and on slow proxies",
  TIMEOUT,
  async () => {
    for (const scheme of ["socks5", "http"]) {
      const ended = Promise.withResolvers<void>();
      await using silent = startProxy(async (socket) => {
        while (await socket.read().catch(() => null) !== null);
        ended.resolve();
      });
      const { port } = silent.addr;
      const own = await assertRejects(
        () => through(scheme, port, { timeoutMs: 30 }),
        TimeoutError,
        `Cannot connect to example.com:443 through the proxy 127.0.0.1:${port} within 30 ms: the proxy did not answer`,
      );
      assertEquals(own.operation, "connect");
      assertEquals(own.remoteAddr, {
        transport: "tcp",
        hostname: "example.com",
        port: 443,
      });
      assertEquals(own.timeoutMs, 30);
      await ended.promise;
      await assertRejects(
        () => through(scheme, port, { connectTimeoutMs: 30 }),
        TimeoutError,
        `Cannot connect to example.com:443 within 30 ms: the dialer made no connection through 127.0.0.1:${port}`,
      );
      const controller = new AbortController();
      const { signal } = controller;
      const dialling = outcome(through(scheme, port, { signal }));
      const reason = new Error("not any more");
      setTimeout(() => controller.abort(reason), 10);
      assertStrictEquals(await dialling, reason);

      // A byte now and then is progress to the proxy, and none to its client.
      await using slow = startProxy(async (socket) => {
        for (const byte of "HTTP/1.1 200 ok ok ok ok ok ok") {
          await socket.write(scheme === "http" ? byte : new Uint8Array([5]));
          await sleep(20, { signal: socket.signal });
        }
      });
      const error = await outcome(
        through(scheme, slow.addr.port, { timeoutMs: 100 }),
      );
      if (scheme === "http") assertIsError(error, TimeoutError);
      else assertIsError(error, ProxyError);
    }
  },
);

Deno.test(
  "viaProxy() ends in a connection or a typed error on any garbage",
  TIMEOUT,
  async () => {
    for (const scheme of ["socks5", `socks5 ${LOGIN}`, "http"]) {
      const random = seededRandom(7);
      await using proxy = startProxy(async (socket) => {
        await socket.read();
        const bytes = Array.from(
          { length: 1 + random() * 40 },
          // Often what is asked for, so that it goes on.
          () =>
            [5, 0, 1, 2, 13, 10, 72][Math.floor(random() * 8)] ??
              random() * 256,
        );
        await socket.write(new Uint8Array(bytes));
        await socket.closeWrite();
        while (await socket.read().catch(() => null) !== null);
      });
      for (let i = 0; i < 100; i++) {
        const result = await outcome(through(scheme, proxy.addr.port));
        if (result instanceof SocketError) assertKeepsSecret(result);
        else (result as Socket).abort();
      }
    }
  },
);

Deno.test(
  "viaProxy() says that it is the proxy that cannot be reached",
  TIMEOUT,
  async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const error = await assertRejects(
      () => through(`socks5 ${LOGIN}`, port),
      BrokenError,
      `through the proxy 127.0.0.1:${port}: the proxy: connection refused`,
    );
    assertEquals(error.reason, "refused");
    assertKeepsSecret(error);
  },
);

Deno.test(
  "viaProxy() says that a proxy has reset the connection",
  TIMEOUT,
  async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const dialling = outcome(through("socks5", port));
    const { default: net } = await import("node:net");
    // A Deno connection cannot reset by itself; an accepted one of node:net can.
    const server = net.createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.resetAndDestroy());
    });
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve)
    );
    const address = server.address() as { port: number };
    const error = await assertRejects(
      () => through("socks5", address.port),
      BrokenError,
      "through the proxy",
    );
    assertEquals(error.reason, "reset");
    await new Promise((resolve) => server.close(resolve));
    (await listener.accept()).close();
    assertIsError(await dialling, ProxyError);
  },
);

Deno.test(
  "connect() with retry tries a proxy again that closed, and not one that refuses",
  TIMEOUT,
  async () => {
    let clients = 0;
    await using proxy = startProxy(async (socket) => {
      clients++;
      await socket.readExactly(3);
      if (clients === 1) return;
      await socket.write(new Uint8Array([...SOCKS, 5, 2]));
      await socket.closeWrite();
      await socket.read();
    });
    const dialer = viaProxy(`socks5://127.0.0.1:${proxy.addr.port}`);
    const error = await assertRejects(
      () =>
        connect({
          hostname: "example.com",
          port: 80,
          dialer,
          retry: { minDelayMs: 1 },
        }),
      ProxyError,
    );
    assertEquals([error.reason, error.reply, clients], ["refused", 2, 2]);
  },
);

Deno.test(
  "connect() tries several hosts through a proxy",
  TIMEOUT,
  async () => {
    await using proxy = startProxy(async (socket) => {
      const line = await socket.readLine();
      while (await socket.readLine() !== "");
      if (line?.includes("down")) {
        await socket.write("HTTP/1.1 502 x\r\n\r\n");
      } else await socket.write("HTTP/1.1 200 OK\r\n\r\nhello\n");
      await socket.closeWrite();
      while (await socket.read() !== null);
    });
    const dialer = viaProxy(`http://127.0.0.1:${proxy.addr.port}`);
    const hosts = ["down1", "up", "down2"].map((hostname) => ({
      hostname,
      port: 80,
    }));
    using socket = await connect({ hosts, dialer, order: "given" });
    assertEquals(await socket.readLine(), "hello");
    const error = await assertRejects(
      () => connect({ hosts: [hosts[0], hosts[2]], dialer, order: "given" }),
      BrokenError,
      "2 hosts: down1:80: through the proxy 127.0.0.1:",
    );
    assertEquals(error.reason, "unreachable");
  },
);

Deno.test("viaProxy() asks for nothing that is not one host and one port", async () => {
  const dialer = viaProxy("http://127.0.0.1:9");
  const wrong: [object, string][] = [
    [{ port: 80 }, "hostname must be given"],
    [{ hostname: "a" }, "port must be given"],
    [{ hostname: "a b", port: 80 }, "a name or an address"],
    [{ hostname: "a\r\nX: y", port: 80 }, "a name or an address"],
    [{ hostname: "a:b", port: 80 }, "a name or an address"],
    [{ hostname: "127.1", port: 80 }, "a name or an address"],
    [{ hostname: "fe80::1%lo", port: 80 }, "without a zone"],
    [{ hostname: "x".repeat(254), port: 80 }, "a name or an address"],
  ];
  for (const [target, text] of wrong) {
    await assertRejects(
      () => connect({ ...target, dialer }),
      TypeError,
      text,
    );
  }
});

Deno.test("viaProxy() refuses URLs that it cannot use, and shows none of them", () => {
  const long = "x".repeat(256);
  const wrong: [unknown, string][] = [
    [undefined, "got undefined"],
    [null, "got null"],
    ["", "got text that is none"],
    ["127.0.0.1:1080", "got text that is none"],
    [`${USER}:${PASSWORD}@127.0.0.1:1080`, "begins with none of"],
    [`ftp://${LOGIN}@127.0.0.1`, "begins with none of"],
    [`socks4://${LOGIN}@127.0.0.1`, "begins with none of"],
    [`socks5://${LOGIN}@`, "got text that is none"],
    [`socks5://${LOGIN}@127.1:80`, "neither a name nor an address"],
    [`socks5://${LOGIN}@h:99999`, "got text that is none"],
    [`socks5://${LOGIN}@h:0`, "the port must be from 1 to 65535"],
    [`socks5://${LOGIN}@h/${PASSWORD}`, "goes on after the port"],
    [`http://${LOGIN}@h?${PASSWORD}`, "goes on after the port"],
    [`http://${LOGIN}@h#${PASSWORD}`, "goes on after the port"],
    [`socks5://${USER}@h`, "from 1 to 255 bytes long, got 0"],
    [`socks5://:${PASSWORD}@h`, "from 1 to 255 bytes long, got 0"],
    [`socks5://${USER}:${long}@h`, "from 1 to 255 bytes long, got 256"],
    [`socks5://${USER}:${PASSWORD}%@h`, "is not percent-encoded"],
    [`http://a%3A${USER}:${PASSWORD}@h`, "has a colon"],
    [`http://${USER}%0d%0a:${PASSWORD}@h`, "has a control character"],
  ];
  for (const [url, text] of wrong) {
    const error = assertThrows(() => viaProxy(url as string), Error, text);
    assert(error instanceof TypeError || error instanceof RangeError);
    assert(error.message.startsWith("Cannot make a proxy dialer: "));
    assertKeepsSecret(error);
  }
  const options: [object, typeof TypeError | typeof RangeError, string][] = [
    [{ timeoutMs: 0 }, RangeError, "timeoutMs must be above 0"],
    [{ timeout: 5 }, TypeError, "did you mean timeoutMs?"],
    [{ tls: {} }, TypeError, "tls must be absent but for https://"],
  ];
  for (const [each, kind, text] of options) {
    assertThrows(() => viaProxy("socks5://h", each), kind, text);
  }
  assertThrows(
    () => viaProxy("https://h", { tls: { caCerts: "x" } as object }),
    TypeError,
    "caCerts",
  );
  // It would send the user name and the password in the clear.
  for (const tls of [false, null]) {
    assertThrows(
      () => viaProxy("https://u:p@h", { tls: tls as never }),
      TypeError,
      `tls must be an object, got ${tls}`,
    );
  }
});

Deno.test("viaProxy() shows its address, and takes the permission for it alone", () => {
  const addresses: [string | URL, string][] = [
    [`socks5://${LOGIN}@proxy.example`, "proxy.example:1080"],
    ["http://[::1]", "[::1]:80"],
    ["https://proxy.example/", "proxy.example:443"],
    [new URL("socks5h://127.0.0.1:9050"), "127.0.0.1:9050"],
  ];
  for (const [url, host] of addresses) {
    const dialer = viaProxy(url);
    const { flags } = permissionsFor({ hostname: "a", port: 1, dialer });
    assertEquals(flags, [`--allow-net=${host}`]);
    assertKeepsSecret(dialer);
  }
});
