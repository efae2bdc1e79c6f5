/**
 * What a pool costs its callers, against one that has no limits, no checks and no ages.
 *
 * @module
 */

import { Pool } from "@sluice/net/client";

/** A round is as many, as one alone is shorter than the clock is exact. */
const ROUND = 1_000;

const pool = new Pool({ open: () => ({}), max: 100 });
(await pool.acquire()).release();

const idle: object[] = [{}];
/** The least that a pool can be. */
function take(): Promise<object> {
  return Promise.resolve(idle.pop()!);
}

Deno.bench({
  name: "an array of idle ones, 1,000 times",
  group: "acquire and release",
  baseline: true,
  async fn() {
    for (let i = 0; i < ROUND; i++) idle.push(await take());
  },
});

Deno.bench({
  name: "Pool, 1,000 times",
  group: "acquire and release",
  async fn() {
    for (let i = 0; i < ROUND; i++) (await pool.acquire()).release();
  },
});

Deno.bench({
  name: "Pool.use, 1,000 times",
  group: "acquire and release",
  async fn() {
    for (let i = 0; i < ROUND; i++) await pool.use(() => {});
  },
});

Deno.bench({
  name: "Pool of 1 and ten callers, 1,000 times",
  group: "contended",
  async fn() {
    const caller = async () => {
      for (let i = 0; i < ROUND / 10; i++) {
        (await contended.acquire()).release();
      }
    };
    await Promise.all(Array.from({ length: 10 }, caller));
  },
});

const contended = new Pool({ open: () => ({}), max: 1 });
