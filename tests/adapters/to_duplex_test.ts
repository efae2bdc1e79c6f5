import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { once } from "node:events";
import type { Socket as NetSocket } from "node:net";
import { pipeline } from "node:stream/promises";
import {
  BrokenError,
  BusyError,
  ClosedError,
  connect,
  serve,
  Socket,
  TimeoutError,
} from "@sluice/net";
import { type SocketDuplex, toDuplex } from "@sluice/net/adapters";
import { fakeClock, memoryPair } from "@sluice/net/testing";
import {
  bytes,
  isSettled,
  outcome,
  spiedPair,
  tcpConns,
  TIMEOUT,
  turn,
} from "../_support/sockets.ts";

const text = new TextDecoder();

/** A stream whose peer is a socket. */
function pairOf(allowHalfOpen = false): [SocketDuplex, Socket] {
  const [left, right] = memoryPair();
  return [toDuplex(left, { allowHalfOpen }), right];
}

Deno.test("toDuplex() gives what drivers take for a net.Socket", () => {
  const [duplex] = pairOf();
  // Without a cast.
  const socket: NetSocket = duplex;
  assertEquals(socket.readyState, "open");
  duplex.destroy();
});

Deno.test("toDuplex() moves bytes both ways, as Buffers", async () => {
  const [duplex, peer] = pairOf();
  duplex.write("text ");
  duplex.write("c3a4", "hex");
  duplex.write(new Uint8Array([33, 10]));
  assertEquals(await peer.readLine(), "text ä!");
  await peer.write("answer");
  const [chunk] = await once(duplex, "data");
  assertEquals([chunk.constructor.name, chunk.toString()], [
    "Buffer",
    "answer",
  ]);
  duplex.destroy();
});

Deno.test("toDuplex() gives bytes that were put back first", async () => {
  const [left, right] = memoryPair();
  left.unread(new TextEncoder().encode("first "));
  await right.write("second");
  await right.closeWrite();
  const chunks = await Array.fromAsync<Uint8Array>(toDuplex(left));
  assertEquals(
    chunks.map((chunk) => text.decode(chunk)).join(""),
    "first second",
  );
});

Deno.test("toDuplex() sends what was gathered in one go", async () => {
  using pair = spiedPair();
  const duplex = toDuplex(pair.left);
  duplex.cork();
  for (let i = 0; i < 100; i++) duplex.write(`${i % 10}`);
  await turn();
  assertEquals(pair.spy.writes, []);
  duplex.uncork();
  await turn();
  assertEquals(pair.spy.writes, [100]);
  duplex.destroy();
});

Deno.test("toDuplex() sends however much has gathered", async () => {
  // More than may wait to be sent.
  const [left, right] = memoryPair({ socket: { maxPendingBytes: 100_000 } });
  const duplex = toDuplex(left);
  duplex.cork();
  for (let i = 0; i < 1_000; i++) duplex.write(bytes(1_000));
  duplex.uncork();
  duplex.end();
  let count = 0;
  for await (const chunk of right) count += chunk.length;
  assertEquals(count, 1_000_000);
  await right.close();
});

Deno.test("toDuplex() makes the writer wait while the peer does not read", async () => {
  const [duplex, peer] = pairOf();
  let accepted = 0;
  while (duplex.write(bytes(10_000))) {
    accepted += 10_000;
    await turn();
    assert(accepted < 1_000_000);
  }
  const drained = once(duplex, "drain");
  assertEquals(await isSettled(drained), false);
  await peer.readExactly(200_000);
  await drained;
  duplex.destroy();
});

Deno.test("toDuplex() makes the peer wait while nothing reads the stream", async () => {
  using pair = spiedPair();
  const duplex = toDuplex(pair.left);
  const writing = pair.right.write(bytes(1_000_000));
  assertEquals(await isSettled(writing), false);
  duplex.resume();
  await writing;
  duplex.pause();
  const more = pair.right.write(bytes(1_000_000));
  assertEquals(await isSettled(more), false);
  duplex.resume();
  await more;
  duplex.destroy();
});

Deno.test("toDuplex() ends with its peer, but for allowHalfOpen", async () => {
  for (const allowHalfOpen of [false, true]) {
    const [duplex, peer] = pairOf(allowHalfOpen);
    duplex.resume();
    await peer.closeWrite();
    await once(duplex, "end");
    if (allowHalfOpen) {
      assertEquals(duplex.readyState, "writeOnly");
      duplex.end("still here\n");
      assertEquals(await peer.readLine(), "still here");
    }
    assertEquals(await peer.read(), null);
    await once(duplex, "close");
    assertEquals(duplex.readyState, "closed");
  }
});

Deno.test("toDuplex() ends its side by end(), behind what was written", async () => {
  const [duplex, peer] = pairOf();
  duplex.write(bytes(200_000));
  duplex.end("last");
  let count = 0;
  for await (const chunk of peer) count += chunk.length;
  assertEquals([count, duplex.readyState], [200_004, "readOnly"]);
  await peer.write("bye");
  await peer.close();
  const chunks = await Array.fromAsync<Uint8Array>(duplex);
  assertEquals(chunks.map((chunk) => text.decode(chunk)), ["bye"]);
});

Deno.test(
  "toDuplex() destroySoon() and destroy() send what was written before",
  TIMEOUT,
  async () => {
    for (const end of ["destroySoon", "destroy"] as const) {
      // On one that was just accepted, the first write does not leave at once.
      const [peer, conn] = await tcpConns();
      const duplex = toDuplex(new Socket(conn));
      duplex.write("QUIT\r\n");
      duplex[end]();
      duplex.resume();
      const reader = new Socket(peer);
      assertEquals(await reader.readLine(), "QUIT");
      assertEquals(await reader.read(), null);
      await reader.close();
      if (!duplex.closed) await once(duplex, "close");
    }
  },
);

Deno.test("toDuplex() destroySoon() waits until all was sent, and not for the peer's end", async () => {
  const [duplex, peer] = pairOf(true);
  duplex.write(bytes(300_000));
  duplex.destroySoon();
  assertEquals(duplex.destroyed, false);
  const closed = once(duplex, "close");
  await peer.readExactly(300_000);
  assertEquals(await peer.read(), null);
  await closed;
  duplex.destroySoon();
  peer.abort();
});

Deno.test(
  "toDuplex() that is destroyed does not wait long for a peer that does not read",
  TIMEOUT,
  async () => {
    for (const error of [undefined, new Error("enough")]) {
      using pair = spiedPair();
      const duplex = toDuplex(pair.left);
      duplex.on("error", () => {});
      pair.spy.hold();
      duplex.write("never taken");
      await turn();
      duplex.destroy(error);
      // With an error, not at all.
      assertEquals(await isSettled(pair.left.closed), error !== undefined);
      if (!duplex.closed) {
        await new Promise<void>((resolve) => duplex.once("close", resolve));
      }
      await pair.left.closed;
    }
  },
);

Deno.test("toDuplex() that is destroyed with an error still sends what can leave at once", async () => {
  const [duplex, peer] = pairOf();
  const failed = new Promise((resolve) => duplex.once("error", resolve));
  const reason = new Error("no HTTP");
  // As a server of HTTP does with a request that is none.
  duplex.write("400 Bad Request\n");
  duplex.destroy(reason);
  assertEquals(await peer.readLine(), "400 Bad Request");
  assertEquals(await failed, reason);
  peer.abort();
});

Deno.test("toDuplex() says that it is connected when it is told to connect", async () => {
  const [duplex] = pairOf();
  assertEquals([duplex.connecting, duplex.readyState], [false, "open"]);
  const events: string[] = [];
  duplex.on("ready", () => events.push("ready"));
  assertStrictEquals(
    duplex.connect(5432, "db.example", () => events.push("callback")),
    duplex,
  );
  // As pg does: after the call.
  duplex.once("connect", () => events.push("connect"));
  assertEquals([duplex.connecting, duplex.pending, duplex.readyState], [
    true,
    true,
    "opening",
  ]);
  await turn();
  assertEquals(events, ["callback", "connect", "ready"]);
  assertEquals(duplex.connecting, false);
  duplex.connect({ port: 1 });
  duplex.destroy();
  await turn();
  assertEquals(events.length, 3);
});

Deno.test("toDuplex() times out when nothing moves, and only then", async () => {
  using time = fakeClock();
  const [duplex, peer] = pairOf();
  let timeouts = 0;
  let called = 0;
  duplex.on("timeout", () => timeouts++);
  assertStrictEquals(duplex.setTimeout(1_000, () => called++), duplex);
  assertEquals(duplex.timeout, 1_000);
  duplex.resume();
  for (let i = 0; i < 4; i++) {
    await time.advance(500);
    if (i % 2) await peer.write("x");
    else duplex.write("y");
    await turn();
  }
  assertEquals(timeouts, 0);
  await time.advance(500);
  await time.advance(600);
  assertEquals([timeouts, called], [1, 1]);
  // It does not end it, and counts anew when something moves.
  assertEquals(duplex.readyState, "open");
  await time.advance(5_000);
  assertEquals(timeouts, 1);
  await peer.write("x");
  await turn();
  await time.advance(600);
  await time.advance(600);
  assertEquals([timeouts, called], [2, 1]);
  duplex.setTimeout(0);
  await peer.write("x");
  await time.advance(5_000);
  assertEquals([timeouts, duplex.timeout], [2, 0]);
  duplex.setTimeout(1_000);
  duplex.destroy();
  await time.advance(5_000);
  assertEquals(timeouts, 2);
});

Deno.test("toDuplex() does not time out while a large write moves on", async () => {
  using time = fakeClock();
  const [duplex, peer] = pairOf();
  let timeouts = 0;
  duplex.setTimeout(1_000, () => timeouts++);
  duplex.write(bytes(2_000_000));
  for (let i = 0; i < 10; i++) {
    await time.advance(600);
    await peer.readExactly(150_000);
  }
  assertEquals(timeouts, 0);
  await time.advance(3_000);
  await time.advance(3_000);
  assertEquals(timeouts, 1);
  duplex.destroy();
});

Deno.test("toDuplex() refuses a timeout or a callback that is none", () => {
  const [duplex] = pairOf();
  for (const wrong of [-1, NaN, Infinity]) {
    assertThrows(() => duplex.setTimeout(wrong), RangeError, "timeout must be");
  }
  // A net.Socket takes it for as much as a timer can wait.
  for (const long of [2 ** 31, Number.MAX_SAFE_INTEGER]) {
    assertEquals(duplex.setTimeout(long).timeout, 2 ** 31 - 1);
  }
  const odd = "1000" as unknown as number;
  assertThrows(() => duplex.setTimeout(odd), TypeError, "must be a number");
  const none = 7 as unknown as () => void;
  assertThrows(() => duplex.setTimeout(1, none), TypeError, "a function");
  duplex.destroy();
});

Deno.test(
  "toDuplex() knows addresses and counts bytes",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      for await (const chunk of socket) await socket.write(chunk);
    });
    const { port } = server.addr;
    const socket = await connect({ port });
    const duplex = toDuplex(socket);
    const local = socket.localAddr as Deno.NetAddr;
    assertEquals(
      [duplex.remoteAddress, duplex.remotePort, duplex.remoteFamily],
      ["127.0.0.1", port, "IPv4"],
    );
    assertEquals(
      [duplex.localAddress, duplex.localPort, duplex.localFamily],
      ["127.0.0.1", local.port, "IPv4"],
    );
    assertEquals(duplex.address(), {
      address: "127.0.0.1",
      family: "IPv4",
      port: local.port,
    });
    assertEquals([duplex.encrypted, duplex.alpnProtocol], [false, undefined]);
    duplex.write("12345");
    assertEquals(duplex.bytesWritten, 5);
    await once(duplex, "data");
    assertEquals([duplex.bytesRead, duplex.bytesWritten], [5, 5]);
    assertEquals(duplex.bufferSize, 0);
    duplex.end();
    await once(duplex, "close");
    assertEquals([duplex.remotePort, duplex.bytesRead], [port, 5]);
  },
);

Deno.test("toDuplex() has no address over memory", () => {
  const [duplex] = pairOf();
  assertEquals(duplex.address(), {});
  assertEquals(
    [duplex.remoteAddress, duplex.remotePort, duplex.remoteFamily],
    [undefined, undefined, undefined],
  );
  duplex.destroy();
});

Deno.test("toDuplex() passes options of TCP on, also while a write is under way", async () => {
  const calls: unknown[] = [];
  let isWriting = true;
  using pair = spiedPair();
  const option = (name: string) => (on: boolean) => {
    // As Deno does.
    if (isWriting) throw new Error("Resource is in use");
    calls.push([name, on]);
  };
  Object.assign(pair.spy, {
    setNoDelay: option("noDelay"),
    setKeepAlive: option("keepAlive"),
  });
  pair.spy.hold();
  const duplex = toDuplex(pair.left);
  duplex.write("on its way");
  await turn();
  assertStrictEquals(duplex.setNoDelay(), duplex);
  assertEquals(calls, []);
  isWriting = false;
  pair.spy.release();
  await turn();
  assertStrictEquals(duplex.setKeepAlive(true, 1_000), duplex);
  duplex.setKeepAlive({ enable: true });
  duplex.setKeepAlive();
  duplex.setKeepAlive(null as unknown as undefined);
  duplex.setNoDelay(false);
  assertEquals(calls, [
    ["noDelay", true],
    ["keepAlive", true],
    ["keepAlive", true],
    ["keepAlive", false],
    ["keepAlive", false],
    ["noDelay", false],
  ]);
  duplex.destroy();
  // Where there is nothing to set.
  pairOf()[0].setNoDelay(true).setKeepAlive(true).destroy();
});

Deno.test("toDuplex() passes ref and unref on", () => {
  const calls: string[] = [];
  using pair = spiedPair();
  Object.assign(pair.spy, {
    ref: () => calls.push("ref"),
    unref: () => calls.push("unref"),
  });
  const duplex = toDuplex(pair.left);
  assertStrictEquals(duplex.unref(), duplex);
  assertStrictEquals(duplex.ref(), duplex);
  assertEquals(calls, ["unref", "ref"]);
  duplex.destroy();
});

/** What a stream emits as its error. */
async function errorOf(duplex: SocketDuplex) {
  const [error] = await once(duplex, "error");
  return error as Error & { code?: string; syscall?: string };
}

Deno.test("toDuplex() has errors with the codes of Node", async () => {
  const reasons: [Error, string, string | undefined][] = [
    [new Deno.errors.ConnectionReset("reset"), "ECONNRESET", "reset"],
    [new Deno.errors.BrokenPipe("pipe"), "EPIPE", "broken-pipe"],
    [
      Object.assign(new Error("Host is down"), { code: "EHOSTDOWN" }),
      "EHOSTUNREACH",
      "unreachable",
    ],
    [
      Object.assign(new Error("odd"), { code: "ERR_STREAM_ODD" }),
      "ERR_STREAM_ODD",
      "other",
    ],
    [new Error("odd"), "ECONNABORTED", "other"],
  ];
  for (const [thrown, code, reason] of reasons) {
    const socket = new Socket({
      ...memoryPair()[0].detach().transport,
      read: () => Promise.reject(thrown),
      write: () => Promise.reject(thrown),
      closeWrite: () => Promise.resolve(),
      close() {},
    });
    const duplex = toDuplex(socket);
    duplex.resume();
    const error = await errorOf(duplex);
    assertEquals([error.code, error.syscall], [code, "read"]);
    assertInstanceOf(error.cause, BrokenError);
    assertEquals(error.cause.reason, reason);
    assertEquals(error.message, error.cause.message);
  }
});

Deno.test("toDuplex() is destroyed by the limits of its socket, whether it reads or not", async () => {
  for (const reads of [true, false]) {
    using time = fakeClock();
    const [left] = memoryPair({ socket: { idleMs: 1_000 } });
    const duplex = toDuplex(left);
    if (reads) duplex.resume();
    const failed = errorOf(duplex);
    await time.advance(1_200);
    await time.advance(1_200);
    const error = await failed;
    assertEquals(error.code, "ETIMEDOUT");
    assertInstanceOf(error.cause, TimeoutError);
    assertEquals(duplex.destroyed, true);
  }
});

Deno.test("toDuplex() is destroyed when its socket is aborted, with its reason if there is one", async () => {
  for (const reads of [true, false]) {
    for (const reason of [undefined, new Error("enough")]) {
      const [left, right] = memoryPair();
      const duplex = toDuplex(left);
      const errors: (Error & { code?: string })[] = [];
      duplex.on("error", (error) => errors.push(error));
      if (reads) duplex.resume();
      const written = new Promise<Error | null | undefined>((resolve) =>
        duplex.write(bytes(200_000), resolve)
      );
      await turn();
      left.abort(reason);
      // `once` would reject with the error.
      await new Promise<void>((resolve) => duplex.once("close", resolve));
      assertInstanceOf(await written, Error);
      assertEquals(errors.length, reason === undefined ? 0 : 1);
      if (reason !== undefined) {
        assertEquals(errors[0].code, "ECONNABORTED");
        assertStrictEquals((errors[0].cause as Error).cause, reason);
      }
      right.abort();
    }
  }
});

Deno.test("toDuplex() that is destroyed aborts its socket, with the reason", async () => {
  const [left, right] = memoryPair();
  const duplex = toDuplex(left);
  duplex.resume();
  const reason = new Error("enough");
  duplex.on("error", () => {});
  duplex.destroy(reason);
  await left.closed;
  assertStrictEquals(left.signal.reason, reason);
  assertEquals(await right.read(), null);
  right.abort();

  const [quiet, peer] = pairOf();
  quiet.resume();
  quiet.resetAndDestroy();
  // Without an error.
  await once(quiet, "close");
  assertEquals(await peer.read(), null);
});

Deno.test("toDuplex() tells of a write that fails", async () => {
  using pair = spiedPair();
  const duplex = toDuplex(pair.left);
  pair.spy.writeError = new Deno.errors.BrokenPipe("Broken pipe");
  const failed = errorOf(duplex);
  const written = new Promise<Error | null | undefined>((resolve) =>
    duplex.write(bytes(100_000), resolve)
  );
  const error = await failed;
  assertEquals([error.code, error.syscall], ["EPIPE", "write"]);
  assertStrictEquals(await written, error);
});

Deno.test("toDuplex() joins pipelines of Node", TIMEOUT, async () => {
  await using server = serve({ port: 0 }, async (socket) => {
    const duplex = toDuplex(socket, { allowHalfOpen: true });
    await pipeline(duplex, duplex);
  });
  const socket = await connect({ port: server.addr.port });
  const sent = socket.write(bytes(3_000_000)).then(() => socket.closeWrite());
  let count = 0;
  for await (const chunk of socket) count += chunk.length;
  assertEquals(count, 3_000_000);
  await sent;
  await socket.close();
});

Deno.test("toDuplex() leaves no read of the socket to others", async () => {
  const [left] = memoryPair();
  const duplex = toDuplex(left);
  duplex.resume();
  await turn();
  assertEquals((await outcome(left.read()) as Error).name, "BusyError");
  duplex.destroy();
  await assertRejects(() => left.read(), ClosedError);
});

Deno.test("toDuplex() refuses a socket that is being read, which goes on", async () => {
  const [left, right] = memoryPair();
  const reading = left.readLine();
  assertThrows(() => toDuplex(left), BusyError, "Cannot make a Duplex");
  await right.write("undisturbed\n");
  assertEquals(await reading, "undisturbed");
  toDuplex(left).destroy();
});

Deno.test("toDuplex() of a socket that has ended is destroyed", async () => {
  const [left, right] = memoryPair();
  left.abort();
  const duplex = toDuplex(left);
  duplex.resume();
  await once(duplex, "close");
  assertEquals([duplex.readyState, duplex.errored], ["closed", null]);
  right.abort();
});

Deno.test("toDuplex() refuses what is no Socket, or an option that it does not know", () => {
  for (const wrong of [undefined, {}, new TransformStream()]) {
    assertThrows(
      () => toDuplex(wrong as Socket),
      TypeError,
      "Cannot make a Duplex: socket must be a Socket",
    );
  }
  const [left] = memoryPair();
  assertThrows(
    () => toDuplex(left, { allowHalfopen: true } as object),
    TypeError,
    "did you mean allowHalfOpen?",
  );
  assertThrows(
    () => toDuplex(left, { allowHalfOpen: 1 } as object),
    TypeError,
    "allowHalfOpen must be a boolean",
  );
  left.abort();
});
