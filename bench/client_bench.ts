/**
 * What a pool costs its callers, against one that has no limits, no checks and no ages; and
 * what requests over one connection cost, against pipelining written by hand.
 *
 * @module
 */

import { connect, fixed, framed } from "@sluice/net";
import { Pool, Requests, type RequestsOptions } from "@sluice/net/client";
import { acceptAll, echo, portOf } from "./_raw.ts";
import { RawPipeline } from "./_raw_pipeline.ts";

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

// Requests: frames of 16 bytes, which a server sends back. Both are in this process.

const FRAME_BYTES = 16;
const frame = new Uint8Array(FRAME_BYTES);
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
acceptAll(listener, (conn) => {
  conn.setNoDelay(true);
  return echo(conn);
});
const port = portOf(listener);

async function requestsWith(
  options: RequestsOptions<Uint8Array<ArrayBuffer>, Uint8Array>,
): Promise<Requests<Uint8Array<ArrayBuffer>, Uint8Array>> {
  const codec = fixed({ frameBytes: FRAME_BYTES });
  return new Requests(framed(await connect({ port }), codec), options);
}

const idOf = (bytes: Uint8Array) => bytes[0] << 8 | bytes[1];
let lastId = 0;
/** Another frame each time: its id must not be in use. */
function nextFrame(): Uint8Array {
  const next = new Uint8Array(FRAME_BYTES);
  lastId = (lastId + 1) & 0xffff;
  next[0] = lastId >> 8;
  next[1] = lastId;
  return next;
}

const conn = await Deno.connect({ hostname: "127.0.0.1", port });
conn.setNoDelay(true);
const raw = new RawPipeline(conn, FRAME_BYTES);
const inOrder = await requestsWith({ match: "order" });
const byIds = await requestsWith({ match: { request: idOf, response: idOf } });

const CLIENTS: [name: string, ask: () => Promise<unknown>][] = [
  ["Deno.Conn, pipelined by hand", () => raw.request(frame)],
  ["Requests, in order", () => inOrder.request(frame)],
  ["Requests, in order, timeoutMs", () => {
    return inOrder.request(frame, { timeoutMs: 10_000 });
  }],
  ["Requests, by ids", () => byIds.request(nextFrame())],
];

for (const callers of [1, 50]) {
  for (const [index, [name, ask]] of CLIENTS.entries()) {
    Deno.bench({
      name: `${name}, 1,000 times`,
      group: `requests of ${callers} at a time`,
      baseline: index === 0,
      async fn() {
        const caller = async () => {
          for (let i = 0; i < ROUND / callers; i++) await ask();
        };
        await Promise.all(Array.from({ length: callers }, caller));
      },
    });
  }
}
