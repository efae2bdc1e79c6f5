import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { BrokenError, TimeoutError } from "../../lib/errors.ts";
import { listen, type Listener } from "../../lib/server/listen.ts";
import { serve } from "../../lib/server/serve.ts";
import { connect } from "../../lib/socket/connect.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { type FaultProxy, faultProxy } from "../../lib/testing/fault_proxy.ts";
import type {
  DirectedFaults,
  FaultProxyOptions,
} from "../../lib/testing/fault_proxy_options.ts";
import { RedisServer } from "../examples/redis/_redis_server.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { start } from "../_support/run_program.ts";

const timeout = 20_000;

/** A client and a server with a proxy between them. */
class Pair implements AsyncDisposable {
  readonly listener: Listener<Deno.NetAddr>;
  readonly proxy: FaultProxy;
  readonly client: Socket;
  readonly server: Socket;

  private constructor(
    listener: Listener<Deno.NetAddr>,
    proxy: FaultProxy,
    client: Socket,
    server: Socket,
  ) {
    this.listener = listener;
    this.proxy = proxy;
    this.client = client;
    this.server = server;
  }

  static async make(faults: DirectedFaults = {}): Promise<Pair> {
    const listener = listen({ port: 0 });
    const { port } = listener.addr;
    const proxy = await faultProxy({ target: { port }, ...faults });
    const accepting = listener.accept();
    const client = await connect({ port: proxy.addr.port });
    const server = await accepting;
    assert(server !== null);
    return new Pair(listener, proxy, client, server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.abort();
    this.server.abort();
    await this.proxy.close();
    await this.listener.close();
  }
}

/** What a call takes, in milliseconds. */
async function time(call: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await call();
  return performance.now() - startMs;
}

const bytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => i * 7);

Deno.test("faultProxy() passes all bytes on, and the end of each direction", {
  timeout,
}, async () => {
  await using pair = await Pair.make();
  const { client, server, proxy } = pair;
  const sent = bytes(1_000_000);
  const sending = client.write(sent).then(() => client.closeWrite());
  assertEquals(await server.readExactly(sent.length), sent);
  assertEquals(await server.read(), null);
  await sending;
  await server.write("still open\n");
  assertEquals(await client.readLine(), "still open");
  await server.closeWrite();
  assertEquals(await client.read(), null);
  const { active: _, ...stats } = proxy.stats;
  assertEquals(stats, {
    accepted: 1,
    refused: 0,
    bytesToServer: 1_000_000,
    bytesToClient: 11,
  });
});

Deno.test(
  "faultProxy() is as late as it is told, in the direction that it is told",
  { timeout },
  async () => {
    await using pair = await Pair.make({ toServer: { latencyMs: 100 } });
    const { client, server, proxy } = pair;
    const there = () => client.write("x").then(() => server.readExactly(1));
    const back = () => server.write("x").then(() => client.readExactly(1));
    assert(await time(there) >= 99);
    // Far longer than this test may take.
    proxy.set({ toServer: { latencyMs: 100_000 } });
    await back();
    proxy.set({ toServer: {}, toClient: { latencyMs: 100, jitterMs: 50 } });
    await there();
    assert(await time(back) >= 99);
  },
);

Deno.test("faultProxy() keeps to a rate", { timeout }, async () => {
  await using pair = await Pair.make({ bytesPerSecond: 50_000 });
  const { client, server } = pair;
  const tookMs = await time(async () => {
    await client.write(bytes(10_000));
    assertEquals(await server.readExactly(10_000), bytes(10_000));
  });
  assert(tookMs >= 195, `${tookMs}`);
});

Deno.test("faultProxy() splits what is sent", { timeout }, async () => {
  // The second piece comes later than this test may last.
  await using pair = await Pair.make({ splitBytes: 7, splitDelayMs: 100_000 });
  const { client, server } = pair;
  await client.write(bytes(30));
  assertEquals(await server.read(), bytes(7));
  await assertRejects(() => server.read({ timeoutMs: 30 }), TimeoutError);
  await using other = await Pair.make({ splitBytes: 7, splitDelayMs: 2 });
  await other.client.write(bytes(30));
  assertEquals(await other.server.readExactly(30), bytes(30));
});

Deno.test(
  "faultProxy() stalls without a word, and loses nothing",
  { timeout },
  async () => {
    await using pair = await Pair.make();
    const { client, server, proxy } = pair;
    proxy.set({ stall: true });
    await client.write("late\n");
    await server.write("late, too\n");
    await Promise.all([
      assertRejects(() => server.read({ timeoutMs: 50 }), TimeoutError),
      assertRejects(() => client.read({ timeoutMs: 50 }), TimeoutError),
    ]);
    proxy.set({ toClient: { stall: false } });
    assertEquals(await client.readLine(), "late, too");
    await assertRejects(() => server.read({ timeoutMs: 50 }), TimeoutError);
    proxy.clear();
    assertEquals(await server.readLine(), "late");
  },
);

Deno.test(
  "faultProxy() resets both sides after so many bytes, and not one more",
  { timeout },
  async () => {
    for (const resetAfterBytes of [1, 5_000]) {
      await using pair = await Pair.make({ toServer: { resetAfterBytes } });
      const { client, server } = pair;
      // In the other direction any number passes.
      await server.write(bytes(10_000));
      await client.readExactly(10_000);
      await client.write(bytes(10_000));
      assertEquals(
        await server.readExactly(resetAfterBytes),
        bytes(resetAfterBytes),
      );
      for (const end of [server, client]) {
        const error = await assertRejects(() => end.read(), BrokenError);
        assertEquals(error.reason, "reset");
      }
    }
  },
);

Deno.test("faultProxy() resets at once, after a while, or when it is told to", {
  timeout,
}, async () => {
  for (const faults of [{ resetAfterBytes: 0 }, { resetAfterMs: 30 }]) {
    await using pair = await Pair.make();
    const { client, server, proxy } = pair;
    proxy.set(faults);
    for (const end of [server, client]) {
      const error = await assertRejects(() => end.read(), BrokenError);
      assertEquals(error.reason, "reset");
    }
    assertEquals(proxy.stats.active, 0);
  }
  // After no time at all, nothing passes.
  await using echo = serve({ port: 0 }, async (socket) => {
    for await (const chunk of socket) await socket.write(chunk);
  });
  await using none = await faultProxy({
    target: { port: echo.addr.port },
    resetAfterMs: 0,
  });
  for (let i = 0; i < 5; i++) {
    await assertRejects(async () => {
      await using client = await connect({ port: none.addr.port });
      await client.write("x");
      await client.read();
    }, BrokenError);
  }
  assertEquals(none.stats.bytesToClient, 0);
  await using pair = await Pair.make();
  pair.proxy.reset();
  await assertRejects(() => pair.client.read(), BrokenError);
  await using again = await connect({ port: pair.proxy.addr.port });
  await again.write("x");
  const accepted = await pair.listener.accept();
  assertEquals((await accepted?.readExactly(1))?.length, 1);
  accepted?.abort();
});

Deno.test("faultProxy() closes after so many bytes", { timeout }, async () => {
  await using pair = await Pair.make({ toClient: { closeAfterBytes: 5 } });
  const { client, server } = pair;
  await server.write("0123456789");
  assertEquals(
    await client.readExactly(5),
    new Uint8Array([48, 49, 50, 51, 52]),
  );
  assertEquals(await client.read(), null);
  assertEquals(await server.read(), null);
});

Deno.test(
  "faultProxy() holds the end of a stream back",
  { timeout },
  async () => {
    await using pair = await Pair.make({ slowCloseMs: 100 });
    const { client, server } = pair;
    const tookMs = await time(async () => {
      await client.write("x");
      await client.closeWrite();
      await server.readExactly(1);
      assertEquals(await server.read(), null);
    });
    assert(tookMs >= 99, `${tookMs}`);
  },
);

Deno.test(
  "faultProxy() lets faults happen to a part of the connections, by its seed",
  { timeout },
  async () => {
    await using server = serve(
      { port: 0 },
      (socket) => socket.write("whole\n"),
    );
    const outcomes = async (seed: number): Promise<string> => {
      await using proxy = await faultProxy({
        target: { port: server.addr.port },
        seed,
        toClient: { closeAfterBytes: 2, probability: 0.5 },
      });
      let text = "";
      for (let i = 0; i < 24; i++) {
        await using socket = await connect({ port: proxy.addr.port });
        text += await socket.readLine() === "whole" ? "." : "x";
      }
      return text;
    };
    const first = await outcomes(1);
    assert(first.includes(".") && first.includes("x"), first);
    assertEquals(await outcomes(1), first);
    assertNotEquals(await outcomes(2), first);
  },
);

Deno.test(
  "faultProxy() is down and up again on the same port",
  { timeout },
  async () => {
    await using pair = await Pair.make();
    const { client, proxy, listener } = pair;
    const { port } = proxy.addr;
    const reading = assertRejects(() => client.read(), BrokenError);
    await proxy.down();
    await proxy.down();
    await reading;
    const refused = await assertRejects(() => connect({ port }), BrokenError);
    assertEquals(refused.reason, "refused");
    // Side by side they take effect in their order.
    await Promise.all([proxy.up(), proxy.up(), proxy.down()]);
    await assertRejects(() => connect({ port }), BrokenError);
    await Promise.all([proxy.up(), proxy.down(), proxy.up()]);
    await proxy.up();
    assertEquals(proxy.addr.port, port);
    const accepting = listener.accept();
    await using again = await connect({ port });
    await again.write("x");
    const accepted = await accepting;
    assertEquals((await accepted?.readExactly(1))?.length, 1);
    accepted?.abort();
  },
);

Deno.test("faultProxy() resets the client where the server cannot be reached", {
  timeout,
}, async () => {
  const listener = listen({ port: 0 });
  const { port } = listener.addr;
  await listener.close();
  await using proxy = await faultProxy({ target: `127.0.0.1:${port}` });
  await using client = await connect({ port: proxy.addr.port });
  const error = await assertRejects(() => client.read(), BrokenError);
  assertEquals(error.reason, "reset");
  assertEquals([proxy.stats.refused, proxy.stats.active], [1, 0]);
});

Deno.test("faultProxy() passes what one side breaks on to the other", {
  timeout,
}, async () => {
  await using pair = await Pair.make();
  const target = { port: pair.proxy.addr.port };
  await using front = await faultProxy({ target });
  const accepting = pair.listener.accept();
  await using client = await connect({ port: front.addr.port });
  const server = await accepting;
  pair.proxy.reset();
  await assertRejects(() => server!.read(), BrokenError);
  server!.abort();
  const error = await assertRejects(() => client.read(), BrokenError);
  assertEquals(error.reason, "reset");
});

Deno.test("faultProxy() stands before a Unix socket", {
  timeout,
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/s`;
    await using _server = serve({ path }, (socket) => socket.write("unix\n"));
    for (const target of [{ path }, `unix:${path}`]) {
      await using proxy = await faultProxy({ target });
      await using client = await connect({ port: proxy.addr.port });
      assertEquals(await client.readLine(), "unix");
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("faultProxy() refuses options of the wrong kind, out of range or unknown", async () => {
  const target = { port: 1 };
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [{}, TypeError, "target must be an object"],
    [{ target: "nothing" }, TypeError, "nothing"],
    [{ target: { port: 0 } }, RangeError, "port of target must be"],
    [{ target: { path: "" } }, TypeError, "path of target must be"],
    [{ target, latency: 5 }, TypeError, "did you mean latencyMs?"],
    [{ target, latencyMs: -1 }, RangeError, "latencyMs must be"],
    [{ target, stall: 1 }, TypeError, "stall must be a boolean"],
    [{ target, splitBytes: 0 }, RangeError, "splitBytes must be"],
    [{ target, probability: 2 }, RangeError, "probability must be"],
    [{ target, toClient: { jitterMs: "5" } }, TypeError, "jitterMs must be"],
    [
      { target, toClient: { target } },
      TypeError,
      'unknown option "target" of toClient',
    ],
    [{ target, port: 70_000 }, RangeError, "port must be"],
    [{ target, maxConnections: 0 }, RangeError, "maxConnections must be"],
  ];
  for (const [options, kind, text] of wrong) {
    await assertRejects(
      () => faultProxy(options as FaultProxyOptions),
      kind,
      text,
    );
  }
  await using proxy = await faultProxy({ target, maxConnections: Infinity });
  assertThrows(() => proxy.set({ latencyMs: NaN }), RangeError, "latencyMs");
  assertThrows(
    () => proxy.set({ port: 5 } as never),
    TypeError,
    'Cannot change the faults: unknown option "port"',
  );
  const inUse = await assertRejects(
    () => faultProxy({ target, port: proxy.addr.port }),
    BrokenError,
  );
  assertEquals(inUse.reason, "in-use");
  // TEST-NET-1 is no machine's.
  const notOwn = await assertRejects(
    () => faultProxy({ target, hostname: "192.0.2.1" }),
    BrokenError,
    "Cannot listen on 192.0.2.1:0: address not available",
  );
  assertEquals(notOwn.reason, "not-available");
});

Deno.test(
  "faultProxy() breaks curl off where it is told to, and lets it through",
  {
    timeout,
    ignore: lacksPrograms("curl"),
  },
  async () => {
    const body = "x".repeat(5_000);
    await using server = serve({ port: 0 }, async (socket) => {
      while (await socket.readLine());
      await socket.write(
        `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
    });
    await using proxy = await faultProxy({
      target: { port: server.addr.port },
      splitBytes: 100,
    });
    const curl = async () => {
      const url = `http://127.0.0.1:${proxy.addr.port}/`;
      await using program = start("curl", ["--silent", "--noproxy", "*", url]);
      return await program.finish();
    };
    const whole = await curl();
    assertEquals([whole.code, whole.stdout], [0, body]);
    proxy.set({ toClient: { resetAfterBytes: 1_000 } });
    // "Failure with receiving network data."
    assertEquals((await curl()).code, 56);
    proxy.set({ toClient: { closeAfterBytes: 1_000 } });
    // "Partial file. Only a part of the file was transferred."
    assertEquals((await curl()).code, 18);
  },
);

Deno.test(
  "faultProxy() stands before a Redis server, and its own client notices",
  {
    timeout,
    ignore: lacksPrograms("redis-server", "redis-cli"),
  },
  async () => {
    await using redis = await RedisServer.start();
    await using proxy = await faultProxy({
      target: { port: redis.port },
      latencyMs: 5,
      jitterMs: 5,
      splitBytes: 3,
    });
    const cli = async (...args: string[]) => {
      const port = `${proxy.addr.port}`;
      await using program = start("redis-cli", ["-p", port, ...args]);
      const { stdout, stderr } = await program.finish();
      return stdout + stderr;
    };
    assertEquals(await cli("SET", "key", "y".repeat(100)), "OK\n");
    assertEquals(await cli("GET", "key"), `${"y".repeat(100)}\n`);
    proxy.set({ toClient: { resetAfterBytes: 20 } });
    assert((await cli("GET", "key")).includes("Error"));
    await proxy.down();
    assert((await cli("GET", "key")).includes("Connection refused"));
    await proxy.up();
    proxy.clear();
    assertEquals(await cli("GET", "key"), `${"y".repeat(100)}\n`);
  },
);

Deno.test(
  "faultProxy() takes a time that no timer can wait for as what it is",
  { timeout },
  async () => {
    await using pair = await Pair.make({ resetAfterMs: 2 ** 32 });
    const { client, server } = pair;
    for (let i = 0; i < 100; i++) {
      await client.write("ping\n");
      assertEquals(await server.readLine(), "ping");
      await server.write("pong\n");
      assertEquals(await client.readLine(), "pong");
    }
  },
);
