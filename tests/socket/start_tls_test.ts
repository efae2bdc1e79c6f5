import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  type AcceptTlsOptions,
  BrokenError,
  BusyError,
  ClosedError,
  connect,
  framed,
  lines,
  serve,
  Socket,
  type StartTlsOptions,
  TimeoutError,
  TlsError,
} from "@sluice/net";
import {
  fakeClock,
  memoryPair,
  memoryTransportPair,
} from "@sluice/net/testing";
import { tcpConns, turn } from "../_support/sockets.ts";
import { createAuthority } from "../_support/certificates.ts";

const TIMEOUT = { timeout: 10_000 };

/**
 * A server that speaks TLS from the first byte, behind a proxy that first says a
 * plain line and waits for one: to its client that is STARTTLS.
 */
async function startTlsServer(greeting = "220 ready\n") {
  const authority = await createAuthority();
  const tls = await authority.issue();
  const inner = serve({ port: 0, tls }, async (socket) => {
    for await (const chunk of socket) await socket.write(chunk);
  });
  const outer = serve({ port: 0, onError: () => {} }, async (socket) => {
    await socket.write(greeting);
    await socket.readUntil("STARTTLS\n");
    const { port } = inner.addr;
    const upstream = await connect({ port });
    await Promise.all([
      socket.readable.pipeTo(upstream.writable),
      upstream.readable.pipeTo(socket.writable),
    ]).catch(() => {});
    upstream.abort();
  });
  return {
    port: outer.addr.port,
    caCerts: [authority.cert],
    async [Symbol.asyncDispose]() {
      await Promise.all([
        outer.shutdown({ timeoutMs: 500 }),
        inner.shutdown({ timeoutMs: 500 }),
      ]);
    },
  };
}

Deno.test(
  "startTls() goes on over TLS with the same peer, in the same socket",
  TIMEOUT,
  async () => {
    await using server = await startTlsServer();
    const socket = await connect({ port: server.port });
    const { signal, closed } = socket;
    assertEquals(await socket.readLine(), "220 ready");
    await socket.write("STARTTLS\n");
    const secure = await socket.startTls({ caCerts: server.caCerts });
    assertStrictEquals(secure, socket);
    await socket.write("over TLS\n");
    assertEquals(await socket.readLine(), "over TLS");
    assertEquals(socket.alpnProtocol, null);
    // The clear text and what was said over TLS, not what TLS made of it.
    const { bytesRead, bytesWritten } = socket.stats;
    assertEquals([bytesRead, bytesWritten], [19, 18]);
    assertEquals(signal.aborted, false);
    await socket.close();
    await closed;
    assert(signal.aborted);
  },
);

Deno.test(
  "startTls() refuses while plain text is unread, and keeps the socket",
  TIMEOUT,
  async () => {
    await using server = await startTlsServer("220 ready\ninjected\n");
    const plain = await connect({ port: server.port });
    assertEquals(await plain.readLine(), "220 ready");
    await plain.write("STARTTLS\n");
    const error = await assertRejects(
      () => plain.startTls({ caCerts: server.caCerts }),
      TlsError,
      "9 bytes",
    );
    assertEquals(error.reason, "plaintext");
    assertEquals(await plain.readLine(), "injected");
    plain.abort();
  },
);

Deno.test(
  "startTls() says what is wrong with a certificate of an unknown authority",
  TIMEOUT,
  async () => {
    await using server = await startTlsServer();
    const plain = await connect({ port: server.port });
    await plain.readLine();
    await plain.write("STARTTLS\n");
    const error = await assertRejects(() => plain.startTls(), TlsError);
    assertEquals(error.reason, "unknown-issuer");
    await plain.closed;
  },
);

Deno.test(
  "startTls() gives up at its limit when the peer is silent",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, (socket) => socket.closed);
    const plain = await connect({ port: server.addr.port });
    await assertRejects(
      () => plain.startTls({ timeoutMs: 50 }),
      Error,
      "50 ms",
    );
    await server.shutdown({ timeoutMs: 100 });
  },
);

Deno.test(
  "startTls() refuses while a read that was cut off is in flight",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, (socket) => socket.closed);
    const plain = await connect({ port: server.addr.port });
    await assertRejects(() => plain.read({ timeoutMs: 5 }));
    await assertRejects(() => plain.startTls(), BusyError, "in flight");
    plain.abort();
    await server.shutdown({ timeoutMs: 100 });
  },
);

/** Connected pairs of sockets over everything that TLS can be spoken over. */
const PAIRS: Record<string, () => Promise<[Socket, Socket]>> = {
  memory: () => Promise.resolve(memoryPair()),
  async TCP() {
    const [left, right] = await tcpConns();
    return [new Socket(left), new Socket(right)];
  },
  async Unix() {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/socket`;
    const listener = Deno.listen({ transport: "unix", path });
    const pair = await Promise.all([
      Deno.connect({ transport: "unix", path }),
      listener.accept(),
    ]);
    listener.close();
    await Deno.remove(folder, { recursive: true });
    return [new Socket(pair[0]), new Socket(pair[1])];
  },
  async TLS() {
    const pair = memoryPair();
    await upgrade(pair);
    return pair;
  },
};

async function upgrade([client, server]: [Socket, Socket]): Promise<void> {
  const authority = await createAuthority();
  const certificate = await authority.issue();
  await Promise.all([
    client.startTls({ caCerts: [authority.cert], serverName: "localhost" }),
    server.acceptTls(certificate),
  ]);
}

for (const [name, makePair] of Object.entries(PAIRS)) {
  Deno.test(
    `startTls() and acceptTls() work over ${name}`,
    TIMEOUT,
    async () => {
      const pair = await makePair();
      await upgrade(pair);
      const [client, server] = pair;
      const before = server.stats.bytesRead;
      const sent = new Uint8Array(300_000).fill(7);
      client.write(sent);
      assertEquals(await server.readExactly(sent.length), sent);
      await server.write("answer\n");
      assertEquals(await client.readLine(), "answer");
      assertEquals(server.stats.bytesRead - before, sent.length);
      await Promise.all([client.close(), server.close()]);
    },
  );

  Deno.test(
    `a bad option of startTls() or acceptTls() leaves a ${name} socket as it was`,
    TIMEOUT,
    async () => {
      const [client, server] = await makePair();
      const bad = [
        () => client.startTls({ caCerts: 5 as unknown as string[] }),
        () => client.startTls({ caCert: [] } as StartTlsOptions),
        () => client.startTls(null as unknown as StartTlsOptions),
        () => client.acceptTls(undefined as unknown as AcceptTlsOptions),
        () => client.acceptTls({ cert: "x" } as AcceptTlsOptions),
      ];
      for (const call of bad) await assertRejects(call, TypeError);
      await assertRejects(() => client.startTls({ timeoutMs: 0 }), RangeError);
      await client.write("still here\n");
      assertEquals(await server.readLine(), "still here");
      await Promise.all([client.close(), server.close()]);
    },
  );
}

Deno.test(
  "acceptTls() and startTls() turn both ends of a plain connection to TLS",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const certificate = await authority.issue();
    await using server = serve({ port: 0 }, async (plain) => {
      await plain.readUntil("STARTTLS\n");
      await plain.write("go ahead\n");
      const options = { ...certificate, alpnProtocols: ["echo"] };
      await using socket = await plain.acceptTls(options);
      for await (const chunk of socket) await socket.write(chunk);
    });
    const plain = await connect({ port: server.addr.port });
    await plain.write("STARTTLS\n");
    assertEquals(await plain.readLine(), "go ahead");
    const secure = await plain.startTls({
      caCerts: [authority.cert],
      alpnProtocols: ["echo"],
    });
    assertEquals(secure.alpnProtocol, "echo");
    assertEquals(secure.peerCertificate, null);
    await secure.write("over TLS\n");
    assertEquals(await secure.readLine(), "over TLS");
    await secure.close();
  },
);

Deno.test(
  "acceptTls() refuses what a client sent in the clear behind its STARTTLS",
  TIMEOUT,
  async () => {
    const certificate = await (await createAuthority()).issue();
    const [client, plain] = memoryPair();
    await client.write("STARTTLS\ninjected");
    await plain.readUntil("STARTTLS\n");
    const error = await assertRejects(
      () => plain.acceptTls(certificate),
      TlsError,
      "8 bytes",
    );
    assertEquals(error.reason, "plaintext");
    plain.abort();
    client.abort();
  },
);

Deno.test(
  "peerCertificate says who the client is, on a server that checks",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const tls = { ...await authority.issue(), clientCaCerts: [authority.cert] };
    const names: (string | undefined)[] = [];
    await using server = serve({ port: 0, tls }, async (socket) => {
      names.push(socket.peerCertificate?.subjectAltName);
      await socket.write("welcome\n");
    });
    const client = await connect({
      port: server.addr.port,
      tls: {
        caCerts: [authority.cert],
        ...await authority.issue({ names: ["client.example"] }),
      },
    });
    assertEquals(await client.readLine(), "welcome");
    await client.close();
    assertEquals(names, ["DNS:client.example"]);
  },
);

/** A client whose server never answers, in the middle of its handshake. */
async function stuckHandshake() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const accepted = listener.accept();
  const socket = await connect({ port });
  const conn = await accepted;
  listener.close();
  const upgrading = socket.startTls({ timeoutMs: 5_000 });
  upgrading.catch(() => {});
  // Its first bytes are there: the handshake is under way.
  await conn.read(new Uint8Array(1));
  return { socket, conn, upgrading, [Symbol.dispose]: () => conn.close() };
}

Deno.test(
  "reads and writes during a TLS handshake are a BusyError, and so is another one",
  TIMEOUT,
  async () => {
    using stuck = await stuckHandshake();
    const { socket, upgrading } = stuck;
    const calls = {
      read: () => socket.read(),
      readInto: () => socket.readInto(new Uint8Array(4)),
      readLine: () => socket.readLine(),
      peek: () => socket.peek(1),
      write: () => socket.write("in the clear?"),
      closeWrite: () => socket.closeWrite(),
      startTls: () => socket.startTls(),
      detach: () => Promise.try(() => socket.detach()),
      unread: () => Promise.try(() => socket.unread(new Uint8Array(1))),
      send: () => framed(socket, lines()).send("in the clear?"),
      receive: () => framed(socket, lines()).receive(),
    };
    for (const [name, call] of Object.entries(calls)) {
      await assertRejects(call, BusyError, "TLS", name);
    }
    await socket.flush();
    socket.abort();
    await assertRejects(() => upgrading, ClosedError);
  },
);

Deno.test(
  "abort() and close() end a TLS handshake",
  TIMEOUT,
  async () => {
    for (
      const end of [
        (socket: Socket) => void socket.abort(),
        (socket: Socket) => socket.close(),
        (socket: Socket) => socket.close({ timeoutMs: 1_000 }),
        (socket: Socket) => socket[Symbol.asyncDispose](),
      ]
    ) {
      using stuck = await stuckHandshake();
      const { socket, upgrading } = stuck;
      await end(socket);
      await assertRejects(() => upgrading, ClosedError);
      await socket.closed;
      await assertRejects(() => socket.read(), ClosedError);
      await assertRejects(() => socket.write("x"), ClosedError);
    }
  },
);

Deno.test(
  "startTls() that fails breaks the socket with its error",
  TIMEOUT,
  async () => {
    await using server = await startTlsServer();
    const socket = await connect({ port: server.port });
    await socket.readLine();
    await socket.write("STARTTLS\n");
    const error = await assertRejects(() => socket.startTls(), TlsError);
    assertStrictEquals(await outcome(socket.read()), error);
    assertStrictEquals(await outcome(socket.write("x")), error);
    assertStrictEquals(socket.signal.reason, error);
    // Nothing that was written is lost.
    await socket.close();
  },
);

const outcome = (promise: Promise<unknown>) => promise.catch((error) => error);

Deno.test(
  "limits, counters and a framing live on after acceptTls() and startTls()",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const certificate = await authority.issue();
    const ended = Promise.withResolvers<unknown>();
    await using server = serve(
      { port: 0, onError: () => {} },
      async (socket) => {
        const connection = framed(socket, lines());
        socket.setTimeouts({ readMs: 500 });
        assertEquals(await connection.receive(), "STARTTLS");
        await connection.send("go ahead");
        await socket.acceptTls(certificate);
        assertEquals(await connection.receive(), "over TLS");
        await connection.send("yes");
        ended.resolve(await outcome(connection.receive()));
      },
    );
    await using socket = await connect({
      port: server.addr.port,
      readMs: 10_000,
    });
    const connection = framed(socket, lines());
    await connection.send("STARTTLS");
    assertEquals(await connection.receive(), "go ahead");
    await socket.startTls({ caCerts: [authority.cert] });
    await connection.send("over TLS");
    assertEquals(await connection.receive(), "yes");
    const { bytesRead, bytesWritten } = socket.stats;
    assertEquals([bytesRead, bytesWritten], [13, 18]);
    assertInstanceOf(await ended.promise, TimeoutError);
    // The server counts what its client said, before and after.
    assertEquals(server.stats.bytesRead, 18);
  },
);

Deno.test(
  "timeoutMs of acceptTls() counts once, for what is sent in the clear and the handshake",
  TIMEOUT,
  async () => {
    const certificate = await (await createAuthority()).issue();
    using clock = fakeClock();
    const [client, socket] = memoryPair({ highWaterMarkBytes: 10 });
    socket.write("x".repeat(20));
    const upgrading = outcome(
      socket.acceptTls({ ...certificate, timeoutMs: 100 }),
    );
    await clock.advance(60);
    await client.readExactly(20);
    await clock.advance(60);
    const error = await upgrading;
    assertInstanceOf(error, TimeoutError);
    assertEquals([error.operation, error.timeoutMs], ["start TLS", 100]);
    assertEquals(error.remoteAddr, socket.remoteAddr);
    assertMatch(
      error.message,
      /^Cannot start TLS with memory:\S+ within 100 ms: the handshake did not end$/,
    );
    await socket.closed;
    client.abort();
  },
);

Deno.test(
  "acceptTls() that is cut off before its handshake leaves the socket as it was",
  TIMEOUT,
  async () => {
    const certificate = await (await createAuthority()).issue();
    const [client, socket] = memoryPair({ highWaterMarkBytes: 10 });
    socket.write("x".repeat(20));
    await assertRejects(
      () => socket.acceptTls({ ...certificate, timeoutMs: 5 }),
      TimeoutError,
      "within 5 ms: what was written before could not be sent",
    );
    await client.readExactly(20);
    await socket.write("clear");
    assertEquals((await client.readExactly(5)).length, 5);
    await client.write("answer\n");
    assertEquals(await socket.readLine(), "answer");
    client.abort();
    socket.abort();
  },
);

Deno.test(
  "a throttled socket is throttled over TLS as well",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const certificate = await authority.issue();
    await using server = serve({ port: 0 }, async (socket) => {
      await socket.readLine();
      await socket.write("go ahead\n");
      await socket.acceptTls(certificate);
      for await (const chunk of socket) await socket.write(chunk);
    });
    await using socket = await connect({
      port: server.addr.port,
      maxWriteBytesPerSecond: 100_000,
    });
    await socket.write("STARTTLS\n");
    await socket.readLine();
    await socket.startTls({ caCerts: [authority.cert] });
    const start = performance.now();
    socket.write(new Uint8Array(12_500));
    await socket.readExactly(12_500);
    // A burst is 25 ms, the rest takes 100 ms.
    assert(performance.now() - start > 60);
  },
);

Deno.test(
  "an upgrade that a peer resets is the peer's doing",
  TIMEOUT,
  async () => {
    const { socket, conn, upgrading } = await stuckHandshake();
    conn.close();
    const error = await outcome(upgrading);
    assert(error instanceof BrokenError || error instanceof TlsError);
    assertStrictEquals(await outcome(socket.read()), error);
  },
);

/** What a transport of the user's may do instead of what it should. */
const ODD_CALLS: Record<string, () => unknown> = {
  "throws": () => {
    throw new Error("not today");
  },
  "rejects": () => Promise.reject(new Error("not today")),
  "rejects with nothing": () => Promise.reject(undefined),
  "gives undefined": () => Promise.resolve(undefined),
  "gives no promise": () => 0,
  "gives 0": () => Promise.resolve(0),
  "gives NaN": () => Promise.resolve(NaN),
  "gives -1": () => Promise.resolve(-1),
  "gives too much": () => Promise.resolve(2 ** 40),
  "gives a bigint": () => Promise.resolve(1n),
  "gives a symbol": () => Promise.resolve(Symbol("a count")),
};

for (const method of ["read", "write"] as const) {
  Deno.test(
    `TLS over a transport whose ${method} is odd ends in one BrokenError`,
    TIMEOUT,
    async () => {
      const authority = await createAuthority();
      const tls = await authority.issue();
      const trust = { caCerts: [authority.cert], serverName: "localhost" };
      for (const when of ["in the handshake", "behind it"]) {
        for (const [what, odd] of Object.entries(ODD_CALLS)) {
          const name = `${method} ${what}, ${when}`;
          const [near, far] = memoryTransportPair();
          let isOdd = when === "in the handshake";
          const good = near[method].bind(near);
          near[method] = (bytes: Uint8Array) =>
            (isOdd ? odd() : good(bytes)) as Promise<number>;
          // A transport that fails without an end is closed by its socket alone.
          const [left, right] = [new Socket(near), new Socket(far)];
          const accepting = right.acceptTls(tls);
          accepting.catch(() => {});
          const starting = left.startTls({ ...trust, timeoutMs: 5_000 });
          if (isOdd) {
            const error = await assertRejects(
              () => starting,
              BrokenError,
              undefined,
              name,
            );
            assertStrictEquals(await outcome(left.read()), error, name);
          } else {
            await Promise.all([starting, accepting]);
            isOdd = true;
            if (method === "read") right.write("x").catch(() => {});
            const call = method === "read"
              ? left.read({ timeoutMs: 5_000 })
              : left.write("x").then(() => left.flush({ timeoutMs: 5_000 }));
            await assertRejects(() => call, BrokenError, undefined, name);
          }
          left.abort();
          right.abort();
        }
      }
    },
  );
}

Deno.test("close() during startTls says that written bytes were lost", async () => {
  const [client] = memoryPair();
  client.write(new Uint8Array(1_000_000));
  const starting = client.startTls();
  starting.catch(() => {});
  await assertRejects(() => client.close(), ClosedError);
  await assertRejects(() => starting, ClosedError);
});

Deno.test(
  "close() over TLS is an end for the peer, however little room there is below",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const tls = await authority.issue();
    const caCerts = [authority.cert];
    for (const highWaterMarkBytes of [5, 24, 25]) {
      for (const isServer of [false, true]) {
        const [left, right] = memoryTransportPair({ highWaterMarkBytes });
        const [server, client] = [new Socket(left), new Socket(right)];
        const starting = client.startTls({ caCerts });
        await Promise.all([server.acceptTls(tls), starting]);
        const [closing, peer] = isServer ? [server, client] : [client, server];
        // So that the last word is all that is left to send.
        const ending = peer.closeWrite();
        assertEquals(await closing.read(), null);
        await ending;
        void closing.write(new Uint8Array(100));
        const closed = closing.close();
        let received = 0;
        for await (const chunk of peer) received += chunk.length;
        assertEquals(received, 100);
        await Promise.all([closed, peer.close()]);
      }
    }
  },
);

Deno.test(
  "closeWrite() over TLS waits until there is room for its last word",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const tls = await authority.issue();
    const [left, right] = memoryTransportPair({ highWaterMarkBytes: 5 });
    const [server, client] = [new Socket(left), new Socket(right)];
    const starting = client.startTls({ caCerts: [authority.cert] });
    await Promise.all([server.acceptTls(tls), starting]);
    let ended = false;
    const ending = client.closeWrite().then(() => ended = true);
    for (let i = 0; i < 10; i++) await turn();
    assertEquals(ended, false);
    assertEquals(await server.read(), null);
    await ending;
    server.abort();
    client.abort();
  },
);

Deno.test(
  "idleMs that is set during a handshake counts from its end",
  TIMEOUT,
  async () => {
    const tls = await (await createAuthority()).issue();
    using clock = fakeClock();
    const [server, client] = memoryPair();
    const accepting = server.acceptTls({ ...tls, timeoutMs: 60_000 });
    // The handshake begins in a later turn, with code that is loaded.
    await turn();
    server.setTimeouts({ idleMs: 1_000 });
    await clock.advance(5_000);
    assertEquals(server.signal.aborted, false);
    const starting = client.startTls({
      dangerouslySkipChainCheck: true,
      verify: () => {},
    });
    await Promise.all([accepting, starting]);
    await clock.advance(900);
    assertEquals(server.signal.aborted, false);
    await clock.advance(500);
    assertInstanceOf(server.signal.reason, TimeoutError);
    client.abort();
  },
);
