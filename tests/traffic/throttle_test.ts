import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import { throttle } from "../../lib/traffic/throttle.ts";
import { FakeTime } from "../time/_fake_time.ts";

/** Counts what comes out, for ever; settles how it ended. */
function drain(readable: ReadableStream<Uint8Array>) {
  const seen = { bytes: 0, pieces: 0, largest: 0 };
  const ended = (async () => {
    for await (const piece of readable) {
      seen.bytes += piece.length;
      seen.pieces++;
      seen.largest = Math.max(seen.largest, piece.length);
    }
  })();
  ended.catch(() => {});
  return { seen, ended };
}

/** Writes chunk after chunk until it is told to stop. */
function flood(
  writable: WritableStream<Uint8Array>,
  chunkBytes: number,
): () => Promise<void> {
  const writer = writable.getWriter();
  const chunk = new Uint8Array(chunkBytes);
  const ended = (async () => {
    while (true) await writer.write(chunk);
  })().catch(() => {});
  return async () => {
    await writer.abort();
    await ended;
  };
}

const RATES = [100, 56_000 / 8, 1_000_000, 250_000_000];

Deno.test("throttle() keeps its rate within 5 % over a second, at any rate", async () => {
  for (const bytesPerSecond of RATES) {
    using clock = fakeClock();
    const { readable, writable } = throttle({ bytesPerSecond });
    const { seen } = drain(readable);
    const stop = flood(writable, 65_536);
    for (let second = 1; second <= 2; second++) {
      await clock.advance(1_000);
      const due = bytesPerSecond * second;
      assert(
        Math.abs(seen.bytes / due - 1) <= 0.05,
        `${seen.bytes} bytes in ${second} s at ${bytesPerSecond} a second`,
      );
    }
    await stop();
  }
});

Deno.test("throttle() lets burstBytes pass at once, and again after a pause", async () => {
  using clock = fakeClock();
  const { readable, writable } = throttle({
    bytesPerSecond: 1_000,
    burstBytes: 500,
  });
  const { seen } = drain(readable);
  const writer = writable.getWriter();
  const first = writer.write(new Uint8Array(600));
  await clock.advance(0);
  assertEquals(seen.bytes, 500);
  await clock.advance(100);
  await first;
  assertEquals(seen.bytes, 600);
  // Ten times as long as the bucket takes to fill: it does not overflow.
  await clock.advance(5_000);
  const second = writer.write(new Uint8Array(10_000));
  await clock.advance(0);
  assertEquals(seen.bytes, 1_100);
  second.catch(() => {});
  await writer.abort();
});

Deno.test("throttle() keeps its rate with a burst smaller than a timer's grain", async () => {
  using clock = fakeClock();
  const { readable, writable } = throttle({
    bytesPerSecond: 1_000_000,
    burstBytes: 1,
  });
  const { seen } = drain(readable);
  const stop = flood(writable, 1_000);
  await clock.advance(200);
  assert(Math.abs(seen.bytes - 200_000) <= 2_000, `${seen.bytes} bytes`);
  await stop();
});

Deno.test("throttle() does not make up for a stall of seconds with a flood", async () => {
  using time = FakeTime.install();
  const { readable, writable } = throttle({ bytesPerSecond: 1_000 });
  const { seen } = drain(readable);
  const stop = flood(writable, 100);
  await time.advanceAsync(1_000);
  const before = seen.bytes;
  time.stall(10_000);
  await time.advanceAsync(0);
  // At most a tenth of a second's worth, and a burst.
  assert(seen.bytes - before <= 150, `${seen.bytes - before} bytes`);
  await stop();
});

Deno.test("throttle() takes a chunk only when the one before has been read", async () => {
  using clock = fakeClock();
  const { readable, writable } = throttle({ bytesPerSecond: 1_000 });
  const writer = writable.getWriter();
  let written = 0;
  for (let i = 0; i < 3; i++) {
    writer.write(new Uint8Array(10)).then(() => written++, () => {});
  }
  await clock.advance(10_000);
  assertEquals(written, 0);
  const reader = readable.getReader();
  await reader.read();
  await clock.advance(10_000);
  assertEquals(written, 1);
  await reader.cancel();
});

Deno.test("throttle() keeps bytes and their order, and skips empty chunks", async () => {
  using clock = fakeClock();
  const { readable, writable } = throttle({ bytesPerSecond: 1_000 });
  const sent = Uint8Array.from({ length: 700 }, (_, index) => index & 0xff);
  const writing = (async () => {
    const writer = writable.getWriter();
    let position = 0;
    for (const end of [0, 1, 1, 26, 300, 700]) {
      await writer.write(sent.subarray(position, end));
      position = end;
    }
    await writer.close();
  })();
  const received: number[] = [];
  const reading = (async () => {
    for await (const piece of readable) received.push(...piece);
  })();
  await clock.advance(1_000);
  await Promise.all([writing, reading]);
  assertEquals(received, [...sent]);
});

Deno.test("throttle() runs no timer while nothing waits", async () => {
  using clock = fakeClock();
  const { readable, writable } = throttle({ bytesPerSecond: 1_000 });
  const { ended } = drain(readable);
  const writer = writable.getWriter();
  await writer.write(new Uint8Array(10));
  await clock.advance(0);
  assertEquals(clock.pending, 0);
  const waiting = writer.write(new Uint8Array(100));
  await clock.advance(0);
  assertEquals(clock.pending, 1);
  await clock.advance(1_000);
  await waiting;
  assertEquals(clock.pending, 0);
  await writer.close();
  await ended;
});

Deno.test("throttle() ends a wait at once when its readable is cancelled", async () => {
  using clock = fakeClock();
  const { readable, writable } = throttle({ bytesPerSecond: 1 });
  const writer = writable.getWriter();
  const writing = writer.write(new Uint8Array(1_000));
  const reader = readable.getReader();
  await reader.read();
  const waiting = reader.read();
  await clock.advance(0);
  assertEquals(clock.pending, 1);
  await reader.cancel(new Error("enough"));
  assertEquals(clock.pending, 0);
  assertEquals((await waiting).done, true);
  await writing;
  await assertRejects(
    () => writer.write(new Uint8Array(1)),
    Error,
    "enough",
  );
});

Deno.test("throttle() ends a wait at once when its writable is aborted", async () => {
  using clock = fakeClock();
  const { readable, writable } = throttle({ bytesPerSecond: 1 });
  const writer = writable.getWriter();
  const writing = writer.write(new Uint8Array(1_000)).catch(() => {});
  const reader = readable.getReader();
  await reader.read();
  const waiting = reader.read().catch((error) => error.message);
  await clock.advance(0);
  assertEquals(clock.pending, 1);
  await writer.abort(new Error("enough"));
  assertEquals(clock.pending, 0);
  assertEquals(await waiting, "enough");
  await writing;
});

Deno.test("throttle() ends with the signal of the pipe that reads from it", async () => {
  using clock = fakeClock();
  let cancelled: unknown;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
    cancel: (reason) => void (cancelled = reason),
  });
  const controller = new AbortController();
  const { signal } = controller;
  const ended = endless.pipeThrough(throttle({ bytesPerSecond: 10 }))
    .pipeTo(new WritableStream(), { signal });
  const failed = assertRejects(() => ended, Error, "enough");
  await clock.advance(100);
  assertEquals(clock.pending, 1);
  controller.abort(new Error("enough"));
  await failed;
  assertEquals(clock.pending, 0);
  await clock.advance(0);
  assertEquals(cancelled, signal.reason);
});

Deno.test("throttle() passes the source's error on", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull: () => Promise.reject(new Error("disk on fire")),
  });
  const { ended } = drain(broken.pipeThrough(throttle({ bytesPerSecond: 1 })));
  await assertRejects(() => ended, Error, "disk on fire");
});

Deno.test("throttle() ends an empty stream", async () => {
  const empty = new Blob([]).stream();
  const { seen, ended } = drain(
    empty.pipeThrough(throttle({ bytesPerSecond: 1 })),
  );
  await ended;
  assertEquals(seen.bytes, 0);
});

Deno.test("throttle() refuses a chunk that is no Uint8Array, on both sides", async () => {
  const { readable, writable } = throttle({ bytesPerSecond: 1_000 });
  const { ended } = drain(readable);
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  const text = "abc" as unknown as Uint8Array;
  const message = 'must be a Uint8Array, got "abc"';
  await assertRejects(() => writer.write(text), TypeError, message);
  await assertRejects(() => ended, TypeError, message);
});

Deno.test("throttle() refuses a chunk without its memory, on both sides", async () => {
  const transferred = new Uint8Array(4);
  transferred.buffer.transfer();
  for (const chunk of [transferred, new Proxy(new Uint8Array(4), {})]) {
    const { readable, writable } = throttle({ bytesPerSecond: 1_000 });
    const { ended } = drain(readable);
    const writer = writable.getWriter();
    writer.closed.catch(() => {});
    const message = "Cannot throttle: a chunk must be a Uint8Array with its";
    await assertRejects(() => writer.write(chunk), TypeError, message);
    await assertRejects(() => ended, TypeError, message);
  }
});

Deno.test("throttle() ends both sides where a chunk is transferred before it was read", async () => {
  using clock = fakeClock();
  const { readable, writable } = throttle({ bytesPerSecond: 1_000 });
  const { seen, ended } = drain(readable);
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  const chunk = new Uint8Array(10_000);
  const message = "Cannot throttle: a chunk was transferred or resized";
  const written = assertRejects(
    () => writer.write(chunk),
    TypeError,
    message,
  );
  await clock.advance(1_000);
  chunk.buffer.transfer();
  await clock.advance(1_000);
  await written;
  await assertRejects(() => ended, TypeError, message);
  assert(seen.bytes < 1_100, `${seen.bytes} bytes`);
  assertEquals(clock.pending, 0);
});

Deno.test("throttle() passes everything at once at an infinite rate", async () => {
  using clock = fakeClock();
  const { readable, writable } = throttle({ bytesPerSecond: Infinity });
  const { seen } = drain(readable);
  const writer = writable.getWriter();
  await writer.write(new Uint8Array(1_000_000));
  assertEquals(clock.nowMs, 0);
  assertEquals(seen, { bytes: 1_000_000, pieces: 1, largest: 1_000_000 });
  await writer.close();
});

Deno.test("throttle() refuses options that are not rates", () => {
  for (const bytesPerSecond of [0, -1, 0.5, NaN]) {
    assertThrows(
      () => throttle({ bytesPerSecond }),
      RangeError,
      `Cannot throttle: bytesPerSecond must be at least 1, got ${bytesPerSecond}`,
    );
  }
  for (const wrong of ["1", null, undefined, 1n]) {
    const bytesPerSecond = wrong as unknown as number;
    assertThrows(() => throttle({ bytesPerSecond }), TypeError);
  }
  assertThrows(
    () => throttle({ bytesPerSecond: 10, burstBytes: 0 }),
    RangeError,
    "Cannot throttle: burstBytes must be at least 1, got 0",
  );
});
