/**
 * Bytes on their way through a world of faults: none is lost, changed or made up, and what
 * is broken never looks complete.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  framed,
  lengthPrefixed,
  relay,
  type Socket,
  SocketError,
  TimeoutError,
} from "@sluice/net";
import { type HostProcess, simulate, type World } from "@sluice/net/testing";
import { chaos, DELAYS, FAULTS, FIRST_SEED } from "./_chaos.ts";

/** The byte at a place in every stream of these tests. */
function byteAt(place: number): number {
  return (place * 31 + (place >> 8)) & 0xff;
}

/** Sends a stream of a known length, in pieces. */
async function sendStream(
  world: World,
  socket: Socket,
  length: number,
): Promise<void> {
  for (let sent = 0; sent < length;) {
    const size = Math.min(world.integer(1, 5_000), length - sent);
    await socket.write(
      Uint8Array.from({ length: size }, (_, i) => byteAt(sent + i)),
    );
    sent += size;
    if (world.random() < 0.2) await world.sleep(world.integer(0, 100));
  }
  await socket.closeWrite();
}

/** Reads to the end; says how many bytes came, and how it ended. */
async function readStream(
  socket: Socket,
): Promise<{ received: number; error: unknown }> {
  let received = 0;
  try {
    for await (const chunk of socket) {
      assert(chunk.every((byte, i) => byte === byteAt(received + i)));
      received += chunk.length;
    }
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    return { received, error };
  }
  return { received, error: undefined };
}

/** Passes what it gets on to the sink. */
function proxy(host: HostProcess): void {
  host.serve(async (socket) => {
    const sink = await host.connect({ name: "sink", timeoutMs: 60_000 });
    await relay(socket, sink, { halfCloseIdleMs: 120_000 });
  });
}

/** A stream from one host to another; what came of it. */
async function passStream(
  world: World,
  to: string,
  faults: typeof FAULTS,
): Promise<{ length: number; received: number; error: unknown }> {
  const length = world.integer(0, 20_000);
  const listener = world.host("sink").listen();
  const hosts = ["source", "proxy", "sink"];
  const happening = chaos(world, hosts, {
    forMs: 300,
    everyMs: 100,
    faults,
  });
  // Of the process, as it may crash.
  const { process: source } = world.host("source");
  const send = async () => {
    await using socket = await source.connect({ name: to, timeoutMs: 60_000 });
    await sendStream(world, socket, length);
    // The sink sends nothing: this is the end of both directions.
    assertEquals(await socket.read(), null);
  };
  const sending = send().catch((error) => {
    if (!(error instanceof SocketError)) throw error;
  });
  let outcome: Awaited<ReturnType<typeof readStream>>;
  try {
    const accepted = await listener.accept({ timeoutMs: 100_000 });
    // The sink itself may have crashed before.
    outcome = accepted === null
      ? { received: 0, error: "crashed" }
      : await readStream(accepted);
    await accepted?.close();
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    outcome = { received: 0, error };
  }
  await Promise.all([sending, happening, listener.close()]);
  return { length, ...outcome };
}

Deno.test("a simulated relay passes every byte on, however late", async () => {
  await simulate(
    { seed: FIRST_SEED, seeds: 100, hosts: { proxy } },
    async (world) => {
      const stream = await passStream(world, "proxy", DELAYS);
      assertEquals(stream.error, undefined);
      assertEquals(stream.received, stream.length);
    },
  );
});

Deno.test("a simulated relay makes no byte up where connections break, and ends", async () => {
  let cut = 0;
  await simulate(
    { seed: FIRST_SEED, seeds: 100, hosts: { proxy } },
    async (world) => {
      // What a relay aborts looks to the peer as a clean end: Deno cannot reset.
      const { received, length } = await passStream(world, "proxy", FAULTS);
      assert(received <= length);
      if (received < length) cut++;
    },
  );
  assert(cut > 10, `${cut}`);
});

Deno.test("a simulated stream that ends cleanly is whole, whatever breaks", async () => {
  let broken = 0;
  await simulate({ seed: FIRST_SEED, seeds: 200 }, async (world) => {
    const { error, received, length } = await passStream(world, "sink", FAULTS);
    if (error !== undefined) broken++;
    else assertEquals(received, length);
  });
  assert(broken > 20 && broken < 180, `${broken}`);
});

Deno.test("simulated frames survive every receive that is given up", async () => {
  let givenUp = 0;
  await simulate({ seed: FIRST_SEED, seeds: 200 }, async (world) => {
    const count = world.integer(1, 40);
    const codec = lengthPrefixed();
    const server = world.host("server").serve(async (socket) => {
      const connection = framed(socket, codec);
      for (let i = 0; i < count; i++) {
        const size = world.integer(1, 3_000);
        await connection.send(new Uint8Array(size).fill(i));
      }
    });
    const happening = chaos(world, ["client", "server"], {
      forMs: 1_000,
      everyMs: 200,
      faults: DELAYS,
    });
    const socket = await world.host("client").connect({
      name: "server",
      timeoutMs: 60_000,
    });
    await using connection = framed(socket, codec);
    for (let i = 0; i < count;) {
      try {
        const timeoutMs = world.integer(1, 20);
        const frame = await connection.receive({ timeoutMs });
        assert(frame !== null);
        assert(frame.every((byte) => byte === i));
        i++;
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
        givenUp++;
      }
    }
    assertEquals(await connection.receive(), null);
    await happening;
    await server.shutdown();
  });
  assert(givenUp > 200, `${givenUp}`);
});

Deno.test("a simulated throttle is never faster than its rate, and hardly slower", async () => {
  await simulate({
    seed: FIRST_SEED,
    seeds: 100,
    network: { latencyMs: 1, jitterMs: 3, split: false },
  }, async (world) => {
    const rate = world.integer(1_000, 100_000);
    const burstBytes = world.integer(100, rate);
    const length = world.integer(1, 50_000);
    const limits = { burstBytes };
    const [reads, writes] = world.pick([[rate, Infinity], [Infinity, rate]]);
    const listener = world.host("sink").listen({
      ...limits,
      maxReadBytesPerSecond: reads,
    });
    const accepting = listener.accept();
    await using source = await world.host("source").connect({
      name: "sink",
      ...limits,
      maxWriteBytesPerSecond: writes,
    });
    const accepted = await accepting;
    assert(accepted !== null);
    const startMs = world.clock.nowMs;
    const sending = sendStream(world, source, length);
    const { received, error } = await readStream(accepted);
    const tookMs = world.clock.nowMs - startMs;
    await sending;
    assertEquals([received, error], [length, undefined]);
    const leastMs = Math.max(0, length - burstBytes) / rate * 1_000;
    assert(tookMs >= leastMs - 1, `${tookMs} is below ${leastMs}`);
    // Its own pauses are a second at most; the rest is the way.
    const mostMs = length / rate * 1_000 * 1.1 + 2_500;
    assert(tookMs <= mostMs, `${tookMs} is above ${mostMs}`);
    await accepted.close();
    await listener.close();
  });
});
