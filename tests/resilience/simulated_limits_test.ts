/**
 * Time limits of many connections at once: none is early, and none later than is promised.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  framed,
  lines,
  RateLimiter,
  type Socket,
  TimeoutError,
} from "@sluice/net";
import { memoryPair, simulate, type World } from "@sluice/net/testing";
import { FIRST_SEED } from "./_chaos.ts";

/** What a call takes in simulated time, and whether a limit ended it. */
async function timed(
  world: World,
  call: () => Promise<unknown>,
): Promise<{ tookMs: number; timedOut: boolean }> {
  const startMs = world.clock.nowMs;
  let timedOut = false;
  try {
    await call();
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    timedOut = true;
  }
  return { tookMs: world.clock.nowMs - startMs, timedOut };
}

/** A length of time: short ones, long ones, and any in between. */
function duration(world: World): number {
  return Math.ceil(10 ** (world.random() * 4.5));
}

/** Waits for a line that comes after a while, within a limit that may be shorter. */
async function readOnce(
  world: World,
  reader: Socket,
  writer: Socket,
): Promise<void> {
  const gapMs = duration(world);
  const limitMs = duration(world);
  const exact = world.random() < 0.5;
  reader.setTimeouts({ readMs: exact ? Infinity : limitMs });
  const writing = world.sleep(gapMs).then(() => writer.write("x"));
  const { tookMs, timedOut } = await timed(
    world,
    () => reader.readExactly(1, exact ? { timeoutMs: limitMs } : {}),
  );
  // A coarse one is late by a sixteenth, and a tick of its clock.
  const mostMs = exact ? limitMs + 1 : limitMs * 1.0625 + 2;
  const what = `${tookMs} of ${limitMs} ms, ${gapMs} ms of silence, ${exact}`;
  if (timedOut) assert(tookMs >= limitMs && tookMs <= mostMs, what);
  else assert(tookMs >= gapMs && tookMs <= Math.max(gapMs + 2, mostMs), what);
  if (gapMs < limitMs) assert(!timedOut, what);
  if (gapMs > mostMs) assert(timedOut, what);
  await writing;
  if (timedOut) await reader.readExactly(1);
}

Deno.test("simulated reads end within their limits, never early, however many share a clock", async () => {
  await simulate({
    seed: FIRST_SEED,
    seeds: 60,
    timeLimitMs: Infinity,
  }, async (world) => {
    await Promise.all(Array.from({ length: 20 }, async () => {
      await world.sleep(world.integer(0, 5_000));
      const [reader, writer] = memoryPair();
      for (let i = 0; i < 5; i++) await readOnce(world, reader, writer);
      await Promise.all([reader.close(), writer.close()]);
    }));
  });
});

Deno.test("simulated connections that are silent for longer than idleMs end, and no others", async () => {
  let ended = 0;
  await simulate({
    seed: FIRST_SEED,
    seeds: 60,
    timeLimitMs: Infinity,
  }, async (world) => {
    await Promise.all(Array.from({ length: 10 }, async () => {
      const idleMs = duration(world);
      const [socket, peer] = memoryPair();
      socket.setTimeouts({ idleMs });
      const reading = timed(world, async () => {
        while (await socket.read() !== null);
      });
      let activeMs = world.clock.nowMs;
      let endedMs: number | undefined;
      const over = reading.then(({ timedOut }) => {
        if (timedOut) endedMs = world.clock.nowMs;
      });
      let longestMs = 0;
      for (let i = 0; i < 10 && endedMs === undefined; i++) {
        const gapMs = Math.ceil(idleMs * world.random() * 1.2);
        await world.sleep(gapMs);
        if (endedMs !== undefined) break;
        longestMs = Math.max(longestMs, gapMs);
        activeMs = world.clock.nowMs;
        // Either direction counts.
        const [from, to] = world.pick([[socket, peer], [peer, socket]]);
        await from.write("x");
        await from.flush();
        if (to === peer) await peer.readExactly(1);
      }
      const lateMs = idleMs * 0.0625 + 2;
      assert(longestMs <= idleMs + lateMs, `${longestMs} of ${idleMs}`);
      if (endedMs !== undefined) {
        ended++;
        const silentMs = endedMs - activeMs;
        assert(
          silentMs >= idleMs && silentMs <= idleMs + lateMs,
          `${silentMs}`,
        );
      }
      peer.abort();
      socket.abort();
      await over.catch(() => {});
    }));
  });
  assert(ended > 100, `${ended}`);
});

Deno.test("a simulated limiter allows no more than its rate, and serves calls in order", async () => {
  await simulate({
    seed: FIRST_SEED,
    seeds: 60,
    timeLimitMs: Infinity,
  }, async (world) => {
    const perSecond = world.integer(1, 1_000);
    const burst = world.integer(1, 50);
    const limiter = new RateLimiter({ perSecond, burst });
    const startMs = world.clock.nowMs;
    let taken = 0;
    const order: number[] = [];
    await Promise.all(Array.from({ length: 60 }, async (_, i) => {
      const count = world.integer(1, burst);
      const timeoutMs = world.pick([undefined, world.integer(1, 2_000)]);
      const { timedOut } = await timed(
        world,
        () =>
          limiter.take(
            timeoutMs === undefined ? { count } : {
              count,
              timeoutMs,
            },
          ),
      );
      if (timedOut) return;
      taken += count;
      order.push(i);
      const elapsedMs = world.clock.nowMs - startMs;
      const most = burst + elapsedMs * perSecond / 1_000;
      assert(taken <= most + 1e-6, `${taken} of ${most}`);
    }));
    assertEquals(order, [...order].sort((a, b) => a - b));
  });
});

Deno.test("a simulated heartbeat ends a connection whose peer is gone, and no other", async () => {
  let lost = 0;
  await simulate({ seed: FIRST_SEED, seeds: 100 }, async (world) => {
    const intervalMs = world.integer(500, 5_000);
    const timeoutMs = world.integer(200, 2_000);
    const maxMissed = world.integer(1, 3);
    world.host("server").serve(async (socket) => {
      for await (const line of framed(socket, lines())) {
        await socket.write(line === "ping" ? "pong\n" : `${line}\n`);
      }
    });
    const socket = await world.host("client").connect({ name: "server" });
    const connection = framed(socket, lines(), {
      heartbeat: {
        intervalMs,
        timeoutMs,
        maxMissed,
        ping: () => "ping",
        isPong: (line) => line === "pong",
      },
    });
    let endedMs: number | undefined;
    const reading = connection.receive().catch((error) => {
      endedMs = world.clock.nowMs;
      return error;
    });
    await world.sleep(world.integer(0, 30_000));
    assertEquals(endedMs, undefined);
    const goneMs = world.clock.nowMs;
    world.network.partition("client", "server");
    const error = await reading;
    lost++;
    assert(error instanceof TimeoutError && error.operation === "heartbeat");
    const mostMs = (intervalMs + maxMissed * timeoutMs) * 1.0625 + 30;
    assert(endedMs! - goneMs <= mostMs, `${endedMs! - goneMs} of ${mostMs}`);
    world.network.heal();
  });
  assertEquals(lost, 101);
});
