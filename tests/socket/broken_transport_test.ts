/**
 * Transports that misbehave: what they do wrong ends their own socket, by one typed
 * error, and nothing else.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { BrokenError, ClosedError, TimeoutError } from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import type { SocketOptions } from "../../lib/socket/options.ts";
import { Socket } from "../../lib/socket/socket.ts";
import type { Transport } from "../../lib/transport/options.ts";
import { connectRudely } from "../_support/rude_client.ts";
import {
  bytes,
  outcome,
  spiedPair,
  textOf,
  TIMEOUT,
  turn,
} from "../_support/sockets.ts";

const addr = { transport: "memory", name: "odd" } as const;

/** A transport that does as told, and else stays silent. */
function oddTransport(odd: Partial<Record<keyof Transport, unknown>>) {
  const silent = () => new Promise<never>(() => {});
  const transport = {
    localAddr: addr,
    remoteAddr: addr,
    read: silent,
    write: silent,
    closeWrite: silent,
    close() {},
    ...odd,
  };
  return transport as unknown as Transport;
}

const oddSocket = (
  odd: Partial<Record<keyof Transport, unknown>>,
  options?: SocketOptions,
) => new Socket(oddTransport(odd), options);

/** Counts that are none, whatever array was handed in. */
const ODD_COUNTS: unknown[] = [
  undefined,
  NaN,
  -1,
  0,
  1.5,
  "1",
  {},
  true,
  Infinity,
  2 ** 40,
  3n,
  Symbol("a count"),
  {
    valueOf() {
      throw new Error("no number");
    },
  },
];

const READS: Record<string, (socket: Socket) => Promise<unknown>> = {
  read: (socket) => socket.read(),
  readInto: (socket) => socket.readInto(new Uint8Array(4)),
  "readInto with a limit": (socket) =>
    socket.readInto(new Uint8Array(4), { timeoutMs: 60_000 }),
  readExactly: (socket) => socket.readExactly(4),
  readLine: (socket) => socket.readLine(),
  peek: (socket) => socket.peek(1),
  "an async iterator": (socket) => socket[Symbol.asyncIterator]().next(),
  readable: (socket) => socket.readable.getReader().read(),
  "a BYOB reader": (socket) =>
    socket.readable.getReader({ mode: "byob" }).read(new Uint8Array(4)),
  receive: (socket) => framed(socket, lengthPrefixed()).receive(),
};

for (const [name, read] of Object.entries(READS)) {
  Deno.test(`${name} over a transport that gives odd counts is broken`, async () => {
    for (const options of [{}, { maxReadBytesPerSecond: 1e9 }]) {
      for (const count of ODD_COUNTS) {
        const socket = oddSocket(
          { read: () => Promise.resolve(count) },
          options,
        );
        const error = await outcome(read(socket));
        assertInstanceOf(error, BrokenError, String(count));
        assertEquals(error.reason, "other");
        await socket.closed;
        assertStrictEquals(socket.signal.reason, error);
        assertStrictEquals(await outcome(socket.write("x")), error);
        await socket.close();
      }
    }
  });
}

Deno.test("a transport that gives more than the array holds is broken, also behind good reads", async () => {
  let reads = 0;
  const socket = oddSocket({
    read: (p: Uint8Array) =>
      Promise.resolve(reads++ === 0 ? p.fill(97, 0, 3) && 3 : p.length + 1),
  });
  const error = await assertRejects(
    () => socket.readExactly(1_000),
    BrokenError,
  );
  // What came before is still there.
  assertEquals(textOf(await socket.read()), "aaa");
  assertStrictEquals(await outcome(socket.read()), error);
});

Deno.test("a read that was cut off and then ends oddly is told to the next call", async () => {
  const reading = Promise.withResolvers<unknown>();
  const socket = oddSocket({ read: () => reading.promise });
  await outcome(socket.read({ signal: AbortSignal.timeout(1) }));
  reading.resolve(undefined);
  await turn();
  await assertRejects(() => socket.read(), BrokenError, "got undefined");
});

Deno.test("an array that is transferred while a read fills it breaks its socket alone", async () => {
  const reading = Promise.withResolvers<number>();
  const socket = oddSocket({ read: () => reading.promise });
  const target = new Uint8Array(4);
  const call = socket.readInto(target);
  structuredClone(target.buffer, { transfer: [target.buffer] });
  reading.resolve(4);
  await assertRejects(() => call, BrokenError, "transferred");
});

for (const size of [3, 200_000]) {
  Deno.test(`a write of ${size} bytes over a transport that takes odd counts is broken`, async () => {
    for (const options of [{}, { maxWriteBytesPerSecond: 1e12 }]) {
      for (const count of [...ODD_COUNTS, size + 1]) {
        const socket = oddSocket(
          { write: () => Promise.resolve(count) },
          options,
        );
        const writing = outcome(socket.write(bytes(size)));
        const error = await outcome(socket.flush());
        assertInstanceOf(error, BrokenError, String(count));
        assertEquals(error.reason, "other");
        if (size > 65_536) assertStrictEquals(await writing, error);
        assertStrictEquals(await outcome(socket.write("x")), error);
        assertStrictEquals(await outcome(socket.close()), error);
        assertEquals(socket.stats.bytesWritten, 0);
      }
    }
  });
}

Deno.test("a transport that throws, or gives no promise, is broken", async () => {
  const thrown = new TypeError("not today");
  const throws = () => {
    throw thrown;
  };
  for (const read of [throws, () => 3, () => undefined]) {
    await assertRejects(() => oddSocket({ read }).read(), BrokenError);
    const target = new Uint8Array(4);
    await assertRejects(
      () => oddSocket({ read }).readInto(target),
      BrokenError,
    );
  }
  for (const write of [throws, () => 3, () => undefined]) {
    const socket = oddSocket({ write });
    await outcome(socket.write(bytes(100_000)));
    await assertRejects(() => socket.flush(), BrokenError);
  }
  const ending = oddSocket({ closeWrite: throws });
  const error = await assertRejects(() => ending.closeWrite(), BrokenError);
  assertStrictEquals(error.cause, thrown);
  const closing = oddSocket({ close: throws });
  closing.abort();
  await closing.closed;
});

Deno.test("a transport that has no addresses, or throws where it is not asked, does no harm", async () => {
  const throws = () => {
    throw new Error("not today");
  };
  const reading = Promise.withResolvers<number>();
  const socket = oddSocket({
    localAddr: undefined,
    remoteAddr: undefined,
    read: () => reading.promise,
    ref: throws,
    unref: throws,
    close: throws,
  });
  await assertRejects(() => socket.read({ timeoutMs: 5 }), TimeoutError);
  socket.unref();
  socket.ref();
  reading.resolve(3);
  assertEquals((await socket.read())?.length, 3);
  assertEquals(socket.remoteAddr, undefined);
  socket.abort();
  await assertRejects(() => socket.read(), ClosedError);
});

for (const method of ["close", "ref", "unref"] as const) {
  Deno.test(`a transport whose ${method} fails later does no harm`, async () => {
    const socket = oddSocket({
      [method]: () => Promise.reject(new Error("not today")),
    });
    socket.unref();
    socket.ref();
    socket.abort();
    await socket.closed;
    // A rejection that nothing handles would fail this file.
    await turn();
  });
}

Deno.test("close() ends in time over a transport whose closeWrite never does", async () => {
  const socket = oddSocket({}, { closeTimeoutMs: 10 });
  const ending = outcome(socket.closeWrite());
  await socket.close();
  assertInstanceOf(await ending, ClosedError);
  const other = oddSocket({});
  const stuck = outcome(other.closeWrite());
  other.abort();
  assertInstanceOf(await stuck, ClosedError);
});

Deno.test("a socket needs a transport", () => {
  for (const transport of [undefined, null, {}, { read() {} }, "tcp"]) {
    assertThrows(
      () => new Socket(transport as unknown as Transport),
      TypeError,
      "Cannot make a socket: transport must be an object with read()",
    );
  }
});

Deno.test("a reset that a write meets first is no clean end for the reader", async () => {
  for (const reset of ["reset", "unreachable"] as const) {
    let reads = 0;
    const socket = oddSocket({
      write: () =>
        Promise.reject(
          reset === "reset"
            ? new Deno.errors.ConnectionReset("Connection reset by peer")
            : Object.assign(new Error("Host is down"), { code: "EHOSTDOWN" }),
        ),
      // The system reports a reset once: after that it looks like the end.
      read: (p: Uint8Array) =>
        Promise.resolve(reads++ === 0 ? p.fill(97, 0, 4) && 4 : null),
    });
    await socket.write("lost");
    const error = await assertRejects(() => socket.flush(), BrokenError);
    assertEquals(error.reason, reset);
    assertEquals(textOf(await socket.read()), "aaaa");
    assertStrictEquals(await outcome(socket.read()), error);
    assertStrictEquals(await outcome(socket.readInto(bytes(1))), error);
    assertStrictEquals(await outcome(socket.readLine()), error);
    await socket.closed;
    assertStrictEquals(socket.signal.reason, error);
    assertStrictEquals(await outcome(socket.close()), error);
  }
});

Deno.test("a reset that a write meets ends frames with the same error, behind what was left", async () => {
  let reads = 0;
  const frame = new Uint8Array([0, 0, 0, 1, 7]);
  const socket = oddSocket({
    write: () => Promise.reject(new Deno.errors.ConnectionReset("reset")),
    read: (p: Uint8Array) =>
      Promise.resolve(reads++ === 0 ? (p.set(frame), frame.length) : null),
  });
  const connection = framed(socket, lengthPrefixed());
  await connection.send(bytes(1));
  const error = await assertRejects(() => connection.flush(), BrokenError);
  assertEquals(await connection.receive(), new Uint8Array([7]));
  assertStrictEquals(await outcome(connection.receive()), error);
});

Deno.test("a read that waits when a write meets a reset gets the same error", async () => {
  const reading = Promise.withResolvers<null>();
  const socket = oddSocket({
    write: () => Promise.reject(new Deno.errors.ConnectionReset("reset")),
    read: () => reading.promise,
  });
  const waiting = outcome(socket.read());
  await socket.write("lost");
  const error = await assertRejects(() => socket.flush(), BrokenError);
  reading.resolve(null);
  assertStrictEquals(await waiting, error);
});

Deno.test("a peer that ends its stream and then refuses ours has ended it cleanly", async () => {
  let reads = 0;
  const socket = oddSocket({
    write: () => Promise.reject(new Deno.errors.BrokenPipe("Broken pipe")),
    read: (p: Uint8Array) =>
      Promise.resolve(reads++ === 0 ? p.fill(97, 0, 4) && 4 : null),
  });
  await socket.write("lost");
  await assertRejects(() => socket.flush(), BrokenError);
  assertEquals(textOf(await socket.read()), "aaaa");
  assertEquals(await socket.read(), null);
});

Deno.test("an array that is transferred while it is written breaks its socket alone", async () => {
  for (const when of ["before its turn", "halfway"]) {
    using pair = spiedPair({ highWaterMarkBytes: 50_000 });
    const { left, right, spy } = pair;
    if (when === "before its turn") {
      spy.hold();
      await left.write("first");
      await turn();
    }
    const array = bytes(100_000);
    const writing = outcome(left.write(array));
    await turn();
    structuredClone(array.buffer, { transfer: [array.buffer] });
    spy.release();
    const drained = outcome(right.readExactly(100_005));
    const error = await writing;
    assertInstanceOf(error, BrokenError, when);
    assert(error.message.includes("transferred"), error.message);
    assertStrictEquals(await outcome(left.write("x")), error);
    assertStrictEquals(await outcome(left.close()), error);
    await drained;
  }
});

Deno.test("an array that shrinks while it is written breaks its socket alone", async () => {
  using pair = spiedPair({ highWaterMarkBytes: 50_000 });
  const { left, right } = pair;
  const buffer = new ArrayBuffer(100_000, { maxByteLength: 200_000 });
  const writing = outcome(left.write(new Uint8Array(buffer)));
  await turn();
  buffer.resize(60_000);
  const drained = outcome(right.readExactly(100_000));
  assertInstanceOf(await writing, BrokenError);
  left.abort();
  await drained;
});

Deno.test("a transferred array is refused, and the socket goes on", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const gone = bytes(10);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  const message = "transferred";
  await assertRejects(() => left.write(gone), TypeError, message);
  await assertRejects(() => left.readInto(gone), TypeError, message);
  await assertRejects(() => left.readUntil(gone), TypeError, message);
  await left.write("goes on");
  assertEquals(textOf(await right.read()), "goes on");
  left.abort();
  assertInstanceOf(await outcome(left.read()), ClosedError);
});

Deno.test("a decoder that closes its socket, or reads from it, does no harm", async () => {
  for (const when of ["at once", "after a read"]) {
    using pair = spiedPair();
    const { left, right } = pair;
    if (when === "at once") {
      await right.write("x");
      await left.peek(1);
    }
    let again: Promise<unknown> | undefined;
    const connection = framed(left, {
      decoder: () => ({
        decode(queue) {
          if (queue.length === 0) return undefined;
          again = outcome(left.read());
          left.abort();
          return undefined;
        },
      }),
      encoder: () => ({ encode() {} }),
    });
    const receiving = outcome(connection.receive());
    await right.write("y");
    assertInstanceOf(await receiving, Error);
    assert(await again !== undefined);
  }
});

Deno.test(
  "a reset that a write meets first is no clean end over TCP",
  TIMEOUT,
  async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept();
    const peer = await connectRudely(listener.addr.port);
    const socket = new Socket(await accepted);
    listener.close();
    await peer.reset();
    // The system has it, before anything is asked of it.
    await socket.write("lost");
    const error = await assertRejects(() => socket.flush(), BrokenError);
    assertEquals(error.reason, "reset");
    for (let i = 0; i < 3; i++) {
      assertStrictEquals(await outcome(socket.read()), error);
    }
    assertStrictEquals(await outcome(socket.close()), error);
  },
);

Deno.test("what is thrown, and addresses, may throw when they are looked at", async () => {
  const secretive = Object.defineProperty(new Error(), "message", {
    get() {
      throw new Error("do not look");
    },
  });
  // Not even what it is can be asked.
  const { proxy: revoked, revoke } = Proxy.revocable(new Error(), {});
  revoke();
  for (const hostile of [secretive, revoked]) {
    const socket = oddSocket({ read: () => Promise.reject(hostile) });
    const broken = await assertRejects(() => socket.read(), BrokenError);
    assertEquals(broken.reason, "other");
    const other = oddSocket({ write: () => Promise.reject(hostile) });
    other.write("x");
    await assertRejects(() => other.flush(), BrokenError);
    const third = oddSocket({ closeWrite: () => Promise.reject(hostile) });
    await assertRejects(() => third.closeWrite(), BrokenError);
  }

  const homeless = Object.defineProperty({}, "remoteAddr", {
    get() {
      throw new Error("nowhere");
    },
  });
  const read = () => Promise.reject(new Deno.errors.ConnectionReset("reset"));
  const nowhere = oddSocket(Object.assign(homeless, { read }));
  const reset = await assertRejects(() => nowhere.read(), BrokenError);
  assertEquals(reset.reason, "reset");
  nowhere.abort();
});

Deno.test("closeWrite() ends where the transport's own call aborts the socket", async () => {
  const socket = oddSocket({
    closeWrite: () => {
      socket.abort();
      return new Promise(() => {});
    },
  });
  await assertRejects(() => socket.closeWrite(), ClosedError);
});
