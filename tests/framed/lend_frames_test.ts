import {
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
} from "@std/assert";
import { type Codec, framed, inParts, lengthPrefixed } from "@sluice/net";
import { memoryPair } from "@sluice/net/testing";
import { SEEDS } from "../_support/sockets.ts";

const frameOf = (i: number, size: number) => new Uint8Array(size).fill(i);

Deno.test("lendFrames gives whole frames that are good until the next is asked for", async () => {
  for (const seed of SEEDS) {
    const [left, right] = memoryPair({ seed });
    const sender = framed(left, lengthPrefixed());
    const receiver = framed(right, lengthPrefixed(), { lendFrames: true });
    const sizes = [0, 1, 63, 1000, 5, 70_000, 3, 4096, 200_000, 17];
    const sent = sender.sendAll(sizes.map((size, i) => frameOf(i, size)))
      .then(() => left.closeWrite());
    let i = 0;
    for await (const frame of receiver) {
      assertEquals(frame, frameOf(i, sizes[i]));
      i++;
    }
    assertEquals(i, sizes.length);
    await sent;
    left.abort();
    right.abort();
  }
});

Deno.test("lendFrames uses memory again, and without it memory is the caller's", async () => {
  for (const lendFrames of [true, false]) {
    const [left, right] = memoryPair();
    const sender = framed(left, lengthPrefixed());
    const receiver = framed(right, lengthPrefixed(), { lendFrames });
    const buffers = new Set<ArrayBufferLike>();
    const kept: Uint8Array[] = [];
    for (let i = 0; i < 100; i++) {
      await sender.send(frameOf(i, 500));
      const frame = (await receiver.receive())!;
      buffers.add(frame.buffer);
      kept.push(frame);
    }
    if (lendFrames) {
      // The first slab, and perhaps a larger one that follows the traffic.
      assertEquals(buffers.size <= 2, true, `${buffers.size} slabs`);
    } else {
      assertEquals(buffers.size > 10, true, `${buffers.size} slabs`);
      kept.forEach((frame, i) => assertEquals(frame, frameOf(i, 500)));
    }
    left.abort();
    right.abort();
  }
});

Deno.test("lendFrames lends a whole batch until the next is asked for", async () => {
  const [left, right] = memoryPair();
  const sender = framed(left, lengthPrefixed());
  const receiver = framed(right, lengthPrefixed(), { lendFrames: true });
  const batches = receiver.batches()[Symbol.asyncIterator]();
  const seen: ArrayBufferLike[] = [];
  for (let round = 0; round < 3; round++) {
    await sender.sendAll([frameOf(round, 10), frameOf(round + 1, 20)]);
    const { value: batch } = await batches.next();
    assertEquals(batch, [frameOf(round, 10), frameOf(round + 1, 20)]);
    seen.push(batch[0].buffer);
  }
  assertStrictEquals(seen[1], seen[2]);
  // What is taken for keeps, by the socket, is never written again.
  await left.write("keep me");
  const kept = (await right.read())!;
  await left.write("something else");
  const next = (await right.read())!;
  assertEquals(new TextDecoder().decode(kept), "keep me");
  assertNotStrictEquals(kept, next);
  left.abort();
  right.abort();
});

Deno.test("lendFrames uses memory again within a frame that comes in parts", async () => {
  for (const lendFrames of [true, false]) {
    const [left, right] = memoryPair();
    const codec = inParts(lengthPrefixed(), { partBytes: 500 });
    const sender = framed(left, codec);
    const receiver = framed(right, codec, { lendFrames });
    const buffers = new Set<ArrayBufferLike>();
    await sender.send({ head: { size: 50_000 } });
    await receiver.receive();
    for (let i = 0; i < 100; i++) {
      await sender.send({ part: frameOf(i, 500) });
      const { part } = (await receiver.receive())!;
      assertEquals(part, frameOf(i, 500));
      buffers.add(part!.buffer);
    }
    const few = buffers.size <= 3;
    assertEquals(few, lendFrames, `${buffers.size} slabs`);
    left.abort();
    right.abort();
  }
});

Deno.test("lendFrames leaves alone what a decoder says that it holds", async () => {
  // A frame is handed out when the next one comes: in between the decoder holds a view.
  const late = (holdsBytes: boolean | undefined): Codec<Uint8Array> => ({
    decoder() {
      const inner = lengthPrefixed().decoder();
      let held: Uint8Array | undefined;
      return {
        midFrame: false,
        holdsBytes,
        decode(bytes) {
          const next = inner.decode(bytes);
          if (next === undefined) return undefined;
          const frame = held ?? next;
          held = next;
          return frame;
        },
        finish: () => undefined,
      };
    },
    encoder: () => lengthPrefixed().encoder(),
  });
  for (const holdsBytes of [true, undefined]) {
    const [left, right] = memoryPair();
    const sender = framed(left, late(holdsBytes));
    const receiver = framed(right, late(holdsBytes), { lendFrames: true });
    let intact = true;
    for (let i = 0; i < 20; i++) {
      await sender.send(frameOf(i, 100));
      const frame = (await receiver.receive())!;
      intact &&= frame.every((byte) => byte === Math.max(0, i - 1));
    }
    assertEquals(intact, holdsBytes === true);
    left.abort();
    right.abort();
  }
});
