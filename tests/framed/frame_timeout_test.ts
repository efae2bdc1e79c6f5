import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { framed, lengthPrefixed, TimeoutError } from "@sluice/net";
import { fakeClock, memoryPair } from "@sluice/net/testing";

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
