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
import {
  LONG_VISITS,
  MAX_FRAME_BYTES,
  POISON,
  type Visit,
  VISITS,
} from "./_faults.ts";
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

/** Bytes that are really in use. */
function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

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
  const started = performance.now();
  const passed = () => performance.now() - started;
  const samples: number[] = [];

  const work = async (worker: number, visits: readonly Visit[]) => {
    const random = seededRandom(SEED * 1_000 + worker);
    const target = { port: day.port, random, report };
    while (passed() < SECONDS * 1_000) {
      await visits[Math.floor(random() * visits.length)](target);
    }
  };
  const measure = async () => {
    while (passed() < SECONDS * 1_000) {
      await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000 / 20));
      samples.push(usedBytes());
      // Kept by this test, not by the server.
      day.events.length = 0;
      checkErrors(day.errors.splice(0));
    }
  };
  await Promise.all([
    ...Array.from({ length: WORKERS }, (_, worker) => work(worker, VISITS)),
    ...Array.from(
      { length: LONG_WORKERS },
      (_, worker) => work(WORKERS + worker, LONG_VISITS),
    ),
    measure(),
  ]);

  // Only those are left who are being cut off.
  while (day.server.stats.active > 0) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { accepted, acceptErrors, rejected } = day.server.stats;
  assertEquals(accepted + acceptErrors + rejected, report.connections);
  assertGreater(report.connections, 20 * SECONDS);
  assertGreater(report.faults, 0);
  assertGreater(report.badInputs, 0);
  assertGreater(report.bytesAcknowledged, MIB);
  assertEquals(report.bytesLost, 0);

  // The least of each half: what a moment holds comes and goes.
  const half = Math.floor(samples.length / 2);
  const before = Math.min(...samples.slice(2, half));
  const after = Math.min(...samples.slice(half));
  console.log(
    `heap: ${(before / MIB).toFixed(1)} MiB, then ${(after / MIB).toFixed(1)}`,
  );
  assertLess(after - before, 0.75 * MIB);
});

/** What a client does reaches a handler as an error of this library only. */
function checkErrors(errors: unknown[]): void {
  for (const error of errors) {
    const known = error instanceof SocketError || error instanceof PoisonError;
    assert(known, Deno.inspect(error));
  }
}
