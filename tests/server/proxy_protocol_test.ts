import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type Addr,
  BrokenError,
  ClosedError,
  connect,
  type ConnectOptions,
  formatAddress,
  FrameTooLargeError,
  MalformedFrameError,
  type ProxyProtocolOptions,
  serve,
  type ServerEvent,
  type ServerOptions,
  Socket,
  TimeoutError,
  UnexpectedEofError,
} from "@sluice/net";
import { encodeProxyHeader } from "@sluice/net/codec";
import { createAuthority } from "../_support/certificates.ts";
import { textOf } from "../_support/sockets.ts";

const TIMEOUT = { timeout: 20_000 };
const utf8 = new TextEncoder();
const LOOPBACK: ProxyProtocolOptions = { trustedProxies: ["127.0.0.0/8"] };
const tcp = (hostname: string, port: number): Addr => ({
  transport: "tcp",
  hostname,
  port,
});

function headerOf(hostname: string, version: 1 | 2 = 2): Uint8Array {
  return encodeProxyHeader({
    version,
    sourceAddr: tcp(hostname, 50_000),
    destinationAddr: tcp("192.0.2.254", 443),
  });
}

/** A server that tells each client its address, and echoes a line. */
function tell(options: Partial<ServerOptions> = {}) {
  const events: ServerEvent[] = [];
  const waiting: (() => void)[] = [];
  const server = serve({
    port: 0,
    proxyProtocol: LOOPBACK,
    onError: () => {},
    ...options,
    onEvent: (event) => {
      events.push(event);
      for (const wake of waiting.splice(0)) wake();
    },
  }, async (socket) => {
    const addr = socket.remoteAddr as Deno.NetAddr;
    const line = await socket.readLine();
    await socket.write(`${addr.hostname} ${socket.proxy?.command} ${line}\n`);
  });
  return {
    server,
    port: server.addr.port,
    events,
    async event<T extends ServerEvent["type"]>(type: T) {
      while (true) {
        const found = events.find((event) => event.type === type);
        if (found) return found as Extract<ServerEvent, { type: T }>;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function ask(socket: Socket, ...parts: (Uint8Array | string)[]) {
  for (const part of parts) {
    await socket.write(part);
    await socket.flush();
  }
  const line = await socket.readLine();
  await socket.close();
  return line;
}

Deno.test(
  "serve({ proxyProtocol }) has the client's address, of both versions, whatever comes with the header",
  TIMEOUT,
  async () => {
    await using told = tell();
    const { port } = told;
    for (const version of [1, 2] as const) {
      const header = headerOf("192.0.2.9", version);
      const whole = new Uint8Array([...header, ...utf8.encode("hello\n")]);
      for (const cut of [0, 1, 5, 13, header.length, header.length + 2]) {
        const parts = [whole.slice(0, cut), whole.slice(cut)];
        const socket = await connect({ port });
        assertEquals(await ask(socket, ...parts), "192.0.2.9 proxy hello");
      }
    }
  },
);

Deno.test(
  "connect({ proxyProtocol }) sends its header first, to one of several hosts, and over a dialer",
  TIMEOUT,
  async () => {
    await using told = tell();
    const { port } = told;
    const proxyProtocol = {
      sourceAddr: tcp("192.0.2.8", 1),
      destinationAddr: tcp("192.0.2.9", 2),
    };
    const hosts = [{ hostname: "127.0.0.1", port }];
    const dialer = {
      addr: tcp("127.0.0.1", port),
      dial: () => Deno.connect({ hostname: "127.0.0.1", port }),
    };
    for (const where of [{ port }, { hosts }, { dialer }]) {
      const socket = await connect(
        { ...where, proxyProtocol } as ConnectOptions,
      );
      assertEquals(await ask(socket, "x\n"), "192.0.2.8 proxy x");
    }
    for (const where of [{ port }, { hosts }, { dialer }]) {
      for (const bad of [true, { sourceAddr: tcp("x", 1) }]) {
        await assertRejects(
          () => connect({ ...where, proxyProtocol: bad } as ConnectOptions),
          TypeError,
        );
      }
    }
  },
);

Deno.test(
  "a header that comes a byte at a time is read, and delays no other client",
  TIMEOUT,
  async () => {
    await using told = tell();
    const { port } = told;
    await using slow = await connect({ port });
    for (const byte of headerOf("192.0.2.1")) {
      await slow.write(Uint8Array.of(byte));
      await slow.flush();
      const other = await connect({ port });
      const said = await ask(other, headerOf("192.0.2.2"), "x\n");
      assertEquals(said, "192.0.2.2 proxy x");
    }
    assertEquals(await ask(slow, "y\n"), "192.0.2.1 proxy y");
  },
);

Deno.test(
  "socket.proxy has what the header said, and LOCAL keeps the addresses",
  TIMEOUT,
  async () => {
    const proxies: unknown[] = [];
    await using server = serve(
      { port: 0, proxyProtocol: LOOPBACK },
      (socket) => proxies.push([socket.remoteAddr, socket.proxy]),
    );
    const { port } = server.addr;
    const inits = [
      {
        sourceAddr: tcp("2001:db8::1", 1),
        destinationAddr: tcp("2001:db8::2", 443),
        authority: "example.com",
        uniqueId: Uint8Array.of(1, 2),
      },
      { command: "local" },
      { version: 1 },
    ] as const;
    const own: Addr[] = [];
    for (const init of inits) {
      const socket = await connect({ port });
      own.push(socket.localAddr);
      await socket.write(encodeProxyHeader(init));
      assertEquals(await socket.read(), null);
      await socket.close();
    }
    const [[addr, proxied], local, unknown] = proxies as [
      Addr,
      Record<string, unknown>,
    ][];
    assertEquals(addr, tcp("2001:db8::1", 1));
    const { tlvs: _, ...said } = proxied;
    assertEquals(said, {
      version: 2,
      command: "proxy",
      peerAddr: own[0],
      destinationAddr: tcp("2001:db8::2", 443),
      authority: "example.com",
      uniqueId: Uint8Array.of(1, 2),
    });
    assertEquals(local, [own[1], {
      version: 2,
      command: "local",
      peerAddr: own[1],
    }]);
    assertEquals(unknown, [own[2], {
      version: 1,
      command: "unknown",
      peerAddr: own[2],
    }]);
  },
);

Deno.test(
  "what is no header ends in proxy-failed with its error, and the server goes on",
  TIMEOUT,
  async () => {
    const cases: [Uint8Array | string, new (...args: never[]) => Error][] = [
      ["GET / HTTP/1.1\r\n\r\n", MalformedFrameError],
      [headerOf("192.0.2.1").slice(0, 20), UnexpectedEofError],
      ["", UnexpectedEofError],
      [
        encodeProxyHeader({ authority: "x".repeat(5_000) }).slice(0, 16),
        FrameTooLargeError,
      ],
    ];
    for (const [sent, kind] of cases) {
      await using told = tell();
      const socket = await connect({ port: told.port });
      await socket.write(sent);
      await socket.closeWrite();
      await socket.read().catch(() => {});
      socket.abort();
      const { error, remoteAddr } = await told.event("proxy-failed");
      assertInstanceOf(error, kind);
      assertEquals(remoteAddr, socket.localAddr);
      const next = await connect({ port: told.port });
      const said = await ask(next, headerOf("192.0.2.3"), "x\n");
      assertEquals(said, "192.0.2.3 proxy x");
      assertEquals(told.server.stats.rejected, 1);
      assertEquals(told.server.stats.handshakes, 0);
    }
  },
);

Deno.test(
  "a header that never comes ends at its limit, and a shutdown cuts it",
  TIMEOUT,
  async () => {
    await using late = tell({
      proxyProtocol: { ...LOOPBACK, headerTimeoutMs: 20 },
    });
    await using silent = await connect({ port: late.port });
    const { error } = await late.event("proxy-failed");
    assertInstanceOf(error, TimeoutError);
    assertEquals(
      error.message,
      `Cannot read a PROXY header from ${
        formatAddress(silent.localAddr)
      } within 20 ms: the time limit passed`,
    );
    assertEquals(await silent.read().catch(() => null), null);

    await using told = tell();
    await using waiting = await connect({ port: told.port });
    while (told.server.stats.handshakes === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals(await told.server.shutdown(), {
      completed: 0,
      aborted: 0,
      handshakes: 1,
    });
    assertInstanceOf((await told.event("proxy-failed")).error, ClosedError);
    waiting.abort();
  },
);

Deno.test(
  "a peer that is no trusted proxy is refused, or served as it is and its header not looked at",
  TIMEOUT,
  async () => {
    const trustedProxies = ["192.0.2.0/24", "unix:"];
    await using refusing = tell({ proxyProtocol: { trustedProxies } });
    await using socket = await connect({ port: refusing.port });
    assertEquals((await refusing.event("rejected")).reason, "untrusted");
    assertEquals(await socket.read().catch(() => null), null);

    const proxyProtocol = { trustedProxies, untrusted: "direct" } as const;
    await using direct = tell({ proxyProtocol });
    const forger = await connect({ port: direct.port });
    const said = await ask(forger, headerOf("192.0.2.9", 1));
    assertStringIncludes(
      said ?? "",
      "127.0.0.1 undefined PROXY TCP4 192.0.2.9",
    );
  },
);

Deno.test(
  "allow, deny and the limits of an address go by the client's, and maxConnections counts before",
  TIMEOUT,
  async () => {
    await using told = tell({
      deny: ["198.51.100.0/24"],
      maxConnectionsPerAddress: 1,
    });
    const { port } = told;
    const denied = await connect({ port });
    assertEquals(
      await ask(denied, headerOf("198.51.100.7"), "x\n").catch(() => null),
      null,
    );
    const { reason, remoteAddr } = await told.event("rejected");
    assertEquals([reason, remoteAddr], ["denied", tcp("198.51.100.7", 50_000)]);

    const first = await connect({ port });
    await first.write(headerOf("192.0.2.1"));
    await told.event("accepted");
    told.events.length = 0;
    const second = await connect({ port });
    await second.write(headerOf("192.0.2.1"));
    assertEquals(
      (await told.event("rejected")).reason,
      "max-connections-per-address",
    );
    const other = await connect({ port });
    assertEquals(
      await ask(other, headerOf("192.0.2.2"), "x\n"),
      "192.0.2.2 proxy x",
    );
    assertEquals(await ask(first, "x\n"), "192.0.2.1 proxy x");
    while (told.server.stats.active > 0) {
      await new Promise((r) => setTimeout(r, 1));
    }
    // Its place is free again, and only its own.
    const third = await connect({ port });
    assertEquals(
      await ask(third, headerOf("192.0.2.1"), "x\n"),
      "192.0.2.1 proxy x",
    );
    second.abort();

    await using full = tell({ maxConnections: 1, onLimit: "reject" });
    await using silent = await connect({ port: full.port });
    while (full.server.stats.handshakes === 0) {
      await new Promise((r) => setTimeout(r, 1));
    }
    await using turnedAway = await connect({ port: full.port });
    assertEquals((await full.event("rejected")).reason, "max-connections");
    assertEquals(await turnedAway.read().catch(() => null), null);
    silent.abort();
  },
);

Deno.test(
  "TLS runs above the header, and can begin later",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const { cert, key } = await authority.issue();
    const tls = { caCerts: [authority.cert], serverName: "localhost" };
    await using told = tell({ tls: { cert, key } } as Partial<ServerOptions>);
    for (const version of [1, 2] as const) {
      const socket = await connect({ port: told.port });
      await socket.write(headerOf("192.0.2.5", version));
      await socket.startTls(tls);
      assertEquals(await ask(socket, "x\n"), "192.0.2.5 proxy x");
    }
    assertEquals(
      (await told.event("tls")).remoteAddr,
      tcp("192.0.2.5", 50_000),
    );

    await using later = serve(
      { port: 0, proxyProtocol: LOOPBACK },
      async (socket) => {
        assertEquals(await socket.readLine(), "STARTTLS");
        await socket.write("go\n");
        await socket.acceptTls({ cert, key });
        const { hostname } = socket.remoteAddr as Deno.NetAddr;
        await socket.write(`${hostname} ${socket.proxy?.version}\n`);
      },
    );
    const socket = await connect({ port: later.addr.port });
    assertEquals(
      await (socket.write(headerOf("192.0.2.6")),
        socket.write("STARTTLS\n"),
        socket.readLine()),
      "go",
    );
    await socket.startTls(tls);
    assertEquals(await socket.readLine(), "192.0.2.6 2");
    await socket.close();
  },
);

Deno.test('a Unix socket is trusted by "unix:" alone', {
  ...TIMEOUT,
  ignore: Deno.build.os === "windows",
}, async () => {
  const dir = await Deno.makeTempDir();
  try {
    const path = `${dir}/s`;
    for (const trustedProxies of [["unix:"], ["0.0.0.0/0", "::/0"]]) {
      await using _ = serve(
        { path, proxyProtocol: { trustedProxies }, onError: () => {} },
        (socket) =>
          socket.write(`${(socket.remoteAddr as Deno.NetAddr).hostname}\n`),
      );
      const socket = await connect({ path });
      await socket.write(headerOf("192.0.2.7")).catch(() => {});
      const line = await socket.readLine().catch(() => null);
      assertEquals(line, trustedProxies[0] === "unix:" ? "192.0.2.7" : null);
      socket.abort();
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test(
  "bytes behind the header are there for every way to read, and for a detached transport",
  TIMEOUT,
  async () => {
    const rest: string[] = [];
    await using server = serve(
      { port: 0, proxyProtocol: LOOPBACK },
      async (socket) => {
        const target = new Uint8Array(2);
        assertEquals(await socket.readInto(target), 2);
        rest.push(new TextDecoder().decode(target));
        const { transport, unread } = socket.detach();
        let text = new TextDecoder().decode(unread);
        const more = new Uint8Array(3);
        for (let n; (n = await transport.read(more)) !== null;) {
          text += new TextDecoder().decode(more.subarray(0, n));
        }
        rest.push(text);
        transport.close();
      },
    );
    const socket = await connect({ port: server.addr.port });
    const all = new Uint8Array([
      ...headerOf("192.0.2.1"),
      ...utf8.encode("abcdefgh"),
    ]);
    await socket.write(all);
    await socket.closeWrite();
    assertEquals(await socket.read().catch(() => null), null);
    await socket.close();
    await server.shutdown();
    assertEquals(rest, ["ab", "cdefgh"]);
  },
);

Deno.test(
  "a socket of what was detached with a read in flight knows what the header said",
  TIMEOUT,
  async () => {
    const detached = Promise.withResolvers<Socket>();
    await using server = serve(
      { port: 0, proxyProtocol: LOOPBACK },
      async (socket) => {
        await socket.read({ timeoutMs: 1 }).catch(() => {});
        detached.resolve(new Socket(socket.detach().transport));
      },
    );
    const socket = await connect({ port: server.addr.port });
    await socket.write(headerOf("192.0.2.1"));
    const again = await detached.promise;
    assertEquals(again.proxy?.version, 2);
    assertEquals(again.remoteAddr, tcp("192.0.2.1", 50_000));
    await socket.write("x");
    assertEquals(textOf(await again.read()), "x");
    await Promise.all([socket.close(), again.close()]);
  },
);

Deno.test("serve() refuses options of proxyProtocol that cannot hold", () => {
  const cases: [unknown, string][] = [
    [{}, "trustedProxies must be an array"],
    [
      { trustedProxies: [] },
      "trustedProxies must be an array with at least one",
    ],
    [{ trustedProxies: ["10.0.0.1/8"] }, "trustedProxies"],
    [{ trustedProxies: ["unix"] }, "trustedProxies"],
    [{ ...LOOPBACK, untrusted: "ignore" }, "untrusted must be"],
    [{ ...LOOPBACK, versions: [] }, "versions must be"],
    [{ ...LOOPBACK, versions: [3] }, "versions must be"],
    [{ ...LOOPBACK, headerTimeoutMs: 0 }, "headerTimeoutMs must be"],
    [{ ...LOOPBACK, maxHeaderBytes: 15 }, "maxHeaderBytes must be"],
    [{ ...LOOPBACK, timeoutMs: 1 }, "unknown option"],
    [true, "proxyProtocol must be an object"],
  ];
  for (const [proxyProtocol, why] of cases) {
    assertThrows(
      () =>
        serve(
          { port: 0, proxyProtocol: proxyProtocol as ProxyProtocolOptions },
          () => {},
        ),
      Error,
      why,
    );
  }
});

Deno.test("a bad certificate is refused before the port is taken", async () => {
  let port: number;
  {
    await using server = serve({ port: 0 }, () => {});
    port = server.addr.port;
  }
  const tls = { cert: "x", key: "y" };
  assertThrows(
    () => serve({ port, proxyProtocol: LOOPBACK, tls }, () => {}),
    TypeError,
    "cert",
  );
  await using _ = serve({ port }, () => {});
});

Deno.test(
  "a drain that begins as the header arrives leaves no handler behind that does not hear of it",
  TIMEOUT,
  async () => {
    for (let ticks = 0; ticks < 12; ticks++) {
      const localAddr = tcp("127.0.0.1", 1);
      const remoteAddr = tcp("127.0.0.1", 2);
      const asked = Promise.withResolvers<Uint8Array>();
      const came = Promise.withResolvers<number>();
      const transport = {
        localAddr,
        remoteAddr,
        read: (target: Uint8Array) => {
          asked.resolve(target);
          return came.promise;
        },
        write: ({ length }: Uint8Array) => Promise.resolve(length),
        closeWrite: () => Promise.resolve(),
        close: () => {},
      };
      const stopped = Promise.withResolvers<never>();
      let isFirst = true;
      const acceptor = {
        addr: localAddr,
        accept: () => {
          const accepted = isFirst
            ? Promise.resolve(transport)
            : stopped.promise;
          isFirst = false;
          return accepted;
        },
        close: () => stopped.reject(new Deno.errors.BadResource("closed")),
      };
      let [started, told] = [false, false];
      const server = serve({
        acceptor,
        proxyProtocol: LOOPBACK,
        maxConnectionAgeMs: 60_000,
      }, async (socket, { signal }) => {
        started = true;
        await using _ = { [Symbol.asyncDispose]: () => Promise.resolve() };
        if (!signal.aborted) {
          await new Promise((resolve) =>
            signal.addEventListener("abort", resolve)
          );
        }
        told = true;
        socket.abort();
      });
      const target = await asked.promise;
      const header = headerOf("192.0.2.1", 1);
      target.set(header);
      came.resolve(header.length);
      for (let i = 0; i < ticks; i++) await undefined;
      const { aborted } = await server.shutdown({ timeoutMs: 2_000 });
      assertEquals([aborted, told], [0, started], `after ${ticks} ticks`);
    }
  },
);

Deno.test("serve() refuses trusted proxies with holes", () => {
  assertThrows(
    () =>
      serve(
        { port: 0, proxyProtocol: { trustedProxies: new Array(1) } },
        () => {},
      ),
    TypeError,
    "each of trustedProxies must be an IP address",
  );
});

Deno.test("connect({ proxyProtocol }) refuses a transport that does not say what it wrote", async () => {
  for (const count of [0, -1, NaN, undefined, 1_000] as number[]) {
    let closed = false;
    const addr = { transport: "memory" as const, name: "odd" };
    const transport = {
      localAddr: addr,
      remoteAddr: addr,
      read: () => Promise.resolve(null),
      write: () => Promise.resolve(count),
      closeWrite: () => Promise.resolve(),
      close: () => {
        closed = true;
      },
    };
    const dialer = { addr, dial: () => Promise.resolve(transport) };
    await assertRejects(
      () => connect({ dialer, proxyProtocol: { command: "local" } }),
      BrokenError,
      "the transport must write",
    );
    assertEquals(closed, true);
  }
});
