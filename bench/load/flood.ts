/**
 * Floods a server with lines, or pings it: each in a process of its own, as a connection
 * that is always ready to be written to keeps a naive program from its others.
 * Usage: `flood.ts PORT LINE_BYTES MILLISECONDS`, with 0 bytes for pings; prints a
 * {@linkcode FloodResult} or a {@linkcode PingResult}.
 *
 * @module
 */

import { Histogram } from "./histogram.ts";

/** What a flood came to. */
export interface FloodResult {
  /** Lines that the server's system took. */
  lines: number;
}

/** What pings came to. */
export interface PingResult {
  /** Pings that were answered, the one that was waited for at the end included. */
  pings: number;
  /** Median time of a ping, in milliseconds. */
  p50Ms: number;
  /** Time that 99 of 100 pings do not exceed, in milliseconds. */
  p99Ms: number;
}

const BLOCK_BYTES = 64 * 1024;
/** Pings are few beside the flood. */
const PAUSE_MS = 1;
/** A ping that takes this long is as good as lost; it counts as that long. */
const MAX_PING_MS = 10_000;

async function flood(
  conn: Deno.Conn,
  lineBytes: number,
  isOver: () => boolean,
): Promise<number> {
  const line = new Uint8Array(lineBytes).fill(97);
  line[lineBytes - 1] = 10;
  const count = Math.ceil(BLOCK_BYTES / lineBytes);
  const block = new Uint8Array(count * lineBytes);
  for (let i = 0; i < count; i++) block.set(line, i * lineBytes);
  let sent = 0;
  while (!isOver()) {
    sent += await conn.write(block.subarray(sent % block.length));
  }
  return Math.floor(sent / lineBytes);
}

async function ping(
  conn: Deno.Conn,
  latency: Histogram,
  isOver: () => boolean,
): Promise<number> {
  const question = new TextEncoder().encode("ping\n");
  const answer = new Uint8Array(64);
  let pings = 0;
  while (!isOver()) {
    const startedMs = performance.now();
    await conn.write(question);
    const lost = setTimeout(() => conn.close(), MAX_PING_MS);
    await conn.read(answer).catch(() => {});
    clearTimeout(lost);
    latency.add(performance.now() - startedMs);
    pings++;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return pings;
}

if (import.meta.main) {
  const [port, lineBytes, milliseconds] = Deno.args.map(Number);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  const endMs = performance.now() + milliseconds;
  const isOver = () => performance.now() >= endMs;
  let result: FloodResult | PingResult;
  if (lineBytes > 0) {
    result = { lines: await flood(conn, lineBytes, isOver) };
  } else {
    const latency = new Histogram();
    const pings = await ping(conn, latency, isOver);
    result = {
      pings,
      p50Ms: latency.quantile(0.5) ?? NaN,
      p99Ms: latency.quantile(0.99) ?? NaN,
    };
  }
  console.log(JSON.stringify(result));
  Deno.exit();
}
