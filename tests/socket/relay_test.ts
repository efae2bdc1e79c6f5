import { Buffer } from "node:buffer";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { seededRandom } from "../../lib/_random.ts";
import {
  BrokenError,
  BusyError,
  ClosedError,
  TimeoutError,
} from "../../lib/errors.ts";
import { relay, type RelayOptions } from "../../lib/socket/relay.ts";
import { Socket } from "../../lib/socket/socket.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import { memoryNetwork } from "../../lib/testing/memory_network.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import type { Transport } from "../../lib/transport/options.ts";
import {
  bytes,
  isSettled,
  outcome,
  SEEDS,
  spiedPair,
  TIMEOUT,
  turn,
} from "../_support/sockets.ts";
import { tcpPair, tlsPairs } from "../_support/transports.ts";

/** A client, a relay and a server in memory; `a` and `b` are the relay's sockets. */
function relayed(options?: RelayOptions) {
  const left = spiedPair();
  const right = spiedPair();
  const relaying = relay(left.left, right.left, options);
  relaying.catch(() => {});
  return {
    client: left.right,
    server: right.right,
    clientTransport: left.far,
    serverTransport: right.far,
    a: left.left,
    b: right.left,
    /** What carries bytes to the client. */
    clientSpy: left.spy,
    /** What carries bytes to the server. */
    spy: right.spy,
    relaying,
    [Symbol.dispose]() {
      left[Symbol.dispose]();
      right[Symbol.dispose]();
    },
  };
}

/** All bytes until the end of the stream, or until it breaks. */
async function readAll(socket: Socket): Promise<[Uint8Array, unknown?]> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of socket) chunks.push(chunk);
  } catch (error) {
    return [await joined(chunks), error];
  }
  return [await joined(chunks)];
}

function joined(chunks: Uint8Array[]): Promise<Uint8Array> {
  return new Blob(chunks as Uint8Array<ArrayBuffer>[]).bytes();
}

Deno.test("relay() passes bytes both ways, each end on, and says who ended first", async () => {
  using world = relayed();
  const { client, server } = world;
  await client.write("question\n");
  assertEquals(await server.readLine(), "question");
  await server.write("answer\n");
  assertEquals(await client.readLine(), "answer");
  await client.write("that is all");
  await client.closeWrite();
  assertEquals(await server.readLine(), "that is all");
  assertEquals(await server.read(), null);
  assertEquals(await isSettled(world.relaying), false);
  // The other direction goes on.
  await server.write("bye\n");
  assertEquals(await client.readLine(), "bye");
  await server.closeWrite();
  assertEquals(await client.read(), null);
  assertEquals(await world.relaying, {
    bytesAToB: 20,
    bytesBToA: 11,
    endedBy: "a",
  });
  await Promise.all([world.a.closed, world.b.closed]);
});

Deno.test("relay() passes on what was read before it began", async () => {
  const left = spiedPair();
  const right = spiedPair();
  await left.right.write("CONNECT\nhello\n");
  await left.left.readLine();
  const relaying = relay(left.left, right.left);
  assertEquals(await right.right.readLine(), "hello");
  await Promise.all([left.right.close(), right.right.close()]);
  assertEquals((await relaying).bytesAToB, 6);
});

Deno.test("relay() ends at once where a socket had ended before", async () => {
  const left = spiedPair();
  const right = spiedPair();
  left.left.abort(new Error("before"));
  const { endedBy, error } = await relay(left.left, right.left);
  assertEquals(endedBy, "a");
  assert(error !== undefined);
  await right.left.closed;
});

Deno.test("relay() aborts both once nothing has moved for idleMs", async () => {
  using clock = fakeClock();
  using world = relayed({ idleMs: 1_000 });
  await world.client.write("x");
  await clock.advance(900);
  await world.server.write("y");
  await clock.advance(990);
  assertEquals(await isSettled(world.relaying), false);
  await clock.advance(100);
  const result = await world.relaying;
  assertEquals(result.endedBy, "idle");
  assertInstanceOf(result.error, TimeoutError);
  assertEquals(result.error.operation, "stay idle");
  assertEquals(result.error.timeoutMs, 1_000);
  assertEquals([result.bytesAToB, result.bytesBToA], [1, 1]);
  await Promise.all([world.a.closed, world.b.closed]);
});

Deno.test("relay() limits a half-open pair to halfCloseIdleMs, 60 s by default", async () => {
  for (const [halfCloseIdleMs, ms] of [[undefined, 60_000], [500, 500]]) {
    using clock = fakeClock();
    using world = relayed({ idleMs: 600_000, halfCloseIdleMs });
    await clock.advance(100_000);
    await world.client.closeWrite();
    await clock.advance(ms! * 0.9);
    // What moves in the other direction counts.
    await world.server.write("still here");
    await clock.advance(ms! * 0.9);
    assertEquals(await isSettled(world.relaying), false);
    await clock.advance(ms! * 0.2);
    const { endedBy, error, bytesBToA } = await world.relaying;
    assertEquals([endedBy, bytesBToA], ["half-close-idle", 10]);
    assertInstanceOf(error, TimeoutError);
  }
});

Deno.test("relay() takes no slow peer for an idle one", async () => {
  using clock = fakeClock();
  using network = memoryNetwork({
    bytesPerSecond: 4_096,
    highWaterMarkBytes: 4_096,
    split: false,
  });
  const listener = network.listen({ name: "slow" });
  const [b, server] = await Promise.all([
    network.connect({ name: "slow" }),
    listener[Symbol.asyncIterator]().next().then(({ value }) => value!),
  ]);
  listener.close();
  const { left: a, right: client } = spiedPair();
  const relaying = relay(a, b, { idleMs: 5_000 });
  const sent = client.write(new Uint8Array(128 * 1024));
  const received = readAll(server);
  // Of the last chunk a part is on its way for 16 seconds.
  await clock.advance(31_000);
  assertEquals(await isSettled(relaying), false);
  await sent;
  await clock.advance(1_500);
  assertEquals(server.stats.bytesRead, 128 * 1024);
  await clock.advance(12_000);
  const { bytesAToB, endedBy } = await relaying;
  assertEquals([bytesAToB, endedBy], [128 * 1024, "idle"]);
  assertEquals((await received)[0].length, 128 * 1024);
});

Deno.test("relay() aborts the other side where one breaks, behind what came before", async () => {
  using world = relayed();
  world.clientSpy.hold();
  await world.server.write("last words");
  await turn();
  assertEquals(world.b.stats.bytesRead, 10);
  world.serverTransport.reset();
  assertEquals(await isSettled(world.relaying), false);
  world.clientSpy.release();
  assertEquals((await readAll(world.client))[0].length, 10);
  const result = await world.relaying;
  assertEquals(result.endedBy, "b");
  assertInstanceOf(result.error, BrokenError);
  assertEquals(result.error.reason, "reset");
  await Promise.all([world.a.closed, world.b.closed]);
});

Deno.test("relay() ends where the other side breaks although nothing is read from it", async () => {
  using world = relayed();
  await world.server.closeWrite();
  assertEquals(await world.client.read(), null);
  world.spy.writeError = new Deno.errors.ConnectionReset("reset");
  await world.client.write("into the void");
  const result = await world.relaying;
  assertEquals(result.endedBy, "b");
  assertInstanceOf(result.error, BrokenError);
  assertEquals(result.bytesAToB, 0);
});

Deno.test("relay() passes an answer on whose sender reads no more", async () => {
  using world = relayed();
  const question = world.client.write(bytes(10));
  assertEquals((await world.server.readExactly(10)).length, 10);
  await question;
  world.spy.writeError = new Deno.errors.BrokenPipe("broken pipe");
  await world.client.write("more, which is not wanted");
  await turn();
  await world.server.write("the answer, too early\n");
  assertEquals(await world.client.readLine(), "the answer, too early");
  await world.server.closeWrite();
  const { endedBy, error, bytesBToA } = await world.relaying;
  assertEquals([endedBy, bytesBToA], ["b", 22]);
  assertInstanceOf(error, BrokenError);
});

Deno.test("relay() ends where a socket of it is aborted", async () => {
  using world = relayed();
  await world.server.closeWrite();
  await turn();
  const reason = new Error("not welcome any more");
  world.b.abort(reason);
  const { endedBy, error } = await world.relaying;
  assertEquals(endedBy, "b");
  assertStrictEquals(error, reason);
  await world.a.closed;
});

Deno.test("relay() holds no more than two chunks for a side that does not read", async () => {
  const left = spiedPair({ highWaterMarkBytes: 1024 });
  const right = spiedPair({ highWaterMarkBytes: 1024 });
  const relaying = relay(left.left, right.left);
  const block = new Uint8Array(1024 * 1024);
  const writing = left.right.write(block);
  for (let i = 0; i < 2_000; i++) await turn();
  const taken = left.left.stats.bytesRead;
  assertLess(taken, 256 * 1024);
  for (let i = 0; i < 100; i++) await turn();
  assertEquals(left.left.stats.bytesRead, taken);
  const reading = readAll(right.right);
  await writing;
  await left.right.closeWrite();
  await right.right.closeWrite();
  assertEquals((await reading)[0].length, block.length);
  assertEquals((await relaying).bytesAToB, block.length);
});

Deno.test("relay() makes no copy of large chunks", async () => {
  const left = spiedPair({ highWaterMarkBytes: 2 << 20 });
  const right = spiedPair({ highWaterMarkBytes: 2 << 20 });
  // All of it is there, so that each read fills its buffer.
  await left.right.write(new Uint8Array(1 << 20));
  await left.right.closeWrite();
  await right.right.closeWrite();
  await relay(left.left, right.left);
  const large = right.spy.written.filter(({ length }) => length === 64 * 1024);
  assertEquals(large.length, 15);
  // The two buffers of the direction, from which the transport writes.
  assertEquals(new Set(large.map(({ buffer }) => buffer)).size, 2);
});

Deno.test("relay() rejects with the reason of its signal, and aborts both", async () => {
  const controller = new AbortController();
  using world = relayed({ signal: controller.signal });
  await world.client.write("hello\n");
  assertEquals(await world.server.readLine(), "hello");
  const reason = new Error("the proxy shuts down");
  controller.abort(reason);
  assertStrictEquals(await outcome(world.relaying), reason);
  await Promise.all([world.a.closed, world.b.closed]);
  assertStrictEquals(world.a.signal.reason, reason);
});

Deno.test("relay() rejects where its time is over, and aborts both", async () => {
  using clock = fakeClock();
  using world = relayed({ timeoutMs: 1_000 });
  await clock.advance(1_000);
  const error = await assertRejects(() => world.relaying, TimeoutError);
  assertEquals(error.operation, "relay");
  await Promise.all([world.a.closed, world.b.closed]);
});

Deno.test("relay() whose limit has ended before leaves no socket behind", async () => {
  const ends = [
    { signal: AbortSignal.abort(new Error("before")) },
    { deadline: Deadline.after(0) },
  ];
  for (const limit of ends) {
    const left = spiedPair();
    const right = spiedPair();
    await assertRejects(() => relay(left.left, right.left, limit), Error);
    await Promise.all([left.left.closed, right.left.closed]);
    assertEquals(await left.right.read(), null);
    left[Symbol.dispose]();
    right[Symbol.dispose]();
  }
  // A limit that is none is a bad argument: nothing is touched.
  const left = spiedPair();
  const right = spiedPair();
  const wrong = { signal: {} as AbortSignal };
  await assertRejects(() => relay(left.left, right.left, wrong), TypeError);
  await left.right.write("x");
  assertEquals((await left.left.read())?.length, 1);
  left[Symbol.dispose]();
  right[Symbol.dispose]();
});

Deno.test("relay() leaves a read alone that is under way", async () => {
  const left = spiedPair();
  const right = spiedPair();
  const reading = left.left.readLine();
  await assertRejects(() => relay(left.left, right.left), BusyError);
  await left.right.write("still mine\n");
  assertEquals(await reading, "still mine");
  left[Symbol.dispose]();
  right[Symbol.dispose]();
});

Deno.test("relay() waits for beforeWrite in its direction alone", async () => {
  const gate = Promise.withResolvers<void>();
  const seen: [number, string][] = [];
  using world = relayed({
    beforeWrite: (count, from) => {
      seen.push([count, from]);
      return from === "a" ? gate.promise : undefined;
    },
  });
  await world.client.write("held back\n");
  await world.server.write("free\n");
  assertEquals(await world.client.readLine(), "free");
  assertEquals(await isSettled(world.server.peek(1)), false);
  assertEquals(seen, [[10, "a"], [5, "b"]]);
  gate.resolve();
});

Deno.test("relay() rejects with what beforeWrite throws", async () => {
  const failure = new Error("over the quota");
  using world = relayed({
    beforeWrite: () => Promise.reject(failure),
  });
  await world.client.write("x");
  assertStrictEquals(await outcome(world.relaying), failure);
  await Promise.all([world.a.closed, world.b.closed]);
});

Deno.test("relay() refuses bad arguments before it touches a socket", async () => {
  const { left: a, right: b } = spiedPair();
  const notASocket = {} as Socket;
  await assertRejects(() => relay(a, notASocket), TypeError, "Cannot relay: b");
  await assertRejects(() => relay(a, a), TypeError, "another socket than a");
  for (const idleMs of [0, -1, NaN]) {
    await assertRejects(() => relay(a, b, { idleMs }), RangeError, "idleMs");
  }
  await assertRejects(
    () => relay(a, b, { halfCloseIdleMs: 0 }),
    RangeError,
    "halfCloseIdleMs",
  );
  await assertRejects(
    // @ts-expect-error -- a misspelt name
    () => relay(a, b, { halfCloseIdle: 1 }),
    TypeError,
    "did you mean halfCloseIdleMs?",
  );
  await b.write("x");
  assertEquals((await a.read())?.length, 1);
  a.abort();
  b.abort();
});

/** Writes all of `data` in random pieces, and ends one way or another. */
async function talk(
  socket: Socket,
  data: Uint8Array,
  end: "closeWrite" | "abort" | "stay",
  random: () => number,
  mostBytes: number,
): Promise<void> {
  for (let at = 0; at < data.length;) {
    const length = 1 + Math.floor(random() ** 4 * mostBytes);
    await socket.write(data.subarray(at, at + length));
    at += length;
    if (random() < 0.3) await turn();
  }
  if (end === "closeWrite") await socket.closeWrite();
  else if (end === "abort") socket.abort();
}

Deno.test("relay() gives the same bytes under random cuts, half-closes and resets", async () => {
  for (const seed of SEEDS) {
    for (const resetRate of [0, 0, 0.01]) {
      const random = seededRandom(seed);
      using network = memoryNetwork({
        seed,
        resetRate,
        highWaterMarkBytes: 1 + Math.floor(random() * 5_000),
      });
      const make = async (name: string) => {
        const listener = network.listen({ name });
        const pair = await Promise.all([
          network.connect({ name }),
          listener[Symbol.asyncIterator]().next().then(({ value }) => value!),
        ]);
        listener.close();
        return pair;
      };
      const [client, a] = await make("proxy");
      const [b, server] = await make("target");
      const relaying = relay(a, b, { idleMs: 60_000 });
      const data = [client, server].map(() =>
        new Uint8Array(Math.floor(random() * 8_000)).map(() => random() * 256)
      );
      const aborts = resetRate > 0 && random() < 0.5;
      const talking = [
        talk(client, data[0], aborts ? "abort" : "closeWrite", random, 4_000),
        talk(server, data[1], "closeWrite", random, 4_000),
      ].map(outcome);
      const [[atServer, serverError], [atClient, clientError]] = await Promise
        .all([readAll(server), readAll(client)]);
      await Promise.all(talking);
      const result = await relaying;
      const about = `seed ${seed}, resets ${resetRate}`;
      // Never anything else than what was sent.
      assertEquals(atServer, data[0].subarray(0, atServer.length), about);
      assertEquals(atClient, data[1].subarray(0, atClient.length), about);
      if (resetRate === 0) {
        assertEquals([serverError, clientError], [undefined, undefined], about);
        assertEquals(
          [result.bytesAToB, result.bytesBToA],
          [atServer.length, atClient.length],
          about,
        );
        assertEquals(atServer.length, data[0].length, about);
        assertEquals(atClient.length, data[1].length, about);
        assertEquals(result.error, undefined, about);
      } else if (result.error !== undefined) {
        assert(
          result.error instanceof BrokenError ||
            result.error instanceof ClosedError,
          `${about}: ${result.error}`,
        );
      }
      await Promise.all([a.closed, b.closed]);
      await Promise.all([outcome(client.close()), outcome(server.close())]);
      assertEquals(network.connections, 0, about);
    }
  }
});

Deno.test(
  "relay() carries megabytes both ways over TCP and TLS",
  TIMEOUT,
  async () => {
    const makeTls = await tlsPairs();
    const makers: [
      () => Promise<[Transport, Transport]>,
      () => Promise<[Transport, Transport]>,
    ][] = [[tcpPair, tcpPair], [tcpPair, makeTls], [makeTls, makeTls]];
    for (const [left, right] of makers) {
      const [client, a] = (await left()).map((each) => new Socket(each));
      const [b, server] = (await right()).map((each) => new Socket(each));
      const relaying = relay(a, b, { idleMs: 10_000 });
      const random = seededRandom(7);
      const data = new Uint8Array(3_000_000).map(() => random() * 256);
      const [[atServer], [atClient]] = await Promise.all([
        readAll(server),
        readAll(client),
        talk(client, data, "closeWrite", random, 200_000),
        talk(server, data.subarray(1), "closeWrite", random, 200_000),
      ]);
      assertEquals(Buffer.compare(atServer, data), 0);
      assertEquals(Buffer.compare(atClient, data.subarray(1)), 0);
      const { bytesAToB, bytesBToA, error } = await relaying;
      assertEquals(
        [bytesAToB, bytesBToA, error],
        [data.length, data.length - 1, undefined],
      );
      await Promise.all([client.close(), server.close()]);
    }
  },
);
