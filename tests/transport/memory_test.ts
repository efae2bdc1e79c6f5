import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { BrokenError } from "../../lib/errors.ts";
import {
  type MemoryTransport,
  memoryTransportPair,
} from "../../lib/transport/memory.ts";
import { translateError } from "../../lib/transport/translate_error.ts";

const { BadResource, BrokenPipe, ConnectionReset, Interrupted } = Deno.errors;

const bytes = (length: number, first = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => first + index);

async function readAll(
  transport: MemoryTransport,
  bufferBytes = 7,
): Promise<{ bytes: number[]; sizes: number[] }> {
  const all: number[] = [];
  const sizes: number[] = [];
  const buffer = new Uint8Array(bufferBytes);
  for (;;) {
    const count = await transport.read(buffer);
    if (count === null) return { bytes: all, sizes };
    all.push(...buffer.subarray(0, count));
    sizes.push(count);
  }
}

async function writeAll(
  transport: MemoryTransport,
  data: Uint8Array,
): Promise<number[]> {
  const sizes: number[] = [];
  for (let sent = 0; sent < data.length; sent += sizes[sizes.length - 1]) {
    sizes.push(await transport.write(data.subarray(sent)));
  }
  return sizes;
}

/** Whether a promise has settled once everything that can run has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const mark = () => settled = true;
  promise.then(mark, mark);
  for (let turn = 0; turn < 10; turn++) await null;
  return settled;
}

Deno.test("memoryTransportPair() takes part of a write and makes the next one wait", async () => {
  const [left, right] = memoryTransportPair({ highWaterMarkBytes: 4 });
  assertEquals(await left.write(bytes(6)), 4);
  const waiting = left.write(bytes(2, 4));
  assert(!await isSettled(waiting));
  const buffer = new Uint8Array(3);
  assertEquals(await right.read(buffer), 3);
  assertEquals(buffer, bytes(3));
  assertEquals(await waiting, 2);
  left.close();
  assertEquals((await readAll(right)).bytes, [3, 4, 5]);
});

Deno.test("memoryTransportPair() holds highWaterMarkBytes in each direction", async () => {
  const [left, right] = memoryTransportPair({ highWaterMarkBytes: 3 });
  assertEquals(await left.write(bytes(9)), 3);
  assertEquals(await right.write(bytes(9)), 3);
  const [free] = memoryTransportPair({ highWaterMarkBytes: Infinity });
  assertEquals(await free.write(new Uint8Array(1 << 20)), 1 << 20);
  const [usual] = memoryTransportPair();
  assertEquals(await usual.write(new Uint8Array(1 << 20)), 65_536);
});

Deno.test("memoryTransportPair() serves reads and writes first in, first out", async () => {
  const [left, right] = memoryTransportPair({ highWaterMarkBytes: 1 });
  const [one, two] = [new Uint8Array(1), new Uint8Array(1)];
  const reads = [right.read(one), right.read(two)];
  await Promise.all([left.write(bytes(1, 1)), left.write(bytes(1, 2))]);
  assertEquals(await Promise.all(reads), [1, 1]);
  assertEquals([...one, ...two], [1, 2]);
  const writes = [1, 2, 3].map((first) => left.write(bytes(1, first)));
  const ended = left.closeWrite();
  assertEquals((await readAll(right)).bytes, [1, 2, 3]);
  await Promise.all(writes);
  await ended;
});

Deno.test("memoryTransportPair() leaves an array alone once its promise has settled", async () => {
  const [left, right] = memoryTransportPair({ highWaterMarkBytes: 4 });
  const source = bytes(4);
  await left.write(source);
  source.fill(99);
  const target = new Uint8Array(2);
  assertEquals(await right.read(target), 2);
  assertEquals(target, bytes(2));
  target.fill(77);
  await left.write(bytes(2, 50));
  assertEquals(target, new Uint8Array(2).fill(77));

  const abandoned = new Uint8Array(8);
  const [near, far] = memoryTransportPair();
  const pending = assertRejects(() => near.read(abandoned), Interrupted);
  near.close();
  await pending;
  await assertRejects(() => far.write(bytes(8, 1)), BrokenPipe);
  assertEquals(abandoned, new Uint8Array(8));
});

Deno.test("memoryTransportPair() leaves the other direction open after closeWrite", async () => {
  const [left, right] = memoryTransportPair();
  await left.write(bytes(2));
  await left.closeWrite();
  await left.closeWrite();
  await assertRejects(() => left.write(bytes(1)), BrokenPipe);
  assertEquals((await readAll(right)).bytes, [0, 1]);
  assertEquals(await right.read(new Uint8Array(1)), null);
  await right.write(bytes(3));
  right.close();
  assertEquals((await readAll(left)).bytes, [0, 1, 2]);
});

Deno.test("close() rejects pending calls with Interrupted and later ones with BadResource", async () => {
  const [left] = memoryTransportPair({ highWaterMarkBytes: 1 });
  await left.write(bytes(1));
  const pending = [
    left.read(new Uint8Array(1)),
    left.write(bytes(1)),
    left.closeWrite(),
  ];
  left.close();
  for (const call of pending) await assertRejects(() => call, Interrupted);
  await assertRejects(() => left.read(new Uint8Array(1)), BadResource);
  await assertRejects(() => left.write(bytes(1)), BadResource);
  await assertRejects(() => left.write(new Uint8Array()), BadResource);
  await assertRejects(() => left.closeWrite(), BadResource);
  assertThrows(() => left.close(), BadResource);
  left[Symbol.dispose]();
  assertEquals(await left.read(new Uint8Array()), 0);
});

Deno.test("close() lets the peer read what was written, then the end", async () => {
  const [left, right] = memoryTransportPair();
  await left.write(bytes(3));
  left.close();
  assertEquals((await readAll(right)).bytes, [0, 1, 2]);
  await assertRejects(() => right.write(bytes(1)), BrokenPipe);
});

Deno.test("close() with unread input resets the peer", async () => {
  const [left, right] = memoryTransportPair();
  await right.write(bytes(1));
  const pending = right.read(new Uint8Array(1));
  left.close();
  await assertRejects(() => pending, ConnectionReset);
  assertEquals(await right.read(new Uint8Array(1)), null);
  await assertRejects(() => right.write(bytes(1)), BrokenPipe);
});

Deno.test("close() with unread input lets the peer read what had arrived first", async () => {
  const [left, right] = memoryTransportPair();
  await left.write(bytes(3));
  await right.write(bytes(1));
  left.close();
  assertEquals(await right.read(new Uint8Array(9)), 3);
  await assertRejects(() => right.read(new Uint8Array(9)), ConnectionReset);
  assertEquals(await right.read(new Uint8Array(9)), null);
});

Deno.test("close() with unread input fails a write that was waiting", async () => {
  const [left, right] = memoryTransportPair({ highWaterMarkBytes: 1 });
  await right.write(bytes(1));
  const pending = right.write(bytes(1));
  left.close();
  await assertRejects(() => pending, ConnectionReset);
  assertEquals(await right.read(new Uint8Array(1)), null);
});

Deno.test("reset() fails the pending calls of both sides, which translate to reset", async () => {
  const [left, right] = memoryTransportPair({ highWaterMarkBytes: 1 });
  await left.write(bytes(1));
  const calls = {
    leftRead: left.read(new Uint8Array(1)),
    leftWrite: left.write(bytes(1)),
  };
  left.reset();
  for (const call of Object.values(calls)) {
    const raw = await assertRejects(() => call, ConnectionReset);
    const error = translateError(raw, { operation: "read" });
    assertInstanceOf(error, BrokenError);
    assertEquals(error.reason, "reset");
  }
  assertEquals(await right.read(new Uint8Array(1)), 1);
  await assertRejects(() => right.write(bytes(1)), ConnectionReset);
  await assertRejects(() => right.write(bytes(1)), BrokenPipe);
  assertEquals(await right.read(new Uint8Array(1)), null);
  left.close();
  right.close();
});

Deno.test("reset() reaches a read that is pending on the other side", async () => {
  const [left, right] = memoryTransportPair();
  const pending = right.read(new Uint8Array(1));
  left.reset();
  left.reset();
  await assertRejects(() => pending, ConnectionReset);
  await assertRejects(() => left.read(new Uint8Array(1)), ConnectionReset);
  assertEquals(await left.read(new Uint8Array(1)), null);
  await left.closeWrite();
});

Deno.test("memoryTransportPair() cuts at the same places for the same seed", async () => {
  async function trace(seed: number): Promise<unknown> {
    const [left, right] = memoryTransportPair({ seed, highWaterMarkBytes: 64 });
    const reading = readAll(right, 50);
    const writes = await writeAll(left, bytes(200));
    left.close();
    const { bytes: got, sizes } = await reading;
    assertEquals(got, [...bytes(200)]);
    return { writes, sizes };
  }
  const first = await trace(7);
  assertEquals(await trace(7), first);
  assert(JSON.stringify(await trace(8)) !== JSON.stringify(first));
  const { writes, sizes } = first as { writes: number[]; sizes: number[] };
  assert(writes.length > 10 && sizes.length > 10);
});

Deno.test("memoryTransportPair() cuts each direction by itself", async () => {
  async function cuts(noise: boolean): Promise<number[]> {
    const [left, right] = memoryTransportPair({ seed: 3 });
    if (noise) await writeAll(right, bytes(100));
    return writeAll(left, bytes(100));
  }
  assertEquals(await cuts(true), await cuts(false));
});

Deno.test("memoryTransportPair() cuts the calls of the left end alone where it is told to", async () => {
  const [left, right] = memoryTransportPair({ seed: 7, cut: "left" });
  const written = await writeAll(left, bytes(100));
  assert(written.length > 3, `${written}`);
  left.closeWrite();
  // What is there is read at once, from the right.
  assertEquals(await readAll(right, 1_000), {
    bytes: [...bytes(100)],
    sizes: [100],
  });
  assertEquals(await writeAll(right, bytes(100)), [100]);
  right.closeWrite();
  const read = await readAll(left, 1_000);
  assertEquals(read.bytes, [...bytes(100)]);
  assert(read.sizes.length > 3, `${read.sizes}`);
  assertThrows(
    () => memoryTransportPair({ seed: 1, cut: "right" as never }),
    RangeError,
    'cut must be "both" or "left", got "right"',
  );
});

Deno.test("memoryTransportPair() names its ends", () => {
  const [left, right] = memoryTransportPair({ names: ["client", "server"] });
  assertEquals(left.localAddr, { transport: "memory", name: "client" });
  assertEquals(left.remoteAddr, right.localAddr);
  assertEquals(right.remoteAddr, left.localAddr);
});

Deno.test("memoryTransportPair() refuses options that are out of range", () => {
  for (const highWaterMarkBytes of [0, -1, 1.5, NaN]) {
    assertThrows(
      () => memoryTransportPair({ highWaterMarkBytes }),
      RangeError,
      "Cannot make a memory pair: highWaterMarkBytes must be an integer of at least 1, " +
        `or Infinity, got ${highWaterMarkBytes}`,
    );
  }
  for (const seed of [0.5, NaN, Infinity]) {
    assertThrows(() => memoryTransportPair({ seed }), RangeError, "seed");
  }
});
