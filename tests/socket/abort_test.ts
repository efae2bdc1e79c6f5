import {
  assert,
  assertEquals,
  assertLess,
  assertStrictEquals,
} from "@std/assert";
import { ClosedError } from "../../lib/errors.ts";
import { listen } from "../../lib/server/listen.ts";
import { connect } from "../../lib/socket/connect.ts";
import { Socket } from "../../lib/socket/socket.ts";
import { createAuthority } from "../_support/certificates.ts";
import {
  bytes,
  outcome,
  spiedPair,
  tcpConns,
  testOverMemoryAndTcp,
  TIMEOUT,
  turn,
} from "../_support/sockets.ts";

testOverMemoryAndTcp(
  "abort() rejects every call that waits, with its reason as the cause",
  async (makePair) => {
    using pair = await makePair();
    const { left } = pair;
    const { signal, closed } = left;
    // More than any kernel takes, so that some of them are still waiting.
    const calls = [
      left.read(),
      left.write(new Uint8Array(32 * 1024 * 1024)),
      left.flush(),
      left.closeWrite(),
    ].map(outcome);
    await turn();
    const reason = new Error("enough");
    left.abort(reason);
    for (const error of await Promise.all(calls)) {
      assert(error instanceof ClosedError);
      assertStrictEquals(error.cause, reason);
    }
    assertStrictEquals(signal.reason, reason);
    await closed;
  },
);

Deno.test("abort() without a reason gives the signal a ClosedError", () => {
  using pair = spiedPair();
  pair.left.abort();
  const { reason } = pair.left.signal;
  assert(reason instanceof ClosedError);
  assertEquals(Object.hasOwn(reason, "cause"), false);
  assertEquals(reason.localAddr, pair.left.localAddr);
  assertEquals(reason.remoteAddr, pair.left.remoteAddr);
});

Deno.test("abort() drops what was not sent, and closes the transport once", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  left.write("dropped");
  left.abort();
  left.abort("again");
  await turn();
  assertEquals([spy.writes, spy.closed], [[], 1]);
  assertEquals(await right.read(), null);
});

Deno.test("abort() of a closed transport does not throw", async () => {
  using pair = spiedPair();
  pair.spy.inner.close();
  pair.left.abort();
  await pair.left.closed;
});

Deno.test("abort() keeps a message out of use while the transport may read it", async () => {
  let finish!: (count: number) => void;
  let lent: Uint8Array | undefined;
  const addr = { transport: "memory", name: "stubborn" } as const;
  const stubborn = new Socket({
    localAddr: addr,
    remoteAddr: addr,
    read: () => new Promise(() => {}),
    write: (p) => {
      lent = p;
      return new Promise((resolve) => finish = resolve);
    },
    closeWrite: () => Promise.resolve(),
    // Unlike any of ours it goes on with its write.
    close() {},
  });
  stubborn.write("secret");
  await turn();
  stubborn.abort();
  using pair = spiedPair();
  for (let i = 0; i < 100; i++) {
    await pair.left.write(bytes(6).fill(120));
    await pair.left.flush();
    await pair.right.readExactly(6);
  }
  assertEquals(new TextDecoder().decode(lent), "secret");
  finish(6);
  await turn();
});

Deno.test(
  "abort() over TCP looks like any end to a peer that reads: Deno cannot reset",
  TIMEOUT,
  async () => {
    for (const unread of [true, false]) {
      const [near, far] = await tcpConns();
      const socket = new Socket(near);
      using peer = new Socket(far);
      await peer.write(unread ? "xy" : "x");
      await peer.flush();
      assertEquals(await socket.readInto(new Uint8Array(1)), 1);
      socket.abort(new Error("a handler threw"));
      // The day this is a reset, the documentation of `abort` can say so.
      assertEquals(await peer.read(), null);
    }
  },
);

Deno.test(
  "abort() over TLS looks to the peer as an end does, whichever TLS it is",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const tls = await authority.issue();
    for (const isNode of [false, true]) {
      const check = isNode ? { verify() {} } : {};
      await using listener = listen({
        port: 0,
        tls: { ...tls, dropSilent: isNode },
      });
      const accepting = listener.accept();
      const client = await connect({
        port: listener.addr.port,
        tls: { caCerts: [authority.cert], ...check },
      });
      using server = (await accepting)!;
      await client.write("x");
      await client.flush();
      assertEquals((await server.read())?.length, 1);
      client.abort();
      assertEquals(await server.read(), null);
    }
  },
);

Deno.test(
  "a signal ends forty thousand reads in time that is linear",
  TIMEOUT,
  async () => {
    const addr = { transport: "memory", name: "silent" } as const;
    const silent = {
      localAddr: addr,
      remoteAddr: addr,
      read: () => new Promise<number | null>(() => {}),
      write: (p: Uint8Array) => Promise.resolve(p.length),
      closeWrite: () => Promise.resolve(),
      close() {},
    };
    const controller = new AbortController();
    const { signal } = controller;
    const reads = Array.from(
      { length: 40_000 },
      () => outcome(new Socket(silent).read({ signal })),
    );
    await turn();
    const begun = performance.now();
    controller.abort("enough");
    assertEquals(new Set(await Promise.all(reads)), new Set(["enough"]));
    // It was five seconds, where the runtime kept a list of rejections.
    assertLess(performance.now() - begun, 4_000);
  },
);
