/**
 * What `read` and frames give are views, and may share their memory with bytes that wait. A
 * caller that transfers it, to a worker say, takes those as well: that connection alone ends,
 * with one typed error, and no promise is left behind.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  BrokenError,
  connect,
  framed,
  lengthPrefixed,
  lines,
  serve,
  Socket,
  type Transport,
} from "@sluice/net";
import { fromDuplex, fromStreams } from "@sluice/net/adapters";
import { Requests } from "@sluice/net/client";
import {
  type ByteWriter,
  type Codec,
  decodeStream,
  delimited,
  mapped,
  netstring,
  packets,
  struct,
  text,
  u8,
  varintPrefixed,
} from "@sluice/net/codec";
import { memoryPair } from "@sluice/net/testing";
import { once } from "node:events";
import { connect as connectNode } from "node:net";
import { Duplex } from "node:stream";
import { NodeSocketTransport } from "../../lib/transport/_node_socket.ts";
import { createAuthority } from "../_support/certificates.ts";
import {
  bytes,
  outcome,
  SEEDS,
  tcpConns,
  textOf,
  TIMEOUT,
  turn,
} from "../_support/sockets.ts";

function transfer(array: Uint8Array): void {
  const buffer = array.buffer as ArrayBuffer;
  structuredClone(buffer, { transfer: [buffer] });
}

function join(arrays: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(arrays.flatMap((array) => [...array]));
}

/** One error, of the class that says so, now and later. */
async function assertLost(
  ...calls: (() => Promise<unknown>)[]
): Promise<void> {
  let first: unknown;
  for (const call of [...calls, ...calls]) {
    const error = await outcome(call());
    assertInstanceOf(error, BrokenError);
    assertEquals(error.reason, "other");
    assert(error.message.includes("transferred"), error.message);
    first ??= error;
    assertStrictEquals(error, first);
  }
}

Deno.test("an array that was read and is transferred takes what shares its memory, and breaks its socket alone", async () => {
  const [left, right] = memoryPair();
  await left.write("first\nsecond\n");
  await left.flush();
  transfer(await right.readExactly(6));
  await assertLost(
    () => right.readLine(),
    () => right.read(),
    () => right.readExactly(3),
    () => right.readUntil("\n"),
    () => right.peek(1),
    () => right.readInto(new Uint8Array(1)),
    () => framed(right, lines()).receive(),
    () => right[Symbol.asyncIterator]().next(),
  );
  await right.closed;
  left.abort();
});

Deno.test("an array that was read may be transferred where nothing shares its memory", async () => {
  const [left, right] = memoryPair();
  for (const text of ["one", "two", "three"]) {
    await left.write(text);
    const chunk = await right.read();
    assertEquals(textOf(chunk), text);
    transfer(chunk!);
  }
  await left.closeWrite();
  assertEquals(await right.read(), null);
  await Promise.all([left.close(), right.close()]);
});

Deno.test("the end of the peer is no clean end behind bytes that were lost", async () => {
  const [left, right] = memoryPair();
  await left.write("first, second");
  await left.close({ timeoutMs: 1 });
  transfer(await right.readExactly(6));
  await assertLost(() => right.read(), () => right.readLine());
});

const codecs: Record<string, Codec<Uint8Array>> = {
  lengthPrefixed: lengthPrefixed(),
  varintPrefixed: varintPrefixed(),
  netstring: netstring(),
  delimited: delimited({ delimiter: ";" }),
};
for (const [name, codec] of Object.entries(codecs)) {
  Deno.test(`a frame of ${name} that is transferred ends the frames behind it with one error`, async () => {
    const [left, right] = memoryPair();
    const sender = framed(left, codec);
    const receiver = framed(right, codec);
    await sender.sendAll([bytes(9), bytes(9), bytes(9)]);
    await sender.flush();
    transfer((await receiver.receive())!);
    await assertLost(
      () => receiver.receive(),
      () => receiver[Symbol.asyncIterator]().next(),
      () => receiver.batches()[Symbol.asyncIterator]().next(),
    );
    left.abort();
  });

  Deno.test(`a chunk of a stream of ${name} that is transferred fails both sides`, async () => {
    const chunks = [];
    for (let i = 0; i < 3; i++) {
      const [left, right] = memoryPair();
      await framed(left, codec).send(new Uint8Array(3_000).fill(i));
      await left.closeWrite();
      chunks.push(...await Array.fromAsync(right));
      left.abort();
      right.abort();
    }
    const { readable, writable } = decodeStream(codec);
    const writer = writable.getWriter();
    const written = join(chunks);
    const writing = outcome(writer.write(written));
    transfer(written);
    const reader = readable.getReader();
    const error = await outcome(reader.read());
    assertInstanceOf(error, TypeError);
    assert(error.message.includes("transferred"), error.message);
    assertStrictEquals(await writing, error);
  });
}

const careless: Codec<Uint8Array> = {
  decoder: () => ({
    decode(queue) {
      if (queue.length === 0) return undefined;
      transfer(queue.take(1));
      return queue.take(1);
    },
  }),
  encoder: () => lengthPrefixed().encoder(),
};
const giving = mapped(lengthPrefixed(), (frame) => {
  transfer(frame);
  return bytes(1);
}, (frame: Uint8Array) => frame);
for (
  const [what, codec, when] of [
    ["decoder that transfers what has arrived", careless, "before"],
    ["decoder that transfers what is waited for", careless, "after"],
    ["hook that transfers a frame", giving, "after"],
  ] as const
) {
  Deno.test(`a ${what} ends all calls with one error`, async () => {
    for (const how of ["receive", "next", "batch"] as const) {
      const [left, right] = memoryPair();
      const receiver = framed(right, codec);
      const frames = receiver[Symbol.asyncIterator]();
      const batches = receiver.batches()[Symbol.asyncIterator]();
      const call = {
        receive: () => receiver.receive(),
        next: () => frames.next(),
        batch: () => batches.next(),
      }[how];
      const waiting = when === "after" ? call() : undefined;
      const sender = framed(left, lengthPrefixed());
      await sender.sendAll([bytes(9), bytes(9), bytes(9)]);
      if (waiting !== undefined) await assertLost(() => waiting, call);
      else {
        await right.peek(39);
        await assertLost(call, call);
      }
      right.abort();
      left.abort();
    }
  });
}

Deno.test("memory that is transferred while a call waits ends that call with the same error", async () => {
  const [left, right] = memoryPair();
  await left.write("abcd");
  await left.flush();
  const head = await right.readExactly(1);
  const call = outcome(right.readExactly(300));
  await turn();
  transfer(head);
  await left.write(bytes(500));
  assertInstanceOf(await call, BrokenError);
  await assertLost(() => right.read());
  left.abort();
});

Deno.test("bytes that were put back and transferred break the socket", async () => {
  const [left, right] = memoryPair();
  const [first, second] = [bytes(100), bytes(100)];
  right.unread(second);
  right.unread(first);
  transfer(second);
  // The first 100 are there.
  assertInstanceOf(await outcome(right.readExactly(150)), BrokenError);
  await assertLost(() => right.read());
  left.abort();
});

Deno.test("an answer that is transferred ends each request behind it once", async () => {
  const [left, right] = memoryPair();
  const requests = new Requests(framed(left, lengthPrefixed()), {
    match: "order",
  });
  const server = framed(right, lengthPrefixed());
  const answers = [1, 2, 3].map(() => requests.request(bytes(8)));
  for (let i = 0; i < 3; i++) await server.receive();
  const out: Uint8Array[] = [];
  for (const _ of answers) out.push(new Uint8Array([0, 0, 0, 200]), bytes(200));
  const all = join(out);
  // One and a half of them: the rest shares the memory.
  await right.write(all.slice(0, 300));
  transfer(await answers[0]);
  await right.write(all.slice(300));
  await assertRejects(() => answers[1], BrokenError);
  await assertRejects(() => answers[2], BrokenError);
  await requests.closed;
  right.abort();
});

Deno.test("whatever is transferred at whatever moment, each call settles, and no byte comes out of its place", async () => {
  for (const seed of SEEDS) {
    let state = seed * 7919;
    const random = (most: number) =>
      (state = (state * 1103515245 + 12345) & 0x7fffffff) % most;
    const [left, right] = memoryPair({ seed });
    const sent = bytes(4_000);
    const writing = outcome(
      left.write(sent.slice()).then(() => left.closeWrite()),
    );
    let place = 0;
    for (;;) {
      const size = 1 + random(400);
      const got = random(3) === 0
        ? await outcome(right.read())
        : await outcome(right.readExactly(size));
      if (!(got instanceof Uint8Array)) {
        assert(got === null || got instanceof Error);
        break;
      }
      assertEquals(got, sent.subarray(place, place + got.length));
      place += got.length;
      if (random(12) === 0) transfer(got);
    }
    right.abort();
    await writing;
    left.abort();
  }
});

/** A socket of each kind of transport, and what sends five bytes to it. */
const transports: Record<
  string,
  () => Promise<[Socket, () => unknown, AsyncDisposable]>
> = {
  async "TCP"() {
    const [near, far] = await tcpConns();
    return [new Socket(near), () => far.write(bytes(5)), closing(far)];
  },
  async "TCP of node:net"() {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = listener.accept();
    const { port } = listener.addr;
    const node = connectNode({ port, allowHalfOpen: true });
    const far = await accepting;
    listener.close();
    if (node.connecting) await once(node, "connect");
    const addr = { transport: "tcp", hostname: "127.0.0.1", port } as const;
    const transport = new NodeSocketTransport(node, addr, addr);
    return [new Socket(transport), () => far.write(bytes(5)), closing(far)];
  },
  async "TLS of Deno"() {
    return await overTls({});
  },
  async "TLS of node:tls"() {
    return await overTls({ verify: () => {} });
  },
  "streams"() {
    const { readable, writable } = new TransformStream<Uint8Array>();
    const writer = writable.getWriter();
    const socket = new Socket(
      fromStreams({ readable, writable: new WritableStream() }),
    );
    const send = () => void writer.write(bytes(5)).catch(() => {});
    return Promise.resolve([socket, send, closing({ close() {} })]);
  },
  "a Duplex of Node"() {
    const duplex = new Duplex({ read() {}, write: (_, __, done) => done() });
    const socket = new Socket(fromDuplex(duplex));
    const send = () => duplex.push(bytes(5));
    return Promise.resolve([socket, send, closing({ close() {} })]);
  },
};

function closing(resource: { close(): unknown }): AsyncDisposable {
  return { [Symbol.asyncDispose]: async () => void await resource.close() };
}

async function overTls(
  checks: { verify?: () => void },
): Promise<[Socket, () => unknown, AsyncDisposable]> {
  const authority = await createAuthority();
  const accepted = Promise.withResolvers<Socket>();
  const server = serve(
    { port: 0, tls: await authority.issue() },
    (socket) => (accepted.resolve(socket), socket.closed),
  );
  const tls = { caCerts: [authority.cert], ...checks };
  const socket = await connect({ ...server.addr, tls });
  const far = await accepted.promise;
  return [
    socket,
    () => far.write(bytes(5)),
    closing({ close: () => server.shutdown({ timeoutMs: 0 }) }),
  ];
}

for (const [name, make] of Object.entries(transports)) {
  Deno.test(
    `an array that is transferred while a read fills it ends that read alone, over ${name}`,
    TIMEOUT,
    async () => {
      const [socket, send, far] = await make();
      await using _ = far;
      const target = bytes(100);
      const call = outcome(socket.readInto(target));
      await turn();
      transfer(target);
      await send();
      const error = await call;
      assertInstanceOf(error, BrokenError);
      assert(error.message.includes("was transferred"), error.message);
      assertStrictEquals(await outcome(socket.read()), error);
      await socket.closed;
    },
  );
}

/** A codec that does with its frames what it should not. */
function takingCodec(): Codec<Uint8Array> {
  const { decoder } = lengthPrefixed();
  return {
    decoder,
    encoder: () => ({
      encode(frame: Uint8Array, out: ByteWriter) {
        out.writeUint(frame.length, 4);
        out.write(frame);
        transfer(frame);
      },
    }),
  };
}

Deno.test("a codec that transfers what it is given to encode takes nothing from others", async () => {
  const point = struct({ x: u8, y: u8 });
  const [left, right] = memoryPair();
  const shapes: [Codec<unknown, never>, Codec<unknown, never>, unknown][] = [
    [text(takingCodec()), text(lengthPrefixed()), "some text"],
    [packets(point, takingCodec()), packets(point, lengthPrefixed()), {
      x: 1,
      y: 2,
    }],
  ];
  for (const [taking, good, frame] of shapes) {
    const [near, far] = memoryPair();
    const sender = framed(near, taking);
    for (let i = 0; i < 6; i++) await sender.send(frame as never);
    const receiver = framed(far, good);
    for (let i = 0; i < 6; i++) assertEquals(await receiver.receive(), frame);
    await framed(left, good).send(frame as never);
    const other = framed(right, good);
    assertEquals(await other.receive(), frame);
    other.detach();
    near.abort();
    far.abort();
  }
  left.abort();
  right.abort();
});

Deno.test("a transport that transfers what it is given takes nothing from others", async () => {
  const sent: number[] = [];
  const addr = { transport: "memory", name: "x" } as const;
  /** As one that hands arrays over to a worker. */
  const taking = (reads: Promise<number | null>[]): Transport => ({
    localAddr: addr,
    remoteAddr: addr,
    read(array) {
      transfer(array);
      return reads.shift() ?? Promise.resolve(null);
    },
    write(array) {
      const { length } = array;
      sent.push(length);
      transfer(array);
      return Promise.resolve(length);
    },
    closeWrite: () => Promise.resolve(),
    close() {},
  });
  for (let i = 0; i < 5; i++) {
    const socket = new Socket(taking([]));
    await socket.write("hello");
    await socket.flush();
    await socket.write("again");
    await socket.close();
  }
  assertEquals(sent, Array(10).fill(5));
  // What all sockets share: blocks to write to, and what is read into while they close.
  const [left, right] = memoryPair();
  for (let i = 0; i < 70; i++) {
    await left.write("x");
    await left.flush();
  }
  const writing = left.write(bytes(200_000));
  await Promise.all([right.close(), writing.then(() => left.close())]);
});

Deno.test("an encoder that transfers the memory it writes to breaks its socket alone", async () => {
  const [left, right] = memoryPair();
  const frames = framed(left, {
    decoder: lengthPrefixed().decoder,
    encoder: () => ({
      encode(_: Uint8Array, out: ByteWriter) {
        out.writeText("gone");
        transfer(out.block);
      },
    }),
  });
  frames.send(bytes(1));
  const error = await outcome(left.flush());
  assertInstanceOf(error, BrokenError);
  assert(error.message.includes("transferred"), error.message);
  assertStrictEquals(await outcome(left.write("x")), error);
  left.abort();
  await right.write("others go on").catch(() => {});
  right.abort();
  const [near, far] = memoryPair();
  await near.write("fine");
  assertEquals(textOf(await far.read()), "fine");
  near.abort();
  far.abort();
});
