import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import type { Addr } from "../../lib/addr.ts";
import { BrokenError, TimeoutError, TlsError } from "../../lib/errors.ts";
import { serve } from "../../lib/server/serve.ts";
import { connect, type ConnectOptions } from "../../lib/socket/connect.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { describeDial } from "../../lib/transport/dial.ts";
import type { Dialer, Transport } from "../../lib/transport/options.ts";
import { createAuthority } from "../_support/certificates.ts";
import { freePort } from "../_support/free_port.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";
import { outcome, textOf, TIMEOUT } from "../_support/sockets.ts";

Deno.test("connect() connects to what listens", TIMEOUT, async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const [socket, conn] = await Promise.all([
    connect({ port, idleMs: 60_000 }),
    listener.accept(),
  ]);
  assertEquals(socket.remoteAddr, {
    transport: "tcp",
    hostname: "127.0.0.1",
    port,
  });
  assertEquals(socket.localAddr, conn.remoteAddr);
  await conn.write(new TextEncoder().encode("hello"));
  assertEquals(textOf(await socket.readExactly(5)), "hello");
  conn.close();
  assertEquals(await socket.read(), null);
  socket.abort();
});

Deno.test("connect() gives the socket its options", TIMEOUT, async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  using socket = await connect({ port, readMs: 5, maxBufferBytes: 9 });
  await assertRejects(() => socket.read(), TimeoutError, "within 5 ms");
  await assertRejects(() => socket.readExactly(10), RangeError, "from 0 to 9");
  (await listener.accept()).close();
});

Deno.test("connect() says that nothing is listening", TIMEOUT, async () => {
  const port = freePort();
  const error = await assertRejects(() => connect({ port }), BrokenError);
  assertEquals([error.reason, error.operation], ["refused", "connect"]);
  assert(error.message.startsWith(`Cannot connect to 127.0.0.1:${port}`));
  assert(error.cause instanceof Deno.errors.ConnectionRefused);
});

Deno.test("connect() says that a Unix path does not exist", {
  ...TIMEOUT,
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/nobody.sock`;
  const error = await assertRejects(() => connect({ path }), BrokenError);
  assertEquals(error.reason, "not-found");
  await Deno.remove(folder);
});

/** A listener with a full backlog: to connect to it takes for ever. */
const FULL_BACKLOG = `
import socket, sys
listener = socket.create_server(("127.0.0.1", 0), backlog=0)
port = listener.getsockname()[1]
fill = []
for _ in range(4):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    fill.append(client)
print(port, flush=True)
sys.stdin.read()
`;

const BLACK_HOLE = {
  ...TIMEOUT,
  ignore: lacksPrograms("python3") || Deno.build.os !== "linux",
};

Deno.test(
  "connect() gives up on a silent network after timeoutMs",
  BLACK_HOLE,
  async () => {
    await using full = start("python3", ["-c", FULL_BACKLOG]);
    const port = Number(await full.line());
    const before = performance.now();
    const error = await assertRejects(
      () => connect({ port, timeoutMs: 40 }),
      TimeoutError,
    );
    assert(performance.now() - before >= 40);
    assertEquals([error.operation, error.timeoutMs], ["connect", 40]);
  },
);

Deno.test(
  "connect() gives up when its signal aborts, whatever it waits for",
  BLACK_HOLE,
  async () => {
    await using full = start("python3", ["-c", FULL_BACKLOG]);
    const port = Number(await full.line());
    const controller = new AbortController();
    const { signal } = controller;
    const dialling = outcome(connect({ port, signal }));
    const reason = { any: "thing" };
    controller.abort(reason);
    assertStrictEquals(await dialling, reason);
    // Also in the pause between two attempts.
    const later = new AbortController();
    const retrying = outcome(connect({
      port: freePort(),
      signal: later.signal,
      retry: { minDelayMs: 60_000, onRetry: () => later.abort(reason) },
    }));
    assertStrictEquals(await retrying, reason);
  },
);

Deno.test("connect() checks its signal first", async () => {
  const signal = AbortSignal.abort("before");
  assertEquals(await outcome(connect({ port: 9, signal })), "before");
});

Deno.test(
  "connect() tries again until the server is there",
  TIMEOUT,
  async () => {
    const port = freePort();
    let listener: Deno.TcpListener | undefined;
    const failures: unknown[] = [];
    const socket = await connect({
      port,
      retry: {
        attempts: 10,
        minDelayMs: 1,
        onRetry: ({ attempt, error }) => {
          failures.push((error as BrokenError).reason);
          if (attempt === 3) {
            listener = Deno.listen({ hostname: "127.0.0.1", port });
          }
        },
      },
    });
    assertEquals(failures, ["refused", "refused", "refused"]);
    (await listener!.accept()).close();
    listener!.close();
    socket.abort();
  },
);

Deno.test(
  "connect() gives up after its attempts, with the last failure",
  TIMEOUT,
  async () => {
    const port = freePort();
    let retries = 0;
    const retry = { attempts: 3, minDelayMs: 0, onRetry: () => void retries++ };
    await assertRejects(() => connect({ port, retry }), BrokenError);
    assertEquals(retries, 2);
    // One attempt is all there is by default.
    await assertRejects(() => connect({ port }), BrokenError);
  },
);

Deno.test(
  "connect() does not repeat what would fail again",
  TIMEOUT,
  async () => {
    let retries = 0;
    const retry = { minDelayMs: 0, onRetry: () => void retries++ };
    await assertRejects(() => connect({ port: 0, retry }), RangeError);
    await assertRejects(
      () => connect({ hostname: "not a name", port: 80, retry }),
      Error,
    );
    assertEquals(retries, 0);
  },
);

Deno.test(
  "connect() retries what its caller says is worth it",
  TIMEOUT,
  async () => {
    const port = freePort();
    let asked = 0;
    const retry = { minDelayMs: 0, retryIf: () => ++asked < 2 };
    await assertRejects(() => connect({ port, retry }), BrokenError);
    assertEquals(asked, 2);
  },
);

Deno.test("connect() names a bad option", async () => {
  // deno-lint-ignore no-explicit-any -- what a caller without types may do
  const bad: [any, typeof RangeError | typeof TypeError, string][] = [
    [undefined, TypeError, "options"],
    ["127.0.0.1:80", TypeError, "options"],
    [{}, TypeError, "port"],
    [{ port: 0 }, RangeError, "port"],
    [{ port: 65_536 }, RangeError, "port"],
    [{ port: 1.5 }, RangeError, "port"],
    [{ port: "80" }, TypeError, "port"],
    [{ port: 80, hostname: 7 }, TypeError, "hostname"],
    [{ port: 80, noDelay: "yes" }, TypeError, "noDelay"],
    [{ port: 80, keepAlive: 1 }, TypeError, "keepAlive"],
    [{ port: 80, tls: "yes" }, TypeError, "tls"],
    [{ path: 5 }, TypeError, "path"],
    [{ path: "/a", port: 80 }, TypeError, "port"],
    [{ port: 80, signal: {} }, TypeError, "signal"],
    [{ port: 80, timeoutMs: 0 }, RangeError, "timeoutMs"],
    [{ port: 80, timeoutMs: "3" }, TypeError, "timeoutMs"],
    [{ port: 80, idleMs: -1 }, RangeError, "idleMs"],
    [{ port: 80, maxBufferBytes: "1" }, TypeError, "maxBufferBytes"],
    [{ port: 80, retry: 3 }, TypeError, "retry"],
    [{ port: 80, retry: { attempts: 0 } }, RangeError, "attempts"],
    [{ port: 80, retry: { factor: 0.5 } }, RangeError, "factor"],
    [{ port: 80, retry: { timeoutMs: 0 } }, RangeError, "timeoutMs"],
    [
      { port: 80, retry: { attemptTimeoutMs: 0 } },
      RangeError,
      "attemptTimeoutMs",
    ],
    [{ port: 80, retry: { jitter: 2 } }, RangeError, "jitter"],
  ];
  for (const [options, kind, name] of bad) {
    const error = await assertRejects(
      () => connect(options as ConnectOptions),
      kind,
    );
    const text = new RegExp(
      `^Cannot connect: ${name} must be .*, got .+`,
    );
    assert(text.test(error.message), error.message);
  }
  const quoted = { port: 80, timeoutMs: "3" as unknown as number };
  await assertRejects(() => connect(quoted), TypeError, 'got "3"');
});

Deno.test("connect() refuses names that it does not know", async () => {
  const names: [string, string][] = [
    ["host", 'unknown option "host", did you mean hostname?'],
    ["timeoutMS", 'unknown option "timeoutMS", did you mean timeoutMs?'],
    ["idleTimeoutMs", 'unknown option "idleTimeoutMs", did you mean'],
    ["maxConnections", 'unknown option "maxConnections", '],
    ["mode", 'unknown option "mode", '],
    ["acceptor", 'unknown option "acceptor", '],
    ["xyz", 'unknown option "xyz", known are '],
  ];
  for (const [name, text] of names) {
    const options = { port: 80, [name]: 1 } as unknown as ConnectOptions;
    await assertRejects(() => connect(options), TypeError, text);
    // Once is as good as always.
    await assertRejects(() => connect(options), TypeError, text);
  }
});

/** Addresses of a dialer that is no place. */
const addr = { transport: "memory" as const, name: "nowhere" };

/** A dialer whose attempts are answered by hand. */
function manualDialer() {
  const attempts: PromiseWithResolvers<Transport>[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  let begun = Promise.withResolvers<void>();
  const dialer: Dialer = {
    addr,
    dial(_target, { signal }) {
      const attempt = Promise.withResolvers<Transport>();
      attempts.push(attempt);
      signals.push(signal);
      begun.resolve();
      begun = Promise.withResolvers();
      return attempt.promise;
    },
  };
  return { dialer, attempts, signals, next: () => begun.promise };
}

Deno.test("connect() has a deadline", TIMEOUT, async () => {
  const { dialer, signals } = manualDialer();
  using deadline = Deadline.after(20);
  const error = await assertRejects(
    () => connect({ dialer, deadline, timeoutMs: 60_000 }),
    TimeoutError,
  );
  assertEquals([error.operation, error.timeoutMs], ["connect", 20]);
  assertEquals(signals[0]?.aborted, true);
  assertStrictEquals(
    await outcome(connect({ dialer, deadline })).then((late) =>
      late instanceof TimeoutError
    ),
    true,
  );
  assertEquals(signals.length, 1);
});

Deno.test(
  "the limits of connect() hold for all attempts together",
  TIMEOUT,
  async () => {
    const refusing: Dialer = {
      addr,
      dial: () => Promise.reject(new Deno.errors.ConnectionRefused("No")),
    };
    const endless = { attempts: Infinity, minDelayMs: 1, maxDelayMs: 5 };
    using deadline = Deadline.after(30);
    const forms: [ConnectOptions, number][] = [
      [{ dialer: refusing, timeoutMs: 30, retry: endless }, 30],
      [{ dialer: refusing, deadline, retry: endless }, 30],
      [{ dialer: refusing, retry: { ...endless, timeoutMs: 30 } }, 30],
      [{
        dialer: refusing,
        timeoutMs: 60_000,
        retry: { ...endless, timeoutMs: 20 },
      }, 20],
    ];
    for (const [options, timeoutMs] of forms) {
      const error = await assertRejects(() => connect(options), TimeoutError);
      assertEquals([error.operation, error.timeoutMs], ["connect", timeoutMs]);
    }
  },
);

Deno.test(
  "a limit that ends an attempt of connect() ends all of it",
  TIMEOUT,
  async () => {
    let retries = 0;
    const retry = { minDelayMs: 0, onRetry: () => void retries++ };
    // The attempt itself waits when the outer limit comes.
    for (
      const limits of [{ timeoutMs: 20 }, {
        retry: { ...retry, timeoutMs: 20 },
      }]
    ) {
      const { dialer, attempts } = manualDialer();
      await assertRejects(
        () => connect({ dialer, retry, ...limits }),
        TimeoutError,
        "within 20 ms",
      );
      assertEquals([attempts.length, retries], [1, 0]);
    }
  },
);

Deno.test(
  "attemptTimeoutMs makes room for another attempt",
  TIMEOUT,
  async () => {
    const { dialer, attempts, next } = manualDialer();
    const errors: unknown[] = [];
    const connecting = connect({
      dialer,
      retry: {
        attemptTimeoutMs: 10,
        minDelayMs: 0,
        onRetry: ({ error }) => errors.push(error),
      },
    });
    await next();
    const [near, far] = memoryTransportPair();
    attempts[1].resolve(near);
    const socket = await connecting;
    assertEquals(errors.length, 1);
    assert(errors[0] instanceof TimeoutError);
    socket.abort();
    far.close();
    // The first one comes late, and is closed.
    const [late, peer] = memoryTransportPair();
    attempts[0].resolve(late);
    assertEquals(await peer.read(new Uint8Array(1)), null);
    peer.close();
  },
);

Deno.test(
  "the signal of connect()'s retry reaches the dial, and nothing is left open",
  TIMEOUT,
  async () => {
    const reason = new Error("changed my mind");
    for (const which of ["retry", "own"]) {
      const { dialer, attempts, signals } = manualDialer();
      const controller = new AbortController();
      const { signal } = controller;
      const connecting = outcome(connect(
        which === "own"
          ? { dialer, signal, retry: { signal: new AbortController().signal } }
          : { dialer, signal: new AbortController().signal, retry: { signal } },
      ));
      while (signals.length === 0) await Promise.resolve();
      controller.abort(reason);
      assertStrictEquals(await connecting, reason);
      assertEquals(signals[0]?.aborted, true);
      const [late, peer] = memoryTransportPair();
      attempts[0].resolve(late);
      assertEquals(await peer.read(new Uint8Array(1)), null);
      peer.close();
    }
  },
);

Deno.test(
  "connect() gives a connection or closes it, however close the abort is",
  TIMEOUT,
  async () => {
    const reason = new Error("changed my mind");
    let [given, closed] = [0, 0];
    // Any number of turns between the connection and the abort.
    for (let turns = 0; turns < 40; turns++) {
      for (const retry of [undefined, {}]) {
        const { dialer, attempts } = manualDialer();
        const controller = new AbortController();
        const connecting = connect({
          dialer,
          signal: controller.signal,
          retry,
        }).then((socket) => {
          given++;
          socket.abort();
        }, (error) => {
          closed++;
          assertStrictEquals(error, reason);
        });
        while (attempts.length === 0) await Promise.resolve();
        const [near, far] = memoryTransportPair();
        attempts[0].resolve(near);
        for (let i = 0; i < turns; i++) await Promise.resolve();
        controller.abort(reason);
        await connecting;
        assertEquals(await far.read(new Uint8Array(1)), null);
        far.close();
      }
    }
    assert(given > 0 && closed > 0, `${given} given, ${closed} closed`);
  },
);

Deno.test("connect() takes the address of a server", TIMEOUT, async () => {
  await using server = serve({ port: 0 }, (socket) => socket.write("hi\n"));
  await using socket = await connect(server.addr);
  assertEquals(await socket.readLine(), "hi");
});

Deno.test("connect() and serve() speak TLS over a Unix socket", {
  ...TIMEOUT,
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/a.sock`;
  const authority = await createAuthority();
  {
    const tls = await authority.issue();
    await using server = serve({ path, tls }, async (socket) => {
      for await (const chunk of socket) await socket.write(chunk);
    });
    await using socket = await connect({
      path: server.addr.path,
      tls: { caCerts: [authority.cert] },
    });
    await socket.write("hello\n");
    assertEquals(await socket.readLine(), "hello");

    // Not a plain byte passes.
    await using plain = await connect(server.addr);
    await plain.write("hello there, in the clear\n");
    const answer = await outcome(plain.readLine());
    assert(answer !== "hello there, in the clear", String(answer));
    const untrusted = await assertRejects(
      () => connect({ path, tls: true }),
      TlsError,
    );
    assertEquals(untrusted.reason, "unknown-issuer");
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test(
  "a limit of connect() says where it was connecting to, and what did not end",
  TIMEOUT,
  async () => {
    const dialer: Dialer = {
      addr: { transport: "memory", name: "proxy" },
      dial: (_target, { signal }) =>
        new Promise((_, reject) => {
          signal!.addEventListener("abort", () => reject(signal!.reason));
        }),
    };
    // Nothing is accepted, and so no handshake answered, nor what is behind the buffers read.
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = silent.addr;
    const retry = { minDelayMs: 10_000 };
    const deadline = Deadline.after(0);
    const unread: Transport = memoryTransportPair()[0];
    const full = { ...dialer, dial: () => Promise.resolve(unread) };
    unread.write = () => new Promise(() => {});
    const header = { sourceAddr: silent.addr, destinationAddr: silent.addr };
    const cases: [ConnectOptions, string, Addr?][] = [
      [
        { dialer },
        "memory:proxy within 20 ms: the dialer made no connection",
        dialer.addr,
      ],
      [
        { dialer, hostname: "a.test", port: 80 },
        "a.test:80 within 20 ms: the dialer made no connection through memory:proxy",
      ],
      [
        { dialer: full, hostname: "a.test", port: 80, proxyProtocol: header },
        "a.test:80 within 20 ms: the PROXY header could not be sent",
      ],
      [
        { port, tls: true },
        `127.0.0.1:${port} within 20 ms: the TLS handshake did not end`,
        silent.addr,
      ],
      [
        { port, tls: { verify: () => {} } },
        `127.0.0.1:${port} within 20 ms: the TLS handshake did not end`,
      ],
      [
        { port: 9, deadline },
        "127.0.0.1:9 within 0 ms: the time limit passed",
      ],
      [
        { dialer, retry },
        "memory:proxy within 20 ms: no attempt succeeded",
      ],
      [
        { dialer, hosts: [{ port: 9 }] },
        "127.0.0.1:9 within 20 ms: no connection to 127.0.0.1:9",
      ],
    ];
    for (const [options, text, remoteAddr] of cases) {
      const error = await assertRejects(
        () => connect({ ...options, timeoutMs: 20 }),
        TimeoutError,
      );
      assertEquals(error.message, `Cannot connect to ${text}`);
      assertEquals(error.operation, "connect");
      if (remoteAddr !== undefined) assertEquals(error.remoteAddr, remoteAddr);
    }
    const broken = {
      get transport() {
        throw new Error("It cannot be looked at");
      },
    };
    for (const addr of [undefined, null, 5, {}, broken]) {
      const odd = { ...dialer, addr: addr as unknown as Addr };
      for (const more of [{}, { hostname: "a.test", port: 80 }]) {
        await assertRejects(
          () => connect({ dialer: odd, timeoutMs: 5, ...more }),
          TimeoutError,
          "within 5 ms",
        );
      }
    }
    for (
      const [options, text] of [
        [{ port: 9 }, "it does not answer"],
        [{ path: "/run/x" }, "it does not answer"],
        [
          { hostname: "a.test", port: 9 },
          "it does not answer, or its name server does not",
        ],
      ] as const
    ) {
      assertEquals(describeDial(options, {}).waitedFor, text);
    }
  },
);
