import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connect, serve } from "@sluice/net";
import {
  type FramePart,
  inParts,
  lengthPrefixed,
  netstring,
} from "../../lib/codec/mod.ts";
import { BusyError, CodecError, UnexpectedEofError } from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import { halvesOf, type Socket } from "../../lib/socket/socket.ts";
import {
  bytes,
  isSettled,
  outcome,
  spiedPair,
  testOverMemoryAndTcp,
  textOf,
  turn,
} from "../_support/sockets.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const files = inParts(
  lengthPrefixed({ lengthBytes: 8, maxFrameBytes: 4 * GIB }),
);

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** The most memory that was in use at any look, over what was at first. */
class MemoryWatch {
  readonly #before = this.#now;
  most = 0;

  /** Without what the engine has not collected yet. */
  get #now(): number {
    gc();
    const { external, heapUsed } = Deno.memoryUsage();
    return external + heapUsed;
  }

  look(): void {
    this.most = Math.max(this.most, this.#now - this.#before);
  }
}

/** Sends a frame of `count` parts, which is nowhere whole. */
async function sendLarge(socket: Socket, part: Uint8Array, count: number) {
  const sender = framed(socket, files);
  await sender.send({ head: { size: count * part.length } });
  for (let i = 0; i < count; i++) await sender.send({ part });
  await sender.send({ end: true });
  await sender.flush();
}

testOverMemoryAndTcp(
  "a frame of 1 GiB passes in parts, in flat memory",
  async (makePair) => {
    for (const lendFrames of [false, true]) {
      using pair = await makePair();
      const { left, right } = pair;
      const size = lendFrames ? GIB : GIB / 8;
      const part = new Uint8Array(512 * 1024).map((_, i) => i);
      const watch = new MemoryWatch();
      const sent = sendLarge(left, part, size / part.length);
      const receiver = framed(right, files, { lendFrames });
      const head = await receiver.receive();
      assertEquals(head?.head?.size, size);
      let received = 0;
      let parts = 0;
      for await (const frame of receiver) {
        if (frame.end) break;
        const { length } = frame.part!;
        assertEquals(frame.part![7], (received + 7) % 256);
        received += length;
        if (++parts % 2048 === 1024) watch.look();
      }
      assertEquals(received, size);
      await sent;
      assert(watch.most < 8 * MIB, `${watch.most} bytes`);
    }
  },
);

Deno.test("parts are under backpressure, both ways", async () => {
  using pair = spiedPair();
  const { left, right, spy } = pair;
  const sending = sendLarge(left, new Uint8Array(256 * 1024), 64);
  assertEquals(await isSettled(sending), false);
  // A receiver that waits for the next part only keeps the rest with the sender.
  const receiver = framed(right, files);
  await receiver.receive();
  await receiver.receive();
  await turn();
  assert(spy.writes.length < 8);
  assert(right.stats.bytesRead < MIB);
  for await (const { end } of receiver) {
    if (end) break;
  }
  await sending;
});

Deno.test("a stream that ends inside a frame in parts is an UnexpectedEofError, with what is due", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const sender = framed(left, inParts(netstring()));
  const receiver = framed(right, inParts(netstring(), { partBytes: 4 }));
  await sender.send({ head: { size: 10 } });
  await sender.send({ part: bytes(6) });
  // The peer must not take it for the whole, and this side says why.
  await assertRejects(
    () => sender.closeWrite(),
    CodecError,
    "its parts must have the 10 bytes of its head, got 6",
  );
  left.close().catch(() => {});
  const seen: FramePart[] = [];
  const error = await assertRejects(async () => {
    for await (const frame of receiver) seen.push(frame);
  }, UnexpectedEofError);
  assertEquals(seen.length, 2);
  assertEquals([error.received, error.expected], [9, 14]);
});

Deno.test("a part that is one byte too many is refused, and none of it is sent", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const sender = framed(left, inParts(netstring()));
  await sender.send({ head: { size: 3 } });
  await assertRejects(() => sender.send({ part: bytes(4) }), CodecError);
  await assertRejects(() => sender.send({ end: true }), CodecError);
  await sender.send({ part: bytes(3, 65) });
  await sender.send({ end: true });
  assertEquals(textOf(await right.readExactly(6)), "3:ABC,");
});

Deno.test("a drain waits for the end of a frame that comes in parts", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const receiver = framed(left, inParts(netstring(), { partBytes: 2 }));
  await right.write("4:ab");
  assertEquals((await receiver.receive())?.head?.size, 4);
  assertEquals(textOf((await receiver.receive())!.part!), "ab");
  halvesOf(left).drain();
  const next = receiver.receive();
  assertEquals(await isSettled(next), false);
  await right.write("cd,");
  assertEquals(textOf((await next)!.part!), "cd");
  assertEquals((await receiver.receive())?.end, true);
  assertEquals(await receiver.receive(), null);
});

Deno.test("codecs cannot be switched inside a frame that comes in parts", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const receiver = framed(left, inParts(netstring()));
  await right.write("2:ab,rest");
  await receiver.receive();
  for (let i = 0; i < 2; i++) {
    assertThrows(() => receiver.switch(netstring()), BusyError);
    await receiver.receive();
  }
  receiver.switch(lengthPrefixed());
  const { socket } = receiver.detach();
  assertEquals(textOf(await socket.readExactly(4)), "rest");
});

Deno.test("frameTimeoutMs and a cut off receive leave a frame in parts whole", async () => {
  using pair = spiedPair();
  const { left, right } = pair;
  const receiver = framed(left, inParts(netstring(), { partBytes: 2 }));
  await right.write("4:abc");
  await receiver.receive();
  await receiver.receive();
  const abort = new AbortController();
  const cut = outcome(receiver.receive({ signal: abort.signal }));
  abort.abort("stop");
  assertEquals(await cut, "stop");
  await right.write("d,");
  assertEquals(textOf((await receiver.receive())!.part!), "cd");
  assertEquals((await receiver.receive())?.end, true);
});

Deno.test("a server passes on a frame in parts as it comes, over TCP", {
  timeout: 20_000,
}, async () => {
  const codec = inParts(lengthPrefixed({ maxFrameBytes: 64 * MIB }));
  await using server = serve({ port: 0 }, async (socket) => {
    const connection = framed(socket, codec);
    for await (const frame of connection) await connection.send(frame);
  });
  await using socket = await connect({ port: server.addr.port });
  const connection = framed(socket, codec);
  const part = bytes(100_000);
  const sent = (async () => {
    await connection.send({ head: { size: 32 * 100_000 } });
    for (let i = 0; i < 32; i++) await connection.send({ part });
    await connection.send({ end: true });
    await connection.closeWrite();
  })();
  let received = 0;
  let ended = 0;
  for await (const { part, end } of connection) {
    if (part) received += part.length;
    if (end) ended++;
  }
  await sent;
  assertEquals([received, ended], [32 * 100_000, 1]);
  assertInstanceOf(part, Uint8Array);
});
