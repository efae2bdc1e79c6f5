import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { BrokenError, TimeoutError } from "../../lib/errors.ts";
import { connect, type ConnectOptions } from "../../lib/socket/connect.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";
import { outcome, textOf, TIMEOUT } from "../_support/sockets.ts";

/** A port that nobody listens on. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("connect() gives a socket to whoever listens", TIMEOUT, async () => {
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

Deno.test("connect() says that nobody listens", TIMEOUT, async () => {
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
    [{ port: 80, timeoutMs: 0 }, RangeError, "timeoutMs"],
    [{ port: 80, timeoutMs: "1" }, TypeError, "timeoutMs"],
    [{ port: 80, idleMs: -1 }, RangeError, "idleMs"],
    [{ port: 80, maxBufferBytes: "1" }, TypeError, "maxBufferBytes"],
    [{ port: 80, retry: { attempts: 0 } }, RangeError, "attempts"],
    [{ port: 80, retry: { factor: 0.5 } }, RangeError, "factor"],
  ];
  for (const [options, kind, name] of bad) {
    const error = await assertRejects(
      () => connect(options as ConnectOptions),
      kind,
    );
    const text = new RegExp(
      `^Cannot (connect|retry)(:| as) ${name} must be .*(, got|: current value is) .+`,
    );
    assert(text.test(error.message), error.message);
  }
});
