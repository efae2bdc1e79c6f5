import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ClosedError,
  type Codec,
  delimited,
  framed,
  lengthPrefixed,
  lines,
  MalformedFrameError,
  netstring,
  TimeoutError,
  varintPrefixed,
} from "@sluice/net";
import { fakeClock, memoryPair } from "@sluice/net/testing";
import { keeping } from "./_codecs.ts";

Deno.test("frameTimeoutMs ends a frame that drips, each byte of it in time", async () => {
  using clock = fakeClock();
  const [peer, socket] = memoryPair();
  const frames = framed(
    socket,
    lengthPrefixed({ maxFrameBytes: 2 ** 30 }),
    { frameTimeoutMs: 1_000 },
  );
  const outcome = assertRejects(() => frames.receive(), TimeoutError);
  let dripped = 0;
  let over = false;
  outcome.then(() => over = true);
  while (!over && dripped < 50) {
    await peer.write(new Uint8Array([1]));
    dripped++;
    await clock.advance(100);
  }
  assertEquals((await outcome).timeoutMs, 1_000);
  peer.abort();
  socket.abort();
});

Deno.test("frameTimeoutMs does not count the silence between frames", async () => {
  using clock = fakeClock();
  const [peer, socket] = memoryPair();
  const sender = framed(peer, lengthPrefixed());
  const frames = framed(socket, lengthPrefixed(), { frameTimeoutMs: 1_000 });
  for (let i = 0; i < 3; i++) {
    const received = frames.receive();
    await clock.advance(60_000);
    await sender.send(new Uint8Array([i]));
    assertEquals(await received, new Uint8Array([i]));
  }
  peer.abort();
  socket.abort();
});

Deno.test("frameTimeoutMs loses nothing: a later receive gets the whole frame", async () => {
  using clock = fakeClock();
  const [peer, socket] = memoryPair();
  const frames = framed(socket, lengthPrefixed(), { frameTimeoutMs: 1_000 });
  await peer.write(new Uint8Array([0, 0, 0, 2, 7]));
  const outcome = assertRejects(() => frames.receive(), TimeoutError);
  await clock.advance(2_000);
  await outcome;
  await peer.write(new Uint8Array([8]));
  assertEquals(await frames.receive(), new Uint8Array([7, 8]));
  peer.abort();
  socket.abort();
});

Deno.test("frameTimeoutMs must be above 0", () => {
  const [peer, socket] = memoryPair();
  assertThrows(
    () => framed(socket, lengthPrefixed(), { frameTimeoutMs: 0 }),
    RangeError,
    "Cannot frame a socket: frameTimeoutMs must be at least 1, got 0",
  );
  peer.abort();
  socket.abort();
});

/** Codecs that drop a frame of more than four bytes, and how one begins on the wire. */
const DROPPING: Record<string, [Codec<unknown, never>, string]> = {
  lengthPrefixed: [
    lengthPrefixed({ maxFrameBytes: 4, oversize: "skip" }),
    "\x00\x00\x10\x00",
  ],
  varintPrefixed: [
    varintPrefixed({ maxFrameBytes: 4, oversize: "skip" }),
    "\x7f",
  ],
  netstring: [netstring({ maxFrameBytes: 4, oversize: "skip" }), "1000:"],
  "delimited, skip": [
    delimited({ delimiter: "\n", maxFrameBytes: 4, oversize: "skip" }),
    "too long",
  ],
  "delimited, truncate": [
    delimited({ delimiter: "\r\n", maxFrameBytes: 4, oversize: "truncate" }),
    "too long",
  ],
  "lines, skip": [lines({ maxLineBytes: 4, oversize: "skip" }), "too long"],
  "lines, truncate": [
    lines({ maxLineBytes: 4, oversize: "truncate", newline: "\r\n" }),
    "too long",
  ],
};

for (const [name, [codec, begin]] of Object.entries(DROPPING)) {
  Deno.test(`frameTimeoutMs ends a peer that drips a frame which is dropped: ${name}`, async () => {
    using clock = fakeClock();
    const [peer, socket] = memoryPair();
    const frames = framed(socket, codec, { frameTimeoutMs: 1_000 });
    await peer.write(begin);
    // A truncated frame is handed out before its end comes.
    const outcome = assertRejects(async () => {
      while (await frames.receive() !== null) { /* until it throws */ }
    }, TimeoutError);
    let over = false;
    outcome.then(() => over = true);
    let dripped = 0;
    for (; !over && dripped < 30; dripped++) {
      await peer.write("x");
      await clock.advance(100);
    }
    assertEquals((await outcome).timeoutMs, 1_000);
    assertEquals(dripped >= 10, true, `after ${dripped} bytes`);
    peer.abort();
    socket.abort();
  });
}

Deno.test("frameTimeoutMs counts for what a decoder keeps of a frame", async () => {
  using clock = fakeClock();
  const [peer, socket] = memoryPair();
  const frames = framed(socket, keeping, { frameTimeoutMs: 1_000 });
  await peer.write("one\ntw");
  assertEquals(await frames.receive(), "one");
  const outcome = assertRejects(() => frames.receive(), TimeoutError);
  await clock.advance(2_000);
  await outcome;
  const received = frames.receive();
  await peer.write("o\n");
  assertEquals(await received, "two");
  // Nothing of a frame is kept: silence is allowed.
  const third = frames.receive();
  await clock.advance(60_000);
  await peer.write("three\n");
  assertEquals(await third, "three");
  peer.abort();
  socket.abort();
});

/** As `digits` in `_codecs.ts`, of two characters each. */
const pairsOfDigits: Codec<string> = {
  decoder: () => ({
    decode(bytes) {
      if (bytes.length < 2) return undefined;
      const frame = new TextDecoder().decode(bytes.take(2));
      if (/\d\d/.test(frame)) return frame;
      throw new MalformedFrameError(`Cannot decode ${frame}`, {
        recoverable: true,
      });
    },
  }),
  encoder: () => ({ encode: (frame, out) => void out.writeText(frame) }),
};

Deno.test("frameTimeoutMs begins anew behind a bad frame", async () => {
  using clock = fakeClock();
  const [peer, socket] = memoryPair();
  const frames = framed(socket, pairsOfDigits, { frameTimeoutMs: 1_000 });
  const bad = assertRejects(() => frames.receive(), MalformedFrameError);
  await peer.write("x");
  await clock.advance(800);
  await peer.write("y1");
  await bad;
  const next = frames.receive();
  await clock.advance(800);
  await peer.write("2");
  assertEquals(await next, "12");
  peer.abort();
  socket.abort();
});

const dropping = lengthPrefixed({
  lengthBytes: 1,
  maxFrameBytes: 4,
  oversize: "skip",
});

Deno.test("frameTimeoutMs begins anew behind a frame that was dropped", async () => {
  using clock = fakeClock();
  const [peer, socket] = memoryPair();
  const frames = framed(socket, dropping, { frameTimeoutMs: 1_000 });
  const next = frames.receive();
  await peer.write(new Uint8Array([5, 1, 2, 3]));
  await clock.advance(800);
  // The rest of it, and the beginning of the next one.
  await peer.write(new Uint8Array([4, 5, 2, 7]));
  await clock.advance(800);
  await peer.write(new Uint8Array([8]));
  assertEquals(await next, new Uint8Array([7, 8]));
  // Behind one that is dropped, silence is allowed as behind any other.
  const last = frames.receive();
  await peer.write(new Uint8Array([5, 1, 2, 3, 4, 5]));
  await clock.advance(60_000);
  await peer.write(new Uint8Array([1, 9]));
  assertEquals(await last, new Uint8Array([9]));
  peer.abort();
  socket.abort();
});

Deno.test("frameTimeoutMs counts for nothing once the socket has ended", async () => {
  const [peer, socket] = memoryPair();
  await peer.write("part");
  await socket.peek(4);
  socket.abort();
  // Its alarm would run for ever, which the sanitizers notice.
  const frames = framed(socket, lines(), { frameTimeoutMs: 1_000 });
  await assertRejects(() => frames.receive(), ClosedError);
  peer.abort();
});
