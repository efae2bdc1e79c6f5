/**
 * The ten defects of a naive server, each twice: first the code that one would
 * write with `Deno.listen` and `Deno.connect`, failing; then the same with Sluice,
 * holding.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  BrokenError,
  connect,
  framed,
  lengthPrefixed,
  listen,
  serve,
  type ServerEvent,
  type Socket,
  TimeoutError,
  UnexpectedEofError,
} from "@sluice/net";
import { createAuthority } from "./_support/certificates.ts";
import { DenoProgram } from "./_support/deno_program.ts";
import { connectRudely } from "./_support/rude_client.ts";
import { tcpConns, textOf } from "./_support/sockets.ts";

const hostname = "127.0.0.1";
const timeout = 30_000;
const utf8 = new TextEncoder();
const linux = Deno.build.os === "linux";

Deno.test("1. a client that resets before accept ends the loop", {
  timeout,
  ignore: !linux,
}, async () => {
  using naive = Deno.listen({ hostname, port: 0 });
  await (await connectRudely(naive.addr.port)).reset();
  await assertRejects(async () => {
    for await (const conn of naive) conn.close();
  }, Deno.errors.NotConnected);

  using listener = listen({ port: 0 });
  await (await connectRudely(listener.addr.port)).reset();
  await using client = await connect({ port: listener.addr.port });
  for await (const socket of listener) {
    assertEquals(socket.remoteAddr, client.localAddr);
    await Promise.all([socket.close(), client.close()]);
    break;
  }
});

Deno.test("2. running out of file descriptors ends the loop", {
  timeout,
  ignore: !linux,
}, async () => {
  const connectMany = (port: number) =>
    Promise.all(
      Array.from({ length: 100 }, () => Deno.connect({ hostname, port })),
    );

  await using naive = await DenoProgram.start(
    `const conns = [];
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    console.log(listener.addr.port);
    for await (const conn of listener) conns.push(conn);`,
    { descriptors: 64 },
  );
  const conns = await connectMany(Number(await naive.nextLine()));
  assertStringIncludes(await naive.deathMessage(), "Too many open files");
  conns.forEach((conn) => conn.close());

  await using sluice = await DenoProgram.start(
    `import { serve } from "@sluice/net";
    const server = serve({
      port: 0,
      onEvent({ type }) {
        if (type === "accept-error") console.log(type);
      },
    }, async (socket) => {
      for await (const chunk of socket) await socket.write(chunk);
    });
    console.log(server.addr.port);`,
    { descriptors: 64 },
  );
  const port = Number(await sluice.nextLine());
  const many = await connectMany(port);
  assertEquals(await sluice.nextLine(), "accept-error");
  many.forEach((conn) => conn.close());
  await using client = await connect({ port });
  await client.write("hello\n");
  assertEquals(await client.readLine(), "hello");
});

Deno.test("3. a handler that throws ends the process", {
  timeout,
}, async () => {
  const handler = `async function handle(text) { JSON.parse(await text); }`;
  const sendJunk = async (port: number) => {
    using conn = await Deno.connect({ hostname, port });
    await conn.write(utf8.encode("junk\n"));
    await conn.closeWrite();
    await conn.read(new Uint8Array(1)).catch(() => {});
  };

  await using naive = await DenoProgram.start(
    `${handler}
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    console.log(listener.addr.port);
    for await (const conn of listener) handle(new Response(conn.readable).text());`,
  );
  await sendJunk(Number(await naive.nextLine()));
  assertStringIncludes(await naive.deathMessage(), "SyntaxError");

  await using sluice = await DenoProgram.start(
    `import { serve } from "@sluice/net";
    ${handler}
    const server = serve({
      port: 0,
      onError: (error) => console.log(error.name),
    }, (socket) => handle(socket.readLine()));
    console.log(server.addr.port);`,
  );
  const port = Number(await sluice.nextLine());
  for (let time = 1; time <= 2; time++) {
    await sendJunk(port);
    assertEquals(await sluice.nextLine(), "SyntaxError");
  }
});

Deno.test("4. write-write-read waits 40 ms for Nagle's algorithm", {
  timeout,
  // Other systems delay differently.
  ignore: !linux,
}, async () => {
  /** The middle one of several round trips, in milliseconds. */
  const measure = async (roundTrip: () => Promise<void>) => {
    const times: number[] = [];
    for (let round = 0; round < 11; round++) {
      const started = performance.now();
      await roundTrip();
      times.push(performance.now() - started);
    }
    return times.sort((a, b) => a - b)[5];
  };
  // Answers when header and body have come.
  await using server = serve({ port: 0 }, async (socket) => {
    while (await socket.peek(1).then((bytes) => bytes.length === 1)) {
      await socket.readExactly(2);
      await socket.write("!");
    }
  });

  const conn = await Deno.connect({ hostname, port: server.addr.port });
  const buffer = new Uint8Array(1);
  const naiveMs = await measure(async () => {
    await conn.write(new Uint8Array([1]));
    await conn.write(new Uint8Array([2]));
    await conn.read(buffer);
  });
  conn.close();
  assertGreater(naiveMs, 20);

  await using client = await connect({ port: server.addr.port });
  const sluiceMs = await measure(async () => {
    await client.write(new Uint8Array([1]));
    await client.flush();
    await client.write(new Uint8Array([2]));
    await client.readExactly(1);
  });
  assertLess(sluiceMs, 20);
});

Deno.test("5. a read that loses a race with a timer loses the next bytes", {
  timeout,
}, async () => {
  const [conn, peer] = await tcpConns();
  const abandoned = conn.read(new Uint8Array(8));
  const expired = await Promise.race([
    abandoned.then(() => false),
    new Promise((resolve) => setTimeout(() => resolve(true), 10)),
  ]);
  assertEquals(expired, true);
  const buffer = new Uint8Array(6);
  const next = conn.read(buffer);
  await peer.write(utf8.encode("first"));
  await abandoned; // These bytes are in a buffer that is not looked at.
  await peer.write(utf8.encode("second"));
  await next;
  assertEquals(textOf(buffer), "second");
  conn.close();
  peer.close();

  const { here, there } = await socketPair();
  await assertRejects(() => here.read({ timeoutMs: 10 }), TimeoutError);
  await there.write("first");
  assertEquals(textOf(await here.readExactly(5)), "first");
  await Promise.all([here.close(), there.close()]);
});

Deno.test("6. conn.readable closes both ways at the end of one", {
  timeout,
}, async () => {
  const [conn, peer] = await tcpConns();
  await peer.closeWrite();
  await Array.fromAsync(conn.readable);
  await assertRejects(
    () => conn.write(utf8.encode("answer\n")),
    Deno.errors.BadResource,
  );
  peer.close();

  const { here, there } = await socketPair();
  await there.closeWrite();
  await Array.fromAsync(here.readable);
  await here.write("answer\n");
  assertEquals(await there.readLine(), "answer");
  await Promise.all([here.close(), there.close()]);
});

Deno.test("7. write takes a part, and what two tasks write is mixed up", {
  timeout,
}, async () => {
  const size = 12_000_000;
  const [as, bs] = [1, 2].map((byte) => new Uint8Array(size).fill(byte));
  /** How often the bytes change from one task's to the other's. */
  const countChanges = async (
    read: (buffer: Uint8Array) => Promise<number | null>,
  ) => {
    const buffer = new Uint8Array(64 * 1024);
    let [changes, last] = [0, 0];
    for (let left = 2 * size; left > 0;) {
      const count = await read(buffer) ?? left;
      for (const byte of buffer.subarray(0, count)) {
        if (byte !== last) changes++;
        last = byte;
      }
      left -= count;
    }
    return changes - 1;
  };

  const [conn, peer] = await tcpConns();
  let calls = 0;
  const writeAll = async (bytes: Uint8Array) => {
    for (let sent = 0; sent < size; calls++) {
      sent += await conn.write(bytes.subarray(sent));
    }
  };
  const [naiveChanges] = await Promise.all([
    countChanges((buffer) => peer.read(buffer)),
    writeAll(as),
    writeAll(bs),
  ]);
  assertGreater(calls, 2, "no write was partial");
  assertGreater(naiveChanges, 1);
  conn.close();
  peer.close();

  const { here, there } = await socketPair();
  const [changes] = await Promise.all([
    countChanges((buffer) => there.readInto(buffer)),
    here.write(as),
    here.write(bs),
  ]);
  assertEquals(changes, 1);
  await Promise.all([here.close(), there.close()]);
});

Deno.test("8. conn.readable allocates 64 KiB for every chunk, however small", {
  timeout,
}, async () => {
  /** Memory behind 100 chunks of 5 bytes. */
  const countMemory = async (
    readable: ReadableStream<Uint8Array>,
    send: (bytes: Uint8Array) => Promise<unknown>,
  ) => {
    const buffers = new Set<ArrayBufferLike>();
    const reader = readable.getReader();
    for (let round = 0; round < 100; round++) {
      await send(utf8.encode("hello"));
      const { value } = await reader.read();
      assertEquals(textOf(value!), "hello");
      buffers.add(value!.buffer);
    }
    reader.releaseLock();
    return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
  };

  const [conn, peer] = await tcpConns();
  const naiveBytes = await countMemory(
    conn.readable,
    (bytes) => peer.write(bytes),
  );
  assertEquals(naiveBytes, 100 * 64 * 1024);
  conn.close();
  peer.close();

  const { here, there } = await socketPair();
  const bytes = await countMemory(
    here.readable,
    (bytes) => there.write(bytes),
  );
  assertLess(bytes, naiveBytes / 50);
  await Promise.all([here.close(), there.close()]);
});

Deno.test("9. a silent client holds a TLS handshake open", {
  timeout,
}, async () => {
  const certificate = await (await createAuthority()).issue();

  using naive = Deno.listenTls({ hostname, port: 0, ...certificate });
  const silent = await Deno.connect({ hostname, port: naive.addr.port });
  const conn = await naive.accept();
  let state = "pending";
  const handshake = conn.handshake()
    .then(() => state = "done", () => state = "failed");

  const failed = Promise.withResolvers<ServerEvent>();
  await using server = serve({
    port: 0,
    tls: certificate,
    handshakeTimeoutMs: 200,
    onEvent: failed.resolve,
  }, () => {});
  using _client = await connect({ port: server.addr.port });
  const event = await failed.promise;
  assert(event.type === "tls-failed" && event.error instanceof TimeoutError);

  // The naive one began earlier, and has noticed nothing.
  assertEquals(state, "pending");
  conn.close();
  await handshake;
  silent.close();
});

Deno.test("10. null from read does not mean that all has come", {
  timeout,
}, async () => {
  const [conn, peer] = await tcpConns();
  await peer.write(new Uint8Array([0, 0, 0, 100, 1, 2, 3]));
  peer.close();
  const buffer = new Uint8Array(100);
  let bytes = 0;
  let count: number | null;
  while ((count = await conn.read(buffer)) !== null) bytes += count;
  assertEquals(bytes, 7); // Of 104: the loop ended as if that were all.
  conn.close();

  const { here, there } = await socketPair();
  await there.write(new Uint8Array([0, 0, 0, 100, 1, 2, 3]));
  await there.closeWrite();
  const error = await assertRejects(
    () => framed(here, lengthPrefixed()).receive(),
    UnexpectedEofError,
  );
  assertEquals([error.received, error.expected], [7, 104]);
  await Promise.all([here.close(), there.close()]);
});

Deno.test("10. null from read does not mean that the peer closed", {
  timeout,
  ignore: !linux,
}, async () => {
  using naive = Deno.listen({ hostname, port: 0 });
  const rude = await connectRudely(naive.addr.port);
  const conn = await naive.accept();
  await rude.reset();
  const buffer = new Uint8Array(1);
  await assertRejects(() => conn.read(buffer), Deno.errors.ConnectionReset);
  assertEquals(await conn.read(buffer), null);
  conn.close();

  using listener = listen({ port: 0 });
  const client = await connectRudely(listener.addr.port);
  const socket = (await listener.accept())!;
  await client.reset();
  for (let time = 1; time <= 3; time++) {
    const error = await assertRejects(() => socket.read(), BrokenError);
    assertEquals(error.reason, "reset");
  }
});

/** The two ends of a connection. */
async function socketPair(): Promise<{ here: Socket; there: Socket }> {
  using listener = listen({ port: 0 });
  const there = await connect({ port: listener.addr.port });
  return { here: (await listener.accept())!, there };
}
