import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BrokenError, BusyError, TimeoutError } from "../../lib/errors.ts";
import { listen } from "../../lib/server/listen.ts";
import { connect } from "../../lib/socket/connect.ts";
import { isSettled, textOf, TIMEOUT, turn } from "../_support/sockets.ts";
import { dial, resetAtOnce } from "./_clients.ts";

Deno.test("listen() hands out a socket for every client", TIMEOUT, async () => {
  using listener = listen({ port: 0 });
  assertEquals(listener.addr.hostname, "127.0.0.1");
  assert(listener.addr.port > 0);
  const clients = await Promise.all([1, 2, 3].map(() => dial(listener)));
  let count = 0;
  for await (const socket of listener) {
    using accepted = socket;
    await accepted.write(`you are client ${++count}\n`);
    await accepted.flush();
    if (count === 3) break;
  }
  const lines = await Promise.all(clients.map((client) => client.readLine()));
  assertEquals(lines.sort(), [
    "you are client 1",
    "you are client 2",
    "you are client 3",
  ]);
  for (const client of clients) client.abort();
});

Deno.test(
  "break leaves the listener open, and the next loop goes on",
  TIMEOUT,
  async () => {
    using listener = listen({ port: 0 });
    for (let i = 0; i < 2; i++) {
      using client = await dial(listener);
      for await (const socket of listener) {
        using accepted = socket;
        assertEquals(accepted.remoteAddr, client.localAddr);
        break;
      }
    }
  },
);

Deno.test("listen() goes on after clients that reset in the backlog", {
  ...TIMEOUT,
}, async () => {
  using listener = listen({ port: 0 });
  // There is no accept meanwhile: all of them are in the backlog.
  await resetAtOnce(listener.addr.port, 20);
  using client = await dial(listener);
  await client.write("hello\n");
  for await (const socket of listener) {
    using accepted = socket;
    // Some systems accept what was reset, and tell by the first read.
    const line = await accepted.readLine().catch(() => null);
    if (line === null) continue;
    assertEquals(line, "hello");
    break;
  }
});

Deno.test(
  "close() ends the loop and frees the port at once",
  TIMEOUT,
  async () => {
    for (let i = 0; i < 5; i++) {
      const listener = listen({ port: 0 });
      const port = listener.addr.port;
      const looping = (async () => {
        for await (const socket of listener) socket.abort();
      })();
      await turn();
      await listener.close();
      using again = listen({ port });
      assertEquals(again.addr.port, port);
      await looping;
      assertEquals(await listener.accept(), null);
      await listener.close();
    }
  },
);

Deno.test(
  "close() leaves the sockets that were handed out",
  TIMEOUT,
  async () => {
    const listener = listen({ port: 0 });
    using client = await dial(listener);
    using socket = (await listener.accept())!;
    await listener.close();
    await client.write("still there\n");
    assertEquals(await socket.readLine(), "still there");
    await assertRejects(() => dial(listener), BrokenError);
  },
);

Deno.test("a signal closes the listener", TIMEOUT, async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const listener = listen({ port: 0, signal });
  const accepting = listener.accept();
  controller.abort();
  assertEquals(await accepting, null);
  await assertRejects(() => dial(listener), BrokenError);
  assertThrows(
    () => listen({ port: 0, signal: AbortSignal.abort(new Error("before")) }),
    Error,
    "before",
  );
});

Deno.test(
  "suspend() lets clients wait, resume() lets them in",
  TIMEOUT,
  async () => {
    using listener = listen({ port: 0 });
    listener.suspend();
    const accepting = listener.accept();
    using client = await dial(listener);
    await client.write("patient\n");
    assertEquals(await isSettled(accepting), false);
    listener.resume();
    using socket = (await accepting)!;
    assertEquals(await socket.readLine(), "patient");
  },
);

Deno.test("one task accepts at a time", TIMEOUT, async () => {
  const listener = listen({ port: 0 });
  const first = listener.accept();
  await assertRejects(() => listener.accept(), BusyError);
  await listener.close();
  assertEquals(await first, null);
});

Deno.test("listen() gives every socket its options", TIMEOUT, async () => {
  using listener = listen({ port: 0, readMs: 5 });
  using _client = await dial(listener);
  using socket = (await listener.accept())!;
  await assertRejects(() => socket.read(), TimeoutError, "within 5 ms");
});

Deno.test("a port in use is said at once", () => {
  using listener = listen({ port: 0 });
  const error = assertThrows(
    () => listen({ port: listener.addr.port }),
    BrokenError,
  );
  assertEquals(error.reason, "in-use");
});

Deno.test("listen() names a bad option", () => {
  // deno-lint-ignore no-explicit-any -- what a caller without types may do
  const bad: [any, typeof RangeError | typeof TypeError, string][] = [
    [{ port: -1 }, RangeError, "port"],
    [{ port: 65_536 }, RangeError, "port"],
    [{ port: "80" }, TypeError, "port"],
    [{}, TypeError, "port"],
    [{ port: 0, hostname: "" }, TypeError, "hostname"],
    [{ port: 0, noDelay: 1 }, TypeError, "noDelay"],
    [{ port: 0, readMs: 0 }, RangeError, "readMs"],
    [{ port: 0, highWaterMarkBytes: NaN }, RangeError, "highWaterMarkBytes"],
    [{ path: "" }, TypeError, "path"],
    [{ path: "/x", mode: 0o1000 }, RangeError, "mode"],
  ];
  for (const [options, kind, name] of bad) {
    const error = assertThrows(() => listen(options), kind);
    const text = new RegExp(
      `^Cannot listen: ${name} must be .*, got .+`,
    );
    assert(text.test(error.message), error.message);
  }
});

async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(`${folder}/a.sock`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const UNIX = { ...TIMEOUT, ignore: Deno.build.os === "windows" };

Deno.test(
  "listen() and connect() meet at a Unix path",
  UNIX,
  () =>
    withPath(async (path) => {
      const listener = listen({ path });
      await listener.ready;
      using client = await connect({ path });
      using socket = (await listener.accept())!;
      await client.write("over a path");
      await client.closeWrite();
      assertEquals(textOf(await socket.readExactly(11)), "over a path");
      assertEquals(await socket.read(), null);
      await listener.close();
      await assertRejects(() => connect({ path }), BrokenError);
      // Freed, so that the next one finds it.
      await listen({ path }).close();
    }),
);

Deno.test(
  "return of an iterator ends the wait of its next, and loses no client",
  TIMEOUT,
  async () => {
    using listener = listen({ port: 0 });
    const clients = listener[Symbol.asyncIterator]();
    const next = clients.next();
    await turn();
    assertEquals((await clients.return!()).done, true);
    assertEquals((await next).done, true);
    const accepting = listener.accept();
    await assertRejects(() => clients.next(), BusyError);
    await clients.return!();
    using client = await dial(listener);
    using socket = (await accepting)!;
    assertEquals(socket.remoteAddr, client.localAddr);
  },
);
