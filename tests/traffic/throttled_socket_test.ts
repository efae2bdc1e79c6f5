import { assert, assertEquals, assertThrows } from "@std/assert";
import { ClosedError, TimeoutError } from "../../lib/errors.ts";
import type { SocketOptions } from "../../lib/socket/options.ts";
import { Socket } from "../../lib/socket/socket.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import {
  bytes,
  outcome,
  spiedPair,
  tcpConns,
  TIMEOUT,
} from "../_support/sockets.ts";

/** Reads until the end; `count` grows meanwhile. */
function countReads(socket: Socket) {
  const seen = { bytes: 0 };
  (async () => {
    for await (const chunk of socket) seen.bytes += chunk.length;
  })().catch(() => {});
  return seen;
}

/** Writes until it fails. */
async function flood(socket: Socket): Promise<void> {
  const chunk = new Uint8Array(16_384);
  try {
    while (true) await socket.write(chunk);
  } catch {
    // The test is over.
  }
}

Deno.test("a socket reads at most at maxReadBytesPerSecond, within 5 % over a second", async () => {
  for (const maxReadBytesPerSecond of [500, 100_000, 10_000_000]) {
    using clock = fakeClock();
    using pair = spiedPair({ right: { maxReadBytesPerSecond } });
    const flooding = flood(pair.left);
    const seen = countReads(pair.right);
    for (let second = 1; second <= 2; second++) {
      await clock.advance(1_000);
      const due = maxReadBytesPerSecond * second;
      assert(
        Math.abs(seen.bytes / due - 1) <= 0.05,
        `${seen.bytes} bytes in ${second} s at ${maxReadBytesPerSecond} a second`,
      );
    }
    pair.left.abort();
    await flooding;
  }
});

Deno.test("a socket writes at most at maxWriteBytesPerSecond, within 5 % over a second", async () => {
  for (const maxWriteBytesPerSecond of [500, 100_000, 10_000_000]) {
    using clock = fakeClock();
    using pair = spiedPair({ left: { maxWriteBytesPerSecond } });
    const flooding = flood(pair.left);
    const seen = countReads(pair.right);
    for (let second = 1; second <= 2; second++) {
      await clock.advance(1_000);
      const due = maxWriteBytesPerSecond * second;
      assert(
        Math.abs(seen.bytes / due - 1) <= 0.05,
        `${seen.bytes} bytes in ${second} s at ${maxWriteBytesPerSecond} a second`,
      );
    }
    pair.left.abort();
    await flooding;
  }
});

Deno.test("a throttled reader slows its peer down and buffers no more", async () => {
  using clock = fakeClock();
  using pair = spiedPair({
    right: { maxReadBytesPerSecond: 1_000 },
    highWaterMarkBytes: 4_096,
  });
  const { left, right } = pair;
  countReads(right);
  let accepted = 0;
  const writing = (async () => {
    while (true) {
      await left.write(new Uint8Array(1_024));
      accepted += 1_024;
    }
  })().catch(() => {});
  await clock.advance(10_000);
  // What was read, the pipe, the writer's high-water mark: nothing else holds bytes.
  const most = 10_000 * 1.05 + 4_096 + 64 * 1_024 + 1_024;
  assert(accepted <= most, `${accepted} bytes accepted`);
  left.abort();
  await writing;
});

Deno.test("a throttled write goes out in pieces, in order, and closes after the last", async () => {
  using clock = fakeClock();
  using pair = spiedPair({ left: { maxWriteBytesPerSecond: 1_000 } });
  const { left, right } = pair;
  const data = bytes(250);
  const closing = left.write(data).then(() => left.close());
  const reading = (async () => {
    const received: number[] = [];
    for await (const chunk of right) received.push(...chunk);
    await right.close();
    return received;
  })();
  await clock.advance(1_000);
  assertEquals(await reading, [...data]);
  await closing;
  assertEquals(left.stats.bytesWritten, 250);
});

Deno.test("burstBytes may pass at once", async () => {
  using clock = fakeClock();
  const options: SocketOptions = {
    maxReadBytesPerSecond: 1_000,
    burstBytes: 600,
  };
  using pair = spiedPair({ right: options });
  await pair.left.write(new Uint8Array(700));
  assertEquals((await pair.right.readExactly(600)).length, 600);
  const rest = pair.right.readExactly(100);
  await clock.advance(0);
  assertEquals(pair.right.stats.bytesRead, 600);
  await clock.advance(200);
  await rest;
});

Deno.test("abort() and close() end a throttled wait at once, and its timer", async () => {
  for (const end of ["abort", "close"] as const) {
    using clock = fakeClock();
    using pair = spiedPair({
      left: {
        maxReadBytesPerSecond: 1,
        maxWriteBytesPerSecond: 1,
        closeTimeoutMs: 1_000,
      },
    });
    const { left, right } = pair;
    await right.write(new Uint8Array(10));
    await left.readExactly(1);
    const reading = outcome(left.read());
    const writing = outcome(left.write(new Uint8Array(200_000)));
    await clock.advance(10);
    assertEquals(clock.pending, 2);
    if (end === "abort") left.abort();
    const closing = end === "close" ? outcome(left.close()) : undefined;
    assert(await reading instanceof ClosedError);
    if (closing !== undefined) {
      await clock.advance(2_000);
      // 200,000 bytes at 1 a second: it says that they were lost.
      assert(await closing instanceof TimeoutError);
    }
    assert(await writing instanceof ClosedError);
    await clock.advance(0);
    assertEquals(clock.pending, 0);
  }
});

Deno.test("a throttled read that is cut off loses nothing", async () => {
  using clock = fakeClock();
  using pair = spiedPair({ right: { maxReadBytesPerSecond: 10 } });
  await pair.left.write(bytes(5));
  const first = outcome(pair.right.readExactly(5, { timeoutMs: 100 }));
  await clock.advance(200);
  assert(await first instanceof TimeoutError);
  const second = pair.right.readExactly(5);
  await clock.advance(1_000);
  assertEquals(await second, bytes(5));
});

Deno.test("a throttled socket that waits for nothing runs no timer", async () => {
  using clock = fakeClock();
  using pair = spiedPair({ right: { maxReadBytesPerSecond: 1_000 } });
  const reading = pair.right.read();
  await clock.advance(60_000);
  assertEquals(clock.pending, 0);
  await pair.left.write("a");
  assertEquals((await reading)?.length, 1);
});

Deno.test("a socket without a rate uses its transport itself", async () => {
  for (const rate of [undefined, Infinity]) {
    using pair = spiedPair({
      left: { maxReadBytesPerSecond: rate, maxWriteBytesPerSecond: rate },
    });
    const { left, spy } = pair;
    await left.write(new Uint8Array(50_000));
    await left.flush();
    assertEquals(spy.writes, [50_000]);
  }
});

Deno.test("detach() gives the transport back without the throttle", async () => {
  using pair = spiedPair({ left: { maxReadBytesPerSecond: 1 } });
  assertEquals(pair.left.detach().transport, pair.spy);
  await pair.right.write(bytes(9));
  assertEquals(await pair.spy.read(new Uint8Array(9)), 9);
  pair.spy.close();
});

Deno.test(
  "a TCP transfer takes the time that its rate asks for",
  TIMEOUT,
  async () => {
    const [near, far] = await tcpConns();
    using sender = new Socket(near);
    using receiver = new Socket(far, { maxReadBytesPerSecond: 4_000_000 });
    const start = performance.now();
    const sending = sender.write(new Uint8Array(1_000_000));
    await receiver.readExactly(1_000_000);
    const ms = performance.now() - start;
    await sending;
    // A quarter of a second less the burst; a busy machine may take longer.
    assert(ms >= 220, `${ms} ms`);
  },
);

Deno.test("a socket refuses rates that are none, and a minimum too near the maximum", async () => {
  const [near, far] = await tcpConns();
  try {
    const make = (options: SocketOptions) => () => new Socket(near, options);
    assertThrows(
      make({ maxReadBytesPerSecond: 0 }),
      RangeError,
      "Cannot make a socket: maxReadBytesPerSecond must be at least 1, got 0",
    );
    assertThrows(make({ maxWriteBytesPerSecond: NaN }), RangeError);
    assertThrows(make({ burstBytes: 0 }), RangeError);
    const text = "fast" as unknown as number;
    assertThrows(make({ maxWriteBytesPerSecond: text }), TypeError);
    assertThrows(
      make({ minReadBytesPerSecond: 100, maxReadBytesPerSecond: 150 }),
      RangeError,
      "Cannot make a socket: maxReadBytesPerSecond must be at least 200, got 150",
    );
  } finally {
    near.close();
    far.close();
  }
});
