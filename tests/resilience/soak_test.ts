/**
 * Everything at once, for a while: good clients, bad clients and a flat heap.
 *
 * Five seconds by default; `SLUICE_SOAK_SECONDS=60` for as long as one likes, and
 * `SLUICE_SEED` for another run of visits.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { framed, type Handler, lengthPrefixed, SocketError } from "@sluice/net";
import { runInNewContext } from "node:vm";
import { setFlagsFromString } from "node:v8";
import { badDayServer } from "./_bad_day_server.ts";
import { LONG_VISITS, MAX_FRAME_BYTES, POISON, VISITS } from "./_faults.ts";
import { SEED, seededRandom } from "./_random.ts";
import { beginReport } from "./_report.ts";

const SECONDS = Number(Deno.env.get("SLUICE_SOAK_SECONDS") ?? 5);
const WORKERS = 12;
const LONG_WORKERS = 6;
const MIB = 1024 * 1024;
const report = beginReport(`soak of ${SECONDS} s`);

class PoisonError extends Error {}

const echo: Handler = async (socket) => {
  const connection = framed(
    socket,
    lengthPrefixed({ maxFrameBytes: MAX_FRAME_BYTES }),
    { frameTimeoutMs: 300 },
  );
  for await (const frame of connection) {
    if (frame[0] === POISON) throw new PoisonError();
    await connection.send(frame);
  }
};

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** Bytes that are really in use. Arrays are freed beside the program, some time later. */
async function usedBytes(): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < 4; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const { heapUsed, external } = Deno.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

/** Rounds of visits, each with a moment of rest in which memory is measured. */
const ROUNDS = 4;

Deno.test("a server stays up, flat and right under random faults", {
  timeout: SECONDS * 1_000 + 30_000,
}, async () => {
  await using day = badDayServer(echo, {
    idleMs: 500,
    writeMs: 300,
    closeTimeoutMs: 500,
    maxPendingBytes: MIB,
    maxBufferedBytes: 64 * MIB,
  });
  const workers = Array.from({ length: WORKERS + LONG_WORKERS }, (_, i) => ({
    visits: i < WORKERS ? VISITS : LONG_VISITS,
    random: seededRandom(SEED * 1_000 + i),
  }));
  const atRest: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const until = performance.now() + SECONDS * 1_000 / ROUNDS;
    await Promise.all(workers.map(async ({ visits, random }) => {
      const target = { port: day.port, random, report };
      while (performance.now() < until) {
        await visits[Math.floor(random() * visits.length)](target);
      }
    }));
    // Only those are left who are being cut off.
    while (day.server.stats.active > 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // Kept by this test, not by the server.
    day.events.length = 0;
    checkErrors(day.errors.splice(0));
    atRest.push(await usedBytes());
  }

  const { accepted, acceptErrors, rejected } = day.server.stats;
  assertEquals(accepted + acceptErrors + rejected, report.connections);
  assertGreater(report.connections, 20 * SECONDS);
  assertGreater(report.faults, 0);
  assertGreater(report.badInputs, 0);
  assertGreater(report.bytesAcknowledged, MIB);
  assertEquals(report.bytesLost, 0);

  // The first round loads code and fills pools.
  const [, before, ...later] = atRest;
  const after = Math.min(...later);
  console.log(
    `heap: ${(before / MIB).toFixed(1)} MiB, then ${(after / MIB).toFixed(1)}`,
  );
  assertLess(after - before, 0.5 * MIB);
});

/** What a client does reaches a handler as an error of this library only. */
function checkErrors(errors: unknown[]): void {
  for (const error of errors) {
    const known = error instanceof SocketError || error instanceof PoisonError;
    assert(known, Deno.inspect(error));
  }
}
